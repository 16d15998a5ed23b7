"""The keeper: starts and reaps the apps' processes, records how each ended, moves their output to disk. No policy.

`python -m tolv.run.keeper.main [HOME]` serves in the foreground; with `--detach` it returns once a keeper answers.
What survives what, and the protocol: docs/keeper.md. Light on purpose: it imports no more of Tolv than it needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import resource
import signal
import socket
import sys

if not __package__:  # run by its path, without the site: the package's root is not on the path
    sys.path.insert(0, os.path.abspath(__file__).removesuffix("/tolv/run/keeper/main.py"))

from tolv import __version__
from tolv.run.keeper import confine, records
from tolv.run.keeper.anchor import Anchor
from tolv.run.keeper.cgroups import Groups
from tolv.run.keeper.connection import Connection
from tolv.run.keeper.kept import KeptProcess, adopt
from tolv.run.keeper.launchers import StandingBy
from tolv.run.keeper.lifecycle import Lifecycle
from tolv.run.keeper.limits import Controllers
from tolv.run.keeper.loop import Loop
from tolv.run.keeper.request import Refused, check_spec, take
from tolv.run.keeper.tree import read_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Request = dict[str, Any]

#: Exit status when another keeper serves this home.
TAKEN = 4
#: Seconds between two looks whether the socket is still there.
SOCKET_LOOK = 2.0
#: Seconds that a prepared one-off waits for its client.
PREPARED = 60.0
#: Seconds that launchers stand by for what was announced.
STAND_BY = 10.0
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")


class Keeper:
    """Answers requests; what happens to processes is `Lifecycle`'s."""

    def __init__(self, loop: Loop, root: str, anchor: Anchor) -> None:
        self._loop = loop
        self._root = root
        self._anchor = anchor
        self._home = home_name(root)
        self._groups = Groups(self._home)
        self._controllers = Controllers(self._home, self._groups)
        self._sandbox = confine.available(root)
        self._life = Lifecycle(loop, anchor, self._announce)
        self._standing_by = StandingBy(self._home)
        self._prepared: dict[str, Request] = {}
        self._connections: set[Connection] = set()
        os.makedirs(f"{root}/processes", mode=0o700, exist_ok=True)

    def adopt(self) -> None:
        """Take up what a keeper before this one has left."""
        adopted = []
        for name in sorted(os.listdir(f"{self._root}/processes")):
            directory = f"{self._root}/processes/{name}"
            try:
                process = adopt(directory, self._home)
            except (OSError, LookupError, TypeError) as error:
                # One record that makes no sense, or one pipe too many, must not cost the others their keeper.
                report(f"{name} cannot be adopted: {error!r}")
                continue
            if process is None:
                records.remove_directory(directory)
                continue
            adopted.append(process)
        self._anchor.reset()  # only now that all pipes are open here
        for process in adopted:
            self._anchor.hold(process.id, process.pipes)
            self._life.add(process)
            if process.spec.get("attached"):
                self._life.hang_up(process)

    def listen(self, path: str) -> None:
        """Serve on a unix socket at `path`, relative to the working directory, for this user alone."""
        self._open(path)
        self._loop.after(SOCKET_LOOK, lambda: self._see_to(path))
        self._loop.on_signal({signal.SIGCHLD: self._life.reap, signal.SIGTERM: self._leave})
        self._life.reap()

    def _open(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(128)
        listener.setblocking(False)
        self._loop.watch(listener.fileno(), lambda _: self._accept(listener))
        self._listener = listener
        self._inode = os.stat(path).st_ino

    def _see_to(self, path: str) -> None:
        """Somebody may have removed the socket: cleaners of temporary directories do."""
        self._loop.after(SOCKET_LOOK, lambda: self._see_to(path))
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == self._inode:
                return
        self._loop.unwatch(self._listener.fileno())
        self._listener.close()
        self._open(path)

    def _leave(self) -> None:
        """End after this round. Whoever comes from now on finds nobody, and starts another keeper."""
        self._loop.unwatch(self._listener.fileno())
        self._listener.close()
        self._loop.stop()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            peer, _ = listener.accept()
            self._connections.add(Connection(self._loop, peer, self._serve, self._gone))

    def _gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        for process in list(self._life.processes.values()):
            process.waiting = [one for one in process.waiting if one[0] is not connection]
            if process.client is connection:
                self._life.hang_up(process)

    def _announce(self, event: Request) -> None:
        for connection in [one for one in self._connections if one.subscribed]:
            connection.send(event)

    def _serve(self, connection: Connection, request: Request) -> None:
        operations = {
            "hello": self._hello,
            "start": self._start,
            "stand-by": self._stand_by,
            "prepare": self._prepare,
            "attach": self._attach,
            "signal": self._signal,
            "list": self._list,
            "forget": self._forget,
            "subscribe": self._subscribe,
            "stop": self._stop,
        }
        number = request.get("id")
        try:
            name = take(request, "op", str)
            if name not in operations:
                raise Refused(f"there is no operation {name!r}")
            result = operations[name](connection, request)
        except Refused as refused:
            connection.send({"id": number, "error": {"problem": refused.problem, "kind": refused.kind}})
        except OSError as error:
            connection.send({"id": number, "error": {"problem": f"{error.strerror}: {error.filename or name}"}})
        except Exception:
            connection.send({"id": number, "error": {"problem": "the keeper failed at this; its log says where"}})
            raise
        else:
            if result is not None:
                connection.send({"id": number, "result": result})

    def _hello(self, _: Connection, request: Request) -> Request:
        return {
            "pid": os.getpid(),
            "boot_id": records.boot_id(),
            "version": __version__,
            "cgroup": self._groups.base,
            "controllers": self._controllers.names,
            "sandbox": self._sandbox,
        }

    def _start(self, connection: Connection, request: Request) -> None:
        """Answered once it is let go: that is when those are prepared, too, that are asked for in one breath.

        A process that joins its cgroup holds up whoever makes another for milliseconds, and one that boots takes the
        processor.
        """
        process = self._new(request)
        self._begin(process, request["env"], None)

        def let_go() -> None:
            process.let_go()
            connection.send({"id": request.get("id"), "result": {"pid": process.pid}})

        # The second timer comes after one more look at what has arrived meanwhile.
        self._loop.after(0, lambda: self._loop.after(0, let_go))

    def _stand_by(self, _: Connection, request: Request) -> Request:
        launchers = self._standing_by.fill(take(request, "count", int))
        self._loop.after(STAND_BY, lambda: self._standing_by.dismiss(launchers))
        return {}

    def _prepare(self, _: Connection, request: Request) -> Request:
        process = self._new(request)
        self._prepared[process.id] = request
        self._loop.after(PREPARED, lambda: self._expire(process.id, request))
        return {}

    def _expire(self, id: str, request: Request) -> None:
        if self._prepared.get(id) is request:
            del self._prepared[id]

    def _attach(self, connection: Connection, request: Request) -> Request:
        order = self._prepared.pop(take(request, "process", str), None)
        if order is None:
            raise Refused("no such one-off was prepared", "unknown")
        if len(connection.descriptors) != 3:
            raise Refused("attach comes with three descriptors")
        process = self._new(order)
        try:
            self._begin(process, order["env"], connection.descriptors)
        finally:
            connection.drop_descriptors()
        process.let_go()
        process.client = connection
        return {"pid": process.pid}

    def _new(self, request: Request) -> KeptProcess:
        spec = check_spec(request)
        if not _ID.fullmatch(spec["id"]) or os.path.basename(spec["tmp"]) != spec["id"]:
            raise Refused("an id has letters, digits, '.', '_' and '-', and names the temporary directory, too")
        if spec["id"] in self._life.processes or spec["id"] in self._prepared:
            raise Refused(f"there is a process {spec['id']} already", "exists")
        return KeptProcess(f"{self._root}/processes/{spec['id']}", spec, self._home)

    def _begin(self, process: KeptProcess, env: dict[str, str], descriptors: list[int] | None) -> None:
        process.start(env, descriptors, self._groups, self._controllers, self._anchor, self._standing_by)
        self._life.add(process)
        self._life.reap()  # it may have ended before it was on the list

    def _signal(self, _: Connection, request: Request) -> Request:
        process = self._process(request)
        scope, number = take(request, "scope", str), take(request, "signal", int)
        if scope not in ("leader", "group", "tree"):
            raise Refused("the scope is leader, group or tree")
        if not 0 <= number < signal.NSIG:
            raise Refused(f"there is no signal {number}")
        self._life.signal(process, number, scope)
        return {}

    def _list(self, _: Connection, request: Request) -> Request:
        processes = list(self._life.processes.values())
        members = self._life.members(processes)
        return {
            "processes": [
                {
                    "id": one.id,
                    "pid": one.pid,
                    "started_at": one.started_at,
                    "alive": one.exit is None,
                    "members": len(members[one.id]),
                    "labels": one.spec.get("labels", {}),
                    "exit": one.exit,
                    "empty": one.empty,
                }
                for one in processes
            ]
        }

    def _forget(self, connection: Connection, request: Request) -> Request | None:
        process = self._process(request)
        if process.empty:
            self._life.drop(process)
            return {}
        if process.exit is None or self._life.members([process])[process.id]:
            raise Refused(f"{process.id} has living members", "alive")
        process.waiting.append((connection, request.get("id")))
        return None

    def _subscribe(self, connection: Connection, request: Request) -> Request:
        connection.subscribed = True
        return {}

    def _stop(self, _: Connection, request: Request) -> Request:
        self._leave()
        return {}

    def _process(self, request: Request) -> KeptProcess:
        process = self._life.processes.get(take(request, "process", str))
        if process is None:
            raise Refused(f"there is no process {request['process']}", "unknown")
        return process


def home_name(root: str) -> str:
    """A short name for the home whose keeper's directory is `root`, different for each on this machine."""
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:12]


def serve(home: str, ready: int | None = None) -> int:
    """Keep the processes of `home` until told to stop; writes a zero to `ready`, and closes it, once it answers."""
    root = f"{os.path.abspath(home)}/keeper"
    os.makedirs(root, mode=0o700, exist_ok=True)
    os.chdir(root)
    os.umask(0o077)
    lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return TAKEN
    me = read_process(os.getpid())
    identity = {"pid": os.getpid(), "start_time": me.started if me else 0, "boot_id": records.boot_id()}
    try:
        records.write_durably(f"{root}/keeper.json", identity)
    except OSError as error:  # a full disk, on which what runs needs its keeper all the more
        report(f"keeper.json cannot be written: {error}")
    _become_subreaper()
    _allow_many_descriptors()
    loop = Loop()
    anchor = Anchor(loop, "anchor.sock")
    keeper = Keeper(loop, root, anchor)
    keeper.adopt()
    keeper.listen("keeper.sock")
    if ready is not None:
        os.write(ready, b"\0")
        os.close(ready)
    loop.run()
    return 0


def _allow_many_descriptors() -> None:
    """Eight descriptors a process: as many as this user may have. The launcher gives the apps the usual limit again."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def report(text: str) -> None:
    """A line in the keeper's own log."""
    print(f"tolv-keeper: {text}", file=sys.stderr, flush=True)


def _become_subreaper() -> None:
    """Orphans of the apps fall to the keeper, not to init: it can see them as its descendants and reap them."""
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)  # what compiling the launcher took


def detach(home: str) -> int:
    """Start a keeper that is nobody's child, in a session of its own; returns once it answers, or its exit status."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            try:
                status = serve(home, writer)
            except OSError as error:
                report(str(error))
                status = 3
            with contextlib.suppress(OSError):  # closed already when it had been ready
                os.write(writer, bytes([status]))
            os._exit(status)
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    answer = os.read(reader, 1)
    return answer[0] if answer else 3


def main() -> int:
    """The command line."""
    arguments = sys.argv[1:]
    detached = "--detach" in arguments
    names = [one for one in arguments if one != "--detach"]
    home = names[0] if names else os.environ.get("TOLV_HOME") or os.path.expanduser("~/.tolv")
    return detach(home) if detached else serve(home)


if __name__ == "__main__":
    sys.exit(main())
