"""The command line that all scores share: one trained run in, one JSON and one array file out.

    python -m eval.<score>.score --run DIR --data NPZ [--samples NPZ] [--reference NPZ]
        [--fid_reference NPZ] [--inception FILE] --params JSON-or-@FILE --out JSON --units NPZ

A score is a folder of eval/ whose score.py holds three literals, which planners read without
importing anything, and a function `score`:

    NEEDS = ("samples", ...)   files beside the run and the dataset, each an option of that name
    FITS = {"channels": 3}     what a dataset must be: any of channels, value_range, labels; {} any
    SETTINGS = {...}           JSON schema of its settings, property by property; all are required
"""

import inspect
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from data import store
from data.arguments import options, takes_settings
from data.arrays import require_npz, write_arrays
from data.files import write_json
from models.device import pick_device
from models.run import Run, load_run, require_dataset

# What every score repeats of the run.json that it is of.
ABOUT_RUN = ("status", "dataset", "method", "seed", "weights_sha256")
HELP = {
    "run": "a run's folder, which models.train wrote",
    "data": "the prepared dataset, which data.prepare wrote (.npz)",
    "out": "JSON to write: values with standard errors and intervals, and how they were made",
    "units": ".npz to write: what the values are means of, one number an image or repeat",
    "samples": "generated images, which models.sample wrote (.npz)",
    "reference": "what the score's reference.py wrote (.npz)",
    "fid_reference": "what eval.fid.reference wrote (.npz)",
    "inception": "the full Inception network, which data.inception wrote; for dims 2048",
}


OPTIONAL = ("inception",)  # of a score's NEEDS: whether it can do without depends on its settings


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


@dataclass(frozen=True)
class Result:
    """What an estimator returns.

    values: dotted name -> a number in the spelling of `eval.measured`.
    protocol: how they were made, for JSON.
    units: name of a value -> (n,) what it is the mean of, one number an image or repeat. Methods
        share images, so differences of methods are taken unit by unit. Accuracies are in percent,
        here as in `values`.
    indices: (n,) the test images that the units belong to; None if the units are not images.
    """

    values: dict[str, dict]
    protocol: dict
    units: dict[str, np.ndarray] = field(default_factory=dict)
    indices: np.ndarray | None = None


def score_main(name: str, score: Callable[[ScoreInputs], Result], needs: tuple[str, ...]) -> None:
    """Parse the command line, score the run, write the result.

    OPTIONAL files that are not given are missing in `ScoreInputs.files`. A run that diverged gets status
    "diverged", no values and no units, so that the tables can say so.
    """
    parser = options(f"{sys.modules[score.__module__].__doc__}\n{inspect.getdoc(score)}")
    for option in ("run", "data", "out", "units"):
        parser.add_argument(f"--{option}", type=Path, required=True, help=HELP[option])
    for option in needs:
        required = option not in OPTIONAL
        parser.add_argument(f"--{option}", type=Path, required=required, help=HELP.get(option))
    takes_settings(parser)
    arguments = parser.parse_args()
    require_settings(name, sys.modules[score.__module__].SETTINGS, arguments.params)
    require_npz(arguments.units)  # now, not after hours

    device = pick_device()
    run = load_run(arguments.run, device)
    start = time.perf_counter()
    result = Result({}, {})
    if run.model is not None:
        data = store.load(arguments.data)
        require_dataset(run, data)
        files = {option: getattr(arguments, option) for option in needs}
        inputs = ScoreInputs(
            run=run,
            data=data,
            params=arguments.params,
            files={option: path for option, path in files.items() if path is not None},
            device=device,
        )
        with torch.inference_mode():
            result = score(inputs)
    save_units(arguments.units, result)
    info = {key: run.info[key] for key in ABOUT_RUN}
    numbers = {"values": result.values, "protocol": result.protocol}
    seconds = {"seconds": round(time.perf_counter() - start, 3)}
    write_json(arguments.out, {"score": name} | info | numbers | seconds)
    shown = ", ".join(f"{key} {of['value']}" for key, of in list(result.values.items())[:6])
    print(f"{name} of {info['method']} on {info['dataset']}, seed {info['seed']}: ", end="")
    print(shown or info["status"])


def require_settings(score: str, known: dict, given: dict) -> None:
    """ValueError unless just the settings that the score knows are given."""
    if wrong := set(known).symmetric_difference(given):
        raise ValueError(f"{score}: settings lack or do not know {', '.join(sorted(wrong))}")


def save_units(path: Path, result: Result) -> None:
    """Write units by name as float32, with `indices`; empty if the score has none."""
    arrays = {name: np.asarray(units, np.float32) for name, units in result.units.items()}
    if result.indices is not None:
        arrays["indices"] = np.asarray(result.indices, np.int64)
    write_arrays(path, arrays)
