"""The command line as a person meets it: `up` in the foreground, `--watch`, and the guestbook."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.machine import APP, PROCFILE, ROOT, Machine, eventually

Fresh = Callable[..., Machine]


class Up:
    """`tolv up` in the foreground, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def says(self, text: str) -> str:
        """Wait until it says `text`; the line that does."""
        return eventually(
            lambda: next((line for line in list(self.lines) if text in line), ""),
            f"it never said {text!r}",
        )

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


@contextmanager
def up(machine: Machine, path: Path, *words: str) -> Iterator[Up]:
    running = Up(machine.start("up", str(path), *words))
    try:
        yield running
    finally:
        running.close()


def test_up_draws_its_steps_follows_the_logs_and_stops_the_app_on_an_interrupt(machine: Machine, name: str) -> None:
    path = machine.app(name)
    with up(machine, path) as running:
        running.says("listening")
        steps = [line.split()[1] for line in running.lines if line.startswith("●")]
        assert steps == ["codebase", "build", "release", "run", "live"]
        url = running.says("● live").split()[2]
        assert url == f"http://{name}.localhost:{machine.port}"
        assert machine.get(name).status == 200
        assert running.interrupt() == 0
        assert running.says("stopping web.1 … done")
    assert machine.ps(name, "dev") == []


def test_a_second_interrupt_does_not_wait_for_a_process_that_ignores_its_signal(machine: Machine, name: str) -> None:
    stubborn = "stubborn: trap '' TERM; echo trapped; while :; do sleep 1; done\n"
    path = machine.app(name, {"Procfile": PROCFILE + stubborn})
    with up(machine, path) as running:
        running.says("trapped")
        running.process.send_signal(signal.SIGINT)
        eventually(lambda: any(row["state"] == "draining" for row in machine.ps(name, "dev")))
        assert running.interrupt() == 0
    assert machine.ps(name, "dev") == []


def test_a_closed_terminal_stops_the_app_gracefully(machine: Machine, name: str) -> None:
    path = machine.app(name)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(machine.projects)
        os.execvpe(sys.executable, machine.command("up", str(path)), machine.environment)
    seen = b""
    while b"listening" not in seen:
        seen += os.read(terminal, 1000)
    os.close(terminal)
    os.kill(child, signal.SIGHUP)  # the shell's, after the kernel's
    os.waitpid(child, 0)
    assert machine.ps(name, "dev") == []
    assert "finished" in machine.tolv("logs", "-a", name, "-e", "dev").out


def test_up_whose_reader_has_left_stops_the_app(machine: Machine, name: str) -> None:
    path = machine.app(name)
    with machine.start("up", str(path)) as running:
        assert running.stdout is not None
        while "listening" not in running.stdout.readline():
            pass
        running.stdout.close()
        machine.get(name, "/print?text=to-nobody")
        assert running.wait(timeout=60) == 141
    assert machine.ps(name, "dev") == []


def test_up_goes_on_following_after_the_server_was_killed(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.app("shop")
    with up(machine, path) as running:
        running.says("listening")
        machine.kill_server()
        machine.tolv("server", "start")
        machine.get("shop", "/print?text=after-the-kill")
        running.says("after-the-kill")
        assert running.interrupt() == 0


def test_a_saved_file_becomes_a_release_and_a_broken_one_does_no_harm(machine: Machine, name: str) -> None:
    path = machine.app(name, {".gitignore": "scratch\n"})

    def greeting() -> str:
        said: str = machine.get(name).json["greeting"]
        return said

    with up(machine, path, "--watch") as running:
        running.says("listening")
        machine.write(path, {"scratch": "not of the app"})
        machine.write(path, {"app.py": APP.replace('"hello"', '"saved"', 1)})
        eventually(lambda: greeting() == "saved", "the change never came")
        machine.write(path, {"Procfile": "<<<<<<< HEAD\n"})
        running.says("changed    Procfile")
        assert greeting() == "saved"
        machine.write(path, {"Procfile": PROCFILE})
        machine.write(path, {"app.py": APP.replace('"hello"', '"mended"', 1)})
        eventually(lambda: greeting() == "mended", "the watch did not outlive a bad file")
        assert running.interrupt() == 0
        assert not any("scratch" in line for line in running.lines)


def test_two_commands_at_once_start_one_server(fresh: Fresh) -> None:
    machine = fresh()
    both = [machine.start("server", "status", "--json"), machine.start("apps"), machine.start("apps")]
    results = [(one.communicate(timeout=60), one.returncode) for one in both]
    assert [code for _, code in results[1:]] == [0, 0]
    assert sum("started the Tolv server" in errors for (_, errors), _ in results) == 1


def test_a_stopped_server_is_gone_when_the_command_returns(fresh: Fresh) -> None:
    machine = fresh()
    machine.tolv("apps")
    machine.tolv("server", "stop")
    assert machine.tolv("server", "status", ok=False).code == 3
    assert "started the Tolv server" in machine.tolv("apps").err


def test_the_guestbook_takes_an_entry_answers_it_and_says_which_release_it_is(fresh: Fresh) -> None:
    machine = fresh()
    path = machine.projects / "guestbook"
    shutil.copytree(ROOT / "examples" / "guestbook", path)
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    machine.commit(path)
    value = machine.tolv("up", str(path), "--detach", "--json").json
    assert (value["app"], value["release"], value["status"]) == ("guestbook", "v1", "live")
    (database,) = machine.tolv("services", "-a", "guestbook", "--json").json
    assert (database["kind"], database["version"].split(".")[0], database["state"]) == ("postgres", "16", "ready")
    request = urllib.request.Request(
        f"http://127.0.0.1:{machine.port}/",
        data=b"name=Ann&message=hello+there",
        headers={"Host": f"guestbook.localhost:{machine.port}"},
    )
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as response:
        assert (response.status, response.headers["X-Release"]) == (303, "v1")
    eventually(lambda: b"Thank you, Ann, for 2 words." in machine.get("guestbook").body, "the worker never answered")
    commit = machine.commit(path, {"NEWS": "none\n"})
    assert machine.tolv("up", str(path), "--detach", "--json").json["release"] == "v2"
    answer = machine.get("guestbook")
    assert (answer.headers["X-Release"], answer.headers["X-Commit"]) == ("v2", commit[:7])
    lines = machine.tolv("logs", "-a", "guestbook", "-e", "dev", "--process", "worker", "--json").out.splitlines()
    messages = [json.loads(line)["message"] for line in lines]
    assert "answered Ann" in messages
    assert "stopped, nothing left half done" in messages


class _NoRedirect(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: urllib.request.Request, response: object) -> object:  # type: ignore[override]
        return response
