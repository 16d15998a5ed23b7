"""A client that keeps what it was answered, in the place of an instance's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from prove.sites import Asked, Reply, Site, serving, talking

from tolv.prove.client import NoAnswer, Session
from tolv.prove.harness.recording import Recording, is_in
from tolv.prove.perform import Note, Performer, Scene
from tolv.prove.recipes import read_recipes


def app(asked: Asked) -> Reply:
    if asked.path == "/login":
        return Reply(302, headers=(("Location", "/me"), ("Set-Cookie", "session=k17; Path=/")))
    if asked.path == "/me":
        return Reply(200, f"you are {asked.cookies.get('session', 'nobody')}")
    return Reply(404, b"no \xff such page", headers=(("X-Debug", "secret-42"),))


def tell(story: Callable[[Site, Recording], Awaitable[None]]) -> None:
    async def run() -> None:
        async with serving(app) as site:
            await story(site, Recording(site))  # type: ignore[arg-type]

    asyncio.run(run())


def test_it_takes_the_place_of_the_client_and_keeps_each_answer() -> None:
    async def story(site: Site, recording: Recording) -> None:
        assert site.client is recording
        session = Session(cookies={"session": "k1"})
        answer = await site.client.request("GET", "/me", session=session, headers=[("X-Id", "7")])
        assert answer.body == b"you are k1"
        assert (await site.client.request("PATCH", "/x?y=1", body="b")).status == 404
        assert [(asked, one.status) for asked, one in recording.answers] == [("GET /me", 200), ("PATCH /x?y=1", 404)]
        assert (site.asked[0].headers["x-id"], site.asked[1].body) == ("7", b"b")

    tell(story)


def test_the_answers_that_a_recipe_passes_through_are_kept_too() -> None:
    note: Note = lambda kind, text, where: None  # noqa: E731

    async def story(site: Site, recording: Recording) -> None:
        performer = Performer(read_recipes({"login": "POST /login a=b"}), note)
        await performer.run(Scene("login", site))
        assert [asked for asked, _ in recording.answers] == ["POST /login", "GET /me"]
        assert recording.holding(["k17"]) == [(*recording.answers[0], "k17"), (*recording.answers[1], "k17")]

    tell(story)


def test_texts_are_found_in_heads_and_bodies_each_by_itself() -> None:
    async def story(site: Site, recording: Recording) -> None:
        await site.client.request("GET", "/me")
        await site.client.request("GET", "/nothing")
        found = recording.holding(iter(["secret-42", "nobody", "such page", "elsewhere"]))
        assert [(asked, text) for asked, _, text in found] == [
            ("GET /me", "nobody"),
            ("GET /nothing", "secret-42"),
            ("GET /nothing", "such page"),
        ]
        assert recording.holding([]) == []
        assert not is_in(recording.answers[0][1], "secret-42")

    tell(story)


def test_what_is_not_answered_is_no_answer_and_none_is_kept() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async def run() -> None:
        async with talking(hang_up) as client:
            recording = Recording(Site("web.1", client, 0))  # type: ignore[arg-type]
            with pytest.raises(NoAnswer):
                await recording.request("GET", "/")
            assert recording.answers == []

    asyncio.run(run())
