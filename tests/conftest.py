"""Every test starts from the same random state and arithmetic, whichever tests ran before it."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file


@pytest.fixture(autouse=True)
def fixed_state():
    torch.manual_seed(int(os.environ.get("SEED_OF_TESTS", "0")))
    torch.backends.cudnn.allow_tf32 = False


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real datasets that VIMAE_REAL_DATA names; without it the test is skipped."""
    if "VIMAE_REAL_DATA" not in os.environ:
        pytest.skip("VIMAE_REAL_DATA names no folder of real datasets")
    return Path(os.environ["VIMAE_REAL_DATA"])


@pytest.fixture(scope="session")
def real_weights(real_data, tmp_path_factory) -> Path:
    """The FID network's true weights in our format."""
    stored = np.load(real_data / "inception" / "fid_inception_v3.npz")
    path = tmp_path_factory.mktemp("weights") / "inception.safetensors"
    save_file({name: torch.from_numpy(stored[name]) for name in stored.files}, path)
    return path
