"""Plot data: learning curves and accuracy against noise, as long tables.

    python -m workflow.report.curves --metrics results/quick/metrics.json --root results/quick \\
        --out-dir plots

writes learning_curves.csv (dataset, method, seed, epoch, then every part of the losses) and
robustness.csv (dataset, classifier, trained_on, method, corruption, level, accuracy, low, high, n,
least, most; accuracies in %, low and high their 95 % interval, least and most of a seed), for the
figures and for `dvc plots`. What `metrics.json` names is read, nothing else.
"""

from pathlib import Path

import pandas as pd

from data.files import atomic_write, read_json
from workflow.report.arguments import report_options
from workflow.report.labels import dataset_names
from workflow.report.text.readings import AREA, CLEAN, readings
from workflow.report.values import Value, measured

LEARNING = ["dataset", "method", "seed", "epoch"]
READING = ["dataset", "classifier", "trained_on", "method", "corruption", "level"]
ROBUSTNESS = [*READING, "accuracy", "low", "high", "n", "least", "most"]
NOT_LOSSES = {*LEARNING, "learning_rate", "images_per_second"}


def learning_curves(metrics: dict, root: Path) -> pd.DataFrame:
    """The history of every run, in the order of datasets, methods, seeds and epochs."""
    frames = [pd.DataFrame(columns=LEARNING)]
    for dataset in dataset_names(metrics):
        for method in metrics["methods"]:
            for seed in metrics["seeds"]:
                path = root / "runs" / dataset / method["name"] / f"seed{seed}" / "history.csv"
                # Absent: a partial record. Empty: diverged within the first epoch.
                if not path.exists() or not path.read_text().strip():
                    continue
                history = pd.read_csv(path)
                keys = {"dataset": dataset, "method": method["name"], "seed": seed}
                frames.append(history.assign(**keys))
    frames = [frame for frame in frames if len(frame)] or frames
    curves = pd.concat(frames, ignore_index=True)
    return curves[[*LEARNING, *(name for name in curves if name not in LEARNING)]]


def loss_parts(curves: pd.DataFrame) -> list[str]:
    """Names of the parts of the losses; not their sums, which are in other units per method."""
    return [name for name in curves if name not in NOT_LOSSES | {"loss"}]


def accuracy_row(value: Value, seeds: list[float | None]) -> dict:
    """Accuracy in %, its 95 % interval (the mean alone where no error is known), its seeds' range."""
    low, high = value.interval or (value.mean, value.mean)
    there = [seed for seed in seeds if seed is not None]
    ends = {"low": low, "high": high, "least": min(there), "most": max(there)}
    return {"accuracy": value.mean, "n": value.n} | ends


def robustness_curves(metrics: dict) -> pd.DataFrame:
    """Accuracy at every noise level of the grid; level 0 is the clean accuracy."""
    rows = []
    for dataset in dataset_names(metrics):
        every = readings(metrics, dataset)
        kinds = sorted({own.corruption for own in every} - {CLEAN})
        for own in every:
            corruptions = kinds if own.corruption == CLEAN else [own.corruption]
            for method, values in metrics["datasets"][dataset]["methods"].items():
                value = measured(metrics, dataset, method, own.name)
                if own.level == AREA or value.mean is None:
                    continue
                for corruption in corruptions:
                    place = (dataset, own.classifier, own.trained_on, method)
                    keys = dict(zip(READING, (*place, corruption, float(own.level)), strict=True))
                    rows.append(keys | accuracy_row(value, values[own.name]["values"]))
    return pd.DataFrame(rows, columns=ROBUSTNESS).sort_values(READING, ignore_index=True)


def main() -> None:
    """The command line."""
    args = report_options(__doc__, "metrics", "root", "out-dir").parse_args()
    metrics = read_json(args.metrics)
    for name, frame in (
        ("learning_curves", learning_curves(metrics, args.root)),
        ("robustness", robustness_curves(metrics)),
    ):
        with atomic_write(args.out_dir / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
