"""The negative ELBO, paper (2), and the beta-VAE's objective, (9).

-E_q(z|x) ln p(x|z) + beta KL(q(z|x) || p(z))
"""

from models.objectives import Batch, distortion_and_rate

TRAITS = {
    "encoder": ("stochastic",),
    "divergence": ("kl",),
    "likelihood": (None, "bernoulli", "gaussian", "squared_error", "flipped"),
    "pretrained": False,
}
SETTINGS = {
    "beta": {"type": "number", "minimum": 0},
    # The probability that a pixel is flipped; two: black to white, white to black.
    "flip": {
        "type": ["number", "array"],
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 0.5,
        "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 0.5},
        "minItems": 2,
        "maxItems": 2,
    },
}
REQUIRED = ("beta",)
ONLY_IF = {"flip": {"likelihood": "flipped"}}
REFUSALS = {
    "encoder": "the KL of a deterministic encoder's code to the prior is infinite",
    "divergence": "the rate of the ELBO is KL(q(z|x) || p(z)); for q(z) take objective vim",
}


def loss(model, batch: Batch, prior, method: dict, train: dict, critic=None):
    """distortion + beta rate."""
    distortion, rate = distortion_and_rate(model, batch, prior, method)
    return distortion + method["beta"] * rate, {"distortion": distortion, "rate": rate}
