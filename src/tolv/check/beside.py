"""Scripts that lie beside an app in its repository and are no part of what is deployed: they make releases, fetch files
for a build, play the other side in a manual test.

A path alone cannot tell them from the app's own tools. What can: nothing starts them in production, and no code of the
app asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Set
from dataclasses import replace

from tolv.check.development import for_developers
from tolv.check.left_out import unbuilt, unloaded
from tolv.check.looks.mentions import mentions
from tolv.check.sightings import Sightings
from tolv.codebase.start import starts
from tolv.codebase.survey import File, Survey

#: Top directories for what is beside the app.
_BESIDE = re.compile(r"(?:extras?|tools?|hack|contrib|misc)/")
#: Scripts that make a release, by their names, in directories of scripts.
_RELEASING = re.compile(
    r"(?:[^/]+/)*(?:bin|scripts?|extras?|tools?)/(?:releas(?:es?|ing)/|(?:[\w.]+[-_])?(?:release|changelog|publish)[-_.])"
)
#: Languages whose files are asked for by a path, so that it shows who asks.
_SHOWN = ("python", "javascript", "go")


def set_aside(survey: Survey, sightings: Sightings, read: Callable[[str], str | None]) -> Survey:
    """The survey, with the scripts beside the app and what only developers use as files for development."""
    survey = _with(survey, for_developers(survey, read))
    survey = _with(survey, unloaded(survey, read))
    survey = _with(survey, unbuilt(survey, read))
    return _without_scripts(survey, sightings, read)


def _with(survey: Survey, paths: Set[str]) -> Survey:
    """The survey, with these files as ones for development."""
    if not paths:
        return survey
    files = tuple(replace(one, context="dev") if one.path in paths else one for one in survey.files)
    return replace(survey, files=files, by_path={one.path: one for one in files})


def _without_scripts(survey: Survey, sightings: Sightings, read: Callable[[str], str | None]) -> Survey:
    maybe = [one for one in survey.files if one.context in ("prod", "admin") and _may_be(one, survey)]
    programs = [one for one in survey.files if _is_program(one, survey, read)]
    if not maybe and not programs:
        return survey
    paths = {one.path for one in maybe}
    asked = _asked(sightings, paths)
    started = {start.entry for start in starts(survey.files, read) if (start.prod or start.release) and start.entry}
    alone = {one.path for one in maybe if one.path not in started and not _stems(one) & asked}
    if any(one.endswith(".py") for one in started):
        left = [one for one in programs if one.path not in started and not _stems(one) & asked]
        alone |= {one.path for one in left} - _named(left, survey, read)
    return _with(survey, alone)


def _is_program(file: File, survey: Survey, read: Callable[[str], str | None]) -> bool:
    """Whether a file of Python is a program of its own: in no package, and it does something when it is started."""
    if (
        file.language != "python"
        or file.context != "prod"
        or f"{file.directory}/__init__.py".lstrip("/") in survey.by_path
    ):
        return False
    return _MAIN.search(read(file.path) or "") is not None


_MAIN = re.compile(r"""^if __name__ == ["']__main__["']""", re.MULTILINE)


def _named(programs: list[File], survey: Survey, read: Callable[[str], str | None]) -> set[str]:
    """Those whose names stand in some other file that says what is run: a script, a crontab, a Makefile, a README."""
    found: set[str] = set()
    for file in survey.files if programs else ():
        if file.size > 1 << 20 or (file.language is not None and file.language != "python"):
            continue
        text = read(file.path) or ""
        found |= {
            one.path for one in programs if one.path != file.path and one.name in text and not _OMITS.search(file.name)
        }
    return found


#: Settings of tools that measure or check code, and what is told of older versions: a name in them starts nothing.
_OMITS = re.compile(
    r"(?i)^(?:(?:changelog|changes|history|news|release[-_]?notes)(?:\.\w+)?|\.?cover\w*(?:\.\w+)?|\.flake8|setup\.cfg|pyproject\.toml|mypy\.ini|\.pylintrc|tox\.ini)$"
)


def _may_be(file: File, survey: Survey) -> bool:
    if file.language not in _SHOWN or not (_BESIDE.match(file.path) or _RELEASING.match(file.path)):
        return False
    return f"{file.directory}/__init__.py" not in survey.by_path


def _asked(sightings: Sightings, beside: Iterable[str]) -> set[str]:
    """The parts of the modules that other code asks for."""
    left_out = set(beside)
    found: set[str] = set()
    for path, taken in sightings.by_path.items():
        if path not in left_out:
            for one in taken.sightings.get(mentions.name, ()):
                found.update(re.split(r"[/.]", one.module))
    return found


def _stems(file: File) -> set[str]:
    stem = file.name.partition(".")[0]
    last = file.directory.rpartition("/")[2]
    return {last} if file.language == "go" or stem in ("index", "__main__", "main") else {stem}
