"""The command line's own time: `tolv ps` and `tolv --help` against `supervisorctl status` and `honcho version`.

    python bench/cli.py [--rounds 30]

Tolv's server runs the app whose processes `ps` lists; supervisord runs two programs that `status` lists.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from _app import make_app
from _measure import BIN, DEADLINE, UV, Row, end, in_turns, print_surroundings, print_table, rounds, scratch, tolv

_SUPERVISORD = """\
[unix_http_server]
file={directory}/supervisor.sock
[supervisord]
logfile={directory}/supervisord.log
pidfile={directory}/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{directory}/supervisor.sock
[program:web]
command=sleep 3600
[program:worker]
command=sleep 3600
"""


@contextmanager
def supervisor(directory: Path) -> Iterator[Callable[[], float]]:
    """How long `supervisorctl status` takes, beside a supervisord that runs two programs."""
    file = directory / "supervisord.conf"
    file.write_text(_SUPERVISORD.format(directory=directory))
    quiet = subprocess.DEVNULL
    daemon = subprocess.Popen(
        [str(BIN / "supervisord"), "-n", "-c", str(file)], stdout=quiet, stderr=quiet, start_new_session=True
    )
    status = [str(BIN / "supervisorctl"), "-c", str(file), "status"]
    try:
        deadline = time.monotonic() + DEADLINE
        while subprocess.run(status, stdout=quiet, stderr=quiet).returncode and time.monotonic() < deadline:
            time.sleep(0.1)
        yield lambda: timed(*status)
    finally:
        end(daemon)


def timed(*command: str) -> float:
    """Seconds of a command that must succeed."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=os.environ)
    return time.perf_counter() - began


def main() -> None:
    times = rounds(__doc__, 30)
    with scratch() as directory, tolv(directory / "home") as platform, supervisor(directory) as supervisorctl:
        app = make_app(directory, UV)
        platform.run("deploy", str(app.path), "-e", "prod")
        found = in_turns(
            times,
            {
                "`tolv ps`": lambda: platform.run("ps", "-a", "shop", "-e", "prod"),
                "`supervisorctl status`": supervisorctl,
                "`tolv --help`": lambda: platform.run("--help"),
                "`honcho version`": lambda: timed(str(BIN / "honcho"), "version"),
            },
            unmeasured=3,
        )
    peers = ["`supervisorctl status`", None, "`honcho version`", None]
    print_table(
        [
            Row(what, seconds, found[peer] if peer else None, "≤ 100 ms, < 1" if peer else "")
            for (what, seconds), peer in zip(found.items(), peers, strict=True)
        ],
        unit="ms",
    )
    print_surroundings("supervisor", "honcho", "click")


if __name__ == "__main__":
    main()
