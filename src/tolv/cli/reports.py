"""Where a command's report goes, how wide it is, and whether it has colours."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tolv.errors import PlatformError

if TYPE_CHECKING:
    from tolv.cli.options import Call

#: Columns of a report that no terminal shows, and the most that a line of text is comfortable with.
_WIDTH, _WIDEST = 100, 140


def look(call: Call, output: str | None) -> tuple[int, bool]:
    """The columns of a report for `output` (None: standard output), and whether it has colours."""
    if output or not sys.stdout.isatty():
        return _WIDTH, False
    return min(shutil.get_terminal_size().columns, _WIDEST), call.console.colour


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
