"""One method less another in what the paper's tables are about: a row a value, a column a dataset."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workflow.report.labels import (
    NamedRun,
    dataset_label,
    dataset_names,
    method_labels,
    seeds_text,
)
from workflow.report.paper import paper
from workflow.report.text.cells import diverged
from workflow.report.values import measured, template_fields
from workflow.report.verdict.claims import comparison_scale
from workflow.report.verdict.compare import Effect, estimate, shown
from workflow.report.verdict.evidence import Grid, printed_grid, run_grid

SEEDS, NOTHING = "seeds", "n/a"
PAIR = ("vimae_n", "vae")
# Names in `metrics.json` (templates: the largest level of noise), and what their rows are called.
VALUES = {
    "fid.fid.test": "FID",
    "fid.kid.test": "KID",
    "reconstruction.sampled.cost": "error, z sampled",
    "reconstruction.mean.cost": "error, z mean",
    "nll.cross_entropy": "x-entropy",
    "nll.nll": "IS-NLL",
    "information.information": "I(x; y) ≥",
    "robustness.tsvm.clean": "accuracy: clean",
    "robustness.tsvm.gaussian_clipped.{large}": "Gauss {large}, clipped",
    "robustness.tsvm.gaussian.{large}": "Gauss {large}, not clipped",
    "robustness.tsvm.mask_zero.{large}": "mask {large}",
}
CONTRAST_NOTE = (
    "With 95 % intervals, over seeds, not corrected for their number; of one seed they are over images and"
    " say nothing of another seed. FID, errors, x-entropy, likelihood (IS-NLL): lower is better."
    " Accuracies are compared as logits, errors and FID as logarithms, so that a difference need not be that"
    " of the means. ‡ unreliable; n/a: not measured on this data set. The paper's numbers do not compare"
    " where a table below says so. Of any two methods, in any value: `python -m workflow.pairs`."
)


def difference(grid: Grid, first: int, second: int, name: str) -> Effect | None:
    """The value of this name of the first method (by number) less the second's; None if there is none."""
    scale = comparison_scale(name)
    compared = grid.on(scale)
    contrast = np.zeros((1, len(grid.values)))
    contrast[0, [first, second]] = 1, -1
    return shown(
        estimate(compared, contrast), 0, scale, compared.means[[first, second]].mean(), name
    )


def printed_difference(dataset: str, template: str, first: str, second: str) -> str:
    """What the paper's tables say of the same, as ", paper +1.0"; nothing where they say nothing."""
    for table in paper().tables.values():
        for column, entry in table.columns.items():
            same = (entry.dataset, entry.score) == (dataset, template)
            if same and {first, second} <= set(table.rows):
                grid = printed_grid(table, column, [first, second])
                effect = difference(grid, 0, 1, template)
                return f", paper {effect.value:+z.1f}" if effect else ""
    return ""


def places(metrics: dict, methods: Sequence[str]) -> list[int]:
    """Where methods stand in a grid of the run. ValueError names those that it does not have, or twice."""
    names = [method["name"] for method in metrics["methods"]]
    if len(set(methods)) < len(methods):
        raise ValueError(
            f"{' '.join(methods)}: a method is compared with others, so name each once"
        )
    if unknown := set(methods) - set(names):
        raise ValueError(f"{', '.join(sorted(unknown))}: not there; there are {', '.join(names)}")
    return [names.index(method) for method in methods]


def contrast_frame(metrics: dict, first: str, second: str) -> pd.DataFrame:
    """`first` less `second` with the 95 % interval, what the paper prints of it, and who diverged.

    Rows without anything to say are left out, and a cell of fewer seeds than its column says so.
    ValueError names a method that the run does not have.
    """
    pair, columns, labels = places(metrics, (first, second)), {}, method_labels(("run", metrics))
    for dataset in dataset_names(metrics):
        fields, column = template_fields(metrics, dataset), {}
        names = {template: template.format(**fields) for template in VALUES}
        grids = {name: run_grid(metrics, dataset, name) for name in names.values()}
        effects = {name: difference(grid, *pair, name) for name, grid in grids.items()}
        counts = {n: grids[n].shared_seeds(pair) for n, effect in effects.items() if effect}
        seeds = max(counts.values(), default=0)
        for template, head in VALUES.items():
            name = names[template]
            remarks = "‡" if grids[name].doubtful[pair].any() else ""
            if (count := counts.get(name, seeds)) < seeds:
                remarks += f" ({seeds_text({count}, count)})"
            said = printed_difference(dataset, template, first, second)
            found = {method: measured(metrics, dataset, method, name) for method in (first, second)}
            failed = [f"{labels[m]} {diverged(v)}" for m, v in found.items() if v.diverged]
            shown_effect = [f"{effects[name]}{remarks}{said}"] if effects[name] else []
            column[head.format(**fields)] = "; ".join(shown_effect + failed) or NOTHING
        columns[dataset_label(metrics, dataset)] = column | {SEEDS: str(seeds)}
    frame = pd.DataFrame(columns)
    frame = frame[(frame != NOTHING).any(axis=1)]
    return frame.rename_axis("value").reset_index()


def contrasts(sources: list[NamedRun]) -> list[tuple[NamedRun, pd.DataFrame]]:
    """VIMAE-n less the VAE of every source that has both, this run first."""
    return [
        (source, contrast_frame(source[1], *PAIR))
        for source in reversed(sources)
        if set(PAIR) <= {method["name"] for method in source[1]["methods"]}
    ]
