"""The scores of any PyTorch encoder and decoder: nll, information, robustness, reconstruction.

    result = evaluate("nll", model, prior, data, settings)
    result.values["nll"]["value"]

`model` is an `EncoderDecoder`, `prior` a `Prior` (those of models.priors are), `data` an `ImageSet`
of data.store, `settings` those of the score: its SETTINGS say which there are, params.yaml has
examples. docs/foreign.md has a model to copy from. FID needs no model: `python -m eval.fid`.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

from data.store import ImageSet
from eval.job import OPTIONAL, Result, ScoreInputs, require_settings
from models.pixels import activate, to_float
from models.run import Run


@runtime_checkable
class EncoderDecoder(Protocol):
    """What the scores ask of a model, an `nn.Module`: it is put into evaluation mode."""

    latent_dim: int  # d
    value_range: str  # of x: "unit" is [0, 1] and a sigmoid, "symmetric" is [-1, 1] and a tanh

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """x (n, c, h, w) -> mean and log variance of q(z|x), (n, d) each; None: deterministic."""

    def decode_logits(self, z: torch.Tensor) -> torch.Tensor:
        """z (n, d) -> (n, c, h, w), whose sigmoid (tanh) is the mean of p(x|z); differentiable.

        A decoder that ends with its sigmoid gives `torch.logit(decoder(z), eps=1e-6)`.
        """


@runtime_checkable
class Prior(Protocol):
    """What the scores ask of p(z): zero mean, `scale` its standard deviation in each dimension."""

    scale: float

    def sample(self, shape, generator=None, device="cpu") -> torch.Tensor:
        """Independent draws of the given shape."""

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """ln p(z) in nats, summed over the last axis; z in float32 or float64."""

    def entropy(self, dimensions: int) -> float:
        """Differential entropy in nats."""


class Adapter(nn.Module):
    """An `EncoderDecoder` with `decode`, which follows from it, as our networks have it."""

    def __init__(self, model: EncoderDecoder):
        super().__init__()
        self.model = model  # registers its layers, so that batch norm can be found
        self.latent_dim, self.value_range = model.latent_dim, model.value_range

    def encode(self, x):
        return self.model.encode(x)

    def decode_logits(self, z):
        return self.model.decode_logits(z)

    def decode(self, z):
        """z (n, d) -> mean image in the data's range."""
        return activate(self.decode_logits(z), self.value_range)


def evaluate(
    score: str,
    model: EncoderDecoder,
    prior: Prior,
    data: ImageSet,
    settings: dict,
    *,
    seed: int = 0,
    training_batch: int = 100,
    files: Mapping[str, Path] | None = None,
    device: torch.device | str = "cpu",
) -> Result:
    """One score of a model that we did not train: values, protocol and units of eval.job.Result.

    Args:
        score: a folder of eval/ with a score.py, such as "nll".
        settings: all that the score's SETTINGS lists.
        seed: of every random stream of the score; equal seeds meet equal noise.
        training_batch: images that batch norm normalised together in training.
        files: for scores that need some (NEEDS), such as {"samples": NPZ} for sharpness.
        device: where `model` is.

    ValueError says what of the model or the data does not fit and which settings or files are missing or
    unknown; TypeError, what the model or the prior lacks. That settings are in their range is not
    checked: SETTINGS says what it is.
    """
    module = importlib.import_module(f"eval.{score}.score")
    require_settings(score, module.SETTINGS, settings)
    if missing := set(module.NEEDS).difference(OPTIONAL, files or {}):
        raise ValueError(f"{score}: files lack {', '.join(sorted(missing))}")
    if unfit := misfit(module.FITS, data):
        raise ValueError(f"{score}: {unfit}")
    device = torch.device(device)
    adapter = Adapter(checked(model, prior, data, device)).eval()
    info = {
        "status": "done",
        "dataset": data.name,
        "value_range": data.value_range,
        "method": type(model).__name__,
        "seed": seed,
        "params": {"train": {"batch": training_batch}},
    }
    run = Run(info, adapter, prior)
    with torch.inference_mode():
        return module.score(ScoreInputs(run, data, settings, dict(files or {}), device))


def misfit(fits: dict, data: ImageSet) -> str:
    """What of a score's FITS the images lack, in words; "" if they fit."""
    _, _, channels = data.image_shape
    found = {
        "channels": channels,
        "value_range": data.value_range,
        "labels": len(np.unique(data.test_labels)) > 1,
    }
    words = {
        "channels": f"takes images of {fits.get('channels')} channels; those of {data.name} have "
        f"{channels}",
        "value_range": f"takes images and a model that are {fits.get('value_range')}; {data.name} is "
        f"{data.value_range} (unit is [0, 1], symmetric [-1, 1])",
        "labels": f"needs labels; all test images of {data.name} have the same one",
    }
    return ", and ".join(words[key] for key, wanted in fits.items() if found[key] != wanted)


@torch.inference_mode()
def checked(model, prior, data: ImageSet, device: torch.device):
    """The model, if it does what `EncoderDecoder` says, tried on two images: else ValueError or TypeError."""
    for of, protocol in ((model, EncoderDecoder), (prior, Prior)):
        if not isinstance(of, protocol):
            wanted = sorted(protocol.__annotations__) + sorted(
                name for name in vars(protocol) if name[0] != "_" and callable(vars(protocol)[name])
            )
            lacks = [name for name in wanted if not hasattr(of, name)]
            raise TypeError(f"{type(of).__name__} lacks {', '.join(lacks)} of {protocol.__name__}")
    if not isinstance(model, nn.Module):  # its layers would be scored as they train
        raise TypeError(
            f"{type(model).__name__} is no torch.nn.Module; make it one, so that its layers can be "
            "found and put into evaluation mode"
        )
    if model.value_range != data.value_range:
        raise ValueError(
            f"{data.name} is {data.value_range}, the model {model.value_range}: give the ImageSet "
            "the value_range that the model was trained on"
        )
    model.eval()
    x = to_float(torch.from_numpy(data.test_images[:2]).to(device), data.value_range)
    mean, log_variance = model.encode(x)
    wanted = (len(x), model.latent_dim)
    for name, found in (("mean", mean), ("log variance", log_variance)):
        if found is not None and found.shape != wanted:
            raise ValueError(f"encode: {name} is {tuple(found.shape)}, not (n, d) = {wanted}")
    logits = model.decode_logits(mean)
    if logits.shape != x.shape:
        raise ValueError(
            f"decode_logits: {tuple(logits.shape)} for images {tuple(x.shape)}; reshape them alike"
        )
    return model
