"""Dockerfiles: their stages and instructions, and what the image that they make runs, with which variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from tolv.codebase.context import Context
from tolv.codebase.dockerfile_syntax import Entry, Instruction, instructions
from tolv.codebase.images import Image, expand, parse_image, stage_image

__all__ = ["ContainerCommand", "Dockerfile", "Entry", "Instruction", "Stage", "parse_dockerfile"]

#: Characters that a Dockerfile may have.
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next."""

    name: str | None
    """Of `FROM x AS name`, lower case."""
    image: Image
    """With the defaults of the ARGs before the first FROM; `is_stage` where it is an earlier stage."""
    instructions: tuple[Instruction, ...]
    """Without the FROM."""
    line: int
    end_line: int
    parent: int | None = None
    """The position of the stage that it builds on."""
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerCommand:
    """What a container of the image runs: ENTRYPOINT with CMD."""

    argv: tuple[str, ...] | None
    """The words in exec form; None: a shell runs `shell`."""
    shell: str | None
    """The text that a shell runs, in shell form."""
    line: int
    """Of the ENTRYPOINT if there is one, else of the CMD."""
    entrypoint: Instruction | None = None
    cmd: Instruction | None = None
    """None too where an ENTRYPOINT in shell form makes it void."""
    shell_argv: tuple[str, ...] = ("/bin/sh", "-c")
    """The shell of the shell form."""

    @property
    def exec_form(self) -> bool:
        return self.argv is not None

    @property
    def text(self) -> str:
        return " ".join(self.argv) if self.argv is not None else self.shell or ""


#: Names of stages for tests and developers, and of what is deployed.
_FOR_OTHERS = re.compile(r"(?i)(?:^|[-_.])(?:tests?|testing|ci|dev|devel|development|lint|e2e|debug)(?:$|[-_.])")
_DEPLOYED = re.compile(r"(?i)^(?:\w+[-_.])?(?:prod|production|release|runtime|runner|deploy|final)$")


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile."""

    path: str
    stages: tuple[Stage, ...]
    context: Context = "prod"
    problem: str | None = None
    """Why it, or a part of it, could not be read."""
    args: dict[str, str] = field(default_factory=dict)
    """Defaults of the ARGs before the first FROM."""

    @property
    def final(self) -> Stage | None:
        """What is deployed: the last stage, which `docker build` makes, or the last one before those for tests and
        developers, where one is called production's."""
        if not self.stages:
            return None
        if _FOR_OTHERS.search(self.stages[-1].name or ""):
            named = [one for one in self.stages if _DEPLOYED.search(one.name or "")]
            return named[-1] if named else self.stages[-1]
        return self.stages[-1]

    def stage(self, name: str) -> Stage | None:
        """The stage of a name (a compose file's `target`)."""
        return next((one for one in self.stages if one.name == name.lower()), None)

    def chain(self, stage: Stage | None = None) -> tuple[Stage, ...]:
        """The stages that a stage (None: the final one) is built on, from the first to itself."""
        one = stage or self.final
        found: list[Stage] = []
        while one is not None:
            found.insert(0, one)
            one = self.stages[one.parent] if one.parent is not None else None
        return tuple(found)

    def effective(self, stage: Stage | None = None) -> Iterator[Instruction]:
        """The instructions that make a stage (None: the final one), in order, those of the stages below it first."""
        for one in self.chain(stage):
            yield from one.instructions

    def last(self, keyword: str, stage: Stage | None = None) -> Instruction | None:
        """The last instruction of a kind: the one that counts of USER, WORKDIR, HEALTHCHECK, STOPSIGNAL, SHELL."""
        found = None
        for one in self.effective(stage):
            if one.keyword == keyword:
                found = one
        return found

    @property
    def base(self) -> Image | None:
        """The image at the bottom of the final stage."""
        chain = self.chain()
        return chain[0].image if chain else None

    @cached_property
    def env(self) -> dict[str, Entry]:
        """The variables that a container of the final stage has."""
        return self.env_of(None)

    def env_of(self, stage: Stage | None) -> dict[str, Entry]:
        """The variables of a stage (None: the final one). An ARG lends its default to an ENV that names it."""
        found: dict[str, Entry] = {}
        known: dict[str, str] = {}
        for one in self.effective(stage):
            if one.keyword == "ARG":
                for name, default in one.pairs():
                    value = default if default is not None else self.args.get(name)
                    if value is not None:
                        known.setdefault(name, expand(value, known))
            elif one.keyword == "ENV":
                given = [(name, expand(value or "", known)) for name, value in one.pairs()]
                for name, value in given:
                    found[name] = Entry(value, one.line)
                    known[name] = value
        return found

    @cached_property
    def exposed(self) -> tuple[Entry, ...]:
        """The ports of EXPOSE in the final stage, each without its protocol where that is tcp."""
        known = {name: entry.value for name, entry in self.env.items()}
        for one in self.effective():
            if one.keyword == "ARG":
                known = {name: value for name, value in one.pairs() if value is not None} | known
        return tuple(
            Entry(expand(word, known).removesuffix("/tcp"), one.line)
            for one in self.effective()
            if one.keyword == "EXPOSE"
            for word in one.words
        )

    @cached_property
    def command(self) -> ContainerCommand | None:
        """What a container of the final stage runs; None: the base image decides."""
        return self.command_of(None)

    def command_of(self, stage: Stage | None) -> ContainerCommand | None:
        """What a container of a stage runs. An ENTRYPOINT makes a CMD of the stages below void, as Docker does."""
        entrypoint: Instruction | None = None
        cmd: Instruction | None = None
        shell: tuple[str, ...] = ("/bin/sh", "-c")
        for one in self.chain(stage):
            own_cmd = False
            for instruction in one.instructions:
                if instruction.keyword == "CMD":
                    cmd, own_cmd = instruction, True
                elif instruction.keyword == "ENTRYPOINT":
                    entrypoint = instruction
                    cmd = cmd if own_cmd else None
                elif instruction.keyword == "SHELL" and instruction.argv:
                    shell = instruction.argv
        return _command(entrypoint, cmd, shell)

    @property
    def user(self) -> Entry | None:
        """The last USER; None: the base image's."""
        one = self.last("USER")
        return Entry(expand(one.text.strip(), {k: v.value for k, v in self.env.items()}), one.line) if one else None

    @property
    def workdir(self) -> str:
        """Where the command runs, as far as it is said: WORKDIRs joined."""
        known = {name: entry.value for name, entry in self.env.items()}
        place = "/"
        for one in self.effective():
            if one.keyword == "WORKDIR":
                to = expand(one.text.strip().strip("\"'"), known)
                place = to if to.startswith("/") else f"{place.rstrip('/')}/{to}"
        return place

    @property
    def healthcheck(self) -> Instruction | None:
        """The last HEALTHCHECK; None: there is none, or it is NONE."""
        one = self.last("HEALTHCHECK")
        return None if one is None or one.text.strip().upper() == "NONE" else one

    @property
    def stop_signal(self) -> Entry | None:
        one = self.last("STOPSIGNAL")
        return Entry(one.text.strip(), one.line) if one else None

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """Those of all stages."""
        return tuple(one for stage in self.stages for one in stage.instructions)


def parse_dockerfile(text: str, path: str = "Dockerfile", context: Context = "prod") -> Dockerfile:
    """Read a Dockerfile. Never raises; `problem` says what could not be read, and the rest is there."""
    if len(text) > _LARGEST:
        return Dockerfile(path, (), context, "it is larger than 1 MiB")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    args: dict[str, str] = {}
    stages: list[Stage] = []
    body: list[Instruction] = []
    opened: Instruction | None = None
    problem = None
    for one in instructions(text):
        if one.keyword not in _KEYWORDS:
            problem = problem or f"line {one.line} has no instruction: {one.keyword[:30]!r}"
        elif one.keyword == "FROM":
            if opened is not None:
                stages.append(_stage(opened, body, stages, args))
            opened, body = one, []
        elif opened is not None:
            body.append(one)
        elif one.keyword == "ARG":
            args |= {name: expand(value, args) for name, value in one.pairs() if value is not None}
        else:
            problem = problem or f"line {one.line} comes before the first FROM"
    if opened is not None:
        stages.append(_stage(opened, body, stages, args))
    return Dockerfile(path, tuple(stages), context, problem or (None if stages else "it has no FROM"), args)


_KEYWORDS = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"),
        *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    )
)


def _stage(opened: Instruction, body: list[Instruction], stages: list[Stage], args: dict[str, str]) -> Stage:
    words = opened.text.split()
    name = words[2].lower() if len(words) > 2 and words[1].lower() == "as" else None
    reference = expand(words[0] if words else "", args)
    parent = next((n for n, one in enumerate(stages) if one.name and one.name == reference.lower()), None)
    image = parse_image(reference) if parent is None else stage_image(reference)
    end = body[-1].end_line if body else opened.end_line
    return Stage(name, image, tuple(body), opened.line, end, parent, opened.flags.get("platform"))


def _command(
    entrypoint: Instruction | None, cmd: Instruction | None, shell: tuple[str, ...]
) -> ContainerCommand | None:
    if entrypoint is not None and entrypoint.argv is None:
        return ContainerCommand(None, entrypoint.shell, entrypoint.line, entrypoint, None, shell)
    if entrypoint is not None and entrypoint.argv:
        given = () if cmd is None else cmd.argv if cmd.argv is not None else (*shell, cmd.text)
        return ContainerCommand((*entrypoint.argv, *given), None, entrypoint.line, entrypoint, cmd, shell)
    if cmd is None:
        return None
    if cmd.argv is not None:
        return ContainerCommand(cmd.argv, None, cmd.line, None, cmd, shell) if cmd.argv else None
    return ContainerCommand(None, cmd.shell, cmd.line, None, cmd, shell)
