"""Real git repositories to read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("tolv", deadline=None)  # a busy machine fails no test
settings.load_profile("tolv")


class Repository:
    """A git repository that a test fills: `repo.write("a/b.txt", "text").commit()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, given: bytes | None = None) -> str:
        """Run git as its user would, with all that the repository configures."""
        who = {
            f"GIT_{role}_{what}": "ada@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        clock = {"GIT_AUTHOR_DATE": "1700000000 +0100", "GIT_COMMITTER_DATE": "1700000000 +0100"}
        command = ["git", "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(
            command,
            cwd=self.path,
            env={**os.environ, **who, **clock},
            input=given,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return done.stdout.decode().strip()

    def write(self, name: str, text: str | bytes = "", *, executable: bool = False) -> Repository:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        if executable:
            file.chmod(0o755)
        return self

    def link(self, name: str, to: str) -> Repository:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(to)
        return self

    def commit(self, message: str = "Change it") -> str:
        """Commit everything; the id."""
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def _own_git_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine's or of whoever runs the tests counts."""
    home = tmp_path / "someone"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[[str], Repository]:
    return lambda name: Repository(tmp_path / name)


@pytest.fixture
def repo(make_repository: Callable[[str], Repository]) -> Repository:
    return make_repository("guestbook")


@pytest.fixture
def files() -> Callable[[Path], dict[str, str]]:
    """What a tree holds: each path with its content, `-> target` for a link, and `*` after the path if executable."""

    def listing(root: Path) -> dict[str, str]:
        found = {}
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_symlink():
                found[name] = f"-> {os.readlink(path)}"
            elif path.is_file():
                found[name + ("*" if path.stat().st_mode & 0o100 else "")] = path.read_bytes().decode("latin-1")
        return found

    return listing
