"""What two processes may say of themselves alone, and what is state that they do not share."""

from __future__ import annotations

import json
from typing import Any

from tolv.prove.probes.processes.agreement import counted_apart, differing, leaves_of, numbers_of
from tolv.prove.probes.processes.sessions import Login
from tolv.prove.session import Session
from tolv.prove.traffic import Answer


def _json(value: Any) -> Answer:
    return Answer(200, "OK", (("content-type", "application/json"),), json.dumps(value).encode(), 0.0)


def _page(text: str) -> Answer:
    return Answer(200, "OK", (("content-type", "text/html"),), f"<html><p>{text}</p></html>".encode(), 0.0)


def _difference(before: tuple[Answer, Answer], *after: tuple[Answer, Answer]) -> list[str]:
    first, second = zip(*after, strict=True)
    faces = [[leaves_of(one) for one in face] for face in (first, second)]
    return differing(faces, [[leaves_of(one)] for one in before])


def test_a_count_that_each_keeps_for_itself_is_state() -> None:
    before = (_json({"total": 0}), _json({"total": 0}))
    assert _difference(before, (_json({"total": 34}), _json({"total": 16}))) == ["total"]
    assert _difference(before, (_json({"total": 50}), _json({"total": 50}))) == []


def test_an_item_that_one_page_lacks_is_state() -> None:
    after = (_page("ada, bob"), _page("ada,"))
    assert _difference((_page("-"), _page("-")), after, after) == ["the word 'bob'"]


def test_what_differed_before_the_first_request_is_a_name() -> None:
    pair = (_json({"name": "a-1", "n": 1}), _json({"name": "a-2", "n": 1}))
    assert _difference(pair, pair) == []


def test_what_moves_by_itself_is_a_clock() -> None:
    after = [(_json({"age": second}), _json({"age": second - 1})) for second in (7, 8)]
    assert _difference((_json({"age": 5}), _json({"age": 4})), *after) == []


def test_a_process_may_say_which_one_it_is() -> None:
    before = (_json({"requests": {"of_process": 1}}), _json({"requests": {"of_process": 1}}))
    after = (_json({"requests": {"of_process": 30}}), _json({"requests": {"of_process": 20}}))
    assert _difference(before, after) == []


def test_visits_counted_by_each_process_are_told_from_those_counted_together() -> None:
    apart = [[numbers_of(_page(f"visit {start + one}, 2030-01-02")) for one in range(10)] for start in (12, 3)]
    found = counted_apart(apart)
    assert found is not None
    assert found[1][:3] == [12, 13, 14]
    together = [[numbers_of(_page(f"visit {start + 2 * one}")) for one in range(10)] for start in (12, 13)]
    assert counted_apart(together) is None


def test_a_user_is_known_by_the_words_that_a_stranger_does_not_see() -> None:
    login = Login(Session(), 200, frozenset({"ada", "Logout"}))
    assert login.knows(_page("Hello ada Logout (web.2)"))
    assert not login.knows(_page("Hello, Login"))
    by_status = Login(Session(), 200, frozenset())
    assert not by_status.knows(Answer(302, "", (), b"", 0.0))
