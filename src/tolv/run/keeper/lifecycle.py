"""From start to empty: feeds the captures, notices ends, kills what must die, and says when the whole tree is dead."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

from tolv.logs.bound import Quota
from tolv.logs.capture import Capture
from tolv.run.keeper import cgroups, limits, records, tree
from tolv.run.keeper.anchor import Anchor
from tolv.run.keeper.hunt import hunt
from tolv.run.keeper.kept import KeptProcess
from tolv.run.keeper.loop import Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Seconds that a pipe is left alone after a small catch: a chatty process costs 500 looks a second, not one a line.
REST = 0.002
#: Bytes; a pipe that gave as many is looked at again at once: a process that writes whole blocks fills it in a rest.
FLOOD = 1 << 12
#: Seconds between looks at a tree that has lost its leader, from first to last; the same while it is being killed.
FIRST_LOOK, LAST_LOOK, LAST_KILL = 0.005, 1.0, 0.05
#: Seconds for which a tree is hunted that comes anew when it is killed, before others have their turn again.
HUNT = 0.5
#: Bytes of logs for a process whose spec says none.
NO_LIMIT = 1 << 62
#: Seconds after which a launcher has long become the app.
SETTLED = 0.5
#: Seconds that an attached one-off has between TERM and KILL when its client is gone.
GRACE = 5.0


class Lifecycle:
    """The lives of all kept processes. `announce(event)` tells whoever listens."""

    def __init__(self, loop: Loop, anchor: Anchor, announce: Callable[[dict[str, Any]], None]) -> None:
        self.processes: dict[str, KeptProcess] = {}
        self._loop = loop
        self._anchor = anchor
        self._announce = announce
        self._machine_kills = cgroups.machine_kills()
        self._errands: dict[int, Callable[[], None]] = {}
        self._quotas: dict[str, Quota] = {}

    def add(self, process: KeptProcess) -> None:
        """Take charge of a process that was started or adopted."""
        self.processes[process.id] = process
        quota = self._quota(process)
        for capture in process.captures:
            quota.join(capture)
            self._loop.watch(capture.fileno(), self._feeder(capture, quota))
        if process.handle is not None and not process.child:
            self._loop.watch(process.handle, lambda _: self._adopted_ended(process))
            self._look(process)  # it may have to be killed
        elif process.handle is None:
            self._ended(process, process.exit or _unknown())
        if process.exit is None:
            self._loop.after(SETTLED, process.note_namespace)

    def members(self, processes: Iterable[KeptProcess]) -> dict[str, list[tree.Proc]]:
        """Who is alive of each tree."""
        found: dict[str, list[tree.Proc]] = {}
        search = []
        for process in processes:
            pids = cgroups.members(process.cgroup) if process.cgroup else []
            entries = [entry for entry in map(tree.read_process, pids) if entry is not None and entry.alive]
            found[process.id] = entries
            # A group that seems empty is not the last word: whoever may do so can leave it.
            if not entries and not process.empty:
                search.append(process.tree)
        if search:
            found.update(tree.find_members(tree.read_table(), search))
        return found

    def signal(self, process: KeptProcess, number: int, scope: str) -> None:
        """Send a signal to the leader, its group or its tree; SIGKILL to a tree goes on until nothing is left."""
        self.killed_by_us(process, number)
        process.note_namespace()
        if process.has_init and number != signal.SIGKILL:
            self._signal_init(process, number, scope)
            return
        if scope == "leader":
            if process.handle is not None and process.exit is None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process.handle, number)
            return
        members = self.members([process])[process.id]
        if scope == "group":
            members = [one for one in members if one.group == process.pid]
            if members and process.pid:
                tree.send_group(process.pid, number)
        elif number == signal.SIGKILL:
            process.killing = True
            process.pause = 0.0
        else:
            tree.send(members, number)
        self._look(process)

    def _signal_init(self, process: KeptProcess, number: int, scope: str) -> None:
        """Where the app is pid 1 its parent, the leader, gets nothing that the app would then get twice, or never, as
        nobody can hand on a SIGSTOP."""
        members = self.members([process])[process.id]
        first = next((one for one in members if one.parent == process.pid), None)
        if first is None:  # it is only being started
            tree.send([one for one in members if number != signal.SIGSTOP], number)
        elif scope == "group":
            tree.send_group(first.pid, number)
        else:
            tree.send([one for one in members if one.pid != process.pid and scope == "tree"] or [first], number)
        self._look(process)

    def killed_by_us(self, process: KeptProcess, number: int) -> None:
        """Remember it, so that this SIGKILL is not taken for the kernel's."""
        process.killed |= number == signal.SIGKILL and process.exit is None

    def hang_up(self, process: KeptProcess) -> None:
        """The client of an attached one-off is gone: its tree ends, by TERM, then by KILL."""
        process.client = None
        if process.empty:
            return
        self.signal(process, signal.SIGTERM, "tree")
        self._loop.after(GRACE, lambda: self._kill_tree(process))

    def _kill_tree(self, process: KeptProcess) -> None:
        if not process.empty:
            self.signal(process, signal.SIGKILL, "tree")

    def reap(self) -> None:
        """Children have ended: leaders, errands, and strays that fell to the keeper as their sub-reaper."""
        leaders = {process.pid: process for process in self.processes.values() if process.child and not process.exit}
        while True:
            try:
                # Left as a zombie until its end is on record: only then may its number go to another process.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            process = leaders.get(ended.si_pid)
            errand = self._errands.pop(ended.si_pid, None)
            try:
                if process is not None:
                    exited = ended.si_code == os.CLD_EXITED
                    self._ended(process, self._exit(process, ended.si_status if exited else -ended.si_status))
            finally:
                os.waitpid(ended.si_pid, 0)
            if errand is not None:
                errand()

    def _exit(self, process: KeptProcess, status: int) -> dict[str, Any]:
        """What is kept of an end: `status` is an exit code, or a signal's number negated."""
        for_memory = status == -signal.SIGKILL and not process.killed and self._killed_for_memory(process)
        code, number = (status, None) if status >= 0 else (None, -status)
        return {"at": time.time(), "code": code, "signal": number, "out_of_memory": for_memory}

    def _killed_for_memory(self, process: KeptProcess) -> bool:
        before, self._machine_kills = self._machine_kills, cgroups.machine_kills()
        in_group = limits.kills(process.limited_in)
        if in_group is not None:
            return in_group > 0
        return self._machine_kills > before and cgroups.kernel_named(process.pid or 0) is not False

    def _adopted_ended(self, process: KeptProcess, tries: int = 20) -> None:
        """It was an earlier keeper's child: its status goes to init. Newer kernels tell it to all once init has it."""
        if process.handle is None or process.exit is not None:
            return
        self._loop.unwatch(process.handle)
        status = tree.exit_status(process.handle)
        if status is None and tries and tree.tells_exit_status():
            self._loop.after(FIRST_LOOK, lambda: self._adopted_ended(process, tries - 1))
        else:
            self._ended(process, _unknown() if status is None else self._exit(process, status))

    def _ended(self, process: KeptProcess, exit: dict[str, Any]) -> None:
        """The leader is gone. Its tree may not be."""
        if process.exit is None:
            process.record_exit(exit)
            event = {"event": "exited", "process": process.id, "exit": exit}
            self._announce(event)
            if process.client is not None:
                process.client.send(event)
        process.pause = 0.0
        self._look(process)

    def _look(self, process: KeptProcess) -> None:
        """Look now whether the tree is dead, and again until it is."""
        process.checks += 1
        if process.empty or (process.exit is None and not process.killing):
            return
        try:
            if self._is_dead(process):
                self._remove_tmp(process, lambda: self._emptied(process))
                return
        except OSError as error:  # no descriptor or no process to be had just now: look again
            print(f"tolv-keeper: {process.id}: {error}", file=sys.stderr, flush=True)
        last = LAST_KILL if process.killing else LAST_LOOK
        process.pause = min(process.pause * 2 or FIRST_LOOK, last)
        check = process.checks
        self._loop.after(process.pause, lambda: self._look(process) if check == process.checks else None)

    def _is_dead(self, process: KeptProcess) -> bool:
        members = self.members([process])[process.id]
        if process.killing:
            self._kill(process, members)
        if members or process.exit is None:
            return False
        if all(self._drain(capture) for capture in process.captures):
            return True
        # All are gone by every sign, and yet someone holds the pipe: whoever that is belongs to the tree.
        holders = tree.find_holders(tree.read_table(), process.tree)
        if process.killing:
            tree.send(holders, signal.SIGKILL)
        return False

    def _kill(self, process: KeptProcess, members: list[tree.Proc]) -> None:
        if process.cgroup:
            cgroups.kill(process.cgroup)
        if process.pid and any(one.group == process.pid for one in members):
            tree.send_group(process.pid, signal.SIGKILL)
        tree.send(members, signal.SIGKILL)
        if members and process.pause and not process.cgroup:  # this is not the first time: they come anew
            hunt(process.tree, HUNT, self.reap)

    def _quota(self, process: KeptProcess) -> Quota:
        """What bounds the logs of the process and of all others of its group."""
        group, limit = process.spec.get("log_group") or process.id, process.spec.get("log_limit") or NO_LIMIT
        quota = self._quotas.setdefault(group, Quota(limit))
        quota.limit = limit  # the newest word counts
        return quota

    def _feeder(self, capture: Capture, quota: Quota) -> Callable[[int], None]:
        descriptor = capture.fileno()

        def wake() -> None:
            if not capture.eof:
                self._loop.wake(descriptor)

        def feed(_: int) -> None:
            if not capture.pump():
                self._loop.unwatch(descriptor)
                return
            quota.wrote(capture.moved)
            if capture.moved < FLOOD:
                self._loop.rest(descriptor)
                self._loop.after(REST, wake)

        return feed

    def _drain(self, capture: Capture) -> bool:
        """Move the rest, a bounded part of it at once. True at the end of the pipe."""
        for _ in range(64):
            if capture.eof or not capture.pump():
                self._loop.unwatch(capture.fileno())
                return True
            if not capture.moved:
                return False
        return False

    def _remove_tmp(self, process: KeptProcess, done: Callable[[], None]) -> None:
        path = process.spec["tmp"]
        try:
            os.rmdir(path)
        except FileNotFoundError:
            done()
        except OSError:
            # Millions of files may lie in there: a child removes them while the keeper goes on.
            script = 'rm -rf -- "$1" 2>/dev/null || { chmod -R u+rwX -- "$1"; rm -rf -- "$1"; }'
            self._errands[os.posix_spawn("/bin/sh", ["sh", "-c", script, "sh", path], {"PATH": os.defpath})] = done
        else:
            done()

    def _emptied(self, process: KeptProcess) -> None:
        if process.empty:
            return
        process.empty = True
        quota = self._quota(process)
        for capture in process.captures:
            quota.leave(capture)
        self._quotas = {group: one for group, one in self._quotas.items() if not one.unused}
        self._anchor.drop(process.id)
        process.close()
        process.remove_groups()
        self._announce({"event": "empty", "process": process.id})
        for connection, request in process.waiting:
            connection.send({"id": request, "result": {}})
        if process.waiting:
            self.drop(process)

    def drop(self, process: KeptProcess) -> None:
        """Forget an empty process."""
        records.remove_directory(process.directory)
        self.processes.pop(process.id, None)


def _unknown() -> dict[str, Any]:
    return {"at": time.time(), "code": None, "signal": None, "out_of_memory": False}
