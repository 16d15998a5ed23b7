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
#: Words that no program stands for: only a shell knows them.
_BUILTIN = frozenset(
    {".", ":", "alias", "cd", "eval", "exec", "exit", "export", "set", "source", "trap", "ulimit", "umask"}
)
#: Another shell has other rules.
_OTHER_SHELL = re.compile(r"^\s*SHELL\b", re.IGNORECASE | re.MULTILINE)


def exec_form(report: Report, tree: Tree) -> Iterator[Change]:
    """The line of each finding about a shell in between, where what it does is sure to stay the same."""
    by_path: dict[str, list[int]] = {}
    for finding in report.findings:
        if finding.rule == "IX-03" and finding.place.line and finding.place.commit is None:
            by_path.setdefault(finding.place.path, []).append(finding.place.line)
    for path, numbers in by_path.items():
        before = tree.read(path)
        if before is None or _OTHER_SHELL.search(before) or not _is_dockerfile(path):
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
    it is neither, or is one already.

    An `ENTRYPOINT` always gets `exec`: in exec form it would get the words of `CMD`, which it ignores now.
    """
    found = _COMMAND.fullmatch(line)
    if found is None:
        return None
    head, command, tail = found.groups()
    *first, last = command.split(" && ")
    if any(_OPERATORS.search(part) for part in (*first, last)) or _ASSIGNMENT.match(last.strip()):
        return None
    try:
        words = shlex.split(last)
    except ValueError:
        return None
    if not words or words[0] in _BUILTIN:
        return None
    if first or _SHELL.search(last) or "ENTRYPOINT" in head.upper():
        return head + " && ".join([*first, f"exec {last.strip()}"]) + tail
    return f"{head}{json.dumps(words, ensure_ascii=False)}{tail}"


def _is_dockerfile(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return "dockerfile" in name or "containerfile" in name
