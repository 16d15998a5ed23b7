"""A Django app's environment from its lock: cold, warm, and after a change to code alone; against uv and pip.

    python bench/build.py [--rounds 5]

Cold: no cache, every package is downloaded. Warm: the packages are in the tool's cache, nothing is installed. All
compile byte code, check every hash, and start from an empty environment. Tolv's time is that of `tolv build` with its
server running: beside the installation it holds reading the commit, packing and hashing the image (which the others do
not make), and its bill of materials.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from subprocess import DEVNULL, run

from _app import USUAL, App, make_app
from _measure import UV, Row, in_turns, print_surroundings, print_table, rounds, scratch, tolv

Case = Callable[[], float]


def installing(directory: Path, app: App, name: str, cache: Path, make: list[str], install: list[str]) -> Case:
    """Seconds to make an environment and fill it; what `install` leaves in `cache` stays."""
    venv = directory / f"venv-{name}"
    caches = {"UV_CACHE_DIR": str(cache), "PIP_CACHE_DIR": str(cache), "VIRTUAL_ENV": str(venv)}

    def case() -> float:
        shutil.rmtree(venv, ignore_errors=True)
        began = time.perf_counter()
        run([*make, str(venv)], check=True, stdout=DEVNULL)
        command = [one.format(venv=venv) for one in install]
        run(command, cwd=app.path, env={**os.environ, **caches}, check=True, stdout=DEVNULL)
        return time.perf_counter() - began

    return case


def building(directory: Path, app: App) -> tuple[Case, Case, Case]:
    """Seconds of `tolv build`: in a new home, in a new home that has the packages, after a change to code."""
    homes, numbers = (directory / f"home-{number}" for number in count()), count(1)
    kept = directory / "kept"

    def in_new_home(change: bool) -> float:
        home = next(homes)
        (home / "cache").mkdir(parents=True)
        if kept.exists():
            kept.rename(home / "cache" / "uv")
        with tolv(home) as platform:
            seconds = platform.run("build", str(app.path))
            if change:
                app.commit(f"change {next(numbers)}")
                seconds = platform.run("build", str(app.path))
        (home / "cache" / "uv").rename(kept)
        return seconds

    def cold() -> float:
        shutil.rmtree(kept, ignore_errors=True)
        return in_new_home(False)

    return cold, lambda: in_new_home(False), lambda: in_new_home(True)


def emptied(cache: Path, case: Case) -> Case:
    """The same case, with nothing in its cache."""

    def cold() -> float:
        shutil.rmtree(cache, ignore_errors=True)
        return case()

    return cold


def main() -> None:
    times = rounds(__doc__, 5)
    with scratch() as directory:
        app = make_app(directory, UV, USUAL)
        lock = ["--require-hashes", "-r", "requirements.txt"]
        uv_cache, pip_cache = directory / "cache-uv", directory / "cache-pip"
        fill = [UV, "pip", "install", "--quiet", "--compile-bytecode", *lock]
        uv = installing(directory, app, "uv", uv_cache, [UV, "venv", "--quiet"], fill)
        fill = ["{venv}/bin/pip", "install", "--quiet", *lock]
        pip = installing(directory, app, "pip", pip_cache, [sys.executable, "-m", "venv"], fill)
        tolv_cold, tolv_warm, tolv_code = building(directory, app)
        cases = {
            "uv cold": emptied(uv_cache, uv),
            "uv warm": uv,
            "tolv cold": tolv_cold,
            "tolv warm": tolv_warm,
            "tolv code": tolv_code,
            "pip cold": emptied(pip_cache, pip),
            "pip warm": pip,
        }
        found = in_turns(times, cases, unmeasured=0)
    print_table(
        [
            Row("`tolv build`, cold", found["tolv cold"], found["uv cold"], "≤ 1.3"),
            Row("`uv venv`, `uv pip install`, cold", found["uv cold"]),
            Row("`python -m venv`, `pip install`, cold", found["pip cold"], found["uv cold"]),
            Row("`tolv build`, warm", found["tolv warm"], found["uv warm"], "≤ 1.3"),
            Row("`uv venv`, `uv pip install`, warm", found["uv warm"]),
            Row("`python -m venv`, `pip install`, warm", found["pip warm"], found["uv warm"]),
            Row("`tolv build`, code-only change", found["tolv code"], found["uv warm"], "≤ 0.3 s"),
        ]
    )
    print_surroundings("uv")


if __name__ == "__main__":
    main()
