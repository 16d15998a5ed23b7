"""What `tolv check --fix` writes: changes to files beside the code that are safe, and never lose a line.

A fixer looks at a report and at the files it is about, and gives the files as they should be. Nothing is written here:
`write.py` does that, once somebody has agreed to the differences.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tolv.check.fixes.tree import Tree
from tolv.check.model import Report


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it should be."""

    path: str
    """Relative to the root of what was checked."""
    before: str | None
    """None: there is no such file yet."""
    after: str
    why: str
    """What it is for, and what is left to do by hand: a line for people."""
    replaced: tuple[str, ...] = ()
    """Lines of `before`, without their ends, that are put in another form; all others must still be there."""

    @property
    def loses(self) -> tuple[str, ...]:
        """Lines of `before` that `after` lacks and should not."""
        after, at, gone, replaced = _lines(self.after), 0, [], list(self.replaced)
        for line in _lines(self.before):
            if line in replaced and after[at : at + 1] != [line]:
                replaced.remove(line)
                at += 1
                continue
            try:
                at = after.index(line, at) + 1
            except ValueError:
                gone.append(line)
        return tuple(gone)


Fixer = Callable[[Report, Tree], Iterator[Change]]


def changes(report: Report, tree: Tree) -> tuple[Change, ...]:
    """What would be written for a report: one change for each file, none that changes nothing or loses a line."""
    from tolv.check.fixes.env_example import env_example
    from tolv.check.fixes.exec_form import exec_form
    from tolv.check.fixes.gitignore import gitignore
    from tolv.check.fixes.procfile import procfile
    from tolv.check.fixes.python_version import python_version

    fixers: tuple[Fixer, ...] = (env_example, gitignore, python_version, exec_form, procfile)
    found: dict[str, Change] = {}
    for fixer in fixers:
        for change in fixer(report, tree.with_changes({path: one.after for path, one in found.items()})):
            if change.after == change.before or change.loses:
                continue
            first = found.get(change.path)
            found[change.path] = change if first is None else _joined(first, change)
    return tuple(found.values())


def unified(change: Change) -> str:
    """The change as a unified diff, with a line end behind its last line."""
    old = f"a/{change.path}" if change.before is not None else "/dev/null"
    lines = difflib.unified_diff(_lines(change.before), _lines(change.after), old, f"b/{change.path}", lineterm="", n=3)
    return "".join(f"{line}\n" for line in lines)


def appended(before: str | None, lines: list[str]) -> str:
    """A text with lines behind its last, in its own kind of line ends."""
    end = "\r\n" if before and "\r\n" in before else "\n"
    head = before or ""
    if head and not head.endswith("\n"):
        head += end
    return head + "".join(f"{line}{end}" for line in lines)


def _joined(first: Change, second: Change) -> Change:
    why = first.why if second.why in first.why else f"{first.why}; {second.why}"
    return replace(second, before=first.before, why=why, replaced=(*first.replaced, *second.replaced))


def _lines(text: str | None) -> list[str]:
    return (text or "").splitlines()
