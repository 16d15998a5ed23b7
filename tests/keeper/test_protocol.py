"""The socket: what is malformed is refused, a slow client holds up nobody, nothing kills the keeper."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from typing import Any

import pytest

from tolv.home import socket_address
from tolv.run.keeper.client import KeeperClient


async def _nothing(keeper: KeeperClient) -> None:
    await keeper.hello()


@pytest.fixture
def peer(bench: Any) -> Any:
    """A bare connection to a keeper."""
    bench.run(_nothing)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20)
        peer.connect(socket_address(bench.home.keeper_socket))
        yield peer


def ask(peer: socket.socket, line: bytes) -> Any:
    peer.sendall(line + b"\n")
    answer = b""
    while not answer.endswith(b"\n"):
        data = peer.recv(65536)
        assert data, "the keeper hung up"
        answer += data
    return json.loads(answer)


SPEC = {
    "id": "a",
    "argv": ["true"],
    "directory": "/",
    "tmp": "/tmp/a",
    "stdout": None,
    "stderr": None,
    "limits": {},
    "tty": False,
}


@pytest.mark.parametrize(
    "request_",
    [
        b"garbage",
        b"\xff\xfe\x00\x01",
        b"[]",
        b"1e999",
        b"[" * 100_000,
        b'{"id": 1}',
        b'{"id": 1, "op": 5}',
        b'{"id": 1, "op": "explode"}',
        b'{"id": 1, "op": "signal", "process": "nobody", "signal": 9, "scope": "tree"}',
        b'{"id": 1, "op": "signal", "process": ["a"], "signal": 9, "scope": "tree"}',
        b'{"id": 1, "op": "forget"}',
        b'{"id": 1, "op": "attach", "process": "a", "attach": true}',
        b'{"id": 1, "op": "start", "spec": [], "env": {}}',
        *(
            json.dumps({"id": 1, "op": "start", "spec": SPEC | change, "env": env}).encode()
            for change, env in (
                ({"id": "../../etc"}, {}),
                ({"id": ""}, {}),
                ({"id": "a" * 500, "tmp": "/tmp/" + "a" * 500}, {}),
                ({"tmp": "/"}, {}),
                ({"argv": []}, {}),
                ({"argv": [""]}, {}),
                ({"argv": ["a\0b"]}, {}),
                ({"argv": "true"}, {}),
                ({"directory": "relative"}, {}),
                ({"stdout": 5}, {}),
                ({"limits": {"memory": "much"}}, {}),
                ({}, {"A=B": "x"}),
                ({}, {"A": "x\0y"}),
                ({}, {"A": 5}),
                ({}, None),
            )
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(bench: Any, peer: socket.socket, request_: bytes) -> None:
    answer = ask(peer, request_)
    assert answer["error"]["problem"]
    assert answer["id"] == (1 if request_.startswith(b'{"id": 1') else None)
    assert ask(peer, b'{"id": 2, "op": "list"}') == {"id": 2, "result": {"processes": []}}
    assert list((bench.home.keeper / "processes").iterdir()) == []


def test_the_socket_is_for_its_owner_alone(bench: Any, peer: socket.socket) -> None:
    assert stat.S_IMODE(bench.home.keeper_socket.stat().st_mode) == 0o600


def test_a_request_in_many_pieces_and_many_in_one_are_the_same(bench: Any, peer: socket.socket) -> None:
    for byte in b'{"id": 1, "op": "list"}':
        peer.sendall(bytes([byte]))
    assert ask(peer, b"")["id"] == 1
    peer.sendall(b'{"id": 2, "op": "list"}\n{"id": 3, "op": "hello"}\n')
    with peer.makefile("rb") as answers:
        assert [json.loads(answers.readline())["id"] for _ in range(2)] == [2, 3]


def test_a_request_without_end_is_cut_off(bench: Any, peer: socket.socket) -> None:
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        peer.sendall(b"x" * (64 << 20))
    bench.run(_nothing)


def test_a_client_that_does_not_read_is_dropped_and_holds_up_nobody(bench: Any, peer: socket.socket) -> None:
    async def story(keeper: KeeperClient) -> None:
        await keeper.start(bench.spec("a", "sleep 600"), bench.env())
        peer.setblocking(False)
        dropped = False
        request = json.dumps({"id": "x" * 60_000, "op": "list"}).encode() + b"\n"
        for _ in range(10_000):
            try:
                peer.send(request)
            except BlockingIOError:
                await keeper.list()
            except OSError:
                dropped = True
                break
        assert dropped
        await keeper.signal("a", signal.SIGKILL, "tree")
        await bench.ended(keeper, "a")

    bench.run(story)


def test_descriptors_that_nobody_asked_for_are_closed(bench: Any, peer: socket.socket) -> None:
    ask(peer, b'{"id": 1, "op": "hello"}')
    before = len(os.listdir(f"/proc/{bench.keeper_pid}/fd"))
    for _ in range(20):
        socket.send_fds(peer, [b'{"id": 1, "op": "hello"}\n'], [0, 1, 2])
        peer.recv(65536)
    assert len(os.listdir(f"/proc/{bench.keeper_pid}/fd")) <= before + 3


def test_only_one_keeper_serves_a_home_however_many_clients_start_it(bench: Any) -> None:
    import asyncio

    async def one() -> int:
        client = KeeperClient(bench.home)
        await client.connect()
        pid = int((await client.hello())["pid"])
        await client.close()
        return pid

    async def many() -> set[int]:
        return set(await asyncio.gather(*(one() for _ in range(6))))

    assert asyncio.run(many()) == {bench.keeper_pid}


def test_a_keeper_that_was_told_to_stop_leaves_its_processes(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> int:
        pid = await keeper.start(bench.spec("a", "exec sleep 600"), bench.env())
        await keeper.stop()
        return pid

    async def after(keeper: KeeperClient) -> None:
        assert (await bench.kept(keeper, "a")).alive

    bench.run(story)
    bench.run(after)
