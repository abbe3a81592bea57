"""FID's Inception network as data: names, shapes and digests of its tensors, and its stem.

The network is TensorFlow's of 2015-12-05 with torchvision's names: 94 layers, each a convolution
with batch norm, a layer's four tensors being PARTS. Batch norm has no weight (it is 1); its eps is
0.001. The stem is the first five layers, which FID-64 and FID-192 need; it is in the repository.
Importing this module imports neither torch nor torchvision.
"""

import hashlib
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

PARTS = ("conv.weight", "bn.bias", "bn.running_mean", "bn.running_var")
# torchvision's name, stride, padding, whether 3x3 max pooling of stride 2 follows.
STEM = (
    ("Conv2d_1a_3x3", 2, 0, False),
    ("Conv2d_2a_3x3", 1, 0, False),
    ("Conv2d_2b_3x3", 1, 1, True),
    ("Conv2d_3b_1x1", 1, 0, False),
    ("Conv2d_4a_3x3", 1, 0, True),
)
STEM_FILE = Path(__file__).parent / "embedded" / "inception_stem.safetensors"
# By `tensor_digest`, over the tensors in the network's order.
STEM_SHA256 = "f9aada1d9db1204ebb0f37663f02012d1cf70dace73a5e98ffddd21407e75e33"
SHA256 = "faa37c74cec4860f41dc8c4119526a526ca710982b3cdf79831003fc5f4382b4"


def stem_names() -> list[str]:
    """Names of the stem's 20 tensors, in the network's order."""
    return [f"{layer}.{part}" for layer, *_ in STEM for part in PARTS]


def shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of all 376 tensors, in the network's order."""
    import torch  # both here, because they take seconds and most users need the names above
    from torchvision.models.inception import BasicConv2d, inception_v3

    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a change in torchvision's default initialisation
        network = inception_v3(weights=None, aux_logits=False, init_weights=False)
    layers = [name for name, module in network.named_modules() if isinstance(module, BasicConv2d)]
    state, names = network.state_dict(), [f"{layer}.{part}" for layer in layers for part in PARTS]
    return {name: tuple(state[name].shape) for name in names}


def tensor_digest(tensors: Iterable) -> str:
    """SHA-256 of the joined float32 data (little-endian): of the numbers, not of a file format.

    `tensors` are arrays, or torch tensors in the host's memory.
    """
    joined = hashlib.sha256()
    for tensor in tensors:
        joined.update(np.ascontiguousarray(np.asarray(tensor), dtype="<f4"))
    return joined.hexdigest()
