"""Any settings at all: they pass or are refused, and what passes survives the shell."""

import ast
import copy
import itertools
import json
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import format as fill_in

from eval.robustness.tasks import standard_task
from tests.hostile import bounded
from tests.test_settings_counts import class_folders, images_of
from workflow.declarations import objectives, scores
from workflow.settings import ROOT, Settings, SettingsError, check, limited, load, typed

SHIPPED = load()


def refused_or_fine(config, **limits) -> str:
    """What is said of a configuration, "" if it passes; only SettingsError may refuse it.

    What passes answers all that planning asks.
    """
    with bounded(**limits):
        try:
            config = typed(limited(config))
            check(config)
        except SettingsError as error:
            assert str(error).startswith("wrong settings:")
            return str(error)
        ask(Settings(config))
    return ""


def ask(chosen: Settings) -> None:
    """The settings of every job, whose counts are positive and noise levels in order."""
    levels = chosen.report_settings()["levels"]
    assert not levels or 0 < levels["small"] <= levels["large"] <= 1
    for dataset, method in itertools.product(chosen.datasets, chosen.methods):
        assert chosen.train_settings(dataset, method)["method"]["objective"] in objectives()
    for score, datasets in chosen.scored.items():
        rules = scores()[score].settings
        for dataset in datasets:
            found = chosen.score_settings(score, dataset)
            assert found.keys() == rules.keys()
            for name, value in found.items():
                if value is not None and "integer" in rules[name].get("type", ""):
                    assert value >= rules[name]["minimum"] > 0, (score, dataset, name)
            if score == "robustness":
                assert {levels["small"], levels["large"]} <= {*found["levels"]}


# --- any values


def places(node, here=()):
    """Paths of keys and indices to everything in a configuration."""
    yield here
    pairs = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node if isinstance(node, list) else ())
    )
    for key, value in pairs:
        yield from places(value, (*here, key))


WORDS = [*SHIPPED, *SHIPPED["catalogue"], *SHIPPED["presets"], "default", "mnist", "nll", "elbo"]
leaves = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    st.sampled_from(
        [*WORDS, "1e-3", "a: b: c", "[", "&a", "*a", "!!python/name:os.system", 10**400]
    ),
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(WORDS), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(config=anything)
@settings(max_examples=50, deadline=None)
def test_anything_in_place_of_settings_is_refused(config):
    assert refused_or_fine(config)


@given(place=st.sampled_from(sorted(filter(None, places(SHIPPED)), key=str)), value=anything)
@settings(max_examples=30, deadline=None)
def test_anything_in_place_of_one_setting_passes_or_is_refused(place, value):
    config = copy.deepcopy(SHIPPED)
    *parents, last = place
    node = config
    for key in parents:
        node = node[key]
    node[last] = value
    refused_or_fine(config)


some_levels = st.lists(
    st.integers(1, 10).map(lambda tenths: tenths / 10), min_size=1, max_size=3, unique=True
)


@given(
    levels=st.dictionaries(st.sampled_from(["default", "mnist", "cifar10"]), some_levels),
    scored=st.dictionaries(
        st.sampled_from(["nll", "robustness"]),
        st.just(["mnist"]) | st.just(["cifar10"]),
        min_size=1,
    )
    | st.none(),
)
@settings(max_examples=25, deadline=None)
def test_tables_have_a_column_for_any_levels_that_pass(levels, scored):
    config = copy.deepcopy(SHIPPED) | {"datasets": ["mnist", "cifar10"], "scored": scored}
    robustness = config["presets"]["quick"]["scores"]["robustness"]
    for name, of in levels.items():
        robustness[name] = robustness.get(name, {}) | {"levels": of}
    refused_or_fine(config)


@given(
    sizes=st.lists(st.integers(2, 12), min_size=1, max_size=8),
    settings_of=st.dictionaries(
        st.sampled_from(["default", "mnist", "own"]),
        st.fixed_dictionaries({"labels": st.integers(2, 60)}),
    ),
)
@settings(max_examples=20, deadline=None)
def test_any_folder_of_classes_passes_or_is_refused(tmp_path_factory, sizes, settings_of):
    """And what passes is a task that the job accepts."""
    root = tmp_path_factory.mktemp("own")
    class_folders(root, {str(name): size for name, size in enumerate(sizes)})
    config = copy.deepcopy(SHIPPED) | {"datasets": ["own"], "scored": {"robustness": ["own"]}}
    config["folders"] = {"own": {"path": str(root), "side": 28, "channels": 1, "classes": True}}
    robustness = config["presets"]["quick"]["scores"]["robustness"]
    for name, of in settings_of.items():
        robustness[name] = robustness.get(name, {}) | of
    if not refused_or_fine(config):
        chosen = Settings(config)
        asked = chosen.score_settings("robustness", "own")
        task = standard_task(images_of(chosen, "own"), asked, seed=0)
        assert (task.train_labels != -1).sum() == asked["labels"]


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\x00",
        b"preset: \x00",
        b"[" * 3000,
        b"{a: " * 3000,
        b"!!python/object/apply:os.system ['touch ran']",
        b"&a [*a]",
        b"&a {preset: *a}",
        b"{1: 2, null: 3, 2020-01-01: 4}",
        b"preset: 2020-13-45",
        b"seeds: [1" + b"0" * 5000 + b"]",
        b"a0: &a0 [x, x, x]\n"
        + b"".join(
            b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)
        ),
    ],
)
def test_a_file_of_anything_else_is_refused(tmp_path, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes(text)
    with bounded(), pytest.raises(SettingsError):
        check(typed(limited(load(tmp_path / "params.yaml"))))
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@given(text=st.text(max_size=40) | st.binary(max_size=40))
@settings(max_examples=50, deadline=None)
def test_a_file_of_any_text_is_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("settings") / "params.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
    with pytest.raises(SettingsError):
        check(load(path))


@pytest.mark.parametrize(
    "path", ["x" * 5000, "~nobody-of-this-name/x", "a\0b", "/dev/null", "$(id)"]
)
def test_a_folder_that_cannot_be_is_refused(path):
    config = copy.deepcopy(SHIPPED) | {"datasets": ["own"]}
    config["folders"] = {"own": {"path": path, "side": 28, "channels": 1}}
    assert "folders.own.path" in refused_or_fine(config)


@pytest.mark.parametrize(
    "name", ["a b", "a;b", "$(id)", "../a", "a/b", "-rf", "'", "", "A", "ä", "a\nb", "a\n"]
)
def test_names_that_become_paths_hold_nothing_for_a_shell(name):
    for section in ("catalogue", "presets", "folders"):
        config = copy.deepcopy(SHIPPED)
        config[section][name] = {"path": ".", "side": 28, "channels": 1}
        if section != "folders":
            config[section][name] = copy.deepcopy(next(iter(SHIPPED[section].values())))
        assert "is no name" in refused_or_fine(config)
    for chosen in ("preset", "datasets", "methods"):
        config = copy.deepcopy(SHIPPED) | {chosen: name if chosen == "preset" else [name]}
        assert chosen in refused_or_fine(config)


# --- through the shell


def shells() -> dict[str, str]:
    """The commands of all rules, by rule, as the rule files state them."""
    found = {}
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for rule in re.split(r"^rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            name, body = rule.split(":", 1)
            if match := re.search(r"^    shell:\n((?: {8}\".*\n?)+)", body, re.MULTILINE):
                found[name] = ast.literal_eval(f"({match[1]})")
    return found


COMMANDS = shells()
SETTINGS = sorted(name for name, command in COMMANDS.items() if "params.settings" in command)


class Any:
    """Stands for whatever a rule fills in besides its settings."""

    def __init__(self, text: str = "x"):
        self.text = text

    def __getattr__(self, name):
        return Any(name)

    def __getitem__(self, key):
        return Any()

    def __format__(self, spec):
        return self.text

    __str__ = __repr__ = lambda self: self.text


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Run a rule's command by bash, as the engine does, and return what reached the program."""
    folder = tmp_path_factory.mktemp("shell")
    program = folder / "python"
    code = f"#!{sys.executable}\nimport json, sys\njson.dump(sys.argv, open({str(folder / 'argv')!r}, 'w'))\n"
    program.write_text(code)
    program.chmod(0o755)

    def run(command: str) -> list[str]:
        environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        strict = f"set -euo pipefail; {command}"
        subprocess.run(["bash", "-c", strict], check=True, cwd=folder, env=environment)
        assert {path.name for path in folder.iterdir()} <= {"python", "argv", "log"}
        return json.loads((folder / "argv").read_text())

    return run


def test_rules_quote_their_settings():
    assert {"train", "prepare", "score", "sample", "metrics"} <= set(SETTINGS)
    for name, command in COMMANDS.items():
        for field in re.findall(r"{(params\.settings[^}]*)}", command):
            assert field == "params.settings:q", name


def filled(rule: str, values: object) -> str:
    """The rule's command with these settings, by the engine's own formatter."""
    params = type("Params", (Any,), {"settings": json.dumps(values, sort_keys=True)})()
    parts = dict.fromkeys(("input", "output", "wildcards", "threads", "resources"), Any())
    return fill_in(COMMANDS[rule], **parts, params=params, log=Any("log"))


NASTY = [
    "; touch ran",
    "$(touch ran)",
    "`touch ran`",
    "' \" \\",
    "a  b\n\t",
    "{braces}",
    "%s",
    "~",
    "*",
    "ß\0\x1b",
]


@pytest.mark.parametrize("rule", SETTINGS)
def test_settings_reach_the_program_as_they_are(shell, rule):
    values = {text: [text, NASTY] for text in NASTY}
    argv = shell(filled(rule, values))
    assert json.loads(argv[argv.index("--params") + 1]) == values


@given(values=st.dictionaries(st.text(), st.text() | st.integers(), max_size=4))
@settings(max_examples=25, deadline=None)
def test_any_settings_reach_the_program_as_they_are(shell, values):
    argv = shell(filled("prepare", values))
    assert json.loads(argv[argv.index("--params") + 1]) == values
