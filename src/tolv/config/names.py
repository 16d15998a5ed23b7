"""What a variable of an app's config may be called, and what it may hold."""

from __future__ import annotations

import re

from tolv.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Bytes of `NAME=value` that Linux takes in an environment (`MAX_ARG_STRLEN`: 32 pages, with the final NUL).
_LARGEST = 32 * 4096 - 1

_RESERVED = {
    "PORT": "each process gets a port of its own: read PORT, do not set it",
    "PATH": "a process gets the PATH of its own build: name other programs by their full path",
    "HOME": "a process gets a private directory of its own: give the variable another name",
    "TMPDIR": "a process gets a private directory of its own: give the variable another name",
}


def is_reserved(name: str) -> bool:
    """Whether Tolv itself gives this variable to each process."""
    return name in _RESERVED or name.startswith("TOLV_")


def check_variable(name: str, value: str) -> None:
    """Raise `UsageError` if config cannot have this variable: its name, Tolv's own, or a value no process can get."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a variable",
            remedy="use letters, digits and _; the first character is no digit",
        )
    if is_reserved(name):
        remedy = _RESERVED.get(name, "choose a name that does not start with TOLV_")
        raise UsageError(f"{name} is set by Tolv itself", remedy=remedy)
    if "\0" in value:
        raise UsageError(f"the value of {name} has a NUL, which no environment can hold", remedy="encode it, as base64")
    try:
        size = len(f"{name}={value}".encode())
    except UnicodeEncodeError:
        raise UsageError(f"the value of {name} is not UTF-8", remedy="encode it, as base64") from None
    if size > _LARGEST:
        raise UsageError(
            f"the value of {name} is too large: Linux takes {_LARGEST} bytes in a variable, name included",
            remedy="keep it in a backing service, and its address in config",
        )
