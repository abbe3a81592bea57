"""FID and KID between two sets of images, without a run.

    python -m eval.fid generated/ real/ --inception inception.safetensors
    python -m eval.fid generated/ real/ --dims 64
    python -m eval.fid real/ --dims 64 --save real_64.npz

A and B are each one of

    a folder        of pictures of any size, at any depth, read as pytorch-fid reads them
    x.npz, x.npy    uint8 (n, h, w, 1 or 3); x.npz:NAME takes the array NAME
    x.npz           statistics that --save wrote, or pytorch-fid (`mu`, `sigma`)

FID is symmetric; its standard error and KID's are over new sets A, with B held fixed. The floor is
FID between two random halves of one set. Halves have fewer images than sets, and FID falls with their
number: two whole sets of equal images would have about half the floor.
64 and 192 features come with the repository. 2048, the FID of the literature, need the network:

    python -m data.download inception --to downloads --out downloads/inception.json
    python -m data.inception --manifest downloads/inception.json --out inception.safetensors
"""

import argparse
import sys
from pathlib import Path

from data.arguments import options
from data.files import write_json
from eval.fid.compare import compare, key, measure, save
from eval.fid.inception import DIMS, load_network
from models.device import pick_device


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = options(__doc__)
    made.add_argument("a", metavar="A", help="images or statistics")
    made.add_argument("b", metavar="B", nargs="?", help="images or statistics; may lack if --save")
    made.add_argument("--dims", type=int, choices=DIMS, default=2048, help="features")
    made.add_argument("--inception", type=Path, help="the network's weights, for 2048 features")
    made.add_argument("--groups", type=int, default=10, help="of the errors' jackknife")
    made.add_argument("--save", type=Path, metavar="NPZ", help="keep the statistics of A")
    made.add_argument("--out", type=Path, metavar="JSON", help="write the values")
    return made


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    made = parser()
    args = made.parse_args(arguments)
    if args.b is None and args.save is None:
        made.error("give B, or --save to keep the statistics of A")
    if args.out and args.b is None:
        made.error("--out needs B: without it nothing is measured")
    if args.save and args.save.suffix != ".npz":
        made.error(f"--save {args.save}: statistics are written to an .npz; call it so")
    if args.groups < 2:
        made.error(f"--groups is {args.groups}; the jackknife needs 2 or more")
    if args.dims == 2048 and args.inception is None:
        made.error(
            "--dims 2048 needs --inception FILE; make it by `python -m data.download inception "
            "--to downloads --out downloads/inception.json` and `python -m data.inception "
            "--manifest downloads/inception.json --out inception.safetensors`, or take --dims 64"
        )
    try:
        run(args)
    except (ValueError, OSError) as error:
        sys.exit(str(error))


def run(args: argparse.Namespace) -> None:
    """Measure, save, compare, print."""
    network = load_network(args.dims, args.inception, pick_device())
    a = measure(args.a, network, args.groups)
    if args.save:
        save(args.save, a, network)
        print(f"statistics of {a.statistics.count} images -> {args.save}")
    if args.b is None:
        return
    b = measure(args.b, network, args.groups)
    values = compare(a, b, network, args.groups)
    counts = {"a": a.statistics.count or None, "b": b.statistics.count or None}
    shown = {"fid": f"FID-{args.dims}" if args.dims < 2048 else "FID", "kid": "KID"}
    print(f"A {args.a}: {counts['a'] or '?'} images; B {args.b}: {counts['b'] or '?'} images")
    for name, of in values.items():
        error = "" if of["se"] is None else f" ± {of['se']:.2g}"
        doubt = f"  (fewer images than {args.dims} dimensions: too high)" if of["doubtful"] else ""
        print(
            f"{shown.get(name, name.replace('_', ' of ').upper())}: {of['value']:.6g}{error}{doubt}"
        )
    if args.out:
        protocol = key(network) | {
            "images": counts,
            "sets": {"a": str(args.a), "b": str(args.b)},
            "groups": args.groups,
            "floor": "FID between two random halves of one set",
        }
        write_json(args.out, {"values": values, "protocol": protocol})


if __name__ == "__main__":
    main()
