"""A disk that fills up while a result is written: the file is named, the old one stays, no half one."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from data import store
from data.arrays import write_arrays
from data.files import write_json
from models.checkpoint import save_checkpoint
from models.train import write_history, write_weights
from tests.tiny import tiny_data

WRITERS = {
    "x.json": lambda path: write_json(path, {"a": 1}),
    "data.npz": lambda path: store.save(path, tiny_data()),
    "codes.npz": lambda path: write_arrays(path, {"codes": np.zeros((9, 3), np.float32)}),
    "history.csv": lambda path: write_history(path, [{"epoch": 1}]),
    "weights.safetensors": lambda path: write_weights(path, {"weights": torch.zeros(9)}),
    "x.pt": lambda path: save_checkpoint(path, {"weights": torch.zeros(9)}),
}

SAID = {"x.pt": "iostream error"}  # by torch


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(name, tmp_path, monkeypatch):
    def on_a_full_disk(dir, prefix, suffix):
        path = Path(dir, f"{prefix}12345678{suffix}")
        path.symlink_to("/dev/full")  # a device that takes no byte, as the system would say it
        return os.open(path, os.O_WRONLY), str(path)

    path = tmp_path / name
    path.write_text("old")
    monkeypatch.setattr(tempfile, "mkstemp", on_a_full_disk)
    with pytest.raises(
        OSError, match=f"{name}: not written .*{SAID.get(name, 'No space left')}.*free space"
    ):
        WRITERS[name](path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
