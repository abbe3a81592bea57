"""What there is after a run in which jobs failed: tables of the rest, and what is missing and why.

The engine goes on with what does not depend on a failed job (keep-going, in the profiles) and then
calls `render` (`onerror`, in rules/hooks.smk). results/<preset>/partial/ is written anew, and removed
by the next run: tables.md begins with a list of what is missing, and n says in every cell how many
seeds stand behind it. results/tables.md and metrics.json stay those of a whole run.
"""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from data.files import atomic_write
from models.interruption import GOES_ON
from workflow.report.commands import commands

TAKEN = (".json", ".csv", ".npz")  # suffixes of what tables are made from; not weights


def last_words(log: Path) -> str:
    """The last line of a log, which in one of ours is the error."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "no word in its log"


def outcome(failed: set) -> str:
    """How many jobs failed, and how many only stopped, in words."""
    stopped = sum(last_words(log_of(job)).endswith(GOES_ON) for job in failed)
    words = [f"Jobs that failed: {len(failed) - stopped}"] * (len(failed) > stopped)
    words += [f"jobs that stopped ({GOES_ON}): {stopped}"] * (stopped > 0)
    return "; ".join(words)


def log_of(job) -> Path:
    """Of a job of the engine."""
    return Path(str(next(iter(job.log), "")))


def missing(undone: Iterable, failed: set, dependencies: dict) -> list[str]:
    """A line for every job that failed, with the reason, and below it what waits for it.

    Jobs are the engine's; `dependencies[job]` has those that it needs as keys.
    """
    lines, waiting = [], {job: [] for job in failed}
    for job in undone:
        above, seen = list(dependencies[job]), set()
        while above:
            other = above.pop()
            if other not in seen:
                seen.add(other)
                above += dependencies[other]
        for cause in seen & failed:
            waiting[cause].append(job)
    for job in sorted(failed, key=str):
        log = log_of(job)
        what = job.output[0] if job.output else job
        lines.append(f"- **{what}**: {last_words(log)} ([log](../../../{log}))")
        outputs = sorted(str(other.output[0]) for other in waiting[job] if other.output)
        lines += [f"    - so not made: {path}" for path in outputs]
    return lines


def render(
    root: Path, preset: str, params: dict, finished: Iterable[str], absent: list[str]
) -> Path:
    """Write results/<preset>/partial/tables.md and return its path.

    Args:
        root: results/<preset>.
        params: of workflow.report.collect.
        finished: what counts; a file of other settings may lie beside it, of a job that never began.
        absent: lines of `missing`.
    """
    folder = root / "partial"
    shutil.rmtree(folder, ignore_errors=True)
    page = folder / "tables.md"
    for path in map(Path, finished):
        if path.suffix in TAKEN and path.is_relative_to(root) and path.exists():
            link = folder / path.relative_to(root)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
    text = "\n".join(["# Not everything was made", "", *absent, "", ""])
    lines = commands(preset, params, root=folder, out=folder, partial=True)
    for words in (lines["metrics"], lines["tables"]):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            text += f"No tables: {(done.stderr.strip().splitlines() or [''])[-1]}\n"
            break
    rest = page.read_text(encoding="utf-8") if page.exists() else ""
    with atomic_write(page) as temporary:
        temporary.write_text(text + rest, encoding="utf-8")
    return page
