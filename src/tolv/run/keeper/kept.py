"""One process that the keeper keeps: its records on disk, its start, its adoption by a new keeper.

`<keeper>/processes/<id>/` holds, each written before what follows from it:

    spec.json      what was asked for (never the environment)    before a launcher is started or taken for it
    started.json   pid, start time, boot id                      before the launcher becomes the app
    exit.json      how the leader ended                          before its pid is free for others
    out.fifo, err.fifo   the pipes that it writes into
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time

from tolv.logs.capture import Capture
from tolv.run.keeper import cgroups, records
from tolv.run.keeper.launchers import Launcher
from tolv.run.keeper.limits import not_held
from tolv.run.keeper.tree import COOKIE, Tracked, read_namespace, read_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tolv.run.keeper.anchor import Anchor
    from tolv.run.keeper.connection import Connection
    from tolv.run.keeper.launchers import StandingBy
    from tolv.run.keeper.limits import Controllers

#: The soft limit of descriptors that apps start with: what the keeper itself was given, before it raised its own.
_DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class KeptProcess:
    """A process and what the keeper knows of it. `home` names the keeper's home in the cookie."""

    def __init__(self, directory: str, spec: dict[str, Any], home: str) -> None:
        self.directory = directory
        self.spec = spec
        self.id: str = spec["id"]
        self.cookie = f"{self.id}@{home}"
        self.tree = Tracked(self.id, self.cookie, None, session_is_ours=True)
        self.pid: int | None = None
        self.handle: int | None = None
        """A pidfd of the leader while it lives."""
        self.child = False
        """The leader is this keeper's child: its exit status comes by `waitid`."""
        self.started_at = time.time()
        self.exit: dict[str, Any] | None = None
        self.captures: list[Capture] = []
        self.cgroup: str | None = None
        self.limited_in: dict[str, str] = {}
        """The groups that hold its limits, by controller."""
        self.killing = False
        """SIGKILL to all that is found, until nothing is."""
        self.killed = False
        """SIGKILL was sent to the leader by this keeper."""
        self.empty = False
        """The whole tree is dead, its output is in the files, its temporary directory is gone."""
        self.client: Connection | None = None
        """Whose terminal an attached one-off has; it dies with it."""
        self.waiting: list[tuple[Connection, object]] = []
        """Requests to forget the process that are answered once it is empty."""
        self.pause = 0.0
        self.checks = 0
        self._namespace: int | None = None
        """Its mount namespace, held."""
        self._launcher: Launcher | None = None
        """What waits for the word to become the app."""

    def start(
        self,
        env: dict[str, str],
        descriptors: list[int] | None,
        groups: cgroups.Groups,
        controllers: Controllers,
        anchor: Anchor,
        standing_by: StandingBy,
    ) -> None:
        """Put on record, start, put on record; the word to go on is `let_go`'s. `descriptors` become 0, 1 and 2 of an
        attached one-off.

        Raises OSError, and leaves nothing behind, if the disk or the process table is full.
        """
        os.mkdir(self.directory, 0o700)
        try:
            records.write_durably(f"{self.directory}/spec.json", {**self.spec, "attached": descriptors is not None})
            records.sync_directory(os.path.dirname(self.directory))
            os.makedirs(self.spec["tmp"], mode=0o700, exist_ok=True)
            self.cgroup = groups.make(self.id)
            self.limited_in = controllers.apply(self.id, self.cgroup, self.spec["limits"])
            self.open_captures()
            self._hand_over()
            anchor.hold(self.id, self.pipes)
            self._launch(env, descriptors, standing_by)
        except BaseException:
            anchor.drop(self.id)
            self.close()
            with contextlib.suppress(OSError):
                os.rmdir(self.spec["tmp"])
            self.remove_groups()
            records.remove_directory(self.directory)
            raise

    @property
    def pipes(self) -> list[int]:
        """The descriptors that the process's output is read from."""
        return [capture.fileno() for capture in self.captures]

    @property
    def has_init(self) -> bool:
        """The app is pid 1 of its own pid namespace, and the leader its parent."""
        sandbox = self.spec.get("sandbox")
        return bool(sandbox and sandbox.get("init"))

    def open_captures(self) -> None:
        """Take up the pipes, from the moment before the start or from where another keeper left them."""
        for stream in ("stdout", "stderr"):
            if self.spec[stream]:
                self.captures.append(Capture(self._fifo(stream), self.spec[stream]))
        self.tree.pipes = frozenset((status.st_dev, status.st_ino) for status in map(os.fstat, self.pipes))

    def close(self) -> None:
        """Let go of pipes, namespace and handle."""
        for capture in self.captures:
            capture.close()
        self.captures = []
        self._let_go_of_namespace()
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    def note_namespace(self) -> None:
        """Look, while the leader lives, whether it has a mount namespace of its own: nobody leaves that unnoticed.

        It is held until the tree is dead. The kernel gives the number of one that is gone to the next that is made,
        and that is another process's.
        """
        sandbox = self.spec.get("sandbox")
        if not (self.pid and self.exit is None and sandbox and sandbox["view"] and self._namespace is None):
            return
        with contextlib.suppress(OSError):
            self._namespace = os.open(f"/proc/{self.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            self.tree.namespace = os.readlink(f"/proc/self/fd/{self._namespace}")
        if self.tree.namespace == read_namespace(os.getpid()):
            self._let_go_of_namespace()

    def _let_go_of_namespace(self) -> None:
        self.tree.namespace = None
        if self._namespace is not None:
            os.close(self._namespace)
            self._namespace = None

    def remove_groups(self) -> None:
        """Remove its groups, which must be empty."""
        for path in {self.cgroup, *self.limited_in.values()} - {None}:
            cgroups.remove(str(path))

    def _hand_over(self) -> None:
        """Make its own user the owner of its temporary directory, and of its pipes, so that it may open /dev/stdout."""
        sandbox = self.spec.get("sandbox")
        if sandbox and sandbox["user"] is not None:
            for path in (
                self.spec["tmp"],
                *(self._fifo(stream) for stream in ("stdout", "stderr") if self.spec[stream]),
            ):
                os.chown(path, sandbox["user"], sandbox["user"])

    def record_exit(self, exit: dict[str, Any]) -> None:
        """Keep how the leader ended."""
        self.exit = exit
        try:
            records.write_durably(f"{self.directory}/exit.json", exit)
        except OSError as error:  # a full disk: the server still gets to know, only a next keeper would not
            print(f"tolv-keeper: the exit of {self.id} is not on disk: {error}", file=sys.stderr, flush=True)

    def let_go(self) -> None:
        """Give the launcher the word to become the app."""
        if self._launcher is not None:
            self._launcher.go()
            self._launcher.close()
            self._launcher = None

    def _launch(self, env: dict[str, str], descriptors: list[int] | None, standing_by: StandingBy) -> None:
        # Terminals and files are passed on at the start alone.
        launcher = standing_by.take() if descriptors is None else None
        # The cookie from the first moment on: a launcher whose keeper has died is found, too.
        launcher = launcher or Launcher(self.cookie, descriptors or ())
        try:
            self.pid, self.handle = launcher.pid, launcher.handle
            self.child = True
            self.tree.pid = self.pid
            entry = read_process(self.pid)
            if entry is not None:
                self.tree.seen[entry.pid] = entry.started  # one that stood by has no cookie of this process's yet
            launcher.order(self._order(env, descriptors is not None))
            records.write_durably(
                f"{self.directory}/started.json",
                {
                    "pid": self.pid,
                    "start_time": entry.started if entry else 0,
                    "boot_id": records.boot_id(),
                    "started_at": self.started_at,
                    "cgroup": self.cgroup,
                    "limited_in": self.limited_in,
                },
            )
        except BaseException:
            launcher.close()
            raise
        self._launcher = launcher

    def _order(self, env: dict[str, str], attached: bool) -> dict[str, Any]:
        spec = self.spec
        return {
            **{name: spec[name] for name in ("id", "argv", "directory", "tty")},
            "limits": not_held(self.limited_in, spec["limits"]),
            **{stream: self._fifo(stream) if spec[stream] else None for stream in ("stdout", "stderr")},
            "attached": attached,
            "descriptors": _DESCRIPTORS,
            "cgroups": sorted({one for one in (self.cgroup, *self.limited_in.values()) if one}),
            "sandbox": self._sandbox(attached),
            "env": {**env, COOKIE: self.cookie},
        }

    def _sandbox(self, attached: bool) -> dict[str, Any] | None:
        sandbox = self.spec.get("sandbox")
        if not sandbox:
            return None
        return {**sandbox, "tmp": self.spec["tmp"], "base": self.directory, "tty": attached and self.spec["tty"]}

    def _fifo(self, stream: str) -> str:
        return f"{self.directory}/{stream[3:]}.fifo"


def adopt(directory: str, home: str) -> KeptProcess | None:
    """The process whose records lie in `directory`, as it is now; None if its start had not got as far as a record.

    One whose record makes no sense is ended, not forgotten: nobody would ever find it again.
    """
    if not os.path.exists(f"{directory}/spec.json"):
        return None
    spec = records.read(f"{directory}/spec.json")
    sound = spec is not None and _is_sound(spec, directory)
    process = KeptProcess(directory, spec if spec is not None and sound else _stand_in(directory), home)
    started = records.read(f"{directory}/started.json")
    process.exit = records.read(f"{directory}/exit.json")
    process.tree.session_is_ours = False
    process.killing = not sound
    if started is None:
        process.killing = True  # at most a launcher, which waits for a word that never comes
    else:
        process.pid = started["pid"]
        process.started_at = started["started_at"]
        if started["boot_id"] == records.boot_id():
            process.cgroup = started["cgroup"]
            process.limited_in = started.get("limited_in", {})
            process.handle = _take_handle(started["pid"], started["start_time"])
            process.tree.pid = process.pid
            process.tree.session_is_ours = process.handle is not None
            if process.handle is not None:
                process.tree.seen[started["pid"]] = started["start_time"]
    process.open_captures()
    if process.handle is not None:
        process.note_namespace()
    return process


def _is_sound(spec: dict[str, Any], directory: str) -> bool:
    return spec.get("id") == os.path.basename(directory) and {"tmp", "stdout", "stderr", "limits"} <= spec.keys()


def _stand_in(directory: str) -> dict[str, Any]:
    """All that is known of a process without its record: where its things are, by its id."""
    keeper, id = os.path.dirname(os.path.dirname(directory)), os.path.basename(directory)
    tmp = f"{os.path.dirname(keeper)}/tmp/{id}"
    return {"id": id, "tmp": tmp, "stdout": None, "stderr": None, "limits": {}, "labels": {}}


def _take_handle(pid: int, start_time: int) -> int | None:
    """A pidfd of the very process that was started, or None if it is gone."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    entry = read_process(pid)  # after opening: the handle cannot move to another process any more
    if entry is not None and entry.alive and entry.started == start_time:
        return handle
    os.close(handle)
    return None
