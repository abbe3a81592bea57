"""Time and accuracy of the transductive SVM at full size: 50,000 unlabelled x 64 features x 10.

    python -m benchmarks.tsvm --labels 1000 --kernel rbf

A mixture of ten Gaussians with unit covariance: the Bayes rule is known (nearest mean), and the
same machine with all labels given is the best that any labelling can reach. On one thread, or as
many as OMP_NUM_THREADS says.
"""

import time

import numpy as np

from data.arguments import options
from eval.tsvm.classifier import TransductiveSVC


def mixture(
    seed: int, n: int, *, classes: int = 10, features: int = 64, per_class: int = 10, distance=5.0
):
    """Means (classes, features) a typical `distance` apart, then (X, y) labelled, unknown, test."""
    random = np.random.default_rng(seed)
    means = random.normal(scale=distance / np.sqrt(2 * features), size=(classes, features))

    def draw(y):
        return means[y] + random.normal(size=(len(y), features)), y

    labelled = draw(np.repeat(np.arange(classes), per_class))
    return means, labelled, draw(random.integers(classes, size=n)), draw(np.arange(5000) % classes)


def main() -> None:
    """Print one line a machine."""
    parser, kernels, annealed = options(__doc__), ["linear", "rbf"], ["weight", "temperature"]
    parser.add_argument("--labels", type=int, default=100, help="labelled points")
    parser.add_argument("--kernel", choices=kernels, default="linear", help="of the machines")
    steps = "what of the unlabelled points' loss changes by steps"
    parser.add_argument("--annealing", choices=annealed, default="weight", help=steps)
    args = parser.parse_args()
    if args.labels < 10 or args.labels % 10:
        parser.error(f"--labels is {args.labels}; take a multiple of the ten classes")
    per_class = args.labels // 10
    means, (X, y), (U, hidden), (T, truth) = mixture(0, 50_000, per_class=per_class)
    both = np.vstack([X, U])
    machine = TransductiveSVC(C=0.1, kernel=args.kernel, annealing=args.annealing)
    machines = {
        f"supervised SVM, {len(X):,} labels": (machine, X, y),
        f"TSVM, {len(X):,} labels + 50,000": (machine, both, np.r_[y, np.full(len(U), -1)]),
        f"same SVM, {len(both):,} labels": (machine, both, np.r_[y, hidden]),
    }
    print(f"{'machine':30} {'seconds':>8} {'Newton steps':>13} {'test accuracy':>14}")
    for name, (machine, features, labels) in machines.items():
        start = time.perf_counter()
        machine.fit(features, labels)
        seconds = time.perf_counter() - start
        print(f"{name:30} {seconds:8.2f} {machine.n_iter_:13} {machine.score(T, truth):14.4f}")
    nearest = np.square(T[:, None] - means).sum(-1).argmin(1)
    print(f"{'Bayes rule':30} {'':8} {'':13} {np.mean(nearest == truth):14.4f}")


if __name__ == "__main__":
    main()
