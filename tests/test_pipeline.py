"""The whole pipeline through real engines, on tiny data."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import store
from tests.pipeline import (
    ALL,
    ENVIRONMENT,
    REPRO,
    TINY,
    common_folder,
    copy_repository,
    finished_copy,
    job_counts,
    run,
    shipped_config,
    tiny_config,
    write_config,
)
from workflow import resources


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy in which `snakemake --cores 8 all` has been run once."""
    return finished_copy(
        tmp_path_factory.mktemp("pipeline") / "copy", common_folder(tmp_path_factory)
    )


def inventory(folder: Path) -> dict[str, int]:
    """Modification times of everything a preset holds but logs."""
    files = [path for path in (folder / "results").rglob("*") if path.is_file()]
    return {
        str(path): path.stat().st_mtime_ns
        for path in files
        if not {"logs", "benchmarks", "checkpoints"} & set(path.parts)
    }


@pytest.mark.pipeline
def test_from_nothing_to_tables(finished):
    tables = (finished / "results" / "tables.md").read_text()
    for numeral in ("I", "II", "III", "IV", "V"):
        assert f"### Table {numeral}:" in tables
    assert "FID-64" in tables and "synthetic stand-in" in tables
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", tables)
    assert len(links) >= 4
    for link in links:
        assert (finished / "results" / link).read_bytes().startswith(b"\x89PNG")
    rows = [line for line in tables.splitlines() if line.startswith("|")]
    assert not [row for row in rows if re.search(r"\|\s*\|", row)], "an empty cell"
    for dataset in TINY["datasets"]:
        for method in TINY["methods"]:
            file = finished / "results" / "quick" / "summary" / dataset / f"{method}.json"
            assert all(isinstance(value, float) for value in json.loads(file.read_text()).values())


@pytest.mark.pipeline
def test_jobs_need_less_than_they_ask_for(finished):
    """Of one process's own: the data are tiny. Their share grows as test_hostile_memory.py has it."""
    root = finished / "results" / "quick" / "benchmarks"
    seen = set()
    for path in root.rglob("*.tsv"):
        rule = path.relative_to(root).with_suffix("").parts[0]
        (row,) = pd.read_csv(path, sep="\t", na_values="-").to_dict("records")
        assert row["s"] < 60 * resources.runtime(rule, 1), path
        # A job of less than its first look at it has none.
        assert np.isnan(row["max_rss"]) or row["max_rss"] < resources.memory_mb(rule, 0, 1), path
        seen |= {rule} if row["max_rss"] > 0 else set()
    assert {"train", "sample", "reference", "score", "figures"} <= seen


@pytest.mark.pipeline
def test_nothing_is_done_twice(finished):
    before = inventory(finished)
    assert "Nothing to be done" in run(finished, *ALL).stdout
    assert inventory(finished) == before


@pytest.mark.pipeline
def test_dvc_takes_over_without_training(finished):
    before = inventory(finished)
    output = run(finished, *REPRO).stdout
    assert output.count("Nothing to be done") == 5, output
    assert inventory(finished) == before
    assert "up to date" in run(finished, "dvc", "status").stdout
    assert "Nothing to be done" in run(finished, *ALL).stdout
    assert "mnist" in run(finished, "dvc", "metrics", "show").stdout
    run(finished, "dvc", "plots", "show", "--out", "plots_html")
    assert list((finished / "plots_html").glob("*.html"))


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """A copy with the shipped settings in which nothing has run."""
    return copy_repository(tmp_path_factory.mktemp("untouched") / "copy", shipped_config())


# Prints each rule that runs a program and the resources that it states.
STATED = """
include: "Snakefile"
for rule in workflow.rules:
    if rule.shellcmd:
        print("states", rule.name, *rule.resources)
"""


def test_every_rule_states_memory_and_run_time(untouched):
    (untouched / "stated.smk").write_text(STATED)
    output = run(untouched, "snakemake", "--snakefile", "stated.smk", "--list-rules").stdout
    stated = [line.split()[1:] for line in output.splitlines() if line.startswith("states ")]
    rules = {rule: set(of) for rule, *of in stated}
    assert set(rules) - {"plots_template"} == set(resources.REQUESTS)
    assert not [rule for rule, of in rules.items() if not {"mem_mb", "runtime"} <= of]


def test_dry_run_of_the_paper_needs_no_network(untouched):
    counts = job_counts(run(untouched, *ALL, "-n", "--config", "preset=paper").stdout)
    assert counts["train"] == counts["sample"] == 5 * 4 * 3
    scored = shipped_config()["presets"]["paper"]["scored"]
    assert counts["score"] == 5 * 3 * sum(map(len, scored.values()))
    assert counts["reference"] == len(scored["fid"])
    assert counts["download"] == 5  # FID's network too


def test_a_subset_is_one_override(untouched):
    words = ("-n", "models", "--config", "methods=[vae]", "datasets=[mnist,cifar10]", "seeds=[0,7]")
    assert job_counts(run(untouched, "snakemake", *words).stdout)["train"] == 4


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("methods=[vea]", "'vea' is not one of"),
        ("datasets=[imagenet]", "'imagenet' is not one of"),
        ("epoch=3", "unknown key 'epoch'"),
        ("presets={quick: {train: {default: {epochs: -1}}}}", "epochs: -1 must be at least 1"),
    ],
)
def test_a_wrong_setting_stops_before_any_job(untouched, override, says):
    result = run(untouched, *ALL, "--config", override, check=False)
    assert result.returncode != 0 and says in result.stdout
    assert "Traceback" not in result.stdout
    assert not (untouched / "results").exists()


def test_missing_celeba_says_what_to_do(tmp_path):
    folder = copy_repository(tmp_path / "copy")
    config = tiny_config() | {"datasets": ["celeba"]}
    config["presets"]["quick"]["data"]["celeba"] = {
        "source": "official",
        "train": None,
        "test": None,
    }
    write_config(folder, config)
    offline = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    result = run(folder, "snakemake", "--cores", "8", "data", environment=offline, check=False)
    assert result.returncode != 0
    assert "img_align_celeba.zip" in result.stdout and "VIMAE_MIRROR" in result.stdout
    assert not (folder / "results" / "quick" / "data").exists()


def test_part_of_celeba_from_a_mirror_folder(tmp_path):
    """The download and prepare rules on official data; the count is carried through."""
    folder = copy_repository(tmp_path / "copy")
    config = tiny_config() | {"datasets": ["celeba"]}
    official = {"source": "official", "train": None, "test": None}
    config["presets"]["quick"]["data"]["celeba"] = official
    write_config(folder, config)
    (tmp_path / "mirror" / "celeba").mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
    np.savez(tmp_path / "mirror/celeba/celeba_64.npz", train=images, test=images[:20])
    run(folder, "snakemake", "--cores", "8", "data", "--config", f"mirror={tmp_path}/mirror")
    stored = store.load(folder / "results/quick/data/celeba.npz")
    np.testing.assert_array_equal(stored.train_images, images)
    assert stored.meta["counts"] == {"train": 30, "test": 20}
    assert "part of the official dataset" in stored.meta["note"]


@pytest.mark.pipeline
def test_plain_command_works_after_sigkill(tmp_path):
    """Kill engine and trainers mid-training; the same command, with no flag, goes on."""
    folder = copy_repository(tmp_path / "copy")
    config = tiny_config() | {"datasets": ["mnist"], "methods": ["vae"]}
    config["presets"]["quick"]["train"]["default"] |= {"epochs": 60, "checkpoint_seconds": 0}
    write_config(folder, config)
    words = ["snakemake", "--cores", "8", "models"]
    process = subprocess.Popen(
        words, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    checkpoint = folder / "results/quick/checkpoints/mnist/vae/seed0.pt"
    end = time.time() + 300
    while not checkpoint.exists():
        assert process.poll() is None and time.time() < end
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (folder / ".snakemake" / "locks").exists()
    run(folder, *words)
    record = json.loads((folder / "results/quick/runs/mnist/vae/seed0/run.json").read_text())
    assert len(record["sessions"]) == 2 and record["sessions"][1]["from_step"] > 0
