"""A client that keeps what it was answered, for probes that search all of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tolv.prove.answer import Answer
from tolv.prove.client import Client, Session
from tolv.prove.harness.instance import Instance


class Recording(Client):
    """Takes the place of an instance's client."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(instance.client._connect, instance.client.host)
        self.answers: list[tuple[str, Answer]] = []
        """Each with its request: `GET /notes/17`."""
        instance.client = self

    async def request(self, method: str, path: str, *, session: Session | None = None, **more: Any) -> Answer:
        answer = await super().request(method, path, session=session, **more)
        self.answers.append((f"{method} {path}", answer))
        return answer

    def holding(self, texts: Iterable[str]) -> list[tuple[str, Answer, str]]:
        """The answers that hold one of the texts, in their head or their body, with that text."""
        texts = tuple(texts)
        return [(asked, answer, one) for asked, answer in self.answers for one in texts if is_in(answer, one)]


def is_in(answer: Answer, text: str) -> bool:
    """Whether an answer holds a text."""
    return text.encode() in answer.body or any(text in value for _, value in answer.headers)
