"""Looking at an app's sockets from outside: where it listens, and whom it is connected with.

Which sockets a process holds is in `/proc/<pid>/fd`; what a socket is stands in the tables of its network namespace,
`/proc/<pid>/net`.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Protocol = Literal["tcp", "tcp6", "udp", "udp6"]

_PROTOCOLS: tuple[Protocol, ...] = ("tcp", "tcp6", "udp", "udp6")
#: States of the kernel's tables.
_ESTABLISHED, _SYN_SENT, _CLOSE, _LISTEN = 0x01, 0x02, 0x07, 0x0A
#: `__SO_ACCEPTCON`, of a unix socket that listens.
_ACCEPTS = 0x10000
_HEX = "[0-9A-F]"
#: Address, users, protocol, flags, type, state, inode, and the path if there is one.
_UNIX_ROW = re.compile(
    rf"^[0-9a-f]+: {_HEX}{{8}} {_HEX}{{8}} ({_HEX}{{8}}) ({_HEX}{{4}}) {_HEX}{{2}} +(\d+)(?: (.*))?$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that takes what comes: of TCP and unix one that listens, of UDP one that is bound and not connected."""

    protocol: Literal["tcp", "tcp6", "udp", "udp6", "unix"]
    address: str
    """`127.0.0.1`, `::`; empty of unix."""
    port: int
    """0 of unix."""
    inode: int
    pid: int
    """The first of those asked about that holds it: a server's workers share it."""
    path: str | None = None
    """Of unix, as the process bound it; one without a file begins with `@`, None: it is unbound."""

    @property
    def loopback(self) -> bool:
        """Nobody outside its network namespace can reach it."""
        return self.protocol == "unix" or ipaddress.ip_address(self.address).is_loopback

    @property
    def everywhere(self) -> bool:
        """It is bound to every address."""
        return self.protocol != "unix" and ipaddress.ip_address(self.address).is_unspecified

    def __str__(self) -> str:
        if self.protocol == "unix":
            return f"unix {self.path or '(unbound)'}"
        return f"{self.protocol.removesuffix('6')} {_shown(self.address, self.port)}"


@dataclass(frozen=True, slots=True)
class Connected:
    """A socket with somebody at the other end, or on the way to it. Addresses mapped from IPv4 are shown as IPv4."""

    protocol: Protocol
    address: str
    port: int
    peer: str
    peer_port: int
    inode: int
    pid: int
    """The first of those asked about that holds it."""
    established: bool
    """False: it waits for an answer to its connect."""

    def __str__(self) -> str:
        ends = f"{_shown(self.address, self.port)} → {_shown(self.peer, self.peer_port)}"
        return f"{self.protocol.removesuffix('6')} {ends}"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of `/proc/net/tcp` and its likes."""

    address: str
    port: int
    peer: str
    peer_port: int
    state: int
    inode: int


@dataclass(frozen=True, slots=True)
class UnixRow:
    """A line of `/proc/net/unix`."""

    inode: int
    accepts: bool
    stream: bool
    """It has connections; others take datagrams."""
    path: str | None


def listening(pids: Iterable[int], network_pid: int | None = None) -> tuple[Listener, ...]:
    """Where the processes listen, each socket once, ordered by protocol, port and address.

    `network_pid`: a process in whose network namespace they are; otherwise each process's own is read. Sockets of a
    process that has ended, or that may not be looked into, are not among them.
    """
    pids, found = tuple(pids), []
    for protocol, row, pid in _internet(pids, network_pid):
        bound = row.state == _LISTEN if protocol.startswith("tcp") else row.state == _CLOSE
        if bound and row.port:
            found.append(Listener(protocol, row.address, row.port, row.inode, pid))
    for unix, pid in _unix(pids, network_pid):
        if unix.accepts or (not unix.stream and unix.path):
            found.append(Listener("unix", "", 0, unix.inode, pid, unix.path))
    return tuple(sorted(found, key=lambda one: (one.protocol, one.port, one.address, one.path or "", one.inode)))


def connected(pids: Iterable[int], network_pid: int | None = None) -> tuple[Connected, ...]:
    """Whom the processes are connected with over TCP and UDP, or try to be, as `listening` finds them."""
    found = []
    for protocol, row, pid in _internet(tuple(pids), network_pid):
        if row.state in (_ESTABLISHED, _SYN_SENT):
            ends = _mapped(row.address), row.port, _mapped(row.peer), row.peer_port
            found.append(Connected(protocol, *ends, row.inode, pid, row.state == _ESTABLISHED))
    return tuple(sorted(found, key=lambda one: (one.protocol, one.peer, one.peer_port, one.port, one.inode)))


def parse_internet(table: str) -> Iterator[Row]:
    """The rows of `/proc/net/tcp`, `tcp6`, `udp` or `udp6`, which hold addresses in the machine's byte order."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, port = _end(fields[1])
        peer, peer_port = _end(fields[2])
        yield Row(address, port, peer, peer_port, int(fields[3], 16), int(fields[9]))


def parse_unix(table: str) -> Iterator[UnixRow]:
    """The rows of `/proc/net/unix`. A path may hold spaces; one with a line end does not come out whole."""
    for flags, kind, inode, path in _UNIX_ROW.findall(table):
        stream = int(kind, 16) in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET)
        yield UnixRow(int(inode), bool(int(flags, 16) & _ACCEPTS), stream, path or None)


def _internet(pids: tuple[int, ...], network_pid: int | None) -> Iterator[tuple[Protocol, Row, int]]:
    for network, holders in _networks(pids, network_pid):
        for protocol in _PROTOCOLS:
            for row in parse_internet(_table(network, protocol)):
                if row.inode in holders:
                    yield protocol, row, holders[row.inode]


def _unix(pids: tuple[int, ...], network_pid: int | None) -> Iterator[tuple[UnixRow, int]]:
    for network, holders in _networks(pids, network_pid):
        for row in parse_unix(_table(network, "unix")):
            if row.inode in holders:
                yield row, holders[row.inode]


def _networks(pids: tuple[int, ...], network_pid: int | None) -> Iterator[tuple[int, dict[int, int]]]:
    """A process in each network namespace that is to be read, and the first holder of each socket by inode."""
    if network_pid is not None:
        yield network_pid, _holders(pids)
        return
    groups: dict[str, list[int]] = {}
    for pid in pids:
        try:
            groups.setdefault(os.readlink(f"/proc/{pid}/ns/net"), []).append(pid)
        except OSError:
            continue
    for group in groups.values():
        yield group[0], _holders(group)


def _holders(pids: Iterable[int]) -> dict[int, int]:
    holders: dict[int, int] = {}
    for pid in pids:
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for name in names:
            try:
                status = os.stat(f"/proc/{pid}/fd/{name}")
            except OSError:
                continue
            if stat.S_ISSOCK(status.st_mode):
                holders.setdefault(status.st_ino, pid)
    return holders


def _table(pid: int, name: str) -> str:
    """A table, or nothing where there is none (no IPv6) or the process has ended."""
    try:
        with open(f"/proc/{pid}/net/{name}", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def _end(text: str) -> tuple[str, int]:
    """`0100007F:1F90` is 127.0.0.1, 8080: an address is one or four numbers of four bytes."""
    address, _, port = text.partition(":")
    words = (address[start : start + 8] for start in range(0, len(address), 8))
    packed = b"".join(struct.pack("=I", int(word, 16)) for word in words)
    return str(ipaddress.ip_address(packed)), int(port, 16)


def _mapped(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    inner = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(inner or parsed)


def _shown(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
