"""Training: schedule, streams, divergence. Runs the real command line."""

import itertools
import math
import os
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch

import models.train
from data.files import digest, read_json
from models.device import supported_precision
from models.interruption import Interrupted, Interruption
from models.noise import noisy_copy
from models.optimizer import learning_rate
from models.pretrain import moment_loss
from models.provenance import code_digest
from models.run import load_run
from models.sample import sample_images, shown_pictures
from models.trainer import Diverged, Trainer
from tests.tiny import (
    METHODS,
    MODEL,
    TRAIN,
    tiny_data,
    tiny_info,
    tiny_run,
    train_tiny,
)


def test_reference_schedule():
    """tolstikhin/wae's `manual`: halved at epoch 30, a fifth of that at 50, a tenth at 100."""
    schedule = [[30, 2], [50, 5], [100, 10]]
    rates = [learning_rate(1e-3, schedule, epoch, 101) for epoch in (0, 29, 30, 49, 50, 99, 100)]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4, 1e-4, 1e-4, 1e-5])


def test_decaying_schedule():
    """`manual_smooth`: the same factor before every epoch, also the first; a hundredth in the last."""
    rates = [learning_rate(5e-4, {"decay": 100}, epoch, 50) for epoch in range(50)]
    assert [rates[24], rates[49]] == pytest.approx([5e-5, 5e-6])
    factors = [b / a for a, b in itertools.pairwise([5e-4, *rates])]
    assert factors == pytest.approx([100 ** (-1 / 50)] * 50)


@pytest.mark.parametrize(
    ("steps", "shares"),
    [
        (0, [1] * 8),
        (4, [0.25, 0.5, 0.75, *[1] * 5]),
        (8, [step / 8 for step in range(1, 9)]),
    ],
)
def test_the_first_steps_have_a_share_of_their_rate(tmp_path, steps, shares):
    """Over the border of epochs, five steps long, of which the second has half of the rate.

    The learning curve has the rate of an epoch's last step.
    """
    images = torch.from_numpy(tiny_data().train_images)
    info = tiny_info("vae", warmup_steps=steps, epochs=2)
    trainer, rates = Trainer(info, images, tmp_path / "c.pt", "f"), []
    optimise = trainer.optimizer
    optimise.register_step_pre_hook(lambda *_: rates.append(optimise.param_groups[0]["lr"]))
    trainer.fit(mock.Mock(spec=Interruption, reason=lambda: None))
    scheduled = [1e-3] * 5 + [5e-4] * 5
    assert rates == pytest.approx([s * r for s, r in zip([*shares, 1, 1], scheduled, strict=True)])
    curve = [row["learning_rate"] for row in trainer.history]
    assert curve == pytest.approx([rates[4], rates[9]])


def test_pixel_noise_is_a_truncated_normal():
    x = torch.full((200, 1, 28, 28), 0.5)
    noise = noisy_copy(x, 0.01, torch.Generator().manual_seed(0)) - x
    assert noise.abs().max() <= 0.02 + 1e-6
    # A standard Normal cut at 2 has standard deviation 0.87963 (closed form).
    assert noise.std().item() == pytest.approx(0.0087963, rel=0.01)
    assert noisy_copy(x, 0.0, torch.Generator()) is x


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_complete_and_repeatable(method, data_file, tmp_path):
    for name in "ab":
        result = train_tiny(data_file, tmp_path / name, method)
        assert result.returncode == 0, result.stdout + result.stderr
    record = read_json(tmp_path / "a" / "run.json")
    assert record["status"] == "done" and record["params"]["method"] == METHODS[method]
    assert record["weights_sha256"] == digest(tmp_path / "a" / "weights.safetensors")
    assert record["weights_sha256"] == digest(tmp_path / "b" / "weights.safetensors")
    assert record["provenance"]["code_sha256"] == code_digest()
    assert record["provenance"]["versions"]["torch"] == torch.__version__.split("+")[0]
    history = pd.read_csv(tmp_path / "a" / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3] and history["loss"].notna().all()
    assert list(history["learning_rate"]) == pytest.approx([1e-3, 5e-4, 5e-4])
    assert load_run(tmp_path / "a").model.latent_dim == MODEL["latent"]


@pytest.mark.parametrize("likelihood", ["squared_error", "bernoulli"])
def test_a_stochastic_vim_and_an_ablation_train(likelihood, data_file, tmp_path):
    """What the catalogue can say beyond the paper's methods goes through training and loading."""
    method = METHODS["vimae_l"] | {"encoder": "stochastic", "likelihood": likelihood}
    info = tiny_info("vimae_l", divergence_weight=0.0)
    info["params"] = info["params"] | {"method": method}
    trainer = Trainer(info, torch.from_numpy(tiny_data().train_images), tmp_path / "c.pt", "f")
    assert trainer.model.stochastic and trainer.pretraining.limit == TRAIN["pretrain_steps"]
    trainer.fit(mock.Mock(spec=Interruption, reason=lambda: None))
    name = "cost" if likelihood == "squared_error" else "distortion"
    assert all(row["loss"] == pytest.approx(row[name]) for row in trainer.history)


def test_pretraining_belongs_to_the_objective(tmp_path):
    images = torch.from_numpy(tiny_data().train_images)
    for method, steps in {"vae": 0, "vimae_l": TRAIN["pretrain_steps"]}.items():
        trainer = Trainer(tiny_info(method), images, tmp_path / "c.pt", "f")
        assert trainer.pretraining.limit == steps


def test_moment_loss():
    """Equal samples cost nothing; a shift by s costs s^2, a factor f (f^2 - 1)^2 / d for white."""
    z = torch.linalg.qr(torch.randn(400, 4, dtype=torch.float64))[0]
    z = z - z.mean(0)
    z = z @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(z.T)).T)  # white to machine precision
    assert moment_loss(z, z) == 0
    assert moment_loss(z + 3, z).item() == pytest.approx(9)
    assert moment_loss(2 * z, z).item() == pytest.approx((4 - 1) ** 2 / 4)


def test_changed_weights_are_not_scored(data_file, tmp_path):
    assert train_tiny(data_file, tmp_path / "a").returncode == 0
    with open(tmp_path / "a" / "weights.safetensors", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    with pytest.raises(ValueError, match="weights.safetensors: not the weights"):
        load_run(tmp_path / "a")


def test_arithmetic_that_a_processor_lacks_is_not_emulated(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    for flags, expected in {"fma avx2": "fp32", "avx512_bf16": "bf16", "amx_bf16": "bf16"}.items():
        monkeypatch.setattr(Path, "read_text", lambda _, flags=flags: flags)
        assert supported_precision("bf16", cpu) == expected
        assert supported_precision("tf32", cpu) == supported_precision("fp32", cpu) == "fp32"
        assert supported_precision("bf16", gpu) == "bf16"


def test_divergence_is_reported_with_its_place(data_file, tmp_path):
    result = train_tiny(data_file, tmp_path / "a", diverged_above=1e-3)
    assert result.returncode == 0, result.stderr
    record = read_json(tmp_path / "a" / "run.json")
    assert record["status"] == "diverged"
    assert record["why"].startswith("epoch 1, median over its batches: loss ")
    assert record["why"].endswith("(limit 0.001)")
    run = load_run(tmp_path / "a")
    assert run.model is None and len(sample_images(run, 5, torch.device("cpu"))) == 0


@pytest.mark.parametrize(
    ("losses", "why"),
    [
        ([1e15, 5, 5, 5, 5], None),  # one step, and back
        ([5, 5, -2e6, 3e6, 2e6], "epoch 1, median over its batches: loss 2e+06 (limit 1e+06)"),
        ([5, 5, 5, math.inf, 5], "epoch 1, batch 4: loss inf, cost inf"),
        ([5, math.nan, 5, 5, 5], "epoch 1, batch 2: loss nan, cost nan"),
    ],
)
def test_what_diverged_is_what_stays_beyond_the_limit_or_is_not_finite(tmp_path, losses, why):
    images = torch.from_numpy(tiny_data().train_images)  # five batches an epoch
    trainer = Trainer(tiny_info("vae", epochs=1), images, tmp_path / "c.pt", "f")
    parts = iter(torch.tensor(losses))
    trainer.step = mock.Mock(side_effect=lambda _: next(parts).expand(2), names=["loss", "cost"])
    go = mock.Mock(spec=Interruption, reason=lambda: None)
    if why is None:
        trainer.fit(go)
        assert [row["loss"] for row in trainer.history] == [pytest.approx(2e14)]
    else:
        with pytest.raises(Diverged) as error:
            trainer.fit(go)
        assert str(error.value) == why


def test_not_a_number_counts_as_divergence(data_file, tmp_path):
    result = train_tiny(data_file, tmp_path / "a", learning_rate=1e30, epochs=2)
    assert result.returncode == 0, result.stderr
    assert read_json(tmp_path / "a" / "run.json")["status"] == "diverged"


def test_samples_do_not_depend_on_how_many_are_asked_for():
    run = tiny_run()
    few, many = (sample_images(run, count, torch.device("cpu")) for count in (7, 11))
    assert few.shape == (7, 28, 28, 1) and few.dtype == np.uint8
    np.testing.assert_array_equal(few, many[:7])


@pytest.mark.parametrize("shown", [True, False])
def test_images_that_may_not_be_shown_are_not_kept(shown):
    data = replace(tiny_data(), meta={"shown": shown})
    kept = shown_pictures(tiny_run(), data, torch.device("cpu"))
    assert set(kept) == {"interpolation"} | ({"originals", "reconstructions"} if shown else set())


@pytest.mark.parametrize(
    ("width", "device", "warns"), [(1, "", True), (1, "cpu", False), (1 / 64, "", False)]
)
def test_a_full_network_on_a_processor_says_so(
    width, device, warns, data_file, tmp_path, monkeypatch, capsys
):
    """Once, wherever it is started; no network is built here."""
    monkeypatch.setenv("VIMAE_DEVICE", device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(models.train, "Trainer", mock.Mock(side_effect=Interrupted))
    params = {"model": MODEL | {"width": width}, "train": TRAIN, "method": METHODS["vae"]}
    with pytest.raises(Interrupted):
        models.train.train(data_file, "vae", 0, params, tmp_path / "run", tmp_path / "x.pt")
    said = capsys.readouterr().err
    assert said.count("a network of full size trains on the processor") == warns


def test_code_digest_follows_code_and_nothing_else(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.py").write_text("1")
    first = code_digest(tmp_path)
    (tmp_path / "models" / "a.pyc").write_text("compiled")
    assert code_digest(tmp_path) == first
    (tmp_path / "models" / "a.py").write_text("2")
    assert code_digest(tmp_path) != first
