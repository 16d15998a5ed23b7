"""The same bytes to nginx and to Tolv's router: where they differ, and why.

    python bench/differential.py [--all]

Both stand before one upstream. For each request: the statuses that the client got and what the upstream saw of it. For
each response that the upstream gives: what reached the client, and whether it looks whole. Exit status 1 if a
difference is not explained here, or an explanation has no difference any more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import h11
import uvloop
from route import NGINX, PROXY, free_port
from switch import process

from tolv.home import Home
from tolv.route.client import RouterClient
from tolv.route.model import Route, Table, Upstream

HOST = b"Host: app.localhost\r\n"
#: Sent behind every case, so that each connection ends, and what a message swallows or lets out is seen.
NEXT = b"GET /next HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
#: Seconds until a connection that neither side ends is given up.
PATIENCE = 3.0


def get(fields: bytes = b"", target: bytes = b"/", version: bytes = b"HTTP/1.1", method: bytes = b"GET") -> bytes:
    return b"%b %b %b\r\n%b%b\r\n" % (method, target, version, HOST, fields)


def post(fields: bytes, body: bytes = b"") -> bytes:
    return get(fields, method=b"POST") + body


def host(value: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % value


LENGTH, CHUNKED, WHOLE = b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"
LF = "refused; nginx takes LF for CR LF"
AMBIGUOUS = "502: two readings of one message; nginx takes "
CODING = "400 for whatever is not chunked; nginx 501"
#: Name: (bytes, why the two may differ or "" if they must not).
REQUESTS: dict[str, tuple[bytes, str]] = {
    "plain": (get(), ""),
    "two pipelined": (get() + get(), ""),
    "body by length": (post(LENGTH, b"abc"), ""),
    "body by chunks": (post(CHUNKED, WHOLE), ""),
    "GET with a body": (get(LENGTH) + b"abc", ""),
    "HEAD": (get(method=b"HEAD"), ""),
    "HTTP/1.0": (get(version=b"HTTP/1.0"), ""),
    "HTTP/1.0 keep-alive": (get(b"Connection: keep-alive\r\n", version=b"HTTP/1.0"), ""),
    "absolute form": (get(target=b"http://app.localhost/a"), ""),
    "absolute form of another host": (
        get(target=b"http://other.localhost/a"),
        "two names for one request: refused; nginx takes the target's (RFC 9112, 3.2.2)",
    ),
    "CL and TE": (post(LENGTH + CHUNKED, b"0\r\n\r\n"), ""),
    "TE and CL": (post(CHUNKED + LENGTH, b"0\r\n\r\n"), ""),
    "CL twice, different": (post(LENGTH + b"Content-Length: 4\r\n", b"abcd"), ""),
    "CL twice, equal": (post(LENGTH + LENGTH, b"abc"), ""),
    "CL list": (post(b"Content-Length: 3, 3\r\n", b"abc"), ""),
    "CL with plus": (post(b"Content-Length: +3\r\n", b"abc"), ""),
    "CL negative": (post(b"Content-Length: -3\r\n", b"abc"), ""),
    "CL in hexadecimal": (post(b"Content-Length: 0x3\r\n", b"abc"), ""),
    "CL empty": (post(b"Content-Length: \r\n"), ""),
    "CL beyond 64 bits": (post(b"Content-Length: 99999999999999999999\r\n"), ""),
    "CL too short": (post(b"Content-Length: 1\r\n", b"abc"), "501 for the method that the rest would be; nginx 400"),
    "TE twice": (post(CHUNKED + CHUNKED, WHOLE), ""),
    "TE gzip, chunked": (post(b"Transfer-Encoding: gzip, chunked\r\n", WHOLE), CODING),
    "TE chunked, identity": (post(b"Transfer-Encoding: chunked, identity\r\n", WHOLE), CODING),
    "TE identity": (post(b"Transfer-Encoding: identity\r\n"), CODING),
    "TE xchunked": (post(b"Transfer-Encoding: xchunked\r\n", WHOLE), CODING),
    "TE with vertical tab": (post(b"Transfer-Encoding: \x0bchunked\r\n", WHOLE), CODING),
    "TE quoted": (post(b'Transfer-Encoding: "chunked"\r\n', WHOLE), CODING),
    "TE in capitals": (post(b"transfer-ENCODING: CHUNKED\r\n", WHOLE), ""),
    "TE in HTTP/1.0": (b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n" + WHOLE, ""),
    "space before colon": (post(b"Content-Length : 3\r\n", b"abc"), ""),
    "folded line": (get(b"X-A: b\r\n c\r\n"), ""),
    "folded framing": (post(b"Transfer-Encoding:\r\n chunked\r\n", WHOLE), ""),
    "bare LF between fields": (get(b"X-A: b\nX-B: c\r\n"), LF),
    "bare LF everywhere": (b"GET / HTTP/1.1\nHost: app.localhost\n\n", LF),
    "bare CR in a value": (get(b"X-A: b\rX-B: c\r\n"), ""),
    "NUL in a value": (get(b"X-A: b\x00c\r\n"), ""),
    "NUL in a name": (get(b"X-\x00A: b\r\n"), ""),
    "control in a value": (get(b"X-A: b\x01c\r\n"), "refused; nginx passes it on"),
    "control in the target": (get(target=b"/a\x01b"), ""),
    "space in the target": (get(target=b"/a b"), ""),
    "no colon": (get(b"X-A\r\n"), "refused; nginx ignores the line"),
    "name in UTF-8": (get(b"X-\xc3\xa9: a\r\n"), "refused; nginx drops the field"),
    "underscore in a name": (get(b"X_A: b\r\n"), ""),
    "underscore twin of Content-Length": (post(b"Content_Length: 3\r\n"), "refused; nginx drops the field"),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", ""),
    "two Hosts": (get(HOST), ""),
    "Host with a space": (host(b"a b"), ""),
    "Host with a slash": (host(b"a/b"), ""),
    "Host with a user": (host(b"u@app.localhost"), "refused; nginx has one server block, for every name"),
    "Host with an empty port": (
        host(b"app.localhost:"),
        "refused: RFC 3986 allows it, nobody sends it, and apps stumble",
    ),
    "Host in capitals, dot and port": (host(b"APP.localhost.:8080"), ""),
    "Host that nobody has": (host(b"[::2]"), "404; nginx has one server block, for every name"),
    "HTTP/1.0 without Host": (b"GET / HTTP/1.0\r\n\r\n", "a host is needed to route; nginx has one server block"),
    "HTTP/0.9": (b"GET /\r\n", "refused; nginx serves it"),
    "HTTP/1.2": (get(version=b"HTTP/1.2"), ""),
    "HTTP/2.0": (get(version=b"HTTP/2.0"), ""),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505, nginx 400"),
    "lower-case method": (get(method=b"get"), "501, nginx 400"),
    "unknown method": (get(method=b"BREW"), "501; nginx passes it on"),
    "CONNECT": (b"CONNECT app.localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", "405, nginx 400 or 405"),
    "TRACE": (get(method=b"TRACE"), ""),
    "fragment in target": (get(target=b"/a#b"), "refused; nginx passes it on"),
    "raw UTF-8 in target": (get(target=b"/\xc3\xa9"), ""),
    "dot segments": (get(target=b"/a/../b"), ""),
    "encoded NUL in target": (get(target=b"/%00"), "passed on, the app's to judge; nginx 400"),
    "Expect: 100-continue": (
        post(LENGTH + b"Expect: 100-continue\r\n", b"abc"),
        "100 if the app says so; nginx says it",
    ),
    "Expect: something": (post(LENGTH + b"Expect: tea\r\n", b"abc"), "417 (RFC 9110, 10.1.1); nginx ignores it"),
    "Connection names Host": (get(b"Connection: host\r\n"), "refused; nginx ignores what Connection names"),
    "Connection names TE": (post(CHUNKED + b"Connection: transfer-encoding\r\n", WHOLE), "refused; nginx ignores it"),
    "Connection names a field": (get(b"Connection: x-forwarded-for, x-a\r\nX-A: b\r\n"), ""),
    "Upgrade: h2c": (get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"), ""),
    "chunk size with plus": (post(CHUNKED, b"+3\r\nabc\r\n0\r\n\r\n"), ""),
    "chunk size with 0x": (post(CHUNKED, b"0x3\r\nabc\r\n0\r\n\r\n"), ""),
    "chunk size with space": (post(CHUNKED, b"3 \r\nabc\r\n0\r\n\r\n"), "refused; nginx allows it"),
    "chunk size beyond 64 bits": (post(CHUNKED, b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n"), ""),
    "chunk size of many zeros": (post(CHUNKED, b"0" * 40 + b"3\r\nabc\r\n0\r\n\r\n"), "refused; nginx allows it"),
    "chunk extension": (post(CHUNKED, b'3;a=b;c="d"\r\nabc\r\n0\r\n\r\n'), ""),
    "chunk extension of nothing": (post(CHUNKED, b"3;\r\nabc\r\n0\r\n\r\n"), "refused; nginx skips extensions"),
    "chunk extension with LF": (post(CHUNKED, b"3;\na\r\nabc\r\n0\r\n\r\n"), ""),
    "chunks with bare LF": (post(CHUNKED, b"3\nabc\n0\n\n"), LF),
    "chunk longer than its size": (post(CHUNKED, b"3\r\nabcd\r\n0\r\n\r\n"), ""),
    "chunk shorter than its size": (post(CHUNKED, b"5\r\nabc\r\n0\r\n\r\n"), ""),
    "trailers": (post(CHUNKED, b"3\r\nabc\r\n0\r\nX-A: b\r\n\r\n"), ""),
    "framing in trailers": (post(CHUNKED, b"0\r\nContent-Length: 5\r\n\r\n"), "refused; nginx drops trailers"),
    "empty line before": (b"\r\n" + get(), ""),
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", ""),
    "7 KB field": (get(b"X-A: " + b"a" * 7000 + b"\r\n"), ""),
    "40 KB field": (get(b"X-A: " + b"a" * 40000 + b"\r\n"), "served up to 64 KiB; nginx 400 beyond 8 KB a line"),
    "70 KB field": (get(b"X-A: " + b"a" * 70000 + b"\r\n"), "431, nginx 400"),
    "20 KB target": (get(target=b"/" + b"a" * 20000), ""),
    "101 fields": (get(b"".join(b"X-%d: a\r\n" % number for number in range(101))), "431; nginx serves it"),
}


def answer(fields: bytes = b"", body: bytes = b"", line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"%b\r\n%b\r\n%b" % (line, fields, body)


#: Name: (bytes that the upstream answers before it closes the connection, why the two may differ).
RESPONSES: dict[str, tuple[bytes, str]] = {
    "plain": (answer(LENGTH, b"abc"), ""),
    "chunks": (answer(CHUNKED, WHOLE), ""),
    "chunk extension": (answer(CHUNKED, b"3;a=b\r\nabc\r\n0\r\n\r\n"), ""),
    "until the end": (answer(b"X: y\r\n", b"abc"), ""),
    "HTTP/1.0": (answer(LENGTH, b"abc", line=b"HTTP/1.0 200 OK"), ""),
    "no reason": (answer(LENGTH, b"abc", line=b"HTTP/1.1 200 "), ""),
    "early hints": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(LENGTH, b"abc"), ""),
    "101 unasked": (answer(b"Upgrade: x\r\n", line=b"HTTP/1.1 101 Switching Protocols"), "502; nginx passes it on"),
    "204 with a body": (answer(LENGTH, b"abc", line=b"HTTP/1.1 204 No Content"), ""),
    "304 with a body": (answer(LENGTH, b"abc", line=b"HTTP/1.1 304 Not Modified"), ""),
    "nothing": (b"", ""),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", ""),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "502; nginx takes it for HTTP/0.9"),
    "another version": (answer(LENGTH, b"abc", line=b"HTTP/2 200 OK"), "502; nginx takes it for HTTP/0.9"),
    "status of two digits": (answer(LENGTH, b"abc", line=b"HTTP/1.1 20 OK"), "502; nginx takes it for HTTP/0.9"),
    "CL too long": (answer(b"Content-Length: 9\r\n", b"abc"), ""),
    "CL too short": (answer(b"Content-Length: 2\r\n", b"abc"), ""),
    "CL twice, different": (answer(LENGTH + b"Content-Length: 2\r\n", b"abc"), AMBIGUOUS + "the last"),
    "CL twice, equal": (answer(LENGTH + LENGTH, b"abc"), AMBIGUOUS + "the last"),
    "CL negative": (answer(b"Content-Length: -3\r\n", b"abc"), "502; nginx reads to the end of the connection"),
    "CL and TE": (answer(LENGTH + CHUNKED, WHOLE), AMBIGUOUS + "TE"),
    "TE and CL": (answer(CHUNKED + LENGTH, WHOLE), AMBIGUOUS + "TE"),
    "TE twice": (answer(CHUNKED + CHUNKED, WHOLE), AMBIGUOUS + "one"),
    "TE gzip": (answer(b"Transfer-Encoding: gzip\r\n", b"abc"), "502; nginx passes the content as if it were plain"),
    "TE in HTTP/1.0": (answer(CHUNKED, WHOLE, line=b"HTTP/1.0 200 OK"), "502; nginx reads chunks"),
    "chunks without an end": (answer(CHUNKED, b"3\r\nabc\r\n"), ""),
    "half a chunk": (answer(CHUNKED, b"5\r\nabc"), ""),
    "malformed chunk": (answer(CHUNKED, b"3\r\nabc\r\nzz\r\n"), "502 while nothing of it was passed on; nginx closes"),
    "chunk with bare LF": (answer(CHUNKED, b"3\nabc\n0\n\n"), "502; nginx takes LF for CR LF"),
    "bytes after chunks": (answer(CHUNKED, WHOLE + b"HTTP/1.1 200 OK\r\n\r\n"), ""),
    "bare LF in the head": (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", "502; nginx takes LF for CR LF"),
    "folded line": (answer(b"X: y\r\n z\r\n" + LENGTH, b"abc"), ""),
    "no colon": (answer(b"X\r\n" + LENGTH, b"abc"), "502; nginx ignores the line"),
    "NUL in a value": (answer(b"X: a\x00b\r\n" + LENGTH, b"abc"), ""),
    "control in a value": (answer(b"X: a\x01b\r\n" + LENGTH, b"abc"), "502; nginx passes it on"),
    "space before colon": (answer(b"Content-Length : 3\r\n", b"abc"), ""),
    "40 KB field": (answer(b"X: " + b"a" * 40000 + b"\r\n" + LENGTH, b"abc"), "served up to 64 KiB; nginx 502"),
    "70 KB field": (answer(b"X: " + b"a" * 70000 + b"\r\n" + LENGTH, b"abc"), ""),
}  # fmt: skip


class Row(NamedTuple):
    """What became of a case."""

    name: str
    nginx: str
    tolv: str
    why: str

    @property
    def differs(self) -> bool:
        return self.nginx != self.tolv

    @property
    def explained(self) -> bool:
        return self.differs == bool(self.why)

    def __str__(self) -> str:
        why = self.why if self.differs else "the same" + (", but explained" if self.why else "")
        return f"| {self.name} | {self.nginx} | {self.tolv} | {why or '**unexplained**'} |"


class App:
    """The upstream: keeps what it sees, and answers `/response/<name>` with the bytes of that name."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                line = head.split(b" HTTP/")[0].decode("latin-1")
                if "/response/" in line:
                    writer.write(RESPONSES[line.partition("/response/")[2].replace("%20", " ")][0])
                    break
                body = await _read_body(reader, head)
                self.seen.append(f"{line} {body.decode('latin-1')}".rstrip())
                content = b"" if head.startswith(b"HEAD") else b"ok"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + content)
        writer.close()


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    body = b""
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked\r\n", head):
        while size := int((await reader.readline()).partition(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        while await reader.readline() != b"\r\n":
            pass
    elif found := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
        body = await reader.readexactly(int(found[1]))
    return body


async def ask(port: int, data: bytes) -> tuple[bytes, str]:
    """All that comes back to `data`, and how it came to its end: `closed`, `reset` or, after a while, `open`."""
    answered, end = b"", "closed"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        async with asyncio.timeout(PATIENCE):
            while more := await reader.read(1 << 20):
                answered += more
        writer.close()
    except TimeoutError:
        end = "open"
    except OSError:
        end = "reset"
    return answered, end


async def try_request(app: App, port: int, data: bytes) -> str:
    """The statuses that the client got, and the requests that the upstream saw."""
    app.seen.clear()
    answered, _ = await ask(port, data + NEXT)
    statuses = [status.decode() for status in re.findall(rb"HTTP/1\.[01] (\d{3})", answered)]
    return f"{' '.join(statuses) or 'nothing'} ← {', '.join(_short(line) for line in app.seen) or 'nothing'}"


def _short(line: str) -> str:
    return line if len(line) < 40 else line[:20] + "…"


async def try_response(port: int, name: str) -> str:
    """What a strict client makes of the answer: status and content, or that it was cut short."""
    target = f"/response/{name.replace(' ', '%20')}".encode()
    answered, end = await ask(port, get(b"Connection: close\r\n", target=target))
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a"), ("Connection", "close")]))
    client.send(h11.EndOfMessage())
    said: list[str] = []
    content = b""
    try:
        client.receive_data(answered)
        if end == "closed":
            client.receive_data(b"")
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response | h11.InformationalResponse):
                said.append(str(event.status_code))
            elif isinstance(event, h11.Data):
                content += event.data
            elif event in (h11.NEED_DATA, h11.PAUSED):
                said.append("another protocol" if event is h11.PAUSED else "cut" if end == "reset" else end)
                break
    except h11.RemoteProtocolError:
        said.append("cut" if said else "nothing readable")
    shown = content.decode("latin-1") if said and said[-1] in ("200", "204", "304") else ""
    return f"{' '.join(said)} {shown}".strip()


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[tuple[App, int, int]]:
    """The upstream, and the ports of nginx and of a router before it."""
    app = App()
    server = await asyncio.start_server(app.serve, "127.0.0.1", 0, limit=1 << 20)
    upstream = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        directory, port = Path(name), free_port()
        file = directory / "nginx.conf"
        file.write_text(
            NGINX.format(directory=directory, workers=1, upstream=upstream, port=port, location=PROXY, log="off")
        )
        client, router = RouterClient(Home(directory / "home")), free_port()
        async with process("nginx", "-c", str(file), "-p", str(directory), port=port):
            await client.ensure(router)
            try:
                one = Upstream("u", "127.0.0.1", upstream, "v1", "web.1")
                await client.apply(Table(1, (Route("app.localhost", "app", "bench", (one,)),)))
                yield app, port, router
            finally:
                await client.stop(0)
                await client.close()
                server.close()


async def compare() -> tuple[list[Row], list[Row]]:
    """Every case through both: requests, responses."""
    async with stage() as (app, nginx, tolv):
        requests = [
            Row(name, await try_request(app, nginx, data), await try_request(app, tolv, data), why)
            for name, (data, why) in REQUESTS.items()
        ]
        responses = [
            Row(name, await try_response(nginx, name), await try_response(tolv, name), why)
            for name, (_, why) in RESPONSES.items()
        ]
    return requests, responses


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="show the cases without a difference, too")
    options = parser.parse_args()
    if shutil.which("nginx") is None:
        sys.exit("bench/differential.py needs nginx")
    tables = uvloop.run(compare())
    for what, rows in zip(("request", "response"), tables, strict=True):
        print(f"| {what} | nginx | Tolv | why |\n|---|---|---|---|")
        for row in rows:
            if row.differs or row.why or options.all:
                print(row)
        print()
    return 0 if all(row.explained for rows in tables for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
