"""A step that explodes: it is noticed, and each remedy takes back what it says."""

import pytest
import torch

from benchmarks.starts import Enough, Watch, way
from data.files import digest, write_json
from models.interruption import Interruption
from models.train import write_weights
from models.trainer import Trainer
from tests.tiny import tiny_data, tiny_info, tiny_run

EXPLODES = 3  # the step, counted from 1, in which the encoder says that it knows nothing


@pytest.fixture
def watched(tmp_path):
    """A function: remedy -> trainer, watch, and weights and Adam's squares before and after the step."""

    def train(remedy):
        images = torch.from_numpy(tiny_data().train_images)
        trainer = Trainer(tiny_info("vae"), images, tmp_path / "c.pt", "")
        watch = Watch(trainer, EXPLODES - 1, remedy)
        trainer.step = watch
        with pytest.raises(Enough):
            trainer.fit(Interruption())
        last = trainer.model.encoder[-1]
        with torch.no_grad():
            last.bias[-1] = 30.0  # of a log variance
        before = state(trainer)
        watch.steps = EXPLODES
        watch(torch.arange(10))
        return watch, before, state(trainer)

    return train


def state(trainer) -> tuple[torch.Tensor, torch.Tensor]:
    """All weights, and Adam's means of their squared gradients, as vectors."""
    weights = list(trainer.model.parameters())
    squares = [trainer.optimizer.state[p]["exp_avg_sq"] for p in weights]
    return tuple(torch.cat([t.detach().flatten() for t in of]) for of in (weights, squares))


def test_an_explosion_is_one_row_and_stays_in_adams_memory(watched):
    watch, (_, before), (_, after) = watched("none")
    assert [row["exploded"] for row in watch.rows] == [False, False, True]
    assert [row["step"] for row in watch.rows] == [1, 2, 3]
    assert watch.rows[-1]["log variance"] == pytest.approx(30, abs=0.1)
    assert watch.rows[-1]["rate"] > 0.5 * 2.7**30 / 10
    assert after.max() > 1e6 * before.max()
    *usual, last = (row["Adam's root"] for row in watch.rows)
    assert last > 1000 * max(usual) > 0


def test_the_way_of_the_weights_is_from_where_they_began(tmp_path):
    run = tiny_run("vae")
    name = "encoder.0.weight"
    weights = run.model.state_dict()
    weights[name] = 1.5 * weights[name]
    write_weights(tmp_path / "weights.safetensors", weights)
    digests = {"weights_sha256": digest(tmp_path / "weights.safetensors"), "status": "done"}
    write_json(tmp_path / "run.json", run.info | digests)
    found = way(tmp_path)
    assert found.pop(name) == pytest.approx(0.5) and set(found.values()) == {0}


def test_skip_leaves_weights_and_memory_as_they_were(watched):
    _, before, after = watched("skip")
    assert all(map(torch.equal, before, after))


def test_forget_moves_the_weights_alone(watched):
    _, before, after = watched("forget")
    assert not torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
