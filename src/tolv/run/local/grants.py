"""What the operator lets an app see beyond its own: `sandbox.toml` in Tolv's home. No app can write it.

["*"]                       # every app
readable = ["/srv/models"]

[guestbook]                 # an app, in all its environments
writable = ["/srv/guestbook"]

[guestbook.prod]            # in one of them
readable = ["/etc/letsencrypt"]
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import Any

from tolv.errors import PlatformError, UsageError
from tolv.home import Home


@dataclass(frozen=True, slots=True)
class Grants:
    """Paths that an app may read, and write, besides its own and the system's."""

    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()


def read_grants(home: Home, app: str, environment: str) -> Grants:
    """What a deploy is granted. Raises `UsageError`, with the place, if the file is not as above."""
    data, where = _read(home)
    tables = [(f'["{name}"]', data.get(name, {})) for name in ("*", app)]
    if isinstance(tables[1][1], dict):
        tables.append((f"[{app}.{environment}]", tables[1][1].get(environment, {})))
    readable: list[str] = []
    writable: list[str] = []
    for name, table in tables:
        readable += _paths(table, "readable", name, where)
        writable += _paths(table, "writable", name, where)
    return Grants(tuple(dict.fromkeys(readable)), tuple(dict.fromkeys(writable)))


def check_grants(home: Home) -> None:
    """Raise `UsageError` if anything in the file makes no sense."""
    data, _ = _read(home)
    for app, table in data.items():
        inner = table if isinstance(table, dict) else {}
        for environment in ("", *(name for name, value in inner.items() if isinstance(value, dict))):
            read_grants(home, app, environment)


def _read(home: Home) -> tuple[dict[str, Any], str]:
    path = home.root / "sandbox.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, str(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"sandbox.toml cannot be read: {error}", where=str(path), remedy="correct it") from None
    try:
        return tomllib.loads(text), str(path)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"sandbox.toml is not valid TOML: {error}", where=str(path), remedy="correct it") from None


def own_directory(path: str, user: int | None) -> None:
    """The directory below /tmp that an app's own config may name, as for a trial's database: made for it if it is not
    there. Raises `UsageError` if it belongs to somebody else, as anyone may have made it."""
    owner = os.geteuid() if user is None else user
    try:
        os.mkdir(path, 0o700)
        os.chown(path, owner, -1, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError as error:
        raise PlatformError(f"{path} cannot be made: {error.strerror}", where=path) from None
    found = os.lstat(path)
    if os.path.islink(path) or not os.path.isdir(path) or found.st_uid != owner:
        raise UsageError(
            f"{path} belongs to user {found.st_uid}, not to the app's ({owner})",
            where=path,
            remedy=f"remove it, give it away (chown -R {owner} {path}), or name another place in the app's config",
        )


def _paths(table: Any, key: str, name: str, where: str) -> list[str]:
    if not isinstance(table, dict):
        raise UsageError(f"{name} must be a table", where=where, remedy=f'write {key} = ["/a/path"] below {name}')
    unknown = [
        one for one, value in table.items() if one not in ("readable", "writable") and not isinstance(value, dict)
    ]
    if unknown:
        raise UsageError(f"unknown key {unknown[0]!r} in {name}", where=where, remedy="it knows: readable, writable")
    paths = table.get(key, [])
    if not isinstance(paths, list) or not all(isinstance(one, str) and _is_fine(one) for one in paths):
        raise UsageError(
            f"{key} of {name} must be a list of absolute paths", where=where, remedy=f'write it as {key} = ["/a/path"]'
        )
    return paths


def _is_fine(path: str) -> bool:
    return os.path.normpath(path) == path and path.startswith("/") and path != "/" and "\0" not in path
