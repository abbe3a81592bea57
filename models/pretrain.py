"""The encoder pre-training of tolstikhin/wae: match two moments of q(z) to the prior's.

    loss = mean (E_q z - E_p z)^2 + mean (Cov_q z - Cov_p z)^2

At most `pretrain_steps` Adam steps at the base rate, stopped below 0.1. It starts the divergence
from codes of the prior's size; the decoder is not touched.
"""

import math

import torch

from models.noise import noisy_copy
from models.objectives import sample_posterior
from models.optimizer import load_optimizer, make_optimizer
from models.pixels import to_float

GOOD_ENOUGH = 0.1


def moment_loss(codes: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Squared differences of means and covariances of two samples (n, d), each averaged."""
    means = codes.mean(0) - draws.mean(0)
    covariances = torch.cov(codes.T) - torch.cov(draws.T)
    return means.square().mean() + covariances.square().mean()


class Pretraining:
    """Steps on random batches of `pretrain_batch` images (uint8, on the device), until `done`.

    `train` is a run's training settings; `generator` draws batches, pixel noise, codes and prior.
    """

    def __init__(self, model, prior, images, generator, train: dict):
        self.model, self.prior, self.images, self.generator = model, prior, images, generator
        self.pixel_noise, self.limit = train["pixel_noise"], train["pretrain_steps"]
        self.batch = min(train["pretrain_batch"], len(images))
        rate = {"params": model.encoder.parameters(), "lr": train["learning_rate"]}
        self.optimizer = make_optimizer([rate], images.device)
        self.steps, self.loss = 0, math.inf

    @property
    def done(self) -> bool:
        """No step is left, or the moments are near enough."""
        return self.steps >= self.limit or self.loss < GOOD_ENOUGH

    def advance(self) -> None:
        """One step."""
        device, count = self.images.device, (self.batch,)
        index = torch.randint(len(self.images), count, generator=self.generator, device=device)
        x = to_float(self.images[index], self.model.value_range)
        q = self.model.encode(noisy_copy(x, self.pixel_noise, self.generator))
        z = sample_posterior(*q, self.generator)
        loss = moment_loss(z, self.prior.sample(z.shape, self.generator, device))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.steps, self.loss = self.steps + 1, loss.item()

    def state_dict(self) -> dict:
        """All but the encoder, to go on from."""
        return {
            "steps": self.steps,
            "loss": self.loss,
            "generator": self.generator.get_state(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from `state`."""
        self.steps, self.loss = state["steps"], state["loss"]
        self.generator.set_state(state["generator"])
        load_optimizer(self.optimizer, state["optimizer"])
