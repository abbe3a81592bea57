"""DVC's own views of a finished run: metrics in a terminal, plots without a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import browser
from tests.pipeline import copy_repository, run, tiny_config
from tests.report_tree import SCORED, write_tree
from workflow.report import plots_template
from workflow.report.collect import collect
from workflow.report.curves import learning_curves, robustness_curves
from workflow.report.summary import write_summaries
from workflow.settings import ROOT


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """What DVC needs of this repository, with the results of a run."""
    folder = tmp_path_factory.mktemp("dvc")
    preset = folder / "results" / "quick"
    scored = SCORED | {"information": ["mnist", "omniglot", "cifar10", "celeba"]}
    metrics = collect(preset, write_tree(preset, [0], scored=scored), preset="quick")
    write_summaries(metrics, preset / "summary")
    (preset / "plots").mkdir()
    learning_curves(metrics, preset).to_csv(preset / "plots" / "learning_curves.csv", index=False)
    robustness_curves(metrics).to_csv(preset / "plots" / "robustness.csv", index=False)
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    config = (ROOT / ".dvc" / "config").read_text()
    (folder / ".dvc" / "config").write_text(config.replace("autostage = true", "no_scm = true"))
    (folder / "results" / "dvc_plots_template.html").write_text(plots_template.template())
    dvc = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    shown = {"vars": [{"preset": "quick"}], "plots": dvc["plots"]}
    (folder / "dvc.yaml").write_text(
        yaml.safe_dump(shown | {"metrics": ["results/${preset}/summary"]})
    )
    return folder


def test_a_folder_of_other_things_is_not_emptied(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "weights").write_text("hours of training")
    with pytest.raises(ValueError, match="holds weights, and it would be emptied; take another"):
        write_summaries({"datasets": {}, "methods": []}, tmp_path)
    assert (tmp_path / "runs" / "weights").exists()
    (tmp_path / "runs" / "weights").rename(tmp_path / ".snakemake_timestamp")  # an engine's output
    write_summaries({"datasets": {}, "methods": []}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def dvc(folder: Path, *words: str) -> str:
    words = [str(Path(sys.executable).with_name("dvc")), *words]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_metrics_are_a_row_a_dataset_and_method_within_160_columns(repository):
    lines = dvc(repository, "metrics", "show").splitlines()
    assert len(lines) == 1 + 4 * 5 - 1  # heads; one method diverged on one dataset
    assert max(map(len, lines)) <= 160
    assert lines[0].split()[0] == "Path" and len(lines[0].split()) <= 13


@browser.needed
def test_plots_are_drawn_without_a_network(repository, tmp_path):
    dvc(repository, "plots", "show", "--out", "drawn")
    page = repository / "drawn" / "index.html"
    assert [a for a in browser.requests(page, tmp_path) if not a.startswith("file:")] == []
    dom, console = browser.chromium(page, "--dump-dom")
    assert console == []
    assert dom.count("<canvas") == 2
    # Something is on them.
    script = """
    const drawn = (canvas) => canvas.getContext("2d")
      .getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value);
    setTimeout(() => {
      found.drawn = [...document.querySelectorAll("canvas")].map(drawn);
      parent.postMessage(found, "*");
    }, 1500)
    """
    found, _ = browser.probe(page, script, tmp_path)
    assert found["drawn"] == [True, True]


@pytest.mark.pipeline
def test_dvc_goes_through_without_fid(tmp_path):
    """There are no references then, and DVC wants every output that it knows of."""
    config = tiny_config() | {"datasets": ["mnist"], "methods": ["vae"]}
    config["scored"] = {"reconstruction": ["mnist"]}
    folder = copy_repository(tmp_path / "copy", config)
    run(folder, "dvc", "repro", "scores")
    assert (folder / "results/quick/scores/reconstruction/mnist/vae/seed0.json").exists()
    assert "up to date" in run(folder, "dvc", "status", "scores").stdout
