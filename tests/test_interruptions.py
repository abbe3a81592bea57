"""Training that is stopped, killed or started twice loses nothing. Runs the real command line."""

import random
import signal
import subprocess
import sys
import time
from unittest import mock

import pandas as pd
import pytest
import torch

from data.files import read_json
from models.checkpoint import load_checkpoint, run_lock
from models.interruption import EXIT_INTERRUPTED, Interrupted, Interruption
from models.trainer import Trainer
from tests.tiny import JOB_ENVIRONMENT, tiny_data, tiny_info, train_command, train_tiny

KILLS = 4  # each costs a start; any number holds


def test_killed_again_and_again_and_still_bit_equal(data_file, tmp_path):
    """SIGKILL at random moments; the plain command goes on; the end is the unbroken run's."""
    options = {"method": "vimae_l", "epochs": 16}
    assert train_tiny(data_file, tmp_path / "whole", **options).returncode == 0
    moments, kills = random.Random(0), 0
    checkpoint = tmp_path / "broken.checkpoint.pt"
    for _ in range(60):
        process = subprocess.Popen(
            train_command(data_file, tmp_path / "broken", **options),
            env=JOB_ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None and kills < KILLS:
            now = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
            if now != before:  # it has begun: leave it some steps, then strike
                time.sleep(moments.uniform(0, 0.15))
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        if process.wait(timeout=300) == 0:
            break
        kills += 1
    assert kills >= KILLS
    whole, broken = (read_json(tmp_path / name / "run.json") for name in ("whole", "broken"))
    assert whole["weights_sha256"] == broken["weights_sha256"]
    starts = [session["from_step"] for session in broken["sessions"]]
    assert len(starts) == KILLS + 1 and starts == sorted(starts) and starts[-1] > 0
    columns = ["epoch", "learning_rate", "loss", "cost", "mmd"]
    a, b = (pd.read_csv(tmp_path / name / "history.csv")[columns] for name in ("whole", "broken"))
    pd.testing.assert_frame_equal(a, b)
    assert not checkpoint.exists()


def test_out_of_time_nothing_is_begun(data_file, tmp_path):
    """No network is built, and no state of one saved, for nothing."""
    past = {"VIMAE_DEADLINE": str(time.time() - 1)}
    stopped = train_tiny(data_file, tmp_path / "a", environment=past)
    assert stopped.returncode == EXIT_INTERRUPTED
    assert "time budget used up: not begun this time; the same command goes on" in stopped.stderr
    assert not list(tmp_path.glob("a*.pt")) and not (tmp_path / "a").exists()
    wrong = train_tiny(data_file, tmp_path / "a", environment={"VIMAE_DEADLINE": "soon"})
    assert "VIMAE_DEADLINE is 'soon'; give seconds since 1970" in wrong.stderr
    assert train_tiny(data_file, tmp_path / "a").returncode == 0


@pytest.mark.parametrize("reasons_asked", [0, 2, 3, 11])
def test_a_stop_within_or_after_pretraining_loses_nothing(reasons_asked, tmp_path):
    """Three steps of pre-training, then fifteen: stop at any of them, go on, end alike."""
    info, images = tiny_info("vimae_l"), torch.from_numpy(tiny_data().train_images)
    never = mock.Mock(spec=Interruption, reason=lambda: None)
    whole = Trainer(info, images, tmp_path / "whole.pt", "f")
    whole.fit(never)
    assert whole.pretraining.steps == 3
    answers = iter([None] * reasons_asked)
    once = mock.Mock(spec=Interruption, reason=lambda: next(answers, "asked to"))
    place = (
        f"pre-training's step {reasons_asked}" if reasons_asked < 3 else f"step {reasons_asked - 3}"
    )
    with pytest.raises(Interrupted, match=f"asked to: stopped at {place}"):
        Trainer(info, images, tmp_path / "parts.pt", "f").fit(once)
    parts = Trainer(info, images, tmp_path / "parts.pt", "f")
    parts.fit(never)
    assert parts.pretraining.steps == 3
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, parts.model.state_dict()[name]), name


def test_sigterm_saves_the_state(data_file, tmp_path):
    process = subprocess.Popen(
        train_command(data_file, tmp_path / "a", epochs=100_000),
        env=JOB_ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            break
    process.terminate()
    assert "SIGTERM: stopped at step" in process.stdout.read()
    assert process.wait(timeout=60) == EXIT_INTERRUPTED
    state = torch.load(tmp_path / "a.checkpoint.pt", weights_only=True)
    assert state["epoch"] >= 2 and len(state["history"]) == state["epoch"]


def test_orphan_stops(data_file, tmp_path):
    """With VIMAE_STOP_WITH_PARENT a trainer whose parent dies saves its state and ends."""
    words = train_command(data_file, tmp_path / "a", epochs=100_000)
    log = tmp_path / "log"
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])", *words],
        env=JOB_ENVIRONMENT | {"VIMAE_STOP_WITH_PARENT": "1"},
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
    )
    wait_for(lambda: "epoch 1/" in log.read_text())
    parent.kill()
    parent.wait()
    wait_for(lambda: "the process that started this run is gone" in log.read_text())
    with run_lock(tmp_path / "a.checkpoint.lock"):  # returns only if the orphan let it go
        assert (tmp_path / "a.checkpoint.pt").exists()


def wait_for(condition, seconds=120):
    """Poll until the condition holds; fail if it does not within `seconds`."""
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "waited in vain"
        time.sleep(0.05)


def second_trainer(data_file, out):
    """A trainer of a run whose lock we hold, once it has said that it waits."""
    words = train_command(data_file, out)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(words, env=JOB_ENVIRONMENT, **pipes, text=True)
    assert "another trainer has this run" in process.stdout.readline()
    return process


def test_second_trainer_waits_for_the_first(data_file, tmp_path):
    with run_lock(tmp_path / "a.checkpoint.lock"):
        process = second_trainer(data_file, tmp_path / "a")
        assert not (tmp_path / "a").exists()
    process.stdout.read()
    assert process.wait(timeout=120) == 0


def test_a_trainer_that_waits_can_be_stopped(data_file, tmp_path):
    with run_lock(tmp_path / "a.checkpoint.lock"):
        process = second_trainer(data_file, tmp_path / "a")
        process.terminate()
        assert process.wait(timeout=60) == EXIT_INTERRUPTED
    assert "SIGTERM: stopped before this run was free" in process.stdout.read()


def test_checkpoint_of_other_settings_is_ignored(tmp_path, capsys):
    torch.save({"fingerprint": "old"}, tmp_path / "c.pt")
    assert load_checkpoint(tmp_path / "c.pt", "new") is None
    assert "starting from the beginning" in capsys.readouterr().out
    assert load_checkpoint(tmp_path / "missing.pt", "new") is None
