"""The autoencoder of tolstikhin/wae: its `dcgan` encoder, its `dcgan_mod` decoder.

Encoder: four times [conv k x k, stride 2, SAME; batch norm; ReLU] with 128-256-512-1024 filters,
then a linear layer to the code. Decoder: linear to s x s x 1024 and ReLU, then one
[transposed conv k x k, stride 2, SAME; batch norm; ReLU] per doubling, halving the filters, and a
last transposed conv of stride 1 to the image, with sigmoid for [0, 1] and tanh for [-1, 1].
A width factor narrows every layer alike.
"""

import torch
from torch import nn
from torch.nn import functional as F

from models.pixels import activate

# Per image size: kernel, side of the decoder's first map, number of doublings.
SHAPES = {
    28: {"kernel": 4, "base": 7, "doublings": 2},  # config_mnist; also Omniglot
    32: {"kernel": 4, "base": 8, "doublings": 2},  # CIFAR10: none there; README, last section
    64: {"kernel": 5, "base": 8, "doublings": 3},  # config_celebA
}
FILTERS = (128, 256, 512, 1024)
# What stands between a convolution and its ReLU, for a number of filters. Layer norm is batch norm by
# the image itself: no image is normalised by others, neither of its batch nor of the training set.
NORMALISATIONS = {
    "batch": lambda filters: nn.BatchNorm2d(filters, eps=1e-5, momentum=0.1),  # theirs: decay 0.9
    "layer": lambda filters: nn.GroupNorm(1, filters, eps=1e-5),
    "none": lambda filters: nn.Identity(),
}


class SameConv(nn.Conv2d):
    """Stride-2 convolution with TensorFlow's SAME padding: output side = ceil(side / 2).

    Where the total padding is odd, TensorFlow puts the extra row at the bottom right.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, side: int):
        total = max((-(-side // 2) - 1) * 2 + kernel - side, 0)
        before, after = total // 2, total - total // 2
        symmetric = before == after
        super().__init__(inputs, outputs, kernel, stride=2, padding=before if symmetric else 0)
        self.pad = None if symmetric else (before, after, before, after)

    def forward(self, x):
        return super().forward(x if self.pad is None else F.pad(x, self.pad))


class SameTransposedConv(nn.ConvTranspose2d):
    """Transposed convolution with SAME padding: output side = side * stride.

    It is the gradient of the SAME convolution, so an odd total is cropped at the bottom right.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int):
        total = kernel - stride
        super().__init__(inputs, outputs, kernel, stride=stride, padding=total // 2)
        self.crop = total % 2

    def forward(self, x):
        x = super().forward(x)
        return x[..., : -self.crop, : -self.crop] if self.crop else x


class AutoEncoder(nn.Module):
    """Encoder and decoder for square images.

    Args:
        side: image side, one of SHAPES.
        channels: 1 or 3.
        value_range: "unit" (sigmoid output) or "symmetric" (tanh output).
        latent: dimensions of the code.
        stochastic: a diagonal Gaussian q(z|x) (the VAE rows) or a deterministic code (VIMAE).
        width: factor on every number of filters; 1 is the reference.
        kernel: kernel side; None takes the image size's own.
        init_std: standard deviation of the initial weights (theirs is 0.0099999, biases 0).
        normalisation: one of NORMALISATIONS; "batch" is the reference's.
    """

    def __init__(
        self,
        side: int,
        channels: int,
        value_range: str,
        *,
        latent: int,
        stochastic: bool,
        width: float = 1.0,
        kernel: int | None = None,
        init_std: float = 0.0099999,
        normalisation: str = "batch",
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        if side not in SHAPES:
            raise ValueError(f"no network for {side} x {side} images: SHAPES knows {list(SHAPES)}")
        shape = SHAPES[side]
        kernel = kernel or shape["kernel"]
        filters = [max(1, round(width * n)) for n in FILTERS]
        normalise = NORMALISATIONS[normalisation]
        self.latent_dim, self.stochastic, self.value_range = latent, stochastic, value_range

        layers, now, inputs = [], side, channels
        for outputs in filters:
            layers += [SameConv(inputs, outputs, kernel, now)]
            layers += [normalise(outputs), nn.ReLU(inplace=True)]
            now, inputs = -(-now // 2), outputs
        layers += [nn.Flatten(), nn.Linear(inputs * now**2, latent * (2 if stochastic else 1))]
        self.encoder = nn.Sequential(*layers)

        base, inputs = shape["base"], filters[-1]
        layers = [
            nn.Linear(latent, inputs * base**2),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (-1, base, base)),
        ]
        for outputs in filters[-2 : -2 - shape["doublings"] : -1]:
            layers += [SameTransposedConv(inputs, outputs, kernel, stride=2)]
            layers += [normalise(outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        layers += [SameTransposedConv(inputs, channels, kernel, stride=1)]
        self.decoder = nn.Sequential(*layers)
        self._initialise(init_std, generator)

    def _initialise(self, std: float, generator: torch.Generator | None) -> None:
        """Weights as theirs: truncated Normal for convolutions, Normal elsewhere, biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.trunc_normal_(module.weight, 0, std, -2 * std, 2 * std, generator=generator)
            elif isinstance(module, nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(module.weight, 0, std, generator=generator)
            else:
                continue
            nn.init.zeros_(module.bias)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """x (n, c, side, side) -> mean (n, d) and log variance (n, d) of q(z|x).

        The log variance is None for a deterministic code; it is clipped to [-50, 50] as theirs.
        """
        code = self.encoder(x)
        if not self.stochastic:
            return code, None
        mean, log_variance = code.chunk(2, dim=1)
        return mean, log_variance.clamp(-50, 50)

    def decode_logits(self, z: torch.Tensor) -> torch.Tensor:
        """z (n, d) -> output before its activation, (n, c, side, side)."""
        return self.decoder(z)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """z (n, d) -> mean image in the data's range, (n, c, side, side)."""
        return activate(self.decode_logits(z), self.value_range)
