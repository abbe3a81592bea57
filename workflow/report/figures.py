"""Draw every figure, as PNG and SVG.

    python -m workflow.report.figures --metrics FILE --root results/NAME --out-dir DIR

Figures 1-4 are the paper's (samples, see `workflow.report.samples`); the learning curves, the accuracy
against noise and the information in the code against robustness are ours.
"""

import argparse
from pathlib import Path

from data.files import read_json
from workflow.report import drawing
from workflow.report.curves import learning_curves, loss_parts, robustness_curves
from workflow.report.frames import dataset_label
from workflow.report.notes import figure_names
from workflow.report.samples import sample_figure
from workflow.report.values import dataset_names, template_fields

# What a part of a loss is called on its axis; a part not named here keeps its own name.
PARTS = {
    "distortion": "-ln p(x|z), nats",
    "rate": "KL(q(z|x) || p(z)), nats",
    "cost": "0.05 x squared error",
    "mmd": "MMD(q(z), p(z))",
}
NOISES = {"gaussian": "Gaussian noise, standard deviation", "mask": "masked share of pixels"}
CLASSIFIER = "tsvm"  # the paper's
INFORMATION = "capacity.information"


def labels(metrics: dict) -> dict[str, str]:
    """Name to label of every method, in order."""
    return {method["name"]: method["label"] for method in metrics["methods"]}


def learning_figure(metrics: dict, root: Path):
    """A row a dataset, a column a part of the losses, a line a method: mean and range of seeds."""
    curves = learning_curves(metrics, root)
    datasets, parts = dataset_names(metrics), loss_parts(curves) or ["loss"]
    figure, grid = drawing.dataset_rows(datasets, len(parts), width=2.6)
    for row, dataset in enumerate(datasets):
        for axes, part in zip(grid[row], parts, strict=True):
            for method, label in labels(metrics).items():
                own = curves[(curves["dataset"] == dataset) & (curves["method"] == method)]
                if part not in own or own[part].isna().all():
                    continue
                seeds = own.groupby("epoch")[part]
                mean, low, high = seeds.mean(), seeds.min(), seeds.max()
                drawing.line_and_band(axes, mean.index, mean, low, high, method, label)
            axes.set_title(dataset_label(metrics, dataset))
            axes.set(xlabel="epoch", ylabel=PARTS.get(part, part))
    drawing.method_legend(figure, labels(metrics))
    return figure


def robustness_figure(metrics: dict):
    """A row a dataset, a panel a kind of noise, a line a method with its 95 % interval."""
    curves = robustness_curves(metrics)
    curves = curves[curves["classifier"] == CLASSIFIER]
    lines = dict(list(curves.groupby(["dataset", "noise", "method"])))
    datasets = [d for d in dataset_names(metrics) if d in metrics["protocols"]["robustness"]]
    figure, grid = drawing.dataset_rows(datasets, 2, width=3.8)
    for row, dataset in enumerate(datasets):
        for axes, (noise, description) in zip(grid[row], NOISES.items(), strict=True):
            for method, label in labels(metrics).items():
                own = lines.get((dataset, noise, method))
                if own is not None:
                    drawing.line_and_band(
                        axes, own["level"], own["accuracy"], own["low"], own["high"], method, label
                    )
            axes.set(xlabel=description, ylabel="accuracy, %")
            axes.set_title(dataset_label(metrics, dataset))
    drawing.method_legend(figure, labels(metrics))
    return figure


def information_figure(metrics: dict):
    """A panel a dataset, a point a run: I(x; y) of the capacity table against accuracy under the larger mask noise."""
    protocols = metrics["protocols"]
    both = protocols["robustness"].keys() & protocols["capacity"].keys()
    datasets = [dataset for dataset in dataset_names(metrics) if dataset in both]
    size = (3.2 * len(datasets), 3.2)
    figure, grid = drawing.plt.subplots(1, len(datasets), figsize=size, squeeze=False)
    for axes, dataset in zip(grid[0], datasets, strict=True):
        level = template_fields(metrics, dataset)["mask_large"]
        robustness = f"robustness.{CLASSIFIER}.mask.{level}.mean"
        for method, label in labels(metrics).items():
            scores = metrics["datasets"][dataset]["methods"].get(method, {})
            if INFORMATION in scores and robustness in scores:
                seeds = zip(
                    scores[INFORMATION]["values"], scores[robustness]["values"], strict=True
                )
                runs = [seed for seed in seeds if None not in seed]
                style = drawing.look(method)
                axes.scatter([x for x, _ in runs], [y for _, y in runs], s=36, label=label, **style)
        axes.set(xlabel="I(x; y), nats, at least", ylabel=f"accuracy at mask {level}, %")
        axes.set_title(dataset_label(metrics, dataset))
    drawing.method_legend(figure, labels(metrics))
    return figure


def draw(metrics: dict, root: Path, folder: Path) -> None:
    """Every figure that these metrics give."""
    charts = {
        "learning_curves": lambda: learning_figure(metrics, root),
        "robustness": lambda: robustness_figure(metrics),
        "information": lambda: information_figure(metrics),
    }
    with drawing.plt.style.context(drawing.STYLE):
        for stem, caption in figure_names(metrics).items():
            _, _, dataset = stem.partition("_")
            if stem in charts:
                figure = charts[stem]()
            else:
                figure = sample_figure(metrics, dataset, root, caption)
            drawing.save(figure, folder, stem)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out-dir", type=Path, required=True)
    args = parser.parse_args()
    draw(read_json(args.metrics), args.root, args.out_dir)


if __name__ == "__main__":
    main()
