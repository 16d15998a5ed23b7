"""RabbitMQ of the host's, by the client that apps use: whom it lets in, and what is left when it is killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pika
import pika.exceptions
import pytest
from services.running import Running, make
from services.servers import USER, eventually

from tolv.errors import UsageError
from tolv.services.ask import Unreachable, ask
from tolv.services.providers.rabbitmq import RabbitmqProvider, on_host
from tolv.services.urls import parse

with_rabbitmq = pytest.mark.skipif(not on_host(), reason="RabbitMQ is not installed: apt install rabbitmq-server")

# Erlang takes its time to start, and rabbitmqctl to do anything.
pytestmark = pytest.mark.timeout(300)

SECRET = "tenantsecret7"
#: As /proc/net/tcp and tcp6 write them.
_LOOPBACK = "0100007F"
_LOOPBACK_6 = "00000000000000000000000001000000"


@pytest.fixture(scope="module")
def make_broker(reachable: Path, shared: Path) -> Iterator[Callable[[], Running]]:
    made: list[Running] = []

    def broker() -> Running:
        made.append(make(RabbitmqProvider(), reachable / f"a node {len(made)}", shared, USER))
        made[-1].begin()
        return made[-1]

    yield broker
    for running in made:
        running.kill()
        shutil.rmtree(running.instance.directory, ignore_errors=True)


@pytest.fixture(scope="module")
def broker(make_broker: Callable[[], Running]) -> Running:
    """One for all tests that leave it well, each with users and queues of its own."""
    return make_broker()


def _publish(url: str, queue: str, *bodies: bytes) -> None:
    """On return, each is confirmed: it is on disk."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, durable=True)
        for body in bodies:
            channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2))


def _received(url: str, queue: str) -> list[bytes]:
    found = []
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
            found.append(got[2])
    return found


@with_rabbitmq
def test_confirmed_messages_survive_kill_9(broker: Running) -> None:
    url = broker.provider.grant(broker.instance, "shop_prod", SECRET)
    assert (parse(url).user, parse(url).password) == ("shop_prod", SECRET)
    _publish(url, "orders", *(b"%d" % number for number in range(200)))
    # Messages are on disk when they are confirmed; that there is such a queue, RabbitMQ writes down within two seconds.
    eventually(lambda: any(b"orders" in one.read_bytes() for one in _schema(broker)))
    broker.kill()
    broker.begin()
    assert _received(url, "orders") == [b"%d" % number for number in range(200)]


@with_rabbitmq
def test_each_tenant_has_its_own_user_in_one_virtual_host_and_no_other_gets_in(broker: Running) -> None:
    first = broker.provider.grant(broker.instance, "shop", SECRET)
    second = broker.provider.grant(broker.instance, "billing", "two2")
    assert broker.provider.grant(broker.instance, "shop", SECRET) == first
    _publish(first, "shared", b"hello")
    assert _received(second, "shared") == [b"hello"]
    base = f"127.0.0.1:{broker.instance.port}"
    for wrong, reason in (
        (f"amqp://shop:wrongsecret@{base}/app", "password"),
        (f"amqp://nobody:{SECRET}@{base}/app", "password"),
        (f"amqp://{base}/app", "password"),
        (f"amqp://shop:{SECRET}@{base}/another", "missing"),
        (f"amqps://shop:{SECRET}@{base}/app", "tls"),
    ):
        with pytest.raises(Unreachable) as raised:
            ask("rabbitmq", wrong, 20)
        assert raised.value.reason == reason
        assert SECRET not in str(raised.value)
        assert "wrongsecret" not in str(raised.value)
    broker.provider.revoke(broker.instance, "billing")
    broker.provider.revoke(broker.instance, "billing")
    with pytest.raises(Unreachable):
        ask("rabbitmq", second, 20)
    assert ask("rabbitmq", first, 20).version == broker.instance.binaries.version


@with_rabbitmq
def test_two_nodes_stand_side_by_side_listen_on_loopback_alone_and_leave_nothing_when_stopped(
    broker: Running, make_broker: Callable[[], Running]
) -> None:
    nodes = [broker, make_broker()]
    for node in nodes:
        assert node.ask().version == node.instance.binaries.version
        assert node.ask().size
        assert node.process is not None
        seen = b"".join(
            Path(f"/proc/{pid}/{name}").read_bytes()
            for pid in _group(node.process.pid)
            for name in ("cmdline", "environ")
        )
        assert b"ownersecret42" not in seen
        listening = _listening(_group(node.process.pid))
        ports = {port for _, port in listening}
        assert node.instance.port in ports
        assert len(ports) == 3
        assert {address for address, _ in listening} <= {_LOOPBACK, _LOOPBACK_6}
    for node in nodes:
        assert node.stop() == 0
    broker.begin()


@with_rabbitmq
def test_a_backup_is_restored_into_a_new_node(make_broker: Callable[[], Running], tmp_path: Path) -> None:
    first = make_broker()
    url = first.provider.grant(first.instance, "shop", SECRET)
    _publish(url, "orders", *(b"%d" % number * 1000 for number in range(50)))
    backup = tmp_path / "rabbitmq.backup"
    first.provider.backup(first.instance, backup, print)
    _publish(url, "orders", b"after the backup")
    with pytest.raises(UsageError, match="there are queues already"):
        first.provider.restore(first.instance, backup, print)
    first.kill()
    second = make_broker()
    other = second.provider.grant(second.instance, "other", "two2")
    whole = backup.read_bytes()
    backup.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError):
        second.provider.restore(second.instance, backup, print)
    assert second.ask().version
    backup.write_bytes(whole)
    second.provider.restore(second.instance, backup, print)
    assert _received(eventually(lambda: other), "orders") == [b"%d" % number * 1000 for number in range(50)]
    with pytest.raises(Unreachable) as raised:
        ask("rabbitmq", other.replace("other:two2", f"shop:{SECRET}"), 20)
    assert raised.value.reason == "password"
    assert second.ask().version


@with_rabbitmq
def test_a_stopped_node_hangs_and_is_well_again_when_it_goes_on(broker: Running) -> None:
    broker.signal(signal.SIGSTOP)
    with pytest.raises(Unreachable) as raised:
        broker.provider.ask(broker.instance, 0.5)
    assert raised.value.reason == "hangs"
    broker.signal(signal.SIGCONT)
    eventually(broker.ask)


def test_without_rabbitmq_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tolv.services.providers.rabbitmq._PLACES", "nowhere/at/all")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="apt install rabbitmq-server"):
        RabbitmqProvider().find(None, tmp_path, print)


_START = b"\x00\x0a\x00\x0a\x00\x09" + struct.pack(">I", 20) + b"\x07versionS\x00\x00\x00\x063.13.1 "


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"AMQP\x00\x01\x00\x00", "protocol"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol"),
        (b"\x01\x00\x00\x7f\xff\xff\xff" + b"x" * 100, "protocol"),
        (b"\x01\x00\x00\x00\x00\x00\x02xx\xce", "protocol"),
        (b"\x01\x00\x00" + struct.pack(">I", len(_START)) + _START + b"\x00", "protocol"),
        (b"\x01\x00\x00" + struct.pack(">I", len(_START)) + _START + b"\xce", "refused"),
        (b"", "protocol"),
        (None, "hangs"),
    ],
)
def test_what_answers_but_is_no_rabbitmq_is_said_so(answer: bytes | None, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(8)
                if answer is None:
                    connection.recv(1)
                    return
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Unreachable) as raised:
            ask("rabbitmq", f"amqp://k:wrongsecret@127.0.0.1:{server.getsockname()[1]}/b", 0.5)
        thread.join(30)
    assert raised.value.reason == reason
    assert "wrongsecret" not in str(raised.value)


def _schema(broker: Running) -> list[Path]:
    """The files in which RabbitMQ keeps what there is beside messages."""
    return [one for end in ("LOG", "DCL", "DCD") for one in (broker.instance.directory / "data").rglob(f"*.{end}")]


def _group(leader: int) -> list[int]:
    """The processes of a session."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdecimal() and _session(int(pid)) == leader]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _listening(pids: list[int]) -> list[tuple[str, int]]:
    """Address and port of each TCP socket that these processes listen on."""
    mine = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                mine.add(os.readlink(link))
            except OSError:
                continue
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in mine:
                address, port = fields[1].split(":")
                found.append((address, int(port, 16)))
    return found
