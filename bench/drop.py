"""Deploys, rollbacks and scalings under constant load, then kill -9 of web processes: requests that failed or were cut.

    bin/bench drop [--changes 50] [--kills 20]

Two web processes answer 40 requests a second, some of which take 5 s. First they are deployed anew, rolled back and
scaled, one change after the other: nothing may be lost. Then one of them is killed with -9, again and again: lost may
be what was in flight in the killed one, by the router's own log, and nothing else.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _measure import DEADLINE, ROOT, Tolv, free_port, print_surroundings, scratch
from _soak_app import App

from tolv.drill.evidence import Excuse, Kill, excuse, upstreams_of
from tolv.drill.load import Load, Shot

RATE, CLIENTS = 40.0, 40
PATHS = ("/", "/", "/", "/", "/slow?s=5", "/", "/", "/", "/")
#: Seconds after which the router has written its log.
_WRITTEN = 1.0
_PROD = ("-a", "shop", "-e", "prod")


@dataclass(frozen=True)
class Phase:
    """What was done, and the requests meanwhile."""

    what: str
    shots: list[Shot]
    lost: dict[Shot, Excuse | None]

    def __str__(self) -> str:
        slow = sum(shot.path != "/" for shot in self.shots)
        failed = sum(shot.refused or shot.status is not None for shot in self.lost)
        excused = sum(why is not None for why in self.lost.values())
        columns = (self.what, f"{len(self.shots):,}", f"{slow:,}", failed, len(self.lost) - failed, excused)
        return f"| {' | '.join(map(str, columns))} |"

    @property
    def unexplained(self) -> list[Shot]:
        return [shot for shot, why in self.lost.items() if why is None]


class Shop:
    """The deploy that is changed and killed."""

    def __init__(self, tolv: Tolv, app: App) -> None:
        self._tolv = tolv
        self._app = app
        self._changes = itertools.cycle((self._deploy, self._scale, self._rollback, self._scale))
        self._quantities = itertools.cycle((3, 1, 2))

    def begin(self) -> None:
        self._deploy()
        self._tolv.run("scale", "web=2", *_PROD)

    def change(self) -> None:
        """The next change of the cycle."""
        next(self._changes)()

    def kill(self) -> Kill:
        """kill -9 of a web process; returns when its successor is ready."""
        victim = self._ready()[0]
        began = time.monotonic()
        pidfd = os.pidfd_open(victim["pid"])
        os.kill(victim["pid"], signal.SIGKILL)
        _await_end(pidfd)
        gone = time.monotonic()
        _until(lambda: len(self._ready()) == 2 and victim["pid"] not in [one["pid"] for one in self._ready()])
        return Kill(f"{victim['release']} {victim['process']}", began, gone, time.monotonic())

    def freshen(self) -> None:
        """Replace what was killed before: a process that is killed time and again waits longer and longer."""
        self._tolv.run("scale", "web=2", *_PROD)
        self._tolv.run("restart", *_PROD)

    def _deploy(self) -> None:
        self._app.change()
        self._tolv.run("deploy", str(self._app.path), "-e", "prod")

    def _rollback(self) -> None:
        self._tolv.run("rollback", *_PROD)

    def _scale(self) -> None:
        self._tolv.run("scale", f"web={next(self._quantities)}", *_PROD)

    def _ready(self) -> list[dict[str, Any]]:
        command = [str(ROOT / "bin" / "tolv"), "ps", *_PROD, "--json"]
        environment = {**os.environ, "TOLV_HOME": str(self._tolv.home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=DEADLINE)
        return [one for one in json.loads(done.stdout) if one["type"] == "web" and one["state"] == "ready"]


def _await_end(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll(DEADLINE * 1000)
    os.close(pidfd)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("the killed process is not back")
        time.sleep(0.05)


def measure(tolv: Tolv, what: str, act: Callable[[], list[Kill]]) -> Phase:
    """Do it under load, and judge what was lost."""
    with Load(tolv.port, "shop-prod.localhost", paths=PATHS, rate=RATE, clients=CLIENTS, label="drop") as load:
        time.sleep(_WRITTEN)
        kills = act()
    time.sleep(_WRITTEN)
    shots = load.shots()
    upstreams = upstreams_of(tolv.home / "logs" / "shop" / "prod" / "router.log", load.label)
    return Phase(what, shots, {shot: excuse(shot, kills, upstreams) for shot in shots if shot.problem})


def run(directory: Path, changes: int, kills: int) -> list[Phase]:
    tolv = Tolv(directory / "home", free_port())
    tolv.home.mkdir(mode=0o700)
    # The app runs this very Python, which lies where no app may look unless the operator lets it.
    (tolv.home / "sandbox.toml").write_text(f'["*"]\nreadable = {json.dumps([sys.prefix, sys.base_prefix])}\n')
    shop = Shop(tolv, App(directory / "shop"))

    def change() -> list[Kill]:
        for _ in range(changes):
            shop.change()
        return []

    def kill() -> list[Kill]:
        done = []
        for _ in range(kills):
            done.append(shop.kill())
            shop.freshen()
        return done

    try:
        shop.begin()
        changed = measure(tolv, f"{changes} deploys, rollbacks and scalings", change)
        shop.freshen()
        return [changed, measure(tolv, f"{kills} kill -9 of a web process", kill)]
    finally:
        tolv.run("server", "stop")


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    with scratch() as directory:
        phases = run(directory, options.changes, options.kills)
    print("| under load | requests | of 5 s | failed | cut short | of these in flight in the killed one |")
    print("|---|---|---|---|---|---|")
    for phase in phases:
        print(phase)
    print_surroundings()
    unexplained = [shot for phase in phases for shot in phase.unexplained]
    for shot in unexplained:
        print(f"unexplained: {shot}", file=sys.stderr)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
