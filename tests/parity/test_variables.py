"""What variables are for, told by their names and shapes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.parity.urls import kind_of
from tolv.parity.variables import role_of


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("secret", "SECRET_KEY DB_PASSWORD STRIPE_API_KEY JWT_SIGNING_KEYS GITHUB_TOKEN AWS_SECRET_ACCESS_KEY SALT"),
        ("address", "ALLOWED_HOSTS DATABASE_HOST S3_BUCKET MAIL_FROM CORS_ORIGINS DB_USER AWS_REGION"),
        ("label", "SENTRY_ENVIRONMENT APP_NAME SENTRY_RELEASE"),
        ("stage", "NODE_ENV RAILS_ENV DJANGO_SETTINGS_MODULE FLASK_ENV app_env"),
        ("tuning", "WEB_CONCURRENCY LOG_LEVEL DB_POOL_SIZE REQUEST_TIMEOUT SECURE_HSTS_SECONDS"),
        ("switch", "DEBUG FEATURE_X CACHE_BACKEND DATABASE_ENGINE EMAIL_USE_TLS CELERY_TASK_ALWAYS_EAGER"),
        ("other", "GREETING PUBLIC_KEY THEME"),
    ],
)
def test_a_name_tells_what_a_variable_is_for(role: str, names: str) -> None:
    assert {name: role_of(name, "x") for name in names.split()} == dict.fromkeys(names.split(), role)


def test_a_url_is_an_address_whatever_its_name() -> None:
    assert role_of("GREETING", "https://example.com") == "address"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgres://u:p@h/d", "postgres"),
        ("postgresql+psycopg://u:p@h/d", "postgres"),
        ("rediss://:p@h:6380/0", "redis"),
        ("valkey://h", "redis"),
        ("amqps://h", "rabbitmq"),
        ("mongodb+srv://h", "mongodb"),
        ("sqlite://", "sqlite"),
        ("SQLite:///x.db", "sqlite"),
        ("smtp+tls://h:587", "smtp"),
        ("https://example.com", None),
        ("hello", None),
        ("", None),
    ],
)
def test_a_scheme_tells_the_kind_of_a_service(url: str, kind: str | None) -> None:
    assert kind_of(url) == kind


@given(name=st.text(), value=st.text())
def test_any_variable_has_a_role(name: str, value: str) -> None:
    assert role_of(name, value)
    kind_of(value)
