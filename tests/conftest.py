"""Every test starts from the same random state and arithmetic, whichever tests ran before it."""

import os

import pytest
import torch


@pytest.fixture(autouse=True)
def fixed_state():
    torch.manual_seed(int(os.environ.get("SEED_OF_TESTS", "0")))
    torch.backends.cudnn.allow_tf32 = False
