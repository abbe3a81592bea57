"""The studies: each variant differs in what its study says; the theory that they rest on."""

import math

import numpy as np
import pytest
import torch

from eval.robustness.corruption import CORRUPTIONS
from models.mmd import mmd
from models.objectives import gaussian_kl, log_likelihood, squared_error
from models.priors import PRIORS
from models.run import build_model
from tests.tiny import tiny_data, tiny_info
from workflow.settings import Settings, SettingsError, check
from workflow.studies import apart
from workflow.studies.definitions import SCALE, STUDIES
from workflow.studies.render import study_settings

RUNS = {
    "attribution": 22 * 3,
    "capacity": 11 * 3,
    "weights": 14 * 3,
    "scale": 18 * 2 * 2,
    "precision": 4 * 5,
    "omniglot": 13 * 3,
    "cifar10": 6 * 2,
    "celeba": 10 * 3,
}


# --- presets


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_a_preset_that_can_run(name):
    settings = study_settings(STUDIES[name])
    assert len(settings.methods) * len(settings.datasets) * len(settings.seeds) == RUNS[name]
    always = {"reconstruction", "information", "sharpness"}
    if name != "celeba":  # of which there are no labels
        always.add("robustness")
    sometimes = {"nll", "fid", "fitted", "encoded", "response"}
    assert always <= set(settings.scored) <= always | sometimes
    for contrast in STUDIES[name].contrasts:
        assert {contrast.method, contrast.base} <= set(settings.methods)


@pytest.mark.parametrize(
    ("name", "seeds"),
    [(name, [0, 1, 2]) for name in ("attribution", "capacity", "weights")]
    + [("precision", [3, 4, 5, 6, 7])],
)
def test_what_the_studies_share(name, seeds):
    settings = study_settings(STUDIES[name])
    assert settings.datasets == ["mnist"] and settings.seeds == seeds
    for method in settings.methods:
        own = settings.train_settings("mnist", method)
        std = 0.1 if own["model"]["normalisation"] == "none" else 0.04
        assert (own["model"]["width"], own["model"]["init_std"]) == (1 / 16, std)
        train = own["train"]
        assert (train["epochs"], train["learning_rate"]) == (10, 0.004)
        assert train["precision"] == ("fp32" if method.endswith("fp32") else "bf16")
        assert train["schedule"] == [[5, 2], [8, 5]]  # at 50 and 80 %
    assert settings.image_counts("mnist") == {"train": 60000, "test": 10000}
    scores = {score: settings.score_settings(score, "mnist") for score in settings.scored}
    assert scores["nll"]["images"] == 200 and scores["nll"]["ais"] is None
    assert scores["information"]["count"] == 2000
    wanted = {"levels": [0.1, 0.3, 0.5], "test": 5000, "unlabelled": 10000, "retrain_levels": []}
    assert wanted.items() <= scores["robustness"].items()


def test_scale_is_width_times_epochs():
    settings = study_settings(SCALE)
    for dataset, rate in (("mnist", 0.004), ("cifar10", 0.002)):
        found = set()
        for method in settings.methods:
            own = settings.train_settings(dataset, method)
            width, epochs = own["model"]["width"], own["train"]["epochs"]
            name = {1 / 16: "w16", 1 / 8: "w8", 1 / 4: "w4"}[width]
            assert method == f"{method.split('_w')[0]}_{name}_e{epochs}"
            assert own["model"]["init_std"] == pytest.approx(0.0099999 / math.sqrt(width), abs=5e-5)
            assert own["train"]["schedule"] == [[epochs // 2, 2], [epochs * 4 // 5, 5]]
            assert own["train"]["learning_rate"] == rate
            found.add((own["method"]["objective"], width, epochs))
        assert len(found) == 18


MMD_FOR_KL = {"method.objective", "method.divergence", "method.beta", "method.kernel"}
ENCODER, COST = {"method.encoder"}, {"method.likelihood"}
LAMBDA, BETA = {"train.divergence_weight"}, {"method.beta"}
SIZE, PRIOR = {"model.latent"}, {"model.prior_scale"}
NORM = {"model.normalisation"}
# What may differ between the two methods of every contrast, as its study says.
DIFFER = {
    "vim_stochastic_bernoulli - vae": MMD_FOR_KL,
    "vim_stochastic - vae_squared_error": MMD_FOR_KL,
    "vim_bernoulli - vim_stochastic_bernoulli": ENCODER,
    "vimae_n - vim_stochastic": ENCODER,
    "vae_squared_error - vae": COST,
    "vim_stochastic - vim_stochastic_bernoulli": COST,
    "vimae_n - vim_bernoulli": COST,
    "vimae_n - vae": MMD_FOR_KL | ENCODER | COST,
    "ae - vimae_n": LAMBDA | {"train.pretrain_steps"},
    "vae_gaussian - vae_squared_error": COST,
    "vim_bernoulli_400 - vim_bernoulli": LAMBDA,
    "vimae_n - vae_gaussian": MMD_FOR_KL | ENCODER | COST,
    **{f"{m}_layer_norm - {m}": NORM for m in ("vae", "vimae_n")},
    **{f"{m}_no_norm - {m}": NORM | {"model.init_std"} for m in ("vae", "vimae_n")},
    **{f"vimae_n_{n} - vae_{n}": MMD_FOR_KL | ENCODER | COST for n in ("layer_norm", "no_norm")},
    "vim_bernoulli_no_norm - vae_no_norm": MMD_FOR_KL | ENCODER,
    "vae_gaussian_no_norm - vae_no_norm": COST,
    "vimae_n_no_norm - vim_bernoulli_no_norm": COST,
    "vimae_n_no_norm - vae_gaussian_no_norm": MMD_FOR_KL | ENCODER | COST,
    "beta_vae_gaussian_no_norm - vae_gaussian_no_norm": {"method.beta"},
    "vimae_n_no_norm - beta_vae_gaussian_no_norm": MMD_FOR_KL | ENCODER | COST,
    "vimae_n_no_norm - vim_stochastic_no_norm": ENCODER,
    "ae_no_norm - vimae_n_no_norm": LAMBDA | {"train.pretrain_steps"},
    "vimae_n_no_norm - ae_pretrained_no_norm": LAMBDA,
    **{f"{m}_fp32 - {m}": {"train.precision"} for m in ("vae", "vimae_n")},
    "vimae_n_fp32 - vae_fp32": MMD_FOR_KL | ENCODER | COST,
    "vim_bernoulli - vae": MMD_FOR_KL | ENCODER,
    "beta_vae_gaussian - vae": COST | BETA,
    "beta_vae_gaussian_025 - beta_vae_gaussian": BETA,
    "beta_vae_gaussian_003 - beta_vae_gaussian": BETA,
    "vae_flipped_10 - vae_gaussian": COST | {"method.flip"},
    "vae_flipped_10 - beta_vae_gaussian_025": COST | {"method.flip"} | BETA,
    "vae_flipped_10_no_norm - vae_no_norm": COST | {"method.flip"},
    "vae_flipped_10 - vae_fp32": COST | {"method.flip", "train.precision"},
    **{f"vae_flipped_{percent} - vae": COST | {"method.flip"} for percent in (1, 10)},
    **{f"vae_flipped_to_{to} - vae": COST | {"method.flip"} for to in ("white", "black")},
    "vimae_n - beta_vae_gaussian": MMD_FOR_KL | ENCODER | COST,
    "vimae_n - beta_vae_01": MMD_FOR_KL | ENCODER | COST,
    "vimae_l - beta_vae_01": MMD_FOR_KL | ENCODER | COST | {"method.prior"},
    **{f"{m}_warm - {m}": {"train.warmup_steps"} for m in ("vae", "beta_vae_high", "beta_vae_low")},
    "vimae_n - vae_warm": MMD_FOR_KL | ENCODER | COST | {"train.warmup_steps"},
    "vimae_n_scale_05 - vimae_n": PRIOR,
    "vimae_n_scale_2 - vimae_n": PRIOR,
    "vimae_l - vimae_n": {"method.prior"},
    "vimae_l_matched - vimae_l": PRIOR,
    "vimae_l_s1 - vimae_l": PRIOR,
    "vimae_n_code_4 - vimae_n": SIZE,
    "vimae_n_code_16 - vimae_n": SIZE,
    "vae_code_4 - vae": SIZE,
    "vae_code_16 - vae": SIZE,
    **{f"{m} - vae": BETA for m in ("beta_vae_01", "beta_vae_02", "beta_vae_low")},
    **{f"{m} - vae": BETA for m in ("beta_vae_high", "beta_vae_4", "beta_vae_8")},
    "vimae_n_lambda_1 - vimae_n": LAMBDA,
    "vimae_n_lambda_100 - vimae_n": LAMBDA,
    **{
        f"{m}_noiseless - {m}": {"train.pixel_noise"}
        for m in ("vae", "beta_vae_low", "beta_vae_high")
    },
    "rate_target_vae - vae": {"method.objective", "method.beta", "method.rate", "method.weight"},
    **{
        f"vimae_n_{w}_e{e} - vae_{w}_e{e}": MMD_FOR_KL | ENCODER | COST
        for w in ("w16", "w8", "w4")
        for e in (10, 20, 40)
    },
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_contrast_is_one_difference(name):
    study, settings = STUDIES[name], study_settings(STUDIES[name])
    for contrast in study.contrasts:
        for dataset in settings.datasets:
            first, second = (
                {
                    f"{section}.{key}": value
                    for section, values in settings.train_settings(dataset, method).items()
                    for key, value in values.items()
                }
                for method in (contrast.method, contrast.base)
            )
            keys = first.keys() | second.keys()
            changed = {key for key in keys if first.get(key) != second.get(key)}
            assert changed == DIFFER[contrast.name]
    assert {c.name for c in study.contrasts} <= set(DIFFER)


def test_attribution_has_every_cell_that_can_be():
    """Divergence x encoder x cost but for a KL of a deterministic encoder, which is infinite."""
    settings, costs = study_settings(STUDIES["attribution"]), ("bernoulli", "squared_error")
    found = set()
    for method in settings.methods:
        own = settings.train_settings("mnist", method)
        if own["train"]["divergence_weight"] == 10 and own["method"]["likelihood"] in costs:
            found.add(tuple(own["method"][key] for key in ("divergence", "encoder", "likelihood")))
    assert found == {("kl", "stochastic", cost) for cost in costs} | {
        ("mmd", encoder, cost) for encoder in ("stochastic", "deterministic") for cost in costs
    }


# --- a preset's own catalogue


def test_a_catalogue_of_its_own_concerns_no_other_preset(config):
    config["preset"] = "study_weights"
    assert "vae_noiseless" in Settings(config).catalogue
    config["preset"] = "narrow"
    assert Settings(config).catalogue == config["catalogue"]
    with pytest.raises(SettingsError, match=r"methods\[0\]: 'vae_noiseless' is not one of vae, "):
        check(config | {"methods": ["vae_noiseless"]})


def test_an_entry_of_its_own_goes_before_the_common_one(config):
    entry = {"label": "own", "objective": "elbo", "prior": "normal", "beta": 3.0}
    config["presets"]["study"]["catalogue"] = {"vae": entry, "other": entry | {"beta": 4.0}}
    config["presets"]["study_weights"]["catalogue"]["other"] = entry | {"beta": 5.0}
    config["preset"] = "study_weights"
    check(config)
    settings = Settings(config)
    assert settings.train_settings("mnist", "vae")["method"]["beta"] == 3
    assert settings.train_settings("mnist", "other")["method"]["beta"] == 5
    assert "vae_noiseless" in settings.catalogue


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, r"presets\.study\.catalogue: None is not a mapping"),
        ({"own": None}, r"presets\.study\.catalogue\.own: None is not a mapping"),
        ({"Own!": {}}, r"presets\.study\.catalogue: 'Own!' is no name"),
        ({"own": {"objective": "elbo"}}, r"catalogue\.own: label, prior, beta missing"),
        (
            {"own": {"label": "x", "objective": "elob", "prior": "normal"}},
            r"presets\.study\.catalogue\.own\.objective: 'elob' is not one of elbo, rate_target",
        ),
        (
            {"own": {"label": "x", "objective": "vim", "prior": "normal"}},
            r"presets\.study\.catalogue\.own: kernel missing; divergence mmd needs it",
        ),
        (
            {"own": {"label": "x", "objective": "elbo", "prior": "normal", "beta": 1, "kernel": 3}},
            r"presets\.study\.catalogue\.own: unknown key 'kernel'; allowed here: .*beta",
        ),
    ],
)
def test_a_mistake_in_it_is_named(config, value, says):
    config["presets"]["study"]["catalogue"] = value
    with pytest.raises(SettingsError, match=says):
        check(config)


# --- theory that the studies rest on


@pytest.mark.parametrize("c", [0.5, 2.0])
def test_the_priors_scale_changes_nothing_a_network_can_show(c):
    """The map of the proposition on a whole network; a power of two rounds nothing: equal bits."""
    for method in ("vimae_l", "vae"):
        info = tiny_info(method)
        model, scaled = build_model(info).eval(), build_model(info).eval()
        with torch.no_grad():
            scaled.encoder[-1].weight[:3] *= c  # of a stochastic encoder the means
            scaled.encoder[-1].bias[:3] *= c
            if scaled.stochastic:
                scaled.encoder[-1].bias[3:] += 2 * math.log(c)
            scaled.decoder[0].weight /= c
        images = tiny_data().test_images
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        prior = PRIORS[info["params"]["method"]["prior"]]
        with torch.no_grad():
            (z, log_variance), (other, other_variance) = model.encode(x), scaled.encode(x)
            assert torch.equal(scaled.decode(other), model.decode(z))
            draws = [
                p.sample(z.shape, torch.Generator().manual_seed(0)) for p in map(prior, (1, c))
            ]
            assert torch.equal(scaled.decode(draws[1]), model.decode(draws[0]))  # and the samples
        if model.stochastic:
            expected = gaussian_kl(z, log_variance, 1.0)
            torch.testing.assert_close(gaussian_kl(other, other_variance, c), expected)
        else:
            assert torch.equal(mmd(other, draws[1], c), mmd(z, draws[0], 1.0))
        gained = prior(c).entropy(8) - prior(1.0).entropy(8)
        assert gained == pytest.approx(8 * math.log(c))  # 5.5 nats, by the paper's count


def test_a_bernoulli_cost_is_at_least_forty_squared_errors():
    """Pinsker: KL(Bernoulli(x), Bernoulli(p)) >= 2 (x - p)^2 = 40 x 0.05 (x - p)^2; hence λ = 400."""
    x, logits = torch.rand(20, 1, 4, 4, dtype=torch.float64), torch.randn(20, 1, 4, 4).double()
    cost = -log_likelihood(x, logits, "unit", "bernoulli")
    least = -log_likelihood(x, torch.logit(x), "unit", "bernoulli")
    assert (cost - least >= 40 * squared_error(x, torch.sigmoid(logits))).all()
    gaussian = [-log_likelihood(x, of, "unit", "gaussian") for of in (logits, torch.logit(x))]
    expected = 10 * squared_error(x, torch.sigmoid(logits))
    torch.testing.assert_close(gaussian[0] - gaussian[1], expected)


@pytest.mark.parametrize("white", [0.0, 1.0])
def test_with_flips_it_is_at_least_their_share_of_that_and_has_a_limit(white):
    """Of ink and paper, (1 - 2 flip)^2 of the bound above; at most -ln flip a pixel."""
    x, logits = torch.full((20, 1, 4, 4), white).double(), 4 * torch.randn(20, 1, 4, 4).double()
    cost = -log_likelihood(x, logits, "unit", "flipped", 0.1)
    least = -log_likelihood(x, torch.where(x > 0, 50.0, -50.0), "unit", "flipped", 0.1)
    assert (cost - least >= 0.8**2 * 40 * squared_error(x, torch.sigmoid(logits))).all()
    assert (cost <= 16 * -math.log(0.1)).all()


@pytest.mark.parametrize(
    ("name", "largest", "above_1", "above_tenth"),
    [("mnist", 5.1, 12, 69), ("omniglot", 1.29, 4, 84)],
)
def test_directions_that_a_gaussian_likelihood_can_use(
    name, largest, above_1, above_tenth, real_images
):
    """A linear VAE uses those whose variance exceeds the likelihood's: hence the cells' variances."""
    images = real_images(name).train_images
    variances = np.linalg.eigvalsh(np.cov(images.reshape(len(images), -1).T / np.float32(255)))
    assert variances.max() == pytest.approx(largest, abs=0.05)
    assert ((variances > 1).sum(), (variances > 0.1).sum()) == (above_1, above_tenth)


def test_what_a_noise_does_on_average_stands_below_it():
    """Clipped noise lightens black by level / sqrt(2 pi); masks lower contrast by their share."""
    rows = apart.conditions([0.1, 0.2, 0.3, 0.4, 0.5], "unit")
    assert rows[2:] == [
        ("gaussian_clipped", 0.5),
        ("brightness", 0.2),
        ("mask_zero", 0.5),
        ("contrast", 0.5),
    ]
    coarse = apart.conditions([0.1, 0.3, 0.5], "symmetric")  # 0.1 is half of it
    assert ("mask_black", 0.5) in coarse and "brightness" not in dict(coarse)
    generator = torch.Generator().manual_seed(0)
    black, grey = torch.zeros(500, 1, 28, 28), torch.full((500, 1, 28, 28), 0.4)

    def mean(kind, images, level):
        return CORRUPTIONS[kind].apply(images, level, "unit", generator).mean().item()

    about = pytest.approx(0.5 / math.sqrt(2 * math.pi), 0.03)  # which does not cut at white
    assert mean("gaussian_clipped", black, 0.5) == about
    assert mean("brightness", black, 0.2) == about
    assert mean("mask_zero", grey, 0.5) == pytest.approx(mean("contrast", grey, 0.5), 0.01)
