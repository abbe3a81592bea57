"""Frames and texts as files: markdown, CSV and LaTeX."""

from pathlib import Path

import pandas as pd

from data.files import atomic_write

# pdflatex knows these only by command.
LATEX = {"±": r"$\pm$", "β": r"$\beta$", "→": r"$\to$", ">": r"$>$", "<": r"$<$", "–": "--"}
LATEX |= {"†": r"\dag{}", "×": r"$\times$", "∞": r"$\infty$", "‡": r"\ddag{}", "−": "$-$"}
LATEX |= {"λ": r"$\lambda$", "≥": r"$\geq$", "≤": r"$\leq$", "Δ": r"$\Delta$", "σ": r"$\sigma$"}
LATEX |= {"“": "``", "”": "''", "…": r"\ldots{}"}


def to_markdown(frame: pd.DataFrame, left: int = 1) -> str:
    """A markdown table, the first `left` columns flush left, numbers flush right."""
    align = ["left"] * left + ["right"] * (len(frame.columns) - left)
    return frame.to_markdown(index=False, disable_numparse=True, colalign=align)


def fold(summary: str, text: str) -> str:
    """What a reader opens only if wanted."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>\n"


def to_latex(frame: pd.DataFrame, caption: str) -> str:
    """A booktabs tabular with caption, in characters that pdflatex knows."""
    texts = frame.map(lambda text: text.replace("**", ""))
    latex = texts.to_latex(index=False, escape=True, caption="CAPTION", position="tbp")
    latex = latex.replace("CAPTION", caption.replace("%", r"\%").replace("_", r"\_"))
    for character, command in LATEX.items():
        latex = latex.replace(character, command)
    return latex


def write_text(path: Path, text: str) -> None:
    """Write a whole text file or none."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_frame(
    folder: Path,
    name: str,
    caption: str,
    frame: pd.DataFrame,
    blocks: dict[str, pd.DataFrame] | None = None,
) -> None:
    """`name`.csv with the whole table; `name`.tex with it, or with its narrower blocks by caption."""
    plain = frame.map(lambda text: str(text).replace("**", ""))
    write_text(folder / f"{name}.csv", plain.to_csv(index=False, lineterminator="\n"))
    parts = [to_latex(part, text) for text, part in (blocks or {caption: plain}).items()]
    write_text(folder / f"{name}.tex", "\n".join(parts))
