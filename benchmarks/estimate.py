"""How long a preset would take on this machine, before it is started.

    python -m benchmarks.estimate --preset paper        # make estimate

Training: times N optimisation steps (after one to warm up) of every kind of network and objective,
on random images of the dataset's size, and multiplies by the images, epochs and seeds of the
preset. One run at a time, with OMP_NUM_THREADS threads.

Scores: their cost depends on the machine and on every setting, so that none is guessed. Those of
which results/<preset>/scores holds finished jobs are given by their median seconds; the others are
named. One job of each completes the estimate:

    snakemake --cores 2 results/paper/scores/nll/mnist/vae/seed0.json --config preset=paper

Data and samples come on top.
"""

import json
import statistics
import time
from pathlib import Path

import pandas as pd
import torch

from benchmarks.train import build_step
from data.arguments import options
from models.device import describe, pick_device, synchronize
from workflow.settings import ROOT, Settings, check, load


def images_per_second(params: dict, described, steps: int, device: torch.device) -> float:
    """Speed of training with `params` ({"model", "train", "method"}) on random images.

    `described` is the dataset's description (data.dataset.Dataset).
    """
    side, _, channels = described.image_shape
    info = {"image_size": side, "channels": channels, "seed": 0, "params": params}
    info["value_range"] = described.value_range
    batch = params["train"]["batch"]
    images = torch.randint(0, 256, (2 * batch, side, side, channels), dtype=torch.uint8)
    step = build_step(info, images.to(device))
    index = torch.arange(batch, device=device)
    step(index)
    synchronize(device)
    start = time.perf_counter()
    for _ in range(steps):
        step(index)
    synchronize(device)
    return steps * batch / (time.perf_counter() - start)


def training(settings: Settings, steps: int, device: torch.device) -> pd.DataFrame:
    """A row for every dataset and method: speed, and minutes of a run and of all seeds."""
    rows, speeds = [], {}
    for dataset in settings.datasets:
        counts = settings.image_counts(dataset)
        if counts is None:
            raise SystemExit(f"{dataset}: how many images it has is not known; set data.train")
        for method in settings.methods:
            params = settings.train_settings(dataset, method)
            # A weight changes a number, not the work: one measurement serves all alike.
            traits = [params["method"][key] for key in ("objective", "encoder", "divergence")]
            of_train = [params["train"][key] for key in ("batch", "precision")]
            kind = json.dumps([dataset, params["model"], *of_train, *traits])
            if kind not in speeds:
                described = settings.dataset(dataset)
                speeds[kind] = images_per_second(params, described, steps, device)
            minutes = counts["train"] * params["train"]["epochs"] / speeds[kind] / 60
            row = {"dataset": dataset, "method": method, "images": counts["train"]}
            row |= {"epochs": params["train"]["epochs"], "images/s": speeds[kind]}
            row |= {"minutes a run": minutes, "minutes": minutes * len(settings.seeds)}
            rows.append(row)
    return pd.DataFrame(rows)


def scoring(settings: Settings, results: Path) -> tuple[pd.DataFrame, list[str]]:
    """(a row for every score and dataset with finished jobs, "score/dataset" of the others)."""
    jobs, rows, unknown = len(settings.methods) * len(settings.seeds), [], []
    for score, datasets in settings.scored.items():
        for dataset in datasets:
            files = (results / "scores" / score / dataset).glob("*/seed*.json")
            records = [json.loads(path.read_text(encoding="utf-8")) for path in files]
            seconds = [record["seconds"] for record in records if record["status"] == "done"]
            if not seconds:
                unknown.append(f"{score}/{dataset}")
                continue
            median = statistics.median(seconds)
            row = {"score": score, "dataset": dataset, "measured jobs": len(seconds)}
            rows.append(row | {"seconds a job": median, "minutes": jobs * median / 60})
    return pd.DataFrame(rows), unknown


def main() -> None:
    """Measure and print the tables."""
    parser = options(__doc__)
    parser.add_argument("--preset", default="paper", help="of params.yaml")
    parser.add_argument("--steps", type=int, help="to be timed (default: 50 on a GPU, 1 on a CPU)")
    args = parser.parse_args()
    device = pick_device()
    steps = args.steps or (50 if device.type == "cuda" else 1)
    config = load() | {"preset": args.preset}
    check(config)
    settings = Settings(config)
    print(f"preset {args.preset} on {describe(device)}, torch {torch.__version__}, {steps} steps\n")
    table = training(settings, steps, device)
    print(table.to_markdown(index=False, floatfmt=".1f"))
    totals = table.groupby("dataset", sort=False)["minutes"].sum()
    print("\n" + ", ".join(f"{name} {value:,.0f} min" for name, value in totals.items()), end="")
    print(f"; {table['minutes'].sum():,.0f} min of training, {len(settings.seeds)} seed(s)\n")
    scores, unknown = scoring(settings, ROOT / "results" / args.preset)
    if len(scores):
        print(scores.to_markdown(index=False, floatfmt=".1f"))
        print(f"\n{scores['minutes'].sum():,.0f} min of scores\n")
    if unknown:
        print(f"scores not measured here yet: {', '.join(unknown)}")


if __name__ == "__main__":
    main()
