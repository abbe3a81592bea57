"""What is added is one room: a folder of images, a score in one file, a method in one entry.

Each is added to a copy of the repository as a user would, no other file being touched; then the
pipeline runs, and all three are in its tables.
"""

import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.pipeline import copy_repository, run, tiny_config, write_config

SCORE = '''\
"""How much ink a generated image has: the mean of its values."""

from eval.job import Result, ScoreInputs, score_main
from eval.measured import from_units
from eval.samples import load_samples

NEEDS = ("samples",)
FITS = {"channels": 1}
SETTINGS = {}


def score(inputs: ScoreInputs) -> Result:
    """Mean grey level of generated images, from 0 to 1."""
    images = load_samples(inputs.files["samples"], inputs.data.image_shape, None)
    ink = images.mean((1, 2, 3)) / 255
    return Result({"level": from_units(ink)}, {"images": len(images)})


if __name__ == "__main__":
    score_main("ink", score, NEEDS)
'''


def draw_squares(folder) -> None:
    """Two classes of grey images in folders of their names: bright squares left, or right."""
    random = np.random.default_rng(0)
    for name, column in (("left", 4), ("right", 16)):
        (folder / name).mkdir(parents=True)
        for number in range(60):
            image = random.integers(0, 60, (28, 28), dtype=np.uint8)
            image[8:20, column : column + 8] = 220
            Image.fromarray(image).save(folder / name / f"{number}.png")


@pytest.mark.pipeline
def test_a_dataset_a_score_and_an_ablation_reach_the_tables(tmp_path):
    copy = copy_repository(tmp_path / "copy")
    draw_squares(tmp_path / "images")
    (copy / "eval" / "ink").mkdir()
    (copy / "eval" / "ink" / "score.py").write_text(SCORE)
    config = tiny_config() | {"datasets": ["squares"], "methods": ["vae_wide_prior"]}
    config["scored"] = None  # every score that fits
    config["folders"] = {
        "squares": {
            "path": str(tmp_path / "images"),
            "side": 28,
            "channels": 1,
            "classes": True,
            "title": "Squares",
        }
    }
    config["catalogue"]["vae_wide_prior"] = {
        "label": "VAE, wide prior",
        "objective": "elbo",
        "prior": "normal",
        "beta": 1.0,
        "model": {"prior_scale": 2.0},
    }
    config["presets"]["quick"]["scores"]["robustness"]["default"] |= {"labels": 10, "test": 10}
    write_config(copy, config)

    run(copy, "snakemake", "--cores", "8", "all")
    record = json.loads(
        (copy / "results/quick/runs/squares/vae_wide_prior/seed0/run.json").read_text()
    )
    assert record["params"]["model"]["prior_scale"] == 2.0
    assert record["train_images"] == 108  # a tenth of each class tests
    scores = {path.name for path in (copy / "results/quick/scores").iterdir()}
    own = {"reconstruction", "nll", "robustness", "information", "sharpness", "response"}
    assert scores == own | {"ink"}
    measured = json.loads(
        (copy / "results/quick/scores/ink/squares/vae_wide_prior/seed0.json").read_text()
    )
    level = measured["values"]["level"]["value"]

    tables = (copy / "results" / "tables.md").read_text()
    rows = [line for line in tables.splitlines() if "VAE, wide prior" in line]
    assert rows and "Squares" in tables
    _, _, own = tables.partition("### ink")
    row = next(line for line in own.splitlines() if "VAE, wide prior" in line)
    assert any(float(n) == pytest.approx(level, rel=0.01) for n in re.findall(r"\d+\.\d+", row))
