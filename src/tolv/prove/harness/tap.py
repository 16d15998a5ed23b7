"""The tap on a namespace's loopback: a packet socket that gets what begins something, and what its packets say."""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import NamedTuple

#: Sockets with this mark are the harness's own, of which the tap gets nothing.
MARK = 0x746F6C76
SO_MARK, _SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 36, 26, 33
_EVERY_PROTOCOL = 3  # ETH_P_ALL: the only one for which a packet that leaves is told
_BUFFER = 4 << 20
_TCP, _UDP = 6, 17

# Classic BPF on a packet from its IP header on, and on what the kernel knows of it.
_LOAD, _LOAD_BYTE, _LOAD_BYTE_AFTER, _SKIP_HEADER = 0x20, 0x30, 0x50, 0xB1
_SHIFT, _AND, _EQUAL, _TAKE = 0x74, 0x54, 0x15, 0x06
_KIND, _MARKED = 0xFFFFF004, 0xFFFFF014
_OUTGOING = 4
_SYN, _SYN_AND_ACK = 0x02, 0x12
#: A line is an operation and its operand; a comparison says where to go on if so and if not, "" being the next line.
_FILTER: tuple[str | tuple[int, int] | tuple[int, int, str, str], ...] = (
    (_LOAD, _MARKED),
    (_EQUAL, MARK, "drop", ""),
    (_LOAD, _KIND),  # each packet passes twice: where it leaves, and where it arrives
    (_EQUAL, _OUTGOING, "", "drop"),
    (_LOAD_BYTE, 0),
    (_SHIFT, 4),
    (_EQUAL, 6, "IPv6", ""),
    (_EQUAL, 4, "", "drop"),
    (_LOAD_BYTE, 9),
    (_EQUAL, _UDP, "take", ""),
    (_EQUAL, _TCP, "", "drop"),
    (_SKIP_HEADER, 0),
    (_LOAD_BYTE_AFTER, 13),
    (_AND, _SYN_AND_ACK),
    (_EQUAL, _SYN, "take", "drop"),
    "IPv6",
    (_LOAD_BYTE, 6),
    (_EQUAL, _UDP, "take", ""),
    (_EQUAL, _TCP, "", "drop"),
    (_LOAD_BYTE, 40 + 13),
    (_AND, _SYN_AND_ACK),
    (_EQUAL, _SYN, "take", "drop"),
    "take",
    (_TAKE, 128),
    "drop",
    (_TAKE, 0),
)


class Packet(NamedTuple):
    """A TCP SYN or a UDP datagram, from one address and port to another."""

    protocol: str
    source: tuple[str, int]
    target: tuple[str, int]


def open_tap() -> socket.socket:
    """A socket, not blocking, that gets each TCP SYN and each UDP datagram of this namespace's loopback."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    program = _assemble()
    code = ctypes.create_string_buffer(program)
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    tap.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
    try:
        tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except OSError:
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)  # as much of it as one may have
    tap.bind(("lo", _EVERY_PROTOCOL))
    tap.setblocking(False)
    return tap


def _assemble() -> bytes:
    lines: list[tuple[int, int] | tuple[int, int, str, str]] = []
    places = {"": 0}
    for line in _FILTER:
        if isinstance(line, str):
            places[line] = len(lines)
        else:
            lines.append(line)
    program = b""
    for number, (code, operand, *jumps) in enumerate(lines, 1):
        yes, no = (places[str(one)] - number if one else 0 for one in jumps or ("", ""))
        program += struct.pack("<HBBI", code, yes, no, operand)
    return program


def read_packet(data: bytes) -> Packet | None:
    """What a packet, from its IP header on, says of itself; None for one that begins nothing, or makes no sense."""
    try:
        if data[0] >> 4 == 4:
            protocol, start, family, addresses = data[9], (data[0] & 15) * 4, socket.AF_INET, data[12:20]
        else:
            protocol, start, family, addresses = data[6], 40, socket.AF_INET6, data[8:40]
        half = len(addresses) // 2
        source, target = (socket.inet_ntop(family, one) for one in (addresses[:half], addresses[half:]))
        source_port, target_port = struct.unpack_from(">HH", data, start)
        if protocol == _TCP and data[start + 13] & _SYN_AND_ACK != _SYN:
            return None
    except (IndexError, ValueError, struct.error):
        return None
    name = {_TCP: "tcp", _UDP: "udp"}.get(protocol)
    return Packet(name, (source, source_port), (target, target_port)) if name else None
