"""Compose files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.compose import Compose, ComposeService, is_compose, is_compose_name, parse_compose
from tolv.codebase.dockerfile import Entry


def _read(text: str) -> Compose:
    file = parse_compose(text)
    assert file.problem is None
    return file


def _service(text: str) -> ComposeService:
    return _read("services:\n  web:\n" + "".join(f"    {line}\n" for line in text.split("\n"))).services[0]


def test_a_service_has_the_line_of_its_name() -> None:
    service = _read("services:\n  db:\n    image: postgres:16\n  web:\n    build: .\n").services[1]
    assert (service.name, service.line) == ("web", 4)
    assert service.build is not None
    assert (service.build.context, service.build.line) == (".", 5)


@pytest.mark.parametrize("text", ["environment:\n  A: 1\n  B:\n  C: ''", "environment:\n  - A=1\n  - B\n  - C="])
def test_both_forms_of_variables_are_read(text: str) -> None:
    service = _service(text)
    assert service.environment == {"A": Entry("1", 4), "B": None, "C": Entry("", 6)}


@pytest.mark.parametrize(
    ("text", "published", "target", "host"),
    [
        ('"8080:80"', "8080", "80", None),
        ("127.0.0.1:8080:80/tcp", "8080", "80", "127.0.0.1"),
        ('"80"', None, "80", None),
        ('"${PORT:-8000}:8000"', "${PORT:-8000}", "8000", None),
        ('"53:53/udp"', "53", "53/udp", None),
        ("{target: 80, published: 8080}", "8080", "80", None),
    ],
)
def test_ports_have_two_sides(text: str, published: str | None, target: str, host: str | None) -> None:
    port = _service(f"ports:\n  - {text}").ports[0]
    assert (port.published, port.target, port.host, port.line) == (published, target, host, 4)


def test_a_mount_of_the_host_is_told_from_a_volume() -> None:
    volumes = _service("volumes:\n  - .:/app:ro\n  - data:/data\n  - /anonymous\n  - {source: ./x, target: /y}").volumes
    assert [(one.source, one.target, one.is_bind, one.read_only) for one in volumes] == [
        (".", "/app", True, True),
        ("data", "/data", False, False),
        (None, "/anonymous", False, False),
        ("./x", "/y", True, False),
    ]


def test_an_image_is_what_its_default_says() -> None:
    image = _service("image: ${IMAGE:-acme/web:latest}").image
    assert image is not None
    assert (image.name, image.tag, image.has_variable, image.floats) == ("acme/web", "latest", True, True)


def test_a_command_is_words_or_a_text() -> None:
    words, text = _service("command: [a, b]").command, _service("entrypoint: sh -c 'a b'").entrypoint
    assert words is not None
    assert text is not None
    assert (words.argv, words.line) == (("a", "b"), 3)
    assert (text.argv, text.text) == (None, "sh -c 'a b'")


def test_what_a_service_extends_or_merges_is_its_own() -> None:
    file = _read(
        "x-base: &base\n  init: true\n  restart: always\nservices:\n  a:\n    <<: *base\n    image: a:1\n"
        "  b:\n    extends: {service: a}\n    image: b:1\n"
    )
    service = file.service("b")
    assert service is not None
    assert service.image is not None
    assert (service.image.name, service.init, service.restart) == ("b", True, "always")


def test_a_service_that_extends_itself_is_read() -> None:
    assert _service("extends: web\nimage: a").name == "web"


def test_a_disabled_healthcheck_is_none() -> None:
    assert _service("healthcheck:\n  disable: true").healthcheck is None
    assert _service('healthcheck:\n  test: ["NONE"]').healthcheck is None
    assert _service("healthcheck:\n  test: curl localhost").healthcheck is not None


def test_compose_files_are_known_by_name_or_by_what_they_hold() -> None:
    assert all(is_compose_name(name) for name in ("compose.yaml", "docker-compose.prod.yml", "docker-compose-dev.yaml"))
    assert not any(is_compose_name(name) for name in ("composer.yml", "app.yml", "docker-compose.md"))
    assert is_compose("services:\n  a:\n    image: b\n")
    assert not is_compose("on: push\njobs:\n  a:\n    services:\n      db:\n        image: b\n")


@given(st.one_of(st.text(), st.text(alphabet="services:\n -{}[]&*<image.build")))
def test_any_text_is_read_or_has_a_problem(text: str) -> None:
    parse_compose(text)
    is_compose(text)
