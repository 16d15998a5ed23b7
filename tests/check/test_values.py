"""What names and texts tell about a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.check.facts.providers import find_secrets
from tolv.check.facts.values import (
    classify,
    is_harmless_default,
    is_placeholder,
    is_secret_name,
    looks_secret,
    password_in_url,
    repeats_name,
)
from tolv.check.source import Value


@pytest.mark.parametrize(
    "name", "SECRET_KEY DB_PASSWORD jwtSecret apiKey client_secret smtp_pass AWS_SECRET_ACCESS_KEY api.token".split()
)
def test_the_name_of_a_secret_is_known_in_any_style(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    "password_field TOKEN_URL csrf_token next_token max_tokens AUTH_PASSWORD_VALIDATORS primary_key publishableKey "
    "resetPasswordToken password_hash secretName sort_key pass tokens AWS_ACCESS_KEY_ID".split(),
)
def test_the_name_of_something_about_a_secret_is_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("text", ["changeme", "your-key", "<token>", "xxxx", "foo", "${VAR}", "put-your-key-here", ""])
def test_a_placeholder_is_no_value(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["s3cr3t", "you-will-never-guess", "hunter2", "Zt8fkq0vLmW3"])
def test_a_real_value_is_no_placeholder(text: str) -> None:
    assert not is_placeholder(text)


def test_a_constant_that_says_its_own_name_is_no_secret() -> None:
    assert repeats_name("PASSWORD", "password")
    assert repeats_name("apiKey", "api_key")
    assert not repeats_name("PASSWORD", "hunter2")
    assert not looks_secret("Enter your password", "password")


def test_a_name_that_signs_takes_any_text() -> None:
    assert looks_secret("dev", "SECRET_KEY")
    assert not looks_secret("dev", "token")


def test_defaults_are_told_apart() -> None:
    def env(default: str | None, name: str = "SECRET_KEY") -> Value:
        return Value("env", None, name, () if default is None else (Value("literal", default, "str"),))

    assert classify(env(None)) == "env"
    assert classify(env("changeme")) == "secret default"
    assert classify(env("")) == "harmless default"
    assert classify(env("localhost", "DB_HOST")) == "harmless default"
    assert classify(env("postgres://u:s3cr3t@db.internal/app", "DATABASE_URL")) == "secret default"
    assert classify(env("postgres://u:p@localhost/app", "DATABASE_URL")) == "harmless default"
    assert classify(Value("env", None, "SECRET_KEY", (Value("call", None, "secrets.token_hex"),))) == "ephemeral"
    assert classify(Value("env", None, "DB_PASSWORD_FILE")) == "mounted"
    assert classify(Value("literal", "<your key>", "str"), "API_KEY") == "placeholder"


def test_a_password_in_a_url_is_seen_where_it_is_one() -> None:
    assert password_in_url("postgres://u:s3cr3t@db/x") == "s3cr3t"
    assert password_in_url("postgres://u:${PASSWORD}@db/x") is None
    assert password_in_url("postgres://db/x") is None
    assert is_harmless_default("http://localhost:8080", "API_URL")


def test_a_providers_secret_is_found_by_its_form_and_its_example_is_not() -> None:
    found = list(find_secrets(b'x = 1\nkey = "AKIA' + b'QZ7WNDH3RKTM4VXE"\nother = "AKIAIOSFODNN7EXAMPLE"\n'))
    assert [(one.form.name, one.line) for one in found] == [("an AWS access key", 2)]


@given(st.text(max_size=300), st.text(max_size=60))
def test_no_text_and_no_name_make_it_raise(text: str, name: str) -> None:
    looks_secret(text, name)
    is_placeholder(text)
    is_harmless_default(text, name)
    list(find_secrets(text.encode("utf-8", "surrogatepass")))
