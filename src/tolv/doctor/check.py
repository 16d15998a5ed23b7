"""What `tolv doctor` says of one thing, and how it asks the system. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

CheckStatus = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One fact about this machine."""

    name: str
    """Stable, for scripts: `cgroup`, `disk space`."""
    status: CheckStatus
    """`fail`: Tolv cannot work; `warn`: it works, but something it offers is missing."""
    detail: str
    remedy: str | None = None
    """What to do; always there unless the status is `ok`."""

    def to_dict(self) -> dict[str, Any]:
        """As `tolv doctor --json` prints it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def read_text(path: str | Path) -> str | None:
    """A small file of the system's, stripped; None if it cannot be read."""
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return None


def in_bytes(size: int) -> str:
    """`3.2 GiB`."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
