"""What the gate makes of packets and of questions: whatever comes, it goes on."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.prove.harness.resolver import answer, read_question
from tolv.prove.harness.tap import Packet, read_packet

A, AAAA, MX = 1, 28, 15
NAMES = {"www.example": ["10.0.0.1", "10.0.0.2", "2001:db8::1"]}


def question(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    return struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def ipv4(protocol: int, payload: bytes) -> bytes:
    addresses = socket.inet_aton("10.0.0.1") + socket.inet_aton("192.0.2.7")
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + addresses + payload


def ipv6(protocol: int, payload: bytes) -> bytes:
    addresses = socket.inet_pton(socket.AF_INET6, "::1") + socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + addresses + payload


def tcp(flags: int) -> bytes:
    return struct.pack(">HHIIBBHHH", 40000, 443, 0, 0, 0x50, flags, 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "kind", "status", "addresses"),
    [
        ("WWW.Example", A, 0, [b"\x0a\0\0\1", b"\x0a\0\0\2"]),
        ("www.example", AAAA, 0, [socket.inet_pton(socket.AF_INET6, "2001:db8::1")]),
        ("www.example", MX, 0, []),
        ("example", A, 3, []),
    ],
)
def test_a_name_has_the_addresses_that_were_told_and_others_do_not_exist(
    name: str, kind: int, status: int, addresses: list[bytes]
) -> None:
    message = question(name, kind)
    asked = read_question(message)
    assert asked is not None
    assert (asked.name, asked.type) == (name.lower(), kind)
    told = answer(message, asked, NAMES)
    number, flags, questions, count, *_ = struct.unpack_from(">HHHHHH", told)
    assert (number, flags & 0x8000, flags & 15, questions, count) == (7, 0x8000, status, 1, len(addresses))
    assert told[12 : len(message)] == message[12:]
    records = told[len(message) :]
    for address in addresses:
        size = 12 + len(address)
        assert records[12:size] == address
        records = records[size:]
    assert records == b""


@given(st.binary(max_size=600))
def test_no_message_is_too_odd(data: bytes) -> None:
    for message in (data, question("a.b", A)[:12] + data, question(data.hex()[:60] or "a", A) + data):
        asked = read_question(message)
        if asked is not None:
            assert answer(message, asked, NAMES)[:2] == message[:2]


@pytest.mark.parametrize(("wrap", "source", "target"), [(ipv4, "10.0.0.1", "192.0.2.7"), (ipv6, "::1", "2001:db8::7")])
def test_what_begins_something_is_read(wrap: object, source: str, target: str) -> None:
    assert callable(wrap)
    assert read_packet(wrap(6, tcp(0x02))) == Packet("tcp", (source, 40000), (target, 443))
    assert read_packet(wrap(17, tcp(0)[:8])) == Packet("udp", (source, 40000), (target, 443))
    for nothing in (wrap(6, tcp(0x12)), wrap(6, tcp(0x10)), wrap(1, tcp(0x02)), wrap(6, b"")):
        assert read_packet(nothing) is None


@given(st.binary(max_size=128))
def test_no_packet_is_too_odd(data: bytes) -> None:
    for packet in (data, b"\x45" + data, b"\x60" + data):
        read = read_packet(packet)
        assert read is None or read.protocol in ("tcp", "udp")
