"""The public port: taken so that several processes of one home share it, and nobody else can slip in beside them."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tolv.errors import PlatformError
from tolv.home import Home, socket_address

_BACKLOG = 4096
_MOST_SOCKETS = 8
_HANDOVER_SECONDS = 10.0


def listen(port: int, bind: str, *, shared: bool) -> list[socket.socket]:
    """Listen on `bind`, and for the default loopback address on its IPv6 sister as well.

    `shared`: another router process of this home holds the port already. Otherwise the port is bound exclusively
    first and opened to sisters afterwards: `SO_REUSEPORT` from the start would let two homes of one user split
    each other's traffic without a word.

    Raises `PlatformError` if the port is taken or not allowed.
    """
    sockets: list[socket.socket] = []
    try:
        for address in (bind, "::1") if bind == "127.0.0.1" else (bind,):
            if (one := _listen(port, address, shared=shared, optional=bool(sockets))) is not None:
                sockets.append(one)
    except OSError as error:
        for one in sockets:
            one.close()
        raise _refusal(error, port, bind) from None
    return sockets


def listen_to_edge(path: Path) -> socket.socket:
    """Listen at `path` for the HTTPS edge, mode 0600; what lies there is stale, since the caller holds the index."""
    path.unlink(missing_ok=True)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    mask = os.umask(0o177)
    try:
        one.bind(socket_address(path))
    finally:
        os.umask(mask)
    one.listen(_BACKLOG)
    return one


def send_sockets(peer: socket.socket, sockets: list[socket.socket]) -> None:
    """Hand listening sockets to a successor."""
    socket.send_fds(peer, [b"{}\n"], [one.fileno() for one in sockets])


def inherit(control: Path) -> list[socket.socket]:
    """The listening sockets of a predecessor, who then accepts no more; none if there is no predecessor.

    A connection that waits to be accepted belongs to the socket, not to a process: none is lost.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(_HANDOVER_SECONDS)
        try:
            peer.connect(socket_address(control))
        except OSError:
            return []
        peer.sendall(b'{"op": "handover"}\n')
        _, descriptors, _, _ = socket.recv_fds(peer, 16, _MOST_SOCKETS)
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    for one in sockets:
        one.setblocking(False)
    return sockets


def _listen(port: int, address: str, *, shared: bool, optional: bool) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        one = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError:
        if optional:
            return None  # a kernel without IPv6
        raise
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((address, port))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _notice_dead_peers(one)
        one.listen(_BACKLOG)
    except OSError as error:
        one.close()
        if optional and error.errno == errno.EADDRNOTAVAIL:
            return None  # IPv6 is switched off
        raise
    return one


def _notice_dead_peers(one: socket.socket) -> None:
    """Probe silent peers, so that a client whose machine is gone does not hold a WebSocket for ever. Accepted sockets
    inherit it."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4)):
        one.setsockopt(socket.IPPROTO_TCP, option, value)


def _refusal(error: OSError, port: int, bind: str) -> PlatformError:
    where = f"{bind}:{port}"
    if error.errno == errno.EADDRINUSE:
        return PlatformError(
            f"port {port} is taken by another program",
            where=where,
            remedy=f"stop that program (ss -ltnp 'sport = :{port}' names it), or set TOLV_PORT to a free port",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return PlatformError(
            f"port {port} needs privileges that this user does not have",
            where=where,
            remedy="set TOLV_PORT to a port above 1023, or lower net.ipv4.ip_unprivileged_port_start",
        )
    return PlatformError(f"cannot listen: {error.strerror}", where=where, remedy="choose another address or TOLV_PORT")


@contextmanager
def port_lock(home: Home) -> Iterator[None]:
    """Only one router process of a home at a time decides whether it is the first on the port."""
    descriptor = os.open(home.router / "listen.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
