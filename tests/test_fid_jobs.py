"""Jobs of FID, from images to scores."""

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from safetensors.torch import save_file

from data import inception_network, store
from data.files import digest, read_json, write_json
from eval.fid import inception
from eval.fid import reference as fid_reference
from eval.fid.frechet import frechet_distance, statistics
from eval.fid.score import NEEDS
from eval.fid.score import score as fid
from eval.job import score_main
from models.run import build_model
from tests.tiny import tiny_data, tiny_info

SETTINGS = {
    "dims": 64,
    "count": 20,
    "references": {"test": 24},
    "groups": 4,
    "batch": None,
    "allow_small": True,
}


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Path:
    """A folder with a dataset, an untrained run, generated images and reference statistics."""
    folder = tmp_path_factory.mktemp("fid")
    data = tiny_data(train=25, test=25, side=32, channels=3)
    store.save(folder / "data.npz", data)
    np.savez(folder / "samples.npz", images=data.test_images)

    info = tiny_info(side=32, channels=3) | {"status": "done"}
    (folder / "run").mkdir()
    save_file(build_model(info).state_dict(), folder / "run" / "weights.safetensors")
    info["weights_sha256"] = digest(folder / "run" / "weights.safetensors")
    write_json(folder / "run" / "run.json", info)

    run_reference(folder, SETTINGS)
    return folder


def run_main(main, *arguments) -> None:
    with mock.patch("sys.argv", ["job", *map(str, arguments)]):
        main()


def run_reference(folder: Path, params: dict) -> None:
    run_main(
        fid_reference.main,
        *("--data", folder / "data.npz", "--params", json.dumps(params)),
        *("--out", folder / "reference.npz"),
    )


def run_fid(folder: Path, params: dict, samples: str = "samples.npz") -> dict:
    run_main(
        lambda: score_main("fid", fid, NEEDS),
        *("--run", folder / "run", "--data", folder / "data.npz", "--samples", folder / samples),
        *("--reference", folder / "reference.npz", "--params", json.dumps(params)),
        *("--out", folder / "fid.json", "--units", folder / "fid.npz"),
    )
    return read_json(folder / "fid.json")


def test_job_scores_the_reference_images_themselves_as_zero(job):
    result = run_fid(job, SETTINGS | {"count": 24})
    values = result["values"]
    floor = values["floor.test"]
    assert values["dims"]["value"] == 64
    assert values["fid.test"]["value"] == pytest.approx(0, abs=1e-8 * floor["value"])
    assert floor["value"] > floor["se"] > 0
    assert values["fid.test"]["doubtful"] and not values["kid.test"]["doubtful"]
    # Of the same images, KID misses the diagonal in the within terms alone: it is below zero.
    assert -4 * floor["value"] < values["kid.test"]["value"] < 0
    assert floor["doubtful"]  # of 20 images in 64 dimensions
    protocol = result["protocol"]
    assert protocol["generated"] == 24 and protocol["reference"] == {"test": 24}
    assert protocol["floor_count"] == {"test": 20}
    assert protocol["name"] == "FID-64" and protocol["small_sample"]
    assert protocol["weights_sha256"] == inception_network.STEM_SHA256


def test_floor_is_the_distance_between_the_splits(job):
    network, data = inception.load_network(64), store.load(job / "data.npz")
    found = fid_reference.load(job / "reference.npz", fid_reference.key(network, data))["test"]
    train, test = (
        statistics(inception.features(network, images))
        for images in (data.train_images[:20], data.test_images[:24])
    )
    assert found.statistics.count == 24
    np.testing.assert_array_equal(found.statistics.covariance, test.covariance)
    kept = inception.features(network, data.test_images[:20])  # as many as will be compared
    np.testing.assert_allclose(found.features, kept, rtol=1e-6)
    assert found.floor["value"] == pytest.approx(frechet_distance(train, test), rel=1e-9)
    assert found.floor["groups"] == SETTINGS["groups"]


def test_too_few_images_are_refused_unless_asked_for(job):
    with pytest.raises(ValueError, match="20 generated images are too few for 64 dimensions"):
        run_fid(job, SETTINGS | {"allow_small": False})
    with pytest.raises(ValueError, match="24 test reference images are too few"):
        run_reference(job, SETTINGS | {"allow_small": False})


def test_a_reference_takes_what_there_is(job):
    data, network = store.load(job / "data.npz"), inception.load_network(64)
    settings = SETTINGS | {"count": None, "references": {"test": 1000, "train": None}}
    found = fid_reference.build(data, network, settings)
    assert [found[split].statistics.count for split in ("test", "train")] == [25, 25]
    assert [found[split].floor["count"] for split in ("test", "train")] == [25, 25]


@pytest.mark.parametrize("asked", [{"test": 25}, {"train": 24}, {"test": 24, "train": None}])
def test_a_reference_of_other_images_is_refused(job, asked):
    with pytest.raises(ValueError, match="reference.npz: of {'test': 24} real images, not of"):
        run_fid(job, SETTINGS | {"references": asked})


def test_samples_that_do_not_fit_are_refused(job):
    with pytest.raises(ValueError, match="count asks for 26 images, the file has 25"):
        run_fid(job, SETTINGS | {"count": 26})
    np.savez(job / "grey.npz", images=np.zeros((25, 32, 32, 1), np.uint8))
    with pytest.raises(ValueError, match="grey.npz: images are uint8"):
        run_fid(job, SETTINGS, samples="grey.npz")


def test_statistics_made_otherwise_are_refused(job):
    key = fid_reference.key(inception.load_network(64), store.load(job / "data.npz"))
    for name, value in {"dims": 192, "preprocessing": "bicubic", "dataset": "celeba"}.items():
        with pytest.raises(ValueError, match=f"reference.npz: made with {name}"):
            fid_reference.load(job / "reference.npz", key | {name: value})
