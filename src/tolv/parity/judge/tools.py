"""The tools gap: builds, interpreters, process types, the system below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tolv.build.model import Build
from tolv.codebase.model import ProcessType
from tolv.config.assemble import LOCAL_ENVIRONMENT
from tolv.parity.figures import process_types, quantity
from tolv.parity.model import Difference, Judgement, Side
from tolv.parity.remedies import Remedies
from tolv.parity.versions import apart


def judge(left: Side, right: Side, remedies: Remedies) -> Iterator[Difference]:
    """What of the tools gap is neither config nor a backing service."""
    if left.build is not None and right.build is not None:
        yield from _builds(left, right, left.build, right.build, remedies)
        yield from _processes(left, right, left.build, right.build, remedies)
    for kind, name, one, other in (
        ("os", "operating system", left.os, right.os),
        ("engine", "engine", left.engine, right.engine),
    ):
        if one and other and one != other:
            message = f"the {name} is {_both(left, one, right, other)}"
            yield Difference(kind, "tools", "notable", message, remedy="run both on machines that are set up alike")


def _builds(left: Side, right: Side, ours: Build, theirs: Build, remedies: Remedies) -> Iterator[Difference]:
    if ours.digest == theirs.digest:
        return
    same_commit = left.commit is not None and left.commit == right.commit
    remedy = remedies.same_build()
    if same_commit:
        message = f"{ours.commit and ours.commit[:7]} was built twice, with different results"
        yield Difference("build", "tools", "breaking", message, remedy=remedy)
    else:
        yield Difference("build", "tools", "harmless", "the builds differ, as what they were made of does", "", remedy)
    for side in (left, right):
        if side.commit is None:
            judgement: Judgement = "notable" if side.environment == LOCAL_ENVIRONMENT else "breaking"
            message = f"{side.environment} runs files that no commit has: nobody else can build them"
            yield Difference("dirty", "tools", judgement, message, side.environment, remedies.commit_first(side))
    yield from _interpreter(left, right, ours, theirs, remedy)
    if ours.platform != theirs.platform:
        message = f"the build is for {_both(left, ours.platform, right, theirs.platform)}"
        yield Difference("platform", "tools", "breaking", message, remedy=remedy)


def _interpreter(left: Side, right: Side, ours: Build, theirs: Build, remedy: str | None) -> Iterator[Difference]:
    if ours.runtime != theirs.runtime:
        (name, _, version), (other_name, _, other) = ours.runtime.partition(" "), theirs.runtime.partition(" ")
        judgement = "breaking" if name != other_name else apart(name, version, other)
        message = f"the interpreter is {_both(left, ours.runtime, right, theirs.runtime)}"
        yield Difference("runtime", "tools", judgement, message, remedy=remedy)
    elif _dependencies(ours) != _dependencies(theirs):
        counts = _both(left, f"{ours.packages} packages", right, f"{theirs.packages} packages")
        message = f"the installed dependencies differ: {counts}"
        yield Difference("dependencies", "tools", "notable", message, remedy=remedy)


def _processes(left: Side, right: Side, ours: Build, theirs: Build, remedies: Remedies) -> Iterator[Difference]:
    for name in process_types(left, right):
        one, other = ours.process(name), theirs.process(name)
        if one is None or other is None:
            has, lacks = (left, right) if other is None else (right, left)
            message = f"{has.environment} has the process type {name}, {lacks.environment} does not"
            yield Difference("process-type", "tools", "breaking", message, name, remedies.same_build())
            continue
        yield from _quantity(name, left, right, remedies)
        yield from _settings(left, right, one, other, remedies)
    if ours.release_command != theirs.release_command:
        message = "the release phase runs another command"
        yield Difference("command", "tools", "notable", message, "release", remedies.same_build())


def _quantity(name: str, left: Side, right: Side, remedies: Remedies) -> Iterator[Difference]:
    ours, theirs = quantity(left, name) or 0, quantity(right, name) or 0
    if ours == theirs:
        return
    fewer, more = (left, right) if ours < theirs else (right, left)
    least, most = min(ours, theirs), max(ours, theirs)
    if least == 0:
        message = f"{name} runs in {more.environment} ({most}), not in {fewer.environment}"
        yield Difference("process-off", "tools", "breaking", message, name, remedies.scale(name, 1, fewer))
    elif least == 1:
        message = (
            f"{fewer.environment} runs one {name}, {more.environment} {most}: what processes wrongly share "
            "shows only where there are two"
        )
        yield Difference("quantity", "tools", "notable", message, name, remedies.scale(name, 2, fewer))
    else:
        message = f"{fewer.environment} runs {least} {name}, {more.environment} {most}"
        yield Difference("quantity", "tools", "harmless", message, name)


def _settings(
    left: Side, right: Side, one: ProcessType, other: ProcessType, remedies: Remedies
) -> Iterator[Difference]:
    ours, theirs = one.to_dict(), other.to_dict()
    differ = [name for name in ours if ours[name] != theirs[name]]
    if "command" in differ:
        message = f"{one.name} is started by another command in {right.environment} than in {left.environment}"
        yield Difference("command", "tools", "notable", message, one.name, remedies.same_build())
    settings = [name for name in differ if name != "command"]
    if settings:
        message = f"{one.name} has other settings: {', '.join(settings)}"
        yield Difference("process-settings", "tools", "harmless", message, one.name, remedies.same_build())


def _dependencies(build: Build) -> list[str]:
    return [layer.diff_id for layer in build.layers if layer.title == "dependencies"]


def _both(left: Side, one: Any, right: Side, other: Any) -> str:
    return f"{one} in {left.environment}, {other} in {right.environment}"
