"""How fast `tolv check` reads: the sources of three large Python projects, against semgrep, ast-grep and bandit.

    bin/bench audit [--rounds 3]

All rules of Tolv against a pack of comparable ones (`bench/check/`) in the same run, each from its command to its end.
The peers and the projects are installed into a scratch directory. Then Tolv alone: again after one file has changed,
and with a quarter, a half and all of the files.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from _measure import UV, Row, in_turns, print_surroundings, print_table, rounds, scratch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PROJECTS = ("django", "wagtail", "apache-superset")
PEERS = ("semgrep", "ast-grep-cli", "bandit")


def main() -> None:
    times = rounds(__doc__, 3)
    with scratch() as directory:
        peers, tree = directory / "peers", directory / "tree"
        install(peers, tree)
        lines = count_lines(tree.rglob("*.py"))
        cases = {name: timed(command, directory) for name, command in commands(peers, tree).items()}
        found = in_turns(times, cases, unmeasured=0)
        report(found, lines)
        again(tree, directory, times)
        scaling(tree, directory, times)
    print_surroundings()


def install(peers: Path, tree: Path) -> None:
    """The peers into an environment, the projects' sources into a directory; only Python files are kept."""
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([UV, "venv", str(peers), "--python", sys.executable], **quiet)  # type: ignore[call-overload]
    python = str(peers / "bin" / "python")
    subprocess.run([UV, "pip", "install", "--python", python, *PEERS], **quiet)  # type: ignore[call-overload]
    target = ["--target", str(tree), "--no-deps"]
    subprocess.run([UV, "pip", "install", "--python", python, *target, *PROJECTS], **quiet)  # type: ignore[call-overload]
    for path in tree.rglob("*"):
        if path.is_file() and path.suffix != ".py":
            path.unlink()


def commands(peers: Path, tree: Path) -> dict[str, list[str]]:
    """What is timed, by name."""
    pack = HERE / "check"
    rules = peers / "rules"
    rules.mkdir()
    for number, rule in enumerate((pack / "ast-grep.yml").read_text().split("---\n")):
        (rules / f"{number}.yml").write_text(rule)
    (peers / "sgconfig.yml").write_text(f"ruleDirs: [{rules}]\n")
    semgrep = ["scan", "--metrics=off", "--disable-version-check", "--quiet", "--no-git-ignore", "--jobs", "2"]
    return {
        "tolv": check_command(tree),
        "ast-grep": [
            str(peers / "bin" / "ast-grep"),
            "scan",
            "-c",
            str(peers / "sgconfig.yml"),
            "--no-ignore",
            "vcs",
            str(tree),
        ],
        "semgrep": [str(peers / "bin" / "semgrep"), *semgrep, "--config", str(pack / "semgrep.yml"), str(tree)],
        "bandit": [str(peers / "bin" / "bandit"), "-q", "-r", str(tree)],
    }


def check_command(tree: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "tolv", "check", "--fail-on", "none", "--format", "json", *options, str(tree)]


def timed(command: list[str], directory: Path) -> Callable[[], float]:
    """Seconds of a command, whatever it finds; the cache of Tolv's is emptied before."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "XDG_CACHE_HOME": str(directory / "cache"),
        "PATH": f"{Path(command[0]).parent}:{os.environ['PATH']}",
    }

    def run() -> float:
        if "--no-cache" not in command and "tolv" in command:
            shutil.rmtree(directory / "cache" / "tolv", ignore_errors=True)
        return seconds_of(command, environment)

    return run


def seconds_of(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds = time.perf_counter() - began
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr.decode()[-2000:]}")
    return seconds


def report(found: dict[str, list[float]], lines: int) -> None:
    print(f"{lines:,} lines of Python\n")
    print("| | seconds, median | lines/s | Tolv is times as fast | target |\n|---|---|---|---|---|")
    targets = {"semgrep": "≥ 10", "ast-grep": "> 1", "bandit": ""}
    ours = statistics.median(found["tolv"])
    for name, seconds in found.items():
        middle = statistics.median(seconds)
        ratio = f"{middle / ours:.1f}" if name != "tolv" else ""
        print(f"| {name} | {middle:.2f} | {lines / middle:,.0f} | {ratio} | {targets.get(name, '')} |")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nthe largest process of all took {peak:.0f} MB\n")


def again(tree: Path, directory: Path, times: int) -> None:
    """A second check, after one file has changed, against the first."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_CACHE_HOME": str(directory / "cache")}
    changed = tree / "django" / "apps" / "config.py"
    first, second = [], []
    for number in range(times):
        first.append(timed(check_command(tree), directory)())
        changed.write_text(changed.read_text() + f"\n# {number}\n")
        second.append(seconds_of(check_command(tree), environment))
    print_table([Row("first check", first), Row("after one file has changed", second, first, "≤ 0.1")])


def scaling(tree: Path, directory: Path, times: int) -> None:
    """A quarter, a half and all of the files; and all on one core."""
    files = sorted(tree.rglob("*.py"))
    trees = {}
    for share in (4, 2, 1):
        part = directory / f"part{share}"
        for path in files[::share]:
            place = part / path.relative_to(tree)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
        trees[f"1/{share} of the files"] = check_command(part, "--no-cache")
    cases = {name: timed(command, directory) for name, command in trees.items()}
    cases["all of the files, one core"] = timed(
        ["taskset", "-c", "0", *check_command(directory / "part1", "--no-cache")], directory
    )
    found = in_turns(times, cases, unmeasured=0)
    print()
    print_table([Row(name, seconds, found["1/1 of the files"]) for name, seconds in found.items()])


def count_lines(paths: Iterable[Path]) -> int:
    return sum(path.read_bytes().count(b"\n") for path in paths)


if __name__ == "__main__":
    main()
