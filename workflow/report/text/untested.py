"""What was not tested, and why: statements with one reason together."""

from workflow.report.paper import paper
from workflow.report.verdict.judge import Judged
from workflow.report.verdict.outcome import NOT_TESTABLE, NOT_TESTED, Outcome

NO_DATASET = "none of the paper's datasets was run"
NOT_RUN = "not run: "  # how `workflow.report.verdict.outcome` begins such a remark


def has_verdict(outcome: Outcome) -> bool:
    """Whether the rule could be applied."""
    return outcome.verdict not in (NOT_TESTED, NOT_TESTABLE)


def was_tested(entry: Judged) -> bool:
    """Whether a statement has a verdict."""
    return has_verdict(entry.outcome)


def tells_nothing(entry: Judged) -> bool:
    """Whether neither a statement nor any second reading of it has a verdict."""
    return not any(map(has_verdict, (entry.outcome, *entry.details.values())))


def reason(entry: Judged, metrics: dict) -> str:
    """Why a statement was not tested: datasets that were not run, else scores or methods on them."""
    if entry.statement.not_testable:
        return entry.statement.not_testable
    names = paper().datasets
    if not names.keys() & metrics["datasets"].keys():
        return NO_DATASET
    wanted = dict.fromkeys(cell.dataset for cell in entry.statement.cells)
    if not wanted.keys() & metrics["datasets"].keys():
        return f"{', '.join(names[dataset] for dataset in wanted)} not run"
    return "; ".join(dict.fromkeys(map(wherever, entry.outcome.remarks)))


def wherever(remark: str) -> str:
    """A remark on a score that was not run, "not run: FID on CIFAR10", without the dataset."""
    missing = remark.removeprefix(NOT_RUN)
    return remark if missing == remark else f"{missing.rpartition(' on ')[0]} not run"


def groups(judged: list[Judged], metrics: dict) -> dict[tuple[str, str], list[Judged]]:
    """Statements without a verdict by (verdict, reason), in the paper's order."""
    found: dict[tuple[str, str], list[Judged]] = {}
    for entry in judged:
        if not was_tested(entry):
            key = entry.outcome.verdict, reason(entry, metrics)
            found.setdefault(key, []).append(entry)
    return found


def as_list(judged: list[Judged], metrics: dict) -> str:
    """A line a reason, as markdown; empty if all were tested."""
    lines = []
    for (verdict, why), entries in groups(judged, metrics).items():
        quotes = ", ".join(f"“{e.statement.quote}” ({e.statement.place})" for e in entries)
        lines.append(f"- {verdict}, {why}: {quotes}")
    return "\n".join(lines)


def as_sentence(judged: list[Judged], metrics: dict) -> str:
    """Each reason with how many statements it concerns; empty if all that can be were tested."""
    parts = [
        f"{why} ({len(entries)})"
        for (verdict, why), entries in groups(judged, metrics).items()
        if verdict == NOT_TESTED
    ]
    return f"Not tested: {'; '.join(parts)}." if parts else ""
