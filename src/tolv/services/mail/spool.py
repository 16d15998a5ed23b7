"""The mail server's messages on disk: one file each, whole or not there, the newest up to a bound.

A file is the message as it was sent, behind one header line of ours that holds the envelope as JSON. So it can be
opened in any mail program, and what the sender wrote in the message cannot pass for what the server saw.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

MESSAGES = "messages"
_INCOMING = "incoming"
_SUFFIX = ".eml"
_HEADER = b"X-Tolv-Envelope: "
#: The first line of a file, at most: a thousand recipients of the longest kind fit.
LONGEST_HEADER = 1 << 20
#: Less free space than this and the disk counts as full.
_LEAST_ROOM = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept: the oldest messages go when there are more."""

    messages: int = 1000
    total: int = 256 << 20
    """Bytes of all messages."""
    each: int = 25 << 20
    """Bytes of one message; a larger one is refused."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the server saw of a message besides its text."""

    at: str
    """When it came, ISO-8601 in UTC."""
    sender: str
    recipients: tuple[str, ...]
    user: str | None = None
    """Who had logged in, if anyone."""


class Spool:
    """The directory of one mail server. One process at a time writes to it; any may read."""

    def __init__(self, directory: Path, limits: Limits = Limits()) -> None:
        self.directory = directory
        self.limits = limits

    def open(self) -> None:
        """Make what is missing, and remove what a killed server had not finished. Raises `OSError`."""
        for name in (MESSAGES, _INCOMING):
            (self.directory / name).mkdir(mode=0o700, exist_ok=True)
        for path in (self.directory / _INCOMING).iterdir():
            path.unlink()

    def store(self, envelope: Envelope, content: bytes) -> str:
        """Keep a message and return its id; on return it is on disk. Raises `OSError`; nothing is kept then."""
        header = _HEADER + json.dumps(asdict(envelope)).encode("ascii") + b"\r\n"
        aside = self.directory / _INCOMING / f"{os.getpid()}"
        try:
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(header)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            id = self._place(aside)
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise
        with contextlib.suppress(OSError):
            self._prune()
        return id

    def room(self) -> str | None:
        """Why no message can be taken now: `full` or `read-only`; None if one can. Raises `OSError`."""
        state = os.statvfs(self.directory)
        if state.f_flag & os.ST_RDONLY or not os.access(self.directory / _INCOMING, os.W_OK):
            return "read-only"
        crowded = state.f_bavail * state.f_frsize < _LEAST_ROOM or (state.f_files and not state.f_favail)
        return "full" if crowded else None

    def _place(self, aside: Path) -> str:
        """Give the message the next number. A number is never given twice while a message is left."""
        number = max(numbers(self.directory), default=0) + 1
        os.rename(aside, path_of(self.directory, f"{number:08}"))
        _sync(self.directory / MESSAGES)
        return f"{number:08}"

    def _prune(self) -> None:
        size = 0
        for kept, number in enumerate(sorted(numbers(self.directory), reverse=True), start=1):
            path = path_of(self.directory, f"{number:08}")
            size += path.stat().st_size
            if kept > self.limits.messages or size > self.limits.total:
                path.unlink(missing_ok=True)


def numbers(directory: Path) -> Iterator[int]:
    """The messages that are there, in no order. Raises `OSError`."""
    for name in os.listdir(directory / MESSAGES):
        stem, suffix = os.path.splitext(name)
        if suffix == _SUFFIX and stem.isascii() and stem.isdecimal():
            yield int(stem)


def path_of(directory: Path, id: str) -> Path:
    """Where the message of this id lies. The id must be a number."""
    return directory / MESSAGES / f"{int(id):08}{_SUFFIX}"


def split(data: bytes) -> tuple[Envelope | None, bytes]:
    """A file's envelope and the message itself. A file of other making has no envelope."""
    head, newline, _ = data[:LONGEST_HEADER].partition(b"\n")
    if not (newline and head.startswith(_HEADER)):
        return None, data
    try:
        values = json.loads(head[len(_HEADER) :])
        envelope = Envelope(
            at=str(values["at"]),
            sender=str(values["sender"]),
            recipients=tuple(str(each) for each in values["recipients"]),
            user=None if values["user"] is None else str(values["user"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, data
    return envelope, data[len(head) + 1 :]


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
