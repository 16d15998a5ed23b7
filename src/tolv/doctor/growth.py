"""What takes room in the home, and the budgets that bound it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from tolv.budgets import Budgets, budgets, disk_usage
from tolv.doctor.check import Check, in_bytes
from tolv.errors import UsageError
from tolv.home import Home

_RAISE = "raise {} in the server's environment, or: tolv destroy, for what is no longer needed"


def growth(home: Home) -> list[Check]:
    """Builds, dependency layers, caches, logs and temporary files: what each takes, and what it may; nothing of a home
    that is not there yet."""
    if not home.root.is_dir():
        return []
    try:
        bounds = _budgets(home)
    except UsageError as error:
        return [Check("budgets", "fail", error.problem, error.remedy or "unset it")]
    builds, layers, caches = (_sizes(paths) for paths in ([home.images, home.builds], [home.layers], [home.cache]))
    uv = disk_usage(home.cache / "uv")
    return [
        Check("builds", "ok", f"{in_bytes(builds)} in {_count(home.builds)} builds and their images"),
        Check("dependencies", "ok", f"{in_bytes(layers)} in {_count(home.layers)} layers, unpacked"),
        Check("caches", "ok", f"{in_bytes(caches)}, of which uv's {in_bytes(uv)}"),
        _disk_budget(bounds, home, builds + layers + caches),
        _logs(bounds, home),
        _temporary(bounds, home),
    ]


def _disk_budget(bounds: Budgets, home: Home, used: int) -> Check:
    most = bounds.on_disk(home.root)
    detail = f"{in_bytes(used)} of {in_bytes(most)} for builds, dependencies and caches"
    if used <= most:
        return Check("disk budget", "ok", f"{detail}; {bounds.releases} earlier releases of a deploy are kept")
    detail += ": the next deploy removes caches and the oldest releases' builds; the last two of each deploy stay"
    return Check("disk budget", "warn", detail, _RAISE.format("TOLV_DISK_BUDGET"))


def _logs(bounds: Budgets, home: Home) -> Check:
    each = {name: disk_usage(home.logs / name) for name in _names(home.logs)}
    detail = f"{in_bytes(sum(each.values()))} of {len(each)} apps, {in_bytes(bounds.logs)} for each"
    # A moment's surplus is what the next trimming is for.
    over = [name for name, size in each.items() if size > 2 * bounds.logs]
    if not over:
        return Check("logs", "ok", detail)
    detail += f"; {', '.join(sorted(over))} is far above it"
    return Check("logs", "warn", detail, "start the server, which trims them: tolv server start")


def _temporary(bounds: Budgets, home: Home) -> Check:
    each = {name: disk_usage(home.tmp / name) for name in _names(home.tmp)}
    most = max(each.values(), default=0)
    detail = f"{in_bytes(sum(each.values()))}, at most {in_bytes(most)} of {in_bytes(bounds.tmp)} for one process"
    return Check("temporary files", "ok", detail)


def _budgets(home: Home) -> Budgets:
    """What the running server goes by; without one, what the next one would from this environment."""
    try:
        return Budgets(**json.loads(home.server_state.read_bytes())["budgets"])
    except (OSError, ValueError, KeyError, TypeError):
        return budgets()


def _sizes(paths: Iterable[Path]) -> int:
    return sum(disk_usage(path, own=path.name == "cache") for path in paths)


def _count(directory: Path) -> int:
    return sum(not name.startswith(".") for name in _names(directory))


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
