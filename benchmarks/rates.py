"""Which learning rate a preset's networks want, judged by training loss alone.

    python -m benchmarks.rates --datasets mnist cifar10 --methods vae vimae_n \\
        --rates 0.001 0.002 0.004 --epochs 4

Trains every combination for a few epochs, with the schedule's two steps at half and three quarters
of them, on the prepared data of the preset (run its data phase first), and prints the mean loss of
the last epoch, NaN where training diverged. The seed is none of the preset's own, so that nothing of
a record is looked at. No score is computed. Finished runs in --out are not trained again.
"""

import json
import math
import subprocess
import sys
from pathlib import Path

import pandas as pd

from data.arguments import options
from data.files import read_json
from workflow.settings import ROOT, Settings, check, load


def last_loss(settings: Settings, dataset: str, method: str, rate: float, args) -> float:
    """Mean training loss of the last epoch of one run, trained unless its record is there."""
    params = settings.train_settings(dataset, method)
    steps = [[args.epochs // 2, 2], [3 * args.epochs // 4, 5]]
    params["train"] |= {"epochs": args.epochs, "learning_rate": rate, "schedule": steps}
    of = f"{settings.preset}_epochs{args.epochs}_seed{args.seed}"
    out = args.out / of / dataset / method / f"rate{rate:g}"
    if not (out / "run.json").exists():
        data = ROOT / "results" / settings.preset / "data" / f"{dataset}.npz"
        command = [sys.executable, "-m", "models.train", "--data", data, "--method", method]
        command += ["--seed", str(args.seed), "--params", json.dumps(params), "--out", out]
        subprocess.run(command, cwd=ROOT, check=True)
    if read_json(out / "run.json", ("status",))["status"] == "diverged":
        return math.nan
    return pd.read_csv(out / "history.csv")["loss"].iloc[-1]


def main() -> None:
    """Train what is missing, print the table."""
    parser = options(__doc__)
    parser.add_argument("--preset", default="narrow", help="whose networks")
    parser.add_argument("--datasets", nargs="+", required=True, help="their names")
    parser.add_argument("--methods", nargs="+", required=True, help="their names in the catalogue")
    parser.add_argument("--rates", nargs="+", type=float, required=True, help="Adam's step sizes")
    parser.add_argument("--epochs", type=int, default=4, help="of every training")
    parser.add_argument("--seed", type=int, default=100, help="of every training")
    out = ROOT / "results" / "rates"
    parser.add_argument("--out", type=Path, default=out, help="folder for the runs")
    args = parser.parse_args()
    config = load() | {"preset": args.preset}
    check(config)
    settings = Settings(config)
    rows = [
        {"dataset": dataset, "method": method}
        | {f"{rate:g}": last_loss(settings, dataset, method, rate, args) for rate in args.rates}
        for dataset in args.datasets
        for method in args.methods
    ]
    print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".5g"))


if __name__ == "__main__":
    main()
