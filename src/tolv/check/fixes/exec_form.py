"""A Dockerfile's command in a form that gets the signals itself, not its shell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

from tolv.check.fixes import Change
from tolv.check.fixes.tree import Tree
from tolv.check.model import Report

_COMMAND = re.compile(r"(\s*(?:CMD|ENTRYPOINT)\s+)(?!\[)(\S.*?)(\s*)", re.IGNORECASE)
#: What only a shell understands.
_SHELL = re.compile(r"[|&;<>()$`\\*?~#!{}\[\]]")
#: What `exec` before it leaves as it is: variables and quotes, no operators.
_OPERATORS = re.compile(r"[|&;<>()`\\#!]")
_ASSIGNMENT = re.compile(r"\w+=")


def exec_form(report: Report, tree: Tree) -> Iterator[Change]:
    """The line of each finding about a shell in between, where what it does is sure to stay the same."""
    by_path: dict[str, list[int]] = {}
    for finding in report.findings:
        if finding.rule == "IX-03" and finding.place.line and finding.place.commit is None:
            by_path.setdefault(finding.place.path, []).append(finding.place.line)
    for path, numbers in by_path.items():
        before = tree.read(path)
        if before is None or "dockerfile" not in path.lower():
            continue
        lines = before.splitlines(keepends=True)
        replaced = []
        for number in numbers:
            line = lines[number - 1] if number <= len(lines) else ""
            text = line.rstrip("\r\n")
            if better := direct(text):
                lines[number - 1] = better + line[len(text) :]
                replaced.append(text)
        if replaced:
            yield Change(path, before, "".join(lines), "let the server get SIGTERM itself", tuple(replaced))


def direct(line: str) -> str | None:
    """`CMD gunicorn app` as `CMD ["gunicorn", "app"]`; with variables as `CMD exec gunicorn -b :$PORT app`; None where
    it is neither, or is one already."""
    found = _COMMAND.fullmatch(line)
    if found is None:
        return None
    head, command, tail = found.groups()
    if not _SHELL.search(command) and not _ASSIGNMENT.match(command):
        try:
            words = shlex.split(command)
        except ValueError:
            return None
        return None if words[:1] == ["exec"] else f"{head}{json.dumps(words, ensure_ascii=False)}{tail}"
    *first, last = command.split(" && ")
    last = last.strip()
    if last.startswith(("exec ", "cd ", "source ", ". ")) or _ASSIGNMENT.match(last) or _OPERATORS.search(last):
        return None
    if any(_OPERATORS.search(part) for part in first):
        return None
    return head + " && ".join([*first, f"exec {last}"]) + tail
