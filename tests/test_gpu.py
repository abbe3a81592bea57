"""The GPU's path: the same numbers as the CPU's, from the same weights and the same noise.

Skipped where there is no GPU. Tolerances: float32 sums in another order, some 1e-4 relative.
"""

import copy
from unittest import mock

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import eval.information.score
import eval.nll.score
import eval.reconstruction.score
import eval.robustness.score
from eval.fid.inception import STEM_FILE, features, load_network
from eval.job import ScoreInputs
from models import device, objectives
from models.interruption import Interrupted, Interruption
from models.mmd import mmd
from models.objectives import vim
from models.optimizer import make_optimizer
from models.run import Run, build_model, build_prior
from models.seeds import torch_generator
from models.step import Step
from models.throughput import flops_per_image, matrix_peak
from models.trainer import Trainer
from tests.tiny import METHODS, tiny_data, tiny_info

GPU = torch.device("cuda")
CPU = torch.device("cpu")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
STEPS = 12


class NoiseFromCpu:
    """A stand-in for the device's generator, so that both devices see the same noise."""

    def __init__(self):
        self.cpu = torch_generator(0, "noise")

    def get_state(self):
        return self.cpu.get_state()


class PriorFromCpu:
    """A prior that draws on the CPU."""

    def __init__(self, prior):
        self.prior, self.scale = prior, prior.scale

    def sample(self, shape, generator, where):
        return self.prior.sample(shape, generator.cpu).to(where)


def sample_posterior_from_cpu(mean, log_variance, generator):
    if log_variance is None:
        return mean.float()
    noise = torch.randn(mean.shape, generator=generator.cpu).to(mean.device)
    return mean.float() + noise * (0.5 * log_variance.float()).exp()


def losses_with_shared_noise(method: str, where: torch.device, **train) -> np.ndarray:
    """Losses of the first steps; no pixel noise, all other noise drawn on the CPU."""
    info = tiny_info(method, cuda_graph=False, pixel_noise=0.0, **train)
    model = build_model(info).to(where, memory_format=torch.channels_last).train()
    optimizer = make_optimizer([{"params": list(model.parameters()), "lr": 1e-3}], where)
    images = torch.from_numpy(tiny_data().train_images).to(where)
    prior = PriorFromCpu(build_prior(info))
    step = Step(model, None, prior, optimizer, images, NoiseFromCpu(), info["params"])
    index = torch.arange(10, device=where)
    with (
        mock.patch.object(objectives, "sample_posterior", sample_posterior_from_cpu),
        mock.patch.object(vim, "sample_posterior", sample_posterior_from_cpu),
        mock.patch.object(objectives, "rate", lambda z, m, v, _: objectives.gaussian_kl(m, v)),
    ):
        return np.array([step(index)[0].item() for _ in range(STEPS)])


@needs_gpu
@pytest.mark.parametrize("method", ["vae", "vimae_l"])
@pytest.mark.parametrize(
    ("precision", "tolerance"), [("fp32", 1e-3), ("tf32", 5e-3), ("bf16", 3e-2)]
)
def test_first_losses_are_the_cpus(method, precision, tolerance):
    expected = losses_with_shared_noise(method, CPU)
    found = losses_with_shared_noise(method, GPU, precision=precision)
    np.testing.assert_allclose(found, expected, rtol=tolerance)
    assert found[-1] < found[0]


def trained(info, where, interrupt_at=None, checkpoint=None) -> tuple[dict, list]:
    """Weights (on the CPU) and history of a whole run, stopped once and continued if asked."""
    images = torch.from_numpy(tiny_data().train_images).to(where)
    if interrupt_at is not None:
        pretraining = objectives.load(info["params"]["method"]["objective"]).TRAITS["pretrained"]
        before = info["params"]["train"]["pretrain_steps"] if pretraining else 0
        countdown = iter(range(before + interrupt_at))  # pre-training's steps can be stopped at too
        stop = mock.Mock(reason=lambda: None if next(countdown, None) is not None else "test")
        with pytest.raises(Interrupted, match=f"step {interrupt_at} "):
            Trainer(info, images, checkpoint, "f").fit(stop)
    trainer = Trainer(info, images, checkpoint, "f")
    trainer.fit(mock.Mock(spec=Interruption, reason=lambda: None))
    return {k: v.cpu() for k, v in trainer.model.state_dict().items()}, trainer.history


@needs_gpu
@pytest.mark.parametrize("method", METHODS)
def test_graph_equals_eager(method, tmp_path):
    """The captured step draws the same noise and makes the same updates as the eager one."""
    results = [
        trained(tiny_info(method, cuda_graph=graph), GPU, checkpoint=tmp_path / f"{graph}.pt")
        for graph in (False, True)
    ]
    (eager, eager_history), (graph, graph_history) = results
    for name in eager:
        torch.testing.assert_close(graph[name], eager[name], rtol=1e-3, atol=1e-4)
    losses = [[row["loss"] for row in history] for history in (eager_history, graph_history)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


@needs_gpu
@pytest.mark.parametrize("method", METHODS)
def test_a_continued_run_is_the_unbroken_one(method, tmp_path):
    info = tiny_info(method)
    whole, _ = trained(info, GPU, checkpoint=tmp_path / "whole.pt")
    parts, _ = trained(info, GPU, interrupt_at=7, checkpoint=tmp_path / "parts.pt")
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-3, atol=1e-4)


@needs_gpu
def test_mmd_is_the_cpus():
    codes, draws = torch.randn(100, 8), torch.randn(100, 8)
    found = mmd(codes.to(GPU), draws.to(GPU)).cpu()
    torch.testing.assert_close(found, mmd(codes, draws), rtol=1e-4, atol=1e-6)


@needs_gpu
def test_inception_features_are_the_cpus():
    assert load_file(STEM_FILE)
    images = tiny_data(train=8, side=32, channels=3).train_images
    expected, found = (features(load_network(192, device=where), images) for where in (CPU, GPU))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


SCORES = {
    eval.reconstruction.score: {"count": None, "batch": 7},
    eval.information.score: {"count": 40, "resolution": 0.5, "batch": 8},
    eval.nll.score: {
        "images": 20,
        "samples": 2000,
        "proposal": "laplace",
        "proposal_scales": [1.0, 1.2],
        "tuning_images": 10,
        "laplace_iterations": 6,
        "prior_samples": 5000,
        "ais": None,
        "batch": 1000,
    },
    eval.robustness.score: {
        "labels": 30,
        "unlabelled": None,
        "test": 60,
        "levels": [0.1],
        "corruptions": ["gaussian", "mask_black"],
        "draws": 2,
        "C": 1.0,
        "unlabelled_weight": 1.0,
        "kernel": "rbf",
        "annealing": "weight",
        "features": "mean",
        "retrain_levels": [],
        "batch_statistics": False,
        "few_shot": None,
    },
}
# What differs is Monte Carlo noise (its own draws on either device) or a few images in 60 whose
# decision value is next to zero.
TOLERANCES = {"reconstruction": 0.02, "information": 0.1, "nll": 0.02, "robustness": 0.05}


@needs_gpu
@pytest.mark.parametrize("module", SCORES, ids=lambda module: module.__name__)
@pytest.mark.parametrize("method", ["vae", "vimae_l"])
def test_scores_are_the_cpus(module, method):
    info = tiny_info(method)
    model = build_model(info).eval().requires_grad_(False)
    data, found = tiny_data(train=100, test=60), []
    for where in (CPU, GPU):
        run = Run(info, copy.deepcopy(model).to(where), build_prior(info))
        with torch.inference_mode():
            found.append(module.score(ScoreInputs(run, data, SCORES[module], {}, where)).values)
    tolerance = TOLERANCES[module.__name__.split(".")[1]]
    assert found[0].keys() == found[1].keys()
    for name, expected in found[0].items():
        value = expected["value"]  # None where a deterministic encoder's is infinite
        bounds = {"rel": tolerance, "abs": tolerance}
        assert found[1][name]["value"] == (value and pytest.approx(value, **bounds)), name


@needs_gpu
def test_operations_are_counted_and_the_peak_is_measured():
    model = build_model(tiny_info("vae"))
    assert flops_per_image(model.to(GPU), (28, 28, 1), GPU) == flops_per_image(
        build_model(tiny_info("vae")), (28, 28, 1), CPU
    )
    assert matrix_peak(GPU, "bf16") > matrix_peak(GPU, "fp32") > 0


# These need no GPU.


@pytest.mark.parametrize("module", SCORES, ids=lambda module: module.__name__)
def test_every_setting_of_a_score_is_given(module):
    assert SCORES[module].keys() == module.SETTINGS.keys()


def test_each_job_gets_a_gpu_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(device, "HELD", [])
    assert [device.free_index(["a", "b", "c"], tmp_path) for _ in range(3)] == [0, 1, 2]
    assert device.free_index(["c", "d"], tmp_path) == 1  # another view of the same machine
    assert device.free_index(["a", "b"], tmp_path) in (0, 1)  # all held: shared
    device.HELD.clear()  # what the end of the process does
    assert device.free_index(["a", "b"], tmp_path) == 0


def test_float32_is_not_rounded_to_tf32():
    with torch.backends.cudnn.flags(allow_tf32=True):
        device.pick_device()
        assert not torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "highest"
