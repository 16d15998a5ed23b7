"""A user for each app, where the server is root: a number that no one else has, the same for ever."""

from __future__ import annotations

import hashlib
import json
import os

from tolv.errors import PlatformError, UsageError
from tolv.home import Home

#: The range of the numbers, `first-last`.
RANGE = "TOLV_USERS"
#: Far above those that people, systemd and containers get.
_DEFAULT = "1900000000-1999999999"


def user_of(home: Home, app: str) -> int:
    """The uid of an app, chosen when it is asked for first and written down in `users.json` of the home.

    No line of /etc/passwd is needed. Where to begin in the range follows from home and app, so that two homes hardly
    ever meet; within one home no two apps have the same. Raises `UsageError` for a range that makes no sense.
    """
    path = home.root / "users.json"
    try:
        known: dict[str, int] = json.loads(path.read_bytes())
    except FileNotFoundError:
        known = {}
    except (OSError, ValueError) as error:
        raise PlatformError(f"the apps' users cannot be read: {error}", where=str(path), remedy="restore it") from None
    if app not in known:
        known[app] = _choose(f"{home.root}\0{app}", set(known.values()))
        _write(home, known)
    return known[app]


def _choose(name: str, taken: set[int]) -> int:
    first, last = _range()
    size = last - first + 1
    start = int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8], "big")
    for step in range(min(size, len(taken) + 1)):
        user = first + (start + step) % size
        if user not in taken:
            return user
    raise UsageError(f"{RANGE} has no number left for another app", remedy="give it a larger range")


def _range() -> tuple[int, int]:
    text = os.environ.get(RANGE) or _DEFAULT
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 2**32 - 2):
        raise UsageError(f"{RANGE}={text} is no range of users", remedy=f"write it as {_DEFAULT}")
    return int(first), int(last)


def _write(home: Home, known: dict[str, int]) -> None:
    path = home.root / "users.json"
    aside = path.with_suffix(".new")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as file:
            json.dump(known, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    except OSError as error:
        raise PlatformError(f"an app's user cannot be written down: {error.strerror}", where=str(path)) from None
