"""What is left of evidence that repeats itself."""

from __future__ import annotations

from tolv.prove.model import Evidence
from tolv.prove.repeats import in_short, without_repeats


def texts(*evidence: Evidence) -> list[str]:
    return [one.text for one in without_repeats(evidence)]


def test_of_many_answers_alike_the_first_and_the_last_are_left() -> None:
    looks = [Evidence("answer", f"GET /notes/1 -> 404 (0.0{number} s)", number, "web.2") for number in range(8)]
    assert texts(Evidence("start", "web"), *looks, Evidence("answer", "GET /notes/1 -> 200 (0.01 s)", 9, "web.1")) == [
        "web",
        "GET /notes/1 -> 404 (0.00 s)",
        "GET /notes/1 -> 404 (0.07 s), for the 8th time",
        "GET /notes/1 -> 200 (0.01 s)",
    ]


def test_few_answers_and_those_of_others_are_left_as_they_are() -> None:
    evidence = tuple(
        Evidence("answer", text, 0.0, where)
        for text in ("GET / -> 200 (0.01 s)", "GET / -> 500 (0.01 s)")
        for where in ("web.1", "web.2")
        for _ in range(3)
    )
    assert without_repeats(evidence) == evidence


def test_what_is_no_answer_is_left_however_often_it_is_there() -> None:
    evidence = tuple(Evidence("log", "it goes on", float(number), "web.1") for number in range(12))
    assert without_repeats(evidence) == evidence


def test_people_see_once_what_differs_in_its_marker_alone() -> None:
    markers = [f"k{number:012x}" for number in range(6)]
    writes = [Evidence("answer", f'POST /n {{"t": "{one}"}} -> 201 (0.01 s)', 0.0, "web.1") for one in markers]
    killed = Evidence("signal", "SIGKILL", 1.0, "web.1")
    assert without_repeats((*writes, killed)) == (*writes, killed)
    first, named, last, after = in_short((*writes, killed), f"{markers[3]} is gone")
    assert (first, named, after) == (writes[0], writes[3], killed)
    assert last.text == f"{writes[5].text}, the 6th such"
    assert in_short((*writes[:3], killed), "") == (*writes[:3], killed)


def test_it_is_told_how_many_there_were() -> None:
    for count, said in ((4, "4th"), (11, "11th"), (12, "12th"), (21, "21st"), (22, "22nd"), (23, "23rd")):
        assert texts(*_answers(count))[-1].endswith(f"the {said} time")


def _answers(count: int) -> list[Evidence]:
    return [Evidence("answer", "GET / -> 200", float(number)) for number in range(count)]
