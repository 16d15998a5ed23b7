"""One Tolv home with its server, keeper and router, driven as a person drives it: through the command line."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ports import free_port

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 30.0

#: A web app of the standard library alone: it answers with what it sees, slowly when asked to.
APP = textwrap.dedent(
    """
    import json, os, signal, sys, threading, time
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from urllib.parse import parse_qs, urlsplit

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_GET(self):
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            if url.path == "/slow":
                time.sleep(float(query["s"][0]))
            if url.path == "/exit":
                os._exit(int(query["code"][0]))
            if url.path == "/print":
                print(query["text"][0], flush=True)
            body = json.dumps({
                "greeting": GREETING, "pid": os.getpid(), "env": dict(os.environ), "cwd": os.getcwd(),
                "headers": dict(self.headers),
            }).encode()
            self.send_response(200 if url.path != "/missing" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *args):
            pass

    GREETING = "hello"
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print("listening", flush=True)
    server.serve_forever()
    server.server_close()
    print("finished", flush=True)
    """
)
PROCFILE = f"web: {sys.executable} app.py\n"


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Answer:
    """What the router answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Machine:
    """A home of its own on a port of its own."""

    def __init__(self, home: Path, projects: Path, **environment: str) -> None:
        self.home = home
        self.projects = projects
        self.port = free_port()
        # Apps run this Python, which they name in their Procfile, and leave traces for a test to find.
        self._granted = {"*": {"readable": [sys.prefix, sys.base_prefix], "writable": [str(projects)]}}
        projects.chmod(0o777)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TOLV_")},
            "TOLV_HOME": str(home),
            "TOLV_PORT": str(self.port),
            "PYTHONPATH": str(ROOT / "src"),
            **environment,
        }

    def grant(self, app: str = "*", **paths: list[str]) -> None:
        """Let an app read (`readable`) and write (`writable`) more than apps may."""
        self._granted[app] = paths
        (self.home / "sandbox.toml").unlink(missing_ok=True)
        self._write_grants()

    def _write_grants(self) -> None:
        """Late, as a test may mount a disk at the home that it has named."""
        path = self.home / "sandbox.toml"
        if path.exists():
            return
        lines = [
            f'["{app}"]\n' + "".join(f"{key} = {json.dumps(value)}\n" for key, value in granted.items())
            for app, granted in self._granted.items()
        ]
        with suppress(OSError):
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text("".join(lines))

    # Commands.

    def tolv(self, *words: str, ok: bool = True, cwd: Path | None = None, stdin: str | None = None) -> Result:
        """Run a command to its end; `ok`: it must succeed."""
        done = subprocess.run(
            self.command(*words),
            env=self.environment,
            cwd=cwd or self.projects,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        if ok:
            assert result.code == 0, f"tolv {' '.join(words)}\n{result.out}\n{result.err}\n{self.server_log()}"
        return result

    def start(self, *words: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Begin a command and leave it running."""
        return subprocess.Popen(
            self.command(*words),
            env=self.environment,
            cwd=cwd or self.projects,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *words: str) -> list[str]:
        self._write_grants()
        return [sys.executable, "-P", "-m", "tolv", *words]

    def deploy(self, path: Path, environment: str = "prod", *words: str, ok: bool = True) -> Any:
        result = self.tolv("deploy", str(path), "-e", environment, "--json", *words, ok=ok)
        return result.json if result.out.strip() else None

    def ps(self, app: str, environment: str = "prod") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.tolv("ps", "-a", app, "-e", environment, "--json").json
        return rows

    def releases(self, app: str, environment: str = "prod") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.tolv("releases", "-a", app, "-e", environment, "--json").json
        return rows

    def server_log(self) -> str:
        log = self.home / "server.log"
        return log.read_text(errors="replace")[-6000:] if log.exists() else "(no server log)"

    def api(self, path: str) -> Any:
        """What the server of this home answers to GET; it must run."""
        connection = http.client.HTTPConnection("localhost", timeout=DEADLINE)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self.home / "server.sock"))
            connection.request("GET", f"/v1{path}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    # Apps.

    def app(self, name: str, files: Mapping[str, str] | None = None, **more: str) -> Path:
        """A git repository with a small web app, committed; `files` replace or add to it."""
        path = self.projects / name
        path.mkdir()
        self.write(path, {"app.py": APP, "Procfile": PROCFILE, **(files or {})})
        git(path, "init", "-q", "-b", "main")
        self.commit(path)
        return path

    def write(self, path: Path, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)

    def commit(self, path: Path, files: Mapping[str, str] | None = None) -> str:
        """Commit everything, after writing `files`; the commit's id."""
        self.write(path, files or {})
        git(path, "add", "-A")
        git(path, "commit", "-q", "--allow-empty", "-m", "Change")
        return git(path, "rev-parse", "HEAD").strip()

    def greet(self, path: Path, greeting: str) -> str:
        """A new commit whose app says `greeting`; the commit's id."""
        return self.commit(path, {"app.py": APP.replace('GREETING = "hello"', f"GREETING = {greeting!r}")})

    # Requests.

    def get(self, host: str, path: str = "/", timeout: float = DEADLINE) -> Answer:
        """GET through the router."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Host": f"{host}.localhost:{self.port}"})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    # Ends.

    def kill_server(self) -> int:
        """kill -9 the server; its pid."""
        pid: int = self.tolv("server", "status", "--json").json["pid"]
        kill(pid)
        return pid

    def close(self) -> None:
        """Stop everything of this home; whatever refuses is killed."""
        self.tolv("server", "stop", ok=False)
        for pid in self.survivors():
            kill(pid)

    def survivors(self) -> list[int]:
        """Pids of processes that carry this home in their environment or command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if os.fsencode(self.home) + b"/" in text or os.fsencode(f"TOLV_HOME={self.home}") + b"\0" in text:
                found.append(int(entry.name))
        return found


def kill(pid: int) -> None:
    """SIGKILL, and wait until the process is gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    eventually(lambda: not alive(pid), f"pid {pid} is still there")


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def eventually(state: Callable[[], T], what: str | Callable[[], str] = "", deadline: float = DEADLINE) -> T:
    """Wait until `state()` is true, and return it; fails at the deadline, and says `what` then."""
    end = time.monotonic() + deadline
    while True:
        value = state()
        if value:
            return value
        assert time.monotonic() < end, (what() if callable(what) else what) or "it did not come to pass"
        time.sleep(0.02)


def git(path: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(path), "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *words],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
