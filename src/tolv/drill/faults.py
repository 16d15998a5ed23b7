"""The faults that a drill can do: what each one is, what is promised of it, how it is done, and when it is over."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tolv.drill.evidence import ROUTER, Kill
from tolv.drill.scene import Found, Scene, kill, until
from tolv.drill.witness import Witness
from tolv.errors import AppError, UsageError

#: The most that is taken of a file system unless the fault was named.
MODEST = 2 << 30
#: Seconds that the temporary directory stays full.
_FULL = 3.0
#: Seconds that systemd has to start a server of its own again.
_SYSTEMD = 20.0


@dataclass(frozen=True, slots=True)
class Blow:
    """What was done. Times are `time.monotonic()`."""

    at: float
    """When it was done; of a disk that was filled, when there was room again."""
    back: float | None
    """When what was hit was there again; None: it did not come back in time."""
    kills: tuple[Kill, ...] = ()
    replaced: frozenset[str] = frozenset()
    """Processes of the deploy that were hit: others take their places."""
    wants: str = ""
    """What was waited for."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble."""

    id: str
    title: str
    promise: str
    target: Callable[[Scene], str]
    """Who or what will be hit."""
    strike: Callable[[Scene, Witness], Blow]
    shared: bool = True
    """Other deploys of the same server feel it, too."""
    refusal: Callable[[Scene], str | None] = lambda _: None
    """Why it is not done here unless it was named."""


def one_of_each_type(scene: Scene) -> list[Found]:
    """The first process of each type."""
    first: dict[str, Found] = {}
    for one in scene.processes():
        if one.pid is not None:
            first.setdefault(one.type, one)
    return list(first.values())


def _kill_processes(scene: Scene, _: Witness) -> Blow:
    victims = one_of_each_type(scene)
    before = {one.name: one.pid for one in victims}
    at, gone = kill(one.pid for one in victims if one.pid)

    def replaced() -> bool:
        now = {one.name: one for one in scene.processes()}
        return all(
            name in now and now[name].state == "ready" and now[name].pid not in (None, pid)
            for name, pid in before.items()
        )

    back = until(replaced)
    kills = tuple(Kill(f"{one.release} {one.name}", at, gone) for one in victims)
    return Blow(at, back, kills, frozenset(before), "a ready process in each place")


def _kill_keeper(scene: Scene, _: Witness) -> Blow:
    pid = scene.state()["keeper_pid"]
    at, _gone = kill([pid])
    return Blow(at, until(lambda: scene.state()["keeper_pid"] not in (None, pid)), wants="another keeper")


def _kill_server(scene: Scene, _: Witness) -> Blow:
    pid = scene.state()["pid"]
    environment, managed = scene.server_environment(pid)
    before = {one.name: one.pid for one in scene.processes()}
    with _undisturbed():
        at, _gone = kill([pid])
        _bring_back(scene, environment, managed)

    def found_again() -> bool:
        return {one.name: one.pid for one in scene.processes() if one.state == "ready"} == before

    return Blow(at, until(found_again), wants="a server that has found all processes again")


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold ^C and SIGTERM back: between a server's death and its return there is no way out."""
    held: list[int] = []
    former = {one: signal.signal(one, lambda number, _: held.append(number)) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


def _bring_back(scene: Scene, environment: dict[str, str], managed: bool) -> None:
    """The server again: by systemd if it is systemd's, else as any next command would start it."""
    if managed and until(lambda: scene.server.status() is not None, _SYSTEMD):
        return
    scene.start_server(environment)


def _kill_router(scene: Scene, _: Witness) -> Blow:
    pids = scene.state()["router_pids"]
    at, gone = kill(pids)
    back = until(lambda: _routes(scene, pids))
    return Blow(at, back, (Kill(ROUTER, at, gone, back or float("inf")),), wants="a router that accepts requests")


def _routes(scene: Scene, former: list[int]) -> bool:
    pids = scene.state()["router_pids"]
    return len(pids) == len(former) and not set(pids) & set(former)


def _kill_all(scene: Scene, _: Witness) -> Blow:
    state = scene.state()
    environment, managed = scene.server_environment(state["pid"])
    before = {one.name: one.pid for one in scene.processes()}
    pids = [state["pid"], state["keeper_pid"], *state["router_pids"]]
    with _undisturbed():
        at, gone = kill(pids)
        _bring_back(scene, environment, managed)

    def found_again() -> bool:
        running = {one.name: one.pid for one in scene.processes() if one.state == "ready"}
        return running == before and _routes(scene, state["router_pids"])

    back = until(found_again)
    return Blow(at, back, (Kill(ROUTER, at, gone, back or float("inf")),), wants="all three, and every process found")


def _fill(scene: Scene, witness: Witness) -> Blow:
    """Take what is left of the file system, in a file without a name: it is gone with whoever holds it open."""
    filler = _unnamed(_tmp(scene))
    try:
        _take_all(filler)
        time.sleep(_FULL)
    finally:
        os.close(filler)
    freed = time.monotonic()
    newest = witness.newest()
    back = until(lambda: witness.newest() > newest and bool(scene.ready()))
    return Blow(freed, back, wants="new lines in the log, and every process ready")


def _take_all(file: int) -> None:
    size, piece = 0, 1 << 36
    while piece >= 512:
        try:
            os.posix_fallocate(file, size, piece)
            size += piece
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
                raise
            piece //= 2


def _unnamed(directory: str) -> int:
    with contextlib.suppress(OSError):
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    path = f"{directory}/tolv-drill"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.unlink(path)
    return file


def _tmp(scene: Scene) -> str:
    """The temporary directory of the first process, by a path that holds even if it is a mount of the process's own."""
    for one in one_of_each_type(scene):
        with contextlib.suppress(OSError, StopIteration):
            with open(f"/proc/{one.pid}/environ", "rb") as file:
                path = next(item[7:] for item in file.read().split(b"\0") if item.startswith(b"TMPDIR="))
            return f"/proc/{one.pid}/root{os.fsdecode(path)}"
    raise AppError(f"no process of {scene.app} shows its temporary directory", remedy="run the drill as its owner")


def _free(scene: Scene) -> int:
    status = os.statvfs(_tmp(scene))
    return status.f_bavail * status.f_frsize


def _too_large(scene: Scene) -> str | None:
    free = _free(scene)
    if free <= MODEST:
        return None
    return f"{_gigabytes(free)} are free there, which others may need; to take them all, name it: --only tmp"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _pids(*keys: str) -> Callable[[Scene], str]:
    def target(scene: Scene) -> str:
        state = scene.state()
        pids = [one for key in keys for one in (state[key] if isinstance(state[key], list) else [state[key]])]
        return f"pid {', '.join(map(str, pids))}"

    return target


FAULTS = (
    Fault(
        "process",
        "kill a process of each type",
        "the others serve, requests wait for its successor, which is started at once",
        lambda scene: ", ".join(f"{one.name} (pid {one.pid})" for one in one_of_each_type(scene)),
        _kill_processes,
        shared=False,
    ),
    Fault(
        "keeper",
        "kill the keeper",
        "processes run on, what they write is all there afterwards",
        _pids("keeper_pid"),
        _kill_keeper,
    ),
    Fault(
        "server",
        "kill the server",
        "apps and router go on serving; it finds them again and loses no line",
        _pids("pid"),
        _kill_server,
    ),
    Fault(
        "router",
        "kill the router",
        "it is back within a moment, with the same table",
        _pids("router_pids"),
        _kill_router,
    ),
    Fault(
        "tolv",
        "kill server, keeper and router at once",
        "processes run on; the next server finds everything again",
        _pids("pid", "keeper_pid", "router_pids"),
        _kill_all,
    ),
    Fault(
        "tmp",
        "fill the temporary directory",
        "what runs goes on running and serving; a line that could not be stored is counted in the log",
        lambda scene: f"all {_gigabytes(_free(scene))} that are free where {scene.server.home.tmp} is, for {_FULL:g} s",
        _fill,
        refusal=_too_large,
    ),
)

#: Known, and not to be had yet: why.
NOT_APPLICABLE = {"service": ("stop a backing service", "not applicable: no backing service is attached")}


def chosen(names: frozenset[str]) -> tuple[Fault, ...]:
    """The faults of these names; all of them for none. Raises `UsageError` for a name that is not known."""
    known = {one.id for one in FAULTS}
    for name in sorted(names - known):
        why = NOT_APPLICABLE.get(name)
        problem = f"{name}: {why[1]}" if why else f"there is no fault named {name!r}"
        raise UsageError(problem, remedy=f"name some of: {', '.join(one.id for one in FAULTS)}")
    return tuple(one for one in FAULTS if not names or one.id in names)
