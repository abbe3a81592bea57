"""When to stop early: SIGTERM, a deadline, or the death of the process that started us."""

import os
import signal
import time

EXIT_INTERRUPTED = 75  # EX_TEMPFAIL: state is saved, the same command goes on from there
GOES_ON = "the same command goes on from there"  # the end of a stopped run's last word


class Interrupted(Exception):
    """We were asked to stop; whatever there was to save is saved."""


class Interruption:
    """Ask `reason()` between steps; it is None as long as training may go on.

    VIMAE_DEADLINE is a time in seconds since 1970 (the end of an allocation, say). With
    VIMAE_STOP_WITH_PARENT=1 a trainer whose parent dies stops, instead of writing on as an orphan.
    """

    def __init__(self):
        deadline = os.environ.get("VIMAE_DEADLINE") or "inf"
        try:
            self.deadline = float(deadline)
        except ValueError as error:
            raise ValueError(
                f"VIMAE_DEADLINE is {deadline!r}; give seconds since 1970, or take it away"
            ) from error
        follow = os.environ.get("VIMAE_STOP_WITH_PARENT") == "1"
        self.parent = os.getppid() if follow else None
        self.signalled = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, *_):
        self.signalled = True

    def reason(self) -> str | None:
        """Why to stop now, in words, or None."""
        if self.signalled:
            return "SIGTERM"
        if time.time() > self.deadline:
            return "time budget used up"
        if self.parent is not None and os.getppid() != self.parent:
            return "the process that started this run is gone"
        return None
