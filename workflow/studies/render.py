"""What has been run of a study as one table, one figure and the numbers behind them."""

from pathlib import Path

from data.files import read_json
from workflow.record import take_in
from workflow.report.collect import as_text, collect
from workflow.report.labels import dataset_label, dataset_names
from workflow.report.pictures import drawing
from workflow.report.text.notes import origin_line, size_text
from workflow.report.text.writing import to_markdown, write_text
from workflow.settings import Settings, check, load
from workflow.studies.definitions import Study
from workflow.studies.figures import FIGURES
from workflow.studies.frames import differences, long_frame, not_run, value_frame, with_changes

NOTES = """\
± is the standard error over seeds; (n): of n seeds only; ‡: the estimator does not vouch for it;
∞: infinite in theory. Errors are 0.05 × squared error, likelihoods, information, rate and KL in nats,
accuracies (clean; Gaussian noise, clipped to the data's range or not; mask) those of the
TSVM in %; "− clean" is what they change by. How each is measured: [docs](../../../docs).
Differences are taken seed by seed; bold: Student's 95 % interval over seeds does not hold zero,
uncorrected for their number (of twenty differences that are none, one is bold). § n: on n seeds, but
not on all, the code collapsed (none of its units is active); such means say nothing, and differences
from them are left out."""


def study_settings(study: Study) -> Settings:
    """The settings of its preset, checked."""
    config = load() | {"preset": study.preset}
    check(config)
    return Settings(config)


def document(study: Study, metrics: dict) -> str:
    """The study as markdown: its question, then both tables of every dataset."""
    compared = differences(metrics, study.contrasts)
    parts = [f"# {study.title}", study.question]
    size = size_text(metrics)
    parts.append(f"{size[0].upper()}{size[1:]}. {NOTES}")
    parts.append(f"![{study.title}](figure.png)")
    for dataset in dataset_names(metrics):
        parts.append(f"## {dataset_label(metrics, dataset)}")
        parts.append(to_markdown(value_frame(metrics, dataset, "method")))
        parts.append(to_markdown(value_frame(compared, dataset, "what differs", signed=True)))
        if absent := not_run(metrics, dataset):
            parts.append(f"Not run, so far: {', '.join(absent)}.")
    parts.append(origin_line(metrics, "made by"))
    return "\n\n".join(parts) + "\n"


def render(study: Study, results: Path) -> Path | None:
    """Write results/studies/<name>/: metrics.json, table.md, means.csv, differences.csv, figure.

    Finished runs and scores are first taken into results/study_<name>/record/, so that what a
    machine leaves behind is shown after its weights are gone. None if nothing has been run.
    """
    folder, out = results / study.preset, results / "studies" / study.name
    if not any(folder.glob("**/run.json")):
        return None
    settings = study_settings(study)
    kept = read_json(out / "metrics.json") if (out / "metrics.json").exists() else None
    options = {"preset": study.preset, "partial": True, "kept": kept}
    metrics = collect(take_in(folder), settings.report_settings(), **options)
    write_text(out / "metrics.json", as_text(metrics))
    shown = with_changes(metrics)
    write_text(out / "table.md", document(study, shown))
    for name, of in (("means", shown), ("differences", differences(shown, study.contrasts))):
        write_text(out / f"{name}.csv", long_frame(of).to_csv(index=False, lineterminator="\n"))
    with drawing.plt.style.context(drawing.STYLE):
        drawing.save(FIGURES[study.figure](metrics, study, settings), out, "figure")
    return out / "table.md"
