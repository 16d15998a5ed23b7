"""The same bytes to nginx and to Tolv's router: where they differ, and why.

    python bench/differential.py [--all]

Both stand before one upstream that records what reaches it. For each case the statuses that the client got and the
requests that the upstream saw are compared. Exit status 1 if a difference is not explained here, or an explanation
has no difference any more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import shutil
import sys
import tempfile
from pathlib import Path

import uvloop
from route import NGINX, PROXY, free_port
from switch import process

from tolv.home import Home
from tolv.route.client import RouterClient
from tolv.route.model import Route, Table, Upstream

HOST = b"Host: app.localhost\r\n"
NEXT = b"GET /next HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
QUIET_SECONDS = 0.5


def get(fields: bytes = b"", target: bytes = b"/", version: bytes = b"HTTP/1.1", method: bytes = b"GET") -> bytes:
    return b"%b %b %b\r\n%b%b\r\n" % (method, target, version, HOST, fields)


def post(fields: bytes, body: bytes = b"") -> bytes:
    return get(fields, method=b"POST") + body


LENGTH, CHUNKED, WHOLE = b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"
#: Name: (bytes, why the two may differ or "" if they must not).
CASES: dict[str, tuple[bytes, str]] = {
    "plain": (get(), ""),
    "two pipelined": (get() + NEXT, ""),
    "body by length": (post(LENGTH, b"abc") + NEXT, ""),
    "body by chunks": (post(CHUNKED, WHOLE) + NEXT, ""),
    "HEAD": (get(method=b"HEAD") + NEXT, ""),
    "HTTP/1.0": (get(version=b"HTTP/1.0"), ""),
    "HTTP/1.0 keep-alive": (get(b"Connection: keep-alive\r\n", version=b"HTTP/1.0") + NEXT, ""),
    "absolute form": (get(target=b"http://app.localhost/a"), ""),
    "absolute form of another host": (
        get(target=b"http://other.localhost/a"),
        "two names for one request: refused; nginx takes the target's (RFC 9112, 3.2.2)",
    ),
    "CL and TE": (post(LENGTH + CHUNKED, b"0\r\n\r\n") + NEXT, ""),
    "TE and CL": (post(CHUNKED + LENGTH, b"0\r\n\r\n") + NEXT, ""),
    "CL twice, different": (post(LENGTH + b"Content-Length: 4\r\n", b"abcd") + NEXT, ""),
    "CL twice, equal": (post(LENGTH + LENGTH, b"abc") + NEXT, ""),
    "CL list": (post(b"Content-Length: 3, 3\r\n", b"abc") + NEXT, ""),
    "CL with plus": (post(b"Content-Length: +3\r\n", b"abc") + NEXT, ""),
    "TE twice": (post(CHUNKED + CHUNKED, WHOLE) + NEXT, ""),
    "TE gzip, chunked": (post(b"Transfer-Encoding: gzip, chunked\r\n", WHOLE) + NEXT, "400, nginx 501"),
    "TE identity": (post(b"Transfer-Encoding: identity\r\n", b"") + NEXT, "400, nginx 501"),
    "TE xchunked": (post(b"Transfer-Encoding: xchunked\r\n", WHOLE) + NEXT, "400, nginx 501"),
    "TE with vertical tab": (post(b"Transfer-Encoding: \x0bchunked\r\n", WHOLE) + NEXT, "400, nginx 501"),
    "TE in HTTP/1.0": (b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n" + WHOLE, ""),
    "space before colon": (post(b"Content-Length : 3\r\n", b"abc") + NEXT, ""),
    "folded line": (get(b"X-A: b\r\n c\r\n") + NEXT, ""),
    "bare LF between fields": (get(b"X-A: b\nX-B: c\r\n") + NEXT, "refused; nginx takes LF for CR LF"),
    "bare LF everywhere": (b"GET / HTTP/1.1\nHost: app.localhost\n\n", "refused; nginx takes LF for CR LF"),
    "bare CR in a value": (get(b"X-A: b\rX-B: c\r\n") + NEXT, ""),
    "NUL in a value": (get(b"X-A: b\x00c\r\n") + NEXT, ""),
    "control in a value": (get(b"X-A: b\x01c\r\n") + NEXT, "refused; nginx passes it on"),
    "no colon": (get(b"X-A\r\n") + NEXT, "refused; nginx ignores the line"),
    "name in UTF-8": (get(b"X-\xc3\xa9: a\r\n") + NEXT, "refused; nginx drops the field"),
    "underscore in a name": (get(b"X_A: b\r\n") + NEXT, ""),
    "underscore twin of Content-Length": (post(b"Content_Length: 3\r\n") + NEXT, "refused; nginx drops the field"),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", ""),
    "two Hosts": (get(HOST), ""),
    "Host with a space": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ""),
    "Host with a slash": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ""),
    "HTTP/1.0 without Host": (b"GET / HTTP/1.0\r\n\r\n", "a host is needed to route; nginx has one server block"),
    "HTTP/0.9": (b"GET /\r\n", "refused; nginx serves it"),
    "HTTP/1.2": (get(version=b"HTTP/1.2"), ""),
    "HTTP/2.0": (get(version=b"HTTP/2.0"), ""),
    "lower-case method": (get(method=b"get"), "501, nginx 400"),
    "unknown method": (get(method=b"BREW"), "501; nginx passes it on"),
    "CONNECT": (b"CONNECT app.localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", "405, nginx 400 or 405"),
    "TRACE": (get(method=b"TRACE"), ""),
    "fragment in target": (get(target=b"/a#b"), "refused; nginx passes it on"),
    "raw UTF-8 in target": (get(target=b"/\xc3\xa9"), ""),
    "dot segments": (get(target=b"/a/../b"), ""),
    "Expect: something": (post(LENGTH + b"Expect: tea\r\n", b"abc") + NEXT, "417 (RFC 9110, 10.1.1); nginx ignores it"),
    "Connection names Host": (get(b"Connection: host\r\n"), "refused; nginx ignores what Connection names"),
    "chunk size with plus": (post(CHUNKED, b"+3\r\nabc\r\n0\r\n\r\n") + NEXT, ""),
    "chunk size with 0x": (post(CHUNKED, b"0x3\r\nabc\r\n0\r\n\r\n") + NEXT, ""),
    "chunk size with space": (post(CHUNKED, b"3 \r\nabc\r\n0\r\n\r\n") + NEXT, "refused; nginx allows it"),
    "chunk extension": (post(CHUNKED, b"3;a=b\r\nabc\r\n0\r\n\r\n") + NEXT, ""),
    "chunks with bare LF": (post(CHUNKED, b"3\nabc\n0\n\n") + NEXT, "refused; nginx takes LF for CR LF"),
    "chunk longer than its size": (post(CHUNKED, b"3\r\nabcd\r\n0\r\n\r\n") + NEXT, ""),
    "trailers": (post(CHUNKED, b"3\r\nabc\r\n0\r\nX-A: b\r\n\r\n") + NEXT, ""),
    "framing in trailers": (post(CHUNKED, b"0\r\nContent-Length: 5\r\n\r\n") + NEXT, "refused; nginx drops trailers"),
    "empty line before": (b"\r\n" + NEXT, ""),
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", ""),
    "7 KB field": (get(b"X-A: " + b"a" * 7000 + b"\r\n"), ""),
    "40 KB field": (get(b"X-A: " + b"a" * 40000 + b"\r\n"), "served up to 64 KiB; nginx 400 beyond 8 KB a line"),
    "70 KB field": (get(b"X-A: " + b"a" * 70000 + b"\r\n"), "431, nginx 400"),
    "101 fields": (get(b"".join(b"X-%d: a\r\n" % number for number in range(101))), "431; nginx serves it"),
}

seen: list[bytes] = []


async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An upstream that answers `ok` and keeps the request lines."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            seen.append(head.split(b" HTTP/")[0])
            if b"chunked" in head.lower():
                await reader.readuntil(b"0\r\n")
                while await reader.readline() != b"\r\n":
                    pass
            elif found := re.search(rb"(?i)\r\ncontent-length: (\d+)", head):
                await reader.readexactly(int(found[1]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if head.startswith(b"HEAD") else b"ok"))
    writer.close()


async def try_out(port: int, data: bytes) -> tuple[str, str]:
    """What the client and the upstream saw."""
    seen.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    with contextlib.suppress(OSError, TimeoutError):
        writer.write(data)
        async with asyncio.timeout(QUIET_SECONDS):
            while more := await reader.read(65536):
                answer += more
    writer.close()
    statuses = re.findall(rb"HTTP/1\.1 (\d{3})", answer)
    return b" ".join(statuses).decode() or "nothing", b", ".join(seen).decode("latin-1") or "nothing"


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="show the cases without a difference, too")
    options = parser.parse_args()
    if shutil.which("nginx") is None:
        sys.exit("bench/differential.py needs nginx")
    server = await asyncio.start_server(record, "127.0.0.1", 0)
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
            one = Upstream("u", "127.0.0.1", upstream, "v1", "web.1")
            await client.apply(Table(1, (Route("app.localhost", "app", "bench", (one,)),)))
            try:
                return await compare(port, router, show_all=options.all)
            finally:
                await client.stop(0)


async def compare(nginx: int, router: int, *, show_all: bool) -> int:
    unexplained = 0
    print("| case | nginx: client | upstream | tolv: client | upstream | why |\n|---|---|---|---|---|---|")
    for name, (data, why) in CASES.items():
        theirs, ours = await try_out(nginx, data), await try_out(router, data)
        if theirs != ours or why or show_all:
            reason = why if theirs != ours else "the same"
            print(f"| {name} | {theirs[0]} | {theirs[1]} | {ours[0]} | {ours[1]} | {reason or '**unexplained**'} |")
        unexplained += (theirs != ours) != bool(why)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
