"""Every test starts from the same random state and arithmetic, whichever tests ran before it."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from data import registry
from data.download import describe, find_local
from data.files import write_json
from data.prepare import prepare
from tests.tiny import tiny_file
from workflow.settings import load


@pytest.fixture(autouse=True)
def fixed_state():
    torch.manual_seed(int(os.environ.get("SEED_OF_TESTS", "0")))
    torch.backends.cudnn.allow_tf32 = False


@pytest.fixture(scope="session")
def shipped() -> dict:
    """The settings of params.yaml, to be read."""
    return load()


@pytest.fixture(scope="session")
def data_file(tmp_path_factory) -> Path:
    """Tiny images as the data file that jobs read; not to be changed."""
    return tiny_file(tmp_path_factory.mktemp("data"))


@pytest.fixture
def config(shipped) -> dict:
    """A copy of them, to be changed."""
    return copy.deepcopy(shipped)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real datasets that VIMAE_REAL_DATA names; without it the test is skipped."""
    if "VIMAE_REAL_DATA" not in os.environ:
        pytest.skip("VIMAE_REAL_DATA names no folder of real datasets")
    return Path(os.environ["VIMAE_REAL_DATA"])


@pytest.fixture
def real_images(real_data, tmp_path):
    """By a dataset's name: all of its real images, prepared as the pipeline does."""

    def prepared(name: str):
        form, paths, facts = find_local(registry.source(name), [real_data / name], [])
        record = describe(registry.source(name), form, paths, facts, tmp_path)
        write_json(tmp_path / "manifest.json", record)
        official = {"source": "official", "train": None, "test": None}
        return prepare(registry.dataset(name), official, tmp_path / "manifest.json")

    return prepared


@pytest.fixture(scope="session")
def real_weights(real_data, tmp_path_factory) -> Path:
    """The FID network's true weights in our format."""
    stored = np.load(real_data / "inception" / "fid_inception_v3.npz")
    path = tmp_path_factory.mktemp("weights") / "inception.safetensors"
    save_file({name: torch.from_numpy(stored[name]) for name in stored.files}, path)
    return path
