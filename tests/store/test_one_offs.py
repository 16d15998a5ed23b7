"""One-offs are numbered, and known before they start."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from store_fixtures import a_deploy

from tolv.errors import UsageError
from tolv.run.model import Exit
from tolv.store.one_offs import OneOff, OneOffs
from tolv.store.store import Store


def test_one_offs_of_a_deploy_are_numbered_even_when_they_begin_at_once(store: Store) -> None:
    a_deploy(store)
    a_deploy(store, "shop", "staging")
    one_offs = OneOffs(store)

    def begin(_: int) -> OneOff:
        return one_offs.begin("shop", "prod", 1, ["true"], by="ada@host")

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(begin, range(12)))
    assert sorted(one.number for one in made) == list(range(1, 13))
    assert one_offs.begin("shop", "staging", 1, ["true"], by="ada@host").name == "run.1"


def test_a_one_off_is_unfinished_until_its_end_is_known(store: Store) -> None:
    a_deploy(store)
    one_offs = OneOffs(store)
    made = one_offs.begin("shop", "prod", 2, ["sh", "-c", 'echo "a b"'], by="ada@host", detached=True, time_limit=60.0)
    assert made.process.startswith("shop-prod-v2-run.1-")
    assert made.command == ("sh", "-c", 'echo "a b"')
    assert made.deadline == made.started + 60.0
    assert one_offs.unfinished() == [made]
    one_offs.finish(made.process, Exit(at=5.0, signal=9, out_of_memory=True))
    one_offs.finish(made.process, Exit(at=6.0, code=0))
    found = one_offs.find(made.process)
    assert found is not None
    assert found.exit == Exit(at=5.0, signal=9, out_of_memory=True)
    assert one_offs.unfinished() == []


def test_the_latest_one_offs_come_first(store: Store) -> None:
    a_deploy(store)
    one_offs = OneOffs(store)
    for _ in range(4):
        one_offs.begin("shop", "prod", 1, ["true"], by="ada@host")
    assert [one.name for one in one_offs.list("shop", "prod", limit=3)] == ["run.4", "run.3", "run.2"]


def test_a_one_off_of_an_unknown_deploy_is_refused(store: Store) -> None:
    with pytest.raises(UsageError):
        OneOffs(store).begin("nobody", "prod", 1, ["true"], by="ada@host")
    assert OneOffs(store).find("nobody-prod-v1-run.1-abcdef") is None
