"""Who may log in to the mail server: salted hashes in one small file that the server reads at each login."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from tolv.services import private

_FILE = "users.json"


def admit(directory: Path, user: str, password: str, *, owner: int | None = None) -> None:
    """Let `user` log in with this password from now on; the file belongs to `owner`, if given. Raises `OSError`."""
    with _alone(directory):
        users = _read(directory)
        known = users.get(user)
        if known is None or not _matches(known, password):
            salt = secrets.token_bytes(16)
            users[user] = {"salt": salt.hex(), "hash": _hash(salt, password)}
            _write(directory, users, owner)


def dismiss(directory: Path, user: str, *, owner: int | None = None) -> None:
    """Let `user` log in no more. Raises `OSError`."""
    with _alone(directory):
        users = _read(directory)
        if users.pop(user, None) is not None:
            _write(directory, users, owner)


def may_enter(directory: Path, user: str, password: str) -> bool:
    """Whether this is the user's password."""
    known = _read(directory).get(user)
    return known is not None and _matches(known, password)


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the directory's lock: two changes at once would lose one."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _matches(known: dict[str, str], password: str) -> bool:
    try:
        return hmac.compare_digest(_hash(bytes.fromhex(known["salt"]), password), known["hash"])
    except (KeyError, TypeError, ValueError):
        return False


def _hash(salt: bytes, password: str) -> str:
    """The passwords are random and long, so a light scrypt (4 MiB, some milliseconds) is more than enough."""
    return hashlib.scrypt(password.encode("utf-8", "surrogateescape"), salt=salt, n=4096, r=8, p=1).hex()


def _read(directory: Path) -> dict[str, dict[str, str]]:
    try:
        users = json.loads((directory / _FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return users if isinstance(users, dict) else {}


def _write(directory: Path, users: dict[str, dict[str, str]], owner: int | None) -> None:
    private.write(directory / _FILE, json.dumps(users, indent=1, sort_keys=True), owner)
