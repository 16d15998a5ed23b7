"""Backing services: `tolv up` of an app with a PostgreSQL and a Redis, against a script that makes both by hand.

    python bench/services.py [--rounds 5]

Both use the same programs, fetched before. By hand is initdb, pg_ctl start, createuser, createdb and redis-server, all
with their defaults, then the app, which is of the standard library alone and answers once it has reached both. What a
first `tolv up` takes for the same app without services, its build and boot, is measured in turns with it and taken off,
as is the app's boot from the script.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import IO

from _measure import Row, Tolv, await_page, end, free_port, in_turns, print_surroundings, print_table, rounds, scratch
from _measure import tolv as a_tolv

_APP = """\
import os
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

for name in ("DATABASE_URL", "REDIS_URL"):
    if name in os.environ:
        url = urlsplit(os.environ[name])
        socket.create_connection((url.hostname, url.port)).close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"TEXT.")

    def log_message(self, *args):
        pass


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
_SERVICES = '[services.database]\nkind = "postgres"\nversion = "16"\n\n[services.cache]\nkind = "redis"\n'


class Project:
    """The app, with services or without."""

    def __init__(self, path: Path, services: bool) -> None:
        self.path = path
        path.mkdir()
        (path / "Procfile").write_text("web: python app.py\n")
        if services:
            (path / "tolv.toml").write_text(_SERVICES)
        self._git("init", "--quiet", "--initial-branch", "main")

    def commit(self, text: str) -> None:
        (self.path / "app.py").write_text(_APP.replace("TEXT", text))
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", text)

    def _git(self, *arguments: str) -> None:
        who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(self.path), *who, *arguments], check=True)


class Script:
    """What a person would write who has the programs and no Tolv."""

    def __init__(self, directory: Path, servers: Path) -> None:
        self.directory = directory
        found = next(servers.glob("postgres-16*/**/pginstall/bin/initdb"), None)
        redis = next(servers.glob("redis-*/**/redis-server"), None)
        if found is None or redis is None:
            sys.exit("the programs of PostgreSQL 16 and Redis were not fetched")
        # Where others can get at them, as a home's cache is not.
        directory.mkdir(mode=0o755)
        wheel = servers / found.relative_to(servers).parts[0]
        shutil.copytree(wheel, directory / "postgres", symlinks=True)
        self.programs = directory / "postgres" / found.parent.relative_to(wheel)
        shutil.copy2(redis, directory / "redis-server")
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def services(self, place: Path) -> tuple[subprocess.Popen[bytes], int, int]:
        """A PostgreSQL with a user and a database, a Redis: both answer when this returns."""
        place.mkdir(mode=0o700)
        if self.user:
            os.chown(place, self.user.pw_uid, self.user.pw_gid)
        programs, data = self.programs, place / "data"
        port, cache = free_port(), free_port()
        redis = self._start([str(self.directory / "redis-server"), "--port", str(cache), "--dir", str(place)], place)
        try:
            self._run([str(programs / "initdb"), "-D", str(data), "-U", "postgres"], place)
            options = f"-p {port} -k '' -c listen_addresses=127.0.0.1"
            start = [str(programs / "pg_ctl"), "-D", str(data), "-o", options, "-l", str(place / "log"), "-w", "start"]
            self._run(start, place)
            reach = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
            createuser = shutil.which("createuser", path=programs) or "createuser"
            createdb = shutil.which("createdb", path=programs) or "createdb"
            self._run([createuser, *reach, "shop"], place)
            self._run([createdb, *reach, "-O", "shop", "shop"], place)
        except BaseException:
            end(redis)
            raise
        return redis, port, cache

    def stop(self, redis: subprocess.Popen[bytes], place: Path) -> None:
        self._run([str(self.programs / "pg_ctl"), "-D", str(place / "data"), "-m", "immediate", "stop"], place)
        end(redis)
        shutil.rmtree(place)

    def _start(self, command: list[str], place: Path) -> subprocess.Popen[bytes]:
        with (place / "said").open("ab") as said:
            return self._popen(command, place, said)

    def _popen(self, command: list[str], place: Path, said: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=place,
            user=self.user.pw_uid if self.user else None,
            group=self.user.pw_gid if self.user else None,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )

    def _run(self, command: list[str], place: Path) -> None:
        if self._start(command, place).wait(timeout=120):
            sys.exit(f"{' '.join(command)} failed:\n{(place / 'said').read_text()}")


@contextlib.contextmanager
def app_alone(path: Path, **urls: str) -> Iterator[int]:
    """The app without Tolv; its port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=path,
        env={**os.environ, "PORT": str(port), **urls},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield port
    finally:
        end(process)


def tree(pid: int) -> list[int]:
    """A process and all that descends from it."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def memory(pid: int) -> float:
    """Megabytes that a tree takes, what is shared by its parts counted once (PSS)."""
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def idle(platform: Tolv) -> dict[str, tuple[int, float]]:
    """Processes and memory of each service that runs."""
    rows = json.loads(platform.ask("services", "--json"))
    return {
        f"{one['kind']} {one['version']}": (len(tree(one["pid"])), memory(one["pid"])) for one in rows if one["pid"]
    }


def main() -> None:
    times = rounds(__doc__, 5)
    numbers = count(1)
    with scratch() as directory, a_tolv(directory / "home") as platform:
        directory.chmod(0o711)
        served, bare = Project(directory / "served", True), Project(directory / "bare", False)
        served.commit("first")
        platform.run("up", "--detach", str(served.path))
        platform.run("destroy", "served", "--yes", "--with-data")
        script = Script(directory / "hand", directory / "home" / "cache" / "servers")
        again: list[float] = []
        kept: dict[str, tuple[int, float]] = {}

        def first_up() -> float:
            text = f"change {next(numbers)}"
            served.commit(text)
            seconds = platform.until_page(f"{text}.", "served.localhost", "up", "--detach", str(served.path))
            kept.update(idle(platform))
            platform.run("down", "-a", "served")
            up = ("up", "--detach", str(served.path))
            again.append(platform.until_page(f"{text}.", "served.localhost", *up))
            platform.run("destroy", "served", "--yes", "--with-data")
            return seconds

        def first_up_without() -> float:
            text = f"change {next(numbers)}"
            bare.commit(text)
            seconds = platform.until_page(f"{text}.", "bare.localhost", "up", "--detach", str(bare.path))
            platform.run("destroy", "bare", "--yes")
            return seconds

        def by_hand() -> float:
            place = directory / f"place-{next(numbers)}"
            began = time.perf_counter()
            redis, port, cache = script.services(place)
            urls = {"DATABASE_URL": f"postgresql://127.0.0.1:{port}", "REDIS_URL": f"redis://127.0.0.1:{cache}"}
            with app_alone(served.path, **urls) as web:
                seconds = await_page(web, "localhost", ".") - began
            script.stop(redis, place)
            return seconds

        def boot() -> float:
            began = time.perf_counter()
            with app_alone(served.path) as web:
                return await_page(web, "localhost", ".") - began

        cases = {"up": first_up, "without": first_up_without, "hand": by_hand, "boot": boot}
        found = in_turns(times, cases)
    made = [one - other for one, other in zip(found["up"], found["without"], strict=True)]
    hand = [one - other for one, other in zip(found["hand"], found["boot"], strict=True)]
    print_table(
        [
            Row("first `tolv up` with PostgreSQL and Redis, to the first 200", found["up"], found["hand"]),
            Row("the same app without services", found["without"]),
            Row("initdb, pg_ctl, createuser, createdb, redis-server, then the app", found["hand"]),
            Row("the app's own boot", found["boot"]),
            Row("**the services alone**: the first less the second", made, hand, "≤ 1.3"),
            Row("the services by hand: the third less the fourth", hand),
            Row("second `tolv up`, to the first 200", again[1:], found["boot"], "boot + 1 s"),
        ]
    )
    over = statistics.median(again[1:]) - statistics.median(found["boot"])
    print(f"\nA second `tolv up` takes {over:.2f} s more than the app's own boot.\n")
    print("| idle service | processes | memory (PSS), MB |\n|---|---|---|")
    for name, (processes, size) in kept.items():
        print(f"| {name} | {processes} | {size:.1f} |")
    print_surroundings()


if __name__ == "__main__":
    main()
