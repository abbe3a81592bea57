"""Reports without the engine are made by the same command lines as with it."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from data.files import write_json
from tests.pipeline import ROOT, copy_repository, run, tiny_config
from tests.report_tree import write_tree
from workflow.report.commands import commands
from workflow.settings import Settings

QUICK = Path("results/quick")
LATEST = {"results/tables.md", "results/report.html"}  # of the latest run; the engine's alone


def options(words: list[str]) -> dict[str, list]:
    """The values that follow each option; those of --params read, so that spelling is no difference."""
    found: dict[str, list] = {}
    for word in words:
        if word.startswith("--"):
            found[name := word] = []
        elif word not in LATEST:
            found[name].append(json.loads(word) if name == "--params" else word)
    return found


def engine_lines(folder: Path) -> dict[str, list[str]]:
    """Options of the report's programs by module, as the engine would call them."""
    printed = run(folder, "snakemake", "--cores", "1", "-n", "-p", "all").stdout
    calls = re.findall(r"exec python -m (workflow\.report\.\S+) (.*?) > ", printed)
    return {module: shlex.split(words) for module, words in calls}


@pytest.mark.pipeline
def test_they_are_the_engines(tmp_path):
    folder = copy_repository(tmp_path)
    record = Path("results/narrow/metrics.json")
    write_json(folder / record, {"datasets": {}})
    engine = engine_lines(folder)
    params = Settings(tiny_config()).report_settings()
    for words in commands("quick", params, root=QUICK, out=QUICK, record=record).values():
        python, _, module, *ours = words
        assert python == sys.executable
        assert options(ours) == options(engine.pop(module))
    assert engine.keys() == {"workflow.report.plots_template"}  # which is of no preset


def test_a_report_without_robustness_needs_no_levels(tmp_path):
    params = write_tree(tmp_path / "quick", [0], scored={"nll": ["mnist"]}) | {"levels": {}}
    lines = commands("quick", params, root=tmp_path / "quick", out=tmp_path / "quick")
    for words in lines.values():
        subprocess.run(words, check=True, cwd=ROOT)
    assert "Gauss large" in (tmp_path / "quick" / "tables.md").read_text()


def test_a_part_keeps_what_it_had_and_stands_beside_nothing():
    whole = commands("quick", {}, root=Path("runs"), out=QUICK)
    part = commands("quick", {}, root=Path("runs"), out=QUICK, partial=True, kept=True)
    added = ["--partial", "--kept", "results/quick/metrics.json"]
    assert part["metrics"] == whole["metrics"] + added
    assert part["figures"] == [*whole["figures"], "--kept"]
    assert all(part[rule] == whole[rule] for rule in whole if rule not in ("metrics", "figures"))
    assert not any("--record" in words for words in whole.values())
