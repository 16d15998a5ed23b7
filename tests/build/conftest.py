"""Apps, homes and a package index of our own: small wheels and tarballs, made here and served on this machine."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import os
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tolv.build import builder
from tolv.build.model import Build
from tolv.codebase.git import locate, resolve
from tolv.home import Home

USER, PASSWORD = "reader", "s3cr3t-of-the-index"


@dataclass
class Index:
    """A package index for pip and npm that asks for a password."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self.port}/simple/"

    @property
    def registry(self) -> str:
        return f"http://127.0.0.1:{self.port}/npm/"

    def add_wheel(
        self,
        name: str,
        version: str,
        requires: tuple[str, ...] = (),
        tag: str = "py3-none-any",
        source: str = "",
        python: str = "",
    ) -> str:
        """Publish a wheel whose module says its version, for the Pythons in the range; returns its file name."""
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += f"Requires-Python: {python}\n" if python else ""
        contents = {
            f"{name}/__init__.py": f"{source}version = '{version}'\n\n\ndef main():\n    print('{name}', version)\n",
            f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {one}\n" for one in requires),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: here\nRoot-Is-Purelib: true\nTag: {tag}\n",
            f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
        }
        record = "".join(f"{path},{_record_hash(text)},{len(text)}\n" for path, text in contents.items())
        contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for path, text in contents.items():
                archive.writestr(zipfile.ZipInfo(path), text)
        filename = f"{name}-{version}-{tag}.whl"
        self.files[f"/files/{filename}"] = out.getvalue()
        return filename

    def add_npm(self, name: str, version: str) -> None:
        """Publish an npm package that exports its version."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            for path, text in {
                "package/package.json": json.dumps({"name": name, "version": version, "license": "MIT"}),
                "package/index.js": f"module.exports = '{version}'\n",
            }.items():
                info = tarfile.TarInfo(path)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
        self.files[f"/npm/{name}/-/{name}-{version}.tgz"] = out.getvalue()

    def sha256(self, filename: str) -> str:
        return hashlib.sha256(self.files[f"/files/{filename}"]).hexdigest()

    def page(self, path: str) -> tuple[str, bytes] | None:
        """What is served at a path: its type and content."""
        if path in self.files:
            return "application/octet-stream", self.files[path]
        parts = path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2:
            wheels = [one for one in self.files if one.startswith(f"/files/{parts[1].replace('-', '_')}-")]
            links = (f'<a href="{one}#sha256={self.sha256(one[7:])}">{one[7:]}</a>' for one in wheels)
            return ("text/html", "".join(links).encode()) if wheels else None
        if parts[0] == "npm" and len(parts) == 2:
            return self._packument(parts[1])
        return None

    def _packument(self, name: str) -> tuple[str, bytes] | None:
        versions = {}
        for path, content in self.files.items():
            if path.startswith(f"/npm/{name}/-/"):
                version = path.removesuffix(".tgz").rpartition("-")[2]
                dist = {"tarball": f"http://127.0.0.1:{self.port}{path}", "integrity": integrity(content)}
                versions[version] = {"name": name, "version": version, "dist": dist}
        data = {"name": name, "dist-tags": {"latest": max(versions, default="")}, "versions": versions}
        return ("application/json", json.dumps(data).encode()) if versions else None


def integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def _record_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def index() -> Iterator[Index]:
    index = Index()

    class Pages(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if not self.path.startswith("/npm/") and self.headers.get("Authorization") != wanted:
                self._answer(401, "text/plain", b"who are you?")
            elif (page := index.page(self.path)) is None:
                self._answer(404, "text/plain", b"not here")
            else:
                self._answer(200, *page)

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    index.port = server.server_address[1]
    index.add_wheel("tiny_base", "1.0")
    index.add_wheel("tiny_base", "1.1")
    index.add_wheel("tiny_web", "2.0", ("tiny_base>=1.0", "tiny_windows ; sys_platform == 'win32'"))
    index.add_wheel("tiny_windows", "1.0", tag="py3-none-win_amd64")
    index.add_wheel("tiny_dev", "1.0")
    index.add_npm("tiny-base", "1.0.0")
    index.add_npm("tiny-tool", "1.0.0")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield index
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _own_index(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("UV_", "PIP_", "npm_config_", "NPM_CONFIG_", "TOLV_")) or name == "DISABLE_COLLECTSTATIC":
            monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("npm_config_registry", index.registry)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


@dataclass
class Repository:
    """A git repository with an app."""

    path: Path

    def commit(self, files: dict[str, str | None], message: str = "change") -> str:
        """Write files (None removes one) and commit them; returns the commit's id."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        environment = {
            **os.environ,
            **{f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            **{f"GIT_{who}_DATE": "2026-01-02T03:04:05Z" for who in ("AUTHOR", "COMMITTER")},
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    def build(
        self, home: Home, report: Callable[[str], None] = lambda message: None, cancelled: threading.Event | None = None
    ) -> Build:
        source = locate(self.path)
        return builder.build(source, resolve(source, "HEAD"), None, home, report, cancelled=cancelled)


@pytest.fixture
def repository(tmp_path: Path) -> Callable[..., Repository]:
    """Makes a repository from files, in a directory of the test's own."""

    def make(files: dict[str, str], name: str = "shop") -> Repository:
        path = tmp_path / name
        path.mkdir(parents=True)
        made = Repository(path)
        made.git("init", "--quiet", "--initial-branch=main")
        made.commit({"Procfile": "web: python web.py\n", **files})
        return made

    return make


@pytest.fixture
def run() -> Callable[..., str]:
    """Runs a command in an unpacked build as the engine would: its environment and nothing else."""

    def run(home: Home, build: Build, command: str) -> str:
        ready = builder.unpack(home, build.digest)
        environment = {**ready.environment, "PATH": os.pathsep.join(ready.path)}
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=ready.directory, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
