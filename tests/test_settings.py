"""params.yaml: it is valid, and every kind of mistake is named before a job starts."""

import copy

import pytest
import yaml

from data.registry import DATASETS
from workflow.settings import ROOT, SCHEMA, SettingsError, check, section, seeds, train_settings


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_shipped_presets_are_complete(config, preset):
    config["preset"] = preset
    check(config)
    for method in config["catalogue"]:
        config["methods"] = [method]
        check(config)


def test_schema_knows_exactly_the_registered_datasets():
    schema = yaml.safe_load(SCHEMA.read_text())
    assert set(schema["$defs"]["dataset"]["enum"]) == set(DATASETS)


def put(config, path, value):
    *parents, last = path.split("/")
    node = config
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("methods/1", "vea", r"methods\[1\]: 'vea' is not one of .*'vae'"),
        ("datasets/0", "minst", r"datasets\.0: 'minst' is not one of \['mnist'"),
        ("preset", "papper", r"preset: 'papper' is not one of \['quick', 'paper'\]"),
        ("presets/quick/train/default/epochs", -3, r"quick\.train\.default\.epochs: -3 is less"),
        ("presets/quick/train/default/epochs", 1.5, r"epochs: 1\.5 is not of type 'integer'"),
        ("presets/quick/train/mnist", {"epoch": 3}, r"train\.mnist: .*'epoch' was unexpected"),
        ("presets/quick/train/mnist", {"epoch": 3}, r"allowed here: epochs, batch"),
        ("sedes", [1], r"'sedes' was unexpected"),
        ("seeds", [1, 1], r"seeds: .*"),
        ("seeds", [-1], r"seeds: .*"),
        ("catalogue/vae/objective", "elob", r"vae\.objective: 'elob' is not one of"),
        ("catalogue/vae", {"label": "x", "objective": "elbo", "prior": "normal"}, r"beta"),
        ("presets/quick/scores/fid/default/dims", 100, r"100 is not one of \[64, 192, 2048\]"),
        ("presets/quick/data/default/source", "web", r"'web' is not one of"),
        ("presets/quick/data/svhn", {"train": 3}, r"'svhn'"),
    ],
)
def test_a_mistake_is_named(config, path, value, says):
    put(config, path, value)
    with pytest.raises(SettingsError, match=says):
        check(config)


def test_an_incomplete_section_is_named(config):
    del config["presets"]["quick"]["train"]["default"]["batch"]
    with pytest.raises(SettingsError, match=r"quick\.train: batch missing for mnist"):
        check(config)
    del config["presets"]["quick"]["scores"]["nll"]
    with pytest.raises(SettingsError, match=r"quick\.scores\.nll: .* missing for mnist"):
        check(config)


def test_all_mistakes_are_listed_at_once(config):
    put(config, "datasets/0", "minst")
    put(config, "presets/quick/train/default/batch", 0)
    with pytest.raises(SettingsError, match=r"(?s)minst.*batch"):
        check(config)


def test_a_dataset_overlays_the_default(config):
    config["presets"]["quick"]["train"]["celeba"] = {"epochs": 77}
    before = copy.deepcopy(config)
    assert section(config, "celeba", "train")["epochs"] == 77
    assert section(config, "celeba", "train")["batch"] == 100
    section(config, "celeba", "train")["batch"] = 5
    assert config == before
    assert train_settings(config, "mnist", "vimae_l")["method"]["prior"] == "logistic"


def test_seeds_override_the_presets(config):
    assert seeds(config) == config["presets"]["quick"]["seeds"]
    assert seeds(config | {"seeds": [4, 5]}) == [4, 5]
