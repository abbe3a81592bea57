"""Memory and run time that a job asks a cluster for. A run on one machine is not bound by them.

Requests of full-size jobs, with room; a job that was too small a request is given twice, three
times ... as much in the next of `--retries`. A profile's `set-resources` overrides them. Training
that reaches its time is no loss: it saves its state and goes on.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A program's own memory (MB), copies of the dataset's images in memory, and minutes."""

    own_mb: int
    copies: int
    minutes: int


REQUESTS = {
    "download": Request(2000, 0, 240),
    "inception": Request(3000, 0, 30),
    "prepare": Request(3000, 4, 120),
    "train": Request(4000, 2, 480),
    "sample": Request(4000, 1, 60),
    "reference": Request(6000, 2, 120),
    "score": Request(6000, 3, 240),
    "metrics": Request(2000, 0, 30),
    "tables": Request(2000, 0, 30),
    "figures": Request(4000, 1, 60),
    "plots": Request(2000, 0, 30),
    "page": Request(2000, 0, 30),
    "show": Request(2000, 0, 30),
}
IMAGES = 100_000  # taken for a dataset that does not say how many it has


def images_mb(shape: tuple[int, int, int], counts: dict, limits: dict) -> float:
    """Size of a dataset's images, one byte a value.

    `counts` are the official numbers of each split, `limits` what the settings cut them to; either
    may be None.
    """
    height, width, channels = shape
    split = ("train", "test")
    count = sum(limits[name] or (counts or {}).get(name) or IMAGES for name in split)
    return count * height * width * channels / 1e6


def memory_mb(rule: str, images: float, attempt: int) -> int:
    """Memory of a job on a dataset of `images` MB, on its first, second ... attempt."""
    request = REQUESTS[rule]
    return attempt * (request.own_mb + round(request.copies * images))


def runtime(rule: str, attempt: int) -> int:
    """Minutes of a job."""
    return attempt * REQUESTS[rule].minutes
