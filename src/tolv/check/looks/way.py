"""The commands that run on the way to a process: those of its line, and of the scripts that the line leads through."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tolv.check.unit import Unit
from tolv.codebase.shell import SHELLS, Command, interpreter_of, parse_shell
from tolv.codebase.start import Start


def production_starts(unit: Unit) -> list[Start]:
    """What production keeps running, as far as the files say it: conventions left out."""
    return [
        one
        for one in unit.starts
        if one.prod and not one.release and one.origin != "convention" and one.context not in ("test", "docs", "ci")
    ]


def commands(unit: Unit, start: Start) -> Iterator[tuple[str, Command]]:
    """The commands with the files that hold them: first those of the manifest's line, then script by script."""
    if start.origin not in ("supervisord", "systemd"):
        for one in parse_shell(start.text, start.path, start.line).commands:
            yield start.path, one
    for path, line in dict.fromkeys(start.through):
        text = unit.text(path)
        if text is None:
            continue
        if path.endswith("package.json"):
            script = _script_at(text, start.command.line if path == start.through[-1][0] else line)
            for one in parse_shell(script, path, start.command.line).commands:
                yield path, one
        elif path.endswith(".sh") or interpreter_of(text) in SHELLS:
            for one in parse_shell(text, path).commands:
                yield path, one


def _script_at(text: str, line: int) -> str:
    """The script that stands in a line of package.json."""
    lines = text.split("\n")
    match = re.search(r":\s*(\"(?:[^\"\\]|\\.)*\")", lines[line - 1] if 0 < line <= len(lines) else "")
    try:
        return str(json.loads(match[1])) if match else ""
    except ValueError:
        return ""


def for_developers(unit: Unit, start: Start) -> bool:
    """Whether it stands in a branch of its script that is taken for development: `if [ "$1" = reload ]`."""
    if "if" not in start.command.inside:
        return False
    path, line = start.place
    above = (unit.text(path) or "").splitlines()[: max(line - 1, 0)]
    opening = next((one.strip() for one in reversed(above) if re.match(r"\s*(?:if|elif|else)\b", one)), "")
    return (
        opening[:4] != "else"
        and re.search(r"(?i)reload|\bdev|debug|local|watch", opening) is not None
        and not (re.search(r"!=|(?:^|\s)!\s|-ne|-z", opening))
    )
