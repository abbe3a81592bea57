"""Training speed: this trainer, a plain PyTorch loop and pythae's trainer, on one network.

    python -m benchmarks.train --width 0.0625 --images 1000

All train the MNIST network of `models.networks` at batch 100 on the same images, as VAE and as
WAE-MMD (VIMAE-n), in turn, on the GPU if there is one. The plain loop is a DataLoader, contiguous
tensors, fp32 and Adam. pythae (0.1.2, from the package index, not among this project's
requirements) is timed if it can be imported. Threads are those that OMP_NUM_THREADS allows. Given
are the best round's images/s by the clock and by processor time (CPU only; the latter tells more
on a machine that others use too), and the ratio to pythae of the same objective. On random images:
speed does not depend on their content. `--profile` prints where our step spends its time.
"""

import contextlib
import io
import logging
import os
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch
from torch.utils.data import DataLoader, TensorDataset

from data.arguments import options
from models import objectives
from models.device import describe, pick_device, supported_precision, synchronize
from models.objectives import Batch
from models.run import build_model, build_prior
from models.seeds import torch_generator
from models.step import Step
from models.throughput import flops_per_image, matrix_peak
from models.trainer import Trainer

BATCH, LATENT, LEARNING_RATE = 100, 8, 1e-3
METHODS = {
    "VAE": {
        "objective": "elbo",
        "prior": "normal",
        "beta": 1.0,
        "encoder": "stochastic",
        "divergence": "kl",
        "likelihood": "bernoulli",
    },
    "WAE-MMD": {
        "objective": "vim",
        "prior": "normal",
        "kernel": "multiscale",
        "encoder": "deterministic",
        "divergence": "mmd",
        "likelihood": "squared_error",
    },
}


def describe_run(method: str, width: float, precision: str) -> dict:
    """A run's description, as `models.run` builds networks from."""
    train = {"batch": BATCH, "learning_rate": LEARNING_RATE, "divergence_weight": 10.0}
    train |= {"pixel_noise": 0.01, "pretrain_steps": 0, "pretrain_batch": BATCH}
    train |= {"precision": precision, "cuda_graph": True}
    model = {"width": width, "kernel": None, "latent": LATENT, "prior_scale": 1.0, "init_std": 0.01}
    return {
        "image_size": 28,
        "channels": 1,
        "value_range": "unit",
        "seed": 0,
        "params": {"method": METHODS[method], "model": model, "train": train},
    }


def build_step(info: dict, images: torch.Tensor) -> Step:
    """This project's step of a run, untrained; images are uint8 on the device."""
    no_checkpoint = Path(os.devnull)  # neither read nor written before training starts
    return Trainer(info, images, no_checkpoint, "").step


def ours(info: dict, images: torch.Tensor):
    """An epoch of this project's step; images are uint8 on the device."""
    step = build_step(info, images)

    def epoch():
        order = torch.randperm(len(images), device=images.device)
        for start in range(0, len(images), BATCH):
            step(order[start : start + BATCH])

    return epoch


def plain(info: dict, images: torch.Tensor):
    """An epoch as a tutorial would write it: float images on the host, a DataLoader, Adam."""
    device = images.device
    floats = images.cpu().permute(0, 3, 1, 2).contiguous().float() / 255
    loader = DataLoader(TensorDataset(floats), batch_size=BATCH, shuffle=True)
    model, prior = build_model(info).to(device).train(), build_prior(info)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    generator = torch_generator(0, "noise", device)
    method, train = info["params"]["method"], info["params"]["train"]
    objective = objectives.load(method["objective"])

    def epoch():
        for (x,) in loader:
            x = x.to(device)
            optimizer.zero_grad()
            batch = Batch(x, x, generator)
            loss, _ = objective.loss(model, batch, prior, method, train)
            loss.backward()
            optimizer.step()
            loss.item()  # the running loss that such a loop shows

    return epoch


def pythae(method: str, info: dict, images: torch.Tensor):
    """An epoch of pythae's BaseTrainer around our network; None if pythae is not installed."""
    try:
        from pythae import models as zoo
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder
        from pythae.trainers import BaseTrainer, BaseTrainerConfig
        from pythae.trainers.training_callbacks import TrainingCallback
    except ImportError:
        return None
    logging.getLogger("pythae").setLevel(logging.ERROR)
    network = build_model(info)

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.latent_dim, self.network = LATENT, network.encoder

        def forward(self, x):
            code = self.network(x)
            return ModelOutput(embedding=code[:, :LATENT], log_covariance=code[:, LATENT:])

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.network = network.decoder

        def forward(self, z):
            return ModelOutput(reconstruction=torch.sigmoid(self.network(z)))

    class EpochTimer(TrainingCallback):
        def on_epoch_begin(self, *_, **__):
            synchronize(images.device)
            self.started = time.perf_counter(), time.process_time()

        def on_train_step_end(self, *_, **__):
            synchronize(images.device)
            now = time.perf_counter(), time.process_time()
            self.spent = now[0] - self.started[0], now[1] - self.started[1]

    options = {"input_dim": (1, 28, 28), "latent_dim": LATENT}
    if method == "VAE":
        config = zoo.VAEConfig(reconstruction_loss="bce", **options)
        model = zoo.VAE(config, encoder=Encoder(), decoder=Decoder())
    else:
        config = zoo.WAE_MMD_Config(kernel_choice="imq", **options)
        model = zoo.WAE_MMD(config, encoder=Encoder(), decoder=Decoder())
    floats = images.cpu().permute(0, 3, 1, 2).contiguous().float() / 255
    timer = EpochTimer()

    def epoch():
        quiet = io.StringIO()
        redirected = contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet)
        with tempfile.TemporaryDirectory() as folder, redirected[0], redirected[1]:
            settings = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1,
                per_device_train_batch_size=BATCH,
                no_cuda=images.device.type == "cpu",
            )
            data = model_data(floats)
            BaseTrainer(
                model=model, train_dataset=data, training_config=settings, callbacks=[timer]
            ).train()
        return timer.spent

    return epoch


def model_data(floats: torch.Tensor):
    """pythae's dataset form."""
    from pythae.data.datasets import BaseDataset

    return BaseDataset(floats, torch.zeros(len(floats)))


def time_epoch(epoch, device: torch.device) -> tuple[float, float]:
    """(seconds by the clock, processor seconds) of one epoch; pythae's clocks itself."""
    synchronize(device)
    start = time.perf_counter(), time.process_time()
    own = epoch()
    synchronize(device)
    return own or (time.perf_counter() - start[0], time.process_time() - start[1])


def main() -> None:
    """Measure in turn, print the table."""
    parser, kinds = options(__doc__), ["fp32", "tf32", "bf16"]
    parser.add_argument("--width", type=float, default=0.125, help="share of the paper's filters")
    parser.add_argument("--precision", choices=kinds, default="fp32", help="of our trainer")
    parser.add_argument("--images", type=int, default=2000, help="images an epoch")
    parser.add_argument("--rounds", type=int, default=3, help="timed epochs of each trainer")
    parser.add_argument("--profile", action="store_true", help="also what our step's time goes to")
    args = parser.parse_args()
    device = pick_device()
    shape = (args.images, 28, 28, 1)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch_generator(0, "images"))
    images = images.to(device)

    rows, profiled = [], None
    for method in METHODS:
        info = describe_run(method, args.width, args.precision)
        runners = {"ours": ours(info, images), "plain loop": plain(info, images)}
        runners["pythae"] = pythae(method, info, images)
        profiled = profiled or runners["ours"]
        runners = {name: runner for name, runner in runners.items() if runner}
        best = {name: (float("inf"), float("inf")) for name in runners}
        for number in range(args.rounds + 1):
            for name, runner in runners.items():
                spent = time_epoch(runner, device)
                if number:  # the first round warms up
                    best[name] = tuple(min(pair) for pair in zip(best[name], spent, strict=True))
        for name, (clock, processor) in best.items():
            row = {"objective": method, "trainer": name, "images/s": args.images / clock}
            row["images per CPU second"] = args.images / processor
            if "pythae" in best:
                row["x pythae (clock)"] = best["pythae"][0] / clock
                row["x pythae (CPU)"] = best["pythae"][1] / processor
            rows.append(row)
    table = pd.DataFrame(rows)
    flops = flops_per_image(build_model(info).to(device), (28, 28, 1), device)
    precision = supported_precision(args.precision, device)
    peaks = {kind: matrix_peak(device, kind) for kind in {precision, "fp32"}}
    of_trainer = table["trainer"].map({"ours": peaks[precision]}).fillna(peaks["fp32"])
    table["share of matrix peak"] = table["images/s"] * flops / of_trainer
    print(
        f"{describe(device)}, torch {torch.__version__}, width {args.width}, ours in {precision},"
    )
    print(f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}, batch {BATCH},", end=" ")
    shown = ", ".join(f"{kind} {peak / 1e9:,.0f}" for kind, peak in sorted(peaks.items()))
    print(f"{flops / 1e6:.0f} MFLOP/image, matrix peak {shown} GFLOP/s\n")
    print(table.to_markdown(index=False, floatfmt=".2f"))
    if args.profile:
        with torch.profiler.profile() as profile:
            profiled()
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=15))


if __name__ == "__main__":
    main()
