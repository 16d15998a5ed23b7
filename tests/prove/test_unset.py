"""What the output of a process that did not start tells of the variables that it lacks."""

from __future__ import annotations

import pytest

from tolv.prove.unset import unset

PYTHON = """\
Traceback (most recent call last):
  File "/app/settings.py", line 3, in <module>
    SECRET_KEY = os.environ["API_TOKEN"]
  File "<frozen os>", line 685, in __getitem__
KeyError: 'API_TOKEN'
"""
PYDANTIC = """\
pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings
database_url
  Field required [type=missing, input_value={}, input_type=dict]
    For further information visit https://errors.pydantic.dev/2.9/v/missing
token
  Field required [type=missing, input_value={}, input_type=dict]
"""
DJANGO = "django.core.exceptions.ImproperlyConfigured: Set the SECRET_KEY environment variable"
DECOUPLE = "decouple.UndefinedValueError: SECRET_KEY not found. Declare it as envvar or define a default value."


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (PYTHON, ["API_TOKEN"]),
        ("KeyError: 'TOKEN'", ["TOKEN"]),
        (PYDANTIC, ["DATABASE_URL", "TOKEN"]),
        (DJANGO, ["SECRET_KEY"]),
        (DECOUPLE, ["SECRET_KEY"]),
        ("SECRET_KEY is not set", ["SECRET_KEY"]),
        ("SECRET must be set", ["SECRET"]),
        ("Error: Missing env SESSION_SECRET", ["SESSION_SECRET"]),
        ("Error: Missing env: TOKEN", ["TOKEN"]),
        ("Missing required environment variables: API_KEY, API_URL", ["API_KEY", "API_URL"]),
        ('environs.EnvError: Environment variable "API_KEY" not set', ["API_KEY"]),
        ('ENV.fetch: key not found: "REDIS_URL" (KeyError)', ["REDIS_URL"]),
        ("envconfig: required key SHOP_TOKEN missing value", ["SHOP_TOKEN"]),
        ("ERROR: process.env.API_KEY is required", ["API_KEY"]),
        ("Could not resolve placeholder 'API_KEY' in value \"${API_KEY}\"", ["API_KEY"]),
        ("ERROR API_KEY is missing", ["API_KEY"]),
        ("API_KEY is not set\nAPI_KEY is not set", ["API_KEY"]),
    ],
)
def test_a_variable_that_is_missing_is_found(text: str, names: list[str]) -> None:
    assert list(unset(text.splitlines(), {"PATH", "PORT"})) == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "INFO using DATABASE_URL",
        "KeyError: 'name'",
        "ModuleNotFoundError: No module named 'flask'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/etc/SHOP_CONF'",
        "ERROR is not what is required",
        "HTTP 404 NOT FOUND",
        "Error: Cannot find module './MAIN_PAGE.js': not found",
        "PATH is not set",
    ],
)
def test_other_words_are_no_variables(text: str) -> None:
    assert unset(text.splitlines(), {"PATH", "PORT"}) == ()


def test_what_was_given_is_not_missing() -> None:
    assert unset(["API_KEY is required"], {"API_KEY"}) == ()


def test_a_name_of_the_template_counts_however_it_stands_there() -> None:
    assert unset(["missing setting DEPTH"], (), ["DEPTH", "WIDTH"]) == ("DEPTH",)
    assert unset(["the DEPTH of it"], (), ["DEPTH"]) == ()


def test_only_its_last_words_count() -> None:
    assert unset(["API_KEY is not set", *["on and on"] * 100], ()) == ()
