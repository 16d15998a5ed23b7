"""`[prove]`: each key, and each way to get one wrong."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from tolv.errors import UsageError
from tolv.prove.patience import Patience
from tolv.prove.recipes import EXAMPLES, Expected, Recipes, read_recipes
from tolv.prove.steps import Step


def recipes(text: str) -> Recipes:
    return read_recipes(tomllib.loads(text))


def refused(text: str) -> UsageError:
    with pytest.raises(UsageError) as raised:
        recipes(text)
    assert raised.value.where == "tolv.toml"
    assert raised.value.remedy
    return raised.value


def test_an_empty_section_gives_nothing() -> None:
    assert recipes("") == Recipes()
    assert not recipes("").has("read")


def test_every_key_is_read() -> None:
    found = recipes(
        """
        read = "GET /"
        health = "/healthz"
        ready = "GET /readyz?deep=1"
        write = 'POST /notes {"text": "{token}"}'
        read_back = "GET /notes/{id}"
        slow = "GET /slow"
        upload = {request = "POST /files title={name}", file = "attachment", status = 201}
        download = "GET /files/{id}"
        login = ["GET /login", "POST /login user=a&password=b&csrf={csrf}"]
        whoami = {request = "GET /me", contains = "Alice", headers = {Authorization = "Bearer {access_token}"}}
        job = {request = "POST /jobs", body = {n = "{token}", list = [1]}}
        job_done = "GET /jobs/{id}"
        scheduled = "GET /count"
        outbound = "GET /weather"
        version = "GET /version"
        one_off = "python manage.py check"
        prepare = "python manage.py migrate"
        spec = "/openapi.json"
        env = {MODE = "test", EMPTY = ""}
        headers = {Host = "app.example"}
        expect = [{probe = "VI-P2", reason = "a cache"}]
        declared_writable = ["var/cache"]
        """
    )
    assert found.read == (Step("GET", "/"),)
    assert found.health == (Step("GET", "/healthz"),)
    assert found.ready == (Step("GET", "/readyz?deep=1"),)
    assert found.write == (Step("POST", "/notes", '{"text": "{token}"}'),)
    assert found.upload == (Step("POST", "/files", "title={name}", file="attachment", status=201),)
    assert found.login == (
        Step("GET", "/login", follow=True),
        Step("POST", "/login", "user=a&password=b&csrf={csrf}", follow=True),
    )
    assert found.whoami == (
        Step("GET", "/me", headers=(("Authorization", "Bearer {access_token}"),), contains="Alice"),
    )
    assert found.job == (Step("POST", "/jobs", '{"n": "{token}", "list": [1]}'),)
    assert (found.one_off, found.prepare) == ("python manage.py check", "python manage.py migrate")
    assert found.spec == "/openapi.json"
    assert found.env == {"MODE": "test", "EMPTY": ""}
    assert found.headers == (("Host", "app.example"),)
    assert found.expect == (Expected("VI-P2", "a cache"),)
    assert found.expected("VI-P2") == "a cache"
    assert found.expected("VI-P1") is None
    assert found.declared_writable == ("var/cache",)
    assert all(found.has(name) for name in EXAMPLES)


def test_every_example_can_be_written_as_it_stands() -> None:
    found = recipes("\n".join(EXAMPLES.values()))
    assert all(found.has(name) for name in EXAMPLES)


def test_the_section_in_the_docs_can_be_written_as_it_stands() -> None:
    page = (Path(__file__).parents[2] / "docs" / "app-contract.md").read_text(encoding="utf-8")
    section = page.partition("\n[prove]\n")[2].partition("```")[0]
    assert recipes(section).has("upload")
    for one in fields(Recipes):
        assert f"`{one.name}`" in page, one.name


def test_patience_is_named_in_seconds_and_has_defaults() -> None:
    found = recipes("[patience]\njob = 2\nevent = 1.5")
    assert found.patience == Patience(event=1.5, job=2.0)
    assert recipes("").patience == Patience()
    page = (Path(__file__).parents[2] / "docs" / "app-contract.md").read_text(encoding="utf-8")
    for one in fields(Patience):
        assert f"| `{one.name}` | {getattr(Patience(), one.name):g} |" in page, one.name


def test_login_stands_for_its_steps() -> None:
    found = recipes(
        """
        login = "POST /login user=a"
        write = ["login", "POST /posts text={token}"]
        """
    )
    assert found.write == (Step("POST", "/login", "user=a", follow=True), Step("POST", "/posts", "text={token}"))


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ('raed = "GET /"', "unknown key 'raed' in [prove] of tolv.toml", "did you mean read?"),
        ("read = 1", "prove.read must be a request such as", "change prove.read"),
        ("read = []", "prove.read is an empty list", "name a request"),
        ('read = ["GET /", 2]', "prove.read[2] must be a request", "change prove.read[2]"),
        ('read = "/"', "prove.read must be a request", "change prove.read"),
        ('read = "get /"', "prove.read has an unknown method: 'get'", "write GET"),
        ('read = "FETCH /"', "prove.read has an unknown method: 'FETCH'", "it knows: GET, HEAD"),
        ('read = "GET http://x/"', "prove.read has a path that does not begin with /", "the path alone"),
        ("write = 'POST /n {\"a\": 1,}'", "prove.write has a body that is not JSON: ", "single quotes"),
        ('write = {request = "POST /n a=1", body = "b"}', "prove.write has two bodies", "leave it away"),
        ("write = {body = 'x'}", "[prove.write] has no request", "add request"),
        ('write = {request = "POST /n", stauts = 1}', "unknown key 'stauts' in [prove.write]", "did you mean status?"),
        ('write = {request = "POST /n", status = 99}', "prove.write.status must be a status", "change"),
        ('read = {request = "GET /", headers = {"A B" = "c"}}', "a name that is not allowed: 'A B'", "HTTP header"),
        ('read = {request = "GET /", headers = {A = "b\\nc"}}', "prove.read.headers.A must be a text on one", "change"),
        ('headers = {Content-Length = "1"}', "prove.headers sets Content-Length", "leave it away"),
        ('read = "GET /{id}"', "prove.read names {id}, which nothing before it can fill", "{token}"),
        ('upload = "PUT /files/{nmae}"', "prove.upload names {nmae}", "{token}, {name}"),
        ('read_back = "GET /notes/{id}"', "prove.read_back has nothing to go on from: there is no write", "write = "),
        ('whoami = "GET /me"', "there is no login", "login = "),
        ('write = ["login", "POST /"]', "prove.write begins with login, and there is none", "login = "),
        ('login = ["login", "POST /"]', "prove.login names itself", "requests"),
        ('write = {request = "POST /", file = "f"}', "prove.write names a file", "upload"),
        ('env = {"A-B" = "c"}', "prove.env: ", ""),
        ("env = {A = 1}", "prove.env.A must be a text", "change"),
        ('expect = [{probe = "VI-P2"}]', "[prove.expect[1]] has no reason", "add reason"),
        ('expect = [{probe = "VI-02", reason = "x"}]', "prove.expect[1].probe must be the id of a probe", "change"),
        ('declared_writable = ["/var"]', "prove.declared_writable[1] must be a path below", "change"),
        ("patience = 3", "prove.patience must be a table", "[prove.patience]"),
        ("patience = {writes = 3}", "unknown key 'writes' in [prove.patience]", "did you mean write?"),
        ("patience = {job = 0.5}", "prove.patience.job must be a number of seconds, 1 to 90, not 0.5", "change"),
        ("patience = {job = 91}", "prove.patience.job must be a number of seconds", "change"),
        ("patience = {event = true}", "prove.patience.event must be a number of seconds", "change"),
        ('declared_writable = ["a/../.."]', "prove.declared_writable[1] must be a path below", "change"),
    ],
)
def test_what_cannot_be_understood_is_one_clear_error(text: str, problem: str, remedy: str) -> None:
    error = refused(text)
    assert problem in error.problem
    assert remedy in (error.remedy or "")


def test_a_description_is_a_route_or_a_file() -> None:
    assert recipes('spec = "GET /openapi.json"').spec == "/openapi.json"
    assert recipes('spec = "docs/openapi.yaml"').spec == "docs/openapi.yaml"


def test_another_file_is_named() -> None:
    with pytest.raises(UsageError) as raised:
        read_recipes({"raed": 1}, "examples/prove/app.toml")
    assert raised.value.where == "examples/prove/app.toml"


def test_a_later_step_may_name_what_is_answered_first() -> None:
    assert recipes('write = ["GET /new", "POST /notes csrf={csrf}&text={token}"]').write[1].placeholders == (
        "csrf",
        "token",
    )
