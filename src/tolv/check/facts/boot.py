"""The commands that run each time a process of the app starts, scripts on the way followed."""

from __future__ import annotations

import configparser
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from tolv.check.unit import Unit
from tolv.codebase.shell import Command, parse_shell
from tolv.codebase.yamlfile import parse_yaml

#: Scripts within scripts.
_DEEPEST = 4
#: Programs that run the script that is their first argument.
_CALLERS = frozenset("sh bash ash dash tini dumb-init env source . su-exec gosu exec catatonit setpriv sudo".split())
#: Process types that run once a release, by the habits of platforms.
ONCE = frozenset({"release", "postdeploy", "predeploy", "migrate", "migrations", "init", "setup", "db-migrate"})


@dataclass(frozen=True, slots=True)
class Boot:
    """One command of a start."""

    command: Command
    type: str
    """The process type; `web` for an image's own command."""
    path: str
    """Of the file that the command stands in."""
    line: int
    context: str
    origin: str
    """Of the file that starts it all: `Procfile`, `Dockerfile`, `compose`, `supervisord`, `package.json`, `uwsgi`."""
    with_others: bool = False
    """A command that keeps running is started after it, or beside it."""
    conditional: bool = False
    """It stands in an `if`, `case` or behind a `&&` of a test."""

    @property
    def text(self) -> str:
        return self.command.text


_found: WeakKeyDictionary[Unit, tuple[Boot, ...]] = WeakKeyDictionary()


def boots(unit: Unit) -> tuple[Boot, ...]:
    """Every command of every start, in the order of the files."""
    if unit not in _found:
        _found[unit] = tuple(dict.fromkeys(_all(unit)))
    return _found[unit]


def _all(unit: Unit) -> Iterator[Boot]:
    for file in unit.named("Procfile"):
        for number, line in enumerate((unit.text(file.path) or "").splitlines(), start=1):
            match = re.match(r"([\w-]+):\s*(\S.*)", line)
            if match:
                yield from _shell(unit, match[2], match[1], file.path, number, file.context, "Procfile", 0)
    for dockerfile in unit.dockerfiles:
        command = dockerfile.command
        if command is None:
            continue
        for part in (command.entrypoint, command.cmd):
            if part is None:
                continue
            text = " ".join(part.argv) if part.argv else part.text
            if part.argv and len(part.argv) > 2 and part.argv[1] in ("-c", "-lc", "-ec"):
                text = part.argv[2]
            yield from _shell(unit, text, "web", dockerfile.path, part.line, dockerfile.context, "Dockerfile", 0)
    yield from _compose(unit)
    yield from _supervisord(unit)
    yield from _uwsgi(unit)
    if any(file.name == "package.json" for file in unit.files):
        yield from _package(unit)


def _compose(unit: Unit) -> Iterator[Boot]:
    for file in unit.named("docker-compose*.y*ml", "compose*.y*ml"):
        if file.context == "test":
            continue
        for document in parse_yaml(unit.text(file.path) or "", file.path).documents:
            services = document.get("services") or document
            for name, service in services.items():
                for key in ("entrypoint", "command"):
                    node = service.get(key)
                    words = node.texts() if node is not None else ()
                    if node is None or not words:
                        continue
                    text = words[-1] if len(words) > 2 and words[1] in ("-c", "-lc", "-ec") else " ".join(words)
                    type = "web" if re.search(r"web|app|server|api|backend|django|flask|rails|site", name) else name
                    yield from _shell(unit, text, type, file.path, node.line, file.context, "compose", 0)


def _supervisord(unit: Unit) -> Iterator[Boot]:
    for file in unit.named("supervisord*.conf", "supervisor*.conf", "supervisord*.ini", "*supervisor/*.conf"):
        text = unit.text(file.path) or ""
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True, inline_comment_prefixes=(";",))
        try:
            parser.read_string(text)
        except configparser.Error:
            continue
        for section in parser.sections():
            command = parser.get(section, "command", fallback=None)
            if section.startswith("program:") and command:
                start = text.find(f"[{section}]")
                line = text.count("\n", 0, max(text.find("command", start), 0)) + 1
                name = section.removeprefix("program:")
                type = "web" if re.search(r"web|puma|gunicorn|uwsgi|rails|app|server|uvicorn|php-fpm", name) else name
                inner = re.sub(r"^\s*(?:/\w+)*/?(?:ba|da|a)?sh\s+-\w*c\s+", "", command).strip().strip("\"'")
                yield from _shell(unit, inner, type, file.path, line, file.context, "supervisord", 0)


def _uwsgi(unit: Unit) -> Iterator[Boot]:
    for file in unit.named("uwsgi*.ini", "*uwsgi.ini"):
        for number, line in enumerate((unit.text(file.path) or "").splitlines(), start=1):
            match = re.match(
                r"\s*(?:hook-(?:pre-app|as-root|asap|post-app)|exec-(?:pre-app|asap|as-root))\s*=\s*(.+)", line
            )
            if match:
                text = match[1].removeprefix("exec:").removeprefix("exec ")
                for one in _shell(unit, text, "web", file.path, number, file.context, "uwsgi", 0):
                    yield replace(one, with_others=True)


def _package(unit: Unit) -> Iterator[Boot]:
    path = posixpath.join(unit.root, "package.json")
    for name in ("prestart", "start"):
        text, line = package_script(unit, path, name)
        if text:
            yield from _shell(unit, text, "web", path, line, unit.context(path), "package.json", 1)


def package_script(unit: Unit, path: str, name: str) -> tuple[str | None, int]:
    """A script of a package.json, and its line."""
    text = unit.text(path)
    try:
        scripts = json.loads(text)["scripts"] if text else {}
        command = scripts.get(name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, 0
    match = re.search(rf'"{re.escape(name)}"\s*:', (text or "")[(text or "").find('"scripts"') :])
    start = (text or "").find('"scripts"') + (match.start() if match else 0)
    return (command if isinstance(command, str) else None), (text or "").count("\n", 0, start) + 1


def _shell(
    unit: Unit,
    text: str,
    type: str,
    path: str,
    line: int,
    context: str,
    origin: str,
    depth: int,
    outer: Boot | None = None,
) -> Iterator[Boot]:
    """`outer` is the command that calls this text by a name (`npm run migrate`): its place is the one to look at."""
    script = parse_shell(text, path, line)
    commands = [one for one in script.commands if one.argv]
    for position, command in enumerate(commands):
        later = position < len(commands) - 1
        conditional = any(word in ("if", "case") for word in command.inside) or _tested(commands, position)
        beside = later or command.background or bool(depth and _ends_in_arguments(commands))
        at, row = (path, command.line) if outer is None else (outer.path, outer.line)
        if outer is not None:
            beside, conditional = beside or outer.with_others, conditional or outer.conditional
        boot = Boot(command, type, at, row, context, origin, beside, conditional)
        yield boot
        if depth < _DEEPEST:
            yield from _followed(unit, boot, path, depth)


def _tested(commands: list[Command], position: int) -> bool:
    """`[ "$X" = 1 ] && do`, `test -f x || do`."""
    before = commands[position - 1] if position and commands[position].joined_by in ("&&", "||") else None
    return before is not None and before.program in ("[", "[[", "test")


def _ends_in_arguments(commands: list[Command]) -> bool:
    return any("$@" in one.argv or "$*" in one.argv for one in commands)


def _followed(unit: Unit, boot: Boot, path: str, depth: int) -> Iterator[Boot]:
    """What a script of the tree that is called runs; `npm start` and its like are followed to package.json."""
    command, type, context, origin = boot.command, boot.type, boot.context, boot.origin
    if command.program in ("sh", "bash", "ash", "dash") and len(command.argv) > 2 and command.argv[1].endswith("c"):
        yield from _shell(unit, command.argv[2], type, path, boot.line, context, origin, depth + 1, boot)
        return
    words = [word for word in command.argv if "=" not in word or "/" in word.partition("=")[0]]
    if len(words) > 1 and words[0] in ("npm", "yarn", "pnpm"):
        name = next((word for word in words[1:] if not word.startswith("-") and word != "run"), "")
        at = posixpath.join(unit.root, "package.json")
        text, line = package_script(unit, at, name)
        if text and at != path:
            yield from _shell(unit, text, type, at, line, _around(context, unit, at), origin, depth + 1, boot)
        return
    for position, word in enumerate(words[:5]):
        if position and not all(one.rpartition("/")[2] in _CALLERS or one.startswith("-") for one in words[:position]):
            return
        target = script_path(unit, word, path)
        if target is not None and target != path:
            text = unit.text(target)
            if text is not None:
                yield from _shell(unit, text, type, target, 1, _around(context, unit, target), origin, depth + 1)
            return


def _around(context: str, unit: Unit, path: str) -> str:
    """The context of a script that a start leads to: what only developers start is for them."""
    return context if context == "dev" else unit.context(path)


def script_path(unit: Unit, word: str, path: str) -> str | None:
    """The shell script of the tree that a word names, by its end: an image copies it to wherever."""
    name = word.rpartition("/")[2]
    if not name or name.startswith("-") or "$" in word or not re.fullmatch(r"[\w.@-]+", name):
        return None
    found = [file.path for file in unit.files if file.name == name and file.language is None and file.context != "test"]
    if not found or (not name.endswith(".sh") and "/" not in word and "." in name):
        return None
    found = [one for one in found if name.endswith((".sh", ".bash")) or (unit.text(one) or "").startswith("#!")]
    tail = word.lstrip("./")
    exact = [one for one in found if one.endswith(tail)]
    near = [one for one in exact or found if posixpath.dirname(one) == posixpath.dirname(path)]
    if not name.endswith((".sh", ".bash")) and not (exact and tail.count("/") == exact[0].count("/")) and not near:
        return None
    best = near or exact or found
    return best[0] if best else None
