"""Factor II, dependencies: the programs that an app calls are declared, and nothing is installed while it runs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from tolv.check.facts.image_steps import installed, plain
from tolv.check.facts.tool_table import IN_ALPINE, IN_FULL_IMAGES, IN_STACKS, IN_UBUNTU, OF_LANGUAGE, TOOLS
from tolv.check.looks.executed import Executed, executed
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import ALL, rule
from tolv.check.unit import Unit
from tolv.codebase.dockerfile import Dockerfile
from tolv.codebase.shell import parse_shell

_FACTOR = "https://12factor.net/dependencies"

#: Directories of scripts that a person runs.
_BY_HAND = re.compile(
    r"(?:^|/)(?:bin|tools?|scripts?|contrib|hack|capistrano|install(?:er)?|setup|dev|ci|build|deploy(?:ment)?|tasks|management)/"
    r"|(?:^|/)(?:manage|setup|fabfile|tasks|noxfile|install|build|release|deploy)\.\w+$"
)
#: Files that list packages of the system.
_SYSTEM_PACKAGES = (
    "Aptfile",
    "apt.txt",
    "packages.txt",
    "project.toml",
    "app.json",
    "*.nix",
    "Brewfile",
    "nixpacks.toml",
)


@rule(
    "II-06",
    severity="warning",
    materials=ALL,
    looks=(executed,),
    title="Code starts a program that nothing declares",
    why="It is there on the machine where it was written; on the next one it is missing, or of another version.",
    fix="Install it in the image (or name it in an Aptfile), or use a library that the manifest declares",
    bad='subprocess.run(["wkhtmltopdf", page, out]), with FROM python:3.12-slim and nothing more',
    good="RUN apt-get install -y wkhtmltopdf",
    source=_FACTOR,
    probe="II-P3",
)
def programs_are_declared(unit: Unit) -> Iterator[Outcome]:
    """One finding for each well-known program that deployed code starts and no image or package list brings."""
    called: dict[str, list[Place]] = {}
    needed: set[str] = set()
    for seen in unit.seen(executed, "prod"):
        if not _BY_HAND.search(seen.path):
            for program in _programs(seen.what):
                if program in TOOLS:
                    place = unit.place(seen.path, seen.what.line, seen.what.column)
                    called.setdefault(program, []).append(place)
                    if not _asks_for_commit(seen.what):
                        needed.add(program)
    surroundings = _Surroundings(unit)
    unsure = []
    for program, places in sorted(called.items()):
        brought = surroundings.has(program)
        if brought is False and _has_other(unit, surroundings, program, places):
            continue
        if brought is None:
            unsure.append(program)
        elif not brought:
            yield Finding(
                f"{program} is started here, and nothing declares it",
                places[0],
                severity="note" if program not in needed or (surroundings.is_stack and program in IN_STACKS) else None,
                fix=f"Install {TOOLS[program][0]} in the image, or name it in an Aptfile",
                also=tuple(places[1:8]),
                subject=program,
            )
    if unsure:
        yield CannotTell(f"whether {', '.join(unsure)} is in the image depends on a base image that is not read")
    elif called:
        yield Witness(f"{', '.join(sorted(called))}: looked for in {surroundings.looked}")
    else:
        yield NotApplicable("no code starts a program of the system")


def _has_other(unit: Unit, surroundings: _Surroundings, program: str, places: list[Place]) -> bool:
    """Whether the code asks for a program of the same work as well, and the image has that one: either will do."""
    for other, package in _EITHER.get(program, {}).items():
        said = re.compile(rf"[\"'`]{re.escape(other)}[\"'`\s]")
        if (surroundings.has(other) or surroundings.has(package)) and all(
            said.search(unit.text(one.path) or "") for one in places
        ):
            return True
    return False


#: Programs, and those that code takes in their place, by the packages that have them.
_EITHER = {
    **{one: {"gm": "graphicsmagick"} for one in ("convert", "identify", "mogrify", "composite")},
    "wget": {"curl": "curl"},
    "curl": {"wget": "wget"},
}


def _asks_for_commit(one: Executed) -> bool:
    """`git rev-parse HEAD`: what the code is of, to be shown; a release has no repository that could tell."""
    argv = plain(one.argv)
    return argv[:1] == ("git",) and bool({"rev-parse", "describe", "log", "--version"} & set(argv[1:4]))


def _programs(one: Executed) -> Iterator[str]:
    """The programs of a command: of a line for a shell, those behind pipes too."""
    argv = plain(one.argv)
    if argv and argv[0] in ("sh", "bash", "ash", "zsh", "dash"):
        text = next((word for word in argv[1:] if not word.startswith("-")), "")
        argv = tuple(text.split())
    at_start = True
    for word in argv:
        if at_start and word not in ("|", "&&", "||", ";", "!"):
            name = word.rpartition("/")[2] if re.fullmatch(r"(?:/[\w.-]+)*/?[\w.+-]+", word) else ""
            if name:
                yield name
        at_start = word in ("|", "&&", "||", ";") or word.endswith(";")


class _Surroundings:
    """What a unit's images and package lists bring."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        # Where no image is for a deploy, those of developers say what the app needs.
        images = [one for one in unit.dockerfiles if one.context == "prod"]
        self._images = images or [one for one in unit.dockerfiles if one.context == "dev"]
        self._lists = unit.named(*_SYSTEM_PACKAGES)
        self.is_stack = not self._images and bool(unit.procfile)
        looked = [one.path for one in self._images] + [file.path for file in self._lists]
        self.looked = ", ".join(looked[:4]) or "the tree: there is neither image nor list of packages"
        self._said = "\n".join(_without_comments(unit.text(path) or "") for path in looked)
        self._declared = {one.name.lower() for one in unit.packages.declared}

    def has(self, program: str) -> bool | None:
        """Whether something brings it; None: a base image may that says nothing of itself."""
        names = {program, *TOOLS.get(program, ())}
        if not self._declared.isdisjoint(name.lower() for name in names):
            return True
        if any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w])", self._said) for name in names):
            return True
        if any(program in OF_LANGUAGE.get(language, ()) for language in self._unit.languages):
            return True
        carried = [_carries(one, program) for one in self._images]
        if carried and all(carried):
            return True
        return None if None in carried else False


def _carries(dockerfile: Dockerfile, program: str) -> bool | None:
    """Whether the base of an image carries a program; None: that cannot be told."""
    image = dockerfile.base
    if image is None or image.has_variable:
        return None
    tag = image.tag or ""
    if image.base in ("python", "node", "ruby", "golang", "php", "perl", "openjdk", "buildpack-deps", "pypy"):
        if "alpine" in tag:
            return program in IN_ALPINE
        return program in IN_FULL_IMAGES if "slim" not in tag else False
    if image.base in ("alpine", "busybox"):
        return program in IN_ALPINE
    if image.base == "ubuntu" and program in IN_UBUNTU:
        return True
    if image.is_scratch or "distroless" in image.text or image.base in ("debian", "ubuntu", "eclipse-temurin"):
        return False
    return None


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith(("#", "//")))


@rule(
    "II-07",
    severity="error",
    materials=("manifests", *ALL),
    looks=(executed,),
    title="Something is installed while the app runs",
    why="A start then needs the registry, takes minutes, and two processes of one release may run different code.",
    fix="Install in the build, so that the release holds all that it needs",
    bad="web: pip install -r requirements.txt && gunicorn app:app",
    good="RUN pip install -r requirements.txt in the Dockerfile; web: gunicorn app:app",
    source=_FACTOR,
    probe="V-P2",
)
def nothing_is_installed_at_run_time(unit: Unit) -> Iterator[Outcome]:
    """Installers in start commands, in the scripts that they call, and in code."""
    found = False
    looked = 0
    for text, path, line in _start_texts(unit):
        looked += 1
        for command in parse_shell(text, path, line).commands:
            installer = _installs(command.argv, unit)
            if installer is not None:
                found = True
                message = f"The start installs: {' '.join(command.argv[:6])}"
                asked = [word for word in command.argv[2:] if not word.startswith("-")]
                optional = bool(asked) and all(word.startswith("$") for word in asked)
                lowered: Severity | None = "warning" if optional else None  # what a deploy adds of its own
                yield Finding(message, unit.place(path, command.line), severity=lowered, subject=installer)
    for seen in unit.seen(executed, "prod"):
        installer = _installs(seen.what.argv, unit)
        if installer is not None and not _BY_HAND.search(seen.path) and not _builds(unit, seen.path):
            found = True
            lower: Severity | None = (
                "warning" if re.search(r"plugin|addon|extension", seen.path, re.IGNORECASE) else None
            )
            place = unit.place(seen.path, seen.what.line, seen.what.column)
            yield Finding(f"The app runs {installer} while it serves", place, severity=lower, subject=installer)
    if not found and looked:
        yield Witness(f"none of {looked} start commands and scripts installs anything")
    elif not found:
        yield NotApplicable("there is no start command")


#: The functions by which an installer of Python has a package built.
_HOOKS = frozenset((b"build_wheel", b"build_sdist", b"build_editable"))


def _builds(unit: Unit, path: str) -> bool:
    """Whether a file is a backend that builds the package."""
    source = unit.source(path) if path.endswith(".py") else None
    return source is not None and any(one.name.encode() in _HOOKS for one in source.functions())


def _start_texts(unit: Unit) -> Iterator[tuple[str, str, int]]:
    """The commands that start the app, and the scripts of the tree that they call, each once."""
    commands: list[tuple[str, str, int]] = []
    procfile = posixpath.join(unit.root, "Procfile")
    commands += [(command, procfile, line) for type_, command, line in unit.procfile or () if type_ != "release"]
    for dockerfile in unit.dockerfiles:
        command = dockerfile.command
        if command is not None and dockerfile.context == "prod":
            commands.append((command.text, dockerfile.path, command.line))
    for start in unit.starts:
        if start.prod and not start.release and start.origin not in ("Procfile", "Dockerfile"):
            commands.append((start.text, start.path, start.line))
    seen: set[tuple[str, int]] = set()
    scripts: set[str] = set()
    for text, path, line in commands:
        if (path, line) not in seen:
            seen.add((path, line))
            yield text, path, line
            for script in _scripts(unit, text):
                if script not in scripts:
                    scripts.add(script)
                    yield unit.text(script) or "", script, 1


def _scripts(unit: Unit, text: str) -> Iterator[str]:
    """Shell scripts of the unit that a command names, by their base name if their directory is the image's."""
    for word in re.findall(r"[\w./-]+", text):
        name = word.rpartition("/")[2]
        if name.endswith((".sh", ".bash")) or re.search(r"(?:^|[-_])entrypoint", name):
            files = [file for file in unit.files if file.name == name and file.context in ("prod", "admin")]
            yield from (file.path for file in files[:2])


def _installs(argv: Sequence[str], unit: Unit) -> str | None:
    """The installer of a command, as people write it; None: it installs nothing."""
    words = plain(argv)
    if len(words) > 3 and words[0] == "{}" and words[1] == "-m":
        words = words[2:]
    if len(words) > 2 and words[0] in ("sh", "bash") and words[1].startswith("-") and "c" in words[1]:
        words = plain(words[2].split())
    if len(words) < 2:
        return None
    two = " ".join(words[:2])
    if two in _WHOLE:
        return two
    found = installed(words)
    if (found is not None and words[1] not in ("get",)) or two == "apt-get install":
        return two
    if words[0] == "npx" and not any(word.startswith("--no") for word in words):
        package = next((word for word in words[1:] if not word.startswith("-")), "")
        known = {one.name for one in unit.packages.of("javascript")} | _brought(unit)
        return "npx" if package and "{}" not in package and package.rsplit("@", 1)[0] not in known else None
    return None


_WHOLE = frozenset(
    ("bundle install", "bundle update", "poetry install", "pipenv install", "pipenv sync", "pdm install", "pdm sync")
    + ("uv sync", "composer install", "composer update", "yarn install", "npm ci", "npm install", "pnpm install")
)


def _brought(unit: Unit) -> set[str]:
    return {name for lock in unit.packages.locks_of("javascript") for name in lock.pinned}
