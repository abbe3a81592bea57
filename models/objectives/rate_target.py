"""An ELBO whose rate has a target, paper (10).

    -E_q(z|x) ln p(x|z) + weight |KL(q(z|x) || p(z)) - C|

C is the setting `rate`, in nats.
"""

from models.objectives import Batch, distortion_and_rate

TRAITS = {
    "encoder": ("stochastic",),
    "divergence": ("kl",),
    "likelihood": (None, "bernoulli", "gaussian", "squared_error"),
    "pretrained": False,
}
SETTINGS = {
    "rate": {"type": "number", "minimum": 0},
    "weight": {"type": "number", "exclusiveMinimum": 0},
}
REQUIRED = ("rate", "weight")
ONLY_IF = {}
REFUSALS = {
    "encoder": "the KL of a deterministic encoder's code to the prior is infinite",
    "divergence": "the rate that has a target is KL(q(z|x) || p(z))",
}


def loss(model, batch: Batch, prior, method: dict, train: dict, critic=None):
    """distortion + weight |rate - C|."""
    distortion, rate = distortion_and_rate(model, batch, prior, method)
    miss = (rate - method["rate"]).abs()
    return distortion + method["weight"] * miss, {"distortion": distortion, "rate": rate}
