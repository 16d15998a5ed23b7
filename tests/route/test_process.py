"""The router as processes: started, shared port, killed, found again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from ports import free_port

import tolv
from tolv.errors import PlatformError
from tolv.home import Home
from tolv.route.client import RouterClient
from tolv.route.model import Route, Table, Upstream
from tolv.route.state import control_socket, load_table

DEADLINE = 20.0


@contextlib.asynccontextmanager
async def routers(root: Path) -> AsyncIterator[RouterClient]:
    """A client on a home of its own; no process outlives the test."""
    home = Home(root)
    home.make()
    client = RouterClient(home)
    try:
        yield client
    finally:
        await client.stop(0.0)
        await client.close()


@contextlib.asynccontextmanager
async def app(answer: bytes = b"ok", wait: Callable[[], Awaitable[object]] | None = None) -> AsyncIterator[Table]:
    """A table whose one upstream gives this answer."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while await reader.readuntil(b"\r\n\r\n"):
                if wait:
                    await wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    upstream = Upstream("web-1", "127.0.0.1", server.sockets[0].getsockname()[1], "v1", "web.1")
    yield Table(1, (Route("app.localhost", "app", "dev", (upstream,)),))
    server.close()


async def get(port: int, address: str = "127.0.0.1") -> bytes:
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection(address, port)
        writer.write(b"GET / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
    return answer.rpartition(b"\r\n\r\n")[2]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_two_processes_share_one_port_on_both_loopback_addresses(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "home") as client, app() as table:
        pids = await client.ensure(port, count=2)
        assert len(set(pids)) == 2
        await client.apply(table)
        assert [await get(port) for _ in range(20)] == [b"ok"] * 20
        assert await get(port, "::1") == b"ok"
        stats = await client.stats()
        assert stats["upstreams"]["web-1"]["requests"] == 21
        assert stats["hosts"]["app.localhost"]["requests"] == 21


async def test_the_control_socket_is_its_owners_alone(tmp_path: Path) -> None:
    async with routers(tmp_path / "home") as client:
        await client.ensure(free_port())
        assert stat.S_IMODE(control_socket(Home(tmp_path / "home"), 0).stat().st_mode) == 0o600


async def test_a_home_may_lie_deeper_than_a_socket_address_is_long(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / ("a" * 60) / ("b" * 60)) as client, app() as table:
        await client.ensure(port)
        await client.apply(table)
        assert await get(port) == b"ok"


async def test_a_killed_router_is_back_with_the_same_table(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "home") as client, app() as table:
        (pid,) = await client.ensure(port)
        await client.apply(table)
        for _ in range(2):
            os.kill(pid, signal.SIGKILL)
            await until(lambda pid=pid: client.pids not in ([], [pid]))
            (pid,) = client.pids
            assert await get(port) == b"ok"


async def test_a_table_applied_while_the_router_is_dead_is_in_force_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "home") as client, app(b"old") as old, app(b"new") as new:
        (pid,) = await client.ensure(port)
        await client.apply(old)
        os.kill(pid, signal.SIGKILL)
        await client.apply(new)
        await until(lambda: client.pids not in ([], [pid]))
        assert await get(port) == b"new"


async def test_with_two_processes_the_other_goes_on_when_one_is_killed(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "home") as client, app() as table:
        pids = await client.ensure(port, count=2)
        await client.apply(table)
        os.kill(pids[1], signal.SIGKILL)
        await until(lambda: not alive(pids[1]))
        assert [await get(port) for _ in range(5)] == [b"ok"] * 5
        await until(lambda: len(client.pids) == 2)
        assert client.pids[0] == pids[0]


async def test_routers_outlive_the_server_and_are_found_again(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "home") as second, app() as table:
        first = RouterClient(Home(tmp_path / "home"))
        pids = await first.ensure(port)
        await first.apply(table)
        await first.close()
        assert await get(port) == b"ok"
        assert await second.ensure(port) == pids
        assert await second.apply(Table(1, ())) > 1
        assert (await get(port)).startswith(b"404")


async def test_a_router_moves_when_the_port_does_and_extra_ones_end(tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    async with routers(tmp_path / "home") as client, app() as table:
        old = await client.ensure(first, count=2)
        await client.apply(table)
        (new,) = await client.ensure(second, count=1)
        assert new not in old
        assert await get(second) == b"ok"
        with pytest.raises(ConnectionRefusedError):
            await get(first)
        assert not any(alive(pid) for pid in old)


async def test_a_port_of_another_program_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        async with routers(tmp_path / "home") as client:
            with pytest.raises(PlatformError, match=f"port {port} is taken") as error:
                await client.ensure(port)
            assert error.value.remedy
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "tolv.route", "--home", str(tmp_path / "home"), "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 3
        assert done.stderr.startswith(f"tolv-router: port {port} is taken")
        assert done.stderr.count("\n") == 1


async def test_another_home_of_the_same_user_cannot_join_the_port(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "one") as one, routers(tmp_path / "two") as two:
        await one.ensure(port, count=2)
        with pytest.raises(PlatformError, match="is taken"):
            await two.ensure(port)


async def test_a_second_router_of_the_same_index_does_not_start(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "home") as client:
        await client.ensure(port)
        command = [sys.executable, "-m", "tolv.route", "--home", str(tmp_path / "home"), "--port", str(port)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=DEADLINE, check=False)
        assert done.returncode == 4


async def test_a_drain_counts_in_all_processes(tmp_path: Path) -> None:
    port, go_on = free_port(), asyncio.Event()
    async with routers(tmp_path / "home") as client, app(wait=go_on.wait) as table:
        await client.ensure(port, count=2)
        await client.apply(table)
        getting = [asyncio.create_task(get(port)) for _ in range(12)]
        while (await client.stats())["upstreams"].get("web-1", {}).get("in_flight") != 12:
            await asyncio.sleep(0.01)
        await client.apply(Table(2, ()))
        assert await client.drain(["web-1"], 0.0) == {"web-1": 12}
        draining = asyncio.create_task(client.drain(["web-1"], DEADLINE))
        go_on.set()
        assert await draining == {"web-1": 0}
        assert await asyncio.gather(*getting) == [b"ok"] * 12


async def test_a_stop_finishes_what_is_in_flight(tmp_path: Path) -> None:
    port, go_on = free_port(), asyncio.Event()
    async with routers(tmp_path / "home") as client, app(wait=go_on.wait) as table:
        (pid,) = await client.ensure(port)
        await client.apply(table)
        getting = asyncio.create_task(get(port))
        while (await client.stats())["upstreams"].get("web-1", {}).get("in_flight") != 1:
            await asyncio.sleep(0.01)
        stopping = asyncio.create_task(client.stop(DEADLINE))
        go_on.set()
        assert await getting == b"ok"
        await stopping
        assert not alive(pid)
        assert client.pids == []


async def test_an_upgrade_refuses_no_connection_and_loses_no_request(tmp_path: Path) -> None:
    port, go_on, over = free_port(), asyncio.Event(), asyncio.Event()
    async with routers(tmp_path / "home") as client, app() as quick, app(b"late", go_on.wait) as slow:
        old = await client.ensure(port, count=2)
        await client.apply(slow)
        waiting = [asyncio.create_task(get(port)) for _ in range(8)]
        while (await client.stats())["upstreams"]["web-1"]["in_flight"] != 8:
            await asyncio.sleep(0.01)
        await client.apply(quick)

        async def load() -> int:
            count = 0
            while not over.is_set():
                assert await get(port) == b"ok"
                count += 1
            return count

        loads = [asyncio.create_task(load()) for _ in range(4)]
        new = await client.upgrade()
        over.set()
        assert sum(await asyncio.gather(*loads)) > 0
        assert not set(new) & set(old)
        assert (await client.drain(["web-1"], 0.0))["web-1"] == 8
        go_on.set()
        assert await asyncio.gather(*waiting) == [b"late"] * 8
        await until(lambda: not any(alive(pid) for pid in old))
        assert await get(port) == b"ok"


class KeepAlive:
    """A client that keeps its connection as long as it may, and counts what was lost."""

    def __init__(self, port: int) -> None:
        self.asked = self.lost = 0
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        self.asked += 1
        try:
            async with asyncio.timeout(DEADLINE):
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self._port)
                reader, writer = self._streams
                writer.write(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                whole = b" 200 " in head and await reader.readexactly(2) == b"ok"
                self.lost += not whole
                if b"Connection: close" in head:
                    self.close()
        except (OSError, asyncio.IncompleteReadError):
            self.lost += 1
            self.close()

    async def ask_until(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.ask()
        self.close()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@contextlib.asynccontextmanager
async def under_load(port: int, count: int = 6) -> AsyncIterator[list[KeepAlive]]:
    """Clients that ask without a pause."""
    clients, over = [KeepAlive(port) for _ in range(count)], asyncio.Event()
    loads = [asyncio.create_task(client.ask_until(over)) for client in clients]
    try:
        yield clients
    finally:
        over.set()
        await asyncio.gather(*loads)


async def asked(clients: list[KeepAlive], more: int = 30) -> None:
    """Wait until each of them has got so many answers more."""
    wanted = [client.asked + more for client in clients]
    await until(lambda: all(client.asked >= goal for client, goal in zip(clients, wanted, strict=True)))


async def test_a_router_of_another_version_is_replaced_under_load_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, other = Path(tolv.__file__).parent, tmp_path / "other" / "tolv"
    shutil.copytree(source, other, ignore=shutil.ignore_patterns("__pycache__"))
    (other / "__init__.py").write_text((source / "__init__.py").read_text().replace(tolv.__version__, "0.0.1"))
    port = free_port()
    async with routers(tmp_path / "home") as client, app() as table:
        with monkeypatch.context() as patch:
            patch.setenv("PYTHONPATH", str(other.parent))
            former = RouterClient(Home(tmp_path / "home"))
            old = await former.ensure(port, count=2)
            await former.apply(table)
            await former.close()
        idle = [KeepAlive(port) for _ in range(8)]
        for one in idle:
            await one.ask()
        async with under_load(port) as clients:
            await asked(clients)
            new = await client.ensure(port, count=2)
            await asked(clients)
        assert len(new) == 2
        assert not set(new) & set(old)
        for one in idle:
            for _ in range(2):
                await one.ask()
            one.close()
        assert sum(one.lost for one in (*clients, *idle)) == 0
        await until(lambda: not any(alive(pid) for pid in old))
        assert await client.ensure(port, count=2) == new


async def test_a_killed_router_loses_what_it_held_and_nothing_once_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "home") as client, app() as table:
        (pid,) = await client.ensure(port)
        await client.apply(table)
        async with under_load(port) as clients:
            await asked(clients)
            assert sum(one.lost for one in clients) == 0
            os.kill(pid, signal.SIGKILL)
            await until(lambda: client.pids not in ([], [pid]))
            await asked(clients, 1)
            lost = sum(one.lost for one in clients)
            await asked(clients)
            assert sum(one.lost for one in clients) == lost


async def test_of_two_routers_the_killed_one_loses_only_what_it_held(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "home") as client, app() as table:
        pids = await client.ensure(port, count=2)
        await client.apply(table)
        async with under_load(port, 12) as clients:
            await asked(clients)
            os.kill(pids[1], signal.SIGKILL)
            await asked(clients)
            await until(lambda: len(set(client.pids) - set(pids)) == 1)
            await asked(clients)
        assert any(one.lost == 0 for one in clients)
        assert max(one.lost for one in clients) <= 2  # perhaps once more, by the port that the killed one still held


async def test_sigterm_ends_a_router_cleanly(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "tolv.route", f"--home={home.root}", f"--port={free_port()}", f"--ready-fd={theirs}"],
        pass_fds=(theirs,),
    )
    os.close(theirs)
    with open(ours, "rb") as ready:
        assert await asyncio.to_thread(ready.read) == b"{}"
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, DEADLINE) == 0


async def test_the_table_on_disk_is_the_one_in_force(tmp_path: Path) -> None:
    async with routers(tmp_path / "home") as client, app() as table:
        await client.ensure(free_port())
        version = await client.apply(table)
        assert load_table(Home(tmp_path / "home")).routes == table.routes
        assert load_table(Home(tmp_path / "home")).version == version


async def test_a_router_takes_at_most_30_mb(tmp_path: Path) -> None:
    port = free_port()
    async with routers(tmp_path / "home") as client, app() as table:
        (pid,) = await client.ensure(port)
        await client.apply(table)
        for _ in range(100):
            await get(port)
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
        assert kilobytes <= 30 * 1024


async def test_a_router_that_hangs_is_replaced_by_one_with_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tolv.route.client._LOOK_SECONDS", 0.1)
    monkeypatch.setattr("tolv.route.client._HUNG_SECONDS", 0.5)
    async with routers(tmp_path) as client, app() as table:
        port = free_port()
        [hung] = await client.ensure(port)
        await client.apply(table)
        os.kill(hung, signal.SIGSTOP)
        await until(lambda: client.pids not in ([], [hung]))
        assert await get(port) == b"ok"
