"""Whether a session holds on every process."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from tolv.prove.client import Answer, Session
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, agree, probe, proved, refuted
from tolv.prove.recipes import EXAMPLES

#: How often the same is asked: an app's workers may take turns.
_ASKED = 3
#: How often an answer that is an error of the server is asked for again, and the seconds in between.
_AGAIN, _PAUSE = 4, 0.5
_WORD = re.compile(r"[^\s<>\"'=,:;{}()\[\]]+")
_SIGNED = '    return hmac.new(SECRET_KEY.encode(), session.encode(), "sha256").hexdigest()\n'


class Forgotten(Exception):
    """The process that has opened a session does not know it any more; the text says how that was seen."""


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who is logged in, and how an answer shows that."""

    session: Session
    status: int
    words: frozenset[str]
    """What stands in the answer and not in a stranger's; empty: the status alone tells them apart."""

    def knows(self, answer: Answer) -> bool:
        """Whether an answer is one to this user."""
        there = len(self.words & _words(answer))
        return answer.status == self.status and (not self.words or 2 * there >= len(self.words))


async def log_in(trial: Trial, instance: Instance) -> Login:
    """Log in, and learn how `whoami` is answered then.

    Raises `Forgotten`, and `CannotProve` if `whoami` is answered to the user as to anybody.
    """
    session = await trial.traffic.login(instance)
    trial.saw("saw", "first asked as a stranger, then as the user", instance.name)
    stranger = await trial.traffic.whoami(instance, None)
    answers = [await who(trial, instance, session) for _ in range(_ASKED)]
    statuses = {one.status for one in answers}
    if len(statuses) > 1:
        if stranger.status in statuses:
            raise Forgotten(f"{instance.name}, asked {_ASKED} times, knows the session only sometimes")
        raise CannotProve(f"whoami is answered {' and '.join(map(str, sorted(statuses)))} after one login")
    words: frozenset[str] = frozenset()
    if answers[0].status == stranger.status:
        words = frozenset.intersection(*map(_words, answers)) - _words(stranger)
        if not words:
            reason = f"on {instance.name} itself whoami is answered {stranger.status} to a user as to a stranger"
            raise CannotProve(reason, EXAMPLES["login"], EXAMPLES["whoami"])
    return Login(session, answers[0].status, words)


async def who(trial: Trial, instance: Instance, session: Session) -> Answer:
    """Ask who is logged in; an error of the server is given a few chances to pass."""
    answer = await trial.traffic.whoami(instance, session)
    for _ in range(_AGAIN):
        if answer.status < 500:
            break
        await asyncio.sleep(_PAUSE)
        answer = await trial.traffic.whoami(instance, session)
    return answer


def _words(answer: Answer) -> frozenset[str]:
    """What an answer says, the target of a redirect included, in no order."""
    return frozenset(_WORD.findall(f"{answer.header('location')} {answer.text()}"))


@probe(
    "VI-P1",
    title="a session holds on every process",
    tier=1,
    needs=("web", "login", "whoami"),
    does="Logs in on one of two web processes, and asks the other one, with the same cookies or token, who that is.",
    proved="The other one knows the user, in both directions, every time.",
    refuted="The other one takes the user for a stranger: the session is kept in one process, or signed with a secret "
    "that only this process has.",
    fix="Keep sessions in a backing service, or in a cookie that is signed with a secret from the config.",
    rules=("VI-03", "VI-08", "VI-09"),
    mutation=Mutation(
        "keeps its sessions in memory",
        {
            "app.py": (
                (_SIGNED, "    return SESSIONS.setdefault(session, secrets.token_hex(16))\n"),
                ("# Notes.\n", "# Notes.\nSESSIONS: dict[str, str] = {}\n"),
            )
        },
    ),
)
async def session_is_shared(trial: Trial) -> Outcome:
    here, there = await trial.pair()

    async def attempt() -> Outcome:
        nonlocal here, there
        here, there = there, here
        try:
            login = await log_in(trial, here)
        except Forgotten as error:
            return refuted(str(error))
        for _ in range(_ASKED):
            answer = await who(trial, there, login.session)
            if not login.knows(answer):
                how = "as a stranger" if answer.status == login.status else str(answer.status)
                return refuted(f"who has logged in on {here.name} is answered {how} on {there.name}")
        return proved(f"logged in on {here.name}, known on {there.name}, and the other way round")

    return await agree(3, attempt)
