"""What apps and environments may be called. Light to import: the command line checks names before it asks."""

from __future__ import annotations

import re
import unicodedata

from tolv.errors import UsageError

#: What an app or an environment may be called: it becomes part of a host name, a path and a log line.
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
NAME_RULE = "use small letters, digits and -, 40 characters at most, the first no -"

#: Characters that DNS takes between two dots.
_LONGEST_LABEL = 63


def check_name(kind: str, name: str) -> None:
    """Raise `UsageError` if no `kind` ("app", "environment") may have this name."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of an {kind}", remedy=f"{NAME_RULE}, such as {slug(name, kind)}")


def check_names(app: str, environment: str) -> None:
    """Raise `UsageError` if there can be no deploy of these names."""
    check_name("app", app)
    check_name("environment", environment)
    if len(f"{app}-{environment}") > _LONGEST_LABEL:
        raise UsageError(
            f"{app}-{environment} is too long for a host name",
            remedy=f"shorten one of the two: they may have {_LONGEST_LABEL - 1} characters together",
        )


def slug(text: str, otherwise: str = "app") -> str:
    """The nearest name that `check_name` takes: `My Café_2` gives `my-cafe-2`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-") or otherwise
