"""Traffic: the recipes of `[prove]`, run on an instance, each request noted as evidence.

    written = await traffic.write(a)
    reading = await traffic.read_back(b, written)
    if not reading.found: …

An app that does not do what its recipe says cannot be proved by it: `Unexpected`, which is a `CannotProve`. An app that
does not answer at all is for the probe to judge: `NoAnswer`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tolv.prove.answer import Answer, NoAnswer
from tolv.prove.client import Held
from tolv.prove.fill import Filled
from tolv.prove.model import Kind
from tolv.prove.perform import Headers, Instance, Note, Performer, Scene, Unexpected
from tolv.prove.probe import CannotProve
from tolv.prove.recipes import EXAMPLES, Recipes
from tolv.prove.session import Session

__all__ = ["Instance", "Note", "Reading", "Tally", "Traffic", "Unexpected", "Uploading", "Written", "fresh"]

#: Seconds that an answer may take where the probe does not say.
TIMEOUT = 10.0
#: What JSON says of a job that is not done.
_UNDONE = frozenset(
    "accepted created deferred enqueued in-progress in_progress new pending processing queued received retry running "
    "scheduled started waiting working".split()
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Written:
    """What was made on an instance, and all that is needed to ask for it."""

    token: str
    """The fresh marker that it holds."""
    session: Session
    answer: Answer
    shown: str
    """The last request: `POST /notes {"text": "k17"}`."""
    given: dict[str, str]
    content: bytes = b""
    """Of an upload: what was sent."""

    @property
    def fields(self) -> dict[str, str]:
        """What the answers said, by name."""
        return self.session.fields


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of asking for something that was made."""

    answer: Answer
    found: bool
    """It is there: of an item, its marker; of an upload, the same bytes; of a job, that it is done."""
    shown: str
    """`GET /notes/17 -> 404`, `GET /notes/17 -> 200 without k17`."""


@dataclass(frozen=True, slots=True)
class Uploading:
    """An upload that is going out."""

    held: Held
    token: str
    session: Session
    shown: str
    given: dict[str, str]
    content: bytes

    async def finished(self, timeout: float) -> Written:
        """Wait for its answer. Raises `NoAnswer`."""
        answer = await self.held.answer(timeout)
        self.session.learn(answer)
        return Written(self.token, self.session, answer, self.shown, self.given, self.content)


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of several requests."""

    requests: int = 0
    """How many recipes were run."""
    problems: tuple[str, ...] = ()
    """One for each that failed, with the instance's name: `web.2: GET / -> 500`."""


class Traffic:
    """What an app can be asked to do. `note` is told of every request."""

    def __init__(self, recipes: Recipes, note: Note) -> None:
        self.recipes = recipes
        self._performer = Performer(recipes, note)

    def unnoted(self) -> Traffic:
        """The same, of which nobody is told: of many requests only their sum is evidence."""
        return Traffic(self.recipes, _unnoted)

    async def read(self, instance: Instance, *, headers: Headers = (), timeout: float = TIMEOUT) -> Answer:
        """Read what is always there."""
        return (await self._performer.run(_scene("read", instance, headers=headers, timeout=timeout)))[1]

    async def ask(self, instance: Instance, recipe: str, *, headers: Headers = (), timeout: float = TIMEOUT) -> Answer:
        """Run a recipe that stands for itself: `health`, `ready`, `version`, `outbound` … Any answer will do."""
        scene = _scene(recipe, instance, headers=headers, timeout=timeout, judge=False)
        return (await self._performer.run(scene))[1]

    async def write(self, instance: Instance, *, token: str | None = None, timeout: float = TIMEOUT) -> Written:
        """Make an item with a fresh marker, or the one given."""
        return await self._make(_scene("write", instance, token, timeout=timeout))

    async def read_back(self, instance: Instance, written: Written, *, timeout: float = TIMEOUT) -> Reading:
        """Read an item, here or on another instance. That it is gone is an answer, no error."""
        filled, answer = await self._again("read_back", instance, written, timeout)
        refusal = filled.refusal(answer)
        found = refusal is None and written.token.encode() in answer.body
        said = f"-> {answer.status}" + ("" if found else f" without {written.token}")
        if refusal is not None:
            said = refusal if answer.status < 400 else f"-> {answer.status}"
        return Reading(answer, found, f"{filled.shown} {said}")

    async def write_and_read(self, instance: Instance, *, timeout: float = TIMEOUT) -> Written:
        """Make an item and see that it can be read on the same instance: else nothing can be proved by it.

        Raises `CannotProve` if it cannot.
        """
        written = await self.write(instance, timeout=timeout)
        reading = await self.read_back(instance, written, timeout=timeout)
        if not reading.found:
            reason = f"what was written is not read back: {written.shown}, then {reading.shown}"
            raise CannotProve(reason, EXAMPLES["write"], EXAMPLES["read_back"])
        return written

    async def login(self, instance: Instance, *, timeout: float = TIMEOUT) -> Session:
        """Log in; redirects are followed."""
        scene = _scene("login", instance, timeout=timeout)
        await self._performer.run(scene)
        return scene.session

    async def whoami(self, instance: Instance, session: Session | None, *, timeout: float = TIMEOUT) -> Answer:
        """Ask who is logged in; None: as a stranger. Any answer will do, and the session stays as it is."""
        scene = _scene("whoami", instance, timeout=timeout, judge=False)
        scene.session, scene.stranger = (Session(), True) if session is None else (session.copy(), False)
        return (await self._performer.run(scene))[1]

    async def slow(self, instance: Instance) -> Held:
        """Begin the slow request, and leave it on its way."""
        return (await self._performer.hold(_scene("slow", instance)))[1]

    async def hold(self, instance: Instance, recipe: str, before_last: Callable[[], Awaitable[None]]) -> Held:
        """Begin the last request of a recipe, and leave it on its way; `before_last` is awaited just before."""
        return (await self._performer.hold(_scene(recipe, instance), before_last=before_last))[1]

    async def slow_write(self, instance: Instance, *, pieces: int, pause: float) -> Held:
        """Begin a write, the body of whose last request goes out in so many pieces, `pause` seconds apart."""
        return (await self._performer.hold(_scene("write", instance), pieces=pieces, pause=pause))[1]

    async def upload(self, instance: Instance, *, size: int = 4096, timeout: float = TIMEOUT) -> Written:
        """Upload `size` bytes of text under a fresh name."""
        return await self._make(_upload(instance, size, timeout))

    async def slow_upload(self, instance: Instance, *, size: int, chunk: int, pause: float) -> Uploading:
        """Begin an upload that goes out `chunk` bytes at a time, `pause` seconds apart."""
        scene = _upload(instance, size, TIMEOUT)
        filled, held = await self._performer.hold(scene, chunk, pause)
        return Uploading(held, scene.given["token"], scene.session, filled.shown, scene.given, filled.content)

    async def download(self, instance: Instance, uploaded: Written, *, timeout: float = TIMEOUT) -> Reading:
        """Download what was uploaded, here or on another instance. That it is gone is an answer, no error."""
        filled, answer = await self._again("download", instance, uploaded, timeout)
        found = filled.refusal(answer) is None and answer.body == uploaded.content
        other = "" if found or answer.status >= 400 else ", not what was sent"
        return Reading(answer, found, f"{filled.shown} -> {answer.status}, {len(answer.body)} bytes{other}")

    async def job(self, instance: Instance, *, token: str | None = None, timeout: float = TIMEOUT) -> Written:
        """Hand over a job with a fresh marker, or the one given."""
        return await self._make(_scene("job", instance, token, timeout=timeout))

    async def job_done(self, instance: Instance, job: Written, *, timeout: float = TIMEOUT) -> Reading:
        """Ask once whether a job is done.

        It is when the answer is as the recipe says. Where that names neither `status` nor `contains`: when it is 2xx
        but not 202, and no JSON whose `status` or `state` is a word such as `queued`, or whose `done` is false.
        """
        filled, answer = await self._again("job_done", instance, job, timeout)
        done = filled.refusal(answer) is None
        if filled.status is None and filled.contains is None:
            done = 200 <= answer.status < 300 and answer.status != 202 and not _undone(answer)
        return Reading(answer, done, f"{filled.shown} -> {answer.status}")

    async def some(self, instances: Sequence[Instance], count: int = 20) -> Tally:
        """`count` rounds, each on the next instance: a read and, every other round, a write that is read back on the
        instance after it; as far as there are recipes. It raises nothing of the app's: what failed is told."""
        problems: list[str] = []
        requests = 0

        async def attempt(instance: Instance, work: Awaitable[_T]) -> _T | None:
            nonlocal requests
            requests += 1
            try:
                return await work
            except Unexpected as error:
                problems.append(f"{instance.name}: {error.shown}")
            except NoAnswer as error:
                problems.append(f"{instance.name}: {error.text}")
            return None

        for number in range(count):
            here, there = (instances[(number + one) % len(instances)] for one in (0, 1))
            if self.recipes.read:
                await attempt(here, self.read(here))
            if not self.recipes.write or (number % 2 and self.recipes.read):
                continue
            written = await attempt(here, self.write(here))
            if written is not None and self.recipes.read_back:
                reading = await attempt(there, self.read_back(there, written))
                if reading is not None and not reading.found:
                    problems.append(f"{there.name}: {reading.shown}")
        return Tally(requests, tuple(problems))

    async def _make(self, scene: Scene) -> Written:
        filled, answer = await self._performer.run(scene)
        return Written(scene.given["token"], scene.session, answer, filled.shown, scene.given, filled.content)

    async def _again(self, recipe: str, instance: Instance, written: Written, timeout: float) -> tuple[Filled, Answer]:
        scene = Scene(recipe, instance, written.session.copy(), dict(written.given), timeout=timeout, judge=False)
        return await self._performer.run(scene)


def _unnoted(kind: Kind, text: str, where: str | None = None) -> None:
    pass


def fresh() -> str:
    """A marker that nothing else has: letters and digits, as it is everywhere written alike."""
    return "k" + secrets.token_hex(6)


def content_of(token: str, size: int) -> bytes:
    """Text of `size` bytes on one line, of which no two parts are alike."""
    words = " ".join(f"{token} {number:06}" for number in range(size // (len(token) + 8) + 1))
    return words.encode()[: size - 1].ljust(size - 1, b".") + b"."


def _scene(recipe: str, instance: Instance, token: str | None = None, **more: Any) -> Scene:
    return Scene(recipe, instance, given={"token": token or fresh()}, **more)


def _upload(instance: Instance, size: int, timeout: float) -> Scene:
    token = fresh()
    given = {"token": token, "name": f"{token}.txt"}
    return Scene("upload", instance, given=given, content=content_of(token, size), timeout=timeout)


def _undone(answer: Answer) -> bool:
    try:
        said = answer.json()
    except ValueError:
        return False
    if not isinstance(said, dict):
        return False
    words = (said.get(name) for name in ("status", "state"))
    return any(isinstance(word, str) and word.lower() in _UNDONE for word in words) or any(
        said.get(name) is False for name in ("done", "finished", "complete", "completed")
    )
