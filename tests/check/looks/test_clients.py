"""Where clients of backing services are made, and what they are told."""

from __future__ import annotations

import pytest

from tolv.check.languages import make_source
from tolv.check.looks.clients import Client, clients
from tolv.check.source import Language


def seen(language: Language, text: str) -> list[Client]:
    return list(clients.readers[language].read(make_source("app", language, text.encode())))


@pytest.mark.parametrize(
    ("language", "text", "engine", "part"),
    [
        ("python", "import redis\nredis.Redis(host='h')", "redis", "host"),
        ("python", "from sqlalchemy import create_engine as make\nmake('mysql://h/x')", "mysql", "url"),
        ("javascript", "const { Pool } = require('pg'); new Pool({ host: 'h' })", "postgres", "host"),
        ("javascript", "import Redis from 'ioredis'; new Redis('redis://h')", "redis", "url"),
        (
            "go",
            'package a\nimport "database/sql"\nfunc f() { sql.Open("postgres", "postgres://h/x") }',
            "postgres",
            "url",
        ),
        ("java", 'class A { void f() { DriverManager.getConnection("jdbc:mysql://h/x"); } }', "mysql", "url"),
        ("ruby", "Redis.new(url: 'redis://h')", "redis", "url"),
        ("php", "<?php new PDO('mysql:host=h;dbname=x');", "mysql", "url"),
    ],
)
def test_a_client_is_seen_with_what_it_is_told(language: Language, text: str, engine: str, part: str) -> None:
    found = [one for one in seen(language, text) if one.how == "call"]
    assert [(one.engine, [given.part for given in one.given][:1]) for one in found] == [(engine, [part])]


def test_the_dict_of_django_is_one_client() -> None:
    [one] = seen(
        "python", "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': 'h', 'USER': 'u'}}"
    )
    assert (one.engine, one.kind, {given.part for given in one.given}) == ("postgres", "database", {"host", "user"})


def test_a_default_of_a_parameter_is_not_what_the_client_is_told() -> None:
    [one] = seen("python", "import redis\ndef connect(host='localhost'):\n    return redis.Redis(host=host)")
    assert one.given == ()
    assert not one.bare


def test_what_is_unpacked_is_not_nothing() -> None:
    [one] = seen("python", "import redis\nredis.Redis(**options)")
    assert not one.bare


def test_a_class_of_another_library_is_no_client() -> None:
    assert seen("python", "from shop.models import Redis\nRedis(host='h')") == []


@pytest.mark.parametrize(
    "text",
    [
        "const { str } = require('envalid'); const spec = { DATABASE_URL: str({ default: 'sqlite:./dev.db' }) };",
        "const spec = z.object({ DATABASE_URL: z.string().default('sqlite:./dev.db') });",
    ],
)
def test_a_schema_of_the_environment_reads_it(text: str) -> None:
    [one] = seen("javascript", text)
    assert (one.engine, one.given[0].value.kind) == ("sqlite", "env")
