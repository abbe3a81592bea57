"""What the page shows, from the same frames as tables.md; the template only lays it out."""

import base64
import io
from collections import Counter
from pathlib import Path

from PIL import Image

from workflow.report.labels import NamedRun, dataset_label, dataset_names, method_labels
from workflow.report.page.costs import costs_frame
from workflow.report.page.grids import frame_grid, table_grid
from workflow.report.paper import Table, paper
from workflow.report.pictures.captions import dataset_figures, figure_captions
from workflow.report.text import notes
from workflow.report.text.beyond import further_tables
from workflow.report.text.contrast import CONTRAST_NOTE, contrasts
from workflow.report.text.frames import (
    INFORMATION_NOTE,
    INFORMATION_UNIT,
    information_frame,
    readings_frame,
    runs_frame,
)
from workflow.report.text.plain import plain_frames
from workflow.report.text.statements import SIGNS, VERDICT_NOTE, measured_short, others_short
from workflow.report.text.untested import groups, tells_nothing, was_tested
from workflow.report.verdict import judge
from workflow.report.verdict.compare import Effect
from workflow.report.verdict.evidence import Evidence
from workflow.report.verdict.judge import Judged

LOSSY = 85  # WebP quality of photographs; charts are smaller without loss


def glyph(effect: Effect | None, printed: Effect | None) -> dict[str, float] | None:
    """Where an effect, its interval and the paper's lie on a line from -1 to 1, 0 in the middle."""
    if effect is None:
        return None
    numbers = {"value": effect.value}
    if effect.interval:
        numbers |= {"low": effect.interval[0], "high": effect.interval[1]}
    if printed:
        numbers["printed"] = printed.value
    largest = max(abs(number) for number in numbers.values()) or 1.0
    return {name: round(number / largest, 4) for name, number in numbers.items()}


def words(names: set[str], order: list[str]) -> str:
    """Names that are in `order`, in that order, as an attribute's words."""
    return " ".join(name for name in order if name in names)


def statement(entry: Judged, row: dict, metrics: dict, earlier: dict[str, str]) -> dict:
    """One statement: verdict, effects and evidence, and what it is about.

    `earlier` are the verdicts on the sources before, by name.
    """
    source = Evidence(method_labels(("run", metrics)), metrics)
    cells = [*entry.statement.cells, *entry.statement.secondary]
    methods = {name for cell in cells for name in (*cell.methods, *cell.than)}
    if any(cell.falls_with for cell in cells):
        methods |= set(source.methods)
    verdict = entry.outcome.verdict
    tested = was_tested(entry)
    details = [
        [name, outcome.word, judge.effect_text(outcome), "; ".join(outcome.remarks) or "–"]
        for name, outcome in entry.details.items()
    ]
    return {
        "verdict": verdict,
        "kind": verdict.split()[0],
        "sign": SIGNS[verdict],
        "alone": entry.undone.word if entry.undone else "",
        "small": entry.outcome.small and not entry.undone,
        "others": others_short(entry),
        "row": row,
        "count": 1,
        "effect": entry.outcome.effect,
        "printed": entry.paper_effect,
        "by_sign": entry.paper.by_sign,
        "paper": entry.paper.verdict,
        "glyph": glyph(entry.outcome.effect, entry.paper_effect),
        "short": measured_short(entry, source).split(": ", 1) if tested else [],
        "earlier": earlier if tested else {},
        "failures": entry.outcome.failures,
        "p": entry.p_holm,
        "details": details,
        "datasets": words({cell.dataset for cell in cells}, list(metrics["datasets"])),
        "methods": words(methods, list(source.methods)),
    }


def together(verdict: str, why: str, entries: list[dict]) -> dict:
    """Statements of which nothing is known for one reason, as one."""

    def union(kind: str) -> str:
        return " ".join(dict.fromkeys(name for own in entries for name in own[kind].split()))

    return {
        "verdict": verdict,
        "kind": verdict.split()[0],
        "sign": SIGNS[verdict],
        "why": why,
        "rows": [own["row"] for own in entries],
        "count": len(entries),
        "datasets": union("datasets"),
        "methods": union("methods"),
    }


def statements(sources: list[NamedRun]) -> list[dict]:
    """Every statement, in the paper's order; where the first is, those that share why nothing is known."""
    *earlier, (_, metrics) = sources
    others = {name: judge.judge_all(own) for name, own in earlier}
    rows, judged = judge.judged_frame(sources).to_dict("records"), judge.judge_all(metrics)
    every = {
        entry.statement.id: statement(
            entry, rows[i], metrics, {name: own[i].outcome.verdict for name, own in others.items()}
        )
        for i, entry in enumerate(judged)
    }
    for (verdict, why), entries in groups(judged, metrics).items():
        ids = [entry.statement.id for entry in entries if tells_nothing(entry)]
        if len(ids) > 1:
            every[ids[0]] = together(verdict, why, [every[ids[0]], *map(every.pop, ids[1:])])
    return list(every.values())


def verdict_counts(found: list[dict]) -> list[dict]:
    """How many statements came out how, in the order of the verdicts; one kind for all not tested."""
    kinds = {verdict.split()[0]: sign for verdict, sign in SIGNS.items()}
    counts: Counter[str] = Counter()
    for entry in found:
        counts[entry["kind"]] += entry["count"]
    return [
        {"kind": kind, "sign": sign, "count": counts[kind]}
        for kind, sign in kinds.items()
        if counts[kind]
    ]


def protocols(scores: list[str], datasets: set[str], sources: list[NamedRun]) -> list[dict]:
    """How scores were measured, by source."""
    found = []
    for name, metrics in sources:
        lines = {score: notes.protocol_lines(metrics, score, datasets) for score in scores}
        lines = {score: text for score, text in lines.items() if text}
        if lines:
            found.append({"source": name, "lines": lines})
    return found


def table_section(table: Table, sources: list[NamedRun], title: str) -> dict:
    """A table of the paper, or of its kind: grids, why it may not compare, notes, readings."""
    datasets = {column.dataset for column in table.columns.values()}
    reasons: dict[str, list[str]] = {}
    for name, metrics in sources:
        if found := notes.deviations(metrics, table):
            reasons.setdefault("; ".join(found), []).append(name)
    readings = []
    for source in sources:
        name, metrics = source
        for dataset in (d for d in dataset_names(metrics) if d in datasets):
            frame = readings_frame(metrics, dataset, bold=True)
            if "robustness" in table.scores and len(frame):
                caption = f"Every reading of noise, {dataset_label(metrics, dataset)} ({name})"
                readings.append(frame_grid(frame, source, caption, left=4))
    return {
        "title": title,
        "unit": table.unit,
        "grids": [table_grid(table, block, sources, title) for block in table.blocks],
        "reasons": [(" and ".join(names), text) for text, names in reasons.items()],
        "notes": table.notes,
        "readings": readings,
        "protocols": protocols(table.scores, datasets, sources),
        "datasets": " ".join(sorted(datasets)),
    }


def table_sections(sources: list[NamedRun]) -> list[dict]:
    """All tables of the paper, each followed by those of its kind on further datasets."""
    sections = []
    for table in paper().tables.values():
        title = f"Table {table.name}: {table.title}"
        sections.append(table_section(table, sources, title))
        for other in further_tables(table, sources):
            title = f"Not in the paper: {other.title}"
            sections.append(table_section(other, sources, title))
    return sections


def score_sections(sources: list[NamedRun], frames) -> list[dict]:
    """Tables that are ours: `frames(source)` gives them by score."""
    sections: dict[str, dict] = {}
    for source in reversed(sources):
        name, metrics = source
        every = set(metrics["datasets"])
        for score, frame in frames(source).items():
            own = sections.setdefault(score, {"title": score, "grids": [], "protocols": []})
            own["grids"].append(frame_grid(frame, source, f"{score} ({name})", left=2))
            own["protocols"] += protocols([score], every, [source])
    return list(sections.values())


def information(source: NamedRun) -> dict:
    """Table VI of a source, by its score."""
    frame = information_frame(source[1])
    return {"information": frame} if len(frame) else {}


def picture(path: Path) -> dict:
    """An image as what an <img> needs: WebP in its address, the smaller of two ways, and its size."""
    with Image.open(path) as image:
        pixels = image.convert("RGB")
    files = []
    for how in ({"lossless": True, "method": 2}, {"quality": LOSSY, "method": 4}):
        buffer = io.BytesIO()
        pixels.save(buffer, "WEBP", **how)
        files.append(buffer.getvalue())
    data = base64.b64encode(min(files, key=len)).decode()
    return {"src": f"data:image/webp;base64,{data}", "width": pixels.width, "height": pixels.height}


def figures(metrics: dict, folder: Path) -> list[dict]:
    """Every figure, those over all datasets first."""
    captions, of_dataset = figure_captions(metrics), dataset_figures(metrics)
    stems = sorted(captions, key=lambda stem: stem in of_dataset)  # else as they were
    return [
        {
            "file": f"{stem}.png" if stem in of_dataset else f"{stem}.svg",
            "caption": captions[stem],
            "dataset": of_dataset[stem][1] if stem in of_dataset else "",
        }
        | picture(folder / f"{stem}.png")
        for stem in stems
    ]


def costs(sources: list[NamedRun], root: Path) -> list:
    """Training runs of every source, and all jobs of this run."""
    run = sources[-1]
    grids = []
    jobs = costs_frame(run[1], root)
    if len(jobs):
        grids.append(frame_grid(jobs, run, "Every step of this run", left=2))
    for source in reversed(sources):
        frame = runs_frame(source[1])
        if len(frame):
            grids.append(frame_grid(frame, source, f"Training ({source[0]})", left=2))
    return grids


def page(sources: list[NamedRun], root: Path) -> dict:
    """Everything that the template shows; `root` is the preset's folder of results."""
    metrics = sources[-1][1]
    judged = statements(sources)
    return {
        "preset": metrics["preset"],
        "summary": judge.summary_sentence(judge.judge_all(metrics), metrics),
        "sources": [name for name, _ in sources],
        "statements": judged,
        "verdict_note": VERDICT_NOTE,
        "counts": verdict_counts(judged),
        "datasets": {name: dataset_label(metrics, name) for name in dataset_names(metrics)},
        "methods": method_labels(*sources),
        "contrasts": [
            frame_grid(frame, source, f"VIMAE-n less the VAE ({source[0]})", left=1)
            for source, frame in contrasts(sources)
        ],
        "contrast_note": CONTRAST_NOTE,
        "tables": table_sections(sources),
        "information": score_sections(sources, information),
        "information_unit": INFORMATION_UNIT,
        "information_note": INFORMATION_NOTE,
        "others": score_sections(sources, plain_frames),
        "figures": figures(metrics, root / "figures"),
        "costs": costs(sources, root),
        "settings": [
            frame_grid(
                notes.settings_frame(source[1]), source, f"What was run ({source[0]})", left=1
            )
            for source in reversed(sources)
        ],
        "origins": [notes.origin_line(m, name).lstrip("- ") for name, m in reversed(sources)],
        "citation": paper().citation,
    }
