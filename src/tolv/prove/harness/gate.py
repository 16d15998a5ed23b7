"""The gate: the process that holds a trial's network, which is a network namespace, and notes who wants to leave it.

`python -I -S gate.py SOCKET`: it connects to the unix socket there (SOCK_SEQPACKET, a JSON object a packet), says
`{"ready": true}` or `{"refused": why}`, does what `GateNetwork` (`network.py`) asks, and ends with the connection.

In the namespace every address is local (AnyIP): whatever an app asks for stays in it, and what nobody listens to is
refused at once. Noted are the first packet of each TCP connection, each UDP datagram, and each question to a name
server, which is the gate whatever its address. Sockets of the harness are made here, too, and marked: nothing of
theirs is noted.

| op | arguments | answer |
|---|---|---|
| `socket` | `family` | a TCP socket of the namespace by SCM_RIGHTS |
| `known` | `ports` | none: connections to these, on loopback, are nothing to note |
| `names` | `names`: addresses by name | none |
| `seen` | `after`: how many the client has | `seen`: up to 500 more (time, protocol, host, port, name), `lost` |
"""

from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import json
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

if not __package__:  # run by its path, without the site: the package's root is not on the path
    sys.path.insert(0, os.path.abspath(__file__).removesuffix("/tolv/prove/harness/gate.py"))

from tolv.prove.harness import resolver
from tolv.prove.harness.tap import MARK, SO_MARK, open_tap, read_packet

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_IP_PKTINFO = 8
_DNS = 53
#: Notes that are kept, and how many of them one packet takes.
MOST, PAGE = 10_000, 500
#: Bytes of a request, a datagram.
_REQUEST, _DATAGRAM = 1 << 16, 1 << 16

Note = tuple[float, str, str, int, str | None]


def make_namespace() -> None:
    """Leave for a network namespace, by a user namespace if not root; all of its addresses lead to it.

    Raises OSError.
    """
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET | (_CLONE_NEWUSER if uid else 0)) != 0:
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP))
    lead_everywhere_home(socket.AF_INET)
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        lead_everywhere_home(socket.AF_INET6)


def lead_everywhere_home(family: int) -> None:
    """`ip route add local default dev lo`: every address is one of this machine's. Raises OSError."""
    new_route, request, ack, create = 24, 1, 4, 0x400
    table_local, by_administrator, scope_host, kind_local = 255, 4, 254, 2
    scope = scope_host if family == socket.AF_INET else 0
    route = struct.pack("=BBBBBBBBI", family, 0, 0, 0, table_local, by_administrator, scope, kind_local, 0)
    route += struct.pack("=HHI", 8, 4, socket.if_nametoindex("lo"))  # RTA_OIF
    header = struct.pack("=IHHII", 16 + len(route), new_route, request | ack | create, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(header + route)
        error = -struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if error:
        raise OSError(error, f"a local route: {os.strerror(error)}")


def own(family: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """A socket of which the tap gets nothing."""
    made = socket.socket(family, kind)
    made.setsockopt(socket.SOL_SOCKET, SO_MARK, MARK)
    return made


class Gate:
    """What happens in the namespace from when it is there. `control`: the connection to the client."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._notes: list[Note] = []
        self._lost = 0
        self._known: set[int] = set()
        self._names: dict[str, list[str]] = {}
        self._asked: set[tuple[tuple[str, int], tuple[str, int]]] = set()
        """From where to where datagrams went, to tell an answer from a question."""
        self._half: dict[socket.socket, bytes] = {}
        """What has come of questions by TCP."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._tap = open_tap()
        self._watch(self._tap, self._listen)
        for family in (socket.AF_INET, socket.AF_INET6):
            self._serve_names(family)

    def serve(self) -> None:
        """Until the client is gone."""
        while True:
            ready = {key.fileobj: key.data for key, _ in self._selector.select()}
            # The client first: what it said before a packet left counts for that packet.
            if self._control in ready and not self._obey():
                return
            for one, handler in ready.items():
                if handler is not None:
                    handler(one)

    def _watch(self, one: socket.socket, handler: Callable[[socket.socket], None]) -> None:
        one.setblocking(False)
        self._selector.register(one, selectors.EVENT_READ, handler)

    def _obey(self) -> bool:
        try:
            request = self._control.recv(_REQUEST)
            if not request:
                return False
            order = json.loads(request)
            answer, descriptors = getattr(self, f"_do_{order['op']}")(order)
            if answer is not None:
                packet = json.dumps({"id": order["id"], **answer}).encode()
                socket.send_fds(self._control, [packet], [one.fileno() for one in descriptors])
            for one in descriptors:
                one.close()
        except ConnectionError:
            return False
        return True

    def _do_socket(self, order: dict[str, Any]) -> tuple[dict[str, Any], list[socket.socket]]:
        try:
            return {}, [own(order["family"])]
        except OSError as error:
            return {"error": error.errno}, []

    def _do_known(self, order: dict[str, Any]) -> tuple[None, list[socket.socket]]:
        self._known.update(order["ports"])
        return None, []

    def _do_names(self, order: dict[str, Any]) -> tuple[None, list[socket.socket]]:
        self._names = {name.lower().rstrip("."): addresses for name, addresses in order["names"].items()}
        return None, []

    def _do_seen(self, order: dict[str, Any]) -> tuple[dict[str, Any], list[socket.socket]]:
        # What has been asked so far is to be in the answer.
        for key in list(self._selector.get_map().values()):
            if key.data is not None:
                key.data(key.fileobj)
        after = order["after"]
        return {"seen": self._notes[after : after + PAGE], "lost": self._lost}, []

    def _note(self, protocol: str, host: str, port: int, name: str | None = None) -> None:
        if len(self._notes) < MOST:
            self._notes.append((time.time(), protocol, host, port, name))
        else:
            self._lost += 1

    def _listen(self, tap: socket.socket) -> None:
        while (data := receive(tap, 128)) is not None:
            packet = read_packet(data)
            if packet is None:
                continue
            (host, port), datagram = packet.target, packet.protocol == "udp"
            if datagram and (packet.target, packet.source) in self._asked:
                continue
            if datagram and len(self._asked) < MOST:
                self._asked.add((packet.source, packet.target))
            familiar = port in self._known and ipaddress.ip_address(host).is_loopback
            if port != _DNS and not familiar:  # to a name server goes a question, which says more
                self._note(packet.protocol, host, port)

    # Names.

    def _serve_names(self, family: int) -> None:
        everywhere = ("0.0.0.0" if family == socket.AF_INET else "::", _DNS)
        try:
            by_datagram, by_stream = own(family, socket.SOCK_DGRAM), own(family)
            for one in (by_datagram, by_stream):
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.bind(everywhere)
        except OSError:
            if family == socket.AF_INET:
                raise
            return  # a machine without IPv6
        if family == socket.AF_INET:
            by_datagram.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        else:
            by_datagram.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        by_stream.listen(64)
        self._watch(by_datagram, self._answer)
        self._watch(by_stream, self._accept)

    def _answer(self, server: socket.socket) -> None:
        while True:
            try:
                message, extra, _, peer = server.recvmsg(_DATAGRAM, 256)
            except BlockingIOError:
                return
            except OSError:
                continue  # whoever asked is gone
            if (answer := self._reply(message, _asked_at(extra))) is not None:
                try:
                    server.sendmsg([answer], [(level, kind, _from(kind, data)) for level, kind, data in extra], 0, peer)
                except OSError:
                    continue

    def _accept(self, listener: socket.socket) -> None:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        self._half[peer] = b""
        self._watch(peer, self._answer_stream)

    def _answer_stream(self, peer: socket.socket) -> None:
        data = receive(peer, 4096) if peer in self._half else None
        if data is None:
            return
        message = self._half[peer] = self._half[peer] + data
        try:
            while len(message) >= 2 and len(message) >= (end := 2 + int.from_bytes(message[:2], "big")):
                answer = self._reply(message[2:end], peer.getsockname()[0])
                if answer is not None:
                    peer.send(len(answer).to_bytes(2, "big") + answer)
                message = self._half[peer] = message[end:]
        except OSError:
            data = b""
        if not data:
            del self._half[peer]
            self._selector.unregister(peer)
            peer.close()

    def _reply(self, message: bytes, server: str) -> bytes | None:
        question = resolver.read_question(message)
        if question is None:
            return None
        self._note("dns", server, _DNS, question.name)
        return resolver.answer(message, question, self._names)


def receive(one: socket.socket, most: int) -> bytes | None:
    """What has come; None if nothing has, b"" at the end of a stream, also of one that was cut."""
    try:
        return one.recv(most)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _asked_at(extra: list[tuple[int, int, bytes]]) -> str:
    """The address to which a datagram went."""
    for _, kind, data in extra:
        if kind == _IP_PKTINFO:
            return socket.inet_ntop(socket.AF_INET, data[8:12])
        if kind == socket.IPV6_PKTINFO:
            return socket.inet_ntop(socket.AF_INET6, data[:16])
    return ""


def _from(kind: int, data: bytes) -> bytes:
    """What lets an answer come from the address that was asked."""
    return bytes(4) + data[8:12] + bytes(4) if kind == _IP_PKTINFO else data[:16] + bytes(4)


def main() -> None:
    """The command line."""
    directory, name = os.path.split(sys.argv[1])
    os.chdir(directory)  # a path of any length
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(name)
    os.chdir("/")
    try:
        make_namespace()
        gate = Gate(control)
    except OSError as error:
        control.send(json.dumps({"refused": error.strerror}).encode())
        control.recv(1)  # until that was read
        return
    control.send(b'{"ready": true}')
    gate.serve()


if __name__ == "__main__":
    main()
