"""Draw every figure, as PNG, and charts as SVG.

    python -m workflow.report.figures --metrics results/quick/metrics.json --root results/quick \\
        --out-dir figures

Figures 1-4 are the paper's (samples, see `workflow.report.pictures.samples`); all others are ours.
The same inputs give the same bytes.
"""

from functools import partial
from pathlib import Path

from data.files import read_json
from workflow.report.arguments import report_options
from workflow.report.pictures import charts, drawing, samples
from workflow.report.pictures.captions import dataset_figures, figure_captions

CHARTS = {
    "paper_and_ours": lambda metrics, root: charts.paper_figure(metrics),
    "learning_curves": charts.learning_figure,
    "robustness": lambda metrics, root: charts.robustness_figure(metrics),
    "information": lambda metrics, root: charts.information_figure(metrics),
}
KINDS = {
    "samples": samples.sample_figure,
    "reconstructions": samples.reconstruction_figure,
    "interpolations": samples.interpolation_figure,
}


def draw(metrics: dict, root: Path, folder: Path, *, kept: bool = False) -> None:
    """Every figure that these metrics give.

    `kept`: a record's samples are not committed, so what was drawn of them where they were stays,
    unless `root` has samples of every method again.
    """
    drawn = {stem: partial(chart, metrics, root) for stem, chart in CHARTS.items()}
    for stem, (kind, dataset, caption) in dataset_figures(metrics).items():
        missing = samples.without_samples(metrics, dataset, root)
        if kept and missing and (folder / f"{stem}.png").exists():
            print(f"{folder / stem}.png: left as it is, no samples here of {', '.join(missing)}")
        else:
            drawn[stem] = partial(KINDS[kind], metrics, dataset, root, caption)
    with drawing.plt.style.context(drawing.STYLE):
        for stem in figure_captions(metrics):
            if stem in drawn:
                drawing.save(drawn[stem](), folder, stem)


def main() -> None:
    """The command line."""
    parser = report_options(__doc__, "metrics", "root", "out-dir")
    parser.add_argument(
        "--kept", action="store_true", help="leave pictures of samples that are gone"
    )
    args = parser.parse_args()
    draw(read_json(args.metrics), args.root, args.out_dir, kept=args.kept)


if __name__ == "__main__":
    main()
