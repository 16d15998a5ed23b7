"""`[prove.patience]`: how long a proof waits for what an app does in its own time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tolv.codebase.tables import Reader, table_of, value_of

#: The most that one of them may be, as a probe as a whole has not much longer.
LONGEST = 90.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which what has not come counts as missing.

    An app that is quicker is proved as soon as it shows. With less, one that keeps something back is refuted sooner.
    """

    write: float = 10.0
    """Until what one process has written is seen on another."""
    event: float = 10.0
    """Until an event is on standard output."""
    recovery: float = 30.0
    """Until the app has noticed that a service of it is away, and serves again when it is back."""
    job: float = 60.0
    """Until a job is done, and until a queue gives out again what a dead worker had in hand."""


def _as_seconds(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and 1 <= value <= LONGEST else None


_SECONDS = value_of(f"a number of seconds, 1 to {LONGEST:g}", _as_seconds)
DEFAULT = Patience()
#: Reads the table.
read_patience: Reader = table_of(dict.fromkeys(("write", "event", "recovery", "job"), _SECONDS), Patience)
