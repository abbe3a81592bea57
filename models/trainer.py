"""The training loop: epochs, schedule, history, checkpoints and the ways a run can end.

The dataset lives on the device as uint8; the order of an epoch is a permutation drawn there from
(seed, "batches", epoch), so that a resumed run sees the batches it would have seen.
"""

import sys
import time
from pathlib import Path

import torch
from tqdm import tqdm

from models import objectives
from models.checkpoint import load_checkpoint, may_be_good, save_checkpoint
from models.device import synchronize
from models.interruption import Interrupted, Interruption
from models.optimizer import (
    learning_rate,
    load_optimizer,
    make_optimizer,
    set_learning_rate,
    warmed,
)
from models.pretrain import Pretraining
from models.run import build_model, build_prior
from models.seeds import torch_generator
from models.step import Step


class Diverged(Exception):
    """A loss is not finite, or most of an epoch's are beyond the stated bound."""


class Trainer:
    """Trains one run.

    Args:
        info: image_size, channels, value_range, seed and params, as `run.json` records them.
        images: uint8 (n, h, w, c), on the device that trains.
        checkpoint: path of the side checkpoint.
        fingerprint: digest of what decides the run but code; a checkpoint of another one is ignored.
        code: digest of the code, for the notes of this session.
    """

    def __init__(
        self, info: dict, images: torch.Tensor, checkpoint: Path, fingerprint: str, code: str = ""
    ):
        self.info, self.images, self.device = info, images, images.device
        self.train = info["params"]["train"]
        self.checkpoint, self.fingerprint, self.code = checkpoint, fingerprint, code
        self._begin()

    def _begin(self) -> None:
        """The state of a run of which no step is done."""
        info, images, train = self.info, self.images, self.train
        self.model = build_model(info).to(self.device, memory_format=torch.channels_last)
        self.prior = build_prior(info)
        self.generator = torch_generator(info["seed"], "noise", self.device)
        self.critic = None
        self.rates = [train["learning_rate"]]
        groups = [{"params": list(self.model.parameters()), "lr": self.rates[0]}]
        objective = objectives.load(info["params"]["method"]["objective"])
        build = getattr(objective, "build_critic", lambda *_: None)
        if built := build(info["params"], torch_generator(info["seed"], "critic")):
            critic, factor = built
            self.critic = critic.to(self.device)
            self.rates.append(factor * self.rates[0])
            groups.append({"params": list(self.critic.parameters()), "lr": self.rates[1]})
        self.optimizer = make_optimizer(groups, self.device)
        self.step = Step(
            self.model,
            self.critic,
            self.prior,
            self.optimizer,
            images,
            self.generator,
            info["params"],
        )
        if self.step.precision != train["precision"]:
            print(f"no {train['precision']} in this device's hardware: {self.step.precision}")
        wanted = objective.TRAITS["pretrained"]
        self.pretraining = Pretraining(
            self.model,
            self.prior,
            images,
            torch_generator(info["seed"], "pretrain", self.device),
            train if wanted else train | {"pretrain_steps": 0},
        )
        self.batch = min(train["batch"], len(images))
        self.steps_per_epoch = len(images) // self.batch
        self.epoch, self.position, self.seconds = 0, 0, 0.0
        self.history: list[dict] = []
        self.sessions: list[dict] = []
        self.parts: torch.Tensor | None = None  # (steps_per_epoch, k): this epoch's losses

    @property
    def steps_done(self) -> int:
        """Optimisation steps so far."""
        return self.epoch * self.steps_per_epoch + self.position

    @property
    def columns(self) -> list[str]:
        """What the learning curve has a column for."""
        return ["epoch", "learning_rate", *self.step.names, "images_per_second"]

    @property
    def place(self) -> str:
        """Where the run is, in words."""
        if not self.pretraining.done:
            return f"pre-training's step {self.pretraining.steps}"
        return f"step {self.steps_done} (epoch {self.epoch + 1})"

    def fit(self, interruption: Interruption) -> None:
        """Train to the last epoch. Raises Interrupted (state saved) or Diverged."""
        self._resume()
        self.sessions.append({"from_step": self.steps_done, "code_sha256": self.code})
        self.started = self.saved = time.monotonic()
        for module in (self.model, self.critic):
            if module is not None:
                module.train()
        self._pretrain(interruption)
        progress = tqdm(
            total=self.train["epochs"] * self.steps_per_epoch,
            initial=self.steps_done,
            unit="step",
            disable=not sys.stderr.isatty(),
        )
        with progress:
            while self.epoch < self.train["epochs"]:
                self._run_epoch(interruption, progress)
        self._close_session()

    def _rate(self, base: float, step: int) -> float:
        """The learning rate of a step of this epoch, from a group's base rate."""
        scheduled = learning_rate(base, self.train["schedule"], self.epoch, self.train["epochs"])
        return scheduled * warmed(step, self.train["warmup_steps"])

    def _set_rates(self) -> None:
        for group, base in enumerate(self.rates):
            set_learning_rate(self.optimizer, group, self._rate(base, self.steps_done))

    def _pretrain(self, interruption: Interruption) -> None:
        if self.pretraining.done:
            return
        while not self.pretraining.done:
            self._stop_or_save(interruption)
            self.pretraining.advance()
        steps, loss = self.pretraining.steps, self.pretraining.loss
        print(f"encoder pre-training: {steps} steps, moment loss {loss:.4f}", flush=True)

    def _run_epoch(self, interruption: Interruption, progress) -> None:
        self._set_rates()
        order = torch_generator(self.info["seed"], f"batches/{self.epoch}", self.device)
        permutation = torch.randperm(len(self.images), generator=order, device=self.device)
        start = time.monotonic()
        first = self.position
        for position in range(first, self.steps_per_epoch):
            self._stop_or_save(interruption)
            if self.steps_done <= self.train["warmup_steps"]:
                self._set_rates()
            parts = self.step(permutation[position * self.batch :][: self.batch])
            if self.parts is None:
                self.parts = parts.new_zeros(self.steps_per_epoch, len(parts))
            self.parts[position] = parts
            self.position = position + 1
            progress.update()
        self._finish_epoch(time.monotonic() - start, self.steps_per_epoch - first)

    def _finish_epoch(self, seconds: float, steps: int) -> None:
        parts = self.parts.cpu()  # the epoch's one wait for the device
        if why := self._divergence(parts):
            self._close_session()
            raise Diverged(f"epoch {self.epoch + 1}, {why}")
        rate = self._rate(self.rates[0], self.steps_done - 1)
        means = parts.double().mean(0).tolist()
        speed = steps * self.batch / max(seconds, 1e-9)
        self.epoch, self.position, self.parts = self.epoch + 1, 0, None
        row = dict(zip(self.columns, [self.epoch, rate, *means, speed], strict=True))
        self.history.append(row)
        shown = "  ".join(f"{name} {value:.5g}" for name, value in row.items() if name != "epoch")
        print(f"epoch {self.epoch}/{self.train['epochs']}  {shown}", flush=True)

    def _divergence(self, parts: torch.Tensor) -> str | None:
        """What of an epoch's losses (steps, k) says that the run diverged, in words.

        One step beyond the limit does not: a stochastic encoder's first steps can have any rate, and
        the network is back at the next (docs/starts.md). The median is then as it would be.
        """
        limit, typical = self.train["diverged_above"], parts[:, 0].abs().median()
        bad = (~parts.isfinite().all(1)).nonzero()
        if len(bad):
            batch = int(bad[0])
            found = zip(self.step.names, parts[batch], strict=True)
            return f"batch {batch + 1}: " + ", ".join(
                f"{name} {value:.4g}" for name, value in found
            )
        if typical > limit:
            return f"median over its batches: loss {typical:.4g} (limit {limit:g})"
        return None

    def _close_session(self) -> None:
        synchronize(self.device)
        session = self.sessions[-1]
        now = time.monotonic()
        session["to_step"] = self.steps_done
        session["seconds"] = round(now - self.started, 3)
        self.seconds = sum(s["seconds"] for s in self.sessions)

    def _stop_or_save(self, interruption: Interruption) -> None:
        """Between steps: end if there is a reason to, save if it is time to."""
        reason = interruption.reason()
        if reason or time.monotonic() - self.saved > self.train["checkpoint_seconds"]:
            self._save()
        if reason:
            raise Interrupted(f"{reason}: stopped at {self.place}, state saved")

    def _save(self) -> None:
        self._close_session()
        save_checkpoint(self.checkpoint, self._state())
        self.saved = time.monotonic()

    def _state(self) -> dict:
        """All that a run of the same fingerprint needs to go on from here."""
        return {
            "fingerprint": self.fingerprint,
            "model": self.model.state_dict(),
            "critic": self.critic.state_dict() if self.critic else None,
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "pretraining": self.pretraining.state_dict(),
            "epoch": self.epoch,
            "position": self.position,
            "parts": self.parts,
            "names": self.step.names,
            "history": self.history,
            "sessions": self.sessions,
        }

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint, self.fingerprint)
        if state is None:
            return
        try:
            self._restore(state)
        except Exception as error:
            if may_be_good(error):
                raise  # not to be replaced
            why = f"{type(error).__name__}: {error}".partition("\n")[0]
            print(f"{self.checkpoint}: not a state of this version ({why});", flush=True, end=" ")
            print("starting from the beginning", flush=True)
            self._begin()  # some of it may have been taken over
            return
        parts = ", ".join(f"{s['from_step']} to {s['to_step']}" for s in self.sessions)
        print(f"resuming at {self.place}; earlier parts: steps {parts}", flush=True)
        if {s.get("code_sha256", self.code) for s in self.sessions} - {self.code}:
            print("some of them by other code; run.json says which (sessions)", flush=True)

    def _restore(self, state: dict) -> None:
        """Take over what `_state` returned. Raises anything if another version of it did."""
        if others := state.keys() ^ self._state().keys():
            raise ValueError(f"keys {sorted(others)}")
        self.model.load_state_dict(state["model"])
        if (self.critic is None) != (state["critic"] is None):
            raise ValueError("one of both has a critic")
        if self.critic:
            self.critic.load_state_dict(state["critic"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.pretraining.load_state_dict(state["pretraining"])
        self.generator.set_state(state["generator"])
        self.epoch, self.position = state["epoch"], state["position"]
        self.step.names = state["names"]
        self.history, self.sessions = state["history"], state["sessions"]
        self.parts = None if state["parts"] is None else state["parts"].to(self.device)
        shape = (self.steps_per_epoch, len(self.step.names))
        if self.parts is not None and self.parts.shape != shape:
            raise ValueError(f"losses {tuple(self.parts.shape)} instead of {shape}")
        if [list(row) for row in self.history] != [self.columns] * self.epoch:
            raise ValueError("other columns, or another number, of epochs")
        # Those before 2026-11-29 do not name their code.
        noted = [s.keys() | {"code_sha256"} for s in self.sessions]
        if any(keys != {"from_step", "to_step", "seconds", "code_sha256"} for keys in noted):
            raise ValueError("other notes of sessions")
