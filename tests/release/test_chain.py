"""The chain finds what was changed, removed, moved or added, and says where first."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tolv.release.chain import START, Link, VerifyResult, release_hash, verify_chain
from tolv.release.model import Release, Status

formations = st.dictionaries(st.sampled_from(["web", "worker", "clock"]), st.integers(0, 5))


@st.composite
def releases(draw: st.DrawFn, number: int, previous: str) -> Release:
    return Release(
        app="shop",
        environment="prod",
        number=number,
        build="sha256:" + draw(st.sampled_from("abc")) * 64,
        commit=draw(st.none() | st.just("9f3c1a7")),
        config=draw(st.integers(1, 3)),
        formation=draw(formations),
        description=draw(st.text(max_size=10)),
        created="2026-01-01T00:00:00.000Z",
        by=draw(st.text(max_size=5)),
        previous_hash=previous,
        hash="",
        release_phase=draw(st.booleans()),
    )


SNAPSHOTS = {1: "one", 2: "two", 3: "three"}


@st.composite
def chains(draw: st.DrawFn, min_size: int = 1) -> list[Link]:
    links: list[Link] = []
    for number in range(1, draw(st.integers(min_size, 6)) + 1):
        unsigned = draw(releases(number, links[-1].release.hash if links else START))
        digest = SNAPSHOTS[unsigned.config]
        links.append(Link(dataclasses.replace(unsigned, hash=release_hash(unsigned, digest)), digest))
    return links


def verify(links: list[Link], whole: list[Link], snapshots: dict[int, str] = SNAPSHOTS) -> VerifyResult:
    return verify_chain(links, snapshots, whole[-1].release.number, whole[-1].release.hash)


@given(chains())
def test_a_chain_that_nobody_touched_holds(links: list[Link]) -> None:
    assert verify(links, links) == VerifyResult(True, len(links))


def test_a_deploy_without_releases_holds() -> None:
    assert verify_chain([], {}, 0, START) == VerifyResult(True, 0)


CHANGES: dict[str, Any] = {
    "build": "sha256:" + "d" * 64,
    "commit": "0000000",
    "formation": {"web": 99},
    "description": "nothing to see here",
    "created": "1999-01-01T00:00:00.000Z",
    "by": "someone else",
    "app": "other",
    "environment": "staging",
    "previous_hash": "f" * 64,
    "hash": "f" * 64,
}


@given(chains(), st.data(), st.sampled_from(sorted([*CHANGES, "release_phase"])))
def test_a_release_that_was_changed_is_named(links: list[Link], data: st.DataObject, field: str) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    original = links[at]
    value = not original.release.release_phase if field == "release_phase" else CHANGES[field]
    changed = [*links]
    changed[at] = dataclasses.replace(original, release=dataclasses.replace(original.release, **{field: value}))
    assert verify(changed, links) == VerifyResult(False, at, f"v{at + 1} was changed after it was made")


@given(chains(), st.data())
def test_what_may_change_does_not_break_the_chain(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    later = dataclasses.replace(links[at].release, status=Status.FAILED, reason="no", last_formation={"web": 3})
    assert verify([*links[:at], dataclasses.replace(links[at], release=later), *links[at + 1 :]], links).ok


@given(chains(), st.data())
def test_a_release_that_was_removed_is_named_the_newest_too(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    left = [*links[:at], *links[at + 1 :]]
    assert verify(left, links) == VerifyResult(False, at, f"v{at + 1} is missing")


@given(chains(min_size=2), st.data())
def test_releases_that_changed_places_are_named(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 2))
    first, second = links[at], links[at + 1]
    swapped = [
        dataclasses.replace(second, release=dataclasses.replace(second.release, number=at + 1)),
        dataclasses.replace(first, release=dataclasses.replace(first.release, number=at + 2)),
    ]
    result = verify([*links[:at], *swapped, *links[at + 2 :]], links)
    assert (result.ok, result.checked) == (False, at)
    assert (result.problem or "").startswith(f"v{at + 1} ")


@given(chains(min_size=2), st.data())
def test_a_release_that_was_replaced_with_a_fitting_hash_breaks_the_next_link(
    links: list[Link], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    forged = dataclasses.replace(links[at].release, by="someone else")
    forged = dataclasses.replace(forged, hash=release_hash(forged, links[at].config_digest))
    result = verify([*links[:at], dataclasses.replace(links[at], release=forged), *links[at + 1 :]], links)
    assert not result.ok
    if at + 1 < len(links):
        assert (result.problem or "").startswith(f"v{at + 2} does not follow v{at + 1}")
    else:
        assert result.problem == f"v{at + 1} is not the release that was made as v{at + 1}"


@given(chains())
def test_a_release_that_was_added_by_hand_is_named(links: list[Link]) -> None:
    last = links[-1].release
    extra = dataclasses.replace(last, number=last.number + 1, previous_hash=last.hash)
    extra = dataclasses.replace(extra, hash=release_hash(extra, links[-1].config_digest))
    result = verify([*links, Link(extra, links[-1].config_digest)], links)
    assert result == VerifyResult(False, len(links), f"v{last.number + 1} was added by hand")


@given(chains(), st.data())
def test_a_config_that_was_changed_or_removed_is_named(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    config = links[at].release.config
    first = next(one.release.name for one in links if one.release.config == config)
    changed = verify(links, links, {**SNAPSHOTS, config: "forged"})
    assert changed.problem == f"the config of {first} was changed after it was made"
    removed = verify(links, links, {key: value for key, value in SNAPSHOTS.items() if key != config})
    assert removed.problem == f"the config of {first} is missing"


def test_the_hash_of_a_release_is_what_the_docs_say() -> None:
    release = Release(
        app="shop",
        environment="prod",
        number=1,
        build="sha256:" + "a" * 64,
        commit=None,
        config=7,
        formation={"worker": 1, "web": 2},
        description="Zuerst: grün",
        created="2026-01-01T00:00:00.000Z",
        by="ada@host",
        previous_hash="",
        hash="",
    )
    # A fixed value: a change of the form would break every chain that was ever made.
    assert release_hash(release, "c" * 64) == "d2465d17844552331e40a7fc73a400a590ec27eedba184b6ffcdf1c805b07fff"
