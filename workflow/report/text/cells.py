"""Numbers as the text of a cell."""

import math

from workflow.report.paper import Table
from workflow.report.values import Value


def decimals(value: float, digits: int) -> int:
    """`digits`, or as many as show three significant figures: a FID-64 is a thousandth of a FID."""
    return max(digits, 2 - math.floor(math.log10(abs(value)))) if value else digits


def number(value: Value, digits: int) -> str:
    """Mean, over several seeds ± standard deviation (n); how many runs diverged.

    ‡ marks a value whose estimator does not vouch for it; ∞ is infinite or undefined in theory.
    """
    if value.mean is None:
        return missing(value)
    digits = decimals(value.mean, digits)
    text = f"{value.mean:.{digits}f}" + ("‡" if value.doubtful else "")
    if value.std is not None:
        text += f" ± {value.std:.{digits}f} ({value.n})"
    return f"{text}, {diverged(value)}" if value.diverged else text


def with_interval(value: Value) -> str:
    """Mean with its 95 % interval, where one is known, to four significant figures."""
    if value.mean is None:
        return missing(value)
    text = f"{value.mean:.4g}" + ("‡" if value.doubtful else "")
    if value.interval is not None:
        low, high = value.interval
        text += f" [{low:.4g}, {high:.4g}]"
    if value.n > 1:
        text += f" ({value.n})"
    return f"{text}, {diverged(value)}" if value.diverged else text


def missing(value: Value) -> str:
    """Why there is no number."""
    if value.diverged:
        return diverged(value)
    return "∞" if value.undefined else "not run"


def diverged(value: Value) -> str:
    """How many of the runs diverged."""
    return f"diverged ({value.diverged}/{value.runs})"


def printed_number(table: Table, column: str, method: str) -> str:
    """The paper's cell as printed: † marks an impossible value, – is the paper's own dash."""
    if method not in table.rows:
        return "n/a"
    value = table.printed(method, column)
    if value is None:
        return "–"
    return f"{value:g}" + ("†" if column in table.impossible.get(method, []) else "")


def emphasised(texts: dict[str, str], best: set[str]) -> list[str]:
    """Texts by method, those of the best in bold."""
    return [f"**{text}**" if method in best else text for method, text in texts.items()]
