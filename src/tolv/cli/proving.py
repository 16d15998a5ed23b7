"""What `tolv prove` and `tolv audit` have in common: a proof with its progress, and check's side of it."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tolv.errors import UsageError
from tolv.prove.reports.text import seconds
from tolv.reports.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tolv.check import model as check
    from tolv.cli.options import Call
    from tolv.prove.model import Report, Result
    from tolv.prove.probe import Probe
    from tolv.prove.prove import Order


def order_of(call: Call, probes: Iterable[Probe], given: dict[str, Any]) -> Order:
    """What is to be tried, from a command's options. Raises `UsageError` for a manifest that is not there."""
    from tolv.prove.prove import Order

    manifest = given.get("manifest")
    if manifest is not None and not Path(manifest).is_file():
        raise UsageError("there is no such manifest", where=manifest, remedy="name a file like tolv.toml")
    return Order(
        tuple(probes),
        app=call.app,
        manifest=Path(manifest).resolve() if manifest else None,
        runtimes=call.runtimes,
        tier=given["tier"],
        keep=given.get("keep", False),
        jobs=given["jobs"] or 0,
    )


def try_probes(call: Call, path: Path, order: Order) -> Report:
    """Try them, and show how far it is. Raises as `tolv.prove.prove.prove`."""
    from tolv.home import current_home
    from tolv.prove.prove import prove

    home = current_home()
    home.make()
    progress = _Progress(call)

    async def proof() -> Report:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await prove(path.resolve(), home, order, progress)

    try:
        return asyncio.run(proof())
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None
    finally:
        progress.clear()


def checked(path: Path, order: Order, only: tuple[str, ...] = ()) -> check.Report:
    """What check says of the app that is to be proved; of a monorepo, of that app alone. Raises as check's `audit`."""
    from datetime import UTC, datetime

    from tolv.check.audit import Request, audit
    from tolv.check.catalogue import catalogue
    from tolv.check.engine import Options
    from tolv.check.engine import check as run
    from tolv.codebase.manifest import read_manifest

    apps = read_manifest(order.manifest or path / "tolv.toml").apps
    root = apps.get(order.app or "") or (next(iter(apps.values())) if len(apps) == 1 else "")
    today = datetime.now(UTC).date()
    found = audit(
        (path / root).resolve(),
        Request(only),
        dict(catalogue()),
        lambda directory, ids: run(directory, Options(only=ids)),
        today,
    )
    return found.report


class _Progress:
    """How far it is, on standard error: on a terminal a line that changes, elsewhere, as in CI, a line for whatever
    takes a while and for each verdict. Quiet in JSON mode."""

    def __init__(self, call: Call) -> None:
        self._note = call.console.note
        self._moving = not call.json and sys.stderr.isatty()
        self._written = False
        self._trying: list[str] = []

    def say(self, text: str) -> None:
        first = plain(text.partition("\n")[0])
        if self._moving:
            self._write(first)
        else:
            self._note(first)

    def begin(self, probe: Probe, done: int, total: int) -> None:
        self._trying.append(probe.id)
        self._count(done, total)

    def end(self, result: Result, done: int, total: int) -> None:
        self._trying.remove(result.id)
        self._count(done, total)
        if not self._moving:
            took = seconds(result.duration)
            self._note(f"{done} of {total}  {result.id} {result.verdict}{f', {took}' if took else ''}")

    def _count(self, done: int, total: int) -> None:
        if self._moving:
            self._write(f"{done} of {total} probes; trying {', '.join(self._trying) or 'no more'}")

    def _write(self, text: str) -> None:
        self._written = True
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Leave nothing behind."""
        if self._written:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
