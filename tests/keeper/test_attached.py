"""Attached one-offs: the client's own descriptors or terminal, exit and signals passed through, one fate."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import Any

import pytest

from tolv.errors import UsageError
from tolv.run.keeper import tree
from tolv.run.keeper.attach import attach_sync
from tolv.run.keeper.client import KeeperClient
from tolv.run.model import Sandbox

CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tolv.home import Home
from tolv.run.keeper.attach import attach_sync
from tolv.run.keeper.terminal import Terminal
home, process = Home(Path(sys.argv[2])), sys.argv[3]
if sys.argv[4] == "tty":
    with Terminal() as terminal:
        exit = attach_sync(home, process, terminal.descriptors)
else:
    exit = attach_sync(home, process, (0, 1, 2))
print(f"exit {exit.code} {exit.signal}", flush=True)
"""


def prepare(bench: Any, spec: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        await keeper.prepare(spec, bench.env())

    bench.run(story)


def client(bench: Any, spec: Any, kind: str, **descriptors: Any) -> subprocess.Popen[bytes]:
    prepare(bench, spec)
    source = str(Path(tree.__file__).parents[3])
    command = [sys.executable, "-c", CLIENT, source, str(bench.home.root), spec.id, kind]
    return subprocess.Popen(command, **descriptors)


def one_off(bench: Any, script: str, tty: bool = False) -> Any:
    return bench.spec("run.1", script, stdout=None, stderr=None, tty=tty)


class Person:
    """Someone at a terminal."""

    def __init__(self) -> None:
        self.near, self.far = pty.openpty()
        self.seen = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.near, 4096)
            except OSError:
                return
            self.seen += data

    def type(self, text: bytes) -> None:
        os.write(self.near, text)

    def descriptors(self) -> dict[str, int]:
        return {"stdin": self.far, "stdout": self.far, "stderr": self.far}


def test_pipes_pass_through_and_so_does_the_exit_status(bench: Any) -> None:
    spec = one_off(bench, "tr a-z A-Z; echo err >&2; exit 42")
    process = client(bench, spec, "pipes", stdin=-1, stdout=-1, stderr=-1)
    out, err = process.communicate(b"hello\n" * 100_000, timeout=60)
    assert out == b"HELLO\n" * 100_000 + b"exit 42 None\n"
    assert err == b"err\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process as somebody else")
@pytest.mark.parametrize("init", [False, True], ids=["", "pid 1"])
def test_with_a_terminal_a_confined_one_off_may_open_it_again(bench: Any, init: bool) -> None:
    person = Person()
    sandbox = Sandbox(1_912_345_678, True, True, (), (), init=init)
    spec = bench.spec(
        "run.1",
        "echo by name > /dev/tty; echo $(tty) > /dev/stderr",
        stdout=None,
        stderr=None,
        tty=True,
        sandbox=sandbox,
    )
    process = client(bench, spec, "tty", **person.descriptors())
    assert process.wait(60) == 0
    bench.until(lambda: b"exit 0 None" in person.seen)
    assert b"by name\r\n/dev/console" in person.seen


def test_a_signal_death_is_told(bench: Any) -> None:
    process = client(bench, one_off(bench, "kill -SEGV $$"), "pipes", stdout=-1)
    assert process.communicate(timeout=60)[0] == f"exit None {int(signal.SIGSEGV)}\n".encode()


def test_a_client_passes_signals_on(bench: Any) -> None:
    spec = one_off(bench, "trap 'exit 7' USR1; echo x > $SCRATCH/on; while :; do sleep 0.05; done")
    prepare(bench, spec)
    ready: list[Any] = []
    threading.Thread(target=lambda: (bench.until(lambda: bench.read("on") and ready), ready[0](signal.SIGUSR1))).start()
    exit = attach_sync(bench.home, spec.id, (0, 1, 2), ready.append)
    assert exit.code == 7


def test_what_was_not_prepared_cannot_be_attached(bench: Any) -> None:
    prepare(bench, one_off(bench, "true"))
    with pytest.raises(UsageError):
        attach_sync(bench.home, "run.2", (0, 1, 2))
    assert attach_sync(bench.home, "run.1", (0, 1, 2)).code == 0
    with pytest.raises(UsageError):
        attach_sync(bench.home, "run.1", (0, 1, 2))


def test_a_missing_program_says_so_to_the_client(bench: Any) -> None:
    spec = bench.spec("run.1", "no-such-program", "", stdout=None, stderr=None)
    process = client(bench, spec, "pipes", stdout=-1, stderr=-1)
    out, err = process.communicate(timeout=60)
    assert out == b"exit 127 None\n"
    assert err.startswith(b"tolv: cannot start run.1: no such program: no-such-program")


@pytest.mark.usefixtures("either")
def test_the_whole_tree_dies_with_its_client(bench: Any) -> None:
    script = "(setsid sleep 600 &) ; (trap '' TERM; echo x > $SCRATCH/on; exec sleep 600) & wait"
    process = client(bench, one_off(bench, script), "pipes")
    bench.until(lambda: bench.read("on"))
    process.kill()
    process.wait()
    bench.until(lambda: bench.strays() == [])


def test_an_attached_one_off_ends_with_its_keeper(bench: Any) -> None:
    process = client(bench, one_off(bench, "echo x > $SCRATCH/on; sleep 600"), "pipes", stdout=-1)
    bench.until(lambda: bench.read("on"))
    bench.kill_keeper()
    assert process.stdout is not None
    assert process.stdout.readline() == b"exit None None\n"

    async def after(keeper: KeeperClient) -> None:
        await bench.ended(keeper, "run.1")
        assert bench.strays() == []

    bench.run(after)
    process.communicate(timeout=60)


def test_a_terminal_is_the_one_offs_own_and_interrupts_reach_its_foreground(bench: Any) -> None:
    person = Person()
    before = termios.tcgetattr(person.far)
    # It is the foreground that says it is ready: a shell that has not started it yet would wait for its end.
    waiting = "sh -c 'echo ready; exec sleep 600'"
    script = f"tty; trap 'echo caught' INT; {waiting}; read word; echo got $word; exit 3"
    process = client(bench, one_off(bench, script, tty=True), "tty", **person.descriptors())
    bench.until(lambda: b"ready" in person.seen)
    person.type(b"\x03")
    bench.until(lambda: b"caught" in person.seen)
    person.type(b"word\r")
    bench.until(lambda: b"exit 3 None" in person.seen)
    assert b"/dev/pts/" in person.seen
    assert b"got word" in person.seen
    assert process.wait() == 0
    assert termios.tcgetattr(person.far) == before


def test_the_size_of_the_window_follows(bench: Any) -> None:
    person = Person()
    termios.tcsetwinsize(person.far, (11, 22))
    script = "stty size; trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.05; done"
    process = client(bench, one_off(bench, script, tty=True), "tty", **person.descriptors())
    bench.until(lambda: b"ready" in person.seen)
    assert b"11 22" in person.seen
    termios.tcsetwinsize(person.far, (33, 44))
    process.send_signal(signal.SIGWINCH)
    bench.until(lambda: b"33 44" in person.seen)
    assert process.wait() == 0


def test_the_last_words_of_a_terminal_are_shown(bench: Any) -> None:
    person = Person()
    script = "i=0; while [ $i -lt 2000 ]; do echo line-$i; i=$((i+1)); done; echo over"
    process = client(bench, one_off(bench, script, tty=True), "tty", **person.descriptors())
    assert process.wait() == 0
    bench.until(lambda: b"exit 0 None" in person.seen)
    assert b"line-1999\r\nover\r\n" in person.seen
