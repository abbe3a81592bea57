"""False rates and power of the rule behind the verdicts, by simulation: the tables of docs/verdict.md.

    python -m benchmarks.verdict --trials 20000

Five methods, of which some are claimed to be lower than others. Scores are normal around each
method's mean; the unit is one seed's standard deviation. In "one noisy" the first method's is twice
that, in "very noisy" three times; in "shared seeds" half of every variance is common to the methods
of a seed.

False rates: "holds" and "contradicted" where all methods are equal, "equivalent" where one method
leads by exactly the margin of four units. Power: "holds" where the claimed side leads by 1, 2, 3, 4
units, and "equivalent" where all are equal.

"Across methods": a line through the five methods' means, on values that no line is behind, and on
one that rises by 4 units; "far ones noisy": of the two methods at its upper end five times the spread.

Of a whole table of statements: any verdict where all are equal, alone and after Holm's correction; and of
one, what it costs to look after three seeds and again after five.

Beside the rule stand two earlier ones: until 2026-11-29 the variance pooled over methods, or a pair's own where
that is larger, with the pooled one's degrees of freedom; at first the weakest of one side against the strongest
of the other by two unpaired standard errors.
"""

from functools import partial

import numpy as np

from data.arguments import options
from workflow.report.verdict.blocks import LEVEL, Estimate, across, conclude, line, over_seeds

METHODS = 5
SIDES = {"1 v 1": ([0], [1]), "1 v 4": ([0], [1, 2, 3, 4]), "2 v 3": ([0, 1], [2, 3, 4])}
SPREADS = {
    "equal": (np.ones(METHODS), 0.0),
    "one noisy": (np.array([2.0, 1, 1, 1, 1]), 0.0),
    "shared seeds": (np.ones(METHODS), 0.5),
    "noisy, shared": (np.array([2.0, 1, 1, 1, 1]), 0.5),
    "very noisy": (np.array([3.0, 1, 1, 1, 1]), 0.0),
}
GAPS = (1, 2, 3, 4)
MARGIN = 4.0
ALONG = np.arange(METHODS, dtype=float)
LINES = {"equal": np.ones(METHODS), "far ones noisy": np.array([1.0, 1, 1, 5, 5])}
STATEMENTS = 23  # of the record, judged by differences


def draw(random, trials: int, seeds: int, spread: tuple) -> np.ndarray:
    """Scores (trials, METHODS, seeds) of methods with equal means."""
    scale, shared = spread
    common = np.sqrt(shared) * random.standard_normal((trials, 1, seeds))
    own = np.sqrt(1 - shared) * random.standard_normal((trials, METHODS, seeds))
    return scale[:, None] * (common + own)


def contrasts(sides: tuple) -> np.ndarray:
    """Every method of the one side below every one of the other."""
    eye = np.eye(METHODS)
    return np.array([eye[b] - eye[a] for a in sides[0] for b in sides[1]])


def conclusions(found: Estimate) -> np.ndarray:
    """(3, trials) whether a statement holds, is contradicted, is about nothing."""
    p = conclude(found.above(), found.below(), found.within(MARGIN))
    return 2 * np.stack(p) <= LEVEL


def rule(y: np.ndarray, sides: tuple) -> np.ndarray:
    """By the code that judges."""
    return conclusions(over_seeds(y, contrasts(sides)))


def earlier_rule(y: np.ndarray, sides: tuple) -> np.ndarray:
    """By the variance pooled over methods, or a pair's own where that is larger, with the pooled one's df."""
    residual = (
        y - y.mean(1, keepdims=True) - y.mean(2, keepdims=True) + y.mean((1, 2), keepdims=True)
    )
    df = (METHODS - 1) * (y.shape[2] - 1)
    pooled = np.sqrt(2 / y.shape[2] * (residual**2).sum((1, 2)) / df)
    own = over_seeds(y, contrasts(sides))
    return conclusions(Estimate(own.value, np.maximum(own.se, pooled[:, None]), df))


def first_rule(y: np.ndarray, sides: tuple) -> np.ndarray:
    """Weakest against strongest, unpaired; it knew no "equivalent": NaN."""
    mean, se = y.mean(-1), y.std(-1, ddof=1) / np.sqrt(y.shape[-1])
    trial = np.arange(len(y))
    weakest = np.array(sides[0])[mean[:, sides[0]].argmax(1)]
    strongest = np.array(sides[1])[mean[:, sides[1]].argmin(1)]
    lead = mean[trial, strongest] - mean[trial, weakest]
    noise = 2 * np.hypot(se[trial, strongest], se[trial, weakest])
    return np.stack([lead > noise, lead < -noise, np.full(len(y), np.nan)])


RULES = {"rule": rule, "earlier": earlier_rule, "first": first_rule}


def rates(sides: tuple, y: np.ndarray) -> dict[str, dict[str, list[float]]]:
    """By rule: the three false rates, and the power at each of GAPS and for "equivalent"."""
    ahead = np.isin(np.arange(METHODS), sides[0])[:, None]
    first = np.eye(METHODS)[sides[0][0]][:, None]
    out = {}
    for name, apply in RULES.items():
        null = apply(y, sides).mean(1)
        at_margin = apply(y - MARGIN * first, sides).mean(1)
        power = [apply(y - gap * ahead, sides).mean(1)[0] for gap in GAPS]
        out[name] = {"false": [null[0], null[1], at_margin[2]], "power": [*power, null[2]]}
    return out


def any_verdict(y: np.ndarray, sides: tuple) -> np.ndarray:
    """(trials,) the p-value of "holds" or "contradicted", whichever is smaller."""
    found = over_seeds(y, contrasts(sides))
    holds, against, _ = conclude(found.above(), found.below(), found.below())
    return 2 * np.minimum(holds, against)


def family(draw_one, sides: tuple) -> list[float]:
    """Share of sets of STATEMENTS comparisons of equals with any verdict: alone, after Holm.

    Holm's method rejects anything if and only if the smallest p-value times their number is small.
    """
    smallest = np.min([any_verdict(draw_one(), sides) for _ in range(STATEMENTS)], axis=0)
    return [float((smallest * number <= LEVEL).mean()) for number in (1, STATEMENTS)]


def two_looks(y: np.ndarray, sides: tuple) -> list[float]:
    """Share with any verdict of equals: on all seeds of y, on its first three or on all."""
    first, last = any_verdict(y[..., :3], sides) <= LEVEL, any_verdict(y, sides) <= LEVEL
    return [float(last.mean()), float((first | last).mean())]


def line_found(y: np.ndarray) -> list[float]:
    """Shares of y (trials, METHODS, seeds) with a line either way: by both errors, over methods, over seeds."""
    over_methods = np.array(
        [2 * min(e.below(), e.above())[0] for e in (across(v, ALONG) for v in y.mean(-1))]
    )
    rise = over_seeds(y, line(ALONG)[None])
    again = 2 * np.minimum(rise.below(), rise.above())[:, 0]
    return [
        float((p <= LEVEL).mean()) for p in (np.maximum(over_methods, again), over_methods, again)
    ]


def percent(shares: list[float], digits: int) -> str:
    """Shares as one cell of a table, – for NaN."""
    return " / ".join("–" if np.isnan(s) else f"{100 * s:.{digits}f}" for s in shares)


def main() -> None:
    """Print both tables in markdown, rates in %."""
    parser = options(__doc__)
    parser.add_argument("--trials", type=int, default=20_000, help="simulations of every row")
    trials = parser.parse_args().trials
    random = np.random.default_rng(0)
    found = {
        f"{name} | {seeds} | {spread}": rates(sides, draw(random, trials, seeds, value))
        for name, sides in SIDES.items()
        for seeds in (3, 5)
        for spread, value in SPREADS.items()
    }
    heads = {
        "false": ("holds / contradicted / equivalent", 1),
        "power": (f"holds at {', '.join(map(str, GAPS))}; equivalent", 0),
    }
    for kind, (head, digits) in heads.items():
        print(f"| sides | seeds | spread | {kind}, {head} | earlier rule | first rule |")
        print("|" + "---|" * 6)
        for row, by_rule in found.items():
            cells = [percent(by_rule[name][kind], digits) for name in RULES]
            print(f"| {row} | {' | '.join(cells)} |")
        print()
    print(
        f"| sides | seeds | spread | any of {STATEMENTS}: alone / after Holm | one: 5 seeds / 3 or 5 |"
    )
    print("|" + "---|" * 5)
    for name in ("1 v 1", "2 v 3"):
        for spread in ("equal", "one noisy", "very noisy"):
            for seeds in (3, 5):
                one = partial(draw, random, trials // 4, seeds, SPREADS[spread])
                looks = two_looks(one(), SIDES[name]) if seeds == 5 else [np.nan] * 2
                shown = (percent(family(one, SIDES[name]), 1), percent(looks, 1))
                print(f"| {name} | {seeds} | {spread} | {' | '.join(shown)} |")
    print()
    print(
        "| across methods | seeds | spread | false: rule / over methods alone / over seeds alone | found |"
    )
    print("|" + "---|" * 5)
    for seeds in (2, 3, 5):
        for spread, scale in LINES.items():
            y = draw(random, trials // 4, seeds, (scale, 0.0))
            risen = y + GAPS[-1] * (ALONG / np.ptp(ALONG))[:, None]
            print(
                f"| line | {seeds} | {spread} | {percent(line_found(y), 1)} | {percent(line_found(risen), 0)} |"
            )


if __name__ == "__main__":
    main()
