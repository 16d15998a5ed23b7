"""A service's URL is taken apart and put together without loss, and nothing of its password is ever shown."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tolv.errors import UsageError
from tolv.services.urls import ServiceUrl, build, check_template, fill, kind_of, masked, parse

text = st.text(st.characters(codec="utf-8"), max_size=20)
secret = st.text(st.characters(codec="utf-8"), min_size=6, max_size=30)
host = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True), st.just("::1"), st.just("bücher.de")
)
port = st.none() | st.integers(1, 65535)
urls = st.builds(
    ServiceUrl,
    scheme=st.sampled_from(["postgresql", "postgresql+psycopg2", "redis", "rediss", "amqp", "mongodb+srv", "acme"]),
    user=st.none() | text.filter(bool),
    password=st.none() | text,
    host=host,
    port=port,
    database=text,
    query=st.sampled_from(["", "sslmode=require", "a=1&b=%20"]),
    others=st.lists(st.tuples(host, port), max_size=2).map(tuple),
)


@given(urls)
@example(ServiceUrl("redis", None, "only", "h", 1))
@example(ServiceUrl("redis", "", None, "h"))
@example(ServiceUrl("postgresql", "u", "p@:/?#[]%", "::1", 5432, "a/b c"))
def test_what_is_put_together_is_taken_apart_as_it_was(url: ServiceUrl) -> None:
    if url.user == "":
        url = ServiceUrl(url.scheme, None, None, url.host)
    assert parse(str(url)) == url


@given(st.text(max_size=60))
def test_any_text_is_a_url_or_a_wrong_usage(url: str) -> None:
    masked(url)
    try:
        parsed = parse(url)
    except UsageError:
        return
    assert parse(str(parsed)) == parsed


@given(urls, secret)
def test_a_password_is_never_shown(url: ServiceUrl, password: str) -> None:
    with_password = build("postgres", "db.example", 5432, user="ada", password=password, database="shop")
    assert masked(with_password) == "postgresql://ada:••••••@db.example:5432/shop"
    assert password not in repr(parse(with_password))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@host:port/shop",
        "postgresql://ada:hunter2@host:99999/shop",
        "postgresql://ada:hun/ter2@host/shop",
        "postgresql://ada:hunter2 @host/shop",
        "postgresql://ada:hunter2@ho st/shop",
        "postgresql://ada:%ffhunter2@host/shop",
        "redis://:hunter2@",
        "postgresql:hunter2@host",
        "hunter2",
        "",
        "redis://[::1:hunter2",
        "redis://ada:hunter2@[zz]/0",
        "postgres ql://ada:hunter2@host/x",
    ],
)
def test_what_cannot_be_a_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(url)
    assert "hunter2" not in str(refused.value)
    assert "ter2" not in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hunter2@h/0", "redis://:••••••@h/0"),
        ("postgresql://ada:hun@ter2@h/x", "postgresql://ada:••••••@h/x"),
        ("postgresql://ada:hun/ter2@h/x", "postgresql://ada:••••••@h/x"),
        ("postgresql:///shop?user=ada&password=hunter2", "postgresql:///shop?user=ada&password=••••••"),
        ("s3://h/bucket?secret_key=hunter2&x=1", "s3://h/bucket?secret_key=••••••&x=1"),
        ("https://h/path", "https://h/path"),
        ("nothing", "nothing"),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgres://h/x", "postgres"),
        ("postgresql+psycopg2://h/x", "postgres"),
        ("POSTGRESQL://h/x", "postgres"),
        ("rediss://h", "redis"),
        ("valkey://h", "redis"),
        ("amqps://h/%2F", "rabbitmq"),
        ("smtp://h:25", "smtp"),
        ("s3://key:secret@h/bucket", "s3"),
        ("https://h", "http"),
        ("mysql+pymysql://h/x", "mysql"),
        ("mongodb+srv://h/x", "mongodb"),
        ("acme://h", None),
    ],
)
def test_the_scheme_tells_the_kind(url: str, kind: str | None) -> None:
    assert kind_of(url) == kind


def test_a_url_without_a_host_is_a_socket_of_postgresql_only() -> None:
    assert parse("postgresql:///shop?host=/run/postgresql").parameters() == {"host": "/run/postgresql"}
    with pytest.raises(UsageError, match="it names no host"):
        parse("redis:///0")


def test_several_hosts_are_kept() -> None:
    url = parse("postgresql://ada@one:1,two:2,three/shop")
    assert (url.host, url.port, url.others) == ("one", 1, (("two", 2), ("three", None)))


def test_a_template_is_filled_with_what_the_parts_mean() -> None:
    url = "postgresql://a%40b:p%2Fw%7Burl%7D@[::1]/my%20shop?sslmode=require"
    template = "{scheme} {user} {password} {host} {port} {database} {url}"
    assert fill(template, url) == f"postgresql a@b p/w{{url}} ::1 5432 my shop {url}"
    assert fill('{"default": "{host}", "n": {}}', url) == '{"default": "::1", "n": {}}'
    assert fill("{user}:{password}:{database}", "acme://h") == "::"


def test_a_template_that_names_something_else_is_refused() -> None:
    for template in ("{uri}", "{host}{Port}"):
        with pytest.raises(UsageError, match="nothing of a service's URL is called"):
            check_template(template)
        with pytest.raises(UsageError):
            fill(template, "redis://h")
