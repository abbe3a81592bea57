"""Train one method on one dataset with one seed.

    python -m models.train --data results/quick/data/mnist.npz --method vae --seed 0 --out vae \\
        --params '{"model": {"width": 0.0625, "kernel": null, "latent": 8, "prior_scale": 1.0,
        "init_std": 0.04, "normalisation": "batch"}, "train": {"epochs": 4, "batch": 100,
        "learning_rate": 0.005, "schedule": [[3, 2], [4, 5]], "divergence_weight": 10.0,
        "pixel_noise": 0.01, "warmup_steps": 0, "pretrain_steps": 200, "pretrain_batch": 1000,
        "precision": "fp32", "cuda_graph": true, "diverged_above": 1e6, "checkpoint_seconds": 60}, "method":
        {"objective": "elbo", "prior": "normal", "beta": 1.0, "encoder": "stochastic",
        "divergence": "kl", "likelihood": "bernoulli"}}'

These are the settings of preset `quick`; params.yaml says what each of them is. Every run.json has
its own as "params". Written are weights.safetensors, history.csv and run.json, into the folder
--out. An interrupted run exits with status 75 and goes on when the same command is given again; a
diverged one exits with 0, its run.json saying so, because the tables report it.

Whoever may take a finished run for a failed one and delete it, as an engine does whose jobs outlive
it, names a file --final: the run is kept there, in one piece, before it is written to --out. While
that file is there the same command writes the same bytes again instead of training. It is as large
as the weights; removing it is up to the caller.
"""

import csv
import hashlib
import json
import os
import statistics
import sys
from pathlib import Path

import torch
from safetensors.torch import save

from data import store
from data.arguments import options, takes_settings
from data.files import atomic_write, digest, write_json
from models.checkpoint import load_checkpoint, run_lock, save_checkpoint
from models.device import pick_device, supported_precision
from models.interruption import EXIT_INTERRUPTED, GOES_ON, Interrupted, Interruption
from models.provenance import provenance
from models.throughput import flops_per_image, matrix_peak, peak_memory
from models.trainer import Diverged, Trainer


def describe_run(data: store.ImageSet, method: str, seed: int, params: dict) -> dict:
    """All that decides a run, as `run.json` records it."""
    height, width, channels = data.image_shape
    if height != width:
        raise ValueError(f"{data.name}: images are {height} x {width}; the networks take squares")
    return {
        "dataset": data.name,
        "method": method,
        "seed": seed,
        "params": params,
        "image_size": height,
        "channels": channels,
        "value_range": data.value_range,
        "train_images": len(data.train_images),
    }


def utilisation(trainer: Trainer, data: store.ImageSet) -> dict:
    """Images/s, operations per image, share of the measured matrix peak, peak memory."""
    memory = peak_memory(trainer.device)  # before measuring the peak adds to it
    peak = matrix_peak(trainer.device, trainer.step.precision)
    flops = flops_per_image(trainer.model, data.image_shape, trainer.device)
    speed = statistics.median(row["images_per_second"] for row in trainer.history)
    return {
        "images_per_second": speed,
        "flops_per_image": flops,
        "matrix_peak_flops": peak,
        "share_of_peak": speed * flops / peak,
        "peak_memory_bytes": memory,
    }


def write_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Not by safetensors' own `save_file`, whose error on a full disk is no OSError."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(weights))


def write_history(path: Path, rows: list[dict]) -> None:
    """The learning curve: one row an epoch. No row and no head if the first epoch diverged."""
    with atomic_write(path) as temporary, open(temporary, "w", newline="") as file:
        if rows:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def fingerprint(decides: list) -> str:
    """Digest of all that decides a run, or of as much of it as is given."""
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def warn_of_processor(width: float, device: torch.device) -> None:
    """Say that a network of full size trains without a GPU, unless that was asked for."""
    if device.type == "cpu" and width >= 1 and not os.environ.get("VIMAE_DEVICE"):
        print(
            "warning: no GPU here, and a network of full size trains on the processor; "
            "VIMAE_DEVICE=cuda makes this an error, VIMAE_DEVICE=cpu silences it",
            file=sys.stderr,
            flush=True,
        )


def fit(trainer: Trainer, interruption: Interruption, data: store.ImageSet, origin: dict) -> dict:
    """Train to the end, or to divergence: {"weights", "history", "record"}, the latter of run.json."""
    status, why = "done", ""
    try:
        trainer.fit(interruption)
    except Diverged as error:
        status, why = "diverged", str(error)
        print(f"diverged: {why}", flush=True)
    device = trainer.device
    weights = {k: v.contiguous() for k, v in trainer.model.cpu().state_dict().items()}
    trainer.model.to(device)
    record = {
        "status": status,
        "why": why,
        "precision": trainer.step.precision,
        "seconds": trainer.seconds,
        "sessions": trainer.sessions,
        "provenance": origin,
        "utilisation": utilisation(trainer, data) if status == "done" else {},
    }
    return {"weights": weights, "history": trainer.history, "record": record}


def train(
    data_file: Path,
    method: str,
    seed: int,
    params: dict,
    out: Path,
    checkpoint: Path,
    final: Path | None = None,
) -> None:
    """Train and write the run's three files; see the module's docstring."""
    device = pick_device()
    interruption = Interruption()
    with run_lock(checkpoint.with_suffix(".lock"), interruption):
        origin = provenance(device)  # before hours in which the checkout may change
        data = store.load(data_file)
        info = describe_run(data, method, seed, params)
        data_digest = digest(data_file)
        precision = supported_precision(params["train"]["precision"], device)
        decides = [info, data_digest, torch.__version__, device.type, precision]
        # Code too: a finished run is never the answer to an edit. One that is under way goes on, and says
        # which part was trained by what.
        of_final = fingerprint([*decides, origin["code_sha256"]])
        run = load_checkpoint(final, of_final) if final else None
        if run:
            print(f"{final}: this run has been trained to its end; writing it again", flush=True)
        else:
            if reason := interruption.reason():  # no time to build a network
                raise Interrupted(f"{reason}: not begun this time")
            warn_of_processor(params["model"]["width"], device)
            images = torch.from_numpy(data.train_images).to(device)
            trainer = Trainer(info, images, checkpoint, fingerprint(decides), origin["code_sha256"])
            run = fit(trainer, interruption, data, origin)
            if final:
                save_checkpoint(final, run | {"fingerprint": of_final})

        write_weights(out / "weights.safetensors", run["weights"])
        write_history(out / "history.csv", run["history"])
        weights_digest = digest(out / "weights.safetensors")
        digests = {"weights_sha256": weights_digest, "data_sha256": data_digest}
        write_json(out / "run.json", info | digests | run["record"])
        checkpoint.unlink(missing_ok=True)


def main() -> None:
    """The command line."""
    parser = options(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="what data.prepare wrote (.npz)")
    parser.add_argument("--method", required=True, help="name of the run's method, for run.json")
    parser.add_argument("--seed", type=int, required=True, help="of all that is drawn, from 0 on")
    takes_settings(parser)
    parser.add_argument("--out", type=Path, required=True, help="the run's folder, to be written")
    state = "state of an interrupted run (default: beside --out, OUT.checkpoint.pt)"
    parser.add_argument("--checkpoint", type=Path, help=state)
    kept = "keep the finished run here too, until you remove it (default: nowhere)"
    parser.add_argument("--final", type=Path, help=kept)
    args = parser.parse_args()
    out = args.out.absolute()  # "." has no name of its own
    checkpoint = args.checkpoint or out.with_name(out.name + ".checkpoint.pt")
    try:
        train(args.data, args.method, args.seed, args.params, args.out, checkpoint, args.final)
    except Interrupted as stop:
        print(f"{stop}; {GOES_ON}", file=sys.stderr, flush=True)
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
