"""Maximum mean discrepancy with the inverse multiquadratic (IMQ) kernel of tolstikhin/wae.

    MMD(q, p) = || E_q k(z, .) - E_p k(z, .) ||^2 in the kernel's Hilbert space (the paper's last
    equation, squared), estimated from n codes q and n prior draws p by

        1/(n(n-1)) sum_{i != j} [k(q_i, q_j) + k(p_i, p_j)]  -  2/n^2 sum_{i, j} k(q_i, p_j)

    k(a, b) = sum_s C_s / (C_s + |a - b|^2),   C_s = s * 2 d scale^2

2 d scale^2 is the expected squared distance of two prior draws in d dimensions. The article of
tolstikhin/wae uses s = 1; its code sums seven scales ("works slightly better" than one, says its
author).

Every constant has the square of the prior's scale as a factor, so that the scale has no effect:

    MMD(c q, c p; prior of scale c) = MMD(q, p; scale 1)    for any c > 0, exactly

A deterministic encoder followed by a decoder can multiply its last layer by c and divide the
decoder's first by c, for nothing. Together: VIM with a prior of another scale, that is of another
entropy, has the same solutions and the same value of its objective.
"""

import torch

SCALES = {"multiscale": (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0), "single": (1.0,)}


def squared_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """|a_i - b_j|^2 for a (n, d) and b (m, d), as (n, m), never below zero."""
    norms = a.square().sum(1)[:, None] + b.square().sum(1)[None, :]
    return (norms - 2 * a @ b.T).clamp(min=0)


def imq(distances: torch.Tensor, base: float, scales=SCALES["multiscale"]) -> torch.Tensor:
    """The IMQ kernel summed over scales, of squared distances of any shape."""
    return sum((s * base) / (s * base + distances) for s in scales)


def mmd(
    codes: torch.Tensor, draws: torch.Tensor, prior_scale: float = 1.0, kernel: str = "multiscale"
) -> torch.Tensor:
    """MMD between codes (n, d) and prior draws (n, d): a scalar, which may be negative.

    The within terms leave out the diagonal, the cross term does not, as in tolstikhin/wae;
    the expectation at q = p is therefore zero. Computed in float32 at least, whatever autocast says.
    """
    with torch.autocast(codes.device.type, enabled=False):
        if codes.dtype not in (torch.float32, torch.float64):
            codes, draws = codes.float(), draws.float()
        n, dimensions = codes.shape
        if n < 2 or draws.shape != codes.shape:
            raise ValueError(f"mmd needs equal samples of two or more: {codes.shape} {draws.shape}")
        base, scales = 2 * dimensions * prior_scale**2, SCALES[kernel]
        # k(a, a) = 1 per scale, so the diagonal of a within term sums to n * len(scales).
        within = sum(imq(squared_distances(v, v), base, scales).sum() for v in (codes, draws))
        within = (within - 2 * n * len(scales)) / (n * (n - 1))
        return within - 2 * imq(squared_distances(codes, draws), base, scales).mean()
