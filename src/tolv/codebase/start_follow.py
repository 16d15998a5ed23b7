"""From what a manifest says to the program that runs: through shells, scripts, package.json and supervisors."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tolv.codebase.context import Context
from tolv.codebase.entry import entry_of, server_of
from tolv.codebase.images import expand
from tolv.codebase.launch import Launch, launched, program_name, script_of
from tolv.codebase.settings import parse_ini
from tolv.codebase.shell import SHELLS, Command, interpreter_of, parse_shell
from tolv.codebase.start import RELEASE_TYPES, Origin, Start
from tolv.codebase.start_words import BUILDERS, BUILDING, IDLE, PACKAGERS
from tolv.codebase.tree_paths import Container, TreePaths
from tolv.codebase.yamlfile import parse_yaml

_DEEPEST = 8
_MOST = 40
#: Commands that are looked at for one source: scripts that call each other many times over must not multiply.
_MOST_STEPS = 500


@dataclass(frozen=True, slots=True)
class Source:
    """Where a start begins."""

    type: str
    origin: Origin
    path: str
    line: int
    context: Context
    argv: tuple[str, ...] | None
    """The words, run without a shell; None: a shell runs `shell`."""
    shell: str | None
    shell_name: str = "sh"
    """The shell that runs `shell`: `platform` (of a Procfile) leaves nothing behind."""
    directory: str = ""
    env: dict[str, str] = field(default_factory=dict)
    container: Container | None = None
    release: bool = False
    entry: str | None = None
    """The file that it starts, where the source knows."""

    @property
    def text(self) -> str:
        return " ".join(self.argv) if self.argv is not None else (self.shell or "").strip()


@dataclass(frozen=True, slots=True)
class _Way:
    """How far a start has been followed."""

    source: Source
    directory: str
    env: dict[str, str]
    through: tuple[tuple[str, int], ...] = ()
    wrappers: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    """What `"$@"` is."""
    shell: str | None = None
    """The shell that the command stands in; None: none."""

    @property
    def path(self) -> str:
        return self.through[-1][0] if self.through else self.source.path


def follow(source: Source, tree: TreePaths) -> list[Start]:
    """The processes that a source starts. Never raises."""
    follower = _Follower(tree)
    way = _Way(source, source.directory, dict(source.env))
    if source.argv is not None:
        command = Command(source.argv, source.line, exec=True, last=True, end_line=source.line)
        follower.command(command, way)
    else:
        follower.text(source.shell or "", source.line, replace(way, shell=source.shell_name), inline=True)
    return follower.found


class _Follower:
    def __init__(self, tree: TreePaths) -> None:
        self.tree = tree
        self.found: list[Start] = []
        self.steps = 0

    def text(self, text: str, line: int, way: _Way, *, inline: bool) -> None:
        """What a shell's text ends in. `inline`: it is given with `-c`, so that bash gives way to its last command."""
        script = parse_shell(text, way.path, line)
        if not inline and way.args:
            script = script.given(way.args)
        env = dict(way.env)
        for one in script.commands:
            if not one.inside and (not one.argv or one.argv[0] in ("export", "declare")):
                env |= {name: expand(value, env) for name, value in one.assignments if len(env) < 500}
        ends = [one for one in script.ends() if one.program not in IDLE]
        if not ends:  # a loop that starts it again and again, or waits in its condition
            rest = [one for one in script.commands if one.argv and "$(" not in one.inside and one.program not in IDLE]
            ends = [one for one in rest if not any(part.startswith("function") for part in one.inside)][-1:]
        for one in ends:
            gives_way = (
                one.exec
                or (inline and way.shell in ("platform", "execlineb"))
                or (inline and self.replaces(way) and one.last and not (one.piped or one.background))
            )
            parents = way.parents if gives_way or way.shell is None else (*way.parents, way.shell)
            self.command(one, replace(way, env=env, parents=parents))

    def replaces(self, way: _Way) -> bool:
        """Whether the shell, given a text with `-c`, becomes the last command of it: bash does, and the one of
        BusyBox, which is Alpine's; dash does not."""
        container = way.source.container
        return way.shell in ("bash", "ash") or (way.shell == "sh" and container is not None and container.is_alpine)

    def command(self, command: Command, way: _Way) -> None:
        """Follow one command."""
        self.steps += 1
        if len(way.through) > _DEEPEST or len(self.found) >= _MOST or self.steps > _MOST_STEPS:
            return
        argv = _with_arguments(command.argv, way)
        if not argv:
            return
        launch = launched(argv)
        env = way.env | dict(command.assignments) | dict(launch.assignments)
        way = replace(way, env=env, wrappers=(*way.wrappers, *launch.wrappers), parents=(*way.parents, *launch.parents))
        if launch.shell_text is not None:
            shell = "sh" if launch.program in ("su", "eval") else launch.program
            self.text(launch.shell_text, command.line, replace(way, shell=shell), inline=True)
        elif not (
            self.script(launch, command, way)
            or self.packager(launch, command, way)
            or self.supervisor(launch, command, way)
        ):
            self.leaf(command, launch, way)

    def script(self, launch: Launch, command: Command, way: _Way) -> bool:
        """Into a shell script of the tree."""
        called = script_of(launch.argv)
        if called is None:
            return False
        path = self.find(called[0], way)
        text = self.tree.read(path) if path is not None else None
        if path is None or text is None or any(path == before for before, _ in way.through):
            return False
        named = program_name(launch.argv[0])
        shell = named if named in SHELLS else interpreter_of(text) or ("sh" if path.endswith(".sh") else None)
        if shell not in SHELLS:
            return False
        further = replace(way, through=(*way.through, (path, command.line)), args=called[1], shell=shell)
        before = len(self.found)
        self.text(text, 1, further, inline=False)
        return len(self.found) > before

    def packager(self, launch: Launch, command: Command, way: _Way) -> bool:
        """Into a script of package.json or a target of a Makefile."""
        name = launch.program
        if name not in PACKAGERS:
            return False
        words = [word for word in launch.argv[1:] if not word.startswith("-")]
        wanted = words[1] if len(words) > 1 and words[0] in ("run", "run-script") else words[0] if words else ""
        if not wanted or (name == "npm" and wanted != "start" and words[:1] not in (["run"], ["run-script"])):
            return False
        path = self.tree.near(way.directory, "package.json")
        text = self.tree.read(path) if path is not None else None
        root = parse_yaml(text).first if text is not None else None
        if path is None or root is None:
            return False
        script = root.at("scripts", wanted)
        directory = posixpath.dirname(path)
        line = script.line if script is not None else 1
        if (path, line) in way.through:
            return False
        further = replace(
            way, directory=directory, through=(*way.through, (path, line)), parents=(*way.parents, name), shell="sh"
        )
        if script is not None and script.kind == "scalar":
            before = len(self.found)
            self.text(script.value, line, further, inline=True)
            return len(self.found) > before
        if wanted == "start" and self.tree.exists(posixpath.join(directory, "server.js")):
            self.text("node server.js", line, further, inline=True)
            return True
        return False

    def supervisor(self, launch: Launch, command: Command, way: _Way) -> bool:
        """Into the programs of supervisord, s6 or a Procfile that is run in the image."""
        name = launch.program
        words = launch.argv[1:]
        before = len(self.found)
        way = replace(way, parents=(*way.parents, name))
        if name == "supervisord":
            given = next((words[n + 1] for n, word in enumerate(words[:-1]) if word in ("-c", "--configuration")), None)
            path = self.find(given or "supervisord.conf", way)
            for one in programs(self.tree.read(path) or "" if path else "", path or ""):
                self._program(one, path or "", way, command)
        elif name in ("s6-svscan", "runsvdir") and words:
            self._services(words[-1], way, command)
        elif name in ("foreman", "honcho", "overmind", "hivemind") and (path := self._procfile(words, way)):
            for line, (_, text) in _procfile(self.tree.read(path) or ""):
                further = replace(way, through=(*way.through, (path, line)), shell="platform")
                self.text(text, line, further, inline=True)
        return len(self.found) > before

    def _program(self, program: Program, path: str, way: _Way, command: Command) -> None:
        directory = way.directory
        if program.directory and way.source.container is not None:
            directory = way.source.container.directory(program.directory)
        source = replace(way.source, type=program.name)
        further = replace(
            way, source=source, directory=directory, through=(*way.through, (path, program.line)), shell=None
        )
        if program.line and (path, program.line) not in way.through:
            for one in parse_shell(program.command, path, program.line).commands[:1]:  # it is run without a shell
                self.command(replace(one, exec=True), further)

    def _services(self, place: str, way: _Way, command: Command) -> None:
        """The `run` scripts below a directory of services."""
        container = way.source.container
        directory = container.directory(place) if container is not None else place.strip("/")
        for path in sorted(self.tree.named("run")):
            if posixpath.dirname(posixpath.dirname(path)) == directory and (text := self.tree.read(path)) is not None:
                name = posixpath.basename(posixpath.dirname(path))
                further = replace(
                    way,
                    source=replace(way.source, type=name),
                    through=(*way.through, (path, command.line)),
                    shell=interpreter_of(text) or "sh",
                )
                plain = further.shell == "execlineb"  # its blocks aside, it is read like a shell
                self.text(f"\n{text.partition(chr(10))[2]}" if plain else text, 1, further, inline=plain)

    def _procfile(self, words: tuple[str, ...], way: _Way) -> str | None:
        given = next((words[n + 1] for n, word in enumerate(words[:-1]) if word in ("-f", "--procfile")), "Procfile")
        path = self.find(given, way)
        return None if path is None or any(path == before for before, _ in way.through) else path

    def leaf(self, command: Command, launch: Launch, way: _Way) -> None:
        """The program itself."""
        source = way.source
        argv = tuple(self._local(word, way) for word in launch.argv)
        entry = source.entry or entry_of(argv, way.env, way.directory, self.tree.exists) or self._compiled(launch, way)
        program = launch.program
        builds = program in BUILDERS or bool(BUILDING.get(program, set()) & set(launch.argv[1:3]))
        release = source.release or not RELEASE_TYPES.isdisjoint(source.type.lower().replace("_", "-").split("-"))
        self.found.append(
            Start(
                type=source.type,
                command=command,
                argv=launch.argv,
                text=source.text,
                path=source.path,
                line=source.line,
                origin=source.origin,
                context=source.context,
                server=server_of(launch.argv),
                entry=entry,
                through=way.through,
                wrappers=way.wrappers,
                parents=way.parents,
                env=tuple(way.env.items()),
                directory=way.directory,
                release=release,
                prod=source.context in ("prod", "admin") and not release and not builds,
            )
        )

    def _compiled(self, launch: Launch, way: _Way) -> str | None:
        """The main package of a Go program that is called by its name, or that an earlier stage built."""
        container = way.source.container
        built = container.built_in(launch.argv[0]) if container is not None else None
        directory = way.directory if built is None else built
        path = self.tree.near(directory, "go.mod")
        if path is None:
            return None
        module = (self.tree.read(path) or "").partition("\n")[0].split("/")
        top, name = posixpath.dirname(path), launch.program
        if built is None and not any(name == part.removeprefix("module").strip() for part in module):
            return None
        places = (directory, posixpath.join(top, "cmd", name), posixpath.join(top, "cmd"), top)
        return next((one for place in places if self.tree.exists(one := posixpath.join(place, "main.go"))), None)

    def _local(self, word: str, way: _Way) -> str:
        """A path in the container as one of the tree, relative to where the program runs."""
        container = way.source.container
        if container is None or not word.startswith("/"):
            return word
        found = container.file(word)
        return word if found is None else posixpath.relpath(found, way.directory or ".")

    def find(self, path: str, way: _Way) -> str | None:
        """A script's file in the tree."""
        path = expand(path, way.env)
        if way.source.container is not None and (found := way.source.container.file(path)) is not None:
            return found
        place = posixpath.normpath(posixpath.join(way.directory, path.lstrip("/") if path.startswith("/") else path))
        if self.tree.exists(place):
            return place
        name = posixpath.basename(path)
        named = self.tree.named(name) if "." in name or path.startswith(("/", "./", "bin/")) else []
        suffix = path.lstrip("./").removeprefix("app/")
        near = [one for one in named if one.endswith(suffix)] or named
        return near[0] if near and (len(near) == 1 or way.source.container is not None) else None


@dataclass(frozen=True, slots=True)
class Program:
    """A `[program:x]` of supervisord."""

    name: str
    command: str
    line: int
    directory: str | None = None


def programs(text: str, path: str) -> tuple[Program, ...]:
    """The programs of a supervisord.conf, in order; those that do not start by themselves are left out."""
    settings = parse_ini(text, path)
    found = []
    for one in settings:
        section, _, key = one.key.rpartition(".")
        if not section.startswith("program:") or key != "command":
            continue
        auto = settings.get(f"{section}.autostart")
        directory = settings.get(f"{section}.directory")
        if auto is None or auto.value.lower() not in ("false", "0", "no", "off"):
            command = one.value.partition(" ;")[0].replace("\n", " ")
            found.append(Program(section[8:].strip(), command, one.line, directory.value if directory else None))
    return tuple(found)


def procfile_entries(text: str) -> Iterator[tuple[int, tuple[str, str]]]:
    """The lines of a Procfile that are entries: number, and name with command. Others are left out."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        name, sign, command = line.partition(":")
        if sign and name and command.strip() and name.replace("-", "").replace("_", "").isalnum():
            yield number, (name, command.strip())


_procfile = procfile_entries

_ALL = frozenset({"$@", "$*", "${@}", "${*}"})


def _with_arguments(argv: tuple[str, ...], way: _Way) -> tuple[str, ...]:
    """The words with those that the script was given, and with the variables that are known for the program."""
    words: list[str] = []
    for word in argv:
        if word in _ALL or word == "${@:1}":
            words += way.args
        elif word in ("${@:2}",):
            words += way.args[1:]
        elif len(word) == 2 and word[0] == "$" and word[1].isdigit() and word[1] != "0":
            position = int(word[1]) - 1
            words += [way.args[position]] if position < len(way.args) else []
        else:
            words.append(word)
    if words and "$" in words[0]:
        first = expand(words[0], way.env)
        words[:1] = first.split() if first != words[0] and first.strip() else [first]
    return tuple(words)
