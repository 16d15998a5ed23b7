"""Shell as the commands that it runs, in order, each with its line: scripts, and the one line of a Procfile or a CMD.

Nothing is expanded: `$PORT` stays `$PORT`. Quotes are taken off, as the program that is called does not see them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

#: Bytes that a script may have.
_LARGEST = 512 << 10


@dataclass(frozen=True, slots=True)
class Choice:
    """One branch of a `case`."""

    subject: str
    """What is looked at: `$1`."""
    patterns: tuple[str, ...]
    before: tuple[str, ...]
    """The patterns of the branches before it."""

    def is_taken(self, arguments: tuple[str, ...]) -> bool:
        """Whether it can be taken by a script that is given these words."""
        match = _FIRST.fullmatch(self.subject)
        if match is None:
            return True
        word = arguments[0] if arguments else match[1] or ""
        if "$" in word or any("$" in one for one in (*self.patterns, *self.before)):
            return True
        return any(fnmatchcase(word, one) for one in self.patterns) and not any(
            fnmatchcase(word, one) for one in self.before
        )


#: The first argument, with what stands for it where there is none.
_FIRST = re.compile(r"\$1|\$\{1(?::?-([^{}$]*))?\}")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `A=1 exec gunicorn app:app &`."""

    argv: tuple[str, ...]
    """The words, without `exec` and its options; empty for a bare assignment."""
    line: int
    background: bool = False
    """It, or what encloses it, ends in `&`."""
    exec: bool = False
    """It replaces the shell."""
    assignments: tuple[tuple[str, str], ...] = ()
    """Variables that stand before it, or that it exports."""
    joined_by: str | None = None
    """What joins it to the command before: `&&`, `||`, `|`; None: it is the first, or stands on its own."""
    piped: bool = False
    """It is a part of a pipeline, so that a shell waits for it."""
    inside: tuple[str, ...] = ()
    """What encloses it, outermost first: `if`, `case`, `while`, `for`, `(`, `$(`, `function main`."""
    last: bool = False
    """Nothing of the script (or of its function) runs after it, on one way through it at least."""
    tail: bool = True
    """It is the end of its list: of `a && b &` only `b` is."""
    redirects: tuple[str, ...] = ()
    """As written: `>>log`, `2>&1`."""
    end_line: int = 0
    choices: tuple[Choice, ...] = ()
    """The branches of `case` that it stands in, outermost first."""

    @property
    def program(self) -> str:
        """The name of what is called, without its directory; `''` of a bare assignment."""
        return self.argv[0].rpartition("/")[2] if self.argv else ""

    @property
    def text(self) -> str:
        return " ".join(self.argv)


@dataclass(frozen=True, slots=True)
class Script:
    """All commands of a shell text."""

    commands: tuple[Command, ...]
    """In the order of the text; those of functions and of `$( )` too."""
    problem: str | None = None
    """Why a part of it could not be read."""
    interpreter: str | None = None
    """Of its first line: `bash`, `sh`, `node`; None: it has none."""

    def ends(self) -> tuple[Command, ...]:
        """The commands that keep running, or that it ends with: what is `exec`ed, what is started in the background,
        and what is last; a call of one of its own functions stands for the end of that."""
        return tuple(_ends(self, None, frozenset()))

    def given(self, arguments: tuple[str, ...]) -> Script:
        """What is left of it where it is called with these words: a `case` of the first of them takes one branch, and
        a function that only other branches call is not run."""
        taken = [one for one in self.commands if all(choice.is_taken(arguments) for choice in one.choices)]
        if len(taken) == len(self.commands):
            return self
        called = {word for one in self.commands for word in one.argv[:1]}
        while True:
            left = {word for one in taken for word in one.argv[:1]}
            idle = called - left
            kept = [one for one in taken if not any(part.removeprefix("function ") in idle for part in one.inside)]
            if len(kept) == len(taken):
                return replace(self, commands=tuple(kept))
            taken = kept

    def functions(self) -> frozenset[str]:
        """Names of the functions that it defines and that do something."""
        return frozenset(
            part.removeprefix("function ")
            for command in self.commands
            for part in command.inside
            if part.startswith("function ")
        )


def parse_shell(text: str, where: str = "", line: int = 1) -> Script:
    """The commands of a text that starts in `line` of its file. Never raises; `problem` says what was not read."""
    data = text.encode("utf-8", "replace")
    if len(data) > _LARGEST:
        return Script((), f"it is larger than {_LARGEST >> 10} KiB")
    from tolv.codebase.shell_tree import read_commands

    interpreter = interpreter_of(text)
    if interpreter is not None and interpreter not in SHELLS:
        return Script((), None, interpreter)
    root = _parser().parse(data.replace(b"\r\n", b"\n").replace(b"\0", b" ")).root_node
    commands, problem = read_commands(root, line - 1)
    if problem is None and root.has_error:
        problem = f"line {_first_error(root) + line} is not shell"
    return Script(commands, problem, interpreter)


#: Programs that read a shell script.
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "with-contenv"})


def interpreter_of(text: str) -> str | None:
    """The program that a script's first line names, without its directory; `env` is looked through."""
    if not text.startswith("#!"):
        return None
    words = text[2 : text.find("\n") if "\n" in text else len(text)].split()
    names = [word.rpartition("/")[2] for word in words]
    if names and names[0] == "env":
        names = [name for name in names[1:] if not name.startswith("-") and "=" not in name]
    if len(names) > 1 and names[0] == "with-contenv":
        return names[1]
    return names[0] if names else None


@lru_cache(maxsize=1)
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def _ends(script: Script, function: str | None, known: frozenset[str]) -> list[Command]:
    called = script.functions()
    found: list[Command] = []
    for command in script.commands:
        owner = next((part[9:] for part in reversed(command.inside) if part.startswith("function ")), None)
        if owner != function or "$(" in command.inside or not command.argv:
            continue
        if command.program in called and command.program not in known and len(known) < 20:
            inner = _ends(script, command.program, known | {command.program})
            # What a function ends in comes back where something runs after the call.
            found += [one for one in inner if command.last or one.exec or (one.background and one.tail)]
        elif command.exec or (command.background and command.tail) or command.last:
            found.append(command)
    return found


def _first_error(root: Node) -> int:
    """The row of the first error."""
    rest = [root]
    while rest:
        node = rest.pop()
        if node.type == "ERROR" or node.is_missing:
            return int(node.start_point[0])
        rest.extend(child for child in reversed(node.children) if child.has_error or child.is_missing)
    return 0
