"""Random commands and kills against a simple model: after every step the machine is as the model says.

A few short runs, the same ones each time; `TOLV_TEST_RUNS=50` makes that many, other ones each time, and
`TOLV_TEST_STEPS` sets how long each is.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from e2e.bomb import start_with_bomb, survives
from e2e.invariants import check
from e2e.machine import APP, Machine, kill
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

RUNS = int(os.environ.get("TOLV_TEST_RUNS", "0"))
STEPS = int(os.environ.get("TOLV_TEST_STEPS", "8"))
PYTHON = sys.executable
ENVIRONMENTS = st.sampled_from(["prod", "staging"])
COLOURS = st.sampled_from(["red", "blue", None])
PROCFILE = f"web: {PYTHON} app.py\nworker: sleep 1000\nrelease: sh release.sh\n"


@dataclass(frozen=True)
class Version:
    """What a release that was live answers, and the formation that it had last."""

    number: int
    greeting: str
    colour: str | None
    web: int = 1
    worker: int = 1


@dataclass(frozen=True)
class Deploy:
    """The model of an app in an environment."""

    versions: tuple[Version, ...] = ()
    """Those that were live, the last of which is."""
    newest: int = 0
    colour: str | None = None
    """Config for the next release."""
    running: bool = False

    @property
    def live(self) -> Version | None:
        return self.versions[-1] if self.versions else None

    def released(self, greeting: str, colour: str | None, like: Version | None = None) -> Deploy:
        """After a new release, with the formation of `like`, or else of the live one."""
        number = self.newest + 1
        version = replace(like or self.live or Version(0, "", None), number=number, greeting=greeting, colour=colour)
        return Deploy((*self.versions, version), number, colour, running=True)

    def failed(self) -> Deploy:
        """After a release that did not get to be live."""
        return replace(self, newest=self.newest + 1)

    def scaled(self, **formation: int) -> Deploy:
        assert self.live
        return replace(self, versions=(*self.versions[:-1], replace(self.live, **formation)))


@dataclass
class Shop:
    """The app `shop` on a machine of its own, which all runs use one after the other."""

    machine: Machine
    path: Path
    turn: int = 0
    deploys: dict[str, Deploy] = field(default_factory=dict)

    def commit(self, *, fails: str | None = None) -> str:
        """A new commit; what it will answer."""
        self.turn += 1
        greeting = f"turn {self.turn}"
        text = APP.replace('GREETING = "hello"', f"GREETING = {greeting!r}")
        self.machine.commit(
            self.path,
            {
                "app.py": f"raise SystemExit('broken')\n{text}" if fails == "start" else text,
                "release.sh": "exit 5\n" if fails == "release phase" else "true\n",
            },
        )
        return greeting


class Platform(RuleBasedStateMachine):
    """Everything that people do to an app, and what happens to it."""

    shop: Shop  # set on the class by the test

    @initialize()
    def begin(self) -> None:
        start_with_bomb(self.machine)
        if self.shop.deploys:
            self.machine.tolv("destroy", "shop", "--yes")
        self.shop.deploys = {}

    @property
    def machine(self) -> Machine:
        return self.shop.machine

    @property
    def deploys(self) -> dict[str, Deploy]:
        return self.shop.deploys

    def live(self) -> list[str]:
        return [name for name, one in self.deploys.items() if one.versions]

    # What people do.

    @rule(environment=ENVIRONMENTS)
    def deploy(self, environment: str) -> None:
        before = self.deploys.get(environment, Deploy())
        after = before.released(self.shop.commit(), before.colour)
        self.act(environment, ["deploy", str(self.shop.path), "-e", environment], after)

    @rule(environment=ENVIRONMENTS, fails=st.sampled_from(["start", "release phase"]))
    def deploy_what_fails(self, environment: str, fails: str) -> None:
        before = self.deploys.get(environment, Deploy())
        self.shop.commit(fails=fails)
        found = self.machine.tolv("deploy", str(self.shop.path), "-e", environment, ok=False)
        assert found.code == 1, found.err
        self.deploys[environment] = before.failed()

    @rule(environment=ENVIRONMENTS, acts=st.integers(1, 25), fails=st.booleans())
    def deploy_in_which_the_server_is_killed(self, environment: str, acts: int, fails: bool) -> None:
        before = self.deploys.get(environment, Deploy())
        after = before.released(self.shop.commit(), before.colour)
        self.act(environment, ["deploy", str(self.shop.path), "-e", environment], after, bomb=acts)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), acts=st.sampled_from([None, 2, 5, 9, 14]))
    def rollback(self, data: st.DataObject, acts: int | None) -> None:
        environment = data.draw(st.sampled_from(self.live()))
        before = self.deploys[environment]
        words = ["rollback", "-a", "shop", "-e", environment]
        if len(before.versions) < 2:
            assert self.machine.tolv(*words, ok=False).code == 2
            return
        target = before.versions[-2]
        self.act(environment, words, before.released(target.greeting, target.colour, target), bomb=acts)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), web=st.integers(0, 2), worker=st.integers(0, 2))
    def scale(self, data: st.DataObject, web: int, worker: int) -> None:
        environment = data.draw(st.sampled_from(self.live()))
        words = ["scale", f"web={web}", f"worker={worker}", "-a", "shop", "-e", environment]
        self.act(environment, words, self.deploys[environment].scaled(web=web, worker=worker))

    @precondition(lambda self: self.live())
    @rule(data=st.data(), colour=COLOURS, acts=st.sampled_from([None, 3, 6, 10]))
    def configure(self, data: st.DataObject, colour: str | None, acts: int | None) -> None:
        environment = data.draw(st.sampled_from(self.live()))
        before = self.deploys[environment]
        change = ["unset", "COLOUR"] if colour is None else ["set", f"COLOUR={colour}"]
        words = ["config", *change, "-a", "shop", "-e", environment]
        if colour is None and before.colour is None:
            assert self.machine.tolv(*words, ok=False).code == 2
            return
        assert before.live
        after = replace(before, colour=colour)
        if before.running and colour != before.colour:
            after = before.released(before.live.greeting, colour)
        self.act(environment, words, after, bomb=acts if before.running else None)

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def restart(self, data: st.DataObject) -> None:
        environment = data.draw(st.sampled_from(self.live()))
        before = self.deploys[environment]
        assert before.live
        if before.running and not before.live.web + before.live.worker:
            return
        after = replace(before, running=True)
        if not before.running and before.colour != before.live.colour:
            after = before.released(before.live.greeting, before.colour)
        self.act(environment, ["restart", "-a", "shop", "-e", environment], after)

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def down(self, data: st.DataObject) -> None:
        environment = data.draw(st.sampled_from(self.live()))
        after = replace(self.deploys[environment], running=False)
        self.act(environment, ["down", "-a", "shop", "-e", environment], after)

    @precondition(lambda self: "staging" in self.live())
    @rule(acts=st.sampled_from([None, 4, 8]))
    def promote(self, acts: int | None) -> None:
        source, before = self.deploys["staging"].live, self.deploys.get("prod", Deploy())
        assert source
        after = before.released(source.greeting, before.colour)
        self.act("prod", ["promote", "staging", "prod", "-a", "shop"], after, bomb=acts)

    @precondition(lambda self: self.deploys)
    @rule(data=st.data())
    def destroy(self, data: st.DataObject) -> None:
        environment = data.draw(st.sampled_from(sorted(self.deploys)))
        self.machine.tolv("destroy", "shop", "-e", environment, "--yes")
        del self.deploys[environment]

    @precondition(lambda self: self.live())
    @rule(data=st.data(), detach=st.booleans())
    def run(self, data: st.DataObject, detach: bool) -> None:
        environment = data.draw(st.sampled_from(self.live()))
        live = self.deploys[environment].live
        assert live
        words = ["run", *(["--detach"] if detach else []), "-a", "shop", "-e", environment, "--"]
        found = self.machine.tolv(*words, "sh", "-c", "echo $TOLV_RELEASE:$COLOUR; exit 7", ok=False)
        if detach:
            assert found.code == 0, found.err
        else:
            assert (found.code, found.out) == (7, f"v{live.number}:{live.colour or ''}\n")

    # What happens.

    @rule(whom=st.sets(st.sampled_from(["server", "keeper", "router"]), min_size=1))
    def kill(self, whom: set[str]) -> None:
        state = self.machine.tolv("server", "status", "--json").json
        pids = {"server": [state["pid"]], "keeper": [state["keeper_pid"]], "router": state["router_pids"]}
        for pid in (pid for name in sorted(whom) for pid in pids[name]):
            kill(pid)
        start_with_bomb(self.machine)

    @precondition(lambda self: self.live())
    @rule(data=st.data(), while_the_server_is_dead=st.booleans())
    def kill_a_process(self, data: st.DataObject, while_the_server_is_dead: bool) -> None:
        environment = data.draw(st.sampled_from(self.live()))
        rows = [row for row in self.machine.ps("shop", environment) if row["pid"] and row["restarts"] < 2]
        if not rows:
            return
        row = data.draw(st.sampled_from(rows))
        note(f"{row['process']} of {environment}")
        if while_the_server_is_dead:
            self.machine.kill_server()
        os.kill(row["pid"], signal.SIGKILL)
        start_with_bomb(self.machine)

    # How it is done, and what must be true afterwards.

    def act(self, environment: str, words: list[str], after: Deploy, bomb: int | None = None) -> None:
        """Run a command that must succeed; with a bomb it is done as a whole, or not at all."""
        before = self.deploys.get(environment, Deploy())
        if bomb is None:
            self.machine.tolv(*words)
            self.deploys[environment] = after
            return
        start_with_bomb(self.machine)
        if survives(self.machine, bomb, words):
            self.deploys[environment] = after
            return
        note(f"the server was killed in {' '.join(words)}")
        start_with_bomb(self.machine)
        check(self.machine)
        releases = {one["release"]: one["status"] for one in self.releases(environment)}
        if after.live and releases.get(f"v{after.live.number}") == "live":
            self.deploys[environment] = after
        elif releases or before.versions:
            assert set(releases) <= {f"v{number}" for number in range(1, before.newest + 2)}
            self.deploys[environment] = replace(before, newest=max(int(name[1:]) for name in releases))

    def releases(self, environment: str) -> list[dict[str, str]]:
        found = self.machine.api(f"/apps/shop/environments/{environment}/releases")
        return found if isinstance(found, list) else []

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        check(self.machine)
        for environment, deploy in self.deploys.items():
            listed = self.releases(environment)
            assert (listed[0]["release"] if listed else "v0") == f"v{deploy.newest}"
            live = [one["release"] for one in listed if one["status"] == "live"]
            assert live == ([f"v{deploy.live.number}"] if deploy.live else [])
            self.answers(environment, deploy)

    def answers(self, environment: str, deploy: Deploy) -> None:
        live = deploy.live
        rows = [row for row in self.machine.ps("shop", environment) if row["type"] != "run"]
        wanted = [live.web, live.worker] if live and deploy.running else [0, 0]
        assert [sum(row["type"] == name for row in rows) for name in ("web", "worker")] == wanted
        if wanted[0]:
            assert live
            answer = self.machine.get(f"shop-{environment}").json
            said = answer["greeting"], answer["env"].get("COLOUR"), answer["env"]["TOLV_RELEASE"]
            assert said == (live.greeting, live.colour, f"v{live.number}")
        elif live:
            assert self.machine.get(f"shop-{environment}").status == 503


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "projects").mkdir()
    machine = Machine(tmp_path / "home", tmp_path / "projects")
    path = machine.app("shop", {"Procfile": PROCFILE, "release.sh": "true\n"})
    yield Shop(machine, path)
    machine.close()
    assert machine.survivors() == []


@pytest.mark.timeout(240 if not RUNS else 0)
def test_whatever_is_done_the_machine_is_as_the_model_says(shop: Shop) -> None:
    Platform.shop = shop
    run_state_machine_as_test(
        Platform,
        settings=settings(
            max_examples=RUNS or 3,
            stateful_step_count=STEPS,
            derandomize=not RUNS,
            database=None,
            deadline=None,
            phases=[Phase.generate],  # each step takes a second: nobody waits for a shorter story
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
