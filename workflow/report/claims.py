"""Which of the paper's claims hold, by one rule for all of them; the claims are `claims.yaml`.

Every method said to be better is compared with every one said to be worse, which comes to the
weakest of the one side against the strongest of the other. Their difference, counted in the
claim's direction, is set against twice its standard error, sqrt(se_1^2 + se_2^2):

    above +2 se: holds      below -2 se: does not hold      between: within noise

Without an error the sign decides and the verdict says so. A method that diverged cannot be better;
one that was not run leaves the claim untested.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import yaml

from workflow.report.paper import Table, paper
from workflow.report.values import Value, printed, table_value

FILE = Path(__file__).with_name("claims.yaml")
VERDICTS = HOLDS, NOISE, FAILS, UNTESTED = (
    "holds",
    "within noise",
    "does not hold",
    "not tested",
)


@dataclass(frozen=True)
class Claim:
    """One claim on one cell: a column of a table, by one of its metrics."""

    claim: str
    where: str
    table: Table
    column: str
    metric: str
    better: list[str]
    worse: list[str]
    worse_column: str

    @property
    def dataset(self) -> str:
        """Label of the dataset it is about."""
        return paper().datasets[self.table.columns[self.column].dataset]

    def sides(self, metrics: dict | None) -> tuple[dict[str, Value], dict[str, Value]]:
        """Values of both sides by method: the paper's own if `metrics` is None."""

        def value(method: str, column: str) -> Value:
            if metrics is None:
                return printed(self.table, column, method)
            return table_value(metrics, self.table, column, self.metric, method)

        return (
            {method: value(method, self.column) for method in self.better},
            {method: value(method, self.worse_column) for method in self.worse},
        )


@dataclass(frozen=True)
class Verdict:
    """What the rule says, and the two methods that decided it with their values."""

    verdict: str
    decided_by: tuple[tuple[str, Value], tuple[str, Value]] | None = None

    @property
    def has_error(self) -> bool:
        """Whether the difference could be set against an error."""
        return bool(self.decided_by) and all(v.error is not None for _, v in self.decided_by)


def load_claims() -> list[Claim]:
    """Every claim of `claims.yaml`, once per cell."""
    claims = []
    for entry in yaml.safe_load(FILE.read_text(encoding="utf-8")):
        for cell in entry["cells"]:
            name, column = cell.split(".")
            table = paper().tables[name]
            claims.append(
                Claim(
                    claim=entry["claim"],
                    where=entry["where"],
                    table=table,
                    column=column,
                    metric=entry.get("metric", next(iter(table.columns[column].metrics))),
                    better=entry["better"],
                    worse=entry["worse"],
                    worse_column=entry.get("worse_column", column),
                )
            )
    return claims


def judge(better: dict[str, Value], worse: dict[str, Value], direction: str) -> Verdict:
    """Apply the rule. `direction` is "lower" or "higher": which values are the better ones."""
    sign = {"lower": -1.0, "higher": 1.0}[direction]
    trained = {method: value for method, value in worse.items() if value.mean is not None}
    failed = [v for v in worse.values() if v.mean is None]
    if any(v.diverged == 0 for v in failed) or not trained:
        return Verdict(UNTESTED)
    if any(v.mean is None for v in better.values()):
        diverged = all(v.mean is not None or v.diverged for v in better.values())
        return Verdict(FAILS if diverged else UNTESTED)
    weakest = min(better.items(), key=lambda item: sign * item[1].mean)
    strongest = max(trained.items(), key=lambda item: sign * item[1].mean)
    lead = sign * (weakest[1].mean - strongest[1].mean)
    errors = (weakest[1].error, strongest[1].error)
    noise = 2 * math.hypot(*errors) if None not in errors else 0.0
    if abs(lead) <= noise:
        return Verdict(NOISE, (weakest, strongest))
    return Verdict(HOLDS if lead > 0 else FAILS, (weakest, strongest))
