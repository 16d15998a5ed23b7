"""A trial's network: real gates, real processes in them, by a real keeper."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.ordinary import ORDINARY, as_ordinary, python_for_all
from keeper.conftest import kill_and_wait, until
from prove.conftest import Scene, can_make_networks, in_network_of

from tolv.errors import PlatformError, UsageError
from tolv.prove.harness.network import GateNetwork, HostNetwork

ROOT = Path(__file__).parents[2]
SIOCGSKNS = 0x894C
Tell = Callable[[Callable[[Scene], Any]], Any]

needs_networks = pytest.mark.skipif(not can_make_networks(), reason="no network namespace may be made here")

BY_AN_ORDINARY_USER = "these tests are run by an ordinary user already"
NOT_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="without a view an app's user cannot reach root's interpreter")

#: Accepts, greets, and shows who it is, on the port and address that are put in.
GREETER = """
import socket
server = socket.create_server(("{host}", {port}))
print("listening")
while True:
    peer, _ = server.accept()
    peer.sendall(b"hello from inside")
    peer.close()
"""
#: Tries to connect to each address and port, and says how that went.
CALLER = """
import socket
for host, port in {places!r}:
    try:
        with socket.create_connection((host, port), 10) as peer:
            print(host, port, peer.recv(100).decode())
    except OSError as error:
        print(host, port, type(error).__name__)
print("done")
"""


def greeter(port: int, host: str = "127.0.0.1") -> str:
    return GREETER.format(port=port, host=host)


def caller(*places: tuple[str, int]) -> str:
    return CALLER.format(places=places)


def greet(peer: socket.socket) -> None:
    peer.sendall(b"hello from outside")
    peer.close()


async def ask(network: GateNetwork | HostNetwork, port: int, host: str = "127.0.0.1") -> bytes:
    reader, writer = await network.connect(port, host)
    try:
        return await reader.read()
    finally:
        writer.close()


@pytest.fixture
def outside() -> Iterator[int]:
    """A port of the machine's own loopback, on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@needs_networks
@pytest.mark.parametrize(
    "sandbox", [{}, {"landlock": True}, {"init": True}, pytest.param({"view": False}, marks=NOT_ROOT)], ids=str
)
def test_what_listens_inside_is_reached_from_outside_and_by_nobody_else(tell: Tell, sandbox: dict[str, bool]) -> None:
    async def story(scene: Scene) -> None:
        async with scene.network() as network:
            port = network.free_port()
            await scene.start("a", greeter(port), network=network.pid, **sandbox)
            await scene.line("a", "listening")
            assert await ask(network, port) == b"hello from inside"
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
            async with scene.network() as other:
                with pytest.raises(ConnectionRefusedError):
                    await ask(other, port)

    tell(story)


@needs_networks
def test_what_listens_on_one_address_alone_is_told_from_what_listens_on_all(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        async with scene.network() as network:
            one, all = network.free_port(), network.free_port()
            assert one != all
            await scene.start("one", greeter(one), network=network.pid)
            await scene.start("all", greeter(all, "0.0.0.0"), network=network.pid)
            await scene.line("one", "listening")
            await scene.line("all", "listening")
            assert await ask(network, all, "10.1.2.3") == b"hello from inside"
            with pytest.raises(ConnectionRefusedError):
                await ask(network, one, "10.1.2.3")

    tell(story)


@needs_networks
def test_inside_one_reaches_what_is_exposed_and_nothing_of_the_machine(tell: Tell, outside: int) -> None:
    async def story(scene: Scene) -> None:
        async with scene.network() as network:
            await network.expose(5432, greet)
            await network.expose(5433, greet, host="::1")
            places = [("127.0.0.1", 5432), ("::1", 5433), ("127.0.0.1", outside)]
            await scene.start("a", caller(*places), network=network.pid)
            await scene.line("a", "done")
            assert scene.bench.out("a").decode().splitlines() == [
                "127.0.0.1 5432 hello from outside",
                "::1 5433 hello from outside",
                f"127.0.0.1 {outside} ConnectionRefusedError",
                "done",
            ]

    tell(story)


@needs_networks
def test_what_is_exposed_no_more_refuses_until_it_is_exposed_again(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        async with scene.network() as network:
            await network.expose(5432, greet)
            with pytest.raises(OSError):
                await network.expose(5432, greet)
            assert await ask(network, 5432) == b"hello from outside"
            await network.unexpose(5432)
            with pytest.raises(ConnectionRefusedError):
                await ask(network, 5432)
            await network.expose(5432, greet)
            assert await ask(network, 5432) == b"hello from outside"

    tell(story)


@needs_networks
def test_who_wants_to_leave_is_seen_with_address_port_and_name(tell: Tell, outside: int) -> None:
    script = """
        import socket
        print("refused", socket.socket().connect_ex(("192.0.2.7", 443)))
        print("refused", socket.socket(socket.AF_INET6).connect_ex(("2001:db8::7", 443)))
        print("known", socket.socket().connect_ex(("127.0.0.1", 5432)))
        print("machine", socket.socket().connect_ex(("127.0.0.1", OUTSIDE)))
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagram.sendto(b"count:1|c", ("198.51.100.2", 8125))
        for name in "api.example.com", "told.example.com":
            try:
                print(name, sorted({one[4][0] for one in socket.getaddrinfo(name, 443)}))
            except OSError as error:
                print(name, error)
        print("done")
    """

    async def story(scene: Scene) -> None:
        async with scene.network(names={"told.example.com": ["10.9.8.7", "2001:db8::9"]}) as network:
            await network.expose(5432, greet)
            await ask(network, 5432)
            with pytest.raises(ConnectionRefusedError):  # what the harness itself wants is nothing to see
                await ask(network, 443, "192.0.2.8")
            script_ = textwrap.dedent(script).replace("OUTSIDE", str(outside))
            await scene.start("a", script_, network=network.pid)
            await scene.line("a", "done")
            seen = await network.seen()
            wanted = [(one.protocol, one.host, one.port) for one in seen if one.protocol != "dns"]
            assert wanted == [
                ("tcp", "192.0.2.7", 443),
                ("tcp", "2001:db8::7", 443),
                ("tcp", "127.0.0.1", outside),
                ("udp", "198.51.100.2", 8125),
            ]
            asked = [one for one in seen if one.protocol == "dns"]
            assert {one.name for one in asked} == {"api.example.com", "told.example.com"}
            assert {one.port for one in asked} == {53}
            assert [one.at for one in seen] == sorted(one.at for one in seen)
            assert await network.seen() == seen
            out = scene.bench.out("a").decode()
            assert "told.example.com ['10.9.8.7', '2001:db8::9']" in out
            assert "api.example.com [Errno -2]" in out

    tell(story)


@needs_networks
def test_each_of_many_datagrams_is_seen(tell: Tell) -> None:
    script = """
        import socket
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for number in range(1200):
            datagram.sendto(b"x", ("198.51.100.2", 20000 + number))
        print("done")
    """

    async def story(scene: Scene) -> None:
        async with scene.network() as network:
            await scene.start("a", textwrap.dedent(script), network=network.pid)
            await scene.line("a", "done")
            assert [one.port for one in await network.seen()] == list(range(20000, 21200))
            assert network.lost == 0

    tell(story)


@needs_networks
def test_a_name_server_at_any_address_answers_also_by_tcp(tell: Tell) -> None:
    script = """
        import socket, struct
        question = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\\3www\\7example\\0" + struct.pack(">HH", 1, 1)
        by_udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        by_udp.connect(("127.0.0.53", 53))  # connected: an answer from another address would not come
        by_udp.send(question)
        print("udp", by_udp.recv(512).hex())
        by_tcp = socket.create_connection(("203.0.113.1", 53))
        by_tcp.sendall(struct.pack(">H", len(question)) + question)
        print("tcp", by_tcp.recv(512)[2:].hex())
        print("done")
    """

    async def story(scene: Scene) -> None:
        async with scene.network(names={"www.example": ["10.0.0.1"]}) as network:
            await scene.start("a", textwrap.dedent(script), network=network.pid)
            await scene.line("a", "done")
            by_udp, by_tcp, _ = scene.bench.out("a").decode().splitlines()
            assert by_udp.removeprefix("udp ") == by_tcp.removeprefix("tcp ")
            assert by_udp.endswith("00040a000001")
            assert [(one.protocol, one.host, one.name) for one in await network.seen()] == [
                ("dns", "127.0.0.53", "www.example"),
                ("dns", "203.0.113.1", "www.example"),
            ]

    tell(story)


@needs_networks
def test_when_the_gate_is_killed_nothing_of_it_is_left_and_that_is_said(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        async with scene.network() as network:
            assert network.pid
            await network.expose(5432, greet)
            namespace = os.stat(f"/proc/{network.pid}/ns/net").st_ino
            await scene.keeper.signal("gate-0", signal.SIGKILL, "tree")
            await scene.ended("gate-0")
            with pytest.raises(PlatformError, match="gate"):
                while True:
                    await network.seen()
            assert in_network_of(namespace) == []
            assert [one for one in os.listdir(scene.bench.home.root) if one.startswith("gate-")] == []
            # Its listener, the last that held the namespace, is closed too.
            assert namespaces_of_own_sockets() <= {os.stat("/proc/self/ns/net").st_ino}

    tell(story)


def namespaces_of_own_sockets() -> set[int]:
    """The network namespaces that this process's TCP sockets are in."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as one:
                if one.family in (socket.AF_INET, socket.AF_INET6):
                    handle = fcntl.ioctl(one, SIOCGSKNS)
                    found.add(os.fstat(handle).st_ino)
                    os.close(handle)
    return found


@needs_networks
def test_when_the_client_is_killed_the_gate_ends(tell: Tell, tmp_path: Path) -> None:
    client = """
        import asyncio, subprocess, sys
        from pathlib import Path
        from tolv.prove.harness.network import GateNetwork

        async def main():
            async def start(argv):
                return subprocess.Popen(argv, start_new_session=True).pid
            network = await GateNetwork.start(Path(sys.argv[1]), start)
            await network.expose(5432, lambda peer: None)
            print(network.pid, flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(client), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        gate = int(process.stdout.readline())
        namespace = os.stat(f"/proc/{gate}/ns/net").st_ino
        assert in_network_of(namespace) == [gate]
        kill_and_wait(process.pid)
    until(lambda: in_network_of(namespace) == [])
    assert list(tmp_path.glob("gate-*")) == []


def test_where_no_namespace_may_be_made_that_is_said(tell: Tell) -> None:
    forbidden = ["--user"] if os.geteuid() else ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]

    async def story(scene: Scene) -> None:
        async def start(argv: list[str]) -> int:
            if os.geteuid() == 0:
                return await scene.start_gate(["setpriv", *forbidden, *argv])
            script = 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"'
            return await scene.start_gate(["unshare", "--user", "--map-root-user", "/bin/sh", "-c", script, "-", *argv])

        with pytest.raises(PlatformError, match="a network of its own cannot be had: unshare: "):
            await GateNetwork.start(scene.bench.home.root, start)
        with pytest.raises(PlatformError, match="the gate ended"):
            await GateNetwork.start(scene.bench.home.root, lambda _: scene.start_gate(["/bin/true", ""]))
        assert [one for one in os.listdir(scene.bench.home.root) if one.startswith("gate-")] == []

    tell(story)


@needs_networks
def test_a_process_is_not_started_where_the_network_that_it_was_to_join_is_gone(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        async with scene.network() as network:
            gate = network.pid
        await scene.ended("gate-0")
        await scene.start("a", "print('started')", network=gate)
        assert (await scene.ended("a")).code == 126
        await scene.start("b", "print('started')", network=os.getpid())  # one that has the machine's
        assert (await scene.ended("b")).code == 126
        assert scene.bench.out("a") + scene.bench.out("b") == b""
        assert b"the network of process" in scene.bench.err("a")
        assert b"is not one of its own" in scene.bench.err("b")
        with pytest.raises(UsageError, match="network"):
            await scene.start("c", "", network=0)

    tell(story)


def test_the_machines_loopback_does_the_same_but_cannot_tell_who_leaves(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        network = HostNetwork()
        try:
            port, service = network.free_port(), network.free_port()
            await network.expose(service, greet)
            await scene.start("a", greeter(port))
            await scene.start("b", caller(("127.0.0.1", service)))
            await scene.line("a", "listening")
            assert await ask(network, port) == b"hello from inside"
            await scene.line("b", f"{service} hello from outside")
            await network.unexpose(service)
            with pytest.raises(ConnectionRefusedError):
                await ask(network, service)
            assert await network.seen() is None
            assert network.pid is None
        finally:
            await network.close()

    tell(story)


def test_no_port_is_given_out_twice_nor_one_that_is_taken() -> None:
    one, other = HostNetwork(), HostNetwork()
    ports = [network.free_port() for network in (one, other) for _ in range(20)]
    assert len(set(ports)) == len(ports)
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.skipif(os.geteuid() != 0, reason=BY_AN_ORDINARY_USER)
def test_all_of_this_holds_for_an_ordinary_user() -> None:
    place = Path(tempfile.mkdtemp(prefix="ordinary-"))
    try:
        os.chown(place, ORDINARY, ORDINARY)
        site = next(one for one in sys.path if one.endswith("site-packages"))
        files = [str(ROOT / "tests/prove" / name) for name in ("test_network.py", "test_pid_1.py")]
        command = [
            *as_ordinary(),
            python_for_all(),
            "-P",
            "-m",
            "pytest",
            "-v",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
        ]
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(place),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}:{site}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            [*command, "--rootdir", str(ROOT), "--basetemp", str(place / "t"), *files],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if missing := set(re.findall(r"SKIPPED .*: (.*)", done.stdout)) - {BY_AN_ORDINARY_USER}:
            pytest.skip(f"for an ordinary user: {'; '.join(missing)}")
    finally:
        shutil.rmtree(place, ignore_errors=True)
