"""Tiny but real models, data and settings that several tests share."""

import json
import os
import subprocess
import sys

import numpy as np

from data import store
from data.store import ImageSet
from models.run import Run, build_model, build_prior

# As workflow.settings makes them of catalogue entries, for images in [0, 1].
ELBO = {"encoder": "stochastic", "divergence": "kl", "likelihood": "bernoulli"}
VIM = {"encoder": "deterministic", "divergence": "mmd", "likelihood": "squared_error"}
METHODS = {
    "vae": ELBO | {"objective": "elbo", "prior": "normal", "beta": 1.0},
    "vimae_l": VIM | {"objective": "vim", "prior": "logistic", "kernel": "multiscale"},
    "vimae_n_js": VIM | {"objective": "vim", "prior": "normal", "divergence": "js"},
}
TRAIN = {
    "epochs": 3,
    "batch": 10,
    "learning_rate": 1e-3,
    "schedule": [[1, 2]],
    "divergence_weight": 10.0,
    "pixel_noise": 0.01,
    "warmup_steps": 0,
    "pretrain_steps": 3,
    "pretrain_batch": 20,
    "precision": "fp32",
    "cuda_graph": True,
    "diverged_above": 1e6,
    "checkpoint_seconds": 0,
}
MODEL = {"width": 1 / 64, "kernel": None, "latent": 3, "prior_scale": 1.0, "init_std": 0.01}


def tiny_info(method="vae", side=28, channels=1, seed=0, **train):
    """A run's description, as `models.train.describe_run` makes it."""
    return {
        "dataset": "tiny",
        "method": method,
        "seed": seed,
        "params": {"model": MODEL, "train": TRAIN | train, "method": METHODS[method]},
        "image_size": side,
        "channels": channels,
        "value_range": "unit" if channels == 1 else "symmetric",
    }


def tiny_model(stochastic=True, **options):
    """An untrained narrow network."""
    return build_model(tiny_info("vae" if stochastic else "vimae_l", **options))


def tiny_run(method="vae", **options) -> Run:
    """An untrained run, ready to be scored."""
    info = tiny_info(method, **options)
    return Run(info, build_model(info).eval(), build_prior(info))


def tiny_data(train=50, test=20, side=28, channels=1) -> ImageSet:
    """Random images: fixed bytes, no structure."""
    rng = np.random.default_rng(0)

    def images(n):
        return rng.integers(0, 256, (n, side, side, channels), dtype=np.uint8)

    def labels(n):
        return np.arange(n, dtype=np.int64) % 10

    return ImageSet(
        name="tiny",
        train_images=images(train),
        train_labels=labels(train),
        test_images=images(test),
        test_labels=labels(test),
        value_range="unit" if channels == 1 else "symmetric",
        meta={"synthetic": True},
    )


def tiny_file(folder, **options):
    """`tiny_data` as the data file that jobs read."""
    path = folder / "tiny.npz"
    store.save(path, tiny_data(**options))
    return path


# As the rules start a job, on a machine's processor.
JOB_ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "VIMAE_DEVICE": "cpu"}


def train_command(data_file, out, method="vae", **train):
    """The words that train a tiny run, as the rule `train` has them."""
    params = {"model": MODEL, "train": TRAIN | train, "method": METHODS[method]}
    words = ["-m", "models.train", "--data", data_file, "--method", method, "--seed", 3]
    words += ["--params", json.dumps(params), "--out", out]
    return [sys.executable, *map(str, words)]


def train_tiny(*args, environment=None, **options):
    """Run that command to its end."""
    return subprocess.run(
        train_command(*args, **options),
        env=JOB_ENVIRONMENT | (environment or {}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
