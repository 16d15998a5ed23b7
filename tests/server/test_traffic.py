"""Counts of several router processes, which come and go, add up."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from tolv.errors import PlatformError
from tolv.release.judge import Traffic
from tolv.route.client import RouterClient
from tolv.server.traffic import TrafficBook, total

V1 = ("shop", "prod", "v1")


class Router:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.processes: dict[str, dict[str, int]] = {}
        self.away = False

    async def tally(self) -> list[dict[str, Any]]:
        if self.away:
            raise PlatformError("the router does not answer")
        return [
            {
                "process": process,
                "releases": [
                    {
                        "app": "shop",
                        "environment": "prod",
                        "release": release,
                        "requests": requests,
                        "errors_5xx": 0,
                        "unanswered": 0,
                        "cut_off": 0,
                        "abandoned": requests // 10,
                    }
                    for release, requests in counts.items()
                ],
            }
            for process, counts in self.processes.items()
        ]


def look(book: TrafficBook) -> bool:
    return asyncio.run(book.look())


def a_book() -> tuple[Router, TrafficBook]:
    router = Router()
    return router, TrafficBook(cast(RouterClient, router))


def test_two_processes_on_one_port_are_added_up_and_clients_that_left_are_taken_off() -> None:
    router, book = a_book()
    router.processes = {"a": {"v1": 100}, "b": {"v1": 50, "v2": 7}}
    assert look(book)
    assert total(book.counts(V1)) == Traffic(requests=135)
    assert look(book)
    assert total(book.counts(V1)) == Traffic(requests=135)


def test_a_process_that_died_is_not_forgotten_and_its_successor_is_added() -> None:
    router, book = a_book()
    router.processes = {"a": {"v1": 100}}
    look(book)
    router.away = True
    assert not look(book)
    router.away = False
    router.processes = {"a2": {"v1": 9}}
    look(book)
    assert total(book.counts(V1)) == Traffic(requests=99)


def test_a_release_that_no_router_knows_any_more_is_forgotten() -> None:
    router, book = a_book()
    router.processes = {"a": {"v1": 100}}
    look(book)
    router.processes = {"a": {"v2": 1}}
    look(book)
    assert book.counts(V1) == {}


def test_the_last_minutes_count_and_all_that_is_known_where_they_were_quiet() -> None:
    router, book = a_book()
    for minute, requests in enumerate((1_000, 1_100, 1_200, *[1_200] * 8, 1_500)):
        router.processes = {"a": {"v1": requests}}
        look(book)
        book._enter(60.0 * minute)
    # The last entry that is ten minutes old has 1,100.
    assert book.lately(V1, 200) == Traffic(requests=360)
    assert book.lately(V1, 500) == Traffic(requests=1350)
