"""What a router leaves on disk: the table in force, and which process is `router-<index>`."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tolv.home import Home
from tolv.route.model import Table


@dataclass(frozen=True, slots=True)
class RouterState:
    """`router-<index>.json`. The process holds a lock on the file as long as it lives, so that a stale one is known."""

    pid: int
    port: int
    bind: str


def control_socket(home: Home, index: int) -> Path:
    """Where router process `index` takes orders."""
    return home.router / f"router-{index}.sock"


def edge_socket(home: Home, index: int) -> Path:
    """Where router process `index` takes the requests that came in through the HTTPS edge."""
    return home.router / f"edge-{index}.sock"


def state_file(home: Home, index: int) -> Path:
    return home.router / f"router-{index}.json"


def read_living(home: Home, index: int) -> RouterState | None:
    """The state of router process `index`, if it lives."""
    try:
        descriptor = os.open(state_file(home, index), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(descriptor, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            with contextlib.suppress(ValueError, TypeError):
                return RouterState(**json.load(file))
    return None


def claim(home: Home, index: int) -> int | None:
    """Become router process `index`: a descriptor to be held for life, or None if another process is it already."""
    descriptor = os.open(state_file(home, index), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    # Blanked, not cut short: a full disk takes what lies within the file already.
    os.pwrite(descriptor, b" " * os.fstat(descriptor).st_size, 0)
    return descriptor


def announce(descriptor: int, state: RouterState) -> None:
    """Write the state of a claimed index."""
    os.pwrite(descriptor, json.dumps(asdict(state)).encode(), 0)


def load_table(home: Home) -> Table:
    """The table that was in force; an empty one before the first, and when it cannot be read: the server knows it."""
    path = home.router / "table.json"
    try:
        return Table.from_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return Table(0, ())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"tolv-router: {path} cannot be read, it is made anew: {error!r}", file=sys.stderr, flush=True)
        return Table(0, ())


def save_table(home: Home, table: Table) -> None:
    """Write the table so that a crash at any moment leaves the old one or the new one."""
    path = home.router / "table.json"
    scratch = path.with_name(f"table.json.{os.getpid()}")
    try:
        with open(scratch, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            json.dump(table.to_json(), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
