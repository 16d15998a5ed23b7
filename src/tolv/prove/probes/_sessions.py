"""Sessions: whether an instance takes somebody for who has logged in elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from tolv.errors import TolvError
from tolv.prove.answer import Answer
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.probe import CannotProve
from tolv.prove.recipes import EXAMPLES
from tolv.prove.session import Session
from tolv.services.urls import parse


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session, with what `whoami` answers to it and to a stranger."""

    session: Session
    known: Answer
    stranger: Answer

    def is_known(self, answer: Answer) -> bool:
        """Whether an answer is one to the session, not to a stranger."""
        if self.known.status != self.stranger.status:
            return answer.status == self.known.status
        return answer.body == self.known.body


async def sign_in(trial: Trial, instance: Instance) -> SignedIn:
    """Log in. Raises `CannotProve` where `whoami` does not tell who has logged in from a stranger."""
    session = await trial.traffic.login(instance)
    known = await trial.traffic.whoami(instance, session)
    stranger = await trial.traffic.whoami(instance, None)
    alike = (known.status, known.body) == (stranger.status, stranger.body)
    if alike or known.status >= 400:
        what = "answers a stranger alike" if alike else f"is answered {known.status} after the login"
        raise CannotProve(f"the whoami of [prove] {what}", EXAMPLES["whoami"])
    return SignedIn(session, known, stranger)


async def is_known(trial: Trial, instance: Instance, signed: SignedIn) -> bool:
    """Whether an instance takes the session for one of its own."""
    return signed.is_known(await trial.traffic.whoami(instance, signed.session))


def shares_a_service(trial: Trial) -> bool:
    """Whether `[prove]` itself names a service: then two deploys of a trial share it."""
    return any(_is_service(value) for value in trial.subject.recipes.env.values())


def _is_service(value: str) -> bool:
    try:
        return "://" in value and parse(value).kind not in (None, "http")
    except TolvError:
        return False


async def another_deploy(trial: Trial) -> dict[str, str | None]:
    """The variables of a second deploy, which shares no data with that of the trial.

    Raises `CannotProve` where it would.
    """
    if shares_a_service(trial):
        raise CannotProve("[prove.env] names a service, which two deploys would share")
    others = await trial.backing.another_deploy()
    for one in others:
        what = f"{one.kind} at 127.0.0.1:{one.port}, with no data of the first"
        trial.saw("service", f"a second deploy's {one.name}: {what}")
    return {name: value for one in others for name, value in one.env.items()}
