"""Where one build works: its scratch directory, and the only place where its tools are started and ended."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tolv.build.environment import clean_environment
from tolv.errors import AppError, PlatformError, TolvError
from tolv.home import Home

#: A tool that takes longer than this (seconds) is stuck.
TOOL_DEADLINE = 3600.0
#: How many of a failed tool's last lines a person is shown.
LAST_LINES = 20

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@'\"]+@")
_MAKE_ROOM = "free some space, or set TOLV_HOME to a larger disk"


class BuildCancelled(AppError):
    """The build was given up because whoever asked for it did."""

    def __init__(self) -> None:
        super().__init__("the build was cancelled", remedy="start it again")


@dataclass(frozen=True, slots=True)
class Workshop:
    """The `tolv.dependencies.model.Context` of one build."""

    home: Home
    scratch: Path
    say: Callable[[str], None]
    cancelled: threading.Event
    cookie: str = field(default_factory=lambda: f"TOLV_BUILD={uuid.uuid4().hex}")
    tools: list[str] = field(default_factory=list)
    """What was started so far."""
    helpers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    """What waits for work."""

    @property
    def cache(self) -> Path:
        return self.home.cache

    def report(self, message: str) -> None:
        self.say(message)

    def check(self) -> None:
        """Raises `BuildCancelled` once the build was cancelled: called between the acts."""
        if self.cancelled.is_set():
            raise BuildCancelled

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        failure: str,
        remedy: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run a tool as `Context.run` says; what it leaves running dies with the build."""
        self.check()
        self.tools.append(argv[0])
        name, _, value = self.cookie.partition("=")
        values = {**clean_environment(self.cache, self.scratch), **(environment or {}), name: value}
        out, err = self.scratch / "stdout", self.scratch / "stderr"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            try:
                process = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env=values,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
            except OSError as error:
                raise PlatformError(f"{argv[0]} cannot be started: {error.strerror}", where=failure) from None
            status = self._wait(process, failure)
        if status == 0:
            return out.read_text(errors="replace")
        raise _failed(failure, argv, status, err.read_text(errors="replace") + out.read_text(errors="replace"), remedy)

    def _wait(self, process: subprocess.Popen[bytes], failure: str) -> int:
        """The tool's exit status; a pidfd wakes us at once when it ends, the timeout looks for a cancellation."""
        deadline = time.monotonic() + TOOL_DEADLINE
        pidfd = os.pidfd_open(process.pid)
        try:
            ended = select.poll()
            ended.register(pidfd, select.POLLIN)
            while not ended.poll(100):
                if time.monotonic() > deadline:
                    raise AppError(f"{failure}: still running after {TOOL_DEADLINE:.0f} s", remedy="see why it hangs")
                self.check()
        except BaseException:
            self.end_tools()
            raise
        finally:
            os.close(pidfd)
            if process.poll() is None:
                process.wait()
        return process.returncode

    def end_tools(self) -> None:
        """Kill what this build started and what that started, found by a cookie in their environment."""
        if not self.tools:
            return  # a change to code alone starts none: it is spared the look at every process of the machine
        deadline = time.monotonic() + 10
        while (pids := _carriers(self.cookie.encode())) and time.monotonic() < deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


@contextlib.contextmanager
def workshop(home: Home, say: Callable[[str], None], cancelled: threading.Event) -> Iterator[Workshop]:
    """A workshop whose scratch directory and tools are gone at the end, whatever happens in between.

    A full disk becomes a `PlatformError` that says so.
    """
    scratch = home.work / f"build-{uuid.uuid4().hex[:12]}"
    shop = Workshop(home, scratch, say, cancelled)
    try:
        for path in (scratch, scratch / "home", scratch / "tmp"):
            path.mkdir(mode=0o700)
        yield shop
    except OSError as error:
        raise disk_error(error, home) from error
    finally:
        for helper in shop.helpers.values():
            helper.kill()
            helper.communicate()
        shop.end_tools()
        remove_tree(scratch)


def disk_error(error: OSError, home: Home) -> PlatformError:
    """What an error of the file system means to a person."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return PlatformError("no space left for the build", where=str(home.root), remedy=_MAKE_ROOM)
    return PlatformError(
        f"the build cannot write: {error.strerror}",
        where=str(error.filename or home.root),
        remedy="make sure that Tolv's home and all in it belong to you",
    )


def remove_tree(path: Path) -> None:
    """Remove a directory with all in it, read-only directories included; a missing one is fine."""
    if not path.is_dir():
        return
    for directory, _, _ in os.walk(path):
        if not os.access(directory, os.W_OK):
            os.chmod(directory, 0o700)
    shutil.rmtree(path, ignore_errors=True)


#: How to call npm, which follows what it has to say and would push that out of sight.
_NPM_USAGE = re.compile(r"^npm (error|ERR!) Clean install a project$.*", re.MULTILINE | re.DOTALL)


def last_lines(text: str, count: int = LAST_LINES) -> str:
    """The last lines that say something, credentials in URLs left out."""
    lines = [line.rstrip() for line in _NPM_USAGE.sub("", text).splitlines() if line.strip()]
    return _CREDENTIALS.sub("***@", "\n".join(lines[-count:]))


def _failed(failure: str, argv: Sequence[str], status: int, output: str, remedy: str | None) -> TolvError:
    if "No space left on device" in output or "os error 28" in output or "ENOSPC" in output:
        return PlatformError(f"{failure}: no space left on the disk", remedy=_MAKE_ROOM)
    how = f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"
    words = argv[1:] if Path(argv[0]).name == "env" else argv
    tool = " ".join([Path(words[0]).name, *words[1:3]])
    return AppError(f"{failure} ({how})\n{last_lines(output)}", where=tool, remedy=remedy)


def _carriers(cookie: bytes) -> list[int]:
    """Processes that have `cookie` in their environment."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as environ:
                if cookie in environ.read():
                    found.append(int(entry))
    return found
