"""Factor II: dependencies, declared in a lockfile and isolated per build.

A third language is a new file with an object like those below (see `model.Language`) and one more entry.
"""

from __future__ import annotations

from pathlib import Path

from tolv.dependencies.model import Language
from tolv.dependencies.python import Python

#: Every language that Tolv knows, in the order in which a build names its runtime.
LANGUAGES: tuple[Language, ...] = (Python(),)


def detect(tree: Path) -> tuple[Language, ...]:
    """The languages that the app in `tree` is written in; none: it runs as it is."""
    return tuple(language for language in LANGUAGES if language.detect(tree))


def default_processes(tree: Path) -> dict[str, str]:
    """Commands by process type for an app without a Procfile, from the first language that has an honest guess."""
    for language in detect(tree):
        if found := language.default_processes(tree):
            return found
    return {}


def language_named(name: str) -> Language | None:
    """The language of a `Runtime.language`."""
    return next((language for language in LANGUAGES if language.name == name), None)
