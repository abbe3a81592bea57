"""FID of this repository against pytorch-fid's command line: same images, same machine, same value.

    python -m benchmarks.fid --data results/paper/data/cifar10.npz \\
        --inception results/paper/data/inception.safetensors --count 200

Both files are from the data phase of preset `paper`. Compared are the first training and the first
test images, `count` of each, at 2048 dimensions. Theirs reads two folders of PNG files, written
before the clock starts. Ours is `eval.fid.reference`, whose floor is that very value; it also
computes the standard error. With `--run`, any trained run on that dataset, also `eval.fid.score` as
the pipeline calls it: one set of images against the stored statistics of the other. All run end to
end as processes of their own, in turn, with the threads that OMP_NUM_THREADS allows. The processor
time tells more than the clock on a machine that others use too.
Needs SciPy < 1.18, with which pytorch-fid's distance still works.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import load_file

from data import store
from data.arguments import options
from data.files import read_json
from eval.fid.inception import checkpoint

CHECKPOINT = "pt_inception-2015-12-05-6726825d.pth"


def write_checkpoint(weights: Path, folder: Path) -> None:
    """Put the weights where torch looks for pytorch-fid's download, so that it needs no network."""
    (folder / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(checkpoint(load_file(weights)), folder / "hub" / "checkpoints" / CHECKPOINT)


def write_png(images: np.ndarray, folder: Path) -> Path:
    """One PNG file an image."""
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:05d}.png")
    return folder


def timed(command: list, **environment: str) -> tuple[float, float, str]:
    """Seconds by the clock, seconds of processor time, and output of one process."""
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stderr}")
    seconds, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, done.stdout


def measure(data: Path, weights: Path, run: Path | None, count: int, folder: Path) -> pd.DataFrame:
    """One process of each: seconds by the clock, processor seconds, value; and their ratios."""
    images = store.load(data)
    params = {"dims": 2048, "count": count, "references": {"test": count}, "groups": 10}
    params |= {"batch": None, "allow_small": True}
    reference, settings = folder / "reference.npz", ["--params", json.dumps(params)]
    inputs = ["--data", data, "--inception", weights, *settings]
    *spent, _ = timed(["eval.fid.reference", *inputs, "--out", reference])
    with np.load(reference) as stored:
        value = json.loads(str(stored["header"]))["floors"]["test"]["value"]
    rows = [("both sets, ours", *spent, value)]

    if run:
        np.savez(folder / "samples.npz", images=images.train_images[:count])
        inputs += ["--run", run, "--samples", folder / "samples.npz", "--reference", reference]
        units = ["--units", folder / "units.npz"]
        *spent, _ = timed(["eval.fid.score", *inputs, "--out", folder / "score.json", *units])
        value = read_json(folder / "score.json")["values"]["fid.test"]["value"]
        rows.append(("one set, the other's statistics stored, ours", *spent, value))

    splits = {"train": images.train_images, "test": images.test_images}
    folders = [write_png(pixels[:count], folder / name) for name, pixels in splits.items()]
    *spent, output = timed(["pytorch_fid", *folders], TORCH_HOME=str(folder))
    rows.append(("both sets, pytorch-fid", *spent, float(output.split()[-1])))

    table = pd.DataFrame(rows, columns=["", "clock, s", "processor, s", "FID"])
    theirs = table.iloc[-1]
    table["x pytorch-fid, clock"] = theirs["clock, s"] / table["clock, s"]
    table["processor"] = theirs["processor, s"] / table["processor, s"]
    difference = (table["FID"] / theirs["FID"] - 1).map("{:.0e}".format)
    numbers = table.drop(columns=["", "FID"]).map("{:.2f}".format)
    fid = table["FID"].map("{:.6f}".format)
    return pd.concat([table[""], numbers, fid, difference.rename("difference")], axis=1)


def main() -> None:
    """Parse the command line, measure, print the table."""
    parser = options(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a prepared colour dataset (.npz)")
    parser.add_argument("--inception", type=Path, required=True, help="the full Inception network")
    parser.add_argument("--run", type=Path, help="folder of a run on that dataset (default: none)")
    parser.add_argument("--count", type=int, default=300, help="images of either set")
    parser.add_argument("--repeats", type=int, default=2, help="how often all is timed")
    args = parser.parse_args()

    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as name:
            write_checkpoint(args.inception, Path(name))
            table = measure(args.data, args.inception, args.run, args.count, Path(name))
        print(table.to_markdown(index=False, disable_numparse=True), flush=True)


if __name__ == "__main__":
    main()
