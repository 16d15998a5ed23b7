"""Where a command's report goes, how wide it is, and whether it has colours."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tolv.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from tolv.cli.options import Call

#: Columns of a report that no terminal shows, and the most that a line of text is comfortable with.
_WIDTH, _WIDEST = 100, 140


def look(call: Call, output: str | None) -> tuple[int, bool]:
    """The columns of a report for `output` (None: standard output), and whether it has colours."""
    if output or not sys.stdout.isatty():
        return _WIDTH, False
    return min(shutil.get_terminal_size().columns, _WIDEST), call.console.colour


def refuse_unwritable(output: str | None, *, directory: bool = False) -> None:
    """Find out before the work, and not after it, that no report can be written to `output`. `directory`: that may be
    a directory, and need not be there.

    Raises `UsageError` where there is no such directory, and `PlatformError` where nothing can be written to it.
    """
    if not output:
        return
    path = Path(output)
    into = output.endswith("/") or path.is_dir()
    if into and not directory:
        raise UsageError(f"{output} is a directory", remedy=f"name a file, such as {path / 'report'}")
    place = path if into else path.parent
    if into:
        place = next(one for one in (path, *path.absolute().parents) if one.exists())
    if not place.is_dir():
        what = f"{place} is no directory" if place.exists() else f"there is no directory {place}"
        raise UsageError(what, where=f"--output {output}", remedy=f"make it first: mkdir -p {shlex.quote(str(place))}")
    if path.exists() and not path.is_file() and not into:  # a pipe, `/dev/stdout`: nothing is put beside it
        return
    from tempfile import TemporaryFile

    try:
        TemporaryFile(dir=place).close()
    except OSError as error:
        problem = f"nothing can be written to {place}: {error.strerror}"
        raise PlatformError(problem, where=f"--output {output}", remedy="name another file") from None


def emit(call: Call, text: str, output: str | None) -> None:
    """Print a report, or write it into the file `output`. Raises `PlatformError` if that cannot be written."""
    if not output:
        sys.stdout.write(text)
        return
    write_file(Path(output), text)
    call.console.note(f"wrote {output}")


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises `PlatformError` if it cannot be written."""
    from tolv.codebase.replace import replace_file

    try:
        replace_file(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise PlatformError(f"{path} cannot be written: {error.strerror}", remedy="name another file") from None


def write_all(directory: Path, texts: Mapping[str, str]) -> None:
    """Write files into a directory, and make that first. Raises `PlatformError` if it cannot be written to."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlatformError(f"{directory} cannot be made: {error.strerror}", remedy="name another directory") from None
    for name, text in texts.items():
        write_file(directory / name, text)
