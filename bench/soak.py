"""A long run of random commands, kills and load: requests that failed, lines that were lost, and what grew.

    bin/bench soak [--minutes 60] [--seed 1] [--report docs/soak.md]

A deploy with web processes and workers is under a light load all the while. Every few seconds a random command changes
it: deploys that work, boot slowly, crash or fail in their release phase, rollbacks, scalings, config, restarts,
promotions, one-offs; beside it a second app comes and goes. Random processes are killed with -9. In the first third
that is Tolv's own, too: server, keeper, router, all of them. From then on those live, so that what they take can be
followed. A failed request counts as explained only if it was in flight in what was killed, by the router's own log, or
met the port while the router was dead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from _gauges import disk, sample
from _measure import ROOT, free_port, print_surroundings, scratch
from _soak_app import App, gaps
from _soak_report import Seen, report

from tolv.cli.client import Api
from tolv.drill.evidence import ROUTER, Kill, excuse, upstreams_of
from tolv.drill.load import Load, Shot
from tolv.errors import TolvError
from tolv.home import Home

#: Seconds between two commands, two samples of processes, two of the disk.
COMMAND_EVERY, SAMPLE_EVERY, DISK_EVERY = (1.5, 4.0), 5.0, 60.0
#: The part of the run in which Tolv's own processes are killed; what they take is followed from there on, after a part
#: of the rest in which caches fill.
KILLING, WARMING = 1 / 3, 0.15
#: Seconds that a failed request's line has to appear in the router's log before it is judged.
_SETTLED = 2.0
#: Seconds after a kill in which a command may fail for it.
_AFTERMATH = 20.0


class Soak:
    """One run: a home, two apps, a load."""

    def __init__(self, directory: Path, seconds: float, seed: int) -> None:
        self.home = directory / "home"
        self.seen = Seen()
        self._shop, self._blog = App(directory / "shop"), App(directory / "blog")
        self._seconds = seconds
        self._random = random.Random(seed)
        self._port = free_port()
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("TOLV_")}
        self._environment |= {"TOLV_HOME": str(self.home), "TOLV_PORT": str(self._port)}
        os.environ |= {"TOLV_HOME": str(self.home), "TOLV_PORT": str(self._port)}
        self._api = Api(Home(self.home), announce=lambda _: None)
        self._judged = 0
        self._pending: list[Shot] = []
        self._last_kill = 0.0
        self._began = self._told = 0.0
        self._over = threading.Event()

    # The story.

    def run(self) -> None:
        """Set up, run for as long as was asked, look at what is left, and stop it all."""
        self.home.mkdir(mode=0o700)
        # The apps run this very Python, which lies where no app may look unless the operator lets it.
        (self.home / "sandbox.toml").write_text(f'["*"]\nreadable = {json.dumps([sys.prefix, sys.base_prefix])}\n')
        try:
            self._must("deploy", str(self._shop.path), "-e", "prod")
            self._must("scale", "web=2", "-a", "shop", "-e", "prod")
            self._began = time.monotonic()
            self.seen.calm_from = self._began + self._seconds * (KILLING + (1 - KILLING) * WARMING)
            watching = threading.Thread(target=self._watch)
            watching.start()
            paths = ("/", "/", "/", "/slow", "/", "/", "/")
            try:
                with Load(self._port, "shop-prod.localhost", paths=paths, label="soak") as load:
                    while self._now() < self._seconds:
                        self._step(load)
                        self._tell()
            finally:
                self._over.set()
                watching.join()
            time.sleep(_SETTLED)
            self._judge(load, settled=0.0)
            self._look_back()
        finally:
            self._tolv("server", "stop")
        self.seen.leftovers += [f"pid {pid} outlives the server" for pid in self._survivors()]

    def _step(self, load: Load) -> None:
        name = self._random.choices(list(self._commands), [weight for weight, _ in self._commands.values()])[0]
        killing = self._maybe_kill()
        code, said = self._commands[name][1]()
        if killing is not None:
            killing.join()
        expected = {0} if not name.startswith("bad") else {1}
        self.seen.commands[(name, code)] += 1
        if code not in expected and time.monotonic() - self._last_kill > _AFTERMATH:
            self.seen.oddities.append(f"{self._now():.0f} s: `{name}` ended with {code}: {said}")
        self._judge(load, _SETTLED)
        self._over.wait(self._random.uniform(*COMMAND_EVERY))

    def _tell(self) -> None:
        """A line a minute, for whoever waits."""
        if self._now() >= self._told + 60:
            self._told = self._now()
            seen, commands = self.seen, sum(self.seen.commands.values())
            said = (
                f"{self._told / 60:.0f} min: {commands} commands, {seen.requests} requests, {seen.killed.total()} kills"
            )
            print(f"{said}, {len(seen.unexplained)} unexplained, {len(seen.oddities)} odd", file=sys.stderr, flush=True)

    def _now(self) -> float:
        return time.monotonic() - self._began

    # Commands.

    @property
    def _commands(self) -> dict[str, tuple[int, Callable[[], tuple[int, str]]]]:
        """By name: how often, and what."""
        prod = ("-a", "shop", "-e", "prod")
        number = self._random.randrange
        return {
            "deploy": (5, lambda: self._deploy()),
            "deploy that boots slowly": (1, lambda: self._deploy(boot=1.5)),
            "bad deploy: it crashes": (1, lambda: self._deploy(crash=True)),
            "bad deploy: its release phase fails": (1, lambda: self._deploy(release="exit 7")),
            "rollback": (2, lambda: self._tolv("rollback", *prod)),
            "scale": (3, lambda: self._tolv("scale", f"web={number(1, 4)}", f"worker={number(1, 3)}", *prod)),
            "config set": (2, lambda: self._tolv("config", "set", f"TURN={number(99)}", *prod)),
            "restart": (2, lambda: self._tolv("restart", *self._random.choice(((), ("web",), ("worker",))), *prod)),
            "promote": (1, lambda: self._tolv("promote", "prod", "staging", "-a", "shop")),
            "run": (2, lambda: self._tolv("run", *prod, "--", "sh", "-c", "echo one-off; sleep 0.2")),
            "run --detach": (1, lambda: self._tolv("run", "--detach", *prod, "--", "sleep", "3")),
            "logs": (1, lambda: self._tolv("logs", "-n", "200", *prod)),
            "ps": (2, lambda: self._tolv("ps", *prod)),
            "releases --verify": (1, lambda: self._tolv("releases", "--verify", *prod)),
            "another app": (2, self._another),
        }

    def _deploy(self, **change: Any) -> tuple[int, str]:
        self._shop.change(**change)
        return self._tolv("deploy", str(self._shop.path), "-e", "prod")

    def _another(self) -> tuple[int, str]:
        """A second app that is deployed, stopped, started and destroyed."""
        known = any(one["app"] == "blog" for one in self._listed())
        if not known:
            return self._tolv("deploy", str(self._blog.path), "-e", "dev")
        word = self._random.choice(("down", "restart", "destroy", "deploy"))
        if word == "destroy":
            return self._tolv("destroy", "blog", "--yes")
        if word == "deploy":
            self._blog.change()
            return self._tolv("deploy", str(self._blog.path), "-e", "dev")
        return self._tolv(word, "-a", "blog", "-e", "dev")

    def _listed(self) -> list[dict[str, Any]]:
        with contextlib.suppress(TolvError):
            found: list[dict[str, Any]] = self._api.get("/v1/apps")
            return found
        return []

    def _must(self, *words: str) -> None:
        """A command without which there is no soak."""
        code, said = self._tolv(*words)
        if code:
            sys.exit(f"tolv {' '.join(words)} ended with {code}: {said}")

    def _tolv(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(ROOT / "bin" / "tolv"), *words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=180,
            check=False,
        )
        return done.returncode, " ".join(done.stderr.split())[:300]

    # Kills.

    def _maybe_kill(self) -> threading.Thread | None:
        """Kill someone at some moment of the command that comes."""
        early = self._now() < self._seconds * KILLING
        if self._random.random() > (0.4 if early else 0.15):
            return None
        own = ["server", "keeper", ROUTER, "all of Tolv's"] if early else []
        whom = self._random.choice(["process", "process", *own])
        delay = self._random.uniform(0.0, 1.2)
        thread = threading.Thread(target=self._kill_later, args=(whom, delay))
        thread.start()
        return thread

    def _kill_later(self, whom: str, delay: float) -> None:
        time.sleep(delay)
        if whom == "process":
            self._kill_process()
            return
        victims = [one for one in sample(self.home) if whom in (one.role, "all of Tolv's")]
        if victims:
            self.seen.killed[whom] += 1
        at = time.monotonic()
        gone = [kill(one.pid) for one in victims]
        self._last_kill = time.monotonic()
        if whom != "keeper" and any(one.role != ROUTER for one in victims):
            self._listed()  # any command starts the server again
        if any(one.role == ROUTER for one in victims):
            back = self._await_port()
            self.seen.kills.append(Kill(ROUTER, at, max(one or at for one in gone), back))
        self._last_kill = time.monotonic()

    def _kill_process(self) -> None:
        with contextlib.suppress(TolvError):
            rows = self._api.get("/v1/apps/shop/environments/prod/processes")
            # One that has been killed often waits long for its next start: that is its crash policy, not a fault.
            rows = [one for one in rows if one["state"] == "ready" and one["pid"] and one["restarts"] < 3]
            if not rows:
                return
            row = self._random.choice(rows)
            at = time.monotonic()
            gone = kill(row["pid"])
            if gone is not None:
                self.seen.killed[f"{row['type']} process"] += 1
                self.seen.kills.append(Kill(f"{row['release']} {row['process']}", at, gone, gone))
                self._last_kill = time.monotonic()

    def _await_port(self) -> float:
        import socket

        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port), timeout=5).close()
                return time.monotonic()
            if self._over.wait(0.01):
                return time.monotonic()

    # What is seen.

    def _watch(self) -> None:
        """Sample until it is over."""
        next_disk = 0.0
        while not self._over.wait(SAMPLE_EVERY):
            self.seen.samples += sample(self.home)
            if self._now() >= next_disk:
                self.seen.disks.append(disk(self.home))
                next_disk = self._now() + DISK_EVERY

    def _judge(self, load: Load, settled: float) -> None:
        """Count what has ended, and look for the excuse of what failed."""
        shots = load.shots(self._judged)
        self._judged += len(shots)
        self.seen.requests += len(shots)
        self.seen.waits += [one.seconds for one in shots if not one.problem and one.path != "/slow"]
        self._pending += [one for one in shots if one.problem]
        due = [one for one in self._pending if one.ended < time.monotonic() - settled]
        if not due:
            return
        self._pending = [one for one in self._pending if one not in due]
        upstreams = upstreams_of(self.home / "logs" / "shop" / "prod" / "router.log", load.label)
        for shot in due:
            found = excuse(shot, self.seen.kills, upstreams)
            if found is None:
                where = upstreams.get(shot.id, "not in the router's log")
                print(f"{shot.begun - self._began:.1f} s: {shot.path} failed: {shot.problem} ({where})", flush=True)
                self.seen.unexplained.append(shot)
            else:
                self.seen.excuses[found] += 1

    def _look_back(self) -> None:
        """Once all is calm: does what is there agree, and are all the lines there?"""
        deadline = time.monotonic() + 60
        while (wrong := self._disagreement()) and time.monotonic() < deadline:
            time.sleep(0.5)
        self.seen.leftovers += wrong
        for name in ("prod", "staging"):
            with contextlib.suppress(TolvError):
                verified = self._api.get(f"/v1/apps/shop/environments/{name}/releases/verify")
                if not verified["ok"]:
                    self.seen.leftovers.append(f"the chain of shop in {name} does not verify: {verified['problem']}")
        for path in sorted((self.home / "logs" / "shop").glob("*/*-worker.*.out")):
            lines = path.read_bytes().splitlines()
            self.seen.lines += len(lines)
            self.seen.lost += gaps(path.name, lines)

    def _disagreement(self) -> list[str]:
        rows = [
            row
            for app in self._listed()
            for one in app["environments"]
            for row in self._api.get(f"/v1/apps/{app['app']}/environments/{one['environment']}/processes")
        ]
        living = {row["pid"] for row in rows if row["pid"]}
        wrong = [f"{row['process']} is {row['state']}: {row['reason']}" for row in rows if row["state"] != "ready"]
        for what in ("keeper/processes", "tmp"):
            count = len(list((self.home / what).iterdir()))
            if count != len(living):
                wrong.append(f"{count} entries in {what} for {len(living)} processes")
        return wrong

    def _survivors(self) -> Iterator[int]:
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                if os.fsencode(self.home) in text and int(entry.name) not in (os.getpid(), os.getppid()):
                    yield int(entry.name)


def kill(pid: int) -> float | None:
    """SIGKILL; the moment at which it was dead, or None if it was before."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], 30)
        return time.monotonic()
    except ProcessLookupError:
        return None
    finally:
        os.close(handle)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="write the report into this file, too, below its first heading")
    options = parser.parse_args()
    with scratch() as directory:
        soak = Soak(directory, options.minutes * 60, options.seed)
        soak.run()
    lines = list(report(soak.seen, options.minutes, options.seed))
    print("\n".join(lines))
    print_surroundings()
    if options.report:
        options.report.write_text("\n".join(["# Soak", "", *lines, ""]))
    return 1 if soak.seen.unexplained or soak.seen.oddities or soak.seen.lost or soak.seen.leftovers else 0


if __name__ == "__main__":
    sys.exit(main())
