"""A crowd at one host leaves room for the clients of another."""

from __future__ import annotations

import asyncio

import pytest

from tolv.route.limits import Limits
from tolv.route.model import Route

#: Small enough to be filled, large enough for what the tests do beside it.
FEW = Limits(connections=64)


def get(host: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


async def two_apps(stage, noisy_handler=None):
    noisy, quiet = await stage.app(noisy_handler, "noisy"), await stage.app(None, "quiet")
    stage.apply(
        Route("noisy.localhost", "noisy", "dev", (noisy.upstream,)),
        Route("quiet.localhost", "quiet", "dev", (quiet.upstream,)),
    )
    return noisy, quiet


@pytest.mark.parametrize("limits", [FEW])
@pytest.mark.parametrize("asked", [True, False], ids=["after a request", "without a word"])
async def test_idle_connections_of_a_flood_drive_out_each_other_and_nobody_else(stage, asked: bool) -> None:
    await two_apps(stage)
    regulars = [await stage.client() for _ in range(4)]
    for one in regulars:
        await one.send(get("quiet.localhost"))
        assert (await one.response())[0] == 200
    for _ in range(5 * FEW.connections):
        one = await stage.client()
        if asked:
            await one.send(get("noisy.localhost"))
            assert (await one.response())[0] == 200
    await stage.until(lambda: stage.switchboard.stats()["connections"] <= FEW.connections)
    for one in regulars:  # idle for longer than the whole flood, and still there
        await one.send(get("quiet.localhost"))
        assert (await one.response())[0] == 200
    assert (await stage.get(host="quiet.localhost"))[0] == 200, "and a new one is let in"
    assert stage.switchboard.refused == 0


@pytest.mark.parametrize("limits", [FEW])
async def test_requests_that_wait_for_one_host_leave_room_for_those_of_another(stage) -> None:
    gate = asyncio.Event()

    async def answer_late(side) -> None:
        while True:
            await side.head()
            await gate.wait()
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    noisy, _ = await two_apps(stage, answer_late)
    waiting = [await stage.client() for _ in range(FEW.connections // 2 + 1)]
    for one in waiting:
        await one.send(get("noisy.localhost"))
    await stage.until(lambda: stage.in_flight(noisy) == len(waiting))
    await stage.until(lambda: bool(stage.switchboard._crowding))
    status, fields, body = await stage.get(host="noisy.localhost")
    assert (status, "retry-after" in fields) == (503, True)
    assert b"too many requests for noisy" in body
    for _ in range(40):
        assert (await stage.get(host="quiet.localhost"))[0] == 200
    gate.set()
    for one in waiting:
        assert (await one.response())[0] == 200
    await stage.until(lambda: not stage.switchboard._crowding)
    assert (await stage.get(host="noisy.localhost"))[0] == 200


@pytest.mark.parametrize("limits", [FEW])
async def test_the_only_app_may_have_all_connections(stage) -> None:
    gate = asyncio.Event()

    async def answer_late(side) -> None:
        await side.head()
        await gate.wait()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    app = await stage.app(answer_late)
    stage.route(app)
    waiting = [await stage.client() for _ in range(FEW.connections)]
    for one in waiting:
        await one.send(get("app.localhost"))
    await stage.until(lambda: stage.in_flight(app) == FEW.connections)
    refused = await stage.client()
    assert (await refused.response())[0] == 503, "none of them is idle"
    gate.set()
    for one in waiting:
        assert (await one.response())[0] == 200
