"""nginx's configuration: directives with their lines and blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Characters that a file may have, and directives.
_LARGEST = 2 << 20
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive of nginx: `listen 443 ssl;`."""

    name: str
    args: tuple[str, ...]
    line: int
    inside: tuple[str, ...] = ()
    """The blocks around it, outermost first: `("http", "server", "location /")`."""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A file of nginx."""

    directives: tuple[Directive, ...]
    """In order, blocks included: a block is a directive with what stands before its brace."""
    problem: str | None = None

    def named(self, *names: str) -> tuple[Directive, ...]:
        return tuple(one for one in self.directives if one.name in names)


def parse_nginx(text: str, path: str = "") -> Nginx:
    """Read nginx's configuration. Never raises."""
    if len(text) > _LARGEST:
        return Nginx((), "it is larger than 2 MiB")
    found: list[Directive] = []
    inside: list[str] = []
    words: list[str] = []
    start = 1
    for token, line in _nginx_tokens(text):
        if token not in ("{", "}", ";"):
            start = start if words else line
            words.append(token[1:-1] if len(token) > 1 and token[0] in "\"'" and token[-1] == token[0] else token)
            continue
        if words:
            found.append(Directive(words[0], tuple(words[1:]), start, tuple(inside)))
        if token == "{":
            inside.append(" ".join(words))
        elif token == "}" and not inside:
            return Nginx(tuple(found), f"line {line} closes what was not open")
        elif token == "}":
            inside.pop()
        words = []
        if len(inside) > 50 or len(found) > _MOST:
            return Nginx(
                tuple(found), "it is nested too deep" if len(inside) > 50 else f"it has more than {_MOST} lines"
            )
    return Nginx(tuple(found), "a block is not closed" if inside else None)


_NGINX_WORD = re.compile(r"(?:\$\{\w*\}|[^\s{};])+")
_NGINX_SKIP = re.compile(r"\s+|\#[^\n]*")


def _nginx_tokens(text: str) -> Iterator[tuple[str, int]]:
    """The words and marks with their lines; a quote that never closes is a character like others."""
    position, line = 0, 1
    open_ended: set[str] = set()
    while position < len(text):
        character = text[position]
        end = position + 1
        if match := _NGINX_SKIP.match(text, position):
            end = match.end()
        elif character in "{};":
            yield character, line
        elif character in "\"'" and character not in open_ended and (close := _closing(text, position)) is not None:
            end = close + 1
            yield text[position:end], line
        else:
            open_ended |= {character} & {'"', "'"}
            match = _NGINX_WORD.match(text, position)
            end = match.end() if match is not None else end
            yield text[position:end], line
        line += text.count("\n", position, end)
        position = end


def _closing(text: str, start: int) -> int | None:
    """Where the quote at `start` closes; None: nowhere."""
    position = start + 1
    while (position := text.find(text[start], position)) >= 0:
        before = position - 1
        while text[before] == "\\":
            before -= 1
        if (position - before) % 2:
            return position
        position += 1
    return None
