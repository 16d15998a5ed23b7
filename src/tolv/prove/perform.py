"""Running one recipe on one instance, step by step, with each request noted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from tolv.prove.answer import Answer, NoAnswer
from tolv.prove.client import Client, Held
from tolv.prove.fill import Filled, fill_step
from tolv.prove.model import Kind
from tolv.prove.probe import CannotProve
from tolv.prove.recipes import EXAMPLES, Recipes
from tolv.prove.session import Session
from tolv.prove.steps import Step

#: Takes what was done or seen: its kind, the text, and on which instance. `Trial.saw` is one.
Note = Callable[[Kind, str, str | None], None]
Headers = tuple[tuple[str, str], ...]
#: Redirects that are followed one after the other.
_REDIRECTS = 5


class Instance(Protocol):
    """A running process of the app, as far as traffic needs it."""

    @property
    def name(self) -> str: ...

    @property
    def client(self) -> Client: ...


class Unexpected(CannotProve):
    """The app answered, but not as the recipe says."""

    def __init__(self, recipe: str, shown: str, answer: Answer) -> None:
        super().__init__(f"the {recipe} of [prove] is not answered as it should be: {shown}", EXAMPLES[recipe])
        self.shown = shown
        """`POST /notes {"text": "k17"} -> 404 Not Found`."""
        self.answer = answer


@dataclass(slots=True)
class Scene:
    """One run of a recipe."""

    recipe: str
    instance: Instance
    session: Session = field(default_factory=Session)
    given: dict[str, str] = field(default_factory=dict)
    """Values that are known before the first answer."""
    content: bytes | None = None
    """What the last step uploads."""
    headers: Headers = ()
    timeout: float = 10.0
    """Seconds for each answer."""
    judge: bool = True
    """An answer that is not as the recipe says is `Unexpected`."""
    stranger: bool = False
    """A value that nothing has told is empty."""


class Performer:
    """Runs the steps of recipes; `note` is told of every request."""

    def __init__(self, recipes: Recipes, note: Note) -> None:
        self._recipes = recipes
        self._note = note

    async def run(self, scene: Scene) -> tuple[Filled, Answer]:
        """All steps. Gives the last request with its answer.

        Raises `CannotProve` and `NoAnswer`.
        """
        *before, last = self._steps(scene)
        for step in before:
            await self._ask(scene, step)
        return await self._ask(scene, last, scene.content)

    async def hold(
        self,
        scene: Scene,
        chunk: int | None = None,
        pause: float = 0.0,
        before_last: Callable[[], Awaitable[None]] | None = None,
        pieces: int | None = None,
    ) -> tuple[Filled, Held]:
        """All steps but the last, which is begun and left on its way. Its answer is noted when it comes.

        Its body goes out `chunk` bytes at a time, or in `pieces`, `pause` seconds apart. `before_last` is awaited when
        all other steps are done. Raises `CannotProve` and `NoAnswer`.
        """
        *before, last = self._steps(scene)
        for step in before:
            await self._ask(scene, step)
        if before_last is not None:
            await before_last()
        filled, name = self._filled(scene, last, scene.content), scene.instance.name
        if pieces is not None:
            chunk = max(1, -(-len(filled.body or b"") // pieces))
        try:
            held = await scene.instance.client.begin(
                filled.method,
                filled.path,
                headers=filled.headers,
                body=filled.body,
                chunk=chunk,
                pause=pause,
                session=scene.session,
            )
        except NoAnswer as error:
            self._note("answer", f"{filled.shown} -> {error.text}", name)
            raise
        held.ended = lambda came: self._note("answer", _line(filled, came), name)
        self._note("sent", filled.shown, name)
        return filled, held

    def _steps(self, scene: Scene) -> tuple[Step, ...]:
        steps = self._recipes.steps(scene.recipe)
        if not steps:
            raise CannotProve(f"[prove] has no {scene.recipe}", EXAMPLES[scene.recipe])
        return steps

    async def _ask(self, scene: Scene, step: Step, content: bytes | None = None) -> tuple[Filled, Answer]:
        filled = self._filled(scene, step, content)
        answer = await self._send(scene, filled)
        for _ in range(_REDIRECTS if step.follow else 0):
            target = _target(answer, filled, scene.instance.client.host)
            if target is None:
                break
            same = answer.status in (307, 308)
            kept = tuple(one for one in filled.headers if same or one[0].lower() != "content-type")
            method, body = (filled.method, filled.body) if same else ("GET", None)
            filled = Filled(method, target, kept, body, b"", f"{method} {target}", filled.status, filled.contains)
            answer = await self._send(scene, filled)
        scene.session.learn(answer)
        refusal = filled.refusal(answer)
        if refusal is not None and scene.judge:
            raise Unexpected(scene.recipe, f"{filled.shown} {refusal}", answer)
        return filled, answer

    async def _send(self, scene: Scene, filled: Filled) -> Answer:
        instance = scene.instance
        try:
            answer = await instance.client.request(
                filled.method,
                filled.path,
                headers=filled.headers,
                body=filled.body,
                timeout=scene.timeout,
                session=scene.session,
            )
        except NoAnswer as error:
            self._note("answer", _line(filled, error), instance.name)
            raise
        self._note("answer", _line(filled, answer), instance.name)
        return answer

    def _filled(self, scene: Scene, step: Step, content: bytes | None) -> Filled:
        values = scene.session.values | scene.given
        missing = [one for one in step.placeholders if one not in values]
        if missing and not scene.stranger:
            names = (one for one in values if not one.startswith("answer.") or one[7:] in scene.given)
            known = ", ".join(f"{{{one}}}" for one in sorted(names))
            reason = f"the {scene.recipe} of [prove] names {{{missing[0]}}}; what came before it says only {known}"
            raise CannotProve(reason, EXAMPLES[scene.recipe])
        filled = fill_step(step, {**dict.fromkeys(missing, ""), **values}, content)
        own = {name.lower(): (name, value) for name, value in (*self._recipes.headers, *filled.headers, *scene.headers)}
        return replace(filled, headers=tuple(own.values()))


def _target(answer: Answer, filled: Filled, host: str) -> str | None:
    """Path and query that an answer redirects to; None: nowhere, or elsewhere than to the app."""
    location = answer.header("location")
    if answer.status not in (301, 302, 303, 307, 308) or not location:
        return None
    base = f"http://{host}{filled.path}"
    goal = urlsplit(urljoin(base, location))
    if goal.hostname not in (urlsplit(base).hostname, "localhost", "127.0.0.1"):
        return None
    return (goal.path or "/") + (f"?{goal.query}" if goal.query else "")


def _line(filled: Filled, came: Answer | NoAnswer) -> str:
    if isinstance(came, NoAnswer):
        return f"{filled.shown} -> {came.text}"
    return f"{filled.shown} -> {came.status} ({came.seconds:.2f} s)"
