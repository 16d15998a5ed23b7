"""Ports for web processes: chosen here, and checked to be answered by the process that they were given to."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

from tolv.errors import PlatformError
from tolv.run.local.listening import listening

#: Below the kernel's range for outgoing connections (`ip_local_port_range`, 32768 up), so that none can take one.
_FIRST, _LAST = 20_000, 29_999


class Ports:
    """The ports that one server has given out. A port is another program's as soon as it can be bound no more."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self) -> int:
        """A free port, random so that two homes on one machine seldom try the same.

        Raises `PlatformError` when none is to be had.
        """
        for _ in range(500):
            port = random.randint(_FIRST, _LAST)
            if port not in self._taken and _bindable(port):
                self._taken.add(port)
                return port
        raise PlatformError(
            f"no free port between {_FIRST} and {_LAST}",
            remedy="see what listens with `ss -ltnp`, and stop what is not needed",
        )

    def adopt(self, port: int) -> None:
        """Mark the port of a process that was found again."""
        self._taken.add(port)

    def give_back(self, port: int) -> None:
        self._taken.discard(port)


def _bindable(port: int) -> bool:
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((host, port))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in _NO_IPV6:
                continue
            return False
    return True


_NO_IPV6 = {97, 99}  # EAFNOSUPPORT, EADDRNOTAVAIL


def held_by_stranger(port: int, leader: int) -> bool:
    """Somebody listens on `port`, and it is certainly not the process tree under `leader`.

    False when nobody listens, and when the kernel does not let us see (another user's descriptors).
    """
    sockets = listening(port)
    if not sockets:
        return False
    wanted = {f"socket:[{inode}]" for inode in sockets}
    # The leader alone first: it is the one, as a rule, and the tree takes a look at every process of the machine.
    return not (_holds_one(leader, wanted) or any(_holds_one(pid, wanted) for pid in _tree(leader)))


def _holds_one(pid: int, wanted: set[str]) -> bool:
    """Whether a process has one of these open, or may have one that we are not let to see."""
    try:
        return any(os.readlink(entry.path) in wanted for entry in os.scandir(f"/proc/{pid}/fd"))
    except FileNotFoundError:
        return False
    except PermissionError:
        return True


def _tree(leader: int) -> set[int]:
    """The leader, what descends from it, and what is in its session."""
    parents: dict[int, int] = {}
    tree = {leader}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text()
        except OSError:
            continue
        _state, parent, _group, session = stat.rpartition(")")[2].split()[:4]
        parents[int(entry.name)] = int(parent)
        if int(session) == leader:
            tree.add(int(entry.name))
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in tree} - tree
        tree |= children
        grown = bool(children)
    return tree
