"""`tolv.toml`: each key, and each way to get one wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tolv.codebase.manifest import CheckSettings, Ignore, Manifest, ProcessSettings, ReleaseSettings, read_manifest
from tolv.codebase.model import RolloutPolicy, ServiceNeed
from tolv.errors import UsageError


def manifest(directory: Path, text: str) -> Manifest:
    (directory / "tolv.toml").write_text(text, encoding="utf-8")
    return read_manifest(directory / "tolv.toml")


def test_every_key_is_read(tmp_path: Path) -> None:
    assert manifest(
        tmp_path,
        """
        name = "guestbook"
        [apps.api]
        root = "services/api"
        [processes.web]
        command = "gunicorn app:app"
        health = "/healthz?deep=1"
        health_interval = 2
        health_timeout = 1.5
        health_failures = 5
        rollout = "stop-first"
        start_deadline = 90
        grace = 2.5
        drain = 0
        response_timeout = 300
        stop_signal = "INT"
        stop_scope = "group"
        memory = "512M"
        cpu = 0.5
        processes = 64
        open_files = 4096
        tmp = "1G"
        quantity = 2
        [release]
        command = "python manage.py migrate"
        timeout = 600
        [rollout]
        bake = 0
        auto_rollback = false
        error_rate = 0.2
        min_requests = 100
        crashes = 5
        [build]
        python = "3.12"
        node = ">=20 <21"
        command = "make assets"
        exclude = ["docs/**"]
        [services.db]
        kind = "postgres"
        version = "16.4"
        env = "DB"
        required = false
        [parity]
        production = "live"
        [check]
        select = ["III", "VI-02"]
        ignore = [{rule = "III-05", path = "legacy/**", reason = "goes in June"}, {rule = "VI", reason = "one user"}]
        exclude = ["legacy/**"]
        [prove]
        requests = ["/"]
        """,
    ) == Manifest(
        name="guestbook",
        apps={"api": "services/api"},
        processes={
            "web": ProcessSettings(
                command="gunicorn app:app",
                health="/healthz?deep=1",
                health_interval=2.0,
                health_timeout=1.5,
                health_failures=5,
                rollout="stop-first",
                start_deadline=90.0,
                grace=2.5,
                drain=0.0,
                response_timeout=300.0,
                stop_signal="SIGINT",
                stop_scope="group",
                memory=512 << 20,
                cpu=0.5,
                processes=64,
                open_files=4096,
                tmp=1 << 30,
                quantity=2,
            )
        },
        release=ReleaseSettings(command="python manage.py migrate", timeout=600.0),
        rollout=RolloutPolicy(bake=0.0, auto_rollback=False, error_rate=0.2, min_requests=100, crashes=5),
        build={"python": "3.12", "node": ">=20 <21", "command": "make assets", "exclude": ["docs/**"]},
        services=(ServiceNeed("db", "postgres", "16.4", (("DB", "{url}"),), False),),
        production="live",
        check=CheckSettings(
            select=("III", "VI-02"),
            ignore=(Ignore("III-05", "goes in June", "legacy/**"), Ignore("VI", "one user")),
            exclude=("legacy/**",),
        ),
        prove={"requests": ["/"]},
    )


def test_no_file_and_an_empty_file_say_nothing(tmp_path: Path) -> None:
    assert read_manifest(tmp_path / "tolv.toml") == Manifest()
    assert manifest(tmp_path, "") == Manifest()


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("nmae = 'x'", "unknown key 'nmae' in the top level", "did you mean name?"),
        ("[procesess.web]\nhealth = '/'", "unknown key 'procesess'", "did you mean processes?"),
        ("[processes.web]\nhelth = '/'", r"unknown key 'helth' in \[processes.web\]", "did you mean health?"),
        ("[release]\nzzz = 1", r"unknown key 'zzz' in \[release\]", "it knows: command, timeout"),
        ("[build]\npyton = '3'", "unknown key 'pyton'", "did you mean python?"),
        ("[apps.x]\nroot = 'x'\nname = 'y'", "unknown key 'name'", "it knows: root"),
    ],
)
def test_an_unknown_key_suggests_the_nearest(tmp_path: Path, text: str, problem: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        manifest(tmp_path, text)
    assert caught.value.remedy == remedy
    assert caught.value.where == "tolv.toml"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = 1", r"name must be an app's name .*, not 1 \(a whole number\)"),
        ("name = 'a/b'", "name must be an app's name"),
        ("name = ''", "name must be an app's name"),
        ("processes = 1", "processes must be a table, not 1"),
        ("processes.web = 'gunicorn'", r'processes.web must be a table, not "gunicorn" \(a text\)'),
        ("processes.'a b'.health = '/'", "processes has a name that is not allowed: 'a b'"),
        ("apps.'A'.root = 'x'", "apps has a name that is not allowed: 'A'"),
        ("[apps.a]", r"\[apps.a\] has no root"),
        ("apps.a.root = ''", "apps.a.root must be a directory"),
        ("processes.web.command = true", r"must be a text, not true \(a boolean\)"),
        ("processes.web.command = ' '", "must be a text"),
        ("processes.web.health = 'healthz'", "must be a path such as"),
        ("processes.web.health = '/a b'", "must be a path such as"),
        ("processes.web.rollout = 'both'", 'must be "start-first" or "stop-first", not "both"'),
        ("processes.web.rollout = ['start-first']", r"not a list"),
        ("processes.web.grace = '30s'", "processes.web.grace must be a number of seconds, not"),
        ("processes.web.grace = true", "must be a number of seconds"),
        ("processes.web.grace = -1", "must be a number of seconds"),
        ("processes.web.grace = nan", "must be a number of seconds"),
        ("processes.web.grace = inf", "must be a number of seconds"),
        ("processes.web.start_deadline = 0", "must be a number of seconds above 0"),
        ("processes.web.stop_signal = 'SIGFOO'", "must be the name of a signal"),
        ("processes.web.stop_signal = 15", "must be the name of a signal"),
        ("processes.web.stop_signal = 'SIGSTOP'", "must be the name of a signal"),
        ("processes.web.stop_scope = 'all'", 'must be "leader" or "group"'),
        ("processes.web.health_failures = 0", "whole number from 1"),
        ("rollout.bake = -1", "number of seconds"),
        ("rollout.auto_rollback = 'no'", "true or false"),
        ("rollout.error_rate = 0", "share above 0"),
        ("rollout.error_rate = 5", "share above 0"),
        ("rollout.min_requests = true", "whole number from 1"),
        ("rollout.crashes = 0", "whole number from 1"),
        ("processes.web.memory = 512", "must be a size"),
        ("processes.web.cpu = 0", "a number of processors"),
        ("processes.web.cpu = true", "a number of processors"),
        ("processes.web.processes = 0", "a whole number from 1"),
        ("processes.web.processes = 1.5", "a whole number from 1"),
        ("processes.web.open_files = 3", "a whole number from 16"),
        ("processes.web.tmp = '1K'", "must be a size"),
        ("processes.web.memory = '512'", "must be a size"),
        ("processes.web.memory = '1K'", "must be a size"),
        ("processes.web.memory = '9999999999T'", "must be a size"),
        ("processes.web.quantity = -1", "must be a whole number from 0 to 100, not -1"),
        ("processes.web.quantity = 1.5", "must be a whole number"),
        ("processes.web.quantity = true", "must be a whole number"),
        ("release.timeout = 0", "must be a number of seconds above 0"),
        ("release = 'x'", "release must be a table"),
        ("build.python = 3.10", r'must be a version in quotes, such as "3.12", not 3.1 \(a number\)'),
        ("build.exclude = 'docs'", "must be a list of globs"),
        ("build.exclude = [1]", "must be a list of globs"),
        ("services.db = 'postgres'", "services.db must be a table"),
        ("parity.production = 'The Live One'", "must be an environment's name"),
        ("parity.prod = 'live'", "unknown key 'prod'"),
        ("check = 1", "check must be a table"),
        ("check.select = ['config']", "must be a rule or a factor"),
        ("check.ignore = ['III-05']", r"check.ignore\[1\] must be a table"),
        ("check.ignore = [{rule = 'III-05'}]", r"\[check.ignore\[1\]\] has no reason"),
        ("check.ignore = [{rule = 'III-05', reason = ' '}]", "must be a text"),
        ("check.ignore = [{rule = 'III-05', reason = 'x', paths = 'y'}]", "unknown key 'paths'"),
        ("check.exclude = 'legacy'", "must be a list of globs"),
        ("name = 2024-01-01", "a date or time"),
    ],
)
def test_a_wrong_value_says_which_is_wanted(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        manifest(tmp_path, text)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name = \n", 1),
        ("name = 'a'\n[processes.web\n", 2),
        ("a = 1\na = 2\n", 2),
        ("<<<<<<< HEAD\n", 1),
        ("a = [1,\n", 2),
    ],
)
def test_a_syntax_error_names_the_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(UsageError, match="not valid TOML") as caught:
        manifest(tmp_path, text)
    assert caught.value.where == f"tolv.toml:{line}"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tolv.toml"
    file.write_bytes(b"a = 1\nname = '\xff'\n")
    with pytest.raises(UsageError, match="not UTF-8") as caught:
        read_manifest(file)
    assert str(caught.value.where).endswith("tolv.toml:2")
    file.write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        read_manifest(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read_manifest(file)
    file.rmdir()
    os.mkfifo(file)
    with pytest.raises(UsageError, match="is not a file"):
        read_manifest(file)


TOML_VALUES = ["1", "1.5", "true", "'x'", "[]", "{}", "['a']", "{a = 1}", "1979-05-27", "-0.0", "1e400", "[{}]", "''"]
TOML_KEYS = [
    *("name", "apps", "apps.a", "apps.a.root", "processes", "processes.w", "release", "release.timeout"),
    *("release.command", "build", "build.python", "build.node", "build.command", "build.exclude"),
    *(
        "services",
        "services.db",
        "services.db.kind",
        "services.db.env",
        "parity",
        "parity.production",
        "check",
        "check.select",
        "check.ignore",
        "check.exclude",
        "prove",
        "unknown",
    ),
    *(f"processes.w.{key}" for key in ProcessSettings.__dataclass_fields__),
]


@pytest.mark.parametrize("key", TOML_KEYS)
@pytest.mark.parametrize("value", TOML_VALUES)
def test_any_value_of_any_key_is_read_or_refused_in_tolvs_own_words(tmp_path: Path, key: str, value: str) -> None:
    try:
        manifest(tmp_path, f"{key} = {value}\n")
    except UsageError as error:
        refused = error
    else:
        return
    assert refused.where == "tolv.toml"
    assert refused.remedy
