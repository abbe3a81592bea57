"""Adam and its learning rate over a run."""

import torch


def make_optimizer(groups: list[dict], device: torch.device) -> torch.optim.Adam:
    """Adam with tolstikhin/wae's betas; on a GPU fused and capturable, its rates on the device."""
    cuda = device.type == "cuda"
    for group in groups:
        group["lr"] = torch.tensor(group["lr"], device=device) if cuda else group["lr"]
    return torch.optim.Adam(groups, betas=(0.5, 0.999), eps=1e-8, fused=True, capturable=cuda)


def _constants(group: dict) -> dict:
    """What a group's parameters share but for the rate, which follows the schedule."""
    return {name: value for name, value in group.items() if name not in ("params", "lr")}


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict) -> None:
    """Load a saved state; rates that are tensors go where the parameters are.

    ValueError if it is of another optimizer: torch would take over whatever moments and constants
    the state has, and fail in the next step, or silently go on with them.
    """
    before = [_constants(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    if [_constants(group) for group in optimizer.param_groups] != before:
        raise ValueError("an optimizer with other constants")
    for parameter, moments in optimizer.state.items():
        wanted = {"step": (), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        if {name: moment.shape for name, moment in moments.items()} != wanted:
            raise ValueError("an optimizer with other moments")
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"] = group["lr"].to(group["params"][0].device)


def set_learning_rate(optimizer: torch.optim.Optimizer, index: int, rate: float) -> None:
    """Set one group's rate, in place where a captured graph reads it."""
    group = optimizer.param_groups[index]
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def learning_rate(base: float, schedule: list[list] | dict, epoch: int, epochs: int) -> float:
    """The rate of an epoch, counted from 0, of a run of `epochs`.

    [[start, divisor], ...]: `base` over every divisor whose epoch has come. tolstikhin/wae's
    `manual` is [[30, 2], [50, 5], [100, 10]].
    {"decay": D}: base * D^(-(epoch + 1) / epochs), lower by the same factor every epoch, of the first one
    too, down to base / D in the last. Its `manual_smooth` is that with D = 100.
    """
    if isinstance(schedule, dict):
        return base * schedule["decay"] ** (-(epoch + 1) / epochs)
    for start, divisor in schedule:
        if epoch >= start:
            base /= divisor
    return base


def warmed(step: int, steps: int) -> float:
    """The share of its learning rate that a step has, counted from 0: 1/n, 2/n, ... 1 over n `steps`.

    Adam's first updates move every weight by the whole rate, most of them one way. Where an output
    has thousands of inputs that is far, and the rate of a code has its exponential (docs/starts.md).
    tolstikhin/wae has no such thing: 0 steps, all of the rate from the first.
    """
    return min(1.0, (step + 1) / steps) if steps else 1.0
