"""Print what became of the paper's statements, one line each, in the width of the terminal.

    python -m workflow.report.screen --metrics results/quick/metrics.json

The same lines as at the top of tables.md. What does not fit is shortened, or a column left out.
"""

import os
import shutil
import sys
import textwrap
from pathlib import Path

import pandas as pd

from workflow.report.arguments import report_options
from workflow.report.tables import read_sources
from workflow.report.text.statements import (
    COLUMNS,
    MEASURED,
    OTHERS,
    PRINTED,
    VERDICT,
    WORDS,
    screen_frame,
)
from workflow.report.text.untested import as_sentence
from workflow.report.verdict import judge

GAP = 2
LEAST = {VERDICT: 14, WORDS: 30, MEASURED: 30}  # columns that may be shortened, and how far
COLOURS = {"✓": 32, "✗": 31, "≈": 34}  # green, red, blue
READ = {"report.html": "for a browser", "tables.md": "the same as text"}


def widths(frame: pd.DataFrame, width: int) -> dict[str, int]:
    """Width of every column that there is room for, in characters.

    Earlier sources go first, then other readings, where it was measured, and the paper's effect.
    """
    whole = {name: max(map(len, [name, *frame[name]])) for name in frame}

    def least() -> dict[str, int]:
        return {name: min(size, LEAST.get(name, size)) for name, size in whole.items()}

    sources = [name for name in frame if name not in COLUMNS]
    for name in (*sources, OTHERS, MEASURED, PRINTED):
        if sum(least().values()) + GAP * (len(whole) - 1) > width:
            whole.pop(name)
    room = width - sum(least().values()) - GAP * (len(whole) - 1)
    found = least()
    for name in (VERDICT, WORDS, MEASURED):
        if name in found:
            more = max(min(found[name] + room, whole[name]), 8)
            room, found[name] = room - (more - found[name]), more
    return found


def shortened(text: str, width: int) -> str:
    """The text in exactly `width` characters."""
    return (text if len(text) <= width else text[: width - 1] + "…").ljust(width)


def lines(frame: pd.DataFrame, width: int, *, colour: bool) -> list[str]:
    """Heads and rows, none wider than `width` but for colours."""
    sizes = widths(frame, width)
    gap = " " * GAP
    out = [gap.join(shortened(name, size) for name, size in sizes.items()).rstrip()]
    out.append("─" * min(width, sum(sizes.values()) + GAP * (len(sizes) - 1)))
    for row in frame.to_dict("records"):
        cells = [shortened(row[name], size) for name, size in sizes.items()]
        code = COLOURS.get(row[VERDICT][0])
        if colour and code:
            cells[0] = f"\033[{code}m{cells[0]}\033[0m"
        out.append(gap.join(cells).rstrip())
    return out


def screen(sources: list[tuple[str, dict]], width: int, *, colour: bool = False) -> str:
    """The whole of the first screen."""
    metrics = sources[-1][1]
    judged, frame = judge.judge_all(metrics), screen_frame(sources)
    parts = [textwrap.fill(judge.summary_sentence(judged, metrics), width)]
    if len(frame):
        parts.append("\n".join(lines(frame, width, colour=colour)))
    if left_out := as_sentence(judged, metrics):
        parts.append(textwrap.fill(left_out, width))
    return "\n\n".join(parts)


def where_to_look(metrics: Path) -> str:
    """What to open: beside the preset's folder the pages of the latest run, else its own."""
    folder = metrics.parent
    found = [f"  {folder}/  figures, tables, all numbers"]
    for name, about in READ.items():
        places = [place / name for place in (folder.parent, folder) if (place / name).exists()]
        found += [f"  {places[0]}  {about}"] if places else []
    return "\n".join(["Where to look:", *sorted(found, key=lambda line: "/  " in line)])


def main() -> None:
    """The command line."""
    args = report_options(__doc__, "metrics", "record").parse_args()
    width = shutil.get_terminal_size((120, 24)).columns
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    text = screen(read_sources(args.metrics, args.record), width, colour=colour)
    print(f"\n{text}\n\n{where_to_look(args.metrics)}")


if __name__ == "__main__":
    main()
