"""One optimisation step: eager on a CPU, a replayed CUDA graph on a GPU.

At batch 100 a step is some hundred small kernels; launching them one by one from Python takes
longer than running them, so on a GPU the whole step (batch, noise, forward, backward, Adam) is
captured once and replayed. Nothing in a step waits for the device.
"""

import torch

from models import objectives
from models.device import supported_precision
from models.noise import noisy_copy
from models.objectives import Batch
from models.pixels import to_float

WARM_UP_STEPS = 3  # before a capture: lazy initialisation and cuDNN's choice of algorithms


class Step:
    """Callable: `step(index)` trains on the images at `index` (batch,) and returns `parts`.

    `parts` is a device vector, [loss, part_1, ...], overwritten by the next step; `names` says
    what its entries are. `images` is the whole dataset as uint8 (n, h, w, c) on the device.
    """

    def __init__(self, model, critic, prior, optimizer, images, generator, params: dict):
        self.model, self.critic, self.prior = model, critic, prior
        self.optimizer, self.images, self.generator = optimizer, images, generator
        self.method, self.train = params["method"], params["train"]
        self.objective = objectives.load(self.method["objective"]).loss
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
