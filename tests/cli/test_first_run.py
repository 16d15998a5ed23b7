"""bin/tolv: makes its environment when that is needed, once, and then gets out of the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose lock is empty, so that nothing is downloaded, and whose `tolv` says what it was given."""
    checkout = tmp_path / "a checkout"
    shutil.copytree(ROOT / "bin", checkout / "bin")
    package = checkout / "src" / "tolv"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text("import sys\nprint(sys.argv[1:], sys.flags.isolated)\n")
    (checkout / "requirements.lock").write_text("# nothing\n")
    return checkout


@pytest.fixture
def shared() -> Iterator[Path]:
    """A checkout that its owner has used, in a place that every user can come to."""
    with tempfile.TemporaryDirectory(prefix="tolv-test-") as place:
        os.chmod(place, 0o755)
        checkout = Path(place, "shared")
        shutil.copytree(ROOT / "bin", checkout / "bin")
        (checkout / ".venv" / "bin").mkdir(parents=True)
        for name in ("requirements.lock", ".venv/requirements.lock"):
            (checkout / name).write_text("# nothing\n")
        closed = Path(place, "closed")
        closed.mkdir()
        (closed / "python3").symlink_to("/bin/true")
        (checkout / ".venv/bin/python").symlink_to("python3")
        (checkout / ".venv/bin/python3").symlink_to(closed / "python3")
        closed.chmod(0o700 if os.geteuid() == 0 else 0)
        yield checkout
        closed.chmod(0o700)
        checkout.chmod(0o755)
        if (checkout / ".venv").exists():
            (checkout / ".venv").chmod(0o755)


def refusal(checkout: Path) -> str:
    """What somebody is told who may not write to the checkout."""
    root = os.geteuid() == 0
    checkout.chmod(0o755 if root else 0o555)
    done = subprocess.run(
        [checkout / "bin" / "tolv", "version"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=65534 if root else None,
        group=65534 if root else None,
        extra_groups=[] if root else None,
    )
    assert (done.returncode, done.stdout) == (3, "")
    return done.stderr


def start(checkout: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [checkout / "bin" / "tolv", *arguments],
        env={**os.environ, **environment},
        cwd=checkout.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(checkout: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(checkout, *arguments, **environment)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def test_the_first_run_makes_the_environment_and_later_runs_say_nothing(checkout: Path) -> None:
    status, output, errors = run(checkout, "a b", "--flag")
    assert (status, output) == (0, "['a b', '--flag'] 1\n")
    assert "making .venv" in errors
    assert run(checkout) == (0, "[] 1\n", "")


def test_without_uv_the_environment_is_made_by_python_alone(checkout: Path) -> None:
    path = os.pathsep.join(one for one in os.environ["PATH"].split(os.pathsep) if not Path(one, "uv").exists())
    status, output, errors = run(checkout, PATH=path)
    assert (status, output) == (0, "[] 1\n"), errors


def test_two_first_runs_at_once_make_one_environment(checkout: Path) -> None:
    both = [start(checkout, "x"), start(checkout, "x")]
    results = [(process.communicate(timeout=120), process.returncode) for process in both]
    assert [(output, status) for (output, _), status in results] == [("['x'] 1\n", 0)] * 2
    assert sum("making .venv" in errors for (_, errors), _ in results) == 1


def test_a_first_run_that_was_cut_short_starts_over(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / ".making").write_text("")
    (checkout / ".venv" / "bin" / "python").symlink_to("/bin/false")
    status, output, _ = run(checkout)
    assert (status, output) == (0, "[] 1\n")


def test_a_changed_lock_is_installed_and_the_checkout_may_move(checkout: Path) -> None:
    run(checkout)
    moved = checkout.rename(checkout.parent / "moved")
    (moved / "requirements.lock").write_text("# still nothing\n")
    status, output, errors = run(moved)
    assert (status, output) == (0, "[] 1\n")
    assert "from requirements.lock" in errors
    assert run(moved) == (0, "[] 1\n", "")


def test_it_runs_through_a_link_from_elsewhere(checkout: Path) -> None:
    run(checkout)
    (checkout.parent / "tolv").symlink_to(checkout / "bin" / "tolv")
    done = subprocess.run([checkout.parent / "tolv"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[] 1\n", "")


def test_a_machine_with_only_an_old_python_is_told_so(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "cmp", "flock", "grep", "readlink", "rm", "mkdir"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    status, output, errors = run(checkout, PATH=str(tools))
    assert (status, output) == (3, "")
    assert "Tolv needs Python 3.11 or newer" in errors
    assert "remedy: install" in errors


def test_another_user_who_may_not_run_its_python_is_told_which(shared: Path) -> None:
    said = refusal(shared)
    assert f"may not run the Python of its environment, {shared.parent}/closed/python3\n" in said
    assert f"remedy: as the owner, with a Python that everybody may run: rm -rf {shared}/.venv && PATH=" in said


def test_another_user_who_may_not_read_it_is_told_so(shared: Path) -> None:
    (shared / ".venv").chmod(0o700 if os.geteuid() == 0 else 0)
    said = refusal(shared)
    assert "may not read its environment, .venv\n" in said
    assert f"remedy: as the owner: chmod -R a+rX {shared}/.venv\n" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda venv: shutil.rmtree(venv), "there is no environment yet"),
        (lambda venv: (venv / "requirements.lock").write_text("# other\n"), ".venv, is older than requirements.lock"),
        (lambda venv: (venv / ".making").write_text(""), ".venv, is only half made"),
    ],
    ids=["none", "older", "half"],
)
def test_another_user_is_told_what_only_the_owner_can_mend(
    shared: Path, change: Callable[[Path], object], said: str
) -> None:
    change(shared / ".venv")
    told = refusal(shared)
    assert said in told
    assert "remedy: run it once as the owner\n" in told
