"""The collector, asked by real clients: what it answers, and what it keeps of what came."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable

import pytest

from tolv.prove.client import Client
from tolv.prove.harness.collector import Collector, Received
from tolv.prove.harness.network import HostNetwork

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_DEADLINE = 20.0


class Scene:
    """A collector on this machine's loopback."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.client = Client(self.connect)
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> Streams:
        streams = await asyncio.open_connection("127.0.0.1", self.collector.port)
        self._writers.append(streams[1])
        return streams

    async def until(self, look: Callable[[], bool]) -> None:
        async with asyncio.timeout(_DEADLINE):
            while not look():
                await asyncio.sleep(0.01)

    def close(self) -> None:
        for one in self._writers:
            one.close()


def tell(story: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        network = HostNetwork()
        scene = Scene(await Collector.open(network))
        try:
            async with asyncio.timeout(_DEADLINE):
                await story(scene)
        finally:
            scene.close()
            await network.close()

    asyncio.run(run())


def test_what_came_is_kept_and_answered() -> None:
    async def story(scene: Scene) -> None:
        answer = await scene.client.request(
            "POST", "/v1/traces?x=1", headers=[("Content-Type", "application/json"), ("X-Id", "k1")], body='{"a": 1}'
        )
        assert (answer.status, answer.body) == (200, b"{}")
        (one,) = scene.collector.received
        assert (one.method, one.path, one.body) == ("POST", "/v1/traces?x=1", b'{"a": 1}')
        assert (one.header("x-id"), one.header("x-other")) == ("k1", "")
        assert scene.collector.holds("k1")
        assert not scene.collector.holds("k2")
        assert scene.collector.url == f"http://127.0.0.1:{scene.collector.port}"

    tell(story)


def test_protobuf_is_answered_by_an_empty_message() -> None:
    async def story(scene: Scene) -> None:
        kind = "application/x-protobuf"
        answer = await scene.client.request("POST", "/v1/metrics", headers=[("Content-Type", kind)], body=b"\x0a\x00")
        assert (answer.status, answer.header("content-type"), answer.body) == (200, kind, b"")

    tell(story)


def test_one_connection_may_ask_again_and_again() -> None:
    async def story(scene: Scene) -> None:
        reader, writer = await scene.connect()
        for number in range(3):
            writer.write(b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab" % number)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(2) == b"{}"
        assert [one.path for one in scene.collector.received] == ["/0", "/1", "/2"]
        assert len(scene.collector.heard) == 1

    tell(story)


def test_a_client_that_asks_whether_to_go_on_is_told_so() -> None:
    async def story(scene: Scene) -> None:
        reader, writer = await scene.connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(b"body")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert scene.collector.received[0].body == b"body"

    tell(story)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(gzip.compress(b"spans", mtime=0), b"spans"), (b"no gzip at all", b"no gzip at all")],
    ids=["gzip", "called gzip"],
)
def test_a_body_is_kept_without_its_compression(sent: bytes, kept: bytes) -> None:
    async def story(scene: Scene) -> None:
        answer = await scene.client.request("POST", "/v1/logs", headers=[("Content-Encoding", "gzip")], body=sent)
        assert answer.status == 200
        assert scene.collector.received[0].body == kept

    tell(story)


def test_grpc_is_counted_and_not_read() -> None:
    async def story(scene: Scene) -> None:
        reader, writer = await scene.connect()
        waiting = asyncio.ensure_future(scene.collector.wait(_DEADLINE))
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert await waiting
        assert scene.collector.http2 == 1
        assert scene.collector.received == []
        assert await reader.read() == b""  # it hangs up: a client does not wait for an answer

    tell(story)


def test_what_is_no_http_is_heard() -> None:
    async def story(scene: Scene) -> None:
        reader, writer = await scene.connect()
        writer.write(b"k17:1|c\n\n")
        assert await reader.read() == b""
        assert scene.collector.holds("k17")
        assert (scene.collector.received, scene.collector.http2) == ([], 0)

    tell(story)


def test_half_a_request_is_heard_and_not_received() -> None:
    async def story(scene: Scene) -> None:
        _, writer = await scene.connect()
        writer.write(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nk17")
        await scene.until(lambda: scene.collector.holds("k17"))
        assert scene.collector.received == []
        assert not await scene.collector.wait(0.0)

    tell(story)


def test_the_service_is_named_in_json_and_in_protobuf() -> None:
    json = b'{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "notes"}}]}}'
    # A KeyValue: field 1 is the key, field 2 an AnyValue whose field 1 is the text.
    protobuf = b"\x0a\x0cservice.name\x12\x07\x0a\x05notes\x0a\x03more"
    for body, name in ((json, "notes"), (protobuf, "notes"), (b"{}", None), (b"", None)):
        assert Received("POST", "/v1/traces", (), body).service == name
