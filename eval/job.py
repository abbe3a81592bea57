"""The command line that all scores share: one trained run in, one JSON file out.

python -m eval.<metric> --run DIR --data NPZ [--samples NPZ] [...] --params JSON --out JSON
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from data import store
from data.files import write_json
from models.device import pick_device
from models.run import Run, load_run


@dataclass(frozen=True)
class ScoreInputs:
    """What an estimator gets: a trained run, its dataset, its settings and further files."""

    run: Run
    data: store.ImageSet
    params: dict
    files: dict[str, Path]
    device: torch.device

    @property
    def seed(self) -> int:
        """The run's seed, from which every random stream of its scores is derived too."""
        return self.run.info["seed"]


def score_main(
    metric: str,
    score: Callable[[ScoreInputs], dict],
    files: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> None:
    """Parse the command line, score the run, write the result.

    `score` returns {"values": {...}, "protocol": {...}}: numbers, and how they were made. `files`
    names further inputs ("samples", "reference", ...), each an option of that name; those of
    `optional` may be left out and are then missing in `ScoreInputs.files`. A run that diverged
    gets status "diverged" and no values, so that the tables can say so.
    """
    parser = argparse.ArgumentParser(description=score.__doc__)
    for name in ("run", "data", *files, "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in optional:
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--params", type=json.loads, required=True, help="settings, as JSON")
    arguments = parser.parse_args()

    device = pick_device()
    run = load_run(arguments.run, device)
    result = {"metric": metric, "status": run.info["status"], "values": {}, "protocol": {}}
    result |= {key: run.info[key] for key in ("dataset", "method", "seed")}
    start = time.perf_counter()
    if run.model is not None:
        inputs = ScoreInputs(
            run=run,
            data=store.load(arguments.data),
            params=arguments.params,
            files={
                name: path
                for name in (*files, *optional)
                if (path := getattr(arguments, name)) is not None
            },
            device=device,
        )
        with torch.inference_mode():
            result |= score(inputs)
    write_json(arguments.out, result | {"seconds": round(time.perf_counter() - start, 3)})
    print(f"{metric} {run.info['dataset']} {run.info['method']} seed {run.info['seed']}:", end=" ")
    print(result["status"], json.dumps(result["values"])[:300])
