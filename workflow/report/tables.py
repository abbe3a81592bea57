"""Write tables.md, the same tables as CSV and LaTeX, and this run's means for `dvc metrics`.

    python -m workflow.report.tables --metrics results/quick/metrics.json --out-md tables.md \\
        --tables-dir tables --summary summary

Every --out-md gets the same text with its own relative links to the figures beside --tables-dir.
"""

import os
from pathlib import Path

from data.files import read_json, write_json
from workflow.report.arguments import report_options
from workflow.report.labels import NamedRun, dataset_label
from workflow.report.paper import paper
from workflow.report.summary import write_summaries
from workflow.report.text.beyond import every_dataset, further_tables
from workflow.report.text.document import document
from workflow.report.text.frames import information_frame, readings_frame, runs_frame, table_frame
from workflow.report.text.plain import plain_frames
from workflow.report.text.writing import write_frame, write_text
from workflow.report.verdict import judge


def write_tables(sources: list[NamedRun], folder: Path) -> None:
    """Every table as CSV and LaTeX."""
    metrics = sources[-1][1]
    for position, table in enumerate(paper().tables.values(), start=1):
        caption = f"Table {table.name} of the paper: {table.title}; {table.unit}."
        blocks = {
            f"{caption} Part {part}.": table_frame(table, block, sources)
            for part, block in enumerate(table.blocks, start=1)
        }
        whole = table_frame(table, {}, sources)
        write_frame(folder, f"table{position}", caption, whole, blocks)
        for number, other in enumerate(further_tables(table, sources), start=1):
            caption = f"Not in the paper: {other.title}; {other.unit}."
            frame = table_frame(other, {}, sources)
            write_frame(folder, f"table{position}_further{number}", caption, frame)
    judged = judge.judge_all(metrics)
    write_json(folder / "verdicts.json", judge.as_json(judged))
    frames = {
        "verdicts": ("The paper's statements.", judge.judged_frame(sources)),
        "verdict_details": ("Second readings of the statements.", judge.details_frame(judged)),
        "table6_information": ("Information, measured.", information_frame(metrics)),
        "runs": ("Training runs.", runs_frame(metrics)),
    }
    for score, frame in plain_frames(sources[-1]).items():
        frames[f"score_{score}"] = (f"Score {score}.", frame)
    for dataset in every_dataset(sources[-1:]):
        caption = f"Every reading of noise and classifier, {dataset_label(metrics, dataset)}."
        frames[f"readings_{dataset}"] = (caption, readings_frame(metrics, dataset))
    for name, (caption, frame) in frames.items():
        if len(frame):
            write_frame(folder, name, caption, frame)


def read_sources(metrics: Path, record: Path | None) -> list[NamedRun]:
    """This run, and before it the committed record where there is one.

    A run of the preset that makes the record is its own record: one column says it all.
    """
    sources = [("run", read_json(metrics))]
    if record and record.exists() and record.resolve() != metrics.resolve():
        sources.insert(0, ("record", read_json(record)))
    return sources


def link(target: Path, page: Path) -> str:
    """The relative address of a file or folder from where a page lies."""
    return Path(os.path.relpath(target.resolve(), page.resolve().parent)).as_posix()


def main() -> None:
    """The command line."""
    parser = report_options(__doc__, "metrics", "record")
    several = {"type": Path, "nargs": "+", "action": "extend", "required": True}
    parser.add_argument("--out-md", **several, help="the page to write, in one place or several")
    parser.add_argument("--tables-dir", type=Path, required=True, help="folder for CSV and LaTeX")
    parser.add_argument("--summary", type=Path, required=True, help="folder, for `dvc metrics`")
    args = parser.parse_args()
    sources = read_sources(args.metrics, args.record)
    write_tables(sources, args.tables_dir)
    write_summaries(sources[-1][1], args.summary)
    figures = args.tables_dir.with_name("figures")
    for path in args.out_md:
        write_text(path, document(sources, link(figures, path)))
        print(path)


if __name__ == "__main__":
    main()
