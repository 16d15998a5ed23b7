"""Which interpreters and tools this machine has. Whatever must be run to tell its version runs at the same time."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tolv.doctor.check import Check

#: Seconds for all tools together to say their version; one that hangs is named without.
_PATIENCE = 2.0

_PYTHON = re.compile(r"python3\.\d+")


def tools() -> list[Check]:
    """Python, Node and their package managers, uv, git."""
    paths = {"uv": find_uv(), "git": shutil.which("git"), "node": shutil.which("node")}
    versions = _versions({name: path for name, path in paths.items() if path})
    return [_python(), _uv(versions), _git(versions), _node(versions)]


def find_uv() -> str | None:
    """The `uv` that was installed with Tolv, or the one on `PATH`."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")


def find_pythons() -> dict[str, str]:
    """Interpreters by version, `3.11` or as exact as their directory's name tells: those on `PATH`, of pyenv, of uv."""
    found: dict[str, str] = {"{}.{}.{}".format(*sys.version_info): sys.executable}
    for directory in os.get_exec_path():
        for name in _names(directory):
            if _PYTHON.fullmatch(name) and os.access(f"{directory}/{name}", os.X_OK):
                found.setdefault(name.removeprefix("python"), f"{directory}/{name}")
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    for root in (f"{os.environ.get('PYENV_ROOT') or os.path.expanduser('~/.pyenv')}/versions", f"{data}/uv/python"):
        for name in _names(root):
            version = re.search(r"3\.\d+(\.\d+)?", name)
            if version and os.access(f"{root}/{name}/bin/python3", os.X_OK):
                found.setdefault(version[0], f"{root}/{name}/bin/python3")
    return found


def _python() -> Check:
    versions = sorted(find_pythons(), key=lambda version: [int(part) for part in version.split(".")])
    # `3.11` beside `3.11.7` says nothing new.
    exact = {version.rpartition(".")[0] for version in versions if version.count(".") == 2}
    return Check("python", "ok", ", ".join(version for version in versions if version not in exact))


def _uv(versions: dict[str, str]) -> Check:
    if "uv" in versions:
        return Check("uv", "ok", versions["uv"])
    return Check("uv", "fail", "not found: no Python app can be built", "install it: pip install uv")


def _git(versions: dict[str, str]) -> Check:
    if "git" in versions:
        return Check("git", "ok", versions["git"])
    return Check("git", "fail", "not found: `tolv deploy` builds from commits", "install it: apt install git")


def _node(versions: dict[str, str]) -> Check:
    if "node" not in versions:
        return Check("node", "warn", "not found: Node apps cannot be built", "install Node.js, if an app needs it")
    managers = {name: _package_version(name) for name in ("npm", "pnpm", "yarn")}
    found = [f"{name} {version}".strip() for name, version in managers.items() if version is not None]
    detail = ", ".join([versions["node"], *found])
    if managers["npm"] is None:
        return Check("node", "warn", f"{detail}, no npm", "install npm: most Node apps are built with it")
    return Check("node", "ok", detail)


def _versions(paths: dict[str, str]) -> dict[str, str]:
    """What each tool answers to `--version`, without its name; `''` if it does not tell in time."""
    running = {}
    for name, path in paths.items():
        try:
            running[name] = subprocess.Popen(
                [path, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            continue
    deadline = time.monotonic() + _PATIENCE
    return {name: _version(process, deadline) for name, process in running.items()}


def _version(process: subprocess.Popen[bytes], deadline: float) -> str:
    try:
        output, _ = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "version unknown"
    version = re.search(rb"\d+(\.\d+)+", output)
    return version[0].decode() if version else "version unknown"


def _package_version(name: str) -> str | None:
    """The version of a package manager that is itself a Node package: its own start takes 0.2 s, its manifest none."""
    path = shutil.which(name)
    if path is None:
        return None
    real = Path(path).resolve()
    for directory in list(real.parents)[:3]:
        try:
            manifest = json.loads((directory / "package.json").read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(manifest, dict) and manifest.get("name") == name:
            return str(manifest.get("version", ""))
    return ""


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
