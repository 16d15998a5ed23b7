"""Health of a process that is ready: what the answers of its health path add up to. No I/O.

Two questions, two answers. *Should it get requests now?* Only while its health path answers well: leaving the router
costs little and is undone by the next good answer. *Must it be replaced?* Only when it gave no answer at all, several
times in a row, and did nothing else meanwhile either: whoever answers lives, whatever it says, and whoever finishes
requests is busy.
"""

from __future__ import annotations

from tolv.run.local.probe import Answer


class Health:
    """What is known of one process that became ready."""

    def __init__(self, failures: int) -> None:
        """`failures`: so many looks in a row without an answer mean that it hangs."""
        self.complaint: str | None = None
        """Why it should get no requests now; None: it is well."""
        self.hung: str | None = None
        """Why it must be replaced."""
        self._allowed = failures
        self._silent = 0

    def note(self, answer: Answer, *, busy: bool = False) -> None:
        """Take one answer in. `busy`: it is known to have finished a request since the last."""
        self.complaint = None if answer.ready else answer.detail
        self._silent = self._silent + 1 if answer.status is None and not busy else 0
        if self._silent >= self._allowed:
            times = "once" if self._silent == 1 else f"{self._silent} times"
            self.hung = f"liveness: {answer.detail}, {times}"
