"""Which figures there are, and what stands under each; known from `metrics.json` alone."""

from workflow.report.labels import dataset_label, dataset_names
from workflow.report.paper import paper


def may_be_shown(meta: dict) -> bool:
    """Whether originals may be rendered, by the dataset's own description; not if it says nothing."""
    return meta.get("shown") is True


def dataset_figures(metrics: dict) -> dict[str, tuple[str, str, str]]:
    """{stem: (kind, dataset, caption)} of the figures that every dataset has."""
    figures = {}
    positions = {name: number for number, name in enumerate(paper().datasets, start=1)}
    names = dataset_names(metrics)
    for name in names:
        title = f"Generated samples, {dataset_label(metrics, name)}"
        if name in positions:
            number = positions[name]
            figures[f"figure{number}_{name}"] = ("samples", name, f"Figure {number}. {title}")
        else:
            figures[f"samples_{name}"] = ("samples", name, title)
    for name in names:
        if may_be_shown(metrics["datasets"][name]["meta"]):
            caption = f"Originals and reconstructions (mean of z), {dataset_label(metrics, name)}"
            figures[f"reconstructions_{name}"] = ("reconstructions", name, caption)
    for name in names:
        caption = f"From one latent draw to another, {dataset_label(metrics, name)}"
        figures[f"interpolations_{name}"] = ("interpolations", name, caption)
    return figures


def charts(metrics: dict) -> dict[str, str]:
    """{stem: caption} of the charts over all datasets."""
    names = {
        "paper_and_ours": "The paper's numbers (hollow) against ours (filled), a panel a table"
    }
    names["learning_curves"] = (
        "Learning curves: every part of the losses on training images, mean and range of the seeds"
    )
    scores = metrics["protocols"]
    if scores.get("robustness"):
        names["robustness"] = (
            "Accuracy against the level of noise, with the range of the seeds (of one seed the 95 %"
            " interval over images); dotted: guessing; 0 in the data's range is black on grey images, so"
            " that a black mask is the same there, and mid-grey on colour; scales differ by row"
        )
    if scores.get("robustness", {}).keys() & scores.get("information", {}).keys():
        names["information"] = (
            "Information in the code against what noise changes of the accuracy, a point a run; hollow:"
            " a method with a bound within 1 nat of its ceiling, where it tells nothing"
        )
    return names


def figure_captions(metrics: dict) -> dict[str, str]:
    """File stem and caption of every figure that `workflow.report.figures` draws."""
    own = {stem: caption for stem, (_, _, caption) in dataset_figures(metrics).items()}
    return own | charts(metrics)
