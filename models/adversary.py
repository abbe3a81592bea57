"""The adversarial estimate of the Jensen-Shannon divergence between q(z) and p(z).

The paper, section IV: with this divergence VIM is the Adversarial AutoEncoder. Critic and losses
follow the WAE-GAN of tolstikhin/wae: four hidden layers, non-saturating encoder loss.

    critic:  min -E_p ln D(z) - E_q ln(1 - D(z))        encoder:  min -E_q ln D(z)
"""

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

HIDDEN = 512
LEARNING_RATE_FACTOR = 0.5  # tolstikhin/wae's MNIST: half the autoencoder's rate


def build_critic(latent: int, init_std: float, generator: torch.Generator) -> nn.Module:
    """z (n, latent) -> logit that z is a prior draw, (n, 1)."""
    layers, inputs = [], latent
    for _ in range(4):
        layers += [nn.Linear(inputs, HIDDEN), nn.ReLU()]
        inputs = HIDDEN
    critic = nn.Sequential(*layers, nn.Linear(inputs, 1))
    for layer in critic:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0, init_std, generator=generator)
            nn.init.zeros_(layer.bias)
    return critic


def losses(critic: nn.Module, codes: torch.Tensor, draws: torch.Tensor):
    """(encoder loss, critic loss), both scalars, for codes and prior draws (n, d).

    The encoder's loss sees the critic's weights as constants, the critic's sees detached codes:
    added up, one backward pass gives each its own gradient.
    """
    frozen = {name: weight.detach() for name, weight in critic.named_parameters()}
    encoder_loss = F.softplus(-functional_call(critic, frozen, (codes,)).float()).mean()
    real, fake = critic(draws).float(), critic(codes.detach()).float()
    return encoder_loss, F.softplus(-real).mean() + F.softplus(fake).mean()
