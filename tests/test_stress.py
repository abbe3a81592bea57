"""The tally of a stress run would tell a loss: each kind of loss, made on purpose."""

import base64
import os
import random
import signal
import subprocess
import sys
from collections import Counter, deque
from pathlib import Path

import pytest

from tests.pipeline import compare
from tests.stress import STOPS, Tally, compare_times, finished, planned, report, stop
from tests.traces import half_written, job, left_over, made, processes

SCORE = "results/quick/scores/nll/mnist/vae/seed0.json"


def note(folder: Path, kind: str, output: str) -> Path:
    """As the engine names its notes."""
    path = folder / ".snakemake" / kind / base64.urlsafe_b64encode(output.encode()).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def write(folder: Path, name: str, text: str = "") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def copy(tmp_path):
    """A finished score, a finished folder, and one that is being made."""
    figures = "results/quick/figures"
    write(tmp_path, SCORE, '{"values": {"nll": {"value": 1.5}}}')
    write(tmp_path, f"{figures}/.snakemake_timestamp")
    for name in (SCORE, figures, "results/quick/plots"):
        note(tmp_path, "metadata", name)
    write(tmp_path, "results/quick/plots/a.csv")
    note(tmp_path, "incomplete", "results/quick/plots")
    return tmp_path


def test_a_finished_output_that_is_made_again_is_told(copy):
    before, tally = made(copy), Tally()
    assert set(before) == {SCORE, "results/quick/figures"}
    write(copy, "results/quick/figures/a.png")  # what is written into a folder is no new folder
    assert compare_times(before, copy, "1", tally) == before and not tally.losses
    os.utime(copy / SCORE, (1, 1))
    now = compare_times(before, copy, "2", tally)
    assert tally.losses == [f"made again: {SCORE}, noticed after 2"]
    (copy / SCORE).unlink()
    compare_times(now, copy, "3", tally)
    assert len(tally.losses) == 2


def test_what_is_left_over_is_told(copy):
    plots = copy / ".snakemake" / "incomplete"
    for path in plots.iterdir():
        path.unlink()
    assert left_over(copy) == []
    half = write(copy, "results/quick/data/.mnist-x1y2z3_4.npz")
    assert half_written(copy) == [half] and left_over(copy) == []
    left = [
        write(copy, "results/quick/data/.nfs0001"),
        write(copy, "results/quick/checkpoints/mnist/vae/seed0.pt"),
        write(copy, "results/quick/checkpoints/mnist/vae/seed0.final.pt"),
        write(copy, ".snakemake/locks/0.output.lock"),
        note(copy, "incomplete", SCORE),
    ]
    assert sorted(left_over(copy)) == sorted(f"left over: {path}" for path in left)


def test_other_and_missing_numbers_are_told(copy, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    assert compare(copy, other)["scores"] == (1, [other / SCORE])
    write(other, SCORE, '{"values": {"nll": {"value": 1.5}}, "seconds": 3}')
    assert compare(copy, other)["scores"] == (1, [])
    write(other, SCORE, '{"values": {"nll": {"value": 1.25}}}')
    assert compare(copy, other)["scores"] == (1, [other / SCORE])


def test_every_way_to_stop_comes_as_often_as_it_is_written():
    plan = planned(14, ["snakemake", "dvc"], random.Random(3))
    for engine in ("snakemake", "dvc"):
        found = Counter(way for name, *way in plan if name == engine for way in [tuple(way)])
        assert found == Counter(STOPS)
    assert [name for name, *_ in plan] == ["snakemake", "dvc"] * 7
    assert plan == planned(14, ["snakemake", "dvc"], random.Random(3))
    assert {name for name, *_ in planned(3, ["dvc"], random.Random(0))} == {"dvc"}


@pytest.mark.parametrize("group", [False, True])
def test_the_signal_reaches_whom_it_is_for(tmp_path, group):
    """A process and its child; stopped alone, it leaves the child at work."""
    child = "import subprocess, sys; print(1, flush=True); subprocess.run(['sleep', '60'])"
    process = subprocess.Popen(
        [sys.executable, "-c", child], cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True
    )
    process.stdout.readline()
    while len(processes(tmp_path)) < 2:
        assert process.poll() is None
    tally = Tally()
    stop(process, tmp_path, deque([("dvc", signal.SIGKILL, group)]), tally)
    whom = "its process group" if group else "it alone"
    assert process.returncode == -signal.SIGKILL and tally.stops == {("dvc", "SIGKILL", whom): 1}
    rest = processes(tmp_path)
    if not group:
        assert len(rest) == 1
        assert f"process {rest[0]} is alive" in left_over(tmp_path, seconds=0.1)
        os.kill(rest[0], signal.SIGKILL)


@pytest.mark.parametrize(
    ("code", "said", "done", "waited", "failed"),
    [
        (0, "", True, 0, 0),
        (1, "another run is at work here (process 7): ...", False, 1, 0),
        (1, "RuntimeError: oops", False, 0, 1),
    ],
)
def test_how_a_call_ended(tmp_path, code, said, done, waited, failed):
    tally, process = Tally(), subprocess.Popen(["sh", "-c", f"exit {code}"])
    process.wait()
    assert finished(process, write(tmp_path, "log", said), tmp_path, tally) == done
    assert (tally.waited, len(tally.failures)) == (waited, failed)


def test_jobs_are_named_by_what_they_make():
    names = [SCORE, "results/quick/runs/mnist/vae/seed0/run.json", "results/quick/data/mnist.npz"]
    assert [job(name) for name in names] == ["scores/nll/mnist/vae", "runs/mnist/vae", "data"]
    assert [job("results/quick/figures"), job("results/tables.md")] == ["figures", "tables.md"]


def test_the_tally_counts():
    tally = Tally(stops=Counter({("dvc", "SIGKILL", "it alone"): 3}), again=["a", "b"])
    args = type("Args", (), {"kills": 3, "seed": 0})
    text = report(tally, args, 53, (60, 200), "0 files")
    assert "| stops | 3 (dvc 3; SIGKILL 3; it alone 3) |" in text
    assert "| finished outputs made again | 2 |" in text
    assert len({line.count("|") for line in text.splitlines()}) == 1  # one table
