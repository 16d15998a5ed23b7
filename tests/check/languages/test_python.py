"""The front end for Python: what rules are told of a module."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.check.languages.python import PythonSource
from tolv.check.source import Value


def source(text: str) -> PythonSource:
    return PythonSource("app.py", textwrap.dedent(text).lstrip("\n").encode())


def bound(text: str, name: str) -> Value:
    (binding,) = [one for one in source(text).bindings(name) if one.name == name]
    return binding.value


def env(value: Value) -> tuple[str | None, str | None]:
    assert value.kind == "env", value
    return value.name, value.default.text if value.default else None


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ('os.environ["KEY"]', ("KEY", None)),
        ('os.environ.get("KEY")', ("KEY", None)),
        ('os.environ.get("KEY", "d")', ("KEY", "d")),
        ('os.environ.get("KEY") or "d"', ("KEY", "d")),
        ('os.getenv("KEY", default="d")', ("KEY", "d")),
        ('os.environ.get("KEY", None)', ("KEY", None)),
        ('os.environ.get("KEY", "") or "d"', ("KEY", "d")),
        ('os.environ["KEY"] if "KEY" in os.environ else "d"', ("KEY", "d")),
        ('int(os.environ.get("KEY", 5))', ("KEY", "5")),
        ('os.environ.get("KEY", "a,b").split(",")', ("KEY", "a,b")),
        ('os.environ.get("KEY", "").lower() == "true"', ("KEY", "")),
        ('environ.get("KEY", "d")', ("KEY", "d")),
        ('getenv("KEY")', ("KEY", None)),
        ('e.environ["KEY"]', ("KEY", None)),
        ('os.environ.get(NAME, "d")', ("KEY", "d")),
    ],
)
def test_every_way_to_read_a_variable_is_one_value(expression: str, wanted: tuple[str, str | None]) -> None:
    text = f'import os\nimport os as e\nfrom os import environ, getenv\nNAME = "KEY"\nfound = {expression}\n'

    assert env(bound(text, "found")) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('from decouple import config\nfound = config("KEY", default="d")', ("KEY", "d")),
        ('import environ\nreader = environ.Env()\nfound = reader("KEY", default="d")', ("KEY", "d")),
        ('import environ\nenv = environ.Env()\nfound = env.bool("KEY", default=False)', ("KEY", "false")),
        ('from environs import Env\nenv = Env()\nfound = env.str("KEY")', ("KEY", None)),
        (
            'import dj_database_url\nfound = dj_database_url.config(default="sqlite:///x")',
            ("DATABASE_URL", "sqlite:///x"),
        ),
    ],
)
def test_libraries_that_read_the_environment_read_it(text: str, wanted: tuple[str, str | None]) -> None:
    assert env(bound(text, "found")) == wanted


def test_an_attribute_of_a_settings_class_is_a_variable_with_its_default() -> None:
    text = """
        from pydantic_settings import BaseSettings
        from pydantic import Field
        class Base(BaseSettings):
            url: str
        class Settings(Base):
            port: int = 80
            key: str = Field(default="d", validation_alias="THE_KEY")
    """

    found = {value.name: value.default.text if value.default else None for value in source(text).env_reads()}

    assert found == {"URL": None, "PORT": "80", "THE_KEY": "d"}


def test_a_name_that_is_bound_once_reads_as_what_it_is_bound_to() -> None:
    text = """
        import os
        URL = os.environ["URL"]
        def connect(timeout=5):
            engine = create_engine(URL, timeout=timeout)
    """

    (call,) = source(text).calls("create_engine")

    assert env(call.arguments[0]) == ("URL", None)
    assert call.keywords["timeout"].text == "5"


def test_a_name_that_is_bound_twice_stays_a_name() -> None:
    (call,) = source('URL = "a"\nURL = "b"\nconnect(URL)\n').calls("connect")

    assert (call.arguments[0].kind, call.arguments[0].name) == ("name", "URL")


def test_a_call_is_known_by_what_its_receiver_was_made_from() -> None:
    text = """
        from flask import Flask as F
        import redis.asyncio as aioredis
        app = F(__name__)
        class Service:
            def __init__(self):
                self.cache = aioredis.Redis()
            def get(self, db: sqlalchemy.Session):
                self.cache.get("x")
                db.commit()
        with open("x") as file:
            file.write("y")
        app.run(port=1)
    """
    names = {call.name for call in source(text).calls("run", ".get", ".commit", ".write")}

    assert names == {"flask.Flask.run", "redis.asyncio.Redis.get", "sqlalchemy.Session.commit", "open.write"}


def test_calls_are_found_under_another_name() -> None:
    text = "from requests import get as fetch\nfetch('x')\nimport subprocess as sp\nsp.run('y')\n"

    assert [call.name for call in source(text).calls("requests.get", "subprocess.run")] == [
        "requests.get",
        "subprocess.run",
    ]


def test_a_place_knows_its_functions_and_the_conditions_on_the_way() -> None:
    text = """
        class App:
            async def serve(self):
                if DEBUG:
                    run()
                else:
                    try:
                        run()
                    except ImportError:
                        run()
        if __name__ == "__main__":
            run()
    """
    scopes = [call.scope for call in source(text).calls("run")]

    assert [scope.guards for scope in scopes] == [
        ("DEBUG",),
        ("not (DEBUG)", "try ImportError"),
        ("not (DEBUG)", "except ImportError"),
        ("__name__ == '__main__'",),
    ]
    assert [scope.names for scope in scopes] == [("App", "serve")] * 3 + [()]
    assert [scope.at_import for scope in scopes] == [False] * 3 + [True]


def test_bindings_are_found_wherever_a_name_gets_a_value() -> None:
    text = """
        app.config["API_SECRET"] = "a"
        connect(secret="b", other=1)
        CONFIG = {"client_secret": "c"}
        def sign(data, secret="d"): ...
        class Config:
            SECRET = "e"
    """
    found = {(one.name, one.value.text, one.how) for one in source(text).bindings("secret")}

    assert found == {
        ("API_SECRET", "a", "assign"),
        ("secret", "b", "keyword"),
        ("client_secret", "c", "key"),
        ("secret", "d", "parameter"),
        ("SECRET", "e", "attribute"),
    }


def test_imports_say_whether_they_must_be_there() -> None:
    text = """
        import flask
        from . import models
        try:
            import orjson
        except ImportError:
            orjson = None
        if TYPE_CHECKING:
            import redis
        if DEBUG:
            import debug_toolbar
        def late():
            import pandas
    """
    found = {one.module: one for one in source(text).imports()}

    assert set(found) == {"flask", ".", "orjson", "redis", "debug_toolbar", "pandas"}
    assert [name for name, one in found.items() if one.optional] == ["orjson"]
    assert [name for name, one in found.items() if one.typing] == ["redis"]
    assert [name for name, one in found.items() if one.guarded] == ["redis", "debug_toolbar"]
    assert [name for name, one in found.items() if one.in_function] == ["pandas"]


def test_state_of_the_module_that_functions_change_is_told_from_what_is_theirs() -> None:
    text = """
        CACHE, COUNT, LIMITS = {}, 0, {"a": 1}
        class Hub:
            clients = []
            def join(self, one):
                self.clients.append(one)
        def handler(key, local):
            global COUNT
            COUNT += 1
            CACHE[key] = 1
            CACHE.update(b=2)
            mine = {}
            mine[key] = LIMITS["a"]
            local.append(1)
        def shadow(CACHE):
            CACHE[1] = 2
    """
    found = [(one.name, one.how) for one in source(text).writes()]

    assert sorted(found) == [("CACHE", "item"), ("CACHE", "method"), ("COUNT", "augment"), ("Hub.clients", "method")]


def test_texts_in_docstrings_and_comments_are_none() -> None:
    text = """
        '''postgres://in/docstring'''
        # postgres://in/comment
        URL = "postgres://here"
        OTHER = f"postgres://{host}/db"
    """

    assert [(one.kind, one.text) for one in source(text).texts("postgres://")] == [
        ("literal", "postgres://here"),
        ("template", "postgres://{}/db"),
    ]


def test_what_cannot_be_parsed_says_so_and_yields_nothing() -> None:
    broken = PythonSource("old.py", b"print 'python 2'\nSECRET = 'x'\n")

    assert broken.broken is not None
    assert "line 1" in broken.broken
    assert list(broken.bindings("secret")) == []


@pytest.mark.parametrize(
    "data", [b"(" * 100_000, b"-" * 100_000 + b"1", b"x" + b"[0]" * 50_000, b"a = " + b"1+" * 90_000]
)
def test_nesting_without_reason_is_refused_without_a_fault(data: bytes) -> None:
    one = PythonSource("deep.py", data + b"\nSECRET = 'x'\n")

    assert one.broken or list(one.bindings("secret"))


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    one = PythonSource("any.py", data)

    one.imports(), one.functions(), list(one.calls()), list(one.bindings()), list(one.env_reads()), list(one.writes())
    list(one.texts("a"))


def test_several_exceptions_without_parentheses_are_read() -> None:
    one = source("try:\n    go(1)\nexcept OSError, ValueError:\n    go(2)\n")
    assert one.broken is None
    assert [call.line for call in one.calls("go")] == [2, 4]
