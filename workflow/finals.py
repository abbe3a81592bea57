"""Final states of trainings: there until the engine has accepted the run, and no longer.

An engine deletes the outputs of jobs that it takes for unfinished: of those that ended while it was
dead, and of those that a cluster wrongly calls failed. A training therefore keeps its finished run in
one more file (`models.train --final`), which is no output; trained again, it writes the same bytes
within seconds. When the engine says that the job is finished, it has noted so, and the file goes.
"""

import logging
from pathlib import Path

PATTERN = "checkpoints/{dataset}/{method}/seed{seed}.final.pt"  # below results/<preset>


def accepted(root: Path) -> list[Path]:
    """Final states below `root` (results/<preset>) of runs that are there.

    To be asked when no engine is alive and outputs of unfinished jobs are gone
    (killed.clear_killed_run): then what is there was accepted.
    """
    found = []
    for final in root.glob("checkpoints/*/*/*.final.pt"):
        run = root / "runs" / final.relative_to(root / "checkpoints").parent
        if (run / final.name.removesuffix(".final.pt") / "run.json").exists():
            found.append(final)
    return found


class Accepted(logging.Handler):
    """Listens to the engine's log and removes the final state of each training that it accepts."""

    def __init__(self, root: Path):
        super().__init__()
        self.root = root
        self.running: dict[int, Path] = {}  # final states by id of the job

    def emit(self, record: logging.LogRecord) -> None:
        """One event of the engine."""
        match str(getattr(record, "event", "")):
            case "job_info" if record.rule_name == "train":
                self.running[record.jobid] = self.root / PATTERN.format(**record.wildcards)
            case "job_finished" if record.job_id in self.running:
                self.running.pop(record.job_id).unlink(missing_ok=True)


def remove_when_accepted(root: str, alone: bool) -> None:
    """During this run of the engine, and now what a killed run did not come to, if we are alone."""
    for final in accepted(Path(root)) if alone else []:
        final.unlink(missing_ok=True)
    logging.getLogger("snakemake.logging").addHandler(Accepted(Path(root)))
