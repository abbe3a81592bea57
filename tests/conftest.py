"""Every test starts from the same random state, whichever tests ran before it."""

import os

import pytest
import torch


@pytest.fixture(autouse=True)
def fixed_random_state():
    torch.manual_seed(int(os.environ.get("SEED_OF_TESTS", "0")))
