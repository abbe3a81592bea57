"""Information-theoretic estimators for codes, in nats.

A channel here is z = mean(x) + noise, q(z|x) = N(mean, diag variance). Its information is bounded
from both sides, because no estimator from n samples can certify more than ln n nats:

    I >= 1/n sum_i ln [ q(z_i|x_i) / (1/n sum_j q(z_i|x_j)) ]       (<= ln n)
    I <= h_G(z) - h(z|x),   h_G(z) = 1/2 ln det(2 pi e Cov z)

The first is the known-conditional bound of Poole et al. 2019 (equation 12 with the optimal critic);
the second holds as no density of that covariance has more entropy than the Gaussian.
"""

import math

import torch

CHUNK = 1000  # rows of the n x n matrix of densities held at once
LOG_2PI = math.log(2 * math.pi)
# Of the variance of the means. At it float64 errs by less than 0.001 nats, far below by thousands.
SHARPEST = math.exp(-25)


def mixture_information(
    z: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor
) -> torch.Tensor:
    """Terms, one per draw, of the lower bound of I(x; z): (n,), their mean is the bound.

    z_i (n, d) is a draw of N(mean_i, diag variance_i), both (n, d). No term exceeds ln n, so a
    bound near ln n says "at least" and nothing more. Less variance than SHARPEST is taken for that:
    the bound holds with densities of any width, and the sums of squares would cancel.
    """
    z, mean = z.double(), mean.double()
    precision = 1 / torch.maximum(variance.double(), SHARPEST * mean.var(0, correction=0))
    # sum_d (z_d - m_d)^2 / v_d, expanded so that all n^2 pairs are two matrix products.
    shift = 0.5 * (mean.square() * precision - precision.log() + LOG_2PI).sum(1)

    def log_density(rows):
        return rows @ (mean * precision).T - 0.5 * rows.square() @ precision.T - shift

    log_marginal = torch.cat([log_density(rows).logsumexp(1) for rows in z.split(CHUNK)])
    log_conditional = -0.5 * ((z - mean).square() * precision - precision.log() + LOG_2PI).sum(1)
    return log_conditional - log_marginal + math.log(len(z))


def gaussian_information(z: torch.Tensor, variance: torch.Tensor) -> float:
    """Upper bound of I(x; z): of z (n, d) drawn with the noise variances (n, d)."""
    noise_entropy = 0.5 * (variance.double().log() + LOG_2PI + 1).sum(1).mean()
    return gaussian_entropy(z) - noise_entropy.item()


def gaussian_entropy(z: torch.Tensor, floor: float = 0.0) -> float:
    """Entropy of the Gaussian with the covariance of the samples z (n, d), n > d, in nats.

    Unbiased for Gaussian samples: E ln det S = ln det C + sum_i psi((n - i) / 2) - d ln((n - 1) / 2)
    for the sample covariance S (Wishart; 1 <= i <= d): a nat of entropy at n = 1000, d = 64.
    `floor` is a standard deviation added to every direction, so that a dead one stays finite.
    """
    n, d = z.shape
    if n <= d:
        raise ValueError(f"{n} codes cannot give a covariance in {d} dimensions: raise count")
    covariance = z.double().T.cov().reshape(d, d)
    covariance = covariance + floor**2 * torch.eye(d, dtype=torch.float64, device=z.device)
    half_degrees = (n - torch.arange(1, d + 1, dtype=torch.float64)) / 2
    bias = torch.digamma(half_degrees).sum().item() - d * math.log((n - 1) / 2)
    return 0.5 * (torch.logdet(covariance).item() - bias + d * (LOG_2PI + 1))


def gaussian_divergence(z: torch.Tensor, prior, floor: float) -> float:
    """Lower bound of KL(q(z) || p(z)) from samples z (n, d) of q: -E_q ln p(z) - h_G(z).

    Exact if q is Gaussian; it sees wrong means, variances and correlations, and misses any further
    structure, which only lowers h(z).
    """
    cross_entropy = -prior.log_prob(z.double()).mean().item()
    return cross_entropy - gaussian_entropy(z, floor)


def active_units(mean: torch.Tensor, threshold: float = 0.01) -> int:
    """Dimensions of the posterior means (n, d) whose variance over images exceeds the threshold.

    Burda, Grosse & Salakhutdinov 2016, section 5.2.
    """
    return int((mean.var(0) > threshold).sum())


def spectrum(z: torch.Tensor, scale: float) -> dict[str, float]:
    """The covariance of codes (n, d) by its eigenvalues, in units of the prior's variance.

    max and min are 1 at q(z) = p(z); `rank` is the participation ratio (sum l)^2 / sum l^2, the
    number of directions that carry the variance: d if all are equal, 1 if one has it all, 0 for
    codes that are all the same.
    """
    covariance = z.double().T.cov().reshape(z.shape[1], z.shape[1]) / scale**2
    values = torch.linalg.eigvalsh(covariance).clamp(min=0)
    squares = values.square().sum().item()
    return {
        "rank": values.sum().item() ** 2 / squares if squares else 0.0,
        "max": values[-1].item(),
        "min": values[0].item(),
    }
