"""IX Disposability: outbound calls that may wait for ever (IX-06)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.browser import is_browser_script
from tolv.check.facts.uncalled import is_unasked, is_uncalled
from tolv.check.looks.outbound import limiting, outbound
from tolv.check.looks.reach import requests_of
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit

_FIXES = {
    "requests": "Pass timeout=(3.05, 10), in seconds, to each call.",
    "urlopen": "Pass timeout=10, in seconds.",
    "axios": "Make one client with axios.create({ timeout: 10_000 }) and use it everywhere.",
    "needle": "Pass { response_timeout: 10_000, read_timeout: 10_000 }.",
    "http": "Make one &http.Client{Timeout: 10 * time.Second} and use it everywhere.",
}

#: For `http.request` of Node, which has the name of Go's package.
_NODE = "Pass { timeout: 10_000 }, and destroy the request when it emits `timeout`."


@rule(
    "IX-06",
    severity="warning",
    materials=("python", "javascript", "go", "java", "ruby", "php"),
    looks=(outbound, limiting),
    title="An outbound call has no timeout",
    why="When the other side hangs, the worker hangs with it: it neither answers nor stops when it is told to.",
    fix="Give every outbound call a timeout that is shorter than the one of your own answer.",
    bad="requests.get(url)",
    good="requests.get(url, timeout=(3.05, 10))",
    source="https://12factor.net/disposability",
    probe="IX-P2",
)
def without_timeout(unit: Unit) -> Iterator[Outcome]:
    seen_calls = (one for one in unit.seen(outbound, "prod") if not one.what.developing)
    calls = [one for one in seen_calls if not is_browser_script(unit, one.path)]
    if not calls:
        yield NotApplicable("no outbound call of a known client was found")
        return
    requests = requests_of(unit)
    limits = {seen.what for seen in unit.seen(limiting)}
    good = None
    told: set[tuple[str, int]] = set()
    found = False
    for seen in calls:
        one = seen.what
        place = unit.place(seen.path, one.line, one.column)
        if one.limited or one.options in limits:
            good = good or (Witness(f"{one.what} has a timeout", place) if one.default is None else None)
            continue
        if (seen.path, one.line) in told or is_uncalled(unit, seen.path, one.line):
            continue
        told.add((seen.path, one.line))
        way = requests.way_to(seen.path, one.line, one.function, one.owner) if requests else None
        where = f", and {way} waits for it" if way else ""
        source = unit.source(seen.path)
        program = source is not None and source.data.startswith(b"#!")
        by_hand = way is None and (program or re.search(r"(?:^|/)(?:bin|scripts?|tools)/", seen.path) is not None)
        aside = by_hand or (way is None and is_unasked(unit, seen.path))
        level: Severity | None = None if one.certain and not aside else "note"
        library = one.what.partition(".")[0]
        fix = _NODE if library in ("http", "https") and not seen.path.endswith(".go") else _FIXES.get(library)
        found = True
        yield Finding(f"{one.what} has no timeout{where}", place, level, fix=fix, subject=one.what)
    if good is not None and not found:
        yield good
