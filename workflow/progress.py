"""How long a run will still take, said after every finished job, from the engine's own events.

The engine says how many steps are done; jobs of one rule take about as long as each other, so their
mean times what is left of them is the work ahead. Rules of which no job has finished yet are taken
from the notes of an earlier run (`benchmarks/<rule>/**/*.tsv`), or else to be as long as the others.
"""

import contextlib
import csv
import logging
import sys
from pathlib import Path
from statistics import fmean

NO_WORK = ("all", "total")  # the target, and the sum of the engine's table


def earlier_seconds(folder: Path) -> dict[str, float]:
    """Mean seconds of a job by rule, as an earlier run noted them."""
    found = {}
    for rule in (path for path in folder.glob("*") if path.is_dir()):
        seconds = []
        for path in rule.rglob("*.tsv"):
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file, delimiter="\t"))
            with contextlib.suppress(ValueError, KeyError, TypeError):  # damaged: it tells nothing
                seconds += [float(row["s"]) for row in rows[-1:]]
        if seconds:
            found[rule.name] = fmean(seconds)
    return found


def spoken(seconds: float) -> str:
    """A duration as a person would say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class Progress(logging.Handler):
    """Listens to the engine's log and prints an estimate after each of its own progress lines.

    Only events are read (`record.event`), by their names: no text, and nothing of the engine's code.
    """

    def __init__(self, benchmarks: Path, stream=None):
        super().__init__()
        self.benchmarks, self.stream = benchmarks, stream or sys.stderr
        self.waiting: dict[str, int] = {}  # jobs that have not finished, by rule
        self.running: dict[int, tuple[str, float]] = {}  # by id: rule, when it began
        self.finished: dict[str, list[float]] = {}  # seconds of each, by rule
        self.known: dict[str, float] = {}
        self.began = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """One event of the engine."""
        now = record.created
        match str(getattr(record, "event", "")):
            case "run_info":
                self.waiting = {rule: n for rule, n in record.stats.items() if rule not in NO_WORK}
                self.known, self.began = earlier_seconds(self.benchmarks), now
            case "job_info":
                self.running[record.jobid] = (record.rule_name, now)
            case "job_finished" if record.job_id in self.running:
                rule, start = self.running.pop(record.job_id)
                self.finished.setdefault(rule, []).append(now - start)
                self.waiting[rule] = self.waiting.get(rule, 1) - 1
            case "job_error":
                self.running.pop(record.jobid, None)
            case "progress" if self.finished and record.done < record.total:
                times = (self.left(now), now - self.began)
                left, so_far = (spoken(max(seconds, 1)) for seconds in times)
                print(f"about {left} to go, {so_far} so far", file=self.stream, flush=True)

    def left(self, now: float) -> float:
        """Seconds until all jobs are done, at the pace so far."""
        every = [seconds for rule in self.finished.values() for seconds in rule]
        known = self.known | {rule: fmean(seconds) for rule, seconds in self.finished.items()}
        work = sum(n * known.get(rule, fmean(every)) for rule, n in self.waiting.items())
        spent = {rule: 0.0 for rule in self.waiting}
        longest = 0.0
        for rule, start in self.running.values():
            mean = known.get(rule, fmean(every))
            spent[rule] = spent.get(rule, 0.0) + min(now - start, mean)
            longest = max(longest, mean - (now - start))
        pace = (sum(every) + sum(now - start for _, start in self.running.values())) / max(
            now - self.began, 1e-9
        )
        return max((work - sum(spent.values())) / max(pace, 1.0), longest)


def announce(benchmarks: str) -> None:
    """Print estimates during this run of the engine; `benchmarks` is its folder of job times."""
    logging.getLogger("snakemake.logging").addHandler(Progress(Path(benchmarks)))
