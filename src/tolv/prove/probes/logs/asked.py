"""Requests that can be told from others in a log, and what the log says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tolv.prove.client import Answer
from tolv.prove.harness.instance import Instance, Line, Mark
from tolv.prove.harness.trial import Trial
from tolv.prove.probes._hold import until
from tolv.prove.traffic import fresh


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was answered."""

    token: str
    """Its marker: in the header X-Request-ID and in the user agent, of a write in the item."""
    method: str
    path: str
    """Without its query."""
    answer: Answer
    before: Mark
    """What was written when it was sent."""

    def named(self, text: str) -> bool:
        """Whether a line is about this request and no other."""
        return self.token in text

    def described(self, text: str) -> bool:
        """Whether a line is about a request for this route."""
        path = rf"(?<![\w/.-]){re.escape(self.path)}(?![\w/.-])"
        return bool(re.search(rf"\b{self.method}\b", text) and re.search(path, text))


async def read(trial: Trial, instance: Instance) -> Asked:
    """Send the read of `[prove]`; without one, ask for the health path. Raises `NoAnswer`."""
    token, before = fresh(), instance.mark()
    headers = (("X-Request-ID", token), ("User-Agent", f"tolv-prove/{token}"))
    steps = trial.subject.recipes.read
    if steps:
        answer = await trial.traffic.ask(instance, "read", headers=headers)
        return Asked(token, steps[-1].method, steps[-1].path.partition("?")[0], answer, before)
    path = instance.made.health
    answer = await instance.client.request("GET", path, headers=headers)
    trial.saw("answer", f"GET {path} (X-Request-ID: {token}) -> {answer.status}", instance.name)
    return Asked(token, "GET", path.partition("?")[0], answer, before)


async def write(trial: Trial, instance: Instance) -> Asked:
    """Send the write of `[prove]`. Raises `CannotProve` and `NoAnswer`."""
    before, steps = instance.mark(), trial.subject.recipes.write
    written = await trial.traffic.write(instance)
    return Asked(written.token, steps[-1].method, steps[-1].path.partition("?")[0], written.answer, before)


def events(asked: Sequence[Asked], lines: Sequence[Line]) -> int:
    """How many of the requests, all for one route, the lines tell of: by their markers, else by method and path."""
    texts = [one.text for one in lines]
    named = sum(any(one.named(text) for text in texts) for one in asked)
    described = sum(asked[0].described(text) for text in texts) if asked else 0
    return max(named, min(described, len(asked)))


async def logged(instance: Instance, asked: Sequence[Asked], timeout: float) -> int:
    """How many of the requests are told of, after so many seconds or as soon as all are. Lines count that came since
    the first; where there is one for each and none can be told from others, all are told of."""
    before = asked[0].before

    def count() -> int:
        new = instance.lines(before)
        told = events(asked, new)
        return len(asked) if not told and len(new) >= len(asked) else told

    await until(lambda: count() == len(asked) or not instance.alive, timeout)
    return count()
