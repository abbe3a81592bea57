"""What pages quote of the record is what it says, also when it has grown."""

import re

import pytest

from data.files import read_json
from tests.quoted import ROOT, agrees, by_seed, cells, merged, numbers, quotes, said_seeds, tables
from workflow.report.text.contrast import difference, places
from workflow.report.verdict.evidence import run_grid

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
# What rows are called after the data set's name, and the value of metrics.json or, of study 1, of its
# cells: <reading>.<name>.
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


@pytest.fixture(scope="module")
def record() -> dict:
    return read_json(ROOT / "results/narrow/metrics.json")


@pytest.fixture(scope="module")
def values(record) -> dict:
    return merged(by_seed(record), cells("narrow"))


def split_label(row: str, head: str, heading: str) -> tuple[str, str]:
    """(dataset, what is quoted of it) of a row of a table."""
    dataset = next(
        d for d, title in DATASETS.items() for text in (row, head, heading) if title in text
    )
    label = row.removeprefix(f"{DATASETS[dataset]}, ")
    return dataset, label if label in ROWS else re.sub(r", (by seed|[a-z]+ seeds)$", "", label)


@pytest.mark.parametrize("page", ["docs/robustness.md", "docs/findings.md"])
def test_a_pages_tables_by_method_are_the_records(page, values):
    wrong, checked = [], 0
    for table in tables(page):
        if table.columns[:3] != list(METHODS)[:3] or "VIMAE-l" not in table.columns:
            continue
        batch = False
        for first, found in table.rows:
            batch = batch or first == BATCH
            if first == BATCH or first.split(", ")[-1] == "paper":
                continue
            dataset, label = split_label(first, table.head, table.heading)
            name = re.sub(r"^\w+", "batch_statistics", ROWS[label]) if batch else ROWS[label]
            for column, cell in zip(table.columns, found, strict=True):
                if column not in METHODS:
                    continue
                of = values[dataset][METHODS[column]][name]
                right = [of[seed] for seed in said_seeds(table.head) or sorted(of)]
                checked += 1
                if not quotes(cell, right):
                    wrong.append(f"{table.head}, {first}, {column}: {cell}, not {right}")
    assert checked > 100
    assert wrong == []


def test_the_readmes_differences_are_the_records(record):
    table = next(table for table in tables("README.md") if len(table.columns) == len(DATASETS))
    pair, wrong = places(record, ("vimae_n", "vae")), []
    for label, found in table.rows:
        for dataset, cell, column in zip(DATASETS, found, table.columns, strict=True):
            grid = run_grid(record, dataset, CONTRASTS[label])
            effect = difference(grid, *pair, CONTRASTS[label])
            if not cell:
                assert effect is None, f"{label}, {dataset}: left empty"
                continue
            if not all(map(agrees, numbers(cell)[:3], (effect.value, *effect.interval))):
                wrong.append(f"{label}, {dataset}: {cell}, not {effect}")
            assert column == f"{DATASETS[dataset]}, {grid.seeds.sum()} seeds"
    assert wrong == []


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


def test_a_number_that_is_not_the_records_is_found():
    assert agrees("95.5", 95.46) and agrees("+5", 5.4) and agrees("-0.9", -0.94)
    assert agrees("1.5", 1.55) and agrees("1.6", 1.55)
    assert not agrees("95.4", 95.46) and not agrees("5.0", 5.4)
    assert numbers("−15.1 (−17.6 to 12), paper −39") == ["-15.1", "-17.6", "12", "-39"]
    assert said_seeds("CIFAR10, seeds 0, 1 and 2") == [0, 1, 2] and said_seeds("MNIST") is None
    two = [1.0, 3.0]
    assert quotes("1, 3", two) and quotes("2.00‡", two) and quotes("2.0 ± 1.0", two)
    assert not quotes("1.0", two) and not quotes("2.0 ± 1.4", two) and not quotes("1, 3, 3", two)
