"""The solver behind `eval.tsvm.classifier`: one binary transductive problem in the primal.

    J(w, b, y_U) = |w|^2 / 2 + C sum_L l(y_i f_i) + C_U sum_U l(y_j f_j),    f = w.x + b,
    l(t) = max(0, 1 - t)^2,    subject to  #{j in U: y_j = +1} = n_positive

(Joachims 1999, with the squared hinge of Sindhwani & Keerthi 2006). For a fixed hyperplane the
best labels are known: l(f) - l(-f) falls with f, so the n_positive largest f get +1. For fixed
labels J is a convex, piecewise quadratic function, which a few Newton steps minimise exactly. The
two alternate; each lowers J. As J has many local minima, its weight or its temperature is annealed.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq
from scipy.special import entr, expit

BLOCK = 4096  # rows per Gram product: a block of 64 features stays in the cache


class BinaryProblem:
    """One class against the rest.

    Rows of `given` (n_L, d + 1), with labels s in {-1, 1}, and of `unknown` (n_U, d + 1) end with a
    1, so that w (d + 1,) ends with the intercept.

    The unknown labels are probabilities p of +1, which minimise at temperature T the free energy

        F = |w|^2/2 + C sum_L l(s f) + C_U sum_U [p l(f) + (1 - p) l(-f)] - T sum_U H(p)

    with mean p given; at T = 0 they are 0 or 1 and F is J.
    """

    def __init__(self, given, s, unknown, proportion, C):
        self.given, self.s, self.unknown, self.C = given, s, unknown, C
        self.n_positive = round(proportion * len(unknown))
        self.w = np.zeros(given.shape[1])
        self.grams = _Gram(given), _Gram(unknown)
        self.steps = 0

    def minimise(self, stages, max_iter, tol):
        """Follow the path of stages (C_U, T); True if the last one converged.

        Leaves w, p, f_unknown (n_U,), the objective F and the number of Newton steps behind.
        """
        f_given, self.f_unknown = self.given @ self.w, self.unknown @ self.w
        for C_U, T in stages:
            self.objective, self.p = self._free_energy(self.w, f_given, self.f_unknown, C_U, T)
            for _ in range(max_iter):
                direction = self._newton_point(f_given, C_U) - self.w
                along = self.given @ direction, self.unknown @ direction
                before, step = self.objective, 1.0
                while step > 1e-6:
                    w = self.w + step * direction
                    f = f_given + step * along[0], self.f_unknown + step * along[1]
                    objective, p = self._free_energy(w, *f, C_U, T)
                    if objective <= before:
                        self.w, (f_given, self.f_unknown) = w, f
                        self.objective, self.p = objective, p
                        break
                    step /= 2
                self.steps += 1
                converged = before - self.objective <= tol * abs(before)  # F may be negative
                if converged:
                    break
        return converged

    def _newton_point(self, f_given, C_U):
        """Minimiser of the quadratic that F equals around the present point, labels fixed."""
        inside = (self.s * f_given < 1).astype(float)
        positive = self.p * (self.f_unknown < 1)
        negative = (1 - self.p) * (self.f_unknown > -1)
        hessian = 2 * self.C * self.grams[0].weighted(inside)
        target = 2 * self.C * ((inside * self.s) @ self.given)
        if C_U > 0:
            hessian += 2 * C_U * self.grams[1].weighted(positive + negative)
            target += 2 * C_U * ((positive - negative) @ self.unknown)
        hessian[np.diag_indices_from(hessian)] += 1
        # The intercept is not penalised; the rest keeps the matrix regular with no sample inside.
        hessian[-1, -1] += 1e-10 * self.C - 1
        try:
            return cho_solve(cho_factor(hessian, lower=True), target)
        except np.linalg.LinAlgError as error:
            raise ValueError(
                "C * |x|^2 is beyond double precision; standardise the features or lower C"
            ) from error

    def _free_energy(self, w, f_given, f_unknown, C_U, T):
        """F at (w, b) with the best p for it, and that p."""
        p = self._best_labels(f_unknown, C_U, T)
        energy = 0.5 * w[:-1] @ w[:-1] + self.C * _loss(self.s * f_given).sum()
        if C_U > 0:
            energy += C_U * (p @ _loss(f_unknown) + (1 - p) @ _loss(-f_unknown))
        if T > 0:
            energy -= T * (entr(p) + entr(1 - p)).sum()
        return energy, p

    def _best_labels(self, f, C_U, T):
        """The p in [0, 1]^n_U that minimises F at decision values f, with sum n_positive."""
        n, positive = len(f), self.n_positive
        if T == 0 or positive in (0, n):
            p = np.zeros(n)
            if positive > 0:
                p[np.argpartition(-f, positive - 1)[:positive]] = 1
            return p
        # p = sigma((gain - nu) / T), with nu such that the proportion holds.
        gain = C_U * (_loss(-f) - _loss(f)) / T
        edge = abs(np.log(positive / (n - positive))) + 1
        low, high = gain.min() - edge, gain.max() + edge
        nu = brentq(lambda nu: expit(gain - nu).sum() - positive, low, high, xtol=1e-9)
        return expit(gain - nu)


def _loss(t):
    return np.square(np.maximum(0, 1 - t))


class _Gram:
    """sum_i c_i x_i x_i^T for weights c that change in few places from one call to the next."""

    def __init__(self, X):
        self.X, self.c, self.gram = X, np.zeros(len(X)), np.zeros((X.shape[1],) * 2)

    def weighted(self, c):
        """The matrix (d, d) for weights c (n,)."""
        changed = np.flatnonzero(c != self.c)
        if 2 * len(changed) > np.count_nonzero(c):  # from scratch is cheaper, and forgets rounding
            self.gram, self.c, changed = np.zeros_like(self.gram), 0 * c, np.flatnonzero(c)
        for start in range(0, len(changed), BLOCK):
            rows = changed[start : start + BLOCK]
            block = self.X[rows]
            self.gram += block.T @ (block * (c - self.c)[rows, None])
        self.c = c
        return self.gram.copy()
