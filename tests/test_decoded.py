"""What sets decoded images apart: what is common to all of them, free of bias, and the table."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.decoded import apart, decoded
from eval.normalisation import batch_statistics
from tests.tiny import JOB_ENVIRONMENT, tiny_file, tiny_run, train_command


def test_what_all_share_is_told_from_what_each_has_by_itself():
    random = np.random.default_rng(0)
    real = random.normal(0, 2, (400, 50))
    own = random.normal(0, 1, (400, 50))
    found = apart(real + own, real)
    assert found["each"] == pytest.approx(50, rel=0.03)
    # By chance alone the mean of 400 differences has a square of 50 / 400 = 0.125, taken off again.
    assert found["all alike"] == pytest.approx(0, abs=0.06)
    found = apart(real + own + 1, real)
    assert found["all alike"] == pytest.approx(50, rel=0.03)
    assert found["spread"] == pytest.approx(50 * (4 + 1), rel=0.05)
    assert apart(real, real) == {"each": 0, "all alike": 0, "spread": real.var(0, ddof=1).sum()}


def test_codes_are_sampled_or_their_means_and_norms_are_as_asked_for():
    run, x = tiny_run("vae"), torch.rand(6, 1, 28, 28)
    whole = decoded(run, x, 6, mean=True, by_batch=False)
    with torch.no_grad():
        torch.testing.assert_close(whole, run.model.decode(run.model.encode(x)[0]))
        with batch_statistics(run.model.decoder):
            expected = run.model.decode(run.model.encode(x)[0])
    torch.testing.assert_close(decoded(run, x, 2, mean=True, by_batch=False), whole)
    torch.testing.assert_close(decoded(run, x, 6, mean=True, by_batch=True), expected)
    assert not torch.equal(decoded(run, x, 6, mean=False, by_batch=False), whole)


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.BatchNorm1d, (9, 3)), (nn.BatchNorm2d, (9, 3, 2, 2))]
)
def test_every_kind_of_batch_norm_takes_its_batchs_statistics(layer, shape):
    model, x = nn.Sequential(layer(3)).eval(), 5 + 2 * torch.randn(shape)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with batch_statistics(model):
        y = model(x)
    torch.testing.assert_close(y.mean(), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(model(x), x, rtol=1e-4, atol=1e-4)  # as begun: mean 0, variance 1
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_command_has_a_row_a_run(tmp_path):
    data = tiny_file(tmp_path, side=32, channels=3)
    options = {"env": JOB_ENVIRONMENT, "capture_output": True, "text": True}
    subprocess.run(train_command(data, tmp_path / "run", epochs=1), check=True, **options)
    words = ["-m", "benchmarks.decoded", "--runs", tmp_path / "run", "--data", data, "--count", 20]
    said = subprocess.run([sys.executable, *map(str, words)], check=True, **options).stdout
    assert [line.split("|")[1].strip() for line in said.splitlines()][2:] == ["vae, seed 3"]
