"""params.yaml: it is valid, presets layer, and every mistake is named before a job starts."""

import copy
import math
import subprocess
import sys

import pytest
import yaml

from benchmarks.smoke import shrunk
from data import registry
from models import objectives as loaded
from models.networks import SHAPES
from models.priors import PRIORS
from workflow import declarations, shape
from workflow.settings import ROOT, Settings, SettingsError, check, resolve, typed

PRESETS = ("paper", "narrow", "quick")


def put(config, path, value):
    """Set a value at a path of keys and indices, making mappings on the way."""
    *parents, last = path.split("/")
    node = config
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    node[int(last) if isinstance(node, list) else last] = value
    return config


# --- what is shipped


@pytest.mark.parametrize("preset", PRESETS)
def test_shipped_presets_run_with_every_method(config, preset):
    config["preset"], config["methods"] = preset, list(config["catalogue"])
    check(config)


def test_the_smoke_preset_runs_on_every_dataset(config):
    config["presets"]["smoke"] = shrunk(config["presets"]["paper"])
    config["preset"], config["methods"] = "smoke", list(config["catalogue"])
    check(config)
    settings = Settings(config)
    for name in settings.datasets:
        assert settings.section(name, "train")["epochs"] == 1
        assert settings.image_counts(name)["train"] <= 160


def test_planning_loads_no_torch():
    """The engine asks for settings before every job, in its own process."""
    code = "import sys, workflow.settings as s; s.check(s.load()); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_every_preset_but_the_base_extends(config):
    assert {name for name, of in config["presets"].items() if "extends" not in of} == {"paper"}


def test_the_schema_names_what_there_is():
    schema = yaml.safe_load(shape.SCHEMA.read_text())
    assert set(schema["$defs"]["method"]["prior"]["enum"]) == set(PRIORS)
    assert declarations.literal(ROOT / "models" / "networks.py", "SHAPES") == SHAPES


def test_declarations_are_those_of_the_modules():
    found = declarations.objectives()
    assert set(found) == {"elbo", "rate_target", "vim"}
    for name, objective in found.items():
        module = loaded.load(name)
        assert objective.traits == module.TRAITS and objective.settings == module.SETTINGS
        assert callable(module.loss)
    assert set(declarations.scores()) == {p.parent.name for p in ROOT.glob("eval/*/score.py")}


def test_a_declaration_must_be_a_literal(tmp_path):
    path = tmp_path / "score.py"
    path.write_text("A = 1\nB = {'x': A}\n")
    assert declarations.literal(path, "A") == 1
    with pytest.raises(ValueError, match=r"score.py: B must be a plain literal"):
        declarations.literal(path, "B")
    with pytest.raises(ValueError, match=r"score.py: declares no NEEDS"):
        declarations.literal(path, "NEEDS")


def test_a_logistic_of_matched_entropy_has_the_entropy_of_the_normal(shipped):
    scale = shipped["catalogue"]["vimae_l_matched"]["model"]["prior_scale"]
    normal = PRIORS["normal"](1.0).entropy(64)
    assert PRIORS["logistic"](scale).entropy(64) == pytest.approx(normal, abs=1e-5)
    scale = shipped["catalogue"]["vimae_l_s1"]["model"]["prior_scale"]
    assert PRIORS["logistic"](scale).s == pytest.approx(1, abs=1e-7)


# --- layers


def test_a_preset_is_laid_over_what_it_extends():
    presets = {
        "base": {"seeds": [0, 1], "train": {"default": {"a": 1, "b": 2}, "mnist": {"a": 3}}},
        "middle": {"extends": "base", "train": {"default": {"b": {"x": 1}}}},
        "top": {
            "extends": "middle",
            "seeds": [7],
            "train": {"default": {"b": {"y": 2}}, "celeba": {"a": 9}},
            "scores": {"nll": {"default": {"images": 5}}},
        },
    }
    before = copy.deepcopy(presets)
    assert resolve(presets, "top") == {
        "seeds": [7],
        "train": {"default": {"a": 1, "b": {"y": 2}}, "mnist": {"a": 3}, "celeba": {"a": 9}},
        "scores": {"nll": {"default": {"images": 5}}},
    }
    assert presets == before


def test_a_dataset_overlays_the_default(config):
    put(config, "presets/quick/train/celeba", {"epochs": 77})
    before = copy.deepcopy(config)
    settings = Settings(config)
    assert settings.section("celeba", "train")["epochs"] == 77
    assert settings.section("celeba", "train")["batch"] == 100
    settings.section("celeba", "scores", "fid")["references"]["test"] = 5
    settings.train_settings("celeba", "vae")["train"]["epochs"] = 5
    settings.data_settings("celeba")["train"] = 5
    assert config == before and settings.section("celeba", "train")["epochs"] == 77


def test_overrides_go_before_the_preset(config):
    assert Settings(config).seeds == [0] and len(Settings(config).methods) == 5
    config |= {
        "seeds": [4, 5],
        "methods": ["ae"],
        "datasets": ["cifar10"],
        "scored": {"fid": ["cifar10"]},
    }
    check(config)
    settings = Settings(config)
    assert (settings.seeds, settings.methods, settings.datasets) == ([4, 5], ["ae"], ["cifar10"])
    assert settings.scored == {"fid": ["cifar10"]}


def test_text_of_an_override_is_typed():
    assert typed({"title": "2024", "x": "2024"}) == {"title": "2024", "x": 2024}
    assert typed({"seeds": ["0", "1"], "x": "null", "y": "name", "z": "1.5"}) == {
        "seeds": [0, 1],
        "x": None,
        "y": "name",
        "z": 1.5,
    }


def test_a_preset_that_scores_nothing_of_its_own_takes_the_override(config):
    put(config, "presets/quick/scored", None)
    config |= {"datasets": ["mnist"], "scored": {"nll": ["mnist"]}}
    check(config)
    assert Settings(config).scored == {"nll": ["mnist"]}


# --- methods


def test_traits_become_concrete_and_the_label_stays_behind(config):
    settings = Settings(config)
    vae = settings.train_settings("mnist", "vae")["method"]
    assert vae == {
        "objective": "elbo",
        "prior": "normal",
        "beta": 1.0,
        "encoder": "stochastic",
        "divergence": "kl",
        "likelihood": "bernoulli",
    }
    assert settings.train_settings("cifar10", "vae")["method"]["likelihood"] == "gaussian"
    vim = settings.train_settings("cifar10", "vimae_n")["method"]
    assert (vim["encoder"], vim["divergence"], vim["likelihood"]) == (
        "deterministic",
        "mmd",
        "squared_error",
    )
    before = [settings.train_settings("mnist", "ae"), settings.train_settings("mnist", "vae")]
    config["catalogue"]["ae"]["label"] = config["catalogue"]["vae"]["label"] = "another"
    settings = Settings(config)
    assert before == [settings.train_settings("mnist", m) for m in ("ae", "vae")]
    assert settings.report_settings()["methods"][0] == {"name": "vae", "label": "another"}


def test_an_entry_overrides_model_and_training(config):
    settings = Settings(config)
    plain, ae = (settings.train_settings("mnist", m) for m in ("vimae_n", "ae"))
    assert ae["train"] == plain["train"] | {"divergence_weight": 0.0, "pretrain_steps": 0}
    assert ae["model"] == plain["model"] and ae["method"] == plain["method"]
    small = settings.train_settings("mnist", "vimae_n_code_4")
    assert small["model"] == plain["model"] | {"latent": 4}


# --- mistakes


MISTAKES = [
    ("preset", "papper", r"preset: 'papper' is not one of paper, narrow, quick"),
    ("methods", ["vea"], r"methods\[0\]: 'vea' is not one of vae, "),
    ("datasets", ["minst"], r"datasets\[0\]: 'minst' is not one of mnist, omniglot"),
    ("scored", {"fit": ["mnist"]}, r"scored: 'fit' is not one of encoded, fid, "),
    ("scored", {"nll": ["minst"]}, r"scored\.nll\[0\]: 'minst' is not one of mnist"),
    ("scored", {"nll": ["cifar10"]}, r"scored\.nll: cifar10 does not fit \(value_range symmetric"),
    ("scored", {"fid": ["mnist"]}, r"scored\.fid: mnist does not fit \(channels 1, not 3\)"),
    ("scored", {"robustness": ["celeba"]}, r"scored\.robustness: celeba does not fit \(labels"),
    ("sedes", [1], r"params\.yaml: unknown key 'sedes'; allowed here: preset, methods"),
    ("seeds", [1.5], r"seeds\[0\]: 1\.5 is not an integer"),
    ("seeds", [1.0], r"seeds\[0\]: 1\.0 is not an integer; write 1"),
    ("seeds", "all", r"seeds: 'all' is not a list or null"),
    ("seeds", [1, 1], r"seeds: \[1, 1\] names something twice"),
    ("seeds", [-1], r"seeds\[0\]: -1 must be at least 0"),
    ("seeds", [], r"seeds: \[\] is of the wrong length; at least 1"),
    ("presets/quick/extends", "papr", r"presets\.quick\.extends: 'papr' is not one of paper"),
    ("presets/paper/extends", "quick", r"goes in a circle, .*paper -> quick"),
    ("presets/quick/train/default/epochs", -3, r"quick\.train\.default\.epochs: -3 must be at l"),
    ("presets/quick/train/default/epochs", 1.5, r"default\.epochs: 1\.5 is not an integer"),
    ("presets/quick/train/default/epochs", True, r"default\.epochs: True is not an integer"),
    ("presets/quick/train/default/learning_rate", math.nan, r"rate: nan is not a finite number"),
    ("presets/quick/train/default/learning_rate", math.inf, r"rate: inf is not a finite number"),
    ("presets/quick/train/default/learning_rate", 1 << 63, r"rate: is larger than any number"),
    ("presets/quick/train/default/learning_rate", "1e-3", r"not a number; write 0\.001"),
    ("presets/quick/train/default/learning_rate", "nan", r"'nan' is not a number$"),
    ("presets/quick/train/default/epochs", "1e2", r"'1e2' is not an integer; write 100$"),
    ("presets/quick/train/default/schedule", [[3, math.nan]], r"schedule\[0\]\[1\]: nan is not"),
    ("presets/quick/train/default/schedule", [[3]], r"schedule\[0\]: \[3\] is of the wrong len"),
    ("presets/quick/train/default/schedule", {"factor": 3}, r"unknown key 'factor'; .*: decay"),
    ("presets/quick/train/default/schedule", {"decay": 0}, r"schedule\.decay: 0 must be more th"),
    ("presets/quick/train/mnist", {"epoch": 3}, r"mnist: unknown key 'epoch'; .*: epochs, batch"),
    ("presets/quick/data/default/source", "web", r"'web' is not one of official, embedded"),
    ("presets/quick/data/svhn", {"train": 3}, r"data: unknown key 'svhn'; .*: default, mnist"),
    ("presets/quick/data/mnist", {"train": 99999}, r"train is 99,999 for mnist, which has 5,000"),
    ("presets/quick/data/celeba", {"source": "embedded"}, r"celeba is not embedded"),
    ("presets/quick/data/mnist", {"source": "synthetic"}, r"mnist has no synthetic stand-in"),
    ("presets/quick/data/celeba/train", None, r"train and test must be numbers for celeba"),
    ("presets/quick/scores/fid/default/dims", 100, r"dims: 100 is not one of 64, 192, 2048"),
    ("presets/quick/scores/fyd", {}, r"scores: unknown key 'fyd'; allowed here: encoded, fid, "),
    ("catalogue/vimae_l/label", "VAE", r"methods: vae and vimae_l are both called 'VAE'"),
    ("catalogue/vae/objective", "elob", r"vae\.objective: 'elob' is not one of elbo, rate_target"),
    ("catalogue/vae/prior", "laplace", r"vae\.prior: 'laplace' is not one of normal, logistic"),
    ("catalogue/vae", {"label": "x", "objective": "elbo", "prior": "normal"}, r"vae: beta missing"),
    ("catalogue/vae/weight", 1.0, r"vae: unknown key 'weight'; allowed here: .*beta"),
    ("catalogue/vae/model", {"depth": 3}, r"vae\.model: unknown key 'depth'; .*: width"),
    ("catalogue/vae/train", {"epochs": 0}, r"vae\.train\.epochs: 0 must be at least 1"),
    ("catalogue/vae/encoder", "deterministic", r"encoder: 'deterministic' .*KL of a determinis.* inf"),
    ("catalogue/vimae_n/divergence", "kl", r"divergence: 'kl' is not possible with objective vim"),
    ("catalogue/vimae_n/likelihood", "laplace", r"likelihood: 'laplace' is not possible .*squared"),
    ("catalogue/vimae_n/divergence", "js", r"vimae_n\.kernel: only for divergence mmd, not js"),
    ("catalogue/vimae_n_js/divergence", "mmd", r"vimae_n_js: kernel missing; divergence mmd needs"),
    ("folders/pets", {"path": "/", "side": 48, "channels": 3}, r"side: 48 is not one of 28, 32, 64"),
    ("folders/pets", {"path": "/", "side": 32}, r"folders\.pets: channels missing"),
    ("folders/pets", {"side": 32, "channels": 3}, r"folders\.pets: path missing"),
    ("folders/Pets!", {"path": "/", "side": 32, "channels": 3}, r"folders: 'Pets!' is no name"),
    ("folders/mnist", {"path": "/", "side": 28, "channels": 1}, r"folders\.mnist: is the name of"),
    ("folders/default", {"path": "/", "side": 28, "channels": 1}, r"folders\.default: is the name"),
    ("folders/inception", {"path": "/", "side": 28, "channels": 1}, r"folders\.inception: is the n"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "says"), MISTAKES)
def test_a_mistake_is_named(config, path, value, says):
    with pytest.raises(SettingsError, match=says):
        check(put(config, path, value))


@pytest.mark.parametrize("levels", [[0.2, 0.8], [0.5, 0.3, 0.1], [0.4, 0.9, 0.1]])
@pytest.mark.parametrize("where", ["default", "mnist"])
def test_tables_name_the_levels_that_are_measured(config, where, levels):
    put(config, f"presets/quick/scores/robustness/{where}/levels", levels)
    config["datasets"] = ["mnist", "celeba"]  # which has no labels, and so no levels
    check(config)
    settings = Settings(config)
    named = settings.report_settings()["levels"]
    measured = settings.score_settings("robustness", "mnist")["levels"]
    assert named == {"small": min(measured), "large": max(measured)}


def test_one_level_has_no_columns(config):
    """They would be the smallest's and the largest's, with the same head."""
    put(config, "presets/quick/scores/robustness/mnist", {"levels": [0.3]})
    with pytest.raises(
        SettingsError, match=r"levels has 0\.3 alone for mnist; .* give two or more"
    ):
        check(config | {"datasets": ["mnist"]})


def test_datasets_share_their_smallest_and_their_largest_level(config):
    config["datasets"] = ["mnist", "cifar10"]  # 0.1, 0.3, 0.5 where nothing else is said
    put(config, "presets/quick/scores/robustness/mnist", {"levels": [0.5, 0.2, 0.1]})
    check(config)
    for levels in ([0.1, 0.2], [0.5, 0.2, 0.3]):
        put(config, "presets/quick/scores/robustness/mnist", {"levels": levels})
        with pytest.raises(
            SettingsError, match=r"scores\.robustness: levels .*differently.*mnist: "
        ):
            check(config)
    check(config | {"datasets": ["mnist"]})


def test_levels_are_named_where_nothing_is_measured_if_there_are_any(config):
    config |= {"datasets": ["mnist"], "scored": {"nll": ["mnist"]}}
    check(config)
    assert Settings(config).report_settings()["levels"] == {"small": 0.1, "large": 0.5}
    for preset in config["presets"].values():
        preset.get("scores", {}).pop("robustness", None)
    check(config)
    assert Settings(config).report_settings()["levels"] == {}


def test_an_incomplete_section_is_named(config):
    del config["presets"]["paper"]["train"]["default"]["batch"]
    with pytest.raises(SettingsError, match=r"quick\.train: batch missing for mnist"):
        check(config)
    put(config, "presets/paper/train/default/batch", 100)
    del config["presets"]["paper"]["scores"]["nll"]["default"]["proposal"]
    with pytest.raises(SettingsError, match=r"quick\.scores\.nll: proposal missing for mnist"):
        check(config)
    del config["presets"]["quick"]["extends"]
    with pytest.raises(SettingsError, match=r"presets\.quick: methods, datasets, scored missing"):
        check(config)


def test_all_mistakes_are_listed_at_once(config):
    put(config, "seeds", [1.5])
    put(config, "presets/quick/train/default/batch", 0)
    put(config, "presets/paper/train/default/learning_rate", math.nan)
    with pytest.raises(SettingsError, match=r"(?s)learning_rate.*batch.*seeds\[0\]"):
        check(config)


@pytest.mark.parametrize("value", [None, 3, "x", [], {"vae": None}, {"vae": {"objective": []}}])
@pytest.mark.parametrize("key", ["catalogue", "presets", "folders", "methods", "scored"])
def test_nonsense_is_refused_in_words(config, key, value):
    """Whatever stands there: a SettingsError, or nothing where null is allowed; no traceback."""
    try:
        check(config | {key: value})
    except SettingsError as error:
        assert key in str(error)
    else:
        assert key in ("methods", "scored", "folders") and not value


def test_registered_datasets_keep_the_papers_order():
    assert registry.names()[:4] == ("mnist", "omniglot", "cifar10", "celeba")
