"""Which release a rollback goes to."""

from __future__ import annotations

import pytest
from releases_of import release

from tolv.errors import AppError, UsageError
from tolv.release.model import Status
from tolv.release.rollback import parse_number, phases_undone, rollback_target

LIVE, SUPERSEDED, FAILED, PENDING = Status.LIVE, Status.SUPERSEDED, Status.FAILED, Status.PENDING


def history(*statuses: Status) -> list:  # type: ignore[type-arg]
    return [release(number, status=status) for number, status in enumerate(statuses, start=1)][::-1]


def test_without_a_name_it_is_the_one_that_was_live_before() -> None:
    releases = history(SUPERSEDED, SUPERSEDED, FAILED, LIVE, FAILED)
    assert rollback_target(releases, None, {1, 2, 4}).number == 2


def test_with_a_name_it_is_that_one() -> None:
    assert rollback_target(history(SUPERSEDED, SUPERSEDED, LIVE), 1, {1, 2, 3}).number == 1


def test_with_nothing_live_it_is_the_last_that_was() -> None:
    assert rollback_target(history(SUPERSEDED, SUPERSEDED, FAILED), None, {1, 2}).number == 2


def test_a_deploy_with_one_release_has_nothing_to_go_back_to() -> None:
    with pytest.raises(UsageError, match="no earlier release"):
        rollback_target(history(FAILED, LIVE), None, {2})


def test_a_release_that_does_not_exist_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no release v9"):
        rollback_target(history(SUPERSEDED, LIVE), 9, {1, 2})


@pytest.mark.parametrize("status", [FAILED, PENDING])
def test_a_release_that_was_never_live_is_no_target(status: Status) -> None:
    with pytest.raises(AppError, match="v1 was never live"):
        rollback_target(history(status, LIVE), 1, {1, 2})


def test_a_release_whose_build_is_gone_is_refused_with_a_way_out() -> None:
    with pytest.raises(AppError, match="v1 cannot be restored") as caught:
        rollback_target(history(SUPERSEDED, LIVE), None, {2})
    assert "--ref 9f3c1a7" in (caught.value.remedy or "")


def test_the_release_phases_after_the_target_are_told_also_of_failed_releases() -> None:
    releases = [
        release(4, status=LIVE),
        release(3, status=FAILED, release_phase=True),
        release(2, status=SUPERSEDED, release_phase=True),
        release(1, status=SUPERSEDED, release_phase=True),
    ]
    assert [one.name for one in phases_undone(releases, releases[-1])] == ["v2", "v3"]
    assert phases_undone(releases, releases[0]) == ()


def test_release_names_are_read_as_they_are_printed() -> None:
    assert parse_number("v12") == parse_number("12") == 12


@pytest.mark.parametrize("name", ["", "v", "v0", "-1", "v1.2", "latest", "v٣", "vv1"])
def test_anything_else_is_no_release_name(name: str) -> None:
    with pytest.raises(UsageError, match="names no release"):
        parse_number(name)
