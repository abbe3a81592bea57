"""The first optimisation steps of a run, one by one, and what an explosion among them costs.

    python -m benchmarks.starts --dataset celeba --methods vae --seeds 0 1 --steps 12
    python -m benchmarks.starts --dataset celeba --methods vae --seeds 1 --steps 400 --summary \\
        --remedy forget

On the prepared data of the preset (run its data phase first), by the code that trains it, step for
step. Shown are the loss, its parts, the norm of the gradient over all weights, the largest log
variance of a code (encoders that have one), and the root of Adam's mean of squared gradients, by
which it divides, median over the encoder's weights but the last layer's; with --summary means over
every epoch instead. A factor f of that root is forgotten in 2000 ln(f) steps.

    python -m benchmarks.starts --runs results/narrow/runs/celeba/*/seed1

How far finished runs' weights are from where they began, layer by layer, as a share of their size then.

A step has exploded if its gradient is more than 100 times the median of those before it. Remedies, to
find out what it is that such a step does:

    none     as trained
    skip     the step is left out, its gradient never seen
    forget   the step is made, then both of Adam's means are put back to before it (of squared
             gradients alone is no remedy: the mean of gradients, over their root, then explodes)
"""

import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch

from data import store
from data.arguments import options, settings
from models.device import pick_device
from models.interruption import Interruption
from models.run import build_model, load_trained
from models.train import describe_run
from models.trainer import Diverged, Trainer
from workflow.settings import ROOT, Settings, check, load

EXPLODED = 100.0  # times the median gradient so far
REMEDIES = ("none", "skip", "forget")
MEANS = ("exp_avg", "exp_avg_sq")  # Adam's, of gradients and of their squares


class Enough(Exception):
    """As many steps as were asked for."""


class Watch:
    """Stands in a trainer's `step`: makes its steps, notes what they did, applies a remedy."""

    def __init__(self, trainer: Trainer, steps: int, remedy: str):
        self.trainer, self.inner, self.optimizer = trainer, trainer.step, trainer.optimizer
        self.steps, self.remedy = steps, remedy
        self.rows: list[dict] = []
        self.norms: list[float] = []
        self.log_variance, self.before = float("nan"), {}
        trainer.model.encoder.register_forward_hook(self._on_code)
        trainer.optimizer.register_step_pre_hook(self._before_step)
        trainer.optimizer.register_step_post_hook(self._after_step)

    @property
    def names(self) -> list[str]:
        """What a step returns, by name."""
        return self.inner.names

    def __call__(self, index: torch.Tensor) -> torch.Tensor:
        if len(self.rows) == self.steps:
            raise Enough
        parts = self.inner(index)
        row = {"epoch": self.trainer.epoch + 1, "step": len(self.rows) + 1}
        row |= dict(zip(self.names, parts.tolist(), strict=True))
        row |= {"gradient": self.norms[-1], "log variance": self.log_variance}
        self.rows.append(row | {"exploded": self.exploded, "Adam's root": self._root()})
        return parts

    @property
    def exploded(self) -> bool:
        """Whether the last step did."""
        *earlier, last = self.norms
        return bool(earlier) and last > EXPLODED * statistics.median(earlier)

    def _parameters(self) -> list[torch.nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _root(self) -> float:
        convolutions = self.trainer.model.encoder[:-1]
        state = [self.optimizer.state[p] for p in convolutions.parameters()]
        return float(torch.cat([of["exp_avg_sq"].flatten() for of in state]).median().sqrt())

    def _on_code(self, _module, _inputs, code: torch.Tensor) -> None:
        if self.trainer.model.stochastic:
            self.log_variance = float(code.detach().chunk(2, dim=1)[1].max())

    def _before_step(self, *_) -> None:
        gradients = [p.grad for p in self._parameters() if p.grad is not None]
        self.norms.append(float(torch.nn.utils.get_total_norm(gradients)))
        self.before = {}
        if not self.exploded:
            return
        if self.remedy == "skip":
            for parameter in self._parameters():
                parameter.grad = None
        elif self.remedy == "forget":
            state = self.optimizer.state
            self.before = {p: {m: state[p][m].clone() for m in MEANS} for p in self._parameters()}

    def _after_step(self, *_) -> None:
        for parameter, means in self.before.items():
            for name, mean in means.items():
                self.optimizer.state[parameter][name].copy_(mean)


def trace(info: dict, data: store.ImageSet, steps: int, remedy: str) -> pd.DataFrame:
    """A row for each of the first `steps` steps of a run, trained as `models.train` does."""
    images = torch.from_numpy(data.train_images).to(pick_device())
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        trainer = Trainer(info, images, Path(folder) / "checkpoint.pt", "")
        trainer.step = watch = Watch(trainer, steps, remedy)
        with contextlib.suppress(Enough, Diverged):
            trainer.fit(Interruption())
    return pd.DataFrame(watch.rows)


def way(folder: Path) -> dict[str, float]:
    """|trained - initial| / |initial| of every layer's weights of a finished run, by Euclidean norm."""
    run = load_trained(folder)
    begun = build_model(run.info).state_dict()
    return {
        name: float((now.detach() - begun[name]).norm() / begun[name].norm())
        for name, now in run.model.named_parameters()
        if now.dim() > 1
    }


def main() -> None:
    """Trace what is asked for, print a table a run; or one of finished runs."""
    parser = options(__doc__)
    parser.add_argument("--runs", nargs="+", type=Path, help="folders of finished runs; alone")
    parser.add_argument("--preset", default="narrow", help="whose networks and data")
    parser.add_argument("--dataset", help="its name")
    parser.add_argument("--methods", nargs="+", default=[], help="names in the catalogue")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of the runs")
    parser.add_argument("--steps", type=int, default=12, help="so many from the first")
    parser.add_argument("--remedy", choices=REMEDIES, default="none", help="see above")
    words = "settings of training to change: a JSON object, or @FILE with one in it"
    parser.add_argument("--train", type=settings, default={}, metavar="JSON", help=words)
    parser.add_argument("--summary", action="store_true", help="means by epoch")
    args = parser.parse_args()
    if args.runs:
        table = pd.DataFrame({"/".join(path.parts[-2:]): way(path) for path in args.runs})
        print(table.to_markdown(floatfmt=".2f"))
        return
    if not args.dataset:
        parser.error("--dataset: whose first steps? (or --runs)")
    if not args.methods:
        parser.error("--methods: whose first steps?")
    config = load() | {"preset": args.preset}
    check(config)
    chosen = Settings(config)
    data = store.load(ROOT / "results" / chosen.preset / "data" / f"{args.dataset}.npz")
    for method in args.methods:
        params = chosen.train_settings(args.dataset, method)
        params["train"] |= args.train | {"cuda_graph": False}  # hooks are not captured
        for seed in args.seeds:
            info = describe_run(data, method, seed, params)
            table = trace(info, data, args.steps, args.remedy)
            if args.summary:
                table = table.groupby("epoch", as_index=False).mean().drop(columns="step")
            print(f"\n{method}, seed {seed}, remedy {args.remedy}\n", flush=True)
            print(table.to_markdown(index=False, floatfmt=".4g"), flush=True)


if __name__ == "__main__":
    main()
