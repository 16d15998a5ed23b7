"""Which sockets listen on a port of this machine.

The kernel is asked by sock_diag(7), which can be told to name listening sockets alone. Where that is not to be had
there is `/proc/net/tcp`, which lists every connection, closed ones included: slow when there are a hundred thousand.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP = 20, 0x301
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
"""`nlmsghdr`: length, type, flags, sequence, port id."""
_LISTEN = 10
"""TCP_LISTEN, of the kernel's states; `0A` in `/proc/net/tcp`."""
_PORT_AT, _INODE_AT = 4, 68
"""Offsets in `inet_diag_msg`: the local port (big-endian, 2 bytes) and the socket's inode (4 bytes)."""


def listening(port: int) -> set[str]:
    """Inodes of the TCP sockets that listen on `port`, whatever the address."""
    try:
        return {inode for local, inode in _ask_kernel() if local == port}
    except (OSError, struct.error):
        return _read_tables(port)


def _ask_kernel() -> Iterator[tuple[int, str]]:
    """Port and inode of every listening TCP socket. Raises `OSError` where the kernel does not say."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
        for family in (socket.AF_INET, socket.AF_INET6):
            # `inet_diag_req_v2`: family, protocol, extensions, padding, states, and the id of no socket in particular.
            wanted = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 0, 0, 1 << _LISTEN)
            header = _HEADER.pack(_HEADER.size + len(wanted), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0)
            netlink.send(header + wanted)
            yield from _answers(netlink)


def _answers(netlink: socket.socket) -> Iterator[tuple[int, str]]:
    while True:
        answer = netlink.recv(1 << 16)
        while answer:
            length, kind, *_ = _HEADER.unpack_from(answer)
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError(-struct.unpack_from("=i", answer, _HEADER.size)[0], "sock_diag")
            (port,) = struct.unpack_from(">H", answer, _HEADER.size + _PORT_AT)
            (inode,) = struct.unpack_from("=I", answer, _HEADER.size + _INODE_AT)
            yield port, str(inode)
            answer = answer[(length + 3) & ~3 :]


def _read_tables(port: int) -> set[str]:
    """The same from proc(5)."""
    here = f":{port:04X} "
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()
        except OSError:
            continue
        for fields in (line.split() for line in lines if here in line):
            if fields[1].endswith(here.rstrip()) and int(fields[3], 16) == _LISTEN:
                inodes.add(fields[9])
    return inodes
