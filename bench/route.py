"""Requests a second at 64 connections, p50 and p99 at 8: Tolv's router against nginx, HAProxy, Caddy and no proxy.

    python bench/route.py [--seconds 4] [--rounds 5] [--processes 1]

All proxies stand before the same upstream (nginx answering from memory) and are driven by wrk, one after the other in
each round; the ratios are medians of the rounds' ratios, so that a busy machine disturbs all alike. Peers that are
not installed are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tolv.home import Home
from tolv.route.client import RouterClient
from tolv.route.model import Route, Table, Upstream

NGINX = """
daemon off; error_log stderr crit; pid {directory}/pid; worker_processes {workers};
events {{ worker_connections 4096; }}
http {{
  access_log {log}; keepalive_requests 1000000000; client_body_temp_path {directory}/t; proxy_temp_path {directory}/t;
  fastcgi_temp_path {directory}/t; uwsgi_temp_path {directory}/t; scgi_temp_path {directory}/t;
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port} reuseport; location / {{ {location} }} }}
}}
"""
PROXY = """proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Request-ID $request_id;"""
HAPROXY = """
global
  maxconn 4096
  nbthread {workers}
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
listen app
  bind 127.0.0.1:{port}
  http-reuse always
  server one 127.0.0.1:{upstream}
"""
CADDY = """
{{
  admin off
  auto_https off
}}
http://app.localhost:{port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{upstream}
}}
"""


@dataclass
class Result:
    """One run's figures; latencies in milliseconds."""

    requests: float
    p50: float
    p99: float


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """A server in the foreground until the block ends; gives its port once it accepts connections."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not listen")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def which(tool: str) -> str:
    """A program on PATH or, as Caddy's is, in this environment; '' if there is none."""
    return shutil.which(tool, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") or ""


def nginx(
    directory: Path, name: str, upstream: int, location: str, workers: int, log: str = "off"
) -> tuple[list[str], int]:
    own = directory / name
    own.mkdir()
    port = free_port()
    file = own / "nginx.conf"
    file.write_text(
        NGINX.format(directory=own, workers=workers, upstream=upstream, port=port, location=location, log=log)
    )
    return ["nginx", "-c", str(file), "-p", str(own)], port


def haproxy(directory: Path, upstream: int, workers: int) -> tuple[list[str], int]:
    port = free_port()
    file = directory / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=port, upstream=upstream, workers=workers))
    return ["haproxy", "-db", "-f", str(file)], port


def caddy(directory: Path, upstream: int) -> tuple[list[str], int]:
    port = free_port()
    file = directory / "Caddyfile"
    file.write_text(CADDY.format(port=port, upstream=upstream))
    return [which("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)], port


@contextlib.contextmanager
def tolv(directory: Path, upstream: int, processes: int) -> Iterator[tuple[int, list[int]]]:
    """Router processes on a home of their own; gives port and pids."""
    with asyncio.Runner() as runner:
        client = RouterClient(Home(directory / "home"))
        port = free_port()
        pids = runner.run(client.ensure(port, count=processes))
        route = Route("app.localhost", "app", "bench", (Upstream("u", "127.0.0.1", upstream, "v1", "web.1"),))
        runner.run(client.apply(Table(1, (route,))))
        try:
            yield port, pids
        finally:
            runner.run(client.stop(0))
            runner.run(client.close())


def check(name: str, port: int) -> None:
    """That a proxy passes requests on, instead of answering them itself."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/", headers={"Host": "app.localhost"})
    if (content := connection.getresponse().read()) != b"hello, world\n":
        sys.exit(f"{name} answers {content!r}")
    connection.close()


def wrk(port: int, connections: int, seconds: float) -> Result:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "-H", "Host: app.localhost"]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert rate is not None
    return Result(float(rate[1]), *(_milliseconds(done.stdout, percent) for percent in (50, 99)))


def _milliseconds(text: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", text)
    assert found is not None
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def resident(pid: int) -> float:
    """Resident memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1, help="router processes, nginx workers, HAProxy threads")
    options = parser.parse_args()
    for tool in ("nginx", "wrk"):
        if not which(tool):
            sys.exit(f"bench/route.py needs {tool}")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        run(Path(name), stack, options)


def run(directory: Path, stack: contextlib.ExitStack, options: argparse.Namespace) -> None:
    workers = options.processes
    upstream = stack.enter_context(running(*nginx(directory, "app", 1, 'return 200 "hello, world\\n";', 1)))
    ports = {"direct": upstream}
    log = str(directory / "access.log")
    ports["nginx"] = stack.enter_context(running(*nginx(directory, "proxy", upstream, PROXY, workers, log)))
    if which("haproxy"):
        ports["haproxy"] = stack.enter_context(running(*haproxy(directory, upstream, workers)))
    if which("caddy"):
        ports["caddy"] = stack.enter_context(running(*caddy(directory, upstream)))
    ports["tolv"], pids = stack.enter_context(tolv(directory, upstream, workers))
    for name, port in ports.items():
        check(name, port)
    many: dict[str, list[Result]] = {name: [] for name in ports}
    few: dict[str, list[Result]] = {name: [] for name in ports}
    for _ in range(options.rounds):
        for name, port in ports.items():
            many[name].append(wrk(port, 64, options.seconds))
        for name, port in ports.items():
            few[name].append(wrk(port, 8, options.seconds))
    report(many, few, workers)
    print(f"\nmemory of each router process after the load: {', '.join(f'{resident(pid):.0f} MB' for pid in pids)}")


def report(many: dict[str, list[Result]], few: dict[str, list[Result]], workers: int) -> None:
    print(f"{os.cpu_count()} cores, {workers} process(es) a proxy, medians of {len(many['nginx'])} rounds\n")
    compared = [name for name in ("nginx", "caddy") if name in many]
    titles = ["proxy", "requests/s at 64", *(f"x {name}" for name in compared), "p50 at 8 (ms)", "p99 at 8 (ms)"]
    print(f"| {' | '.join([*titles, 'p99 x nginx'])} |\n{'|---' * (len(titles) + 1)}|")
    for name in many:
        median = statistics.median
        rate = median(one.requests for one in many[name])
        ratios = [
            median(a.requests / b.requests for a, b in zip(many[name], many[one], strict=True)) for one in compared
        ]
        p50, p99 = median(one.p50 for one in few[name]), median(one.p99 for one in few[name])
        slower = median(a.p99 / b.p99 for a, b in zip(few[name], few["nginx"], strict=True))
        figures = [f"{rate:,.0f}", *(f"{ratio:.2f}" for ratio in ratios), f"{p50:.2f}", f"{p99:.2f}", f"{slower:.2f}"]
        print(f"| {' | '.join([name, *figures])} |")


if __name__ == "__main__":
    main()
