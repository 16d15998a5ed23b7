"""A domain belongs to one deploy at a time, and goes with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from store_fixtures import a_deploy

from tolv.errors import UsageError
from tolv.route.edge.domain import Domain
from tolv.store.destroy import destroy
from tolv.store.domains import Domains
from tolv.store.store import Store

NAME = "shop.example.com"


@pytest.fixture
def domains(store: Store) -> Domains:
    for app in ("shop", "blog"):
        a_deploy(store, app, "prod")
    a_deploy(store, "shop", "staging")
    return Domains(store)


def test_a_domain_is_added_once_and_again_without_a_change(domains: Domains) -> None:
    domain = Domain(NAME, "shop", "prod")
    assert domains.add(domain, by="ada@host") is None
    assert domains.add(domain, by="ada@host") == domain
    assert domains.list() == [domain]


def test_what_is_anothers_is_refused_and_moves_when_told(domains: Domains) -> None:
    domains.add(Domain(NAME, "shop", "prod"), by="ada@host")
    for other in (Domain(NAME, "blog", "prod"), Domain(NAME, "shop", "staging")):
        with pytest.raises(UsageError, match="leads to shop in prod") as refused:
            domains.add(other, by="bob@host")
        assert "--move" in (refused.value.remedy or "")
    moved = Domain(NAME, "blog", "prod", internal=True)
    assert domains.add(moved, by="bob@host", move=True) == Domain(NAME, "shop", "prod")
    assert domains.list() == [moved]


def test_of_many_who_want_it_at_once_one_gets_it(domains: Domains) -> None:
    wanted = [Domain(NAME, *deploy) for deploy in (("shop", "prod"), ("shop", "staging"), ("blog", "prod"))]

    def add(domain: Domain) -> bool:
        try:
            return domains.add(domain, by="ada@host") is None
        except UsageError:
            return False

    with ThreadPoolExecutor(3) as threads:
        assert sorted(threads.map(add, wanted)) == [False, False, True]
    assert len(domains.list()) == 1


def test_an_addition_can_be_undone(domains: Domains) -> None:
    first = Domain(NAME, "shop", "prod")
    domains.restore(NAME, domains.add(first, by="ada@host"))
    assert domains.list() == []
    domains.add(first, by="ada@host")
    domains.restore(NAME, domains.add(Domain(NAME, "blog", "prod"), by="ada@host", move=True))
    assert domains.list() == [first]


def test_only_what_is_there_can_be_removed_and_only_a_deploy_can_have_one(domains: Domains) -> None:
    with pytest.raises(UsageError, match="no domain"):
        domains.remove(NAME)
    with pytest.raises(UsageError, match="no app named nobody"):
        domains.add(Domain(NAME, "nobody", "prod"), by="ada@host")
    domains.add(Domain(NAME, "shop", "prod"), by="ada@host")
    assert domains.remove(NAME) == Domain(NAME, "shop", "prod")
    assert domains.list() == []


def test_domains_go_with_their_deploy(domains: Domains, store: Store) -> None:
    for name, app, environment in (("a.example", "shop", "prod"), ("b.example", "shop", "staging")):
        domains.add(Domain(name, app, environment), by="ada@host")
    domains.add(Domain("c.example", "blog", "prod"), by="ada@host")
    assert destroy(store, "shop", "staging", dry_run=True).domains == ("b.example",)
    assert len(domains.list()) == 3
    assert destroy(store, "shop", "staging").domains == ("b.example",)
    assert destroy(store, "shop").domains == ("a.example",)
    assert [one.name for one in domains.list()] == ["c.example"]
