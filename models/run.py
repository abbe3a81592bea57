"""A finished training run on disk: `weights.safetensors`, `history.csv` and `run.json`."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from data.files import digest, read_json, reading
from data.store import ImageSet
from models.networks import AutoEncoder
from models.priors import PRIORS
from models.seeds import torch_generator


def build_model(info: dict) -> AutoEncoder:
    """The untrained network of a run: initial weights are a function of the seed alone.

    `info` has image_size, channels, value_range, seed and params {"model", "method"}.
    """
    settings = info["params"]["model"]
    return AutoEncoder(
        info["image_size"],
        info["channels"],
        info["value_range"],
        latent=settings["latent"],
        stochastic=info["params"]["method"]["encoder"] == "stochastic",
        width=settings["width"],
        kernel=settings["kernel"],
        init_std=settings["init_std"],
        normalisation=settings.get("normalisation", "batch"),  # runs before 2026-11-25 do not say
        generator=torch_generator(info["seed"], "weights"),
    )


def build_prior(info: dict):
    """The prior p(z) of a run."""
    prior = PRIORS[info["params"]["method"]["prior"]]
    return prior(info["params"]["model"]["prior_scale"])


@dataclass(frozen=True)
class Run:
    """A trained model with what is known of it; `model` is None if training diverged."""

    info: dict
    model: AutoEncoder | None
    prior: object


def require(path: Path) -> None:
    """ValueError if a file of a run is not there; a committed record, for one, has no weights."""
    if not path.is_file():
        raise ValueError(
            f"{path}: no such file; name a run's folder as training leaves it, such as "
            "results/quick/runs/mnist/vae/seed0"
        )


def load_run(folder: Path | str, device: torch.device | str = "cpu") -> Run:
    """Load a run for evaluation.

    ValueError if a file is missing or damaged or the weights are not those that it names.
    """
    folder = Path(folder)
    record, weights = folder / "run.json", folder / "weights.safetensors"
    require(record)
    again = f"delete {folder} and run again"
    info = read_json(record, ("status",))
    with reading(record, again):
        prior = build_prior(info)
        if info["status"] == "diverged":
            return Run(info, None, prior)
        model, recorded = build_model(info), info["weights_sha256"]
    require(weights)
    with reading(weights, again):
        if digest(weights) != recorded:
            raise ValueError(f"{weights}: not the weights that run.json records; {again}")
        model.load_state_dict(load_file(weights))
    model.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    return Run(info, model, prior)


def load_trained(folder: Path | str, device: torch.device | str = "cpu") -> Run:
    """The same for who needs the model. ValueError also if there is none, training having diverged."""
    run = load_run(folder, device)
    if run.model is None:
        raise ValueError(f"{folder}: this training diverged, there is no model; take another run")
    return run


def require_dataset(run: Run, data: ImageSet) -> None:
    """ValueError unless the run was trained on the dataset of this name and on images of this form."""
    side = run.info["image_size"]
    trained = run.info["dataset"], (side, side, run.info["channels"]), run.info["value_range"]
    given = data.name, data.image_shape, data.value_range
    if given != trained:
        (name, shape, values), (of, wanted, taken) = given, trained
        raise ValueError(
            f"--data: {name} {shape} {values}, but the run was trained on {of} {wanted} {taken}; give "
            "what it was trained on"
        )
