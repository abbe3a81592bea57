"""Carrying in pieces: nothing is lost, damaged or put in its place half."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workflow import carry


@pytest.fixture
def checkouts(tmp_path, monkeypatch):
    """Two folders, `here` the current one, and a function that moves between them."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return lambda name: monkeypatch.chdir(tmp_path / name)


def write(path: str, content: bytes) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)
    return Path(path)


def unpack(folder: Path) -> None:
    carry.unpack(argparse.Namespace(folder=folder))


def send(out: Path, with_samples=False, datasets=None) -> None:
    wanted = {"with_samples": with_samples, "datasets": datasets}
    carry.results(argparse.Namespace(out=out, limit=1, preset="paper", **wanted))


def test_an_archive_appears_when_its_last_part_has_arrived(checkouts, tmp_path, capsys):
    content = os.urandom(5000)
    old = write("results/paper/data/mnist.npz", content)
    os.utime(old, (0, 0))
    out = tmp_path / "parts"
    out.mkdir()
    carry.write_parts("mnist", {str(old): old}, out, limit=2000)
    parts = sorted(out.glob("mnist*"))
    assert len(parts) >= 3 and all(part.stat().st_size <= 2000 for part in parts)

    checkouts("there")
    last = parts[-1].rename(tmp_path / "kept")
    unpack(out)
    assert not Path("results").exists() and "parts so far" in capsys.readouterr().out
    for part in parts[:-1]:
        part.unlink()  # the next load holds the last one only
    last.rename(parts[-1])
    unpack(out)
    assert Path("results/paper/data/mnist.npz").read_bytes() == content
    assert Path("results/paper/data/mnist.npz").stat().st_mtime > 0  # newer than any checkout
    assert list(Path(".carried").iterdir()) == [Path(".carried/done.json")]
    unpack(out)  # again: nothing complete, nothing broken


def test_many_parts_are_joined_in_their_order(checkouts, tmp_path):
    content = os.urandom(11_000)
    file = write("results/paper/data/mnist.npz", content)
    carry.write_parts("mnist", {str(file): file}, tmp_path, limit=100)
    assert len(list(tmp_path.glob("mnist*"))) > 100
    checkouts("there")
    unpack(tmp_path)
    assert Path("results/paper/data/mnist.npz").read_bytes() == content


def test_there_must_be_something_to_send(checkouts, tmp_path):
    write("results/paper/logs/train/mnist/vae/seed0.log", b"stopped")  # a log alone is nothing
    with pytest.raises(ValueError, match="results/paper: nothing finished"):
        send(tmp_path / "back")
    with pytest.raises(ValueError, match=r"no parts.json"):
        unpack(tmp_path)


def test_unpacked_files_stay_as_old_as_they_are(checkouts, tmp_path, capsys):
    """The parts may lie there through many pieces of work: the engine would train anew each time."""
    file = write("results/paper/data/mnist.npz", b"data")
    carry.write_parts("mnist", {str(file): file}, tmp_path, limit=1000)
    checkouts("there")
    unpack(tmp_path)
    os.utime("results/paper/data/mnist.npz", (5, 5))
    unpack(tmp_path)
    assert Path("results/paper/data/mnist.npz").stat().st_mtime == 5
    assert "mnist: unpacked before" in capsys.readouterr().out


def test_a_damaged_part_is_named_and_not_kept(checkouts, tmp_path):
    file = write("results/paper/metrics.json", b"{}")
    carry.write_parts("results", {str(file): file}, tmp_path, limit=1000)
    part = next(tmp_path.glob("results.tar.xz*"))
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match=rf"{part.name}: damaged"):
        unpack(tmp_path)
    assert not list(Path(".carried").iterdir())


def test_parts_of_an_earlier_archive_are_not_mixed_with_a_later_one(checkouts, tmp_path):
    content = [os.urandom(3000), os.urandom(2500)]
    file = Path("results/paper/runs/mnist/vae/seed0/run.json")
    write(str(file), content[0])
    carry.write_parts("results", {str(file): file}, tmp_path, limit=1000)
    last = max(tmp_path.glob("results.tar*"))
    last.unlink()
    checkouts("there")
    unpack(tmp_path)  # all but the last of the first
    checkouts("here")
    write(str(file), content[1])
    carry.write_parts("results", {str(file): file}, tmp_path, limit=1000)
    assert len(list(tmp_path.glob("results.tar*"))) == 3  # the first had four
    late = min(tmp_path.glob("results.tar*"))
    late.rename(tmp_path / "late")
    checkouts("there")
    unpack(tmp_path)
    assert not file.exists()
    (tmp_path / "late").rename(late)
    unpack(tmp_path)
    assert file.read_bytes() == content[1]


def test_wheels_of_another_python_are_named_and_in_nobodys_way(checkouts, tmp_path):
    wheel = write("wheels/six-1.0-cp27-none-any.whl", b"not for this Python")
    carry.write_parts("wheels", {"wheels/six-1.0-cp27-none-any.whl": wheel}, tmp_path, limit=9000)
    data = write("results/paper/data/mnist.npz", b"data")
    with pytest.raises(ValueError, match="pack with --python"):
        unpack(tmp_path)
    (tmp_path / "more").mkdir()
    carry.write_parts("mnist", {str(data): data}, tmp_path / "more", limit=9000)
    unpack(tmp_path / "more")
    assert not Path(".carried/wheels").exists()


def test_results_come_back_without_weights_and_data(checkouts, tmp_path):
    kept = ["runs/mnist/vae/seed0/run.json", "scores/nll/mnist/vae/seed0.json"]
    kept += ["scores/nll/mnist/vae/seed0.npz", "samples/mnist/vae/seed0.npz"]
    kept += ["logs/train/mnist/vae/seed0.log", "benchmarks/train/mnist/vae/seed0.tsv"]
    left = ["runs/mnist/vae/seed0/weights.safetensors", "data/celeba.npz", "checkpoints/a.pt"]
    left += ["scores/nll/mnist/vae/.seed1-x.json", "runs/mnist/vae/seed0/.history-x.csv"]  # half
    others = ["runs/omniglot/vae/seed0/run.json"]
    for name in kept + left + others:
        write(f"results/paper/{name}", name.encode())
    send(tmp_path / "back", with_samples=True)
    send(tmp_path / "some", with_samples=True, datasets=["mnist", "celeba"])
    with pytest.raises(ValueError, match="omniglott: no data set; there are celeba, cifar10"):
        send(tmp_path / "some", datasets=["omniglott", "mnist"])
    with pytest.raises(ValueError, match="nothing finished"):
        send(tmp_path / "none", datasets=["celeba"])
    checkouts("there")
    for folder, there in {"back": [*kept, *others], "some": kept}.items():
        unpack(tmp_path / folder)
        names = [p.relative_to("results/paper") for p in Path("results").rglob("*") if p.is_file()]
        assert sorted(map(str, names)) == sorted(there)
        shutil.rmtree("results")


def test_packages_are_all_that_running_needs_and_the_machine_lacks(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    names = {package.split("==")[0] for package in carry.needed_packages({"torch", "torchvision"})}
    assert {"snakemake", "pytorch-fid", "scikit-learn", "joblib", "pytest"} <= names
    assert names.isdisjoint({"torch", "torchvision", "triton", "sympy", "dvc", "ruff"})


def test_unprepared_data_is_an_error_that_says_what_to_do(checkouts, tmp_path, monkeypatch):
    monkeypatch.setattr(carry, "needed_packages", lambda has: [])
    monkeypatch.setattr(carry, "fetch_wheels", lambda *args: None)
    arguments = {"out": tmp_path, "limit": 1, "preset": "paper", "data": ["mnist"]}
    with pytest.raises(FileNotFoundError, match="run the data phase of preset paper first"):
        carry.pack(argparse.Namespace(**arguments, has=[], python="3.12"))


def test_an_archive_cannot_write_elsewhere(checkouts, tmp_path):
    file = write("a", b"1")
    carry.write_parts("results", {"../a": file}, tmp_path, limit=10_000)
    with pytest.raises(ValueError, match="not a file that `pack` packs"):
        unpack(tmp_path)


def test_unpacking_takes_nothing_but_python(tmp_path):
    """The packages are among what is unpacked: -S leaves out every one that is installed here."""
    root = Path(__file__).parents[1]
    file = tmp_path / "here/results/paper/data/mnist.npz"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"data")
    carry.write_parts("mnist", {"results/paper/data/mnist.npz": file}, tmp_path, limit=2000)
    there = tmp_path / "there"
    there.mkdir()
    command = [sys.executable, "-S", "-m", "workflow.carry", "unpack", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    subprocess.run(command, cwd=there, env=environment, check=True)
    assert (there / "results/paper/data/mnist.npz").read_bytes() == b"data"
