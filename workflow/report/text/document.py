"""tables.md: the verdict, the tables, figures, and where the numbers come from."""

from workflow.report.labels import NamedRun, dataset_label
from workflow.report.paper import Table, paper
from workflow.report.pictures.captions import charts, figure_captions
from workflow.report.text import notes
from workflow.report.text.beyond import further_tables
from workflow.report.text.contrast import CONTRAST_NOTE, contrasts
from workflow.report.text.frames import (
    INFORMATION_NOTE,
    INFORMATION_UNIT,
    information_frame,
    readings_frame,
    runs_frame,
    table_frame,
)
from workflow.report.text.plain import plain_frames
from workflow.report.text.statements import VERDICT_NOTE, in_full, screen_frame
from workflow.report.text.untested import as_list
from workflow.report.text.writing import fold, to_markdown
from workflow.report.verdict import judge

TITLE = "The paper's statements and tables, and what this run measured"
LEGEND = """\
- `paper` is the printed number, `run` is this run. {record}
- A number alone is one seed, `mean ± std (n)` is over n seeds. **Bold** is the best of its column with
  all that cannot be told apart from it (95 %).
- `diverged (k/n)`: k of n runs failed. `–` is the paper's own dash, `n/a` what it does not have, `not run`
  what this run does not have, `∞` infinite or undefined in theory. † is impossible as printed. ‡ is
  unreliable: the estimator is at or near its limit, or too few of its samples count.
"""
FIGURES = """\
Figures 1 to 4 are the paper's; the others are ours. Latent draws are the same for all methods of the
same prior. Pictures are of the first seed whose samples are at hand, named if it is not the first of all.
"""
OTHERS = "What no table above names: mean, 95 % interval in brackets, count of seeds where several."


def verdict_section(sources: list[NamedRun]) -> str:
    """The first screen: what became of the paper's statements, in one sentence and one table."""
    metrics = sources[-1][1]
    frame = screen_frame(sources)
    judged = judge.judge_all(metrics)
    lines = [judge.summary_sentence(judged, metrics), ""]
    if len(frame):
        lines += [to_markdown(frame, left=len(frame.columns)), "", VERDICT_NOTE, ""]
    if left_out := as_list(judged, metrics):
        lines.append(fold("Not tested, and why", left_out))
    lines.append(fold("Every statement in full, and its second readings", in_full(sources)))
    return "\n".join(lines)


def contrast_section(sources: list[NamedRun]) -> str:
    """What VIMAE changes, the most that one table can say; nothing where it was not run."""
    lines = []
    for (name, _), frame in contrasts(sources):
        lines += [f"{name}:", "", to_markdown(frame), ""]
    if not lines:
        return ""
    return "\n".join(["## VIMAE-n less the VAE", "", CONTRAST_NOTE, "", *lines])


def protocol_fold(source: NamedRun, scores: list[str], datasets: set[str]) -> list[str]:
    """How scores were made, behind one line; nothing where none was run."""
    name, metrics = source
    text = notes.protocol_text(metrics, scores, datasets)
    return [fold(f"How it was measured ({name})", text)] if text else []


def columns_datasets(table: Table) -> set[str]:
    """The datasets that a table shows."""
    return {column.dataset for column in table.columns.values()}


def table_blocks(table: Table, sources: list[NamedRun]) -> list[str]:
    """The blocks of a table as markdown, each followed by an empty line."""
    lines = []
    for block in table.blocks:
        lines += [to_markdown(table_frame(table, block, sources, bold=True)), ""]
    return lines


def folds(table: Table, sources: list[NamedRun]) -> list[str]:
    """Other readings of robustness, and the protocol, of what a table shows."""
    lines, datasets = [], columns_datasets(table)
    for name, metrics in sources:
        for dataset in sorted(datasets & set(metrics["datasets"])):
            readings = readings_frame(metrics, dataset, bold=True)
            if "robustness" in table.scores and len(readings):
                title = f"Every reading of noise and classifier, {dataset_label(metrics, dataset)}"
                lines.append(fold(f"{title} ({name})", to_markdown(readings, left=4)))
        lines += protocol_fold((name, metrics), table.scores, datasets)
    return lines


def table_section(table: Table, sources: list[NamedRun]) -> str:
    """A table of the paper: blocks, why it may not compare, folds; then further datasets."""
    lines = [f"### Table {table.name}: {table.title}", "", f"{table.unit}.", ""]
    lines += table_blocks(table, sources)
    for name, metrics in sources:
        reasons = notes.deviations(metrics, table)
        if reasons:
            lines += [f"**Not comparable ({name} with paper):** {'; '.join(reasons)}.", ""]
    lines.append(fold("Notes", "\n".join(f"- {note.strip()}" for note in table.notes)))
    lines += folds(table, sources)
    for other in further_tables(table, sources):
        lines += [f"#### Not in the paper: {other.title}", "", f"{other.unit}.", ""]
        lines += [*table_blocks(other, sources), *folds(other, sources)]
    return "\n".join(lines)


def information_section(sources: list[NamedRun]) -> str:
    """Table VI, which is ours; nothing where it was not run."""
    lines = []
    for name, metrics in sources:
        frame = information_frame(metrics)
        if len(frame):
            lines += [f"{name}:", "", to_markdown(frame, left=2), ""]
            lines += protocol_fold((name, metrics), ["information"], set(metrics["datasets"]))
    if not lines:
        return ""
    title = "### Table VI (not in the paper): information, measured"
    return "\n".join([title, "", INFORMATION_UNIT, "", *lines, fold("Notes", INFORMATION_NOTE)])


def other_section(sources: list[NamedRun]) -> str:
    """Scores and values that no table above names, one plain table each."""
    lines = []
    for name, metrics in sources:
        for score, frame in plain_frames((name, metrics)).items():
            lines += [f"### {score} ({name})", "", to_markdown(frame, left=2), ""]
            lines += protocol_fold((name, metrics), [score], set(metrics["datasets"]))
    if not lines:
        return ""
    return "\n".join(["## Other scores", "", OTHERS, "", *lines])


def record_line(sources: list[NamedRun]) -> str:
    """Whether there is a column `record`, and of what scale."""
    if len(sources) == 1:
        return "There is no `record`: no other run is at hand."
    metrics = sources[0][1]
    return f"`record` is the best committed run, {notes.size_text(metrics)}."


def figure_section(metrics: dict, figures: str) -> str:
    """Every figure with its caption; `figures` is the path to them."""
    parts = ["## Figures", "", FIGURES]
    vector = charts(metrics)
    for stem, caption in figure_captions(metrics).items():
        link = f" ([SVG]({figures}/{stem}.svg))" if stem in vector else ""
        parts += [f"**{caption}**{link}", ""]
        parts += [f"![{caption}]({figures}/{stem}.png)", ""]
    return "\n".join(parts)


def origin_section(sources: list[NamedRun]) -> str:
    """Paper, presets, hardware, sizes and durations."""
    lines = ["## Where the numbers come from", "", f"Paper: {paper().citation}.", ""]
    lines += [notes.origin_line(metrics, name) for name, metrics in sources]
    for name, metrics in sources:
        lines += ["", f"What was run ({name}):", "", to_markdown(notes.settings_frame(metrics))]
    for name, metrics in sources:
        title = f"Duration and throughput of every training run ({name})"
        lines += ["", fold(title, to_markdown(runs_frame(metrics), left=2))]
    return "\n".join(lines)


def document(sources: list[NamedRun], figures: str) -> str:
    """The whole of tables.md; `figures` is the path to the figures from where it will lie."""
    parts = [f"# {TITLE}", verdict_section(sources), contrast_section(sources)]
    parts += ["## The paper's tables", LEGEND.format(record=record_line(sources))]
    parts += [table_section(table, sources) for table in paper().tables.values()]
    parts += [information_section(sources), other_section(sources)]
    parts += [figure_section(sources[-1][1], figures), origin_section(sources)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"
