"""Where processes listen and whom they are connected with."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prove.tame import tame

from tolv.prove.watch.sockets import Connected, Listener, Row, connected, listening, parse_internet, parse_unix

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 00 100 0 0 10 0
   1: 0200007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 12 1 00 20 4 0 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 13 1 00 100 0
   1: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000200007F:0051 01 0:0 00:0 0 0 0 14 1 00 100 0
"""
UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
00000000c95f593b: 00000002 00000000 00010000 0001 01 98370 /run/a b.sock
0000000088e8d3b0: 00000003 00000000 00000000 0001 03    21
0000000088e8d3b1: 00000002 00000000 00000000 0002 01 98371 @hidden
0000000088e8d3b2: 00000002 00000000 00010000 0005 01 98372 /run/with
a line
"""


@pytest.fixture
def here() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bound(here: ExitStack, host: str, kind: int = socket.SOCK_STREAM) -> tuple[socket.socket, int]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = here.enter_context(socket.socket(family, kind))
    one.bind((host, 0))
    return one, one.getsockname()[1]


def inode(one: socket.socket) -> int:
    return os.fstat(one.fileno()).st_ino


def test_tables_of_the_internet_protocols_are_read() -> None:
    assert list(parse_internet(TCP)) == [
        Row("127.0.0.1", 8080, "0.0.0.0", 0, 0x0A, 11),
        Row("127.0.0.2", 54321, "127.0.0.1", 8080, 0x01, 12),
    ]
    first, second = parse_internet(TCP6)
    assert (first.address, first.port) == ("::1", 8081)
    assert second.peer.startswith("::ffff:")
    assert second.inode == 14
    assert list(parse_internet("")) == []


def test_the_table_of_unix_sockets_is_read_whatever_paths_hold() -> None:
    rows = list(parse_unix(UNIX))
    assert [(row.inode, row.accepts, row.stream, row.path) for row in rows] == [
        (98370, True, True, "/run/a b.sock"),
        (21, False, True, None),
        (98371, False, False, "@hidden"),
        (98372, True, True, "/run/with"),
    ]


@pytest.mark.parametrize(
    ("host", "protocol", "loopback", "everywhere", "shown"),
    [
        ("127.0.0.1", "tcp", True, False, "tcp 127.0.0.1:{}"),
        ("127.0.0.2", "tcp", True, False, "tcp 127.0.0.2:{}"),
        ("0.0.0.0", "tcp", False, True, "tcp 0.0.0.0:{}"),
        ("::1", "tcp6", True, False, "tcp [::1]:{}"),
        ("::", "tcp6", False, True, "tcp [::]:{}"),
    ],
)
def test_a_listener_says_who_can_reach_it(
    here: ExitStack, host: str, protocol: str, loopback: bool, everywhere: bool, shown: str
) -> None:
    server, port = bound(here, host)
    bound(here, host)  # one that does not listen
    before = listening([os.getpid()])
    server.listen()
    (found,) = set(listening([os.getpid()])) - set(before)
    assert found == Listener(protocol, host, port, inode(server), os.getpid())  # type: ignore[arg-type]
    assert (found.loopback, found.everywhere) == (loopback, everywhere)
    assert str(found) == shown.format(port)
    server.close()
    assert listening([os.getpid()]) == before


def test_a_socket_of_another_process_is_not_ours(here: ExitStack) -> None:
    server, _ = bound(here, "127.0.0.1")
    server.listen()
    with tame("s = socket.create_server(('127.0.0.1', 0)); say(s.getsockname()[1]); stay()") as other:
        port = int(other.hear()[0])
        (found,) = listening([other.pid])
        assert (found.address, found.port, found.pid) == ("127.0.0.1", port, other.pid)
        assert found.inode != inode(server)
        assert found in listening([os.getpid(), other.pid])
        assert found in listening([other.pid], network_pid=os.getpid())
        assert found not in listening([os.getpid()])
    assert listening([other.pid]) == ()


def test_a_socket_that_workers_share_is_one() -> None:
    with tame("s = socket.create_server(('127.0.0.1', 0)); c = os.fork() or stay(); say(c); stay()") as one:
        child = int(one.hear()[0])
        (found,) = listening([one.pid, child])
        assert found.pid == one.pid
        assert listening([child])[0].pid == child


def test_udp_listens_unless_it_is_connected(here: ExitStack) -> None:
    before = listening([os.getpid()])
    server, port = bound(here, "127.0.0.1", socket.SOCK_DGRAM)
    client = here.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    client.connect(("127.0.0.1", port))
    (found,) = set(listening([os.getpid()])) - set(before)
    assert found == Listener("udp", "127.0.0.1", port, inode(server), os.getpid())
    (to,) = (one for one in connected([os.getpid()]) if one.inode == inode(client))
    assert (to.protocol, to.peer, to.peer_port, to.established) == ("udp", "127.0.0.1", port, True)


def test_unix_sockets_are_listeners_with_a_path(here: ExitStack, tmp_path: Path) -> None:
    before = listening([os.getpid()])
    path = str(tmp_path / "a b.sock")
    names = {path: socket.SOCK_STREAM, f"\0tolv-{os.getpid()}": socket.SOCK_SEQPACKET, path + "g": socket.SOCK_DGRAM}
    for name, kind in names.items():
        one = here.enter_context(socket.socket(socket.AF_UNIX, kind))
        one.bind(name)
        if kind != socket.SOCK_DGRAM:
            one.listen()
    client = here.enter_context(socket.socket(socket.AF_UNIX))
    client.connect(path)
    found = set(listening([os.getpid()])) - set(before)
    assert {one.path for one in found} == {path, f"@tolv-{os.getpid()}", path + "g"}
    assert {(one.protocol, one.port, one.loopback) for one in found} == {("unix", 0, True)}
    assert f"unix {path}" in map(str, found)


def test_both_ends_of_a_connection_are_seen(here: ExitStack) -> None:
    server, port = bound(here, "127.0.0.1")
    server.listen()
    with tame("s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); say('up'); stay()", str(port)) as one:
        one.hear()
        accepted, (_, from_port) = server.accept()
        with accepted:
            (theirs,) = connected([one.pid])
            ours = next(one for one in connected([os.getpid()]) if one.inode == inode(accepted))
            assert theirs == Connected(
                "tcp", "127.0.0.1", from_port, "127.0.0.1", port, theirs.inode, one.pid, established=True
            )
            assert (ours.peer, ours.peer_port, ours.port) == ("127.0.0.1", from_port, port)
            assert str(theirs) == f"tcp 127.0.0.1:{from_port} → 127.0.0.1:{port}"
            assert listening([one.pid]) == ()


def test_an_address_mapped_from_ipv4_is_shown_as_such(here: ExitStack) -> None:
    server, port = bound(here, "127.0.0.1")
    server.listen()
    client = here.enter_context(socket.socket(socket.AF_INET6))
    client.connect(("::ffff:127.0.0.1", port))
    (found,) = (one for one in connected([os.getpid()]) if one.inode == inode(client))
    assert (found.protocol, found.address, found.peer) == ("tcp6", "127.0.0.1", "127.0.0.1")


def test_a_connect_that_nobody_answers_is_seen(here: ExitStack) -> None:
    server, port = bound(here, "127.0.0.1")
    server.listen(0)
    clients = []
    for _ in range(3):  # the first fills the queue of one that accepts nothing
        clients.append(here.enter_context(socket.socket()))
        clients[-1].setblocking(False)
        assert clients[-1].connect_ex(("127.0.0.1", port)) in (0, 115)
    found = {one.inode: one.established for one in connected([os.getpid()])}
    assert found[inode(clients[0])] is True
    assert found[inode(clients[-1])] is False
