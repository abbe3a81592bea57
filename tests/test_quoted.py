"""What the pages quote by method is what the committed record says, now that it has grown again, too."""

import argparse
import re
from pathlib import Path

import numpy as np
import pytest

from data.files import read_json
from workflow.report.text.contrast import difference, places
from workflow.report.verdict.evidence import run_grid
from workflow.studies.robustness import gather
from workflow.study import selected

ROOT = Path(__file__).resolve().parent.parent
METHODS = {
    "VAE": "vae",
    "β = 2": "beta_vae_high",
    "β = 0.5": "beta_vae_low",
    "VIMAE-n": "vimae_n",
    "VIMAE-l": "vimae_l",
}
DATASETS = {name.lower(): name for name in ("MNIST", "Omniglot", "CIFAR10", "CelebA")}
BATCH = "*batch norm by the batch's own statistics:*"  # a row that stands above such rows
NOISE = {
    "clean": "clean",
    "Gaussian noise 0.2, clipped": "gaussian_clipped.0.2",
    "Gaussian noise 0.2, not clipped": "gaussian.0.2",
    "Gaussian noise 0.5, clipped": "gaussian_clipped.0.5",
    "Gaussian noise 0.5, not clipped": "gaussian.0.5",
    "mask 0.5": "mask_zero.0.5",
    "mask 0.5, grey": "mask_zero.0.5",
    "mask 0.5, black": "mask_black.0.5",
}
EXTRA = {"brightness + 0.2, no noise": "brightness.0.2", "contrast × 0.5, no noise": "contrast.0.5"}
READINGS = {"one scale": "one_scale", "whitened": "whitened", "linear kernel": "linear"}
# Rows by what they are called after the data set's name, and the value of metrics.json or, of study 1,
# of its cells: <reading>.<name>.
ROWS = (
    {label: f"robustness.tsvm.{name}" for label, name in NOISE.items()}
    | {label: f"as_recorded.tsvm.{name}" for label, name in EXTRA.items()}
    | {
        f"{label}, {reading}": f"{own}.tsvm.{name}"
        for label, name in NOISE.items()
        for reading, own in READINGS.items()
    }
    | {
        "clean, as recorded": "robustness.tsvm.clean",
        "FID, by seed": "fid.fid.test",
        "KID": "fid.kid.test",
        "sharpness, mean": "sharpness.samples.value",
        "KL(q(z), p(z)), nats ≥, mean": "information.divergence",
        "MMD, mean": "information.mmd",
        "z sampled": "reconstruction.sampled.cost",
        "10,000 images, z sampled": "reconstruction.sampled.cost",
        "mean of z": "reconstruction.mean.cost",
        "training images, mean of z": "reconstruction.train.cost",
        "cross-entropy of prior samples": "nll.cross_entropy",
        "importance-sampled NLL, 500 images": "nll.nll",
        "information in the code ≥": "information.information",
        "the same ≤": "information.information_upper",
        "MMD in evaluation mode": "information.mmd",
        "MMD in training mode": "information.mmd_training",
    }
)
CONTRASTS = {
    "FID, %": "fid.fid.test",
    "reconstruction error, z sampled, %": "reconstruction.sampled.cost",
    "reconstruction error, mean of z, %": "reconstruction.mean.cost",
    "accuracy: clean images": "robustness.tsvm.clean",
    "accuracy: noise, clipped": "robustness.tsvm.gaussian_clipped.0.5",
    "accuracy: noise, not clipped": "robustness.tsvm.gaussian.0.5",
    "accuracy: half of the pixels masked": "robustness.tsvm.mask_zero.0.5",
}
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def record() -> dict:
    return read_json(ROOT / "results/narrow/metrics.json")


@pytest.fixture(scope="module")
def values(record) -> dict:
    """{dataset: {method: {name: {seed: value}}}} of the record and of the cells of study 1."""
    whole = argparse.Namespace(preset="narrow", datasets=None, methods=None, seeds=None)
    found: dict = {}
    for source in (record, gather(selected(whole), ROOT / "results")):
        for dataset, entry in source["datasets"].items():
            for method, of in entry["methods"].items():
                for name, summary in of.items():
                    by_seed = zip(source["seeds"], summary["values"], strict=True)
                    there = {seed: value for seed, value in by_seed if value is not None}
                    found.setdefault(dataset, {}).setdefault(method, {})[name] = there
    return found


def tables(page: str) -> list[tuple[str, list[list[str]]]]:
    """Every table as the heading that it stands below, and its rows of cells without the rule."""
    found, heading, inside = [], "", False
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        heading = line if line.startswith("#") else heading
        if not line.startswith("|"):
            inside = False
        elif not re.fullmatch(r"[|:\- ]+", line):
            if not inside:
                found.append((heading, []))
            inside = True
            found[-1][1].append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def numbers(text: str) -> list[str]:
    return NUMBER.findall(text.replace("−", "-"))


def agrees(text: str, value: float) -> bool:
    """Whether `text` is the value, rounded to as many decimals as it has."""
    return float(text) == float(f"{value:.{len(text.partition('.')[2])}f}")


def said_seeds(text: str) -> list[int] | None:
    """The seeds of "CIFAR10, seeds 1 and 2"; None where it names none."""
    _, found, after = text.partition("seeds ")
    return [int(seed) for seed in numbers(after)] if found else None


def split_label(row: str, head: str, heading: str) -> tuple[str, str]:
    """(dataset, what is quoted of it) of a row of a table."""
    dataset = next(
        d for d, title in DATASETS.items() for text in (row, head, heading) if title in text
    )
    label = row.removeprefix(f"{DATASETS[dataset]}, ")
    return dataset, re.sub(r", (by seed|[a-z]+ seeds)$", "", label) if label not in ROWS else label


@pytest.mark.parametrize("page", ["docs/robustness.md", "docs/findings.md"])
def test_a_pages_tables_by_method_are_the_records(page, values):
    wrong, checked = [], 0
    for heading, ((head, *columns), *rows) in tables(page):
        if columns[:5] != list(METHODS):
            continue
        batch = False
        for first, *cells in rows:
            batch = batch or first == BATCH
            if first == BATCH or first.split(", ")[-1] == "paper":
                continue
            dataset, label = split_label(first, head, heading)
            name = ROWS[label]
            if batch:
                name = re.sub(r"^\w+", "batch_statistics", name)
            for method, cell in zip(METHODS.values(), cells, strict=False):
                of, quoted = values[dataset][method][name], numbers(cell)
                seeds = said_seeds(head) or sorted(of)
                right = [of[seed] for seed in seeds]
                right = right if len(quoted) > 1 else [np.mean(right)]
                checked += 1
                if len(right) != len(quoted) or not all(map(agrees, quoted, right)):
                    wrong.append(f"{page}, {head}, {first}, {method}: {cell}, not {right}")
    assert checked > 100
    assert wrong == []


def test_the_readmes_differences_are_the_records(record):
    head = [f"{title}, " for title in ("MNIST", "Omniglot", "CIFAR10", "CelebA")]
    table = next(
        rows for _, rows in tables("README.md") if all(map(str.startswith, rows[0][1:], head))
    )
    pair, wrong = places(record, ("vimae_n", "vae")), []
    for label, *cells in table[1:]:
        for dataset, cell, column in zip(DATASETS, cells, table[0][1:], strict=True):
            grid = run_grid(record, dataset, CONTRASTS[label])
            effect = difference(grid, *pair, CONTRASTS[label])
            if not cell:
                assert effect is None, f"{label}, {dataset}: left empty"
                continue
            quoted = numbers(cell.removeprefix("grey "))[:3]
            if not all(map(agrees, quoted, (effect.value, *effect.interval))):
                wrong.append(f"{label}, {dataset}: {cell}, not {effect}")
            assert column.endswith(f" {grid.seeds.sum()} seeds"), (column, dataset)
    assert wrong == []


def test_a_number_that_is_not_the_records_is_found():
    assert agrees("95.5", 95.46) and agrees("+5", 5.4) and agrees("-0.9", -0.94)
    assert not agrees("95.4", 95.46) and not agrees("5.0", 5.4)
    assert numbers("−15.1 (−17.6 to 12), paper −39") == ["-15.1", "-17.6", "12", "-39"]
    assert said_seeds("CIFAR10, seeds 0, 1 and 2") == [0, 1, 2] and said_seeds("MNIST") is None


@pytest.mark.parametrize(
    ("shown", "rendered"),
    [
        ("narrow_robustness", "narrow/figures/robustness"),
        ("narrow_robustness_apart", "studies/robustness_narrow/figure"),
    ],
)
def test_a_pages_figure_is_the_records(shown, rendered):
    of_page = ROOT / f"docs/figures/{shown}.png"
    assert of_page.read_bytes() == (ROOT / f"results/{rendered}.png").read_bytes()
