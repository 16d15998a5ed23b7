"""What can go wrong, each with what to do about it.

Every error that reaches a person is one of these. It says what happened (`problem`), where (`where`) and what to
do (`remedy`), in that order, and carries the exit status of the command that met it:

1  the app fell short (a failed build, a failed release phase, a missing variable);
2  wrong usage (an unknown app, a bad flag, a file of the app's that cannot be read);
3  Tolv or its surroundings failed (no space left, a taken port, a missing tool).
"""

from __future__ import annotations

import re
from typing import Any, ClassVar


class TolvError(Exception):
    """The base of all errors that Tolv raises on purpose; raise one of its subclasses."""

    exit_code: ClassVar[int] = 3

    def __init__(self, problem: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return "\n".join(
            part
            for part in (
                self.problem,
                f"  where: {self.where}" if self.where else "",
                f"  remedy: {self.remedy}" if self.remedy else "",
            )
            if part
        )

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON: `problem`, `where`, `remedy`, `exit_code`."""
        return {
            "problem": self.problem,
            "where": self.where,
            "remedy": self.remedy,
            "exit_code": self.exit_code,
        }


class AppError(TolvError):
    """The app fell short: its build, release phase or processes failed, or it breaks the contract."""

    exit_code = 1


class UsageError(TolvError):
    """The request cannot be understood or names something that is not there."""

    exit_code = 2


class ConflictError(UsageError):
    """The request is right, but not now: another operation holds the deploy."""


class PlatformError(TolvError):
    """Tolv or its surroundings failed: disk, ports, tools, permissions, a store that is away."""

    exit_code = 3


def error_from_text(text: str, exit_code: int) -> TolvError:
    """The error that `str` described, read back from another process's log."""
    problem, *rest = _PART.split(text.rstrip())
    parts = dict(zip(rest[::2], rest[1::2], strict=True))
    return error_from_dict({"problem": problem.strip(), "exit_code": exit_code, **parts})


_PART = re.compile(r"\n  (where|remedy): ")


def error_from_dict(data: dict[str, Any]) -> TolvError:
    """The error that `TolvError.to_dict` described, on the other side of a socket."""
    kinds: dict[int, type[TolvError]] = {1: AppError, 2: UsageError, 3: PlatformError}
    kind = kinds.get(int(data.get("exit_code") or 3), PlatformError)
    return kind(str(data.get("problem")), where=data.get("where"), remedy=data.get("remedy"))
