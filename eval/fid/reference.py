"""Features of real images, once per dataset, for `eval.fid.score`.

    python -m eval.fid.reference --data results/quick/data/cifar10.npz --out reference.npz \\
        --params '{"dims": 64, "references": {"test": 300}, "count": 300, "groups": 10,
        "batch": null, "allow_small": false}'

Settings:
    dims        features: 64, 192 (embedded weights) or 2048 (needs --inception)
    references  {split: at most how many of its first images, null for all}, such as
                {"test": 10000, "train": null}; the number used goes to the protocol
    count       number of generated images that FID will compare; also that of the floor
    groups      groups of the jackknife
    batch       images per pass through the network (null: by device)
    allow_small whether fewer images than dims may be used

FID needs the mean and covariance of all images of a reference; KID, which is unbiased at any count,
the features of the first `count`, kept as float32. Beside each reference stands its floor: the FID
of real images of the other split, `count` of them or all that there are. With as many generated images
no model can be expected to get below it; what a generated value exceeds it by is the model's.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data import store
from data.arguments import options, takes_settings
from data.arrays import open_arrays, write_arrays
from eval.fid.frechet import Statistics, frechet_distance, jackknife_error, statistics
from eval.fid.inception import PREPROCESSING, FeatureNetwork, features, load_network
from models.device import pick_device

OTHER = {"train": "test", "test": "train"}
REMEDY = "delete it and run eval.fid.reference again"


@dataclass(frozen=True)
class Reference:
    """One split: statistics of all its images, features (m, d) of some, float32, and its floor.

    The floor is {"value", "se", "count", "groups"}, the last the groups of its jackknife.
    """

    statistics: Statistics
    features: np.ndarray
    floor: dict


def key(network: FeatureNetwork, data: store.ImageSet) -> dict:
    """What the statistics depend on; those of another key must not be compared."""
    return {
        "dataset": data.name,
        "image_shape": list(data.image_shape),
        "preprocessing": PREPROCESSING,
        "dims": network.dims,
        "weights_sha256": network.digest,
    }


def require_count(count: int, params: dict, what: str) -> None:
    """ValueError for fewer images than dimensions (singular covariance), unless asked for."""
    if count < params["dims"] and not params["allow_small"]:
        raise ValueError(
            f"{count} {what} images are too few for {params['dims']} dimensions: use "
            f"{params['dims']} or more, or set allow_small to get a flagged value"
        )


def counts(data: store.ImageSet, asked: dict[str, int | None]) -> dict[str, int]:
    """How many images each split in `asked` has for a reference: so many, or all there are."""
    there = {"train": len(data.train_images), "test": len(data.test_images)}
    return {split: min(count or there[split], there[split]) for split, count in asked.items()}


def build(data: store.ImageSet, network: FeatureNetwork, params: dict) -> dict[str, Reference]:
    """References of the splits that `params` names."""
    images = {"train": data.train_images, "test": data.test_images}
    wanted = counts(data, params["references"])
    for split, count in wanted.items():
        require_count(count, params, f"{split} reference")
    needed = dict(wanted)
    for split in wanted:  # the floor takes images of the other split
        other = OTHER[split]
        needed[other] = max(needed.get(other, 0), len(images[other][: params["count"]]))

    found = {
        split: features(network, images[split][:n], params["batch"]) for split, n in needed.items()
    }
    references = {}
    for split, count in wanted.items():
        reference = statistics(found[split][:count])
        real = found[OTHER[split]][: params["count"]]
        floor = {
            "value": frechet_distance(statistics(real), reference),
            "se": jackknife_error(real, reference, params["groups"]),
            "count": len(real),
            "groups": params["groups"],
        }
        kept = found[split][:count][: params["count"]].astype(np.float32)
        references[split] = Reference(reference, kept, floor)
    return references


def save(path: Path, references: dict[str, Reference], key: dict) -> None:
    """Write the references atomically, with the key and the floors in a JSON header."""
    header = {"key": key, "floors": {name: r.floor for name, r in references.items()}}
    arrays = {"header": json.dumps(header)}
    for name, reference in references.items():
        arrays[f"{name}/features"] = reference.features
        for field, value in vars(reference.statistics).items():
            arrays[f"{name}/{field}"] = value
    write_arrays(path, arrays, compressed=False)


def load(path: Path, key: dict, remedy: str = REMEDY) -> dict[str, Reference]:
    """Read what `save` wrote. ValueError if it was made for anything but `key`, with the `remedy`."""
    with open_arrays(path, remedy) as stored:
        header = json.loads(str(stored["header"]))
        for name, value in key.items():
            if header["key"][name] != value:
                raise ValueError(
                    f"{path}: made with {name} {header['key'][name]!r}, not {value!r}; {remedy}"
                )
        return {
            name: Reference(
                Statistics(
                    stored[f"{name}/mean"],
                    stored[f"{name}/covariance"],
                    int(stored[f"{name}/count"]),
                ),
                stored[f"{name}/features"],
                floor,
            )
            for name, floor in header["floors"].items()
        }


def main() -> None:
    """Parse the command line, compute, write."""
    parser = options(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the prepared dataset (.npz)")
    parser.add_argument("--inception", type=Path, help="full Inception network, for dims 2048")
    takes_settings(parser)
    parser.add_argument("--out", type=Path, required=True, help="the references (.npz)")
    arguments = parser.parse_args()

    data = store.load(arguments.data)
    network = load_network(arguments.params["dims"], arguments.inception, pick_device())
    references = build(data, network, arguments.params)
    save(arguments.out, references, key(network, data))
    for split, reference in references.items():
        floor = reference.floor
        print(
            f"fid reference {data.name} {split}: {reference.statistics.count} images, floor "
            f"{floor['value']:.4g} +- {floor['se']:.2g} ({floor['count']} real images)"
        )


if __name__ == "__main__":
    main()
