"""What a bad neighbour costs: the p99 of app B alone, and beside an app A that misbehaves in one way after the other.

    python bench/neighbours.py [--rounds 3]

B is asked at a fixed pace through the router, on kept connections. Each way is measured in turn, B alone right before
it, and the ratio is the median of the pairs'. Everything that A does is bounded in time and count.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import resource
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from _measure import Tolv, print_surroundings, rounds, scratch
from _measure import tolv as running_tolv

#: Seconds of each measurement, requests a second, kept connections; a moment for A's trouble to begin.
SECONDS, PACE, CONNECTIONS, BEGIN = 6.0, 100, 4, 1.5
WAYS = ("crash loop", "log flood", "fork bomb", "full temporary directory", "100 000 connections")
MANY = 100_000
#: Descriptors that one process of the bench uses for connections; ports that one source address has.
_EACH = 18_000

B = """\
import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = ("<p>" + ", ".join(str(n * n) for n in range(3000)) + "</p>").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page).serve_forever()
"""
#: Misbehaves as the command line says, for a minute at most.
A = """\
import os, sys, time
way, until = sys.argv[1], time.monotonic() + 60
if way == "crash":
    sys.exit(3)
if way == "flood":
    block = b"x" * 99 + b"\\n"
    while time.monotonic() < until:
        os.write(1, block * 600)
if way == "fork":
    for _ in range(200):
        try:
            if os.fork() == 0:
                while time.monotonic() < until:
                    pass
                os._exit(0)
        except OSError:
            time.sleep(0.1)
if way == "fill":
    number = 0
    while time.monotonic() < until:
        with open(os.environ["TMPDIR"] + f"/{number}", "wb") as file:
            file.write(b"x" * (8 << 20))
        number += 1
time.sleep(600)
"""
_PROCFILE = "web: exec python3 web.py\n" + "".join(
    f"{name}: exec python3 trouble.py {name}\n" for name in ("crash", "flood", "fork", "fill")
)
_TYPES = {"crash loop": "crash", "log flood": "flood", "fork bomb": "fork", "full temporary directory": "fill"}


async def ask(port: int, latencies: list[float]) -> None:
    """One kept connection: a request at each tick, whatever the last one took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    for number in range(int(SECONDS * PACE / CONNECTIONS)):
        due = began + number * CONNECTIONS / PACE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        sent = time.perf_counter()
        writer.write(b"GET / HTTP/1.1\r\nHost: quiet.localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"B was not answered: {head[:200]!r}")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0]))
        latencies.append(time.perf_counter() - sent)
    writer.close()


def p99(port: int) -> float:
    """Milliseconds."""
    latencies: list[float] = []

    async def all_of_them() -> None:
        await asyncio.gather(*(ask(port, latencies) for _ in range(CONNECTIONS)))

    asyncio.run(all_of_them())
    return statistics.quantiles(latencies, n=100)[98] * 1000


@contextlib.contextmanager
def trouble(platform: Tolv, way: str) -> Iterator[None]:
    """A misbehaves until the block ends."""
    if way not in _TYPES:
        with connections(platform.port):
            yield
        return
    type_ = _TYPES[way]
    starting = platform.start("scale", f"{type_}=1", "-a", "noisy", "-e", "dev")
    try:
        time.sleep(BEGIN)
        yield
    finally:
        with contextlib.suppress(SystemExit):  # a crash is what scale reports, too
            starting.communicate(timeout=60)
        ending = platform.start("down", "--force", "-a", "noisy", "-e", "dev")
        ending.communicate(timeout=60)
        platform.run("scale", f"{type_}=0", "-a", "noisy", "-e", "dev")
        platform.run("restart", "-a", "noisy", "-e", "dev")


@contextlib.contextmanager
def connections(port: int) -> Iterator[None]:
    """Processes that open all those connections to A, each with one request, and hold what the router leaves them."""
    children = []
    for number in range(-(-MANY // _EACH)):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                hold(port, f"127.0.1.{number + 1}", min(_EACH, MANY - number * _EACH), writer)
            os._exit(0)
        os.close(writer)
        children.append((child, reader))
    try:
        for _, reader in children:
            os.read(reader, 1)
        yield
    finally:
        for child, reader in children:
            os.close(reader)
            os.kill(child, 9)
            os.waitpid(child, 0)


def hold(port: int, source: str, count: int, ready: int) -> None:
    """Open them, for half a minute at most, then sleep."""
    opened, until = [], time.monotonic() + 30
    request = b"GET / HTTP/1.1\r\nHost: noisy.localhost\r\n\r\n"
    for _ in range(count):
        one = socket.socket()
        one.settimeout(5)
        with contextlib.suppress(OSError):
            one.bind((source, 0))
            one.connect(("127.0.0.1", port))
            one.send(request)
        opened.append(one)
        if time.monotonic() > until:
            break
    os.write(ready, b"x")
    time.sleep(60)


def deploy(platform: Tolv, directory: Path) -> None:
    for name, files in (
        ("quiet", {"web.py": B, "Procfile": "web: exec python3 web.py\n"}),
        ("noisy", {"web.py": B, "trouble.py": A, "Procfile": _PROCFILE}),
    ):
        app = directory / name
        app.mkdir()
        quantities = "".join(f"[processes.{one}]\nquantity = 0\n" for one in _TYPES.values())
        for file, text in {**files, "tolv.toml": quantities if name == "noisy" else ""}.items():
            (app / file).write_text(text)
        platform.run("up", "--detach", str(app))


def main() -> None:
    times = rounds(__doc__, 3)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    alone: dict[str, list[float]] = {way: [] for way in WAYS}
    beside: dict[str, list[float]] = {way: [] for way in WAYS}
    with scratch() as directory, running_tolv(directory / "home", TOLV_TMP_BUDGET="256M") as platform:
        deploy(platform, directory)
        p99(platform.port)  # fills caches
        for _, way in itertools.product(range(times), WAYS):
            alone[way].append(p99(platform.port))
            with trouble(platform, way):
                beside[way].append(p99(platform.port))
    print(f"p99 of B in ms, {PACE} requests a second, {CONNECTIONS} connections, medians of {times}:\n")
    print("| A has a | B alone | beside A | ratio, median of pairs | target |\n|---|---|---|---|---|")
    for way in WAYS:
        ratio = statistics.median(b / a for a, b in zip(alone[way], beside[way], strict=True))
        figures = (statistics.median(alone[way]), statistics.median(beside[way]))
        print(f"| {way} | {figures[0]:.1f} | {figures[1]:.1f} | {ratio:.2f} | ≤ 2 |")
    print_surroundings()


if __name__ == "__main__":
    main()
