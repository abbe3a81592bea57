"""The studies: each variant differs in what its study says, and the tables say what was measured."""

import copy
import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from data import store
from data.files import digest, read_json, write_json
from eval.robustness.corruption import CORRUPTIONS
from models.mmd import mmd
from models.objectives import gaussian_kl, log_likelihood, squared_error
from models.priors import PRIORS
from models.run import build_model
from tests.report_tree import measured
from tests.tiny import tiny_data, tiny_info
from workflow.settings import Settings, SettingsError, check, load
from workflow.studies import apart, robustness
from workflow.studies.definitions import COLUMNS, DRAWN, SCALE, STUDIES
from workflow.studies.frames import differences, long_frame, value_frame
from workflow.studies.render import document, render, study_settings

RUNS = {"attribution": 9 * 3, "capacity": 11 * 3, "weights": 14 * 3, "scale": 18 * 2 * 2}


@pytest.fixture
def config():
    return copy.deepcopy(load())


# --- presets


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_a_preset_that_can_run(name):
    settings = study_settings(STUDIES[name])
    assert len(settings.methods) * len(settings.datasets) * len(settings.seeds) == RUNS[name]
    assert set(settings.scored) - {"fid"} == {
        "reconstruction",
        "nll",
        "robustness",
        "information",
        "sharpness",
    }
    for contrast in STUDIES[name].contrasts:
        assert {contrast.method, contrast.base} <= set(settings.methods)


@pytest.mark.parametrize("name", ["attribution", "capacity", "weights"])
def test_what_the_studies_share(name):
    settings = study_settings(STUDIES[name])
    assert settings.datasets == ["mnist"] and settings.seeds == [0, 1, 2]
    for method in settings.methods:
        own = settings.train_settings("mnist", method)
        assert (own["model"]["width"], own["model"]["init_std"]) == (1 / 16, 0.04)
        train = own["train"]
        assert (train["epochs"], train["learning_rate"], train["precision"]) == (10, 0.004, "bf16")
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
    settings = study_settings(STUDIES["attribution"])
    found = set()
    for method in settings.methods:
        own = settings.train_settings("mnist", method)
        if own["train"]["divergence_weight"] == 10 and method != "vae_gaussian":
            found.add(tuple(own["method"][key] for key in ("divergence", "encoder", "likelihood")))
    costs = ("bernoulli", "squared_error")
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


def test_what_a_noise_does_on_average_stands_below_it():
    """Clipped noise lightens black by level / sqrt(2 pi); masks lower contrast by their share."""
    rows = apart.conditions([0.1, 0.2, 0.3, 0.4, 0.5], "unit")
    assert rows[2:] == [
        ("gaussian_clipped", 0.5),
        ("brightness", 0.2),
        ("mask_zero", 0.5),
        ("contrast", 0.5),
    ]
    assert ("mask_black", 0.5) in apart.conditions([0.1, 0.5], "symmetric")
    generator = torch.Generator().manual_seed(0)
    black, grey = torch.zeros(500, 1, 28, 28), torch.full((500, 1, 28, 28), 0.4)

    def mean(kind, images, level):
        return CORRUPTIONS[kind].apply(images, level, "unit", generator).mean().item()

    about = pytest.approx(0.5 / math.sqrt(2 * math.pi), 0.03)  # which does not cut at white
    assert mean("gaussian_clipped", black, 0.5) == about
    assert mean("brightness", black, 0.2) == about
    assert mean("mask_zero", grey, 0.5) == pytest.approx(mean("contrast", grey, 0.5), 0.01)


# --- the tables of the trained studies


def write_run(root, settings, dataset, method, seed, values):
    """A finished run with the scores that `values` ({score: {name: value}}) has."""
    status = {"status": "done", "seconds": 3.0, "dataset": dataset, "method": method, "seed": seed}
    record = {
        "params": settings.train_settings(dataset, method),
        "utilisation": {"images_per_second": 100.0},
        "provenance": {"commit": "c" * 40, "dirty": False, "hardware": "a CPU", "date": "2020"},
    }
    write_json(root / f"runs/{dataset}/{method}/seed{seed}/run.json", status | record)
    for score, of in values.items():
        path = root / f"scores/{score}/{dataset}/{method}/seed{seed}"
        numbers = {name: measured(value) for name, value in of.items()}
        write_json(path.with_suffix(".json"), status | {"values": numbers, "protocol": {}})
        np.savez(path.with_suffix(".npz"))


def write_data(root, dataset):
    meta = {"title": dataset.upper(), "synthetic": False, "official_counts": None, "shown": True}
    meta |= {"counts": {"train": 3, "test": 3}}
    (root / "data").mkdir(parents=True, exist_ok=True)
    np.savez(root / f"data/{dataset}.npz", header=json.dumps({"meta": meta}))


def write_study(results, name, missing=()):
    """Results of a study in which method number k has an error of 1 + k + seed (k + 1) / 10."""
    study = STUDIES[name]
    settings, root = study_settings(study), results / study.preset
    for dataset in settings.datasets:
        write_data(root, dataset)
        for number, method in enumerate(settings.methods):
            for seed in settings.seeds:
                if (method, seed) in missing:
                    continue
                error = 1 + number + seed * (number + 1) / 10
                values = {"reconstruction": {"mean.cost": error, "sampled.cost": error}}
                values["information"] = {"rate": None if "vim" in method else 7.0}
                values["robustness"] = {"tsvm.clean": 90.0, "tsvm.gaussian_clipped.0.5": 50 + error}
                write_run(root, settings, dataset, method, seed, values)
    return settings


def rows(markdown: str) -> dict[str, list[str]]:
    """{first cell: the others} of every row of every table."""
    lines = [line.strip("| ").split("|") for line in markdown.splitlines() if line.startswith("|")]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


def test_a_study_is_rendered_from_what_was_measured(tmp_path):
    write_study(tmp_path, "weights", missing=[("beta_vae_02", 2)])
    path = render(STUDIES["weights"], tmp_path)
    assert path == tmp_path / "studies/weights/table.md"
    table = rows(path.read_text())
    # β = 0.1 is the first: 1, 1.1, 1.2; their standard error is 0.1 / sqrt(3).
    assert table["β-VAE (β=0.1)"][1] == "1.100 ± 0.058"
    assert table["β-VAE (β=0.2)"][1] == "2.100 ± 0.100 (2)"
    head = "information.rate"
    assert table["VIMAE-n"][2] == "∞", head
    # The VAE is the fourth: 4 + 0.4 seed. Differences -3, -3.3, -3.6.
    assert table["β 1 → 0.1"][1] == "**-3.300 ± 0.173**"
    assert table["λ 10 → 1"][2] == "–"  # ∞ - ∞
    assert "clean" in table["method"] and "mask 0.5" not in table["method"]
    assert not any(cell.startswith("**") for cell in table["VAE"])

    csv = pd.read_csv(path.with_name("differences.csv")).set_index(["method", "value"])
    row = csv.loc["beta_vae_01 - vae", "reconstruction.mean.cost"]
    assert row["mean"] == pytest.approx(-3.3) and row["se"] == pytest.approx(0.3 / math.sqrt(3))
    half = 4.302652729749464 * row["se"]  # Student's quantile of two degrees of freedom
    assert row["high"] == pytest.approx(-3.3 + half)
    assert {p.name for p in path.parent.iterdir()} == {
        "metrics.json", "table.md", "means.csv", "differences.csv", "figure.png", "figure.svg"
    }  # fmt: skip


def test_a_study_outlives_its_runs(tmp_path):
    """Records are taken in; what a machine trained before is shown by the next one too."""
    write_study(tmp_path, "capacity")
    before = render(STUDIES["capacity"], tmp_path).read_text()
    for folder in ("runs", "scores", "data"):
        shutil.rmtree(tmp_path / "study_capacity" / folder)
    assert render(STUDIES["capacity"], tmp_path).read_text() == before


def test_nothing_run_is_nothing_written(tmp_path):
    assert render(STUDIES["scale"], tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_scale_shows_the_difference_of_every_width_and_length(tmp_path):
    write_study(tmp_path, "scale")
    text = render(STUDIES["scale"], tmp_path).read_text()
    assert "## MNIST" in text and "## CIFAR10" in text
    # VIMAE-n comes nine entries after its VAE: 9 + 0.9 seed apart, and 12.7 x 0.45 is less.
    assert rows(text)["1/4 × 40"][1] == "**+9.450 ± 0.450**"
    assert rows(text)["VIMAE-n (1/4 × 40)"][1] == "18.900 ± 0.900"


def test_every_drawn_value_is_one_of_the_tables():
    assert set(DRAWN) <= {column.name for column in COLUMNS}


def test_differences_keep_failures_and_doubt(tmp_path):
    write_study(tmp_path, "attribution")
    render(STUDIES["attribution"], tmp_path)
    metrics = read_json(tmp_path / "studies/attribution/metrics.json")
    of = metrics["datasets"]["mnist"]["methods"]
    name = "reconstruction.mean.cost"
    of["vae"][name] |= {"values": [None, 2.0, 3.0], "diverged": 1}
    of["ae"][name] |= {"doubtful": 2}
    found = differences(metrics, STUDIES["attribution"].contrasts)["datasets"]["mnist"]["methods"]
    assert found["vimae_n - vae"][name]["n"] == 2 and found["vimae_n - vae"][name]["diverged"] == 1
    assert found["ae - vimae_n"][name]["doubtful"] == 2
    texts = rows(document(STUDIES["attribution"], metrics))
    assert "(2)" in texts["all three: VAE → VIMAE-n"][1]
    assert "‡" in texts["λ 10 → 0: no divergence"][1]
    frame = value_frame(metrics, "mnist", "method")
    assert len(long_frame(metrics)) == len(frame) * (len(frame.columns) - 1)


# --- robustness, taken apart


def test_a_reading_changes_what_it_says(config):
    settings = Settings(config | {"preset": "narrow"})
    base = robustness.reading_params(settings, "cifar10", "as_recorded")
    recorded = settings.score_settings("robustness", "cifar10")
    assert {k for k in base if base[k] != recorded[k]} == {"corruptions", "retrain_levels"}
    assert set(base["corruptions"]) == set(CORRUPTIONS)
    expected = {"batch_statistics": "batch_statistics", "labels_100": "labels", "linear": "kernel"}
    for name, key in expected.items():
        other = robustness.reading_params(settings, "cifar10", name)
        assert {k for k in base if base[k] != other[k]} == {key}
    assert set(robustness.READINGS) == set(apart.LABELS) == {"as_recorded", *expected}
    # Of a few-shot task the number of labels is another setting's: no such cell.
    assert robustness.reading_params(settings, "omniglot", "labels_100") is None
    assert robustness.reading_params(settings, "omniglot", "linear") is not None


@pytest.fixture
def small(tmp_path, config):
    """Settings of two methods and two seeds of tiny untrained runs on random "MNIST" images."""
    small = {"labels": 20, "unlabelled": 50, "test": 30, "levels": [0.2, 0.5]}
    config["presets"]["quick"]["scores"]["robustness"]["default"] |= small
    config |= {"datasets": ["mnist"], "methods": ["vae", "vimae_l"], "seeds": [0, 1]}
    for name in robustness.READINGS:
        if "labels" in robustness.READINGS[name]:
            assert robustness.READINGS[name] == {"labels": 100}
    data = tiny_data(train=150, test=30)
    store.save(tmp_path / "quick/data/mnist.npz", data.__class__(**vars(data) | {"name": "mnist"}))
    for method in config["methods"]:
        for seed in config["seeds"]:
            info = tiny_info(method, seed=seed) | {"dataset": "mnist", "status": "done"}
            run = tmp_path / f"quick/runs/mnist/{method}/seed{seed}"
            run.mkdir(parents=True)
            weights = build_model(info).state_dict()
            save_file({k: v.contiguous() for k, v in weights.items()}, run / "weights.safetensors")
            sha256 = digest(run / "weights.safetensors")
            write_json(run / "run.json", info | {"weights_sha256": sha256})
    return Settings(config)


def test_robustness_is_taken_apart_once_and_goes_on_where_it_was(small, tmp_path):
    lost = tmp_path / "quick/runs/mnist/vimae_l/seed1/weights.safetensors"
    lost.rename(lost.with_name("elsewhere"))
    lines = list(robustness.compute(small, tmp_path))
    assert sum(line.startswith("skipped") for line in lines) == 1  # once a run
    assert any("vimae_l/seed1: weights missing" in line for line in lines)
    assert len(lines) == 3 * 4 + 1
    found = read_json(tmp_path / "quick/studies/robustness/linear/mnist/vae/seed0.json")
    assert found["params"]["kernel"] == "linear" and found["reading"] == "linear"
    for kind in CORRUPTIONS:
        assert f"tsvm.{kind}.0.5" in found["values"] and f"svm.{kind}.area" in found["values"]

    assert [line for line in robustness.compute(small, tmp_path) if "skipped" not in line] == []
    lost.with_name("elsewhere").rename(lost)
    assert len(list(robustness.compute(small, tmp_path))) == 4
    # Another network, other settings: made again. A run that is gone leaves its cells.
    run = tmp_path / "quick/runs/mnist/vae/seed0/run.json"
    cells = [cell for cell in robustness.cells(small, tmp_path) if cell.run == run.parent]
    assert all(cell.is_done() for cell in cells)
    record = read_json(run)
    write_json(run, record | {"weights_sha256": "another"})
    assert not any(cell.is_done() for cell in cells)
    shutil.rmtree(run.parent)
    assert all(cell.is_done() for cell in cells)
    small.values["scores"]["robustness"]["default"]["C"] = 2.0
    assert not any(cell.is_done() for cell in robustness.cells(small, tmp_path))


def test_the_batchs_own_statistics_undo_a_change_of_contrast(small, tmp_path):
    """It takes the scale of the first layer away, whatever its bias: contrast is not seen at all."""
    list(robustness.compute(small, tmp_path))
    folder = tmp_path / "quick/studies/robustness"
    own = read_json(folder / "batch_statistics/mnist/vae/seed0.json")["values"]
    running = read_json(folder / "as_recorded/mnist/vae/seed0.json")["values"]
    assert own["svm.contrast.0.2"]["value"] == own["svm.clean"]["value"]
    assert own != running


def test_robustness_is_rendered_from_its_cells(small, tmp_path):
    assert apart.render(small, tmp_path) is None
    for cell in robustness.cells(small, tmp_path):
        if (cell.method, cell.seed) == ("vimae_l", 1):
            continue
        base = 50.0 + 20 * (cell.method == "vimae_l") + 4 * cell.seed
        names = [f"tsvm.{kind}.{v}" for kind in CORRUPTIONS for v in (0.2, 0.5, "area")]
        values = {name: measured(base) for name in ["tsvm.clean", *names]}
        about = {"status": "done", "params": cell.params, "values": values, "protocol": {}}
        sha256 = read_json(cell.run / "run.json")["weights_sha256"]
        write_json(cell.path, about | {"weights_sha256": sha256, "seconds": 1.0})
    path = apart.render(small, tmp_path)
    assert path == tmp_path / "studies/robustness_quick/table.md"
    lines = [line for line in path.read_text().splitlines() if line.startswith("| as recorded")]
    assert [line.split("|")[2].strip() for line in lines] == [
        "clean",
        "Gaussian noise, not clipped, 0.5",
        "Gaussian noise, clipped to the range, 0.5",
        "brightness raised, 0.2",
        "mask, 0 in the data's range, 0.5",
        "contrast lowered, 0.5",
    ]
    # VAE 50 and 54: 52 with an error of 2; the other has one seed of two.
    assert [cell.strip() for cell in lines[0].split("|")[3:6]] == ["52.0 ± 2.0", "70.0 (1)", "18.0"]
    csv = pd.read_csv(path.with_name("table.csv"))
    own = csv[(csv["reading"] == "linear") & (csv["method"] == "vae") & (csv["level"] == "0.5")]
    assert set(own["corruption"]) == set(CORRUPTIONS) and (own["mean"] == 52).all()
