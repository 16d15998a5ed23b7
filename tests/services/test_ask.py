"""A service whose protocol Tolv does not speak is there when it listens."""

from __future__ import annotations

import importlib
import socket
from typing import Any

import pytest
from ports import free_port

from tolv.errors import UsageError
from tolv.services.ask import ASKERS, Unreachable, ask
from tolv.services.model import Facts


def test_a_service_that_listens_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert ask("memcached", f"memcached://127.0.0.1:{listener.getsockname()[1]}", 5) == Facts(version="")


@pytest.mark.parametrize(
    ("url", "reason"), [("acme://u:hunter2@127.0.0.1:{}", "refused"), ("acme://no.such.host.invalid:{}", "unreachable")]
)
def test_one_that_does_not_is_not(url: str, reason: str) -> None:
    with pytest.raises(Unreachable) as refused:
        ask("acme", url.format(free_port()), 5)
    assert refused.value.reason == reason
    assert refused.value.exit_code == 3
    assert "hunter2" not in str(refused.value)


def test_one_that_names_no_port_cannot_be_asked() -> None:
    with pytest.raises(UsageError, match="the URL names no port"):
        ask("acme", "acme://127.0.0.1", 1)


@pytest.mark.parametrize("kind", sorted(ASKERS))
def test_each_kind_that_is_known_has_its_asker(kind: str) -> None:
    asker: Any = importlib.import_module(ASKERS[kind])
    assert callable(asker.ask)
