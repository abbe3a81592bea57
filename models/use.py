"""Use a trained run on one's own images, without the pipeline.

    RUN=results/quick/runs/mnist/vae/seed0
    python -m models.use sample      --run $RUN --count 64 --out digits/
    python -m models.use encode      --run $RUN --images digits/ --out codes.npz
    python -m models.use decode      --run $RUN --codes codes.npz --out sheet.png
    python -m models.use reconstruct --run $RUN --images digits/ --out again.npz
    python -m models.use interpolate --run $RUN --steps 8 --out line.png

DIR      a run's folder: weights, settings, provenance
IMAGES   a folder of pictures, one picture, or an array file, see models/pictures.py. Pictures are
         turned, cut and resized as data/folder.py does it, aligned photographs of CelebA as its
         dataset; arrays must have the run's size already.
PICTURES by its suffix: x.npz (array `images`), x.png (one sheet), or a folder of PNG files

The same in Python; images are uint8 (n, h, w, c), codes float32 (n, d):

    from models import use
    model = use.load("results/quick/runs/mnist/vae/seed0")
    codes = model.encode(model.read("digits/"))
    images = model.decode(codes)
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from data import folder
from data.arguments import options
from data.arrays import write_arrays
from data.datasets import celeba
from models import pictures
from models.device import pick_device
from models.objectives import sample_posterior
from models.pixels import to_float, to_uint8
from models.run import Run, load_trained
from models.sample import BATCH, prior_draws
from models.seeds import torch_generator


def load(path: Path | str, device: torch.device | str = "cpu") -> "TrainedModel":
    """The trained model of a run's folder. ValueError says what is missing, damaged or diverged."""
    return TrainedModel(load_trained(path, device), torch.device(device))


@dataclass(frozen=True)
class TrainedModel:
    """A trained run as five functions of arrays. `run.info` has its settings and provenance."""

    run: Run
    device: torch.device

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of its images."""
        side = self.run.info["image_size"]
        return side, side, self.run.info["channels"]

    @property
    def latent(self) -> int:
        """Dimensions of a code."""
        return self.run.model.latent_dim

    def read(self, path: Path | str) -> np.ndarray:
        """Images of a folder, a picture or an array file, uint8 (n, h, w, c), as it takes them.

        Pictures of a folder are sorted by name.
        """
        return self.read_named(path)[1]

    def read_named(self, path: Path | str) -> tuple[list[str] | None, np.ndarray]:
        """`read` with the pictures' names below the folder; None for arrays."""
        if pictures.is_array_file(path):
            array = pictures.read_array(path, "images")
            return None, self._checked(pictures.as_images(array, path), path)
        files = pictures.image_files(path)
        images = np.stack([image for _, image in pictures.decoded(files, self._decode)])
        base = Path(path) if Path(path).is_dir() else Path(path).parent
        return [file.relative_to(base).as_posix() for file in files], images

    def encode(self, images: np.ndarray, sampled: bool = False, seed: int = 0) -> np.ndarray:
        """Images -> codes (n, d): the mean of q(z|x), or one draw of it.

        `sampled` makes no difference for a deterministic encoder; `seed` decides the draws. Those of the
        first n images are the same for any number of them.
        """
        generator = torch_generator(seed, "use/encode", self.device)

        def encode(x):
            mean, log_variance = self.run.model.encode(x)
            if not sampled:
                return mean.float()
            noise = torch.empty((BATCH, self.latent), device=self.device).normal_(
                generator=generator
            )
            return sample_posterior(mean, log_variance, noise=noise[: len(x)])

        x = torch.from_numpy(self._checked(images))
        value_range = self.run.info["value_range"]
        return self._batched(lambda part: encode(to_float(part, value_range)), x)

    def read_codes(self, path: Path | str) -> np.ndarray:
        """Codes of an array file, float32 (n, d), such as `encode` on the command line writes."""
        return self._checked_codes(pictures.read_array(path, "codes"), path)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes (n, d), which a normal or logistic prior spreads about 0, -> mean images."""
        value_range = self.run.info["value_range"]
        return self._batched(
            lambda part: to_uint8(self.run.model.decode(part), value_range),
            torch.from_numpy(self._checked_codes(codes)),
        )

    def sample(self, count: int, seed: int | None = None) -> np.ndarray:
        """`count` new images. The first n are the same for any count.

        Without a `seed` those that the pipeline generates and scores for this run.
        """
        return self.decode(self._draws(count, self.run.info["seed"] if seed is None else seed))

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Images -> what decoding the mean of q(z|x) makes of them, of the same shape."""
        return self.decode(self.encode(images))

    def interpolate(self, start: np.ndarray, end: np.ndarray, steps: int = 8) -> np.ndarray:
        """(steps, h, w, c): decoded codes on the straight line from `start` to `end`, both included.

        Each end is an image, uint8 (h, w, c), or a code (d,).
        """
        if steps < 2:
            raise ValueError(f"steps is {steps}; both ends are included, so take 2 or more")
        ends = [np.asarray(end)[None] for end in (start, end)]
        a, b = (self.encode(end) if end.dtype == np.uint8 else end for end in ends)
        places = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        return self.decode((1 - places) * a + places * b)

    @cached_property
    def _decode(self) -> Callable[[bytes], np.ndarray]:
        """How the file of a picture becomes an image, as the run's dataset did it."""
        side, _, channels = self.image_shape
        square = celeba.square if self.run.info["dataset"] == "celeba" else min
        return partial(folder.decode, side=side, channels=channels, square=square)

    def _checked(self, images: np.ndarray, what: Path | str = "images") -> np.ndarray:
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise ValueError(
                f"{what}: {images.dtype} {images.shape}; this run takes uint8 "
                f"(n, {', '.join(map(str, self.image_shape))}). Pictures in a folder are resized"
            )
        return np.ascontiguousarray(images)

    def _checked_codes(self, codes: np.ndarray, what: Path | str = "codes") -> np.ndarray:
        codes = np.asarray(codes)
        fits = codes.dtype.kind in "fiu" and codes.size and codes.shape[1:] == (self.latent,)
        with np.errstate(over="ignore"):  # what float32 does not hold becomes infinite
            taken = np.ascontiguousarray(codes, np.float32) if fits else None
        if taken is None or not np.isfinite(taken).all():
            raise ValueError(
                f"{what}: {codes.dtype} {codes.shape}, or not all finite in float32; this run decodes "
                f"(n, {self.latent}). `encode` with the same --run writes such codes"
            )
        return taken

    def _draws(self, count: int, seed: int) -> np.ndarray:
        """Codes from the prior, (count, d), as `models.sample` draws them."""
        if count < 1:
            raise ValueError(f"count is {count}; it must be at least 1")
        return torch.cat(list(prior_draws(self.run, count, seed))).numpy()

    @torch.inference_mode()
    def _batched(self, function, inputs: torch.Tensor) -> np.ndarray:
        parts = [function(part.to(self.device)).cpu() for part in inputs.split(BATCH)]
        return torch.cat(parts).numpy()


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    args = parser().parse_args(arguments)
    try:
        model = load(args.run, pick_device())
        done = args.function(model, args)
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    print(f"{done} -> {args.out}")


def run_encode(model: TrainedModel, args) -> str:
    names, images = model.read_named(args.images)
    codes = model.encode(inverted(images, args), args.sampled, args.seed)
    write_arrays(args.out, {"codes": codes} | pictures.named(names))
    return f"{len(codes)} codes of {model.latent} dimensions"


def run_decode(model: TrainedModel, args) -> str:
    return write(args.out, model.decode(model.read_codes(args.codes)))


def run_sample(model: TrainedModel, args) -> str:
    return write(args.out, model.sample(args.count, args.seed))


def run_reconstruct(model: TrainedModel, args) -> str:
    names, images = model.read_named(args.images)
    return write(args.out, model.reconstruct(inverted(images, args)), names)


def run_interpolate(model: TrainedModel, args) -> str:
    if args.between:
        ends = [one_picture(inverted(model.read(path), args), path) for path in args.between]
    elif args.invert:
        raise ValueError("--invert: only pictures are inverted, so give two by --between")
    else:
        ends = model._draws(2, args.seed)
    return write(args.out, model.interpolate(*ends, args.steps))


def one_picture(images: np.ndarray, path: str) -> np.ndarray:
    if len(images) != 1:
        raise ValueError(
            f"{path}: holds {len(images)} pictures; --between takes one on either side"
        )
    return images[0]


def inverted(images: np.ndarray, args) -> np.ndarray:
    return 255 - images if args.invert else images


def write(path: Path, images: np.ndarray, names: list[str] | None = None) -> str:
    pictures.write_images(path, images, names)
    return f"{len(images)} images"


def parser() -> argparse.ArgumentParser:
    """Options of the five commands."""
    top = options(__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, help, out="PICTURES"):
        added = commands.add_parser(
            name, help=help, description=__doc__, formatter_class=top.formatter_class
        )
        added.set_defaults(function=function)
        added.add_argument("--run", type=Path, required=True, metavar="DIR", help="a run's folder")
        added.add_argument("--out", type=Path, required=True, metavar=out, help="what to write")
        return added

    def takes_images(added, required=True):
        if required:
            added.add_argument("--images", required=True, metavar="IMAGES", help="what to read")
        added.add_argument(
            "--invert",
            action="store_true",
            help="255 - x first: for dark strokes on light paper, where MNIST and Omniglot are "
            "light on dark (default: off)",
        )

    added = command("encode", run_encode, "images to codes", "codes.npz")
    takes_images(added)
    added.add_argument("--sampled", action="store_true", help="a draw of q(z|x), not its mean")
    added.add_argument("--seed", type=int, default=0, help="of the draws")
    added = command("decode", run_decode, "codes to images")
    added.add_argument("--codes", required=True, help="array file, codes (n, d)")
    added = command("sample", run_sample, "new images")
    added.add_argument("--count", type=int, default=64, help="how many images")
    added.add_argument("--seed", type=int, help="of the draws (default: the run's own samples)")
    takes_images(command("reconstruct", run_reconstruct, "images, encoded and decoded"))
    added = command("interpolate", run_interpolate, "images on the line between two codes")
    added.add_argument(
        "--between",
        nargs=2,
        metavar=("A", "B"),
        help="two pictures (default: two draws of the prior)",
    )
    added.add_argument("--steps", type=int, default=8, help="how many images, with both ends")
    added.add_argument("--seed", type=int, default=0, help="of the two draws")
    takes_images(added, required=False)
    return top


if __name__ == "__main__":
    main()
