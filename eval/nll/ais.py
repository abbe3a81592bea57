"""Annealed importance sampling of ln p(x), which uses no encoder: a check on `eval.nll.importance`.

Chains start at the prior and move through f_t(z) = p(z) p(x|z)^beta_t, beta rising from 0 to 1,
by Hamiltonian Monte Carlo that leaves f_t invariant (Neal 2001; for decoders Wu et al. 2017):

    ln w = sum_t (beta_t - beta_{t-1}) ln p(x|z_{t-1}),     ln p(x) >= E ln (1/C) sum_c w_c

w is unbiased for p(x) for any transitions that leave f_t invariant, so a poor chain makes the
bound loose, never wrong. The step sizes are therefore tuned on separate pilot chains and frozen.
"""

import torch

from eval.nll.importance import log_marginal
from eval.nll.likelihood import Likelihood

ACCEPTANCE = 0.65  # the optimal rate of HMC in high dimensions (Beskos et al. 2013)
FIRST_STEP = 0.3  # leapfrog step at the prior, in units of the prior's standard deviation
POWER = 3.0  # of the schedule of beta
ADAPTATION = 0.2  # relative change of a pilot's step after one transition


def ais_log_marginal(
    x: torch.Tensor,
    prior,
    likelihood: Likelihood,
    latent: int,
    *,
    chains: int,
    temperatures: int,
    leapfrog: int,
    batch: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """AIS lower bounds of ln p(x), (n,) in nats, float64.

    Args:
        x: images (n, ...); they may be inference tensors.
        likelihood: (images (m, ...), z (m, d)) -> ln p(x|z) (m,), differentiable in z.
        latent: d.
        chains: C, per image.
        temperatures: T; beta_t = (t / T)^POWER, fine near the prior, where ln p(x|z) is wildest.
        leapfrog: steps of each transition.
        batch: about how many chains move at once; it bounds the memory. Another batch is another draw.
    """
    betas = torch.linspace(0, 1, temperatures + 1, dtype=torch.float64) ** POWER
    bounds = []
    # Gradients are needed, and tensors made in inference mode cannot enter autograd: hence clone.
    with torch.inference_mode(False), torch.enable_grad():
        for images in x.clone().split(max(1, batch // chains)):
            noise = {"generator": generator, "device": images.device}
            walk = {"prior": prior, "likelihood": likelihood, "betas": betas, "leapfrog": leapfrog}
            start = prior.sample((len(images), latent), **noise)
            _, steps = _anneal(images, start, generator=generator, **walk)
            start = prior.sample((len(images) * chains, latent), **noise)
            repeated = images.repeat_interleave(chains, 0)
            steps = steps.repeat_interleave(chains, 1)
            weights, _ = _anneal(repeated, start, steps=steps, generator=generator, **walk)
            bounds.append(log_marginal(weights.view(len(images), chains)))
    return torch.cat(bounds)


def _anneal(x, z, *, prior, likelihood, betas, leapfrog, generator, steps=None):
    """One chain per row of z (m, d): ln w (m,) and the step sizes used (T, m).

    With `steps` None they are adapted on the way, for a later, independent run.
    """
    adapt = steps is None
    step = torch.full((len(z),), FIRST_STEP * prior.scale, device=z.device)
    used, log_w = [], torch.zeros(len(z), dtype=torch.float64, device=z.device)
    state = _evaluate(z, x, prior, likelihood)
    for t in range(1, len(betas)):
        beta = float(betas[t])
        log_w += (beta - float(betas[t - 1])) * state["likelihood"].double()
        step = step if adapt else steps[t - 1]
        used.append(step)
        momentum = torch.empty_like(z).normal_(generator=generator)
        moved, end = state, momentum
        for _ in range(leapfrog):
            half = end + 0.5 * step[:, None] * _force(moved, beta)
            moved = _evaluate(moved["z"] + step[:, None] * half, x, prior, likelihood)
            end = half + 0.5 * step[:, None] * _force(moved, beta)
        gain = _energy(moved, end, beta) - _energy(state, momentum, beta)
        uniform = torch.empty_like(gain).uniform_(generator=generator)
        accepted = uniform.log() < gain  # False for NaN: a diverged trajectory is rejected
        state = {
            key: torch.where(accepted.view(-1, *[1] * (value.dim() - 1)), moved[key], value)
            for key, value in state.items()
        }
        if adapt:
            rate = gain.exp().clamp(max=1).nan_to_num(0)
            step = step * (ADAPTATION * (rate - ACCEPTANCE)).exp()
    return log_w, torch.stack(used)


def _evaluate(z, x, prior, likelihood):
    """Where a chain is: z, ln p(z), ln p(x|z) and both gradients."""
    z = z.detach().requires_grad_()
    log_prior, log_p = prior.log_prob(z), likelihood(x, z)
    (prior_slope,) = torch.autograd.grad(log_prior.sum(), z)
    (slope,) = torch.autograd.grad(log_p.sum(), z)
    return {
        "z": z.detach(),
        "prior": log_prior.detach(),
        "likelihood": log_p.detach(),
        "prior_slope": prior_slope,
        "slope": slope,
    }


def _force(state, beta):
    """d ln f_t / d z."""
    return state["prior_slope"] + beta * state["slope"]


def _energy(state, momentum, beta):
    """ln f_t(z) - |momentum|^2 / 2, the log density of position and momentum."""
    return state["prior"] + beta * state["likelihood"] - 0.5 * momentum.square().sum(1)
