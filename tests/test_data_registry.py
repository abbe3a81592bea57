"""data.registry and data.dataset: what datasets say of themselves, and who imports whom."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from data import registry
from data.dataset import SIDES
from data.datasets import celeba, mnist
from models.networks import SHAPES
from workflow.code import sources

ROOT = Path(__file__).parents[1]


def test_the_paper_s_datasets_come_first_and_a_new_file_is_a_dataset(tmp_path, monkeypatch):
    assert registry.names()[:4] == ("mnist", "omniglot", "cifar10", "celeba")
    assert "faces" not in registry.names()  # draws images, but is no dataset
    for name in ("celeba", "alpha", "mnist"):
        (tmp_path / f"{name}.py").write_text("DATASET = ...\n")
    (tmp_path / "helper.py").write_text("from data.dataset import Dataset\n")
    monkeypatch.setattr(registry, "DATASETS", tmp_path)
    assert registry.names.__wrapped__() == ("mnist", "celeba", "alpha")


@pytest.mark.parametrize("name", registry.names())
def test_a_dataset_describes_itself(name):
    dataset = registry.dataset(name)
    assert dataset.name == name and dataset.title and dataset.licence
    assert set(dataset.counts) == {"train", "test"}
    assert dataset.value_range == ("symmetric" if dataset.channels == 3 else "unit")


def test_only_celeba_is_not_shown_and_has_a_stand_in():
    datasets = [registry.dataset(name) for name in registry.names()[:4]]
    assert [dataset.name for dataset in datasets if not dataset.shown] == ["celeba"]
    assert [dataset.name for dataset in datasets if dataset.standin] == ["celeba"]
    assert [dataset.name for dataset in datasets if not dataset.labels] == ["celeba"]
    assert callable(registry.standin(celeba.DATASET).draw)


def test_sides_are_those_that_there_are_networks_for():
    assert tuple(SHAPES) == SIDES


@pytest.mark.parametrize(
    "shape, says", [((30, 30, 1), "28, 32, 64"), ((28, 32, 1), "square"), ((28, 28, 2), "channels")]
)
def test_images_that_no_network_takes_are_refused(shape, says):
    with pytest.raises(ValueError, match=says):
        replace(mnist.DATASET, image_shape=shape)


def test_wrong_names_are_clear_errors():
    entry = {"path": "/nowhere", "side": 28, "channels": 1}
    with pytest.raises(ValueError, match="no dataset 'minst'; there are mnist, omniglot"):
        registry.dataset("minst")
    for taken in ("mnist", "inception"):
        with pytest.raises(ValueError, match=f"{taken} is the name of something else"):
            registry.dataset(taken, entry)


@pytest.mark.parametrize(
    "name, kind, own",
    [
        ("mnist", "official", {"datasets/mnist.py"}),
        ("celeba", "official", {"datasets/celeba.py"}),
        ("celeba", "synthetic", {"datasets/celeba.py", "datasets/faces.py"}),
        ("pets", "folder", {"folder.py"}),
    ],
)
def test_a_job_depends_on_its_own_dataset_alone(name, kind, own):
    for job in ("data.prepare", "data.download"):
        files = set(sources(job, *registry.modules(name, kind)))
        named = {path for path in files if path.startswith("data/datasets/")}
        named |= files & {"data/folder.py", "data/inception.py"}
        assert named - {"data/datasets/__init__.py"} == {f"data/{file}" for file in own}


def test_nothing_in_data_imports_the_later_phases():
    modules = [f"data.{path.stem}" for path in (ROOT / "data").glob("*.py")]
    assert not [path for path in sources(*modules) if not path.startswith("data/")]


def test_planning_and_preparing_need_no_torch():
    """Its import takes longer than most of these jobs; FID's network, which is its own, apart."""
    code = (
        "import sys, data.prepare, workflow.report.collect; from data import inception_network, registry\n"
        "for name in registry.names(): registry.dataset(name)\n"
        "registry.dataset('own', {'path': '.', 'side': 28, 'channels': 1})\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
