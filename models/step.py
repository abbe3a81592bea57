"""One optimisation step: eager on a CPU, a replayed CUDA graph on a GPU.

At batch 100 a step is some hundred small kernels; launching them one by one from Python takes
longer than running them, so on a GPU the whole step (batch, noise, forward, backward, Adam) is
captured once and replayed. Nothing in a step waits for the device.
"""

import math

import torch

from data.store import to_float
from models.device import supported_precision
from models.objectives import OBJECTIVES, Batch

WARM_UP_STEPS = 3  # before a capture: lazy initialisation and cuDNN's choice of algorithms


def noisy_copy(x: torch.Tensor, std: float, generator: torch.Generator) -> torch.Tensor:
    """x + truncated Normal noise (cut at 2 std), as [25] feeds its encoder; x itself if std is 0."""
    if std == 0:
        return x
    # By the inverse distribution function: torch's own draws again until every value fits, which
    # waits for the device and was measured to take 36 % of a step.
    bound = math.erf(2 / math.sqrt(2))
    noise = torch.empty_like(x).uniform_(-bound, bound, generator=generator)
    return x + noise.erfinv_().mul_(std * math.sqrt(2))


def make_optimizer(groups: list[dict], device: torch.device) -> torch.optim.Adam:
    """Adam with [25]'s betas; on a GPU fused and capturable, its rates being device tensors."""
    cuda = device.type == "cuda"
    for group in groups:
        group["lr"] = torch.tensor(group["lr"], device=device) if cuda else group["lr"]
    return torch.optim.Adam(groups, betas=(0.5, 0.999), eps=1e-8, fused=True, capturable=cuda)


def set_learning_rate(optimizer: torch.optim.Optimizer, index: int, rate: float) -> None:
    """Set one group's rate, in place where a captured graph reads it."""
    group = optimizer.param_groups[index]
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict) -> None:
    """Load a saved state; rates that are tensors go where the parameters are."""
    optimizer.load_state_dict(state)
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"] = group["lr"].to(group["params"][0].device)


class Step:
    """Callable: `step(index)` trains on the images at `index` (batch,) and returns `parts`.

    `parts` is a device vector, [loss, part_1, ...], overwritten by the next step; `names` says
    what its entries are. `images` is the whole dataset as uint8 (n, h, w, c) on the device.
    """

    def __init__(self, model, critic, prior, optimizer, images, generator, params: dict):
        self.model, self.critic, self.prior = model, critic, prior
        self.optimizer, self.images, self.generator = optimizer, images, generator
        self.method, self.train = params["method"], params["train"]
        self.objective = OBJECTIVES[self.method["objective"]]
        self.precision = supported_precision(self.train["precision"], images.device)
        if images.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            # Only for convolutions, nearly all of the work: the MMD's products stay in float32.
            torch.backends.cudnn.allow_tf32 = self.precision == "tf32"
        self.names: list[str] = []
        self.graph: torch.cuda.CUDAGraph | None = None
        self.use_graph = images.device.type == "cuda" and self.train["cuda_graph"]

    def __call__(self, index: torch.Tensor) -> torch.Tensor:
        if not self.use_graph:
            return self._eager(index)
        if self.graph is None:
            self._capture(index)
        self.index.copy_(index)
        self.graph.replay()
        return self.parts

    def _eager(self, index: torch.Tensor) -> torch.Tensor:
        clean = to_float(self.images[index], self.model.value_range)
        noisy = noisy_copy(clean, self.train["pixel_noise"], self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        # A graph must not keep casts of weights made outside it, hence no autocast cache.
        bf16 = self.precision == "bf16"
        with torch.autocast(clean.device.type, torch.bfloat16, bf16, cache_enabled=False):
            loss, parts = self.objective(
                self.model,
                Batch(clean, noisy, self.generator),
                self.prior,
                self.method,
                self.train,
                self.critic,
            )
        loss.backward()
        self.optimizer.step()
        self.names = ["loss", *parts]
        return torch.stack([loss.detach(), *(part.detach() for part in parts.values())]).float()

    def _state(self) -> list[torch.Tensor]:
        modules = [m for m in (self.model, self.critic) if m is not None]
        tensors = [t for m in modules for t in (*m.parameters(), *m.buffers())]
        for state in self.optimizer.state.values():
            tensors += [t for t in state.values() if isinstance(t, torch.Tensor)]
        return tensors

    def _capture(self, index: torch.Tensor) -> None:
        """Record the step. Warming up trains, so everything it changed is put back."""
        self.index = index.clone()
        fresh = not self.optimizer.state
        saved, generator_state = [t.clone() for t in self._state()], self.generator.get_state()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                self._eager(self.index)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.no_grad():
            for number, tensor in enumerate(self._state()):
                if number < len(saved):
                    tensor.copy_(saved[number])
                elif fresh:  # Adam's moments and step count, which did not exist before
                    tensor.zero_()
        self.generator.set_state(generator_state)
        self.graph = torch.cuda.CUDAGraph()
        self.graph.register_generator_state(self.generator)
        with torch.cuda.graph(self.graph):
            self.parts = self._eager(self.index)
