"""What a command line really starts, behind `env`, `gosu`, `tini --`, `poetry run`, `bundle exec`, `sh -c` …"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tolv.codebase.shell import SHELLS


@dataclass(frozen=True, slots=True)
class Launch:
    """A command line, unwrapped."""

    argv: tuple[str, ...]
    """The program and its words, wrappers taken off."""
    wrappers: tuple[str, ...] = ()
    """Names of the wrappers, outermost first: `("tini", "gosu")`."""
    assignments: tuple[tuple[str, str], ...] = ()
    """Variables that wrappers (`env A=1`, `cross-env A=1`) set."""
    parents: tuple[str, ...] = ()
    """The wrappers that stay in memory above the program, and get its signals: `sudo`, `npx`."""
    shell_text: str | None = None
    """For `sh -c TEXT`: the text; `argv` is the shell's."""

    @property
    def program(self) -> str:
        """The name of the program, without its directory and version: `python` of `/usr/bin/python3.12`."""
        return program_name(self.argv[0]) if self.argv else ""


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """How a wrapper finds the command that it runs."""

    valued: frozenset[str] = frozenset()
    """Options whose value is the next word."""
    words: int = 0
    """Words of its own before the command: `gosu USER`."""
    subcommands: frozenset[str] = frozenset()
    """It is a wrapper only with one of these: `poetry run`."""
    stays: bool = False
    """It remains as the parent."""
    assigns: bool = False
    """`NAME=value` words set variables."""
    dashes: bool = False
    """The command stands behind `--` only."""


def _wrapper(
    valued: str = "",
    words: int = 0,
    subcommands: str = "",
    *,
    stays: bool = False,
    assigns: bool = False,
    dashes: bool = False,
) -> _Wrapper:
    return _Wrapper(frozenset(valued.split()), words, frozenset(subcommands.split()), stays, assigns, dashes)


_INIT = _wrapper("-p -r --rewrite")
_RUN = _wrapper("-f --env-file --with --python -p --extra --group --project --directory -e", subcommands="run")
_WRAPPERS: dict[str, _Wrapper] = {
    "env": _wrapper("-u --unset -C --chdir -S", assigns=True),
    "tini": _INIT, "tini-static": _INIT, "dumb-init": _INIT, "catatonit": _INIT, "docker-init": _INIT,
    "gosu": _wrapper(words=1), "su-exec": _wrapper(words=1), "s6-setuidgid": _wrapper(words=1),
    "setpriv": _wrapper("--reuid --regid"), "chpst": _wrapper("-u -U -m -d -o -n -/ -e -l"),
    "setuidgid": _wrapper(words=1), "runuser": _wrapper("-u -g -G"), "capsh": _wrapper(dashes=True),
    "sudo": _wrapper("-u -g -C -h -p -U", stays=True, assigns=True),
    "nohup": _wrapper(), "nice": _wrapper("-n --adjustment"), "ionice": _wrapper("-c -n"), "chrt": _wrapper(words=1),
    "time": _wrapper(), "command": _wrapper(), "stdbuf": _wrapper("-i -o -e"), "unbuffer": _wrapper(),
    "numactl": _wrapper(), "setsid": _wrapper(), "exec": _wrapper("-a"), "xvfb-run": _wrapper("-s -n -e", stays=True),
    "timeout": _wrapper("-s -k --signal --kill-after", words=1, stays=True),
    "flock": _wrapper("-w -E --timeout", words=1, stays=True),
    "with-contenv": _wrapper(), "catchsegv": _wrapper(stays=True), "chroot": _wrapper(words=1),
    "poetry": _RUN, "pipenv": _RUN,
    "uv": _wrapper(" ".join(_RUN.valued), subcommands="run", stays=True),
    "pdm": _RUN, "hatch": _RUN, "rye": _RUN, "pixi": _RUN,
    "conda": _wrapper("-n --name -p --prefix --cwd", subcommands="run", stays=True),
    "micromamba": _wrapper("-n --name -p --prefix", subcommands="run"),
    "bundle": _wrapper(subcommands="exec"), "mise": _wrapper(subcommands="exec x", dashes=True),
    "rbenv": _wrapper(subcommands="exec"), "pyenv": _wrapper(subcommands="exec"),
    "npx": _wrapper("-p --package", stays=True), "bunx": _wrapper(stays=True), "pnpx": _wrapper(stays=True),
    "pnpm": _wrapper("--filter -F -C --dir", subcommands="exec dlx", stays=True),
    "dotenv": _wrapper("-f -e -c --file", subcommands="run", stays=True),
    "dotenvx": _wrapper("-f", subcommands="run", stays=True),
    "env-cmd": _wrapper("-f --file -e --environments -r", stays=True), "cross-env": _wrapper(stays=True, assigns=True),
    "cross-env-shell": _wrapper(stays=True, assigns=True),
    "doppler": _wrapper("-p -c --project --config", subcommands="run", stays=True),
    "infisical": _wrapper("--env --path --projectId", subcommands="run", stays=True),
    "chamber": _wrapper(subcommands="exec", dashes=True), "aws-vault": _wrapper(subcommands="exec", dashes=True),
    "op": _wrapper("--env-file", subcommands="run", stays=True), "teller": _wrapper(subcommands="run", dashes=True),
    "ddtrace-run": _wrapper(),
    "opentelemetry-instrument": _wrapper("--traces_exporter --metrics_exporter --service_name"),
    "newrelic-admin": _wrapper(subcommands="run-program run-python"), "elastic-apm-run": _wrapper(),
    "wait-for-it.sh": _wrapper("-t --timeout", dashes=True), "wait-for-it": _wrapper("-t -s --timeout", dashes=True),
    "wait-for": _wrapper("-t", dashes=True), "wait-for.sh": _wrapper("-t", dashes=True),
    "dockerize": _wrapper("-wait -timeout -template -stdout -stderr -wait-retry-interval", stays=True),
    "envconsul": _wrapper("-config -prefix", stays=True), "vault-env": _wrapper(),
    "launcher": _wrapper(), "jemalloc.sh": _wrapper(), "memusage": _wrapper(),
}  # fmt: skip

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_VERSIONED = re.compile(r"(python|pypy|ruby|php-fpm|php|node|perl|pip|uwsgi)[-_]?[0-9.]+(?:[a-z]{1,3})?")
_SHELL_FLAG = re.compile(r"-[a-zA-Z]*c[a-zA-Z]*")


def program_name(word: str) -> str:
    """A program's name without directory, version and `.exe`: `python` of `/usr/bin/python3.12`."""
    name = word.rpartition("/")[2].removesuffix(".exe")
    match = _VERSIONED.fullmatch(name)
    name = match[1] if match else name
    return "node" if name == "nodejs" else name


def launched(argv: tuple[str, ...]) -> Launch:
    """What a command line starts. Never raises."""
    wrappers: list[str] = []
    parents: list[str] = []
    assignments: list[tuple[str, str]] = []
    for _ in range(12):
        if not argv:
            break
        name = program_name(argv[0])
        text = _shell_text(name, argv)
        if text is not None:
            return Launch(argv, tuple(wrappers), tuple(assignments), tuple(parents), text)
        wrapper = _WRAPPERS.get(name) or _WRAPPERS.get(argv[0])
        rest = _behind(wrapper, argv[1:], assignments) if wrapper is not None else None
        if wrapper is None or not rest:
            break
        wrappers.append(name)
        parents += [name] if wrapper.stays else []
        argv = rest
    return Launch(argv, tuple(wrappers), tuple(assignments), tuple(parents))


def script_of(argv: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """The script that a command line calls, as it is written, and the words it is given: of `sh boot.sh web`,
    `./boot.sh web`, `. ./env.sh`; None: it calls a program."""
    argv = launched(argv).argv
    if not argv:
        return None
    name = program_name(argv[0])
    if name in SHELLS or name in (".", "source"):
        rest = list(argv[1:])
        while rest and rest[0].startswith(("-", "+")):
            if _SHELL_FLAG.fullmatch(rest[0]) and name in SHELLS:
                return None
            rest = rest[2 if rest[0] in ("-o", "+o", "-O") else 1 :]
        return (rest[0], tuple(rest[1:])) if rest else None
    if argv[0].endswith((".sh", ".bash", ".ksh")) or argv[0].startswith(
        ("./", "../", "/", "bin/", "scripts/", "docker/")
    ):
        return argv[0], argv[1:]
    return None


def _behind(wrapper: _Wrapper, rest: tuple[str, ...], assignments: list[tuple[str, str]]) -> tuple[str, ...] | None:
    """The command behind a wrapper's own words; None: here it wraps none."""
    if wrapper.subcommands:
        place = next((n for n, word in enumerate(rest) if not word.startswith("-")), None)
        if place is None or rest[place] not in wrapper.subcommands:
            return None
        rest = rest[place + 1 :]
    if wrapper.dashes:
        return rest[rest.index("--") + 1 :] if "--" in rest else None
    words = wrapper.words
    position = 0
    while position < len(rest):
        word = rest[position]
        match = _ASSIGNMENT.fullmatch(word) if wrapper.assigns else None
        if word == "--":
            position += 1
            break
        if word.startswith("-") and len(word) > 1:
            position += 2 if word in wrapper.valued else 1
        elif match is not None:
            assignments.append((match[1], match[2]))
            position += 1
        elif words:
            words -= 1
            position += 1
        else:
            break
    return rest[position:]


def _shell_text(name: str, argv: tuple[str, ...]) -> str | None:
    """The text of `sh -c TEXT`, `su user -c TEXT`, `eval TEXT`."""
    if name == "eval":
        return " ".join(argv[1:])
    if name not in SHELLS and name != "su":
        return None
    for position, word in enumerate(argv[1:-1], start=1):
        if word == "--command" or _SHELL_FLAG.fullmatch(word):
            return argv[position + 1]
        if not word.startswith("-") and name != "su":
            break
    return None
