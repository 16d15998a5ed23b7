"""Traffic: what recipes make of an app, and what is noted of it."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from prove.sites import Asked, Reply, Site, serving, talking

from tolv.prove.answer import Answer
from tolv.prove.client import Client, NoAnswer, Session
from tolv.prove.probe import CannotProve
from tolv.prove.recipes import read_recipes
from tolv.prove.session import fields_of
from tolv.prove.traffic import Traffic, Unexpected, content_of

T = TypeVar("T")


@dataclass
class Notes:
    """An app that keeps notes, files and jobs; several instances may share it."""

    notes: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)

    def __call__(self, asked: Asked) -> Reply:
        first, _, last = asked.path.strip("/").partition("/")
        handler: Callable[[Asked, str], Reply] = getattr(self, f"{asked.method}_{first}".lower(), missing)
        return handler(asked, last)

    def get_(self, asked: Asked, last: str) -> Reply:
        return Reply(body="home")

    def post_notes(self, asked: Asked, last: str) -> Reply:
        number = str(len(self.notes) + 17)
        self.notes[number] = json.loads(asked.body)["text"]
        return Reply(201, json.dumps({"note": {"id": int(number)}}))

    def get_notes(self, asked: Asked, last: str) -> Reply:
        return Reply(body=self.notes[last]) if last in self.notes else Reply(404)

    def put_files(self, asked: Asked, last: str) -> Reply:
        self.files[last] = asked.body
        return Reply(201, headers=(("Location", f"/files/{last}"),))

    def get_files(self, asked: Asked, last: str) -> Reply:
        return Reply(body=self.files[last]) if last in self.files else Reply(404)


def missing(asked: Asked, last: str) -> Reply:
    return Reply(404)


RECIPES = """
read = "GET /"
write = 'POST /notes {"text": "{token}"}'
read_back = "GET /notes/{id}"
upload = "PUT /files/{name}"
download = "GET /files/{id}"
"""


@dataclass
class Noted:
    """All that was noted, as `where kind text`."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, kind: str, text: str, where: str | None) -> None:
        self.lines.append(f"{where} {kind} {text}")


def on(
    app: Callable[[Asked], Reply],
    recipes: str,
    work: Callable[[Traffic, Site], Awaitable[T]],
    noted: Noted | None = None,
) -> T:
    """Do it on one instance of the app."""

    async def run() -> T:
        async with serving(app) as site:
            return await work(Traffic(read_recipes(tomllib.loads(recipes)), noted or Noted()), site)

    return asyncio.run(run())


def test_what_is_written_is_read_back_on_another_instance() -> None:
    app, noted = Notes(), Noted()

    async def work(traffic: Traffic, a: Site) -> None:
        async with serving(app, "web.2") as b:
            written = await traffic.write(a)
            assert app.notes == {"17": written.token}
            assert written.fields["id"] == "17"
            reading = await traffic.read_back(b, written)
            assert (reading.found, reading.shown) == (True, "GET /notes/17 -> 200")
            app.notes.clear()
            gone = await traffic.read_back(b, written)
            assert (gone.found, gone.shown) == (False, "GET /notes/17 -> 404")

    on(app, RECIPES, work, noted)
    wrote, read, gone = noted.lines
    assert wrote.startswith('web.1 answer POST /notes {"text": "k')
    assert " -> 201 (0." in wrote
    assert read.startswith("web.2 answer GET /notes/17 -> 200 (0.")
    assert gone.startswith("web.2 answer GET /notes/17 -> 404 (0.")


def test_an_item_with_another_text_is_not_found() -> None:
    app = Notes()

    async def work(traffic: Traffic, site: Site) -> None:
        written = await traffic.write(site)
        app.notes["17"] = "another"
        reading = await traffic.read_back(site, written)
        assert (reading.found, reading.shown) == (False, f"GET /notes/17 -> 200 without {written.token}")

    on(app, RECIPES, work)


def test_tokens_differ_unless_one_is_given() -> None:
    app = Notes()

    async def work(traffic: Traffic, site: Site) -> None:
        await traffic.write(site)
        await traffic.write(site)
        await traffic.write(site, token="mine")

    on(app, RECIPES, work)
    assert len(set(app.notes.values())) == 3
    assert app.notes["19"] == "mine"


def test_what_cannot_be_read_back_at_once_proves_nothing() -> None:
    class Forgetful(Notes):
        def get_notes(self, asked: Asked, last: str) -> Reply:
            return Reply(body="nothing here")

    async def work(traffic: Traffic, site: Site) -> object:
        return await traffic.write_and_read(site)

    assert on(Notes(), RECIPES, work)
    with pytest.raises(
        CannotProve, match="what was written is not read back: POST /notes .* GET /notes/17 -> 200 without k"
    ) as raised:
        on(Forgetful(), RECIPES, work)
    assert [line.partition(" ")[0] for line in raised.value.add] == ["write", "read_back"]


def test_an_unexpected_answer_is_no_proof() -> None:
    with pytest.raises(Unexpected) as raised:
        on(Notes(), 'read = "GET /nowhere"', lambda traffic, site: traffic.read(site))
    assert raised.value.reason == "the read of [prove] is not answered as it should be: GET /nowhere -> 404 Said"
    assert raised.value.answer.status == 404
    assert raised.value.add == ('read = "GET /"',)


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ('read = {request = "GET /", status = 204}', "-> 200 Said, not 204"),
        ('read = {request = "GET /", contains = "Alice"}', "-> 200 without 'Alice'"),
    ],
)
def test_a_recipe_can_say_what_is_expected(recipe: str, why: str) -> None:
    with pytest.raises(Unexpected) as raised:
        on(Notes(), recipe, lambda traffic, site: traffic.read(site))
    assert why in raised.value.reason


def test_an_answer_that_is_an_error_can_be_the_one_expected() -> None:
    recipe = 'read = {request = "GET /nowhere", status = 404}'
    assert on(Notes(), recipe, lambda traffic, site: traffic.read(site)).status == 404


def test_a_recipe_that_is_not_given_is_named_with_the_line_to_add() -> None:
    with pytest.raises(CannotProve) as raised:
        on(Notes(), "", lambda traffic, site: traffic.slow(site))
    assert (raised.value.reason, raised.value.add) == ("[prove] has no slow", ('slow = "GET /slow"',))


def test_a_placeholder_that_no_answer_fills_is_named() -> None:
    recipes = RECIPES.replace("/notes/{id}", "/notes/{key}")

    async def work(traffic: Traffic, site: Site) -> None:
        await traffic.read_back(site, await traffic.write(site))

    with pytest.raises(CannotProve, match=r"read_back of \[prove\] names \{key\}; .* says only \{id\}, \{token\}$"):
        on(Notes(), recipes, work)


def test_no_answer_is_for_the_probe_and_is_noted() -> None:
    noted = Noted()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def run() -> None:
        async with talking(hang_up) as client:
            await Traffic(read_recipes({"read": "GET /"}), noted).read(Site("web.1", client, 0))

    with pytest.raises(NoAnswer):
        asyncio.run(run())
    assert noted.lines == ["web.1 answer GET / -> the connection was closed without an answer"]


PAGE = """<html><meta name="csrf-token" content="meta&amp;1"><form method=post>
<input type=hidden name=csrf value="tok/1+2"><input name=user><input type="HIDDEN" name="next" value></form>"""


class Shop:
    """An app where one logs in with a form and two redirects."""

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}

    def __call__(self, asked: Asked) -> Reply:
        user = self.sessions.get(asked.cookies.get("sid", ""))
        match asked.method, asked.path:
            case "GET", "/login":
                return Reply(200, PAGE, (("Content-Type", "text/html"), ("Set-Cookie", "csrf=c1; Path=/")))
            case "POST", "/login":
                if asked.form.get("csrf") != "tok/1+2" or asked.cookies.get("csrf") != "c1":
                    return Reply(403)
                self.sessions["s1"] = asked.form["user"]
                return Reply(302, "", (("Set-Cookie", "sid=s1; HttpOnly"), ("Location", "/welcome?first=1")))
            case "GET", "/welcome?first=1":
                return Reply(303, "", (("Location", "http://localhost:1234/home"),))
            case "GET", "/home":
                return Reply(body=f"Hi, {user}")
            case "GET", "/me" if user:
                return Reply(body=user)
            case "POST", "/orders" if user:
                return Reply(201, json.dumps({"id": 5, "token": "theirs"}))
        return Reply(302, "", (("Location", "/login"),))


LOGIN = """
login = ["GET /login", "POST /login user=alice&password=p q&csrf={csrf}"]
whoami = "GET /me"
"""


def test_a_login_goes_through_its_form_and_redirects() -> None:
    async def work(traffic: Traffic, site: Site) -> None:
        session = await traffic.login(site)
        assert session.cookies == {"csrf": "c1", "sid": "s1"}
        assert (await traffic.whoami(site, session)).text() == "alice"
        assert (await traffic.whoami(site, None)).status == 302
        assert [one.path for one in site.asked[:4]] == ["/login", "/login", "/welcome?first=1", "/home"]
        assert "content-type" not in site.asked[2].headers

    on(Shop(), LOGIN, work)


def test_a_login_that_does_not_lead_where_it_should_is_unexpected() -> None:
    recipes = LOGIN.replace('"POST /login', '{request = "POST /login').replace(
        '{csrf}"', '{csrf}", contains = "Hi, bob"}'
    )
    with pytest.raises(Unexpected, match="GET /home -> 200 without 'Hi, bob'"):
        on(Shop(), recipes, lambda traffic, site: traffic.login(site))


def test_redirects_to_elsewhere_and_in_a_circle_are_not_followed_for_ever() -> None:
    def circle(asked: Asked) -> Reply:
        return Reply(302, headers=(("Location", asked.path),))

    def elsewhere(asked: Asked) -> Reply:
        return Reply(302, headers=(("Location", "https://id.example/authorize"),))

    async def work(traffic: Traffic, site: Site) -> int:
        await traffic.login(site)
        return len(site.asked)

    assert on(circle, 'login = "POST /login a=b"', work) == 6
    assert on(elsewhere, 'login = "POST /login a=b"', work) == 1


def test_a_redirect_may_ask_for_the_same_request_again() -> None:
    def app(asked: Asked) -> Reply:
        return Reply(307, headers=(("Location", "/login/"),)) if asked.path == "/login" else Reply(body=asked.body)

    async def work(traffic: Traffic, site: Site) -> Asked:
        await traffic.login(site)
        return site.asked[1]

    again = on(app, 'login = "POST /login a=b"', work)
    assert (again.method, again.path, again.form) == ("POST", "/login/", {"a": "b"})


def test_what_an_answer_calls_token_has_another_name() -> None:
    recipes = (
        LOGIN
        + """
    write = ["login", "POST /orders text={token}"]
    read_back = "GET /orders/{id}?theirs={answer.token}&mine={token}"
    """
    )

    async def work(traffic: Traffic, site: Site) -> None:
        written = await traffic.write(site)
        await traffic.read_back(site, written)
        assert site.asked[-1].path == f"/orders/5?theirs=theirs&mine={written.token}"
        assert site.asked[-1].cookies["sid"] == "s1"

    on(Shop(), recipes, work)


def test_a_stranger_has_no_values() -> None:
    recipes = """
    login = "POST /token"
    whoami = {request = "GET /me", headers = {Authorization = "Bearer {access_token}"}}
    """

    def app(asked: Asked) -> Reply:
        if asked.path == "/token":
            return Reply(body='{"access_token": "jwt", "token_type": "bearer"}')
        return Reply(200 if asked.headers["authorization"] == "Bearer jwt" else 401)

    async def work(traffic: Traffic, site: Site) -> tuple[int, int]:
        session = await traffic.login(site)
        return (await traffic.whoami(site, session)).status, (await traffic.whoami(site, None)).status

    assert on(app, recipes, work) == (200, 401)


def test_headers_of_all_requests_and_of_one() -> None:
    recipes = """
    headers = {Host = "app.example", X-One = "all"}
    read = {request = "GET /", headers = {X-ONE = "step"}}
    """

    async def work(traffic: Traffic, site: Site) -> dict[str, str]:
        await traffic.read(site, headers=(("X-Request-ID", "tag-1"),))
        return site.asked[0].headers

    headers = on(Notes(), recipes, work)
    assert (headers["host"], headers["x-one"], headers["x-request-id"]) == ("app.example", "step", "tag-1")


def test_an_upload_comes_back_as_it_was() -> None:
    app = Notes()

    async def work(traffic: Traffic, site: Site) -> None:
        uploaded = await traffic.upload(site, size=1000)
        assert app.files == {f"{uploaded.token}.txt": uploaded.content}
        assert len(uploaded.content) == 1000
        assert (await traffic.download(site, uploaded)).found
        app.files[f"{uploaded.token}.txt"] += b"!"
        reading = await traffic.download(site, uploaded)
        assert (reading.found, reading.shown) == (
            False,
            f"GET /files/{uploaded.token}.txt -> 200, 1001 bytes, not what was sent",
        )

    on(app, RECIPES, work)


def test_an_upload_may_be_a_form_with_a_file() -> None:
    recipes = 'upload = {request = "POST /up title={name}&note=a b", file = "attachment"}'

    async def work(traffic: Traffic, site: Site) -> tuple[Asked, bytes, str]:
        uploaded = await traffic.upload(site, size=50)
        return site.asked[0], uploaded.content, uploaded.token

    asked, content, token = on(lambda _: Reply(), recipes, work)
    type_, _, boundary = asked.headers["content-type"].partition("; boundary=")
    assert type_ == "multipart/form-data"
    first, title, note, file, last = asked.body.split(b"--" + boundary.encode())
    assert (first, last) == (b"", b"--\r\n")
    assert title == f'\r\nContent-Disposition: form-data; name="title"\r\n\r\n{token}.txt\r\n'.encode()
    assert note.endswith(b'name="note"\r\n\r\na b\r\n')
    head, _, body = file.partition(b"\r\n\r\n")
    assert f'name="attachment"; filename="{token}.txt"'.encode() in head
    assert body == content + b"\r\n"


def test_an_upload_with_a_body_of_its_own_is_that_body() -> None:
    async def work(traffic: Traffic, site: Site) -> tuple[bytes, bytes, str]:
        uploaded = await traffic.upload(site)
        return site.asked[0].body, uploaded.content, uploaded.token

    sent, content, token = on(lambda _: Reply(), 'upload = "POST /documents {token} text"', work)
    assert sent == content == f"{token} text".encode()


def test_a_slow_upload_is_finished_and_downloaded() -> None:
    app, noted = Notes(), Noted()

    async def work(traffic: Traffic, site: Site) -> None:
        uploading = await traffic.slow_upload(site, size=400, chunk=100, pause=0.001)
        assert await uploading.held.reached(200)
        assert not site.asked
        uploaded = await uploading.finished(10)
        assert uploaded.fields["id"] == f"{uploaded.token}.txt"
        assert (await traffic.download(site, uploaded)).found

    on(app, RECIPES, work, noted)
    begun, answered, _ = noted.lines
    assert begun.startswith("web.1 sent PUT /files/k")
    assert begun.endswith("(400 bytes)")
    assert "(400 bytes) -> 201 (" in answered


def test_the_body_of_a_slow_write_goes_out_in_pieces() -> None:
    app, noted = Notes(), Noted()

    async def work(traffic: Traffic, site: Site) -> None:
        held = await traffic.slow_write(site, pieces=4, pause=0.001)
        assert await held.reached(held.size // 2)
        assert not site.asked
        assert (await held.answer(10)).status == 201

    on(app, RECIPES, work, noted)
    begun, answered = noted.lines
    assert begun.startswith("web.1 sent POST /notes")
    assert " -> 201 (" in answered


def test_a_slow_request_is_left_on_its_way() -> None:
    noted = Noted()

    async def run() -> None:
        go = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await go.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        async with talking(talk) as client:
            held = await Traffic(read_recipes({"slow": "GET /slow"}), noted).slow(Site("web.1", client, 0))
            assert noted.lines == ["web.1 sent GET /slow"]
            go.set()
            assert (await held.answer(10)).status == 200

    asyncio.run(run())
    assert noted.lines[1].startswith("web.1 answer GET /slow -> 200 (")


def test_a_slow_request_that_finds_nobody_is_noted() -> None:
    noted = Noted()

    async def nobody() -> Any:
        raise ConnectionRefusedError

    traffic = Traffic(read_recipes({"slow": "GET /slow"}), noted)
    with pytest.raises(NoAnswer):
        asyncio.run(traffic.slow(Site("web.1", Client(nobody), 0)))
    assert noted.lines == ["web.1 answer GET /slow -> the connection was refused"]


@pytest.mark.parametrize(
    ("recipe", "status", "body", "done"),
    [
        ("'GET /jobs/1'", 200, "", True),
        ("'GET /jobs/1'", 202, "", False),
        ("'GET /jobs/1'", 302, "", False),
        ("'GET /jobs/1'", 404, "", False),
        ("'GET /jobs/1'", 200, '{"status": "Queued"}', False),
        ("'GET /jobs/1'", 200, '{"state": "completed"}', True),
        ("'GET /jobs/1'", 200, '{"done": false}', False),
        ("'GET /jobs/1'", 200, '{"done": true}', True),
        ("'GET /jobs/1'", 200, "[1]", True),
        ("{request = 'GET /jobs/1', status = 303}", 303, "", True),
        ("{request = 'GET /jobs/1', contains = 'over {token}'}", 200, "over mine", True),
        ("{request = 'GET /jobs/1', contains = 'over {token}'}", 200, '{"status": "done"}', False),
    ],
)
def test_when_a_job_is_done(recipe: str, status: int, body: str, done: bool) -> None:
    def app(asked: Asked) -> Reply:
        return Reply(202) if asked.method == "POST" else Reply(status, body)

    async def work(traffic: Traffic, site: Site) -> bool:
        return (await traffic.job_done(site, await traffic.job(site, token="mine"))).found

    assert on(app, f'job = "POST /jobs n={{token}}"\njob_done = {recipe}', work) is done


def test_any_answer_will_do_where_one_only_asks() -> None:
    answer = on(lambda _: Reply(503), 'health = "/healthz"', lambda traffic, site: traffic.ask(site, "health"))
    assert answer.status == 503


def test_some_traffic_over_two_instances() -> None:
    app = Notes()

    async def work(traffic: Traffic, a: Site) -> None:
        async with serving(app, "web.2") as b:
            tally = await traffic.some([a, b], 4)
            assert (tally.requests, tally.problems) == (8, ())
            assert [f"{one.method} {one.path}" for one in a.asked] == ["GET /", "POST /notes", "GET /", "POST /notes"]
            assert [f"{one.method} {one.path}" for one in b.asked] == [
                "GET /notes/17",
                "GET /",
                "GET /notes/18",
                "GET /",
            ]

    on(app, RECIPES, work)


def test_some_traffic_tells_what_failed() -> None:
    class Broken(Notes):
        def get_(self, asked: Asked, last: str) -> Reply:
            return Reply(500)

    async def work(traffic: Traffic, a: Site) -> None:
        async def nobody() -> Any:
            raise ConnectionRefusedError

        async with serving(Notes(), "web.2") as b:
            tally = await traffic.some([a, b, Site("web.3", Client(nobody), 0)], 3)
        assert tally.requests == 6
        first, second, third, fourth = tally.problems
        assert first == "web.1: GET / -> 500 Said"
        assert second == "web.2: GET /notes/17 -> 404"
        assert third == fourth == "web.3: the connection was refused"

    on(Broken(), RECIPES, work)


def fields(body: str, *headers: tuple[str, str]) -> dict[str, str]:
    return fields_of(Answer(200, "", headers, body.encode("utf-8", "surrogatepass"), 0.0))


def test_fields_of_json_go_by_their_last_name_outer_ones_first() -> None:
    body = '{"a": {"id": 2, "deep": [{"x": true}, {"x": 1.5}]}, "id": 1, "none": null, "list": [1]}'
    assert fields(body) == {"id": "1", "x": "true"}


def test_fields_of_a_page_are_its_hidden_inputs_and_tokens() -> None:
    assert fields(PAGE, ("content-type", "text/html")) == {"csrf-token": "meta&1", "csrf": "tok/1+2", "next": ""}


def test_the_last_part_of_a_location_is_the_id_if_nothing_else_is() -> None:
    location = ("location", "https://x.example/notes/a%20b/?c=d")
    assert fields("", location) == {"id": "a b"}
    assert fields('{"id": 3}', location) == {"id": "3"}
    assert fields("", ("location", "/")) == {}


@pytest.mark.parametrize("body", ['{"a": ', "[" * 100_000, '{"a": "\\ud800"}', "plain", ""])
def test_no_answer_is_too_odd_to_look_for_fields(body: str) -> None:
    assert all(value.encode() for value in fields(body).values())


@pytest.mark.parametrize("size", [20, 21, 100, 4096])
def test_the_content_of_an_upload_has_the_size_that_was_asked_for(size: int) -> None:
    content = content_of("k0123456789ab", size)
    assert len(content) == size
    assert content.isascii()
    assert b"\n" not in content


def test_a_cookie_can_be_named_where_no_field_has_its_name() -> None:
    session = Session({"csrf": "cookie", "XSRF-TOKEN": "x"}, {"csrf": "field"})
    assert session.values == {"csrf": "field", "answer.csrf": "field", "XSRF-TOKEN": "x"}


def test_a_copy_of_a_session_goes_its_own_way() -> None:
    session = Session({"a": "1"}, {"b": "2"})
    other = session.copy()
    other.cookies["a"] = other.fields["b"] = "3"
    assert (session.cookies, session.fields) == ({"a": "1"}, {"b": "2"})
