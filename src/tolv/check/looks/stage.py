"""Whether a piece of code is for development alone."""

from __future__ import annotations

import re

from tolv.check.source import Scope

_DEV_CLASS = re.compile(
    r"dev(elopment)?(config|settings|$|_)|^dev|test(ing)?(config|settings|$)|^test|local|debug", re.I
)
_DEV_GUARD = re.compile(
    r"\b(settings\.|app\.|config\.)?(DEBUG|debug|TESTING|is_dev\w*|isDev\w*|IS_DEV\w*|development)\b|"
    r"['\"](dev|development|local|test|testing)['\"]|__main__|['\"]CI['\"]|\bCI\b"
)
_NOT = re.compile(r"^\s*(not\b|!)|!=|not \(")


def for_development(scope: Scope) -> bool:
    """Whether a class or a condition around it says that it is for development or tests."""
    if any(_DEV_CLASS.search(name) for name, kind in zip(scope.names, scope.kinds, strict=True) if kind == "class"):
        return True
    return any(_DEV_GUARD.search(guard) and not _NOT.search(guard) for guard in scope.guards)
