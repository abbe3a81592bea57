"""Earlier results that are truncated or damaged: named, with what to do, and made again."""

import contextlib
import io
import json
import os
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from data.files import atomic_write, digest, read_json, write_json
from eval.fid import reference as fid_reference
from eval.fid.frechet import Statistics
from eval.fid.inception import load_network
from eval.samples import load_samples
from models.checkpoint import load_checkpoint, save_checkpoint
from models.run import build_model, load_run
from models.train import train
from tests.hostile import bounded, damage, refused
from tests.pipeline import copy_repository, run
from tests.tiny import METHODS, MODEL, TRAIN, tiny_file, tiny_info
from workflow.broken import remove_broken, remove_forgotten
from workflow.report.collect import RUN_KEYS, SCORE_KEYS, Tree, dataset_meta
from workflow.report.paired import read_units

few = settings(max_examples=30, deadline=None)


# --- checkpoints: training starts from the beginning, and says so


def checkpoint_bytes() -> bytes:
    content = io.BytesIO()
    generator = torch.Generator().manual_seed(0)
    state = {"weights": torch.randn(500, generator=generator), "noise": generator.get_state()}
    torch.save({"fingerprint": "f", "history": [{"epoch": 1, "loss": 2.5}]} | state, content)
    return content.getvalue()


CHECKPOINT = checkpoint_bytes()
SAVED = torch.load(io.BytesIO(CHECKPOINT), weights_only=True)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_checkpoint_is_never_taken_for_a_whole_one(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("checkpoint") / "seed0.pt"
    path.write_bytes(damage(data, CHECKPOINT))
    with bounded():
        state = load_checkpoint(path, "f")
    if state is not None:  # a byte between the parts of the file
        assert torch.equal(state["weights"], SAVED["weights"])
        assert torch.equal(state["noise"], SAVED["noise"])
        assert state["history"] == SAVED["history"]


class Code:
    """Creates a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_checkpoint_is_never_run(tmp_path, capsys):
    path = tmp_path / "seed0.pt"
    torch.save({"fingerprint": Code(tmp_path / "ran")}, path)
    with zipfile.ZipFile(path) as whole:
        assert whole.testzip() is None  # a whole file, of somebody else's making
    assert load_checkpoint(path, "f") is None
    assert "starting from the beginning" in capsys.readouterr().out
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content", [b"", b"no checkpoint", CHECKPOINT[:2000], b"PK\x05\x06" + bytes(18)]
)
def test_a_broken_checkpoint_is_named(tmp_path, capsys, content):
    path = tmp_path / "seed0.pt"
    path.write_bytes(content)
    assert load_checkpoint(path, "f") is None
    said = capsys.readouterr().out
    assert "seed0.pt: damaged" in said and "starting from the beginning" in said


def test_a_state_without_its_fingerprint_is_not_used(tmp_path, capsys):
    for state in ({"weights": 1}, [1, 2]):
        save_checkpoint(tmp_path / "seed0.pt", state)
        assert load_checkpoint(tmp_path / "seed0.pt", "f") is None
        assert "starting from the beginning" in capsys.readouterr().out


def test_training_beside_a_broken_checkpoint_ends_as_without_one(tmp_path, capsys):
    tiny_file(tmp_path)
    params = {"model": MODEL, "train": TRAIN | {"epochs": 1}, "method": METHODS["vae"]}
    weights = []
    for name in ("whole", "broken"):
        checkpoint = tmp_path / f"{name}.pt"
        if name == "broken":
            checkpoint.write_bytes(CHECKPOINT[:1000])
        train(tmp_path / "tiny.npz", "vae", 0, params, tmp_path / name, checkpoint)
        weights.append(digest(tmp_path / name / "weights.safetensors"))
    assert weights[0] == weights[1]
    assert "broken.pt: damaged" in capsys.readouterr().out
    assert not (tmp_path / "broken.pt").exists()


# --- runs


@pytest.fixture(scope="module")
def run_files(tmp_path_factory):
    """A finished run's two files, as bytes."""
    folder = tmp_path_factory.mktemp("run")
    info = tiny_info() | {"status": "done"}
    save_file(build_model(info).state_dict(), folder / "weights.safetensors")
    write_json(
        folder / "run.json", info | {"weights_sha256": digest(folder / "weights.safetensors")}
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def written(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@given(data=st.data())
@few
def test_damaged_weights_are_named_and_never_used(run_files, tmp_path_factory, data):
    name = "weights.safetensors"
    files = run_files | {name: damage(data, run_files[name])}
    folder = written(tmp_path_factory.mktemp("runs") / "seed0", files)
    refused(lambda: load_run(folder), name, f"delete {folder} and run again")


@given(data=st.data())
@few
def test_a_damaged_record_of_a_run_is_named(run_files, tmp_path_factory, data):
    name = "run.json"
    files = run_files | {name: damage(data, run_files[name])}
    folder = written(tmp_path_factory.mktemp("runs") / "seed0", files)
    with bounded(1024):
        try:
            load_run(folder)  # a changed digit of a setting may still be a run's
        except ValueError as error:
            assert str(folder) in str(error) and "delete" in str(error)


@pytest.mark.parametrize(
    "change",
    [
        {"params": {}},
        {"params": 3},
        {"channels": "x"},
        {"image_size": 29},
        {"status": 0},
    ],
)
def test_a_record_with_a_wrong_entry_is_named(run_files, tmp_path, change):
    record = json.loads(run_files["run.json"]) | change
    if change == {"status": 0}:
        del record["weights_sha256"]
    folder = written(tmp_path / "seed0", run_files | {"run.json": json.dumps(record).encode()})
    refused(lambda: load_run(folder), "run.json", f"delete {folder} and run again")


def test_a_missing_file_of_a_run_is_named(run_files, tmp_path):
    folder = written(tmp_path / "seed0", run_files)
    (folder / "weights.safetensors").unlink()
    refused(lambda: load_run(folder), "weights.safetensors", "name a run's folder as")
    (folder / "run.json").unlink()
    refused(lambda: load_run(folder), "run.json", "name a run's folder as")


def test_weights_of_another_network_with_their_digest_are_named(run_files, tmp_path):
    folder = written(tmp_path / "seed0", run_files)
    save_file({"a": torch.zeros(3)}, folder / "weights.safetensors")
    record = read_json(folder / "run.json")
    record["weights_sha256"] = digest(folder / "weights.safetensors")
    write_json(folder / "run.json", record)
    refused(lambda: load_run(folder), "weights.safetensors", f"delete {folder} and run again")


# --- samples, references, scores


def arrays_bytes(**arrays: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


IMAGES = np.arange(4 * 784, dtype=np.uint8).reshape(4, 28, 28, 1)
SAMPLES = arrays_bytes(images=IMAGES)


@given(data=st.data())
@few
def test_damaged_samples_are_named(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("samples") / "seed0.npz"
    path.write_bytes(damage(data, SAMPLES))
    try:
        with bounded():
            np.testing.assert_array_equal(load_samples(path, (28, 28, 1), 4), IMAGES)
    except ValueError as error:
        assert path.name in str(error) and "delete it and run the samples phase again" in str(error)


@given(data=st.data())
@few
def test_damaged_units_are_named(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("units") / "seed0.npz"
    path.write_bytes(damage(data, arrays_bytes(nll=np.ones(9, np.float32), indices=np.arange(9))))
    try:
        with bounded():
            units, indices = read_units(path)
        assert units["nll"].tolist() == [1] * 9 and indices.tolist() == [*range(9)]
    except ValueError as error:
        assert path.name in str(error) and "delete it" in str(error)


def test_other_broken_array_files_are_named(tmp_path):
    path = tmp_path / "celeba.npz"
    reference = fid_reference.Reference(
        Statistics(np.zeros(2), np.eye(2), 3), np.zeros((3, 2), np.float32), {"value": 1.0}
    )
    fid_reference.save(path, {"test": reference}, {"dims": 2})
    path.write_bytes(path.read_bytes()[:300])
    refused(lambda: fid_reference.load(path, {"dims": 2}), path.name, "delete it")
    refused(lambda: dataset_meta(path), path.name, "delete it")


@given(length=st.integers(0, 2**64 - 1), rest=st.binary(max_size=50))
@few
def test_fid_weights_that_lie_are_named(tmp_path_factory, length, rest):
    path = tmp_path_factory.mktemp("inception") / "inception.safetensors"
    path.write_bytes(struct.pack("<Q", length) + rest)
    refused(lambda: load_network(2048, path), path.name, "delete it")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "{}", '{"status": "done"}', "\0", '"done"']
)
@pytest.mark.parametrize("keys", [RUN_KEYS, SCORE_KEYS])
def test_a_broken_record_is_named_when_results_are_gathered(tmp_path, content, keys):
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "seed0.json").write_text(content)
    tree = Tree(tmp_path, ["vae"], [0], partial=True)
    refused(lambda: tree.records("{method}/seed{seed}.json", keys), "seed0.json", "delete it")


# --- before planning


@pytest.fixture
def tree(run_files, tmp_path):
    """Results of a preset, whole; alone in their parent, as results/<preset>."""
    tmp_path = tmp_path / "results" / "quick"
    written(tmp_path / "runs" / "mnist" / "vae" / "seed0", run_files)
    written(tmp_path / "samples" / "mnist" / "vae", {"seed0.npz": SAMPLES})
    scores = {"seed0.json": b'{"status": "done"}', "seed0.npz": arrays_bytes()}
    written(tmp_path / "scores" / "nll" / "mnist" / "vae", scores)
    written(tmp_path, {"metrics.json": b"{}"})
    written(tmp_path / "data", {".mnist-x1.npz": b"unfinished", "mnist.npz": SAMPLES})
    return tmp_path


def test_whole_results_stay(tree):
    before = sorted(tree.rglob("*"))
    assert remove_broken(tree) == [] and sorted(tree.rglob("*")) == before
    assert remove_broken(tree / "nothing") == []


def test_what_killed_jobs_were_writing_is_removed_an_hour_later(tree):
    """Not before: on another host its writer may be alive."""
    left = []
    for path in (tree / "runs/mnist/vae/seed0/weights.safetensors", tree.parent / "tables.md"):
        with contextlib.suppress(KeyboardInterrupt), atomic_write(path) as temporary:
            left.append(
                shutil.copy(tree / "metrics.json", temporary.with_name(f"{temporary.name}2"))
            )
            raise KeyboardInterrupt
    before = set(tree.parent.rglob("*"))
    remove_forgotten(tree)
    assert set(tree.parent.rglob("*")) == before
    for path in before:
        os.utime(path, (1, 1))
    remove_forgotten(tree)
    assert before - set(tree.parent.rglob("*")) == set(left)


@given(data=st.data())
@few
def test_truncated_results_are_named_and_removed(run_files, tmp_path_factory, data):
    whole = run_files | {
        "samples.npz": SAMPLES,
        "units.npz": arrays_bytes(),
        "score.json": b'{"a": 1}',
    }
    name = data.draw(st.sampled_from(sorted(whole)))
    files = whole | {name: whole[name][: data.draw(st.integers(0, len(whole[name]) - 2))]}
    folder = written(tmp_path_factory.mktemp("preset") / "runs", files)
    (would,) = remove_broken(folder.parent, dry=True)
    assert "would be removed" in would and (folder / name).exists()
    (said,) = remove_broken(folder.parent)
    assert said.startswith(f"{folder / name}: truncated") and "made again" in said
    assert {path.name for path in folder.iterdir()} == set(whole) - {name}
    assert remove_broken(folder.parent) == []


@pytest.mark.pipeline
def test_the_same_command_makes_truncated_results_again(tmp_path):
    folder = copy_repository(tmp_path / "copy")
    words = ("snakemake", "--cores", "8", "models", "samples")
    words += ("--config", "datasets=[mnist]", "methods=[vae]")
    run(folder, *words)
    place = folder / "results" / "quick"
    samples, run_folder = place / "samples/mnist/vae/seed0.npz", place / "runs/mnist/vae/seed0"
    weights, record = run_folder / "weights.safetensors", run_folder / "run.json"
    digests = digest(weights), digest(samples)
    for path in (samples, weights, record):
        path.write_bytes(path.read_bytes()[:-100])
        said = run(folder, *words).stdout
        assert f"{path.relative_to(folder)}: truncated" in said
        assert (digest(weights), digest(samples)) == digests
        assert load_run(run_folder).info["status"] == "done"
    assert "Nothing to be done" in run(folder, *words).stdout
