"""What the steps of an image's build run, as commands with places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tolv.codebase.dockerfile import Dockerfile, Stage
from tolv.codebase.shell import Command, parse_shell


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a RUN."""

    stage: Stage
    argv: tuple[str, ...]
    """Without `sudo` and the like."""
    line: int
    command: Command


@lru_cache(maxsize=256)
def _commands(text: str, path: str, line: int) -> tuple[Command, ...]:
    return parse_shell(text, path, line).commands


#: Names of stages that make no part of what is deployed.
_ASIDE = re.compile(r"(?i)(?:^|[-_.])(?:tests?\d*|e2e|lint|ci|debug|dev(?:el(?:opment)?)?|pr)(?:[-_.]|$)")


def steps(dockerfile: Dockerfile) -> Iterator[Step]:
    """The commands of all RUN instructions, in order, those of stages for tests left out."""
    for stage in dockerfile.stages:
        if stage is not dockerfile.final and _ASIDE.search(stage.name or ""):
            continue
        for one in stage.instructions:
            if one.keyword == "RUN":
                text = one.shell if one.shell is not None else " ".join(one.argv or ())
                for command in _commands(text, dockerfile.path, one.line):
                    argv = plain(command.argv)
                    if argv:
                        yield Step(stage, argv, command.line, command)


def plain(argv: Sequence[str]) -> tuple[str, ...]:
    """The words of a command without what only runs another (`sudo`, `env A=b`, `python -m pip` is `pip`)."""
    words = list(argv)
    while words and (
        words[0] in ("sudo", "env", "exec", "command", "nice", "time", "doas") or "=" in words[0].split("/")[0]
    ):
        words.pop(0)
        while words and words[0].startswith("-") and len(words) > 1:
            words.pop(0)
    if len(words) > 2 and words[0].rpartition("/")[2].startswith("python") and words[1] == "-m":
        words = words[2:]
    if words:
        words[0] = words[0].rpartition("/")[2]
    return tuple(words)


#: Options of installers that take the next word.
_WITH_VALUE = frozenset(
    (
        "-r",
        "--requirement",
        "-c",
        "--constraint",
        "-i",
        "--index-url",
        "--extra-index-url",
        "-t",
        "--target",
        "--prefix",
    )
    + ("--root", "-f", "--find-links", "--python", "-v", "--version", "--source", "-C", "--registry", "--cache-dir")
    + (
        "--index",
        "--default-index",
        "--index-strategy",
        "--python-preference",
        "--requirements",
        "--override",
        "--link-mode",
    )
    + (
        "--maxsockets",
        "--fetch-retries",
        "--fetch-timeout",
        "--loglevel",
        "--omit",
        "--include",
        "--workspace",
        "--userconfig",
    )
    + (
        "--keyring-provider",
        "--prerelease",
        "--resolution",
        "--config-settings",
        "--retries",
        "--timeout",
        "--progress-bar",
    )
    + (
        "--root-user-action",
        "--trusted-host",
        "--platform",
        "--python-version",
        "--only-binary",
        "--no-binary",
        "--install-dir",
        "-n",
        "-d",
    )
)


def installed(argv: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Which installer a command is and the packages that it names one by one; None: it installs none.

    The installer is `pip`, `npm`, `npm -g`, `gem`, `go`, `composer` or `apt`. An install of what a manifest lists
    (`npm ci`, `pip install -r`) names none.
    """
    words = list(argv)
    if not words:
        return None
    program = words[0]
    if program == "uv" and len(words) > 1:
        words = words[2:] if words[1] == "pip" else words[1:]
        found = "pip" if words and words[0] == "install" else None
    elif program in ("pip", "pip3", "pipx") or program.startswith("pip3."):
        words, found = words[1:], "pip"
    elif program in ("npm", "pnpm", "yarn", "bun"):
        words, found = words[1:], "npm"
    elif program in ("gem", "go", "composer"):
        words, found = words[1:], program
    elif program in ("apt", "apt-get", "apk", "yum", "dnf", "microdnf", "brew", "zypper"):
        words, found = words[1:], "apt"
    else:
        return None
    return _named(found, words) if found else None


def _named(installer: str, words: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    rest: list[str] = []
    skip = wide = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _WITH_VALUE and not (installer == "npm" and word in ("-d", "-C", "-f"))
            wide = wide or word in ("-g", "--global", "--location=global")
        elif not word.isdigit():  # the value of an option
            rest.append(word)
    if rest[:1] == ["global"]:
        rest, wide = rest[1:], True
    if not rest or rest[0] not in ("install", "i", "add", "require", "get", "ci", "update", "upgrade"):
        return None
    if rest[0] == "ci":
        return installer, ()  # only what the lock has
    return (f"{installer} -g" if wide and installer == "npm" else installer), tuple(rest[1:])
