"""What the command line of every module that can be run promises, whichever modules there are.

A module is run up to where it parses its options; the parser that it made is then read and tried.
"""

import argparse
import ast
import json
import os
import runpy
import shlex
import subprocess
import sys
import warnings
from functools import cache
from unittest import mock

import pytest
from jsonschema import Draft202012Validator

from data.arguments import LARGEST, settings
from workflow.declarations import scores
from workflow.settings import ROOT, Settings, load

PACKAGES = ("data", "models", "eval", "workflow", "benchmarks")
TEXTS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
MODULES = {
    name.removesuffix(".__main__"): text
    for name, text in TEXTS.items()
    if 'if __name__ == "__main__":' in text or name.endswith(".__main__")
}
TAKE_SETTINGS = [
    name for name, text in MODULES.items() if "takes_settings(" in text or "score_main(" in text
]
SHOWN = "(default: "

every_module = pytest.mark.parametrize("module", MODULES)


class MadeParser(BaseException):
    """Stops a module that parses its options; no `except Exception` of its own takes it."""


@cache
def parser_of(module: str) -> argparse.ArgumentParser:
    """The parser that a module makes when it is run."""

    def stop(parser, *_, **__):
        raise MadeParser(parser)

    text = MODULES[module]
    assert "parse_args(" in text or "score_main(" in text, "its parser cannot be had, it would run"
    parsing = mock.patch.object(argparse.ArgumentParser, "parse_args", stop)
    with parsing, warnings.catch_warnings(), pytest.raises(MadeParser) as stopped:
        warnings.simplefilter("ignore", RuntimeWarning)  # that another test has imported it
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    return stopped.value.args[0]


def commands(page: str) -> list[tuple[str, list[str]]]:
    """(module, words) of every `python -m` of ours that a page shows on a line of its own."""
    shown, lines = [], iter(page.splitlines())
    for line in lines:
        if line.split()[:2] != ["python", "-m"]:
            continue
        while line.endswith("\\") or line.count("'") % 2:  # it goes on in the next line
            line = line.removesuffix("\\") + next(lines)
        module, *words = shlex.split(line, comments=True)[2:]
        if module in MODULES:
            shown.append((module, words))
    return shown


def example(module: str) -> list[str]:
    """The words of a module's first example of itself."""
    return next(words for name, words in commands(parser_of(module).description) if name == module)


def settings_of(module: str) -> dict:
    """What the example of a module gives as --params."""
    return vars(parser_of(module).parse_args(example(module)))["params"]


def with_commands(parser: argparse.ArgumentParser):
    """The parser and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from with_commands(below)


@every_module
def test_help_is_the_page_of_the_module(module, capsys):
    with pytest.raises(SystemExit) as left:
        parser_of(module).parse_args(["--help"])
    out = capsys.readouterr().out
    assert left.value.code == 0
    assert out.startswith(f"usage: python -m {module} [-h]")
    assert ast.get_docstring(ast.parse(MODULES[module]), clean=False).strip() in out


@every_module
def test_every_option_says_what_it_is_and_its_default(module):
    for parser in with_commands(parser_of(module)):
        formatter = parser._get_formatter()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                assert all(choice.help for choice in action._choices_actions)
                continue
            name = f"{parser.prog} {'/'.join(action.option_strings) or action.dest}"
            assert action.help and action.help.strip(), f"{name}: no help"
            assert action.type is not json.loads, f"{name}: takes no @FILE; see takes_settings"
            said, default = formatter._expand_help(action), action.default
            if default is None or default is False or default is argparse.SUPPRESS:
                continue
            one = not isinstance(default, list)  # several are said in words
            assert (f"{SHOWN}{default})" if one else SHOWN) in said, f"{name}: {said}"


@every_module
def test_examples_on_the_page_are_accepted(module):
    shown = commands(parser_of(module).description)
    assert module in dict(shown), "no example of itself"
    for name, words in shown:
        parser_of(name).parse_args(words)


@pytest.mark.parametrize("module", TAKE_SETTINGS)
def test_settings_in_a_file_are_those_on_the_command_line(module, tmp_path, capsys):
    parser, words = parser_of(module), example(module)
    place = words.index("--params") + 1
    file = tmp_path / "settings.json"
    file.write_text(words[place], encoding="utf-8")

    def given(text: str) -> dict:
        return vars(parser.parse_args([*words[:place], text, *words[place + 1 :]]))

    assert given(f"@{file}") == vars(parser.parse_args(words))
    for wrong in (file, tmp_path / "absent.json"):
        file.write_text("{no json")
        with pytest.raises(SystemExit) as left:
            given(f"@{wrong}")
        assert left.value.code == 2
        assert f"argument --params: {wrong}: not settings in JSON (" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", [b"[1]", b"3", b"", b"\xff\xfe{", b"[" * 10**5, b" " * LARGEST + b"{}"]
)
def test_what_is_no_settings_is_refused_with_the_files_name(content, tmp_path):
    file = tmp_path / "settings.json"
    file.write_bytes(content)
    with pytest.raises(argparse.ArgumentTypeError, match="settings.json: not settings in JSON"):
        settings(f"@{file}")


def test_a_device_or_a_folder_is_no_file_of_settings(tmp_path):
    for path in ("/dev/zero", tmp_path):
        with pytest.raises(argparse.ArgumentTypeError, match=f"^{path}: not settings in JSON"):
            settings(f"@{path}")


@pytest.mark.parametrize("module", [m for m in TAKE_SETTINGS if m.startswith("eval.")])
def test_settings_in_a_scores_example_are_all_that_it_asks_for(module):
    properties = scores()[module.split(".")[1]].settings
    schema = {"additionalProperties": False, "properties": properties, "required": [*properties]}
    Draft202012Validator(schema).validate(settings_of(module))


def test_settings_in_other_examples_are_those_of_the_engine():
    quick = Settings(load() | {"preset": "quick"})
    assert settings_of("models.train") == quick.train_settings("mnist", "vae")
    assert settings_of("models.sample").keys() == quick.section("mnist", "samples").keys()
    assert settings_of("data.prepare").keys() == quick.data_settings("mnist").keys()
    assert settings_of("workflow.report.collect").keys() == quick.report_settings().keys()


RUN = """
import runpy, sys
module, *sys.argv[1:] = sys.argv[1:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
from threadpoolctl import threadpool_info
print("threads", *{library["num_threads"] for library in threadpool_info()})
"""
TINY = '{"source": "embedded", "train": 20, "test": 20}'


@pytest.mark.parametrize("asked", [None, "2"])
@pytest.mark.parametrize(
    "words",
    [
        ("data.prepare", "mnist", "--params", TINY, "--out", "mnist.npz"),
        ("benchmarks.verdict", "--trials", "5"),
    ],
)
def test_a_command_takes_one_thread_unless_told_otherwise(words, asked, tmp_path):
    environment = {name: of for name, of in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"OMP_NUM_THREADS": asked} if asked else {})
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    _, *threads = done.stdout.splitlines()[-1].split()
    several = min(int(asked or 1), len(os.sched_getaffinity(0)))
    assert max(map(int, threads)) == several


def test_help_waits_for_torch_only_where_networks_are():
    quick = [name for name in MODULES if name.startswith(("data.", "workflow."))]
    quick.remove("data.inception")  # whose weights are torch's own file
    code = f"import sys, {', '.join(quick)}; print('torch' in sys.modules)"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
