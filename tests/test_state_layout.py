"""A checkpoint that another version of the code made: named, and training begins anew."""

from unittest import mock

import pytest
import torch

from models.checkpoint import read_checkpoint, save_checkpoint
from models.interruption import Interrupted, Interruption
from models.trainer import Trainer
from tests.tiny import tiny_data, tiny_info

NEVER = mock.Mock(spec=Interruption, reason=lambda: None)
IMAGES = torch.from_numpy(tiny_data().train_images)
STOP = 10  # of 3 + 15 steps: within the second epoch


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An unbroken run, without a checkpoint."""
    return run(tmp_path_factory.mktemp("whole") / "c.pt")


def run(checkpoint, method="vimae_l") -> Trainer:
    trainer = Trainer(tiny_info(method), IMAGES, checkpoint, "f")
    trainer.fit(NEVER)
    return trainer


@pytest.fixture
def saved(tmp_path):
    """A run stopped midway: the path of its checkpoint, and what is in it."""
    answers = iter([None] * STOP)
    once = mock.Mock(spec=Interruption, reason=lambda: next(answers, "asked to"))
    with pytest.raises(Interrupted):
        Trainer(tiny_info("vimae_l"), IMAGES, tmp_path / "c.pt", "f").fit(once)
    return tmp_path / "c.pt", read_checkpoint(tmp_path / "c.pt")


def drop(place: dict, key) -> None:
    del place[key]


def moments(state: dict) -> dict:
    """Those of the first parameter."""
    return state["optimizer"]["state"][0]


CHANGES = {
    "a key less": lambda s: drop(s, "pretraining"),
    "a key more": lambda s: s.update(scaler={}),
    "an older name": lambda s: s.update(step=s.pop("position")),
    "a critic": lambda s: s.update(critic={}),
    "a network of other names": lambda s: s["model"].update(x=s["model"].popitem()[1]),
    "a network of another shape": lambda s: s["model"].update(
        {name: weight.repeat(2) for name, weight in s["model"].items() if weight.dim() == 1}
    ),
    "no network": lambda s: s.update(model=None),
    "moments of another shape": lambda s: moments(s).update(exp_avg=torch.zeros(2, 2)),
    "moments of another optimizer": lambda s: moments(s).update(momentum_buffer=torch.zeros(1)),
    "other constants of the optimizer": lambda s: s["optimizer"]["param_groups"][0].update(
        betas=(0.9, 0.999)
    ),
    "another number of groups": lambda s: s["optimizer"]["param_groups"].pop(),
    "pre-training without its optimizer": lambda s: drop(s["pretraining"], "optimizer"),
    "another generator": lambda s: s.update(generator=torch.zeros(16, dtype=torch.uint8)),
    "another number of losses": lambda s: s.update(parts=s["parts"][:, :-1]),
    "losses of other names": lambda s: s.update(names=["loss", "cost", "mmd", "penalty"]),
    "epochs with other columns": lambda s: drop(s["history"][0], "images_per_second"),
    "more epochs than it has": lambda s: s.update(epoch=s["epoch"] + 1),
    "sessions without their seconds": lambda s: drop(s["sessions"][0], "seconds"),
    "a list": lambda s: s.update(history={"loss": [1.0]}),
}


@pytest.mark.parametrize(("code", "says"), [("another", True), ("", False), (None, False)])
def test_a_run_goes_on_by_other_code_and_says_so(code, says, saved, whole, capsys):
    path, state = saved
    if code is None:  # a state of before such notes
        drop(state["sessions"][0], "code_sha256")
    else:
        state["sessions"][0]["code_sha256"] = code
    save_checkpoint(path, state)
    trainer = run(path)
    said = capsys.readouterr().out
    assert "resuming at" in said and ("some of them by other code" in said) == says
    assert losses(trainer) == losses(whole)


@pytest.mark.parametrize("change", CHANGES)
def test_another_layout_is_named_and_training_begins_anew(change, saved, whole, capsys):
    path, state = saved
    CHANGES[change](state)
    save_checkpoint(path, state)
    capsys.readouterr()
    trainer = run(path)
    said = capsys.readouterr().out
    assert f"{path}: not a state of this version (" in said
    assert "starting from the beginning" in said and "resuming" not in said
    assert [s["from_step"] for s in trainer.sessions] == [0]
    assert losses(trainer) == losses(whole)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, trainer.model.state_dict()[name]), name


def test_this_layout_is_taken(saved, whole, capsys):
    """So that the test above would notice if nothing were ever taken."""
    trainer = run(saved[0])
    assert f"resuming at step {STOP - 3} " in capsys.readouterr().out
    assert losses(trainer) == losses(whole)


def losses(trainer: Trainer) -> list[float]:
    return [row["loss"] for row in trainer.history]


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError])
def test_a_lack_of_memory_is_no_reason_to_begin_anew(error, saved, monkeypatch):
    """The state may be good; the first save of a new beginning would replace it."""
    monkeypatch.setattr("models.trainer.load_optimizer", mock.Mock(side_effect=error))
    with pytest.raises(error):
        run(saved[0])
