"""The networks whose features FID compares: pytorch-fid's InceptionV3, or only its first blocks.

    dims   output                               weights
    64     first max pooling                    embedded in this repository
    192    second max pooling                   embedded in this repository
    2048   last average pooling, FID proper     `inception`: the full network, 87 MB

The shallow levels are pytorch-fid's own (`--dims 64`, `--dims 192`), run without the other 89
convolutions and without importing torchvision. All levels average their map over the image.
"""

from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from data.files import reading
from data.inception_network import (
    PARTS,
    SHA256,
    STEM,
    STEM_FILE,
    STEM_SHA256,
    stem_names,
    tensor_digest,
)

DIMS = (64, 192, 2048)
PREPROCESSING = "uint8 RGB / 255; bilinear to 299x299, align_corners=False, no antialias; 2x - 1"
DEPTH = {64: 3, 192: 5}  # how many layers of the stem a level needs


@dataclass(frozen=True)
class FeatureNetwork:
    """A feature level with its weights' digest; `blocks` maps (n, 3, 299, 299) to a feature map."""

    dims: int
    digest: str
    blocks: nn.Module
    device: torch.device

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 (n, h, w, 1 or 3) -> float32 features (n, dims); grey is repeated to RGB."""
        x = images.to(self.device).permute(0, 3, 1, 2).expand(-1, 3, -1, -1).float() / 255
        x = x.contiguous(memory_format=torch.channels_last)
        x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False)
        return F.adaptive_avg_pool2d(self.blocks(2 * x - 1), 1).flatten(1)


def load_network(
    dims: int, inception: Path | str | None = None, device: torch.device | str = "cpu"
) -> FeatureNetwork:
    """The network of one feature level, ready for `features`.

    `inception` is needed for 2048 only: a safetensors file with the full network's 376 tensors under
    torchvision's names. ValueError if `dims` is unknown or the weights are not those of FID.
    """
    if dims not in DIMS:
        raise ValueError(f"dims: {dims} is no feature level of FID; choose one of {DIMS}")
    if dims == 2048 and inception is None:
        raise ValueError("--inception: dims 2048 needs the full network (64 and 192 do not)")
    if dims == 2048:
        tensors = load_tensors(inception)
        with reading(inception, "give the network that data.inception wrote"):
            (blocks, digest), pinned = full_blocks(tensors), SHA256
    else:
        inception = STEM_FILE
        (blocks, digest), pinned = stem_blocks(dims, load_tensors(inception)), STEM_SHA256
    if digest != pinned:
        raise ValueError(f"{inception}: digest {digest} of the tensors is not FID's {pinned}")
    blocks = blocks.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    return FeatureNetwork(dims, digest, blocks, torch.device(device))


def load_tensors(path: Path | str) -> dict[str, torch.Tensor]:
    """Tensors by name. ValueError names the file if it is damaged."""
    with reading(path, "delete it and make it again, with data.inception or the data phase"):
        return load_file(path)


def features(network: FeatureNetwork, images: np.ndarray, batch: int | None = None) -> np.ndarray:
    """Features of uint8 images (n, h, w, 1 or 3), as float64 (n, dims).

    The result does not depend on `batch` beyond rounding. By default it is small on a CPU, where
    the maps of few images stay in cache, and large on a GPU.
    """
    batch = batch or (4 if network.device.type == "cpu" else 256)
    result = np.empty((len(images), network.dims))
    # TensorFloat-32 would round every product to 10 bits.
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with torch.inference_mode(), exact:
        for start in range(0, len(images), batch):
            part = torch.from_numpy(np.ascontiguousarray(images[start : start + batch]))
            result[start : start + batch] = network(part).cpu().numpy()
    return result


def fuse(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution that does both, its weights computed in float64: less memory traffic."""
    return fuse_conv_bn_eval(conv.double().eval(), norm.double().eval()).float()


def stem_blocks(dims: int, tensors: dict[str, torch.Tensor]) -> tuple[nn.Sequential, str]:
    """pytorch-fid's block 0 (64), or blocks 0 and 1 (192), and the digest of their tensors."""
    layers = []
    for name, stride, padding, pooled in STEM[: DEPTH[dims]]:
        weight, *statistics = (tensors[f"{name}.{part}"] for part in PARTS)
        outputs, inputs, side, _ = weight.shape
        conv = nn.Conv2d(inputs, outputs, side, stride, padding, bias=False)
        conv.weight.data = weight
        norm = nn.BatchNorm2d(outputs, eps=0.001)
        norm.bias.data, norm.running_mean, norm.running_var = statistics
        layers.append(fuse(conv, norm))
        if pooled:  # before the ReLU, with which it commutes exactly: a quarter of its work
            layers.append(nn.MaxPool2d(3, stride=2))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers), tensor_digest(tensors[name] for name in stem_names())


def checkpoint(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state that pytorch-fid loads: our tensors, batch-norm weights of 1, the classifier zero.

    The classifier `fc` is not used by FID and not in every copy of the weights.
    """
    state = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)} | tensors
    for name in [name for name in tensors if name.endswith("bn.bias")]:
        layer = name.removesuffix("bias")
        state[layer + "weight"] = torch.ones_like(tensors[name])
        state[layer + "num_batches_tracked"] = torch.tensor(0)
    return state


def full_blocks(tensors: dict[str, torch.Tensor]) -> tuple[nn.Sequential, str]:
    """The four blocks of pytorch-fid's InceptionV3 with the given weights, and their digest.

    RuntimeError names the tensors that are missing or of another shape.
    """
    from pytorch_fid import inception  # imports torchvision: seconds, so only where needed

    # The class fetches its weights itself, unchecked; hand it ours. Its loading is strict.
    state = checkpoint(tensors)
    with mock.patch.object(inception, "load_state_dict_from_url", lambda *_, **__: state):
        network = inception.InceptionV3([3])
    digest = tensor_digest(t for name, t in network.state_dict().items() if name.endswith(PARTS))
    for module in network.modules():
        if hasattr(module, "conv") and hasattr(module, "bn"):
            module.conv, module.bn = fuse(module.conv, module.bn), nn.Identity()
    return nn.Sequential(*network.blocks), digest
