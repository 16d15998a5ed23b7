"""Config against the schema of the code: `tolv config check`, and what no release is made with."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.machine import Machine, Result

SCHEMA = """\
# Where the data is
# url
DATABASE_URL=
WORKERS=2  # int, min: 1
LEVEL=info  # one of: debug, info
# required
MAIL_FROM=you@example.org  # email
# secret
SIGNING_KEY=changeme
APP_DEBUG=true  # bool
CACHE=redis://localhost:6379
NOTE=  # optional
"""
GOOD = ("DATABASE_URL=postgresql://db.internal/x", "MAIL_FROM=ada@example.org", "SIGNING_KEY=k3-9f")


def test_the_values_of_an_environment_are_checked_and_none_is_shown(machine: Machine, name: str) -> None:
    deployed(machine, name)
    clean = check(machine, name)
    assert clean.code == 0
    found = check(machine, name, "--json").json
    assert {(one["name"], one["rule"], one["severity"]) for one in found["problems"]} == {
        ("APP_DEBUG", "development", "warning"),
        ("CACHE", "development", "warning"),
    }
    assert (found["errors"], found["warnings"], found["schema"]) == (0, 2, "v1")
    machine.tolv("down", "-a", name, "-e", "prod")
    wrong = [
        "DATABASE_URL=nowhere-at-all",
        "WORKERS=none-of-them",
        "LEVEL=shouting",
        "MAIL_FROM=x-at-y",
        "OLD_KEY=forgotten",
    ]
    said = config(machine, name, "set", *wrong, "SIGNING_KEY=changeme", "NOTE=")
    assert "WORKERS is not a whole number" in said.out
    assert "OLD_KEY is set, and .env.example does not name it" in said.out
    config(machine, name, "unset", "MAIL_FROM")
    result = check(machine, name)
    assert result.code == 1
    for line in (
        "error    DATABASE_URL is not a URL",
        "error    WORKERS is not a whole number",
        "error    LEVEL is not one of debug, info",
        "error    MAIL_FROM is required, and not set",
        "error    SIGNING_KEY is a secret, and has the value that .env.example shows",
        "warning  OLD_KEY is set, and .env.example does not name it",
        "5 errors, 3 warnings",
    ):
        assert line in result.out
    for value in ("nowhere", "none-of", "shouting", "forgotten", "changeme"):
        assert value not in result.out + result.err + said.out + said.err


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("WORKERS=-918273", "WORKERS is less than 1"),
        ("DATABASE_URL=secret-place", "DATABASE_URL is not a URL"),
        ("LEVEL=loud-and-clear", "LEVEL is not one of debug, info"),
        ("SIGNING_KEY=changeme", "SIGNING_KEY is a secret"),
    ],
)
def test_a_release_with_a_value_that_breaks_the_schema_is_refused(
    machine: Machine, name: str, assignment: str, message: str
) -> None:
    deployed(machine, name)
    result = config(machine, name, "set", assignment, ok=False)
    assert result.code == 1
    assert message in result.err
    assert assignment.partition("=")[2] not in (result.err + result.out).replace(message, "")
    assert [one["release"] for one in machine.releases(name)] == ["v1"]
    assert machine.get(f"{name}-prod").json["env"]["WORKERS"] == "2"


def test_a_deploy_of_code_that_wants_other_values_is_refused_and_can_be_checked_before(
    machine: Machine, name: str
) -> None:
    path = deployed(machine, name)
    machine.commit(
        path, {".env.example": SCHEMA.replace("WORKERS=2  # int, min: 1", "WORKERS=2  # int\nSHARDS= # int")}
    )
    assert check(machine, name).code == 0
    before = check(machine, name, str(path))
    assert before.code == 1
    assert "SHARDS is required, and not set" in before.out
    assert machine.tolv("deploy", str(path), "-e", "prod", ok=False).code == 1
    config(machine, name, "set", "SHARDS=3")
    assert check(machine, name, str(path)).code == 0
    machine.deploy(path)
    assert machine.get(f"{name}-prod").json["env"]["SHARDS"] == "3"


def test_an_example_value_is_no_default_and_a_secret_may_have_its_default_in_dev_alone(
    machine: Machine, name: str
) -> None:
    path = machine.app(name, {".env.example": SCHEMA})
    machine.write(path, {".env": f"{GOOD[0]}\n"})
    result = machine.tolv("up", str(path), "--detach", ok=False)
    assert result.code == 1
    assert "MAIL_FROM" in result.err
    machine.write(path, {".env": f"{GOOD[0]}\n{GOOD[1]}\n"})
    machine.tolv("up", str(path), "--detach")
    assert machine.get(name).json["env"]["SIGNING_KEY"] == "changeme"
    assert check(machine, name, environment="dev").code == 0


def test_a_rollback_takes_the_config_as_it_was(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    machine.tolv("config", "set", "WORKERS=many", "-a", name, "-e", "prod")
    machine.commit(path, {".env.example": "WORKERS=2 # int\n"})
    config(machine, name, "unset", "WORKERS")
    machine.deploy(path)
    machine.tolv("rollback", "v2", "-a", name, "-e", "prod")
    assert machine.get(f"{name}-prod").json["env"]["WORKERS"] == "many"


def test_without_code_there_is_nothing_to_check_against(machine: Machine, name: str) -> None:
    path = machine.app(name, {".env.example": SCHEMA})
    machine.tolv("config", "set", "WORKERS=many", "-e", "prod", cwd=path)
    assert check(machine, name).code == 2
    result = check(machine, name, str(path))
    assert result.code == 1
    assert "WORKERS is not a whole number" in result.out


def test_a_required_service_that_is_not_attached_is_told(machine: Machine, name: str) -> None:
    path = machine.app(
        name, {"tolv.toml": '[services.database]\nkind = "postgres"\n', ".env.example": "DATABASE_URL=\n"}
    )
    machine.tolv("config", "set", "OTHER=1", "-e", "prod", cwd=path)
    result = check(machine, name, str(path))
    assert result.code == 1
    assert "error    database is a backing service (postgres) that is required, and not attached" in result.out
    config(machine, name, "set", "DATABASE_URL=postgresql://db.internal/x")
    assert check(machine, name, str(path)).code == 0


def deployed(machine: Machine, name: str) -> Path:
    path = machine.app(name, {".env.example": SCHEMA})
    machine.tolv("config", "set", *GOOD, "-e", "prod", cwd=path)
    machine.deploy(path)
    return path


def config(machine: Machine, name: str, *words: str, ok: bool = True) -> Result:
    return machine.tolv("config", *words, "-a", name, "-e", "prod", ok=ok)


def check(machine: Machine, name: str, *words: str, environment: str = "prod") -> Result:
    return machine.tolv("config", "check", *words, "-a", name, "-e", environment, ok=False)
