"""What events say of a release."""

from __future__ import annotations

import pytest
from releases_of import release

from tolv.errors import ConflictError
from tolv.release.history import Event, after, check_way
from tolv.release.model import Status


def test_the_last_event_tells_the_status() -> None:
    events = [
        Event(1, "pending", 1.0, "ada"),
        Event(1, "live", 2.0, "ada", formation={"web": 1}),
        Event(1, "superseded", 3.0, "ada"),
    ]
    assert [after(release(1), events[:count]).status for count in range(4)] == [
        Status.PENDING,
        Status.PENDING,
        Status.LIVE,
        Status.SUPERSEDED,
    ]


def test_a_release_remembers_the_formation_that_it_was_scaled_to_when_it_was_last_live() -> None:
    events = [
        Event(1, "pending", 1.0, "ada"),
        Event(1, "live", 2.0, "ada", formation={"web": 1}),
        Event(1, "scaled", 3.0, "bob", formation={"web": 4}),
        Event(1, "superseded", 4.0, "ada"),
    ]
    then = after(release(1), events)
    assert then.last_formation == {"web": 4}
    assert then.status is Status.SUPERSEDED


def test_a_failed_release_says_why() -> None:
    events = [Event(1, "pending", 1.0, "ada"), Event(1, "failed", 2.0, "ada", reason="web.1 exited with 1")]
    then = after(release(1), events)
    assert (then.status, then.reason, then.last_formation) == (Status.FAILED, "web.1 exited with 1", None)


@pytest.mark.parametrize("status", list(Status))
def test_only_a_pending_release_goes_live_and_only_a_live_one_is_superseded_or_fails_later(status: Status) -> None:
    allowed = {Status.PENDING: {Status.LIVE, Status.FAILED}, Status.LIVE: {Status.SUPERSEDED, Status.FAILED}}
    for to in Status:
        if to in allowed.get(status, set()):
            check_way(release(3, status=status), to)
        else:
            with pytest.raises(ConflictError, match=f"v3 of shop in prod is {status} and cannot become {to}"):
                check_way(release(3, status=status), to)
