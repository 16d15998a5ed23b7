"""The syntax of Dockerfiles, as BuildKit's reference has it: parser directives, continuations with comments in between,
heredocs, flags, exec and shell form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A value with its place: of a variable, a port, a label."""

    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, over all its lines."""

    keyword: str
    """Upper case: `RUN`."""
    text: str
    """What follows the keyword and its flags, continuations joined."""
    flags: dict[str, str]
    """`--from=build` is `{"from": "build"}`; one without value is `""`, of a repeated one the last counts."""
    argv: tuple[str, ...] | None
    """The words of the exec form (a JSON list); None: it is not in that form."""
    shell: str | None
    """For the shell form of RUN, CMD and ENTRYPOINT: the text for the shell, with its line ends, so that a place in it
    is a place in the file; the body of a heredoc of RUN."""
    line: int
    end_line: int
    heredocs: tuple[str, ...] = ()
    """The bodies of its heredocs."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the text: quotes taken off, or those of the exec form."""
        return self.argv if self.argv is not None else tuple(_words(self.text))

    def pairs(self) -> tuple[tuple[str, str | None], ...]:
        """The names and values of ENV, ARG and LABEL; None: an ARG without default."""
        words = _words(self.text)
        if self.keyword == "ARG":
            return tuple((name, value if sign else None) for name, sign, value in (w.partition("=") for w in words))
        if words and "=" not in words[0]:
            name, _, value = self.text.strip().partition(" ")
            return ((name, value.strip()),)
        return tuple((name, value) for name, _, value in (word.partition("=") for word in words))


_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*$")
_HEREDOC = re.compile(r"<<(-?)(['\"]?)([A-Za-z_]\w*)\2")
_FLAG = re.compile(r"\s*--([a-z][a-z-]*)(?:=(\"[^\"]*\"|'[^']*'|\S*))?(?=\s|$)")
_WITH_FLAGS = frozenset({"ADD", "COPY", "FROM", "HEALTHCHECK", "RUN"})
_WITH_SHELL = frozenset({"CMD", "ENTRYPOINT", "RUN"})


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a file, in order; a keyword that does not exist is given as it is. Never raises."""
    lines = text.split("\n")
    escape = _escape(lines)
    number = 0
    while number < len(lines):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            number += 1
            continue
        start = number
        number, parts = _continued(lines, number, escape)
        heredocs: list[str] = []
        words = parts[0].split(None, 1) or [""]
        if words[0].upper() in ("RUN", "COPY", "ADD"):
            number, heredocs = _heredocs(lines, number, "\n".join(parts))
        yield _instruction(parts, heredocs, start + 1, number)


def _escape(lines: list[str]) -> str:
    """The escape character, of the directives at the top."""
    for line in lines:
        match = _DIRECTIVE.match(line.strip())
        if match is None:
            break
        if match[1].lower() == "escape" and match[2] in ("\\", "`"):
            return match[2]
    return "\\"


def _continued(lines: list[str], number: int, escape: str) -> tuple[int, list[str]]:
    """The number of the line behind an instruction, and its lines: escapes at the end and comments are taken out, an
    empty text left for each."""
    parts: list[str] = []
    more = True
    while number < len(lines) and more:
        line = lines[number].rstrip()
        bare = line.lstrip()
        number += 1
        if parts and (not bare or bare.startswith("#")):
            parts.append("")
            continue
        more = line.endswith(escape)
        parts.append(line[:-1] if more else line)
    return number, parts


def _heredocs(lines: list[str], number: int, text: str) -> tuple[int, list[str]]:
    """The number of the line behind the heredocs that a text opens, and their bodies."""
    bodies = []
    for match in _HEREDOC.finditer(text):
        if match.start() and text[match.start() - 1] == "<":
            continue  # a here-string
        body = []
        while number < len(lines):
            line = lines[number]
            number += 1
            if (line.lstrip("\t") if match[1] else line).rstrip("\r") == match[3]:
                break
            body.append(line)
        bodies.append("\n".join(body) + "\n")
    return number, bodies


def _instruction(parts: list[str], heredocs: list[str], line: int, end_line: int) -> Instruction:
    keyword, _, first = parts[0].lstrip().partition(" ") if " " in parts[0].strip() else (parts[0].strip(), "", "")
    if "\t" in keyword:
        keyword, _, rest = keyword.partition("\t")
        first = f"{rest} {first}" if first else rest
    keyword = keyword.upper()
    flags, rest = (
        _flags("\n".join([first, *parts[1:]])) if keyword in _WITH_FLAGS else ({}, "\n".join([first, *parts[1:]]))
    )
    text = " ".join(part.strip() for part in rest.split("\n") if part.strip())
    shell = None
    argv = _exec_form(text)
    if keyword == "HEALTHCHECK" and text[:4].upper() == "CMD ":
        argv = _exec_form(text[4:])
        shell = text[4:] if argv is None else None
    elif keyword in _WITH_SHELL and argv is None:
        shell = _shell_text(rest, parts, heredocs)
    if keyword in ("ENV", "LABEL", "ARG", "USER", "FROM", "EXPOSE"):
        argv = None
    return Instruction(keyword, text, flags, argv, shell, line, end_line, tuple(heredocs))


def _shell_text(rest: str, parts: list[str], heredocs: list[str]) -> str:
    """The text for the shell with as many lines as it has in the file."""
    before = len(parts) - 1 - rest.count("\n")
    lines = rest.lstrip(" \t").split("\n")
    if heredocs and _HEREDOC.fullmatch(rest.strip()):
        return "\n" * (before + len(lines)) + heredocs[0]
    joined = " \\\n".join(lines)
    for match, body in zip(_HEREDOC.finditer(rest), heredocs, strict=False):
        joined += f"\n{body}{match[3]}"
    return "\\\n" * before + joined


def _flags(text: str) -> tuple[dict[str, str], str]:
    """The flags at the start, and the rest."""
    flags: dict[str, str] = {}
    position = 0
    while match := _FLAG.match(text, position):
        flags[match[1]] = (match[2] or "").strip("\"'")
        position = match.end()
    return flags, text[position:]


def _exec_form(text: str) -> tuple[str, ...] | None:
    text = text.strip()
    if not text.startswith("["):
        return None
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["'\\])+""", re.DOTALL)
_QUOTED = re.compile(r""""((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)""", re.DOTALL)


def _words(text: str) -> list[str]:
    """The words as Docker splits them, without their quotes."""
    return [_QUOTED.sub(_unquoted, word) for word in _WORD.findall(text)]


def _unquoted(match: re.Match[str]) -> str:
    if match[2] is not None:
        return match[2]
    return match[3] if match[3] is not None else re.sub(r"\\([\"$\\`])", r"\1", match[1])
