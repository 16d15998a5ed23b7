"""The apps of the soak: a web process that answers and logs, and a worker whose lines are numbered."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

WEB = """\
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(float(self.path.partition("?s=")[2] or 1))
        body = GREETING.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        print(f"{self.path} {self.headers['X-Request-ID']}")
    def log_message(self, *words):
        pass

import signal, threading
time.sleep(BOOT)
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
"""
#: Counts its lines: one that is missing is seen.
WORKER = """\
import itertools, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
for number in itertools.count(1):
    os.write(1, f"line {number}\\n".encode())
    time.sleep(0.1)
"""


class App:
    """A checkout that changes with every commit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = 0
        path.mkdir()
        python = sys.executable
        (path / "Procfile").write_text(f"web: {python} web.py\nworker: {python} worker.py\nrelease: sh release.sh\n")
        (path / "worker.py").write_text(WORKER)
        subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
        self.change()

    def change(self, *, boot: float = 0.0, crash: bool = False, release: str = "true") -> None:
        """A new commit, whose web process takes `boot` seconds to start, or ends at once."""
        self._turn += 1
        start = f"GREETING = 'turn {self._turn}'; BOOT = {boot}"
        if crash:
            start += "\nraise SystemExit(9)"
        (self.path / "web.py").write_text(f"{start}\n{WEB}")
        (self.path / "release.sh").write_text(f"{release}\n")
        git = ["git", "-C", str(self.path), "-c", "user.name=soak", "-c", "user.email=soak@localhost"]
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "-c", "commit.gpgsign=false", "commit", "-qm", f"turn {self._turn}"], check=True)


def gaps(name: str, lines: list[bytes]) -> list[str]:
    """Where a worker's count of its lines is broken; the first may be gone, the budget of logs takes the oldest."""
    found = [re.fullmatch(rb"line (\d+)", one) for one in lines if one.strip(b"\0")]
    odd = [f"{name}: {line[:60]!r}" for line in lines if line.strip(b"\0") and not re.fullmatch(rb"line \d+", line)]
    numbers = [int(one[1]) for one in found if one]
    return odd + [f"{name}: {later} after {one}" for one, later in pairwise(numbers) if later != one + 1]
