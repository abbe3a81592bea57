"""Scores of models that are not ours: known answers, and the example of docs/foreign.md."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from eval.fid import reference as fid_reference
from eval.fid.inception import load_network
from eval.foreign import EncoderDecoder, Prior, evaluate
from eval.information.score import score as information
from eval.job import ScoreInputs
from models.priors import Logistic, Normal
from tests import quadrants
from tests.pages import blocks, execute
from tests.tiny import tiny_data, tiny_run

PAGE = "docs/foreign.md"
NLL = {
    "images": 5,
    "samples": 500,
    "proposal": "encoder",
    "proposal_scales": [1.0],
    "tuning_images": 2,
    "laplace_iterations": 1,
    "prior_samples": 100,
    "ais": {"seeds": None, "images": 2, "chains": 2, "temperatures": 10, "leapfrog": 2},
    "batch": 1000,
}
INFORMATION = {"count": None, "resolution": 0.5, "batch": 7}
ROBUSTNESS = quadrants.PARAMS | {
    "labels": 20,
    "test": None,
    "levels": [0.3],
    "corruptions": ["mask_black"],
    "draws": 1,
    "batch_statistics": True,
}


class Blind(nn.Module):
    """Its decoder does not look at z, so that ln p(x) is known; q(z|x) is the prior."""

    latent_dim, value_range = 2, "unit"

    def __init__(self, logit: float, spread: float = 1.0):
        super().__init__()
        self.logit, self.spread = logit, spread

    def encode(self, x):
        mean = torch.zeros(len(x), 2)
        return mean, torch.full_like(mean, 2 * math.log(self.spread))

    def decode_logits(self, z):
        return self.logit + 0 * z.sum(1).view(-1, 1, 1, 1) + torch.zeros(len(z), 1, 28, 28)


def test_nll_of_a_decoder_that_ignores_its_code_is_its_cross_entropy():
    data, logit = tiny_data(), 0.7
    result = evaluate("nll", Blind(logit), Normal(), data, NLL)
    x = data.test_images[result.indices].reshape(NLL["images"], -1) / 255
    expected = (np.log1p(np.exp(logit)) - x * logit).sum(1)
    np.testing.assert_allclose(result.units["nll"], expected, rtol=1e-5)
    np.testing.assert_allclose(result.units["cross_entropy"], expected, rtol=1e-5)
    assert result.values["ais_gap"]["value"] == pytest.approx(0, abs=1e-3)


def test_a_code_that_knows_nothing_has_no_information_and_no_rate():
    values = evaluate("information", Blind(0.0), Normal(), tiny_data(), INFORMATION).values
    for name in ("rate", "encoder_information", "information"):
        assert values[name]["value"] == pytest.approx(0, abs=1e-6)
    assert values["active_units"]["value"] == 0


def test_our_own_network_has_the_values_of_its_run():
    run, data = tiny_run("vimae_l"), tiny_data()
    inputs = ScoreInputs(run, data, INFORMATION, {}, torch.device("cpu"))
    with torch.inference_mode():
        expected = information(inputs).values
    batch = run.info["params"]["train"]["batch"]
    model, prior = run.model, Logistic()
    found = evaluate("information", model, prior, data, INFORMATION, training_batch=batch).values
    assert found == expected
    accuracy = evaluate("robustness", model, prior, data, ROBUSTNESS).values["tsvm.clean"]
    assert 0 <= accuracy["value"] <= 100


def test_scores_of_pictures_ask_for_the_files_that_their_settings_need(tmp_path):
    data, run = tiny_data(side=32, channels=3), tiny_run("vae", side=32, channels=3)
    network, common = load_network(64), {"dims": 64, "count": 12, "groups": 2, "batch": None}
    params = common | {"references": {"test": 12}, "allow_small": True}
    file = tmp_path / "reference.npz"
    fid_reference.save(
        file, fid_reference.build(data, network, params), fid_reference.key(network, data)
    )
    # The full network is for 2048 features.
    files = {"fid_reference": file}
    found = evaluate("encoded", run.model, run.prior, data, common, files=files)
    assert found.values["fid.test"]["value"] > 0
    with pytest.raises(ValueError, match="encoded: files lack fid_reference"):
        evaluate("encoded", run.model, run.prior, data, common)


def test_what_does_not_fit_is_named():
    data, model, prior = tiny_data(), Blind(0.0), Normal()

    class Half(nn.Module):
        latent_dim, value_range = 2, "unit"

        def encode(self, x):
            return torch.zeros(len(x), 3), None

    class Wrong(Half):
        def decode_logits(self, z):
            return torch.zeros(len(z), 784)

    class Flat(Wrong):
        latent_dim = 3

    class Symmetric(Blind):
        value_range = "symmetric"

    class Plain:  # nobody could find its layers, to put them into evaluation mode
        latent_dim, value_range = 2, "unit"
        encode, decode_logits = model.encode, model.decode_logits

    coloured = tiny_data(channels=3)
    unlabelled = replace(data, test_labels=np.zeros_like(data.test_labels))
    for arguments, message in (
        (("information", Half(), prior, data, INFORMATION), "Half lacks decode_logits of Encoder"),
        (("information", model, object(), data, INFORMATION), "object lacks scale, entropy, log_"),
        (("information", Plain(), prior, data, INFORMATION), "Plain is no torch.nn.Module; make"),
        (("information", Wrong(), prior, data, INFORMATION), r"mean is \(2, 3\), not .* \(2, 2\)"),
        (
            ("information", Flat(), prior, data, INFORMATION),
            r"decode_logits: \(2, 784\) for images",
        ),
        (("information", model, prior, coloured, INFORMATION), "tiny is symmetric, the model unit"),
        (("information", model, prior, data, {"count": 3}), "settings lack .* batch, resolution"),
        (("sharpness", model, prior, data, {"count": None}), "sharpness: files lack samples"),
        (("nll", Symmetric(0.0), prior, coloured, NLL), r"nll: .* are unit; tiny is symmetric \("),
        (("robustness", model, prior, unlabelled, ROBUSTNESS), "robustness: needs labels; all"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            evaluate(*arguments)


def test_our_networks_and_priors_keep_the_protocol():
    assert isinstance(tiny_run().model, EncoderDecoder)
    assert all(isinstance(prior(2.0), Prior) for prior in (Normal, Logistic))


def test_the_example_of_the_page_runs(capsys):
    example, _ = blocks(PAGE, "python")
    execute(example, {"__name__": "example"})
    values = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    nll, accuracy = (float(values[name].split()[0]) for name in ("nll", "tsvm.clean"))
    assert 15 < nll < 35  # nats: independent pixels cost more, and no model of this size less
    assert accuracy > 60  # ten classes


def test_a_vae_of_pythae():
    models = pytest.importorskip("pythae.models", reason="pythae is not installed")
    _, wrapper = blocks(PAGE, "python")
    names = {"nn": nn, "torch": torch}
    execute(wrapper, names)
    config = models.VAEConfig(input_dim=(1, 28, 28), latent_dim=4, reconstruction_loss="bce")
    theirs, data = models.VAE(config), tiny_data()
    model = names["Pythae"](theirs, (1, 28, 28))
    values = evaluate("nll", model, Normal(), data, NLL).values
    x = torch.from_numpy(data.test_images).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        elbo = -theirs({"data": x}).loss.item()
        mean, log_variance = model.encode(x)
        logits = model.decode_logits(mean)
        expected = theirs.decoder(mean).reconstruction.reshape(x.shape)
    assert mean.shape == log_variance.shape == (20, 4)
    torch.testing.assert_close(torch.sigmoid(logits), expected)
    # Untrained, nearly blind: bound and NLL are nearly the entropy of p = 1/2, and bound is below.
    assert values["nll"]["value"] == pytest.approx(784 * math.log(2), rel=0.05)
    assert -values["nll"]["value"] > elbo - 30
    assert evaluate("robustness", model, Normal(), data, ROBUSTNESS).values["svm.clean"]
