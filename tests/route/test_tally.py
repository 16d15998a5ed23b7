"""Counts by release: what was answered, by whom, and that nothing is lost when processes come and go."""

from __future__ import annotations

import contextlib
from typing import Any

from tolv.route.model import Upstream

GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"


def counts(stage, release: str = "v1") -> dict[str, Any]:
    """Of one release: what is not zero."""
    for one in stage.switchboard.tally()["releases"]:
        if one["release"] == release:
            return {name: value for name, value in one.items() if isinstance(value, int) and value}
    return {}


def of_release(app, release: str) -> Upstream:
    one = app.upstream
    return Upstream(one.id, one.host, one.port, release, one.process)


async def test_a_release_keeps_its_counts_when_its_processes_are_replaced(stage) -> None:
    first, second, third = [await stage.app() for _ in range(3)]
    stage.route(first)
    for _ in range(3):
        await stage.get()
    stage.route(second)
    await stage.get()
    await stage.until(lambda: first.upstream.id not in stage.switchboard.stats()["upstreams"])
    assert counts(stage) == {"requests": 4}
    stage.route(of_release(third, "v2"))
    await stage.get()
    await stage.until(lambda: second.upstream.id not in stage.switchboard.stats()["upstreams"])
    assert (counts(stage, "v1"), counts(stage, "v2")) == ({"requests": 4}, {"requests": 1})


async def test_a_process_that_leaves_the_table_and_comes_back_is_counted_once(stage) -> None:
    one, other = await stage.app(), await stage.app()
    for _ in range(3):
        stage.route(one)
        await stage.get()
        stage.route(other)
        await stage.get()
    await stage.until(lambda: one.upstream.id not in stage.switchboard.stats()["upstreams"])
    assert counts(stage) == {"requests": 6}


async def test_errors_of_the_app_and_of_the_router_in_its_place_are_told_apart(stage) -> None:
    async def failing(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        await side.head()

    async def silent(side) -> None:
        await side.head()

    stage.route(await stage.app(failing))
    assert (await stage.get())[0] == 500
    stage.route(await stage.app(silent))
    assert (await stage.get())[0] == 502
    assert counts(stage) == {"requests": 2, "errors_5xx": 2, "unanswered": 1}


async def test_a_response_that_the_app_does_not_end_is_counted_as_cut_off(stage) -> None:
    async def half(side) -> None:
        await side.head()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    stage.route(await stage.app(half))
    side = await stage.client()
    await side.send(GET)
    with contextlib.suppress(ConnectionError):
        await side.rest()
    assert counts(stage) == {"requests": 1, "cut_off": 1}


async def test_a_client_that_leaves_first_is_no_error_of_the_release(stage) -> None:
    async def slow(side) -> None:
        await side.head()
        await side.rest()

    app = await stage.app(slow)
    stage.route(app)
    side = await stage.client()
    await side.send(GET)
    await stage.until(lambda: stage.in_flight(app) == 1)
    side.reset()
    await stage.until(lambda: counts(stage) == {"requests": 1, "abandoned": 1})


async def test_requests_that_every_process_refused_count_for_the_release_in_force(stage) -> None:
    app = await stage.app()
    app.server.close()
    await app.server.wait_closed()
    stage.route(app)
    assert (await stage.get())[0] == 502
    assert counts(stage) == {"requests": 1, "errors_5xx": 1, "unanswered": 1}
