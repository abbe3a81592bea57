"""Plot data: learning curves and accuracy against noise, as long tables.

    python -m workflow.report.curves --metrics FILE --root DIR --out-dir DIR

writes learning_curves.csv (dataset, method, seed, epoch, then every part of the losses) and
robustness.csv (dataset, classifier, method, noise, level, accuracy, low, high, n; accuracies in %),
for the figures and for `dvc plots`. What `metrics.json` names is read, nothing else.
"""

import argparse
from pathlib import Path

import pandas as pd

from data.files import atomic_write, read_json
from workflow.report.values import Value, dataset_names, measured

LEARNING = ["dataset", "method", "seed", "epoch"]
ROBUSTNESS = ["dataset", "classifier", "method", "noise", "level", "accuracy", "low", "high", "n"]
NOT_LOSSES = {*LEARNING, "learning_rate", "images_per_second", "seconds"}


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


def accuracy_row(value: Value) -> dict:
    """Accuracy in % with its 95 % interval, which is the mean alone where no error is known."""
    half = 1.96 * (value.error or 0.0)
    return {
        "accuracy": value.mean,
        "low": value.mean - half,
        "high": value.mean + half,
        "n": value.n,
    }


def robustness_curves(metrics: dict) -> pd.DataFrame:
    """Accuracy at every noise level of the grid; level 0 is the clean accuracy."""
    rows = []
    for dataset in dataset_names(metrics):
        for method, scores in metrics["datasets"][dataset]["methods"].items():
            for name in scores:
                score, _, rest = name.partition(".")
                if score != "robustness" or not name.endswith(".mean"):
                    continue
                value = measured(metrics, dataset, method, name)
                if value.mean is None:
                    continue
                classifier, condition = rest.removesuffix(".mean").split(".", 1)
                keys = {"dataset": dataset, "classifier": classifier, "method": method}
                if condition == "clean":
                    places = [(noise, 0.0) for noise in ("gaussian", "mask")]
                else:
                    noise, _, level = condition.partition(".")
                    places = [(noise, float(level))]
                for noise, level in places:
                    rows.append(keys | {"noise": noise, "level": level} | accuracy_row(value))
    frame = pd.DataFrame(rows, columns=ROBUSTNESS)
    return frame.sort_values(ROBUSTNESS[:5], ignore_index=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out-dir", type=Path, required=True)
    args = parser.parse_args()
    metrics = read_json(args.metrics)
    for name, frame in (
        ("learning_curves", learning_curves(metrics, args.root)),
        ("robustness", robustness_curves(metrics)),
    ):
        with atomic_write(args.out_dir / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
