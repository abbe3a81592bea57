"""Cut the first five convolutions out of the full FID network, bit for bit.

    python -m data.cut_inception --weights inception.safetensors --out stem.safetensors

The weights are the network's tensors under torchvision's names: `.safetensors`, or an array file
such as `fid_inception_v3.npz`. The result is what FID-64 and FID-192 need (0.7 MB), so that the
quick preset runs without the network's 87 MB.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from data.arguments import options
from data.arrays import open_arrays
from data.files import atomic_write, reading
from data.inception_network import STEM_FILE, stem_names

LICENCE = "Inception v3 of 2015-12-05, TensorFlow authors, Apache-2.0; float32 tensors unchanged"


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a `.npz` or `.safetensors` file by name."""
    if path.suffix == ".npz":
        with open_arrays(path, "fetch it again") as stored:
            return dict(stored)
    with reading(path):
        return load_file(path)


def cut(weights: Path, out: Path) -> None:
    """Write the stem's tensors of `weights` to `out`. KeyError names a tensor that is missing."""
    tensors = read_tensors(weights)
    with atomic_write(out) as temporary:
        stem = {name: tensors[name] for name in stem_names()}
        temporary.write_bytes(save(stem, {"source": LICENCE}))  # a full disk is an OSError then


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the whole network")
    parser.add_argument("--out", type=Path, default=STEM_FILE, help="file to write")
    arguments = parser.parse_args()
    cut(arguments.weights, arguments.out)
