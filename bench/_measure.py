"""What the benches share: a home of their own, runs in turns, and the table."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
UV = str(BIN / "uv")
#: Seconds that anything may take before the bench gives up.
DEADLINE = 120.0
#: Seconds between two looks at whether a page has changed; the same for all that are compared.
_PAUSE = 0.02

Times = dict[str, list[float]]


def rounds(doc: str | None, default: int) -> int:
    """The one option that every bench has. From here on SIGTERM ends a bench as ^C does: with what it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=default, help=f"default: {default}")
    return int(parser.parse_args().rounds)


def in_turns(count: int, cases: Mapping[str, Callable[[], float]], *, unmeasured: int = 1) -> Times:
    """Seconds of each case, run A B C A B C …; the first `unmeasured` rounds fill caches and do not count."""
    times: Times = {name: [] for name in cases}
    for number in range(-unmeasured, count):
        for name, measure in cases.items():
            seconds = measure()
            if number >= 0:
                times[name].append(seconds)
    return times


@dataclass(frozen=True)
class Row:
    """A line of the table: what, its times, and the peer's of the same run that they are held against."""

    what: str
    seconds: Sequence[float]
    peer: Sequence[float] | None = None
    target: str = ""


def print_table(rows: Sequence[Row], *, unit: str = "s") -> None:
    """The rows as Markdown."""
    factor, digits = (1000, 0) if unit == "ms" else (1, 2)
    print(f"| | median, {unit} | fastest | slowest | ratio to peer | target |\n|---|---|---|---|---|---|")
    for row in rows:
        middle = statistics.median(row.seconds)
        figures = [f"{one * factor:.{digits}f}" for one in (middle, min(row.seconds), max(row.seconds))]
        ratio = "" if row.peer is None else f"{middle / statistics.median(row.peer):.2f}"
        print(f"| {' | '.join([row.what, *figures, ratio, row.target])} |")


def print_surroundings(*packages: str) -> None:
    """One line on the machine, the day, and the versions that were compared."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    print(
        f"\n{date.today()}, {os.cpu_count()} cores, {memory:.0f} GB, Linux {platform.release().split('-')[0]}, "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}{', ' if versions else ''}{versions}"
    )


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A directory that is gone at the end, read-only builds and all."""
    directory = Path(tempfile.mkdtemp(prefix="tolv-bench-"))
    try:
        yield directory
    finally:
        for one, _, _ in os.walk(directory):
            os.chmod(one, 0o700)
        shutil.rmtree(directory)


@dataclass(frozen=True)
class Tolv:
    """Tolv on a home and a port of its own, through `bin/tolv`."""

    home: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    """More of the server's environment."""

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that runs."""
        return subprocess.Popen(
            [str(ROOT / "bin" / "tolv"), *arguments],
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str) -> float:
        """A command from start to end, in seconds. What fails ends the bench."""
        began = time.perf_counter()
        finish(self.start(*arguments), "tolv", *arguments)
        return time.perf_counter() - began

    def ask(self, *arguments: str) -> str:
        """What a command prints."""
        command = [str(ROOT / "bin" / "tolv"), *arguments]
        return subprocess.run(
            command, env=self._variables(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def _variables(self) -> dict[str, str]:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("TOLV_")}
        return variables | {"TOLV_HOME": str(self.home), "TOLV_PORT": str(self.port), **self.settings}

    def until_page(self, text: str, host: str, *arguments: str) -> float:
        """Seconds from the start of a command to the first page of `host` that has `text`."""
        began = time.perf_counter()
        command = self.start(*arguments)
        seconds = await_page(self.port, host, text) - began
        finish(command, "tolv", *arguments)
        return seconds


@contextlib.contextmanager
def tolv(home: Path, **settings: str) -> Iterator[Tolv]:
    """A server on `home`, with all that it runs gone at the end; `settings` are variables of its environment."""
    one = Tolv(home, free_port(), settings)
    one.run("server", "start")
    try:
        yield one
    finally:
        one.run("server", "stop")


def finish(process: subprocess.Popen[bytes], *command: str) -> None:
    """Wait for a process that should succeed."""
    _, complaints = process.communicate(timeout=DEADLINE)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{(complaints or b'').decode()}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session of its own, and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def boot(command: Sequence[str], venv: Path, app: Path, port: int, text: str) -> float:
    """Seconds from the start of a command that runs the app to the first page that has `text`; it is ended then."""
    variables = {**os.environ, "PATH": f"{venv / 'bin'}:{os.environ['PATH']}", "PORT": str(port)}
    variables |= {"PYTHONUNBUFFERED": "1"}
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=app,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return await_page(port, "localhost", text) - began
    finally:
        end(process)


def honcho_start(venv: Path, app: Path, text: str) -> float:
    """Seconds from `honcho start` of the app to its first page."""
    port = free_port()
    return boot([str(BIN / "honcho"), "start", "--port", str(port)], venv, app, port, text)


def await_page(port: int, host: str, text: str) -> float:
    """The moment (`time.perf_counter`) at which `GET /` first answered 200 with `text` in it."""
    wanted = text.encode()
    deadline = time.perf_counter() + DEADLINE
    while time.perf_counter() < deadline:
        with contextlib.suppress(OSError):
            answer = _get(port, host)
            if b" 200 " in answer[:16] and wanted in answer:
                return time.perf_counter()
        time.sleep(_PAUSE)
    sys.exit(f"no page with {text!r} on port {port} within {DEADLINE:.0f} s")


def _get(port: int, host: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
