"""The tutorials' commands, run from the pages as a reader would run them."""

import numpy as np
import pytest
from PIL import Image

from data.files import read_json
from tests.pages import blocks
from tests.pipeline import copy_repository, run, shipped_config

pytestmark = pytest.mark.pipeline


def follow(page: str, folder) -> str:
    """Run all of a page's commands in a fresh copy of the repository; what they print."""
    copy_repository(folder, shipped_config())
    (folder / "results").mkdir()
    return run(folder, "bash", "-ec", "".join(blocks(page, "sh"))).stdout


def test_data_tutorial_leads_from_images_to_tables_and_a_model(tmp_path):
    output = follow("docs/tutorial-data.md", tmp_path / "copy")
    results = tmp_path / "copy" / "results"
    digits = read_json(results / "quick" / "metrics.json")["datasets"]["digits"]
    counts = digits["meta"]["counts"]
    assert sum(counts.values()) == 1797 and counts["test"] == pytest.approx(179.7, abs=5)
    assert set(digits["methods"]) == {"vae", "vimae_l"}
    for values in digits["methods"].values():
        assert values["robustness.tsvm.clean"]["mean"] > 50  # of ten classes, in percent
    assert "Digits" in (results / "tables.md").read_text(encoding="utf-8")
    assert list((results / "quick" / "figures").glob("*digits*.png"))
    assert np.asarray(Image.open(results / "sevens.png")).ndim == 2
    assert len(list((results / "new").glob("*.png"))) == 100
    assert "B results/digits: 1797 images\nFID-64: " in output


def test_method_tutorial_leads_from_an_equation_to_its_numbers(tmp_path):
    output = follow("docs/tutorial-method.md", tmp_path / "copy")
    rates = dict(line.split(" ", 1) for line in output.splitlines() if line.endswith(" nats"))
    assert set(rates) == {"vae", "vae_to_15"}
    assert float(rates["vae_to_15"].split()[0]) == pytest.approx(15, abs=1.5)
    assert "VAE → 15 nats" in (tmp_path / "copy" / "results" / "tables.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("", "rate"),
        ("rate: 15, encoder: deterministic,", "a deterministic encoder has no finite rate"),
        ("rate: 15, beta: 2,", "beta"),
    ],
)
def test_misuse_of_the_new_method_is_refused_as_the_page_says(tmp_path, setting, message):
    folder = copy_repository(tmp_path / "copy", shipped_config())
    (folder / "results").mkdir()
    objective, settings, _ = blocks("docs/tutorial-method.md", "sh")
    entry = settings.partition("snakemake")[0].replace("rate: 15,", setting)
    run(folder, "bash", "-ec", objective + entry)
    refused = run(folder, "snakemake", "-n", "--configfile", "results/method.yaml", check=False)
    assert refused.returncode != 0
    assert "catalogue.vae_to_15" in refused.stdout
    assert message in refused.stdout
