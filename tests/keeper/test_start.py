"""Starting: what a process gets, what it does not get, and what a failed start says."""

from __future__ import annotations

import os
import resource
import signal
from typing import Any

import pytest

from tolv.errors import ConflictError, UsageError
from tolv.run.keeper.client import KeeperClient
from tolv.run.keeper.main import home_name
from tolv.run.model import Exit, Limits


def run(bench: Any, spec: Any, **env: str) -> Exit:
    async def story(keeper: KeeperClient) -> Exit:
        await keeper.start(spec, bench.env(**env))
        exit: Exit = await bench.ended(keeper, spec.id)
        return exit

    result: Exit = bench.run(story)
    return result


def test_a_process_runs_and_its_output_and_exit_are_kept(bench: Any) -> None:
    exit = run(bench, bench.spec("a", "echo out; echo err >&2; exit 3"))
    assert (exit.code, exit.signal, exit.unknown) == (3, None, False)
    assert (bench.out("a"), bench.err("a")) == (b"out\n", b"err\n")


def test_a_process_sees_its_own_environment_and_nothing_of_the_keepers(bench: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOST_SECRET", "s3cret")
    spec = bench.spec("a", "/usr/bin/env", "-0")
    run(bench, spec, ODD="a=b $x\n\t'\"\\ é \udcff")
    seen = dict(one.split(b"=", 1) for one in bench.out("a").rstrip(b"\0").split(b"\0"))
    assert seen == {os.fsencode(name): os.fsencode(value) for name, value in bench.env().items()} | {
        b"ODD": os.fsencode("a=b $x\n\t'\"\\ é \udcff"),
        b"TOLV_PROCESS_ID": f"a@{home_name(str(bench.home.keeper))}".encode(),
    }


def test_a_process_has_three_descriptors_a_session_of_its_own_and_default_signals(bench: Any) -> None:
    run(bench, bench.spec("a", "grep -E 'SigBlk|SigIgn|Umask' /proc/self/status; ls /proc/self/fd | wc -l"))
    _, umask, _, blocked, _, ignored, descriptors = bench.out("a").split()
    assert (umask, int(blocked, 16), int(descriptors)) == (b"0022", 0, 4)  # 0, 1, 2 and the directory that ls reads
    assert int(ignored, 16) & 0x7FFFFFFF == 0  # 32 and 33 are the C library's own, and out of reach
    run(bench, bench.python("b", "import os; print(os.getsid(0) == os.getpid() == os.getpgrp())"))
    assert bench.out("b") == b"True\n"


def test_the_temporary_directory_is_private_and_gone_with_the_process(bench: Any) -> None:
    spec = bench.spec("a", 'stat -c %a "$T"; mkdir -p "$T/x/y"; chmod 0 "$T/x"; touch "$T/z"')
    run(bench, spec, T=spec.tmp)
    assert bench.out("a") == b"700\n"
    assert not os.path.exists(spec.tmp)


def refusals() -> list[Any]:
    return [
        pytest.param({"argv": ["no-such-program"]}, 127, b"no such program: no-such-program (looked in ", id="missing"),
        pytest.param({"argv": ["/nowhere/at/all"]}, 127, b"no such program: /nowhere/at/all", id="missing-path"),
        pytest.param({"argv": ["/etc/passwd"]}, 126, b"/etc/passwd is not executable", id="not-executable"),
        pytest.param({"argv": ["/tmp"]}, 126, b"/tmp is not executable", id="directory"),
        pytest.param({"directory": "/nowhere"}, 126, b"cannot enter its directory /nowhere", id="no-directory"),
        pytest.param({"argv": ["/bin/true", "x" * 200_000]}, 126, b"exceed what Linux passes on", id="too-long"),
    ]


@pytest.mark.parametrize(("change", "code", "reason"), refusals())
def test_a_start_that_cannot_be_is_one_clear_line_on_stderr(bench: Any, change: Any, code: int, reason: bytes) -> None:
    arguments = {"argv": ["/bin/true"], "directory": "/"} | change
    exit = run(bench, bench.spec("a", *arguments["argv"], "", directory=arguments["directory"]))
    assert exit.code == code
    assert bench.err("a").startswith(b"tolv: cannot start a: ")
    assert reason in bench.err("a")
    assert bench.err("a").count(b"\n") == 1


def test_a_script_without_an_interpreter_is_told_apart_from_one_that_is_not_there(bench: Any) -> None:
    (bench.scratch / "plain").write_text("echo hello\n")
    (bench.scratch / "odd").write_text("#!/nowhere/python\n")
    for name in ("plain", "odd"):
        (bench.scratch / name).chmod(0o755)
        assert run(bench, bench.spec(name, str(bench.scratch / name), "")).code == 126
    assert b"needs a #! line" in bench.err("plain")
    assert b"names an interpreter that does not exist" in bench.err("odd")


def test_an_environment_of_many_hundred_kilobytes_passes(bench: Any) -> None:
    big = {f"V{number}": "é" * 30_000 for number in range(10)}
    run(bench, bench.spec("a", 'echo "${#V0} ${#V9}"'), LC_ALL="C", **big)
    assert bench.out("a") == b"60000 60000\n"


def test_without_control_groups_limits_hold_for_each_process(bench: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("TOLV_CGROUPS", "off")
    spec = bench.spec("a", "ulimit -n; ulimit -d", limits=Limits(open_files=77, memory=64 << 20))
    run(bench, spec)
    assert bench.out("a") == b"77\n65536\n"


def test_the_keeper_takes_many_descriptors_for_itself_and_hands_the_usual_limit_on(bench: Any) -> None:
    run(bench, bench.spec("a", "ulimit -Sn; ulimit -Hn"))
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert bench.out("a").split() == [str(usual).encode(), str(most).encode()]
    assert resource.prlimit(bench.keeper_pid, resource.RLIMIT_NOFILE) == (most, most)


def test_an_id_is_used_once_and_forgotten_on_request_only_when_dead(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        spec = bench.spec("a", "sleep 60")
        await keeper.start(spec, bench.env())
        with pytest.raises(ConflictError):
            await keeper.start(spec, bench.env())
        with pytest.raises(ConflictError):
            await keeper.forget("a")
        await keeper.signal("a", signal.SIGTERM, "leader")
        assert (await bench.ended(keeper, "a")).signal == signal.SIGTERM
        await keeper.forget("a")
        assert await keeper.list() == []
        assert list((bench.home.keeper / "processes").iterdir()) == []
        with pytest.raises(UsageError):
            await keeper.signal("a", signal.SIGTERM, "leader")

    bench.run(story)


def test_no_secret_is_written_to_disk_or_shown_on_a_command_line(bench: Any) -> None:
    secret = "hunter2-is-no-password"

    async def story(keeper: KeeperClient) -> None:
        spec = bench.spec("a", "sleep 60")
        pid = await keeper.start(spec, bench.env(SECRET=secret))
        with pytest.raises(UsageError):
            await keeper.start(bench.spec("b", "x", directory="relative"), bench.env(SECRET=secret))
        await keeper.start(bench.spec("c", "/nowhere", ""), bench.env(SECRET=secret))
        for process in (bench.keeper_pid, pid):
            with open(f"/proc/{process}/cmdline") as file:
                assert secret not in file.read()

    bench.run(story)
    for directory, _, names in os.walk(bench.home.root):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    assert secret.encode() not in file.read(), path


def test_the_keeper_stays_small(bench: Any) -> None:
    async def story(keeper: KeeperClient) -> None:
        for number in range(20):
            await keeper.start(bench.spec(f"p-{number}", "echo hello; sleep 60"), bench.env())
        with open(f"/proc/{bench.keeper_pid}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        assert int(status["VmRSS"].split()[0]) <= 15 * 1024

    bench.run(story)
