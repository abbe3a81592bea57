"""The measurements behind docs/nll.md: real digits taken for samples, and proposals on trained runs.

    python -m benchmarks.nll --data results/quick/data/mnist.npz --images 20 --ais-images 2 \\
        --runs results/quick/runs/mnist/vae/seed0

First the prior-sample cross-entropy that a perfect sampler would have: every test image against
every training image taken for the decoder's output, clipped at several values. Then, for every run,
the importance-sampled NLL with either proposal and two numbers of draws, and annealed importance
sampling on the first images.
"""

import sys
from pathlib import Path

import pandas as pd
import torch

from data import store
from data.arguments import options
from eval.job import ScoreInputs
from eval.nll.score import score
from models.device import pick_device
from models.run import Run, load_trained

SETTINGS = {
    "proposal_scales": [1.0, 1.2, 1.4],
    "tuning_images": 20,
    "laplace_iterations": 5,
    "prior_samples": 2000,
    "batch": 500,
    "ais": None,
}
AIS = {"seeds": None, "chains": 8, "temperatures": 1500, "leapfrog": 3}


def pair_cross_entropy(x: torch.Tensor, y: torch.Tensor, clip: float) -> float:
    """Mean over all pairs of -ln p(x_i) for Bernoulli means y_j clipped to [clip, 1 - clip], nats.

    x (n, pixels) and y (m, pixels) are independent, so per pixel the mean of the product is the
    product of the means.
    """
    p = y.clamp(clip, 1 - clip)
    ink = x.mean(0)
    return -(ink * p.log().mean(0) + (1 - ink) * (1 - p).log().mean(0)).sum().item()


def pairs(data: store.ImageSet) -> pd.DataFrame:
    """The cross-entropy of real images, as they are and rounded to black and white."""
    test, train = (
        torch.from_numpy(images).double().flatten(1) / 255
        for images in (data.test_images, data.train_images)
    )
    rows = []
    for clip in (1e-7, 1e-6, 1e-5, 1e-4, 1e-3):
        values = [pair_cross_entropy(test, samples, clip) for samples in (train, train.round())]
        rows.append(
            {"clip": f"p >= {clip:g}", "grey samples": values[0], "rounded samples": values[1]}
        )
    return pd.DataFrame(rows)


def proposals(run: Run, data: store.ImageSet, images: int, ais_images: int, device) -> list[dict]:
    """A row a proposal and number of draws; the last one has AIS beside it."""
    rows = []
    for proposal in ("encoder", "laplace"):
        for samples in (50, 1000):
            settings = SETTINGS | {"images": images, "proposal": proposal, "samples": samples}
            if (proposal, samples) == ("laplace", 1000):
                settings["ais"] = AIS | {"images": ais_images}
            with torch.inference_mode():
                values = score(ScoreInputs(run, data, settings, {}, device)).values
            row = {"run": run.info["method"], "proposal": proposal, "K": samples}
            row |= {"NLL": values["nll"]["value"], "± (images)": values["nll"]["se"]}
            row |= {"median ESS": values["ess_median"]["value"]}
            if "ais_gap" in values:
                gap = values["ais_gap"]
                row["AIS - IS"] = f"{gap['value']:.3f} ± {gap['se']:.3f}"
            rows.append(row)
            print(row, file=sys.stderr)
    return rows


def main() -> None:
    """Measure and print the tables."""
    parser = options(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a prepared grey dataset (.npz)")
    runs = "folders of runs on it (default: none)"
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help=runs)
    parser.add_argument("--images", type=int, default=60, help="test images of a run's NLL")
    parser.add_argument("--ais-images", type=int, default=10, help="how many of them AIS gets")
    args = parser.parse_args()
    device, data = pick_device(), store.load(args.data)
    print(pairs(data).to_markdown(index=False, floatfmt=".1f"))
    rows = [
        row
        for folder in args.runs
        for row in proposals(
            load_trained(folder, device), data, args.images, args.ais_images, device
        )
    ]
    if rows:
        print("\n" + pd.DataFrame(rows).fillna("").to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    main()
