"""Write tables.md, the same tables as CSV and LaTeX, and a summary of this run's means.

    python -m workflow.report.tables --metrics FILE [--record FILE] --out-md FILE [FILE ...] \\
        --tables-dir DIR --summary FILE

`--metrics` is this run's `metrics.json`; `--record`, if the file exists, the committed record's.
Every --out-md gets the same text with its own relative links to the figures beside DIR.
"""

import argparse
import os
from pathlib import Path

import pandas as pd

from data.files import atomic_write, read_json, write_json
from workflow.report import notes
from workflow.report.frames import (
    CAPACITY_NOTE,
    Source,
    capacity_frame,
    claims_frame,
    runs_frame,
    summary,
    table_frame,
)
from workflow.report.paper import Table, paper

# pdflatex knows these only by command.
LATEX = {"±": r"$\pm$", "β": r"$\beta$", "→": r"$\to$", ">": r"$>$", "<": r"$<$", "–": "--"}
LATEX |= {"†": r"\dag{}", "×": r"$\times$", "∞": r"$\infty$", "‡": r"\ddag{}"}


def to_markdown(frame: pd.DataFrame, left: int = 1) -> str:
    """A markdown table, the first `left` columns flush left, numbers flush right."""
    align = ["left"] * left + ["right"] * (len(frame.columns) - left)
    return frame.to_markdown(index=False, disable_numparse=True, colalign=align)


def to_latex(frame: pd.DataFrame, caption: str) -> str:
    """A booktabs tabular with caption, in characters that pdflatex knows."""
    texts = frame.map(lambda text: text.replace("**", ""))
    latex = texts.to_latex(index=False, escape=True, caption="CAPTION", position="tbp")
    latex = latex.replace("CAPTION", caption.replace("%", r"\%"))
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
    write_text(folder / f"{name}.csv", frame.map(str).to_csv(index=False, lineterminator="\n"))
    parts = [to_latex(part, text) for text, part in (blocks or {caption: frame}).items()]
    write_text(folder / f"{name}.tex", "\n".join(parts))


def table_section(table: Table, sources: list[Source]) -> str:
    """A table of the paper: blocks, why it may not compare, protocol, notes."""
    lines = [f"### Table {table.name}: {table.title}", "", f"{table.unit}.", ""]
    for block in table.blocks:
        if "caption" in block:
            lines += [f"{block['caption']}:", ""]
        lines += [to_markdown(table_frame(table, block, sources, bold=True)), ""]
    for name, metrics in sources:
        reasons = notes.deviations(metrics, table)
        if reasons:
            lines += [f"**Not comparable ({name} with paper):** {'; '.join(reasons)}.", ""]
    datasets = {column.dataset for column in table.columns.values()}
    for name, metrics in sources:
        lines += [notes.protocol_line(metrics, table.scores, datasets, name), ""]
    lines += [f"- {note.strip()}" for note in table.notes]
    return "\n".join(lines) + "\n"


def capacity_section(sources: list[Source]) -> str:
    """Table VI, which is ours; nothing where it was not run."""
    lines = []
    for name, metrics in sources:
        frame = capacity_frame(metrics)
        if len(frame):
            line = notes.protocol_line(metrics, ["capacity"], set(metrics["datasets"]), name)
            lines += [f"{name}:", "", to_markdown(frame, left=2), "", line, ""]
    if not lines:
        return ""
    return "\n".join(["### Table VI (ours): capacity, measured", "", CAPACITY_NOTE, "", *lines])


HEADER = """\
# The paper's tables, and what this run measured

{citation}.

{origins}
- **The paper's claims on this run**: {verdicts} ([which](#which-of-the-papers-claims-hold-here)).

How to read them:

1. `paper` is the printed number, `run` is this run. {record}
2. A number alone is one seed, `mean ± std (n)` is over n seeds. **Bold** is the best mean of its
   column, whether or not its lead exceeds the noise.
3. `diverged (k/n)`: k of n runs diverged. `–` is the paper's own dash, `n/a` what the paper has
   not, `not run` what this run has not.
4. Where a run is smaller than the paper's, or a score another quantity, a line under the table says
   so: read down the columns then, not across.
5. The line in small print is the scores' protocol. The claims at the end take noise into account.
"""

CLAIMS = """\
## Which of the paper's claims hold here

One rule for all: a lead of more than twice its standard error holds, a lag of more than that does
not, anything between is within noise. The weakest of the methods said to be better stands against
the strongest of the others. The paper prints no errors; for its accuracies they follow from the
count of test images.
"""


def header(sources: list[Source], tally: dict[str, int]) -> str:
    """Where the numbers come from, and how to read them."""
    record = "No other run of preset `paper` is at hand, hence no column `record`."
    if len(sources) > 1:
        record = "`record` is the committed run of preset `paper`."
    return HEADER.format(
        citation=paper().citation,
        origins="\n".join(notes.origin_line(metrics, name) for name, metrics in sources),
        verdicts=", ".join(f"{verdict} {count}" for verdict, count in tally.items()),
        record=record,
    )


def document(sources: list[Source], figures: str) -> str:
    """The whole of tables.md; `figures` is the path to the figures from where it will lie."""
    metrics = sources[-1][1]
    verdicts, tally = claims_frame(sources)
    parts = [header(sources, tally)]
    parts += [
        f"## What was run ({name})\n\n{to_markdown(notes.settings_frame(m))}\n"
        for name, m in sources
    ]
    parts.append("## The paper's tables\n")
    parts += [table_section(table, sources) for table in paper().tables.values()]
    parts.append(capacity_section(sources))
    parts.append(f"{CLAIMS}\n{to_markdown(verdicts, left=len(verdicts.columns))}\n")
    parts.append("## Figures\n")
    for stem, caption in notes.figure_names(metrics).items():
        parts.append(
            f"**{caption}** ([SVG]({figures}/{stem}.svg))\n\n![{caption}]({figures}/{stem}.png)\n"
        )
    for name, source in sources:
        parts.append(
            f"<details><summary>Duration and throughput of every training run ({name})</summary>\n\n"
            f"{to_markdown(runs_frame(source), left=2)}\n\n</details>\n"
        )
    return "\n".join(parts)


def write_tables(sources: list[Source], folder: Path) -> None:
    """Every table as CSV and LaTeX."""
    for position, table in enumerate(paper().tables.values(), start=1):
        caption = f"Table {table.name} of the paper: {table.title}; {table.unit}."
        blocks = {
            f"{caption} Part {part}. {block.get('caption', '')}": table_frame(table, block, sources)
            for part, block in enumerate(table.blocks, start=1)
        }
        write_frame(folder, f"table{position}", caption, table_frame(table, {}, sources), blocks)
    verdicts, _ = claims_frame(sources)
    write_frame(folder, "claims", "The paper's claims.", verdicts.replace(r"\*\*", "", regex=True))
    for name, caption, frame in (
        ("table6_capacity", "Capacity, measured.", capacity_frame(sources[-1][1])),
        ("runs", "Training runs.", runs_frame(sources[-1][1])),
    ):
        if len(frame):
            write_frame(folder, name, caption, frame)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--out-md", type=Path, nargs="+", action="extend", required=True)
    parser.add_argument("--tables-dir", type=Path, required=True)
    parser.add_argument("--summary", type=Path, required=True, help="means, for `dvc metrics`")
    args = parser.parse_args()
    sources = [("run", read_json(args.metrics))]
    # A run of preset `paper` is its own record: one column says it all.
    record = args.record
    if record and record.exists() and record.resolve() != args.metrics.resolve():
        sources.insert(0, ("record", read_json(record)))
    write_tables(sources, args.tables_dir)
    write_json(args.summary, summary(sources[-1][1]))
    figures = args.tables_dir.resolve().with_name("figures")
    for path in args.out_md:
        link = Path(os.path.relpath(figures, path.resolve().parent)).as_posix()
        write_text(path, document(sources, link))
        print(path)


if __name__ == "__main__":
    main()
