"""Maintenance: requests are kept from an app that runs on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from e2e.load import Load
from e2e.machine import Answer, Machine, eventually, kill

from tolv.home import Home
from tolv.route.link import Link

Fresh = Callable[..., Machine]


def maintain(machine: Machine, name: str, *words: str) -> dict:
    value: dict = machine.tolv("maintenance", *words, "-a", name, "-e", "prod", "--json").json
    assert (value["app"], value["environment"]) == (name, "prod")
    return value


def test_maintenance_answers_503_while_the_app_runs_and_is_deployed(machine: Machine, name: str) -> None:
    path = machine.app(name, {"tolv.toml": '[processes.web]\nhealth = "/fine"\nhealth_interval = 0.1\n'})
    machine.deploy(path)
    pid = machine.ps(name)[0]["pid"]
    assert maintain(machine, name)["maintenance"] is None

    value = maintain(machine, name, "on")["maintenance"]
    assert (value["hold"], value["own_page"]) == (False, False)
    answer = machine.get(f"{name}-prod")
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert f"{name} is in maintenance" in answer.body.decode()
    assert [(row["pid"], row["state"]) for row in machine.ps(name)] == [(pid, "ready")]
    assert maintain(machine, name)["maintenance"] == value
    assert "in maintenance since" in machine.tolv("ps", "-a", name, "-e", "prod").out
    assert "(in maintenance)" in machine.tolv("apps").out
    (row,) = [one for one in machine.tolv("apps", "--json").json if one["app"] == name]
    assert row["environments"][0]["maintenance"] == value

    machine.greet(path, "hej")
    assert machine.deploy(path)["status"] == "live"
    machine.tolv("scale", "web=2", "-a", name, "-e", "prod")
    assert machine.get(f"{name}-prod").status == 503

    assert maintain(machine, name, "off")["maintenance"] is None
    assert machine.get(f"{name}-prod").json["greeting"] == "hej"
    assert "maintenance" not in machine.tolv("ps", "-a", name, "-e", "prod").out


def test_an_apps_own_page_is_shown(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    page = machine.projects / f"{name}.html"
    page.write_text("<!doctype html><title>Sorry</title>Back at nine ☕\n")
    assert maintain(machine, name, "on", "--page", str(page))["maintenance"]["own_page"]
    answer = machine.get(f"{name}-prod")
    assert (answer.status, answer.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert answer.body == page.read_bytes()
    page.write_text("Back at nine\n")
    maintain(machine, name, "on", "--page", str(page))
    answer = machine.get(f"{name}-prod")
    assert (answer.headers["Content-Type"], answer.body) == ("text/plain; charset=utf-8", b"Back at nine\n")
    maintain(machine, name, "off")


def test_a_page_that_cannot_be_shown_changes_nothing(machine: Machine, name: str) -> None:
    machine.deploy(machine.app(name))
    wrong = {"large": b"x" * 65537, "empty": b"\n", "latin": b"caf\xe9"}
    for kind, content in wrong.items():
        (machine.projects / f"{name}-{kind}").write_bytes(content)
    for kind in (*wrong, "missing"):
        words = ("maintenance", "on", "-a", name, "-e", "prod", "--page", str(machine.projects / f"{name}-{kind}"))
        result = machine.tolv(*words, ok=False)
        assert result.code == 2
        assert "remedy" in result.err or ":" in result.err
    assert machine.tolv("maintenance", "on", "--hold", "--page", "x", "-a", name, "-e", "prod", ok=False).code == 2
    assert machine.get(f"{name}-prod").status == 200


def test_requests_that_wait_for_the_end_of_maintenance_are_all_answered(machine: Machine, name: str) -> None:
    path = machine.app(name)
    machine.deploy(path)
    with Load(machine.port, f"{name}-prod.localhost", paths=("/", "/slow?s=1")) as load:
        eventually(lambda: load.answered > 10)
        maintain(machine, name, "on", "--hold")
        held = eventually(lambda: load.answered)
        machine.greet(path, "hej")
        machine.deploy(path)
        maintain(machine, name, "off")
        eventually(lambda: load.answered > held + 10)
    assert load.failures == []


def test_maintenance_outlives_server_and_router_and_leaves_what_is_in_flight(fresh: Fresh) -> None:
    machine = fresh()
    machine.deploy(machine.app("shop"))
    answers: list[Answer] = []
    slow = threading.Thread(target=lambda: answers.append(machine.get("shop-prod", "/slow?s=3")))
    slow.start()
    eventually(lambda: in_flight(machine) == 1, "the slow request is not on its way")
    since = maintain(machine, "shop", "on")["maintenance"]["since"]
    assert machine.get("shop-prod").status == 503
    machine.kill_server()
    assert machine.get("shop-prod").status == 503
    slow.join()
    assert [answer.status for answer in answers] == [200]
    assert maintain(machine, "shop")["maintenance"]["since"] == since
    (pid,) = machine.tolv("server", "status", "--json").json["router_pids"]
    kill(pid)
    assert eventually(lambda: status_of(machine)) == 503
    machine.tolv("server", "stop")
    machine.tolv("server", "start")
    assert eventually(lambda: status_of(machine)) == 503
    maintain(machine, "shop", "off")
    assert machine.get("shop-prod").status == 200


def in_flight(machine: Machine) -> int:
    """How many requests the router has at upstreams now."""

    async def ask() -> int:
        link = await Link.open(Home(machine.home), 0)
        assert link is not None
        counts = (await link.ask({"op": "stats"}))["upstreams"]
        await link.close()
        return sum(one["in_flight"] for one in counts.values())

    return asyncio.run(ask())


def status_of(machine: Machine) -> int | None:
    try:
        return machine.get("shop-prod").status
    except OSError:
        return None
