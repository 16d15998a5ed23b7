"""How a process is to be confined: what the operator grants, whose user it is, and what is said to be off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tolv.build.model import Runnable
from tolv.codebase.model import ProcessType
from tolv.errors import UsageError
from tolv.home import Home
from tolv.run.local.grants import Grants, check_grants, own_directory, read_grants
from tolv.run.local.launch import Identity, Launch
from tolv.run.local.sandbox import MOST_PROCESSES, Offer, confine
from tolv.run.local.users import user_of

ALL = Offer(7, True, False, ("memory", "pids", "cpu"), known=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("TOLV_SANDBOX", "TOLV_USERS"):
        monkeypatch.delenv(name, raising=False)
    home = Home(tmp_path / "home")
    home.make()
    return home


def grant(home: Home, text: str) -> None:
    (home.root / "sandbox.toml").write_text(text)


def launch(**config: str) -> Launch:
    runnable = Runnable("sha256:0", "/builds/0/app", (), {}, ("/builds/0", "/pythons/3"))
    return Launch("shop", "prod", 1, None, runnable, config, {})


def identity(**policy: object) -> Identity:
    type_ = ProcessType.from_dict({"name": "web", "command": "x", **policy})
    return Identity("shop-prod-v1-web.1-0", "shop", "prod", 1, type_, 1, None, 0)


def test_an_app_is_granted_what_all_are_what_it_is_and_what_its_environment_is(home: Home) -> None:
    grant(
        home,
        '["*"]\nreadable = ["/srv/models"]\n'
        '[shop]\nwritable = ["/srv/shop"]\n[shop.prod]\nreadable = ["/srv/keys", "/srv/models"]\n'
        '[other]\nreadable = ["/srv/other"]\n',
    )
    assert read_grants(home, "shop", "prod") == Grants(("/srv/models", "/srv/keys"), ("/srv/shop",))
    assert read_grants(home, "shop", "dev") == Grants(("/srv/models",), ("/srv/shop",))
    check_grants(home)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[shop\n", "not valid TOML"),
        ("shop = 1\n", "must be a table"),
        ('[shop]\nreadable = "/srv"\n', "list of absolute paths"),
        ('[shop]\nreadable = ["srv"]\n', "list of absolute paths"),
        ('[shop]\nwritable = ["/"]\n', "list of absolute paths"),
        ('[shop]\nwritable = ["/srv/../etc"]\n', "list of absolute paths"),
        ('[shop]\nwriteable = ["/srv"]\n', "unknown key 'writeable'"),
        ('[shop.prod]\nwriteable = ["/srv"]\n', "unknown key 'writeable'"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(home: Home, text: str, says: str) -> None:
    grant(home, text)
    for look in (lambda: read_grants(home, "shop", "prod"), lambda: check_grants(home)):
        with pytest.raises(UsageError) as caught:
            look()
        assert says in caught.value.problem
        assert caught.value.remedy


def test_each_app_has_a_user_of_its_own_for_ever(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLV_USERS", "70000-70009")
    users = {app: user_of(home, app) for app in "abcdefghij"}
    assert sorted(users.values()) == list(range(70000, 70010))
    assert {app: user_of(home, app) for app in users} == users
    with pytest.raises(UsageError, match="no number left"):
        user_of(home, "k")
    monkeypatch.setenv("TOLV_USERS", "0-5")
    with pytest.raises(UsageError, match="no range"):
        user_of(home, "k")


def test_the_directory_that_an_apps_config_names_is_made_for_it_and_nobody_elses_is_taken(tmp_path: Path) -> None:
    path = str(tmp_path / "shop")
    own_directory(path, None)
    own_directory(path, None)
    assert os.stat(path).st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(UsageError, match="belongs to"):
        own_directory(str(tmp_path / "link"), None)
    with pytest.raises(UsageError, match="belongs to"):
        own_directory(path, os.geteuid() + 1)


def test_where_all_can_be_had_nothing_is_off(home: Home) -> None:
    confined = confine(home, ALL, launch(), identity(memory=1 << 30, cpu=0.5, processes=9, tmp=1 << 20))
    assert confined.off == ()
    assert confined.sandbox is not None
    assert (confined.sandbox.view, confined.sandbox.landlock, confined.sandbox.tmp_size) == (True, True, 1 << 20)
    assert confined.sandbox.reads == ("/builds/0", "/pythons/3")
    assert (confined.limits.memory, confined.limits.cpu, confined.limits.processes) == (1 << 30, 0.5, 9)


def test_a_type_without_a_limit_of_processes_has_the_usual_one_where_the_tree_is_counted(home: Home) -> None:
    assert confine(home, ALL, launch(), identity()).limits.processes == MOST_PROCESSES
    assert confine(home, Offer(7, True, known=True), launch(), identity()).limits.processes is None


@pytest.mark.parametrize(
    ("offer", "off"),
    [
        (Offer(0, False, known=True), ("view", "landlock")),
        (Offer(2, True, known=True), ("signals",)),
        (Offer(7, False, known=True), ("view",)),
        (Offer(), ("sandbox",)),
    ],
)
def test_what_the_kernel_lacks_is_named(home: Home, offer: Offer, off: tuple[str, ...]) -> None:
    assert confine(home, offer, launch(), identity()).off == off


def test_limits_that_nothing_holds_are_named(home: Home) -> None:
    policy = identity(memory=1 << 30, cpu=0.5, processes=9, tmp=1 << 20)
    off = confine(home, Offer(7, False, known=True), launch(), policy).off
    assert off == ("view", "memory limit of the tree", "cpu limit", "processes limit", "tmp limit")


@pytest.mark.parametrize(
    ("switch", "off"), [("off", ("sandbox",)), ("no-view", ("view",)), ("no-landlock,no-view", ("view", "landlock"))]
)
def test_the_operator_may_switch_it_off(
    home: Home, monkeypatch: pytest.MonkeyPatch, switch: str, off: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TOLV_SANDBOX", switch)
    confined = confine(home, ALL, launch(), identity())
    assert confined.off == off
    assert (confined.sandbox is None) == (switch == "off")


def test_a_switch_that_is_not_known_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLV_SANDBOX", "maybe")
    with pytest.raises(UsageError, match="not understood"):
        confine(home, ALL, launch(), identity())
