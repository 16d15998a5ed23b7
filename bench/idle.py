"""What nothing costs: memory and processor time of Tolv with 10 apps of 2 processes, against supervisord and circus
with the same 20, plus nginx in front.

    python bench/idle.py [--rounds 1]

Resident memory is that of Tolv's own processes, once all is calm; processor time is what they use over 20 s. circus and
nginx are left out where they are not installed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from _measure import BIN, free_port, print_surroundings, rounds, scratch
from _measure import tolv as running_tolv

APPS, SECONDS = 10, 20.0
#: Seconds that everyone gets to come to rest.
CALM = 15.0
WEB = """\
import http.server, os
http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler
).serve_forever()
"""
_NGINX = """
daemon off; pid {directory}/pid; error_log stderr crit; worker_processes 1; events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {directory}/t; proxy_temp_path {directory}/t; fastcgi_temp_path {directory}/t;
  uwsgi_temp_path {directory}/t; scgi_temp_path {directory}/t;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream}; }} }} }}
"""

#: Of one program: resident MB, and percent of one processor.
Cost = tuple[float, float]


def cost(pids: Mapping[str, list[int]]) -> dict[str, list[Cost]]:
    """What each process of these programs holds and uses."""
    time.sleep(CALM)
    before = {pid: used(pid) for each in pids.values() for pid in each}
    began = time.monotonic()
    time.sleep(SECONDS)
    passed = time.monotonic() - began
    return {
        name: [(resident(pid), 100 * (used(pid) - before[pid]) / passed) for pid in each] for name, each in pids.items()
    }


def resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def used(pid: int) -> float:
    """Seconds of processor time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tolv(directory: Path) -> dict[str, list[Cost]]:
    import json

    with running_tolv(directory / "home") as platform:
        for number in range(APPS):
            app = directory / f"shop{number}"
            app.mkdir()
            (app / "web.py").write_text(WEB)
            (app / "Procfile").write_text("web: python3 web.py\nworker: exec sleep 3600\n")
            platform.run("up", "--detach", str(app))
        state = json.loads((platform.home / "server.json").read_text())
        keeper = json.loads((platform.home / "keeper" / "keeper.json").read_text())["pid"]
        anchors = [one for one in children(keeper) if "keeper/main.py" in command(one)]
        routers = [json.loads(path.read_text())["pid"] for path in (platform.home / "router").glob("router-*.json")]
        return cost({"server": [state["pid"]], "keeper": [keeper], "its anchor": anchors, "router": routers})


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and f"\nPPid:\t{pid}\n" in (entry / "status").read_text():
                found.append(int(entry.name))
    return found


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


@contextlib.contextmanager
def running(*words: str, cwd: Path) -> Iterator[int]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, cwd=cwd, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        yield process.pid
    finally:
        mine = [process.pid, *(pid for one in children(process.pid) for pid in (one, *children(one)))]
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        for pid in mine:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def programs(directory: Path) -> Iterator[tuple[str, str]]:
    """Name and command of the same 20."""
    (directory / "web.py").write_text(WEB)
    for number in range(APPS):
        yield f"web{number}", f"env PORT={free_port()} {sys.executable} {directory}/web.py"
        yield f"worker{number}", "sleep 3600"


def supervisord(directory: Path) -> dict[str, list[Cost]]:
    text = f"[supervisord]\nlogfile={directory}/log\npidfile={directory}/pid\n"
    text += "".join(f"[program:{name}]\ncommand={line}\n" for name, line in programs(directory))
    (directory / "supervisord.conf").write_text(text)
    with running(str(BIN / "supervisord"), "-n", "-c", str(directory / "supervisord.conf"), cwd=directory) as pid:
        return cost({"supervisord": [pid]})


def circus(directory: Path) -> dict[str, list[Cost]]:
    text = f"[circus]\nendpoint = ipc://{directory}/endpoint\npubsub_endpoint = ipc://{directory}/pubsub\n"
    text += "".join(f"[watcher:{name}]\ncmd = {line}\n" for name, line in programs(directory))
    (directory / "circus.ini").write_text(text)
    with running(find_circus() or "", str(directory / "circus.ini"), cwd=directory) as pid:
        return cost({"circus": [pid]})


def nginx(directory: Path) -> dict[str, list[Cost]]:
    (directory / "nginx.conf").write_text(_NGINX.format(directory=directory, port=free_port(), upstream=free_port()))
    with running("nginx", "-c", str(directory / "nginx.conf"), "-p", str(directory), cwd=directory) as pid:
        time.sleep(1)
        return cost({"nginx": [pid, *children(pid)]})


def find_circus() -> str | None:
    beside = BIN / "circusd"
    return str(beside) if beside.exists() else shutil.which("circusd")


def main() -> None:
    times = rounds(__doc__, 1)
    cases = {"tolv": tolv, "supervisord": supervisord}
    if find_circus():
        cases["circus"] = circus
    if shutil.which("nginx"):
        cases["nginx"] = nginx
    found: dict[str, list[list[Cost]]] = {}
    with scratch() as directory:
        for number in range(times):
            for name, measure in cases.items():
                (directory / f"{name}{number}").mkdir()
                for program, costs in measure(directory / f"{name}{number}").items():
                    found.setdefault(program, []).append(costs)
    targets = {"server": (80.0, 0.5), "keeper": (15.0, 0.5), "router": (30.0, 0.5)}
    print(f"{APPS} apps of 2 processes each, nothing asked of them, over {SECONDS:.0f} s:\n")
    print("| | processes | resident, MB each | processor, % of one | target |\n|---|---|---|---|---|")
    for program, runs in found.items():
        memory = statistics.median(max(one[0] for one in run) for run in runs if run)
        share = statistics.median(sum(one[1] for one in run) for run in runs if run)
        target = "≤ {:.0f} MB, ≤ {} %".format(*targets[program]) if program in targets else ""
        print(f"| {program} | {len(runs[0])} | {memory:.1f} | {share:.2f} | {target} |")
    print_surroundings("supervisor")


if __name__ == "__main__":
    main()
