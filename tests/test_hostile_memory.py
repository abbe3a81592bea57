"""Memory of the jobs that hold a dataset: what each asks a cluster for is kept on one twice as large.

    pytest -s tests/test_hostile_memory.py

prints the table of docs/promises.md.
"""

import contextlib
import importlib
import io
import json
import multiprocessing
import resource
import sys
from pathlib import Path

import numpy as np
import pytest

from data.files import write_json
from tests.tiny import METHODS, MODEL, TRAIN, tiny_data
from workflow.resources import REQUESTS

IMAGES = 1200  # of 64 x 64 x 3 values, a fifth of them to test: 14 MB
SLACK = 5  # MB that two runs of the same job may differ by
TRAINING = {
    "train": TRAIN | {"epochs": 1, "batch": 100},
    "model": MODEL,
    "method": METHODS["vimae_l"],
}
FEATURES = 2048  # of the whole Inception network


def peak(job, arguments: list[str], queue) -> None:
    """Memory (MB) that a job takes beyond what its modules do, measured by the system."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    before = pages * resource.getpagesize() / 2**20
    with contextlib.redirect_stdout(io.StringIO()):
        job(arguments)
    queue.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before)


def program(name: str, arguments: list[str]) -> None:
    """What `python -m name arguments` does."""
    sys.argv = [name, *arguments]
    module = importlib.import_module(name)
    if name.endswith(".score"):
        from eval.job import score_main

        score_main(name.split(".")[1], module.score, module.NEEDS)
    else:
        module.main()


def reference(arguments: list[str]) -> None:
    """The reference of FID with the sizes of the whole network, and none of its arithmetic."""
    from eval.fid import reference as job

    def features(network, images, batch):
        return np.random.default_rng(0).random((len(images), FEATURES))

    job.features = features
    program("eval.fid.reference", arguments)


class Named:
    """A program by its name, which another process can be given."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, arguments: list[str]) -> None:
        program(self.name, arguments)


def jobs(folder: Path, dataset: Path) -> dict[str, tuple]:
    """Every measured job, in order, with its rule in workflow/resources.py and its arguments."""
    run, data = folder / "run", ("--data", folder / "data.npz")
    scored = ("--run", run, *data, "--out", folder / "score.json", "--units", folder / "units.npz")

    def settings(values: dict) -> tuple:
        return "--params", json.dumps(values)

    every = {"train": None, "test": None}
    fid = {"dims": 64, "references": {"test": 100}, "count": 100, "groups": 2, "batch": None}
    information = {"count": 200, "resolution": 0.5, "batch": 100}
    found = {
        "prepare": (
            *("prepare", Named("data.prepare"), "celeba", "--manifest", dataset / "manifest.json"),
            *(*settings(every | {"source": "official"}), "--out", folder / "data.npz"),
        ),
        "train": (
            *("train", Named("models.train"), *data, "--method", "vimae_l", "--seed", 0),
            *(*settings(TRAINING), "--out", run),
        ),
        "sample": (
            *("sample", Named("models.sample"), "--run", run, *data),
            *(*settings({"count": 10}), "--out", folder / "samples.npz"),
        ),
        "fid reference": (
            *("reference", reference, *data, "--out", folder / "reference.npz"),
            *settings(fid | {"allow_small": False}),
        ),
        "information": ("score", Named("eval.information.score"), *scored, *settings(information)),
        "reconstruction": (
            *("score", Named("eval.reconstruction.score"), *scored),
            *settings({"count": None, "batch": 20}),
        ),
    }
    return {name: (rule, job, [*map(str, words)]) for name, (rule, job, *words) in found.items()}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """{job: [peaks in MB at IMAGES and at twice as many]}"""
    context = multiprocessing.get_context("forkserver")
    names = ("data.prepare", "models.train", "models.sample", "eval.fid.reference")
    scores = ("eval.information.score", "eval.reconstruction.score")
    context.set_forkserver_preload([*names, *scores, "eval.job", __name__])
    found: dict[str, list[float]] = {}
    for factor in (1, 2):
        folder = tmp_path_factory.mktemp(f"times{factor}")
        dataset = folder / "dataset"
        dataset.mkdir()
        images = tiny_data(factor * IMAGES * 4 // 5, factor * IMAGES // 5, side=64, channels=3)
        arrays = {"train": images.train_images, "test": images.test_images}
        np.savez(dataset / "celeba_64.npz", **arrays)
        write_json(dataset / "manifest.json", described(dataset / "celeba_64.npz"))
        for name, (_, job, arguments) in jobs(folder, dataset).items():
            queue = context.SimpleQueue()
            process = context.Process(target=peak, args=(job, arguments, queue))
            process.start()
            process.join()
            assert process.exitcode == 0, name
            found.setdefault(name, []).append(queue.get())
    return found


def described(path: Path) -> dict:
    """The manifest that data.download writes of a prepared file."""
    from data.datasets.celeba import DATASET
    from data.manifest import describe

    form = DATASET.source.form("prepared")
    return describe(DATASET.source, form, [path], form.check(DATASET.source, [path]), path.parent)


def test_a_dataset_twice_as_large_takes_no_more_than_is_asked_for(measured):
    size = IMAGES * 64 * 64 * 3 / 2**20
    asked = {name: REQUESTS[rule] for name, (rule, *_) in jobs(Path(), Path()).items()}
    print(f"\n| job | {size:.0f} MB of images | {2 * size:.0f} MB | more, in copies | asked for |")
    print("| --- | --- | --- | --- | --- |")
    for name, (one, two) in measured.items():
        more = (two - one) / size
        print(f"| {name} | {one:.0f} MB | {two:.0f} MB | {more:.1f} | {asked[name].copies} |")
    for name, (one, two) in measured.items():
        assert two - one <= asked[name].copies * size + SLACK, name
        assert two <= asked[name].own_mb + asked[name].copies * 2 * size, name
