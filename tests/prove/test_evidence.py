"""What probes gather evidence with: tripwires, a hook for imports, a collector, and what a tree says of its runtime."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tolv.build.model import Runnable
from tolv.codebase.stated_runtimes import Statement, stated_runtimes
from tolv.prove.harness.collector import Collector
from tolv.prove.harness.network import HostNetwork
from tolv.prove.harness.tripwires import Call, Tripwires
from tolv.prove.probes.build_release_run import _builds
from tolv.prove.probes.parity import _allowed
from tolv.prove.watch.imports import Imports, Loaded


def _runnable(tmp_path: Path, *path: str) -> Runnable:
    return Runnable("sha256:0", str(tmp_path / "app"), (*path, "/usr/bin", "/bin"), {})


def _run(runnable: Runnable, *argv: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": ":".join(runnable.path), **runnable.environment}
    return subprocess.run(argv, env=env, capture_output=True, text=True)


def test_a_tripwire_notes_who_calls_and_takes_the_programs_place(tmp_path: Path) -> None:
    (tmp_path / "programs").mkdir()
    program = tmp_path / "programs" / "convert"
    program.write_text('#!/bin/sh\necho "made $2 by $(helper)"\n')
    (tmp_path / "programs" / "helper").write_text("#!/bin/sh\necho help\n")
    for one in (program, program.with_name("helper")):
        one.chmod(0o755)
    (tmp_path / "wires").mkdir()
    wires = Tripwires(tmp_path / "wires", _runnable(tmp_path, str(program.parent)), ("convert", "helper"))
    done = _run(wires.runnable, "sh", "-c", "convert a.png 'b c.png'")
    assert done.stdout == "made b c.png by help\n"
    assert [str(one) for one in wires.calls] == ["convert a.png b c.png", "helper"]


def test_a_tripwire_that_refuses_finds_no_program(tmp_path: Path) -> None:
    (tmp_path / "wires").mkdir()
    wires = Tripwires(tmp_path / "wires", _runnable(tmp_path), (), refuse=("cat",))
    assert _run(wires.runnable, "sh", "-c", "cat /dev/null").returncode == 127
    assert [one.name for one in wires.calls] == ["cat"]


@pytest.mark.parametrize(
    ("name", "arguments", "builds"),
    [
        ("pip", "install -r requirements.txt", True),
        ("pip", "list", False),
        ("npm", "ci", True),
        ("npm", "run build", True),
        ("npm", "start", False),
        ("npm", "run start", False),
        ("yarn", "", True),
        ("uv", "run --no-sync web", False),
        ("gcc", "-Wl,-t -o /tmp/x -lpq", False),
        ("gcc", "-o app app.c", True),
        ("make", "serve", False),
        ("bundle", "exec puma", False),
        ("apt-get", "-y install curl", True),
        ("poetry", "run flask install", False),
    ],
)
def test_what_installs_and_compiles(name: str, arguments: str, builds: bool) -> None:
    assert _builds(Call(1, name, arguments)) is builds


def _imports(tmp_path: Path, files: dict[str, str]) -> Imports:
    for path, text in files.items():
        (tmp_path / "app" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "app" / path).write_text(text)
    (tmp_path / "hooks").mkdir()
    return Imports(tmp_path / "hooks", _runnable(tmp_path))


def test_what_the_files_of_a_python_app_import(tmp_path: Path) -> None:
    files = {
        "main.py": "import json, inner\nfrom xml import dom\ndef late():\n    import colorsys\nlate()\n",
        "inner.py": "import sqlite3.dbapi2\n",
    }
    imports = _imports(tmp_path, files)
    done = _run(imports.runnable, sys.executable, str(tmp_path / "app" / "main.py"))
    assert done.returncode == 0, done.stderr
    found = {(one.file, one.module) for one in imports.loaded}
    assert {
        ("main.py", "json"),
        ("main.py", "xml.dom"),
        ("main.py", "colorsys"),
        ("inner.py", "sqlite3.dbapi2"),
    } <= found
    assert all(Path(one.origin).name.endswith(".py") for one in imports.loaded if one.module == "json")


def test_a_sitecustomize_of_the_environments_own_still_runs(tmp_path: Path) -> None:
    imports = _imports(
        tmp_path,
        {"main.py": "import os; print(os.environ['OWN'])", "sitecustomize.py": "import os; os.environ['OWN'] = 'here'"},
    )
    environment = imports.runnable.environment
    environment["PYTHONPATH"] += os.pathsep + str(tmp_path / "app")
    assert _run(imports.runnable, sys.executable, str(tmp_path / "app" / "main.py")).stdout == "here\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node")
def test_what_the_files_of_a_node_app_load(tmp_path: Path) -> None:
    files = {
        "main.js": "require('fs'); require('./inner'); require('left/deep')",
        "inner.js": "require('left')",
        "node_modules/left/index.js": "require('right')",
        "node_modules/left/deep.js": "",
        "node_modules/right/index.js": "",
    }
    imports = _imports(tmp_path, files)
    done = _run(imports.runnable, shutil.which("node") or "", str(tmp_path / "app" / "main.js"))
    assert done.returncode == 0, done.stderr
    assert set(imports.loaded) == {Loaded("inner.js", "left", ""), Loaded("main.js", "left/deep", "")}


def _post(port: int, path: str, kind: str, body: bytes) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    head = "\r\n".join((*lines, "", ""))
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(head.encode() + body)
        return b"".join(iter(lambda: line.recv(4096), b""))


def test_a_collector_reads_the_service_of_what_comes() -> None:
    text = b'{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"notes"}}]}}'
    binary = b"\x0a\x17\x0a\x0cservice.name\x12\x07\x0a\x05notes"

    async def listen() -> Collector:
        network = HostNetwork()
        collector = await Collector.open(network)
        answer = await asyncio.to_thread(_post, collector.port, "/v1/traces", "application/json", text)
        assert answer.startswith(b"HTTP/1.1 200")
        await asyncio.to_thread(_post, collector.port, "/v1/metrics", "application/x-protobuf", binary)
        await network.close()
        return collector

    collector = asyncio.run(listen())
    assert [(one.path, one.service) for one in collector.received] == [
        ("/v1/traces", "notes"),
        ("/v1/metrics", "notes"),
    ]
    assert collector.holds("stringValue")
    assert collector.http2 == 0


def test_where_a_tree_says_its_runtime(tmp_path: Path) -> None:
    (tmp_path / ".python-version").write_text("3.12.4\n")
    (tmp_path / "Dockerfile").write_text("FROM node:20 AS assets\nFROM python:3.11-slim\n")
    workflow = tmp_path / ".github" / "workflows" / "ci.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(
        "on: push\njobs:\n  test:\n    strategy:\n      matrix:\n        python: ['3.11', '3.12']\n    steps:\n"
        "      - uses: actions/setup-python@v5\n        with:\n          python-version: ${{ matrix.python }}\n"
    )
    assert set(stated_runtimes(tmp_path)) == {
        Statement("python", ("3.12.4",), ".python-version"),
        Statement("javascript", ("20",), "Dockerfile"),
        Statement("python", ("3.11",), "Dockerfile"),
        Statement("python", ("3.11", "3.12"), ".github/workflows/ci.yml"),
    }


@pytest.mark.parametrize(
    ("language", "text", "version", "meant"),
    [
        ("python", "3.12.4", (3, 12), True),
        ("python", "3.12.4", (3, 11), False),
        ("python", ">=3.9.2,<3.12", (3, 11), True),
        ("python", ">=3.9.2,<3.12", (3, 12), False),
        ("python", "python-3.11.4", (3, 11), True),
        ("javascript", ">=18.17 <21", (20,), True),
        ("javascript", "v20.11.1", (22,), False),
        ("javascript", "lts/*", (20,), False),
        ("python", "^3.10", (3, 12), True),
    ],
)
def test_which_versions_a_text_means(language: str, text: str, version: tuple[int, ...], meant: bool) -> None:
    assert (version in _allowed(Statement(language, (text,), "file"))) is meant
