"""How long training a preset would take on this machine, before anything starts.

    python -m benchmarks.estimate [--preset paper] [--steps N]        (make estimate)

Times N optimisation steps (after one to warm up) of every selected method on every dataset, on
random images of its size, and multiplies by the images, epochs and seeds of the preset. Only
training: data, samples and scores come on top. One run at a time, with OMP_NUM_THREADS threads.
"""

import argparse
import time

import pandas as pd
import torch
import yaml

from benchmarks.train import build_step
from data.registry import DATASETS
from models.device import describe, pick_device
from models.throughput import synchronize
from workflow.settings import ROOT, check, section, seeds, train_settings

SHAPES = {"mnist": (28, 1), "omniglot": (28, 1), "cifar10": (32, 3), "celeba": (64, 3)}


def images_per_second(params: dict, dataset: str, steps: int, device: torch.device) -> float:
    """Speed of training with `params` ({"model", "train", "method"}) on random images."""
    side, channels = SHAPES[dataset]
    info = {"image_size": side, "channels": channels, "seed": 0, "params": params}
    info["value_range"] = DATASETS[dataset].value_range
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


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--steps", type=int, help="default: 50 on a GPU, 1 on a CPU")
    args = parser.parse_args()
    device = pick_device()
    steps = args.steps or (50 if device.type == "cuda" else 1)
    config = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    config["preset"] = args.preset
    check(config)
    rows, speeds = [], {}
    for dataset in config["datasets"]:
        wanted = section(config, dataset, "data")["train"]
        count = wanted or DATASETS[dataset].counts["train"]
        for method in config["methods"]:
            params = train_settings(config, dataset, method)
            # beta changes a number, not the work: one measurement serves all of an objective.
            kind = (dataset, params["method"]["objective"], params["method"].get("divergence"))
            if kind not in speeds:
                speeds[kind] = images_per_second(params, dataset, steps, device)
            minutes = count * params["train"]["epochs"] / speeds[kind] / 60
            row = {"dataset": dataset, "method": method, "images/s": speeds[kind]}
            row |= {"minutes a run": minutes, "seeds": len(seeds(config))}
            rows.append(row | {"minutes": minutes * len(seeds(config))})
    table = pd.DataFrame(rows)
    print(f"preset {args.preset} on {describe(device)}, torch {torch.__version__}, {steps} steps\n")
    print(table.to_markdown(index=False, floatfmt=".1f"))
    totals = table.groupby("dataset", sort=False)["minutes"].sum()
    print("\n" + ", ".join(f"{name} {value:,.0f} min" for name, value in totals.items()), end="")
    print(f"; all {table['minutes'].sum():,.0f} min of training")


if __name__ == "__main__":
    main()
