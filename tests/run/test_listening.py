"""Who listens on a port: from the kernel by netlink, and from `/proc` where that is not to be had."""

import os
import socket
from collections.abc import Callable

import pytest

from tolv.run.local import listening as module
from tolv.run.local.listening import listening


@pytest.fixture(params=["netlink", "proc"])
def find(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], set[str]]:
    if request.param == "netlink":
        monkeypatch.setattr(module, "_read_tables", lambda port: pytest.fail("the kernel did not answer"))
    else:
        monkeypatch.setattr(module, "_NETLINK_SOCK_DIAG", 31)  # no such protocol
    return listening


def inode(one: socket.socket) -> str:
    return os.readlink(f"/proc/self/fd/{one.fileno()}").removeprefix("socket:[").removesuffix("]")


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_listening_socket_is_found_and_no_other(
    find: Callable[[int], set[str]], family: socket.AddressFamily, host: str
) -> None:
    with socket.socket(family) as server, socket.socket(family) as client, socket.socket(family) as bound:
        server.bind((host, 0))
        port = server.getsockname()[1]
        assert find(port) == set()
        server.listen()
        client.connect((host, port))
        accepted, _ = server.accept()
        with accepted:
            assert find(port) == {inode(server)}
        bound.bind((host, 0))
        assert find(bound.getsockname()[1]) == set()


def test_several_on_one_port_are_all_found(find: Callable[[int], set[str]]) -> None:
    with socket.socket() as first, socket.socket() as second:
        for one in (first, second):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        first.bind(("127.0.0.1", 0))
        second.bind(first.getsockname())
        first.listen()
        second.listen()
        assert find(first.getsockname()[1]) == {inode(first), inode(second)}
