"""The bake window: each new release is watched for a while once it is live, and goes again by itself if it fails.

    live -> baking -> passed
                  \\-> failing -> rolled back   (to the last release that was found good)
                             \\-> stays         (there is none, or nobody wants it)

`tolv.release.judge` decides, `tolv.release.bakes` remembers; here is who looks, each second, and who acts. Every step
is in the store before it is done: a server that comes back goes on where its predecessor was killed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from typing import Any

from tolv.errors import TolvError
from tolv.logs.model import deploy_logs
from tolv.logs.writer import StampedLog
from tolv.release.bakes import UNDER_WAY, Bake, BakeStatus
from tolv.release.judge import Crashed, Observed, Traffic, Verdict, judge, percent
from tolv.release.rollback import phases_undone
from tolv.run.formation import ROUTED
from tolv.run.local.process import Crash
from tolv.server.deploys import go_back
from tolv.server.evidence import failed_requests, last_lines
from tolv.server.platform import Platform
from tolv.server.progress import Failed, Progress
from tolv.server.threads import in_thread
from tolv.server.traffic import Counts, total

log = logging.getLogger("tolv.server")

#: Seconds between two looks, between two notes in the store, and until what failed in Tolv itself is tried again.
_LOOK, _NOTE, _AGAIN = 1.0, 5.0, 1.0
#: Seconds that count as recent.
_RECENT = 10.0
#: Requests of the last minutes that the old release is measured by; if there were fewer, all that is known counts.
_MEASURE = 200
#: Who rolls back.
_BY = "tolv"

Key = tuple[str, str, int]


class Bakery:
    """All releases that bake."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._watches: dict[Key, Watch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def resume(self) -> None:
        """Go on with what a former server watched."""
        for bake in await in_thread(self._platform.bakes.under_way):
            self._start((bake.app, bake.environment, bake.release))

    def begin(self, app: str, environment: str, release: int) -> None:
        """A release has gone live: watch it, if that is wanted, and no other of its deploy."""
        self.stop(app, environment)
        self._start((app, environment, release))

    def stop(self, app: str, environment: str) -> None:
        """Watch no release of the deploy any more; what came of it is in the store."""
        for key, watch in self._watches.items():
            if key[:2] == (app, environment):
                watch.stop()

    def crashed(self, crash: Crash) -> None:
        """A process died against our will. What is not its own doing is not held against its release."""
        one = crash.identity
        watch = self._watches.get((one.app, one.environment, one.release))
        if watch is not None and not crash.blameless:
            watch.crashed(Crashed(one.name, crash.at, crash.reason, crash.hung))

    def left(self, app: str, environment: str, release: int) -> float | None:
        """Seconds for which the release is still watched; None when it is not."""
        watch = self._watches.get((app, environment, release))
        return None if watch is None else watch.left()

    async def settled(self, app: str, environment: str, release: int) -> tuple[Bake | None, str | None]:
        """Wait for what comes of a release; its bake, and the last lines that speak against it."""
        watch = self._watches.get((app, environment, release))
        if watch is not None:
            await watch.over.wait()
        return await in_thread(self._platform.bakes.find, app, environment, release), watch.lines if watch else None

    async def close(self) -> None:
        """Stop looking; the next server goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, key: Key) -> None:
        if key in self._watches:
            return
        watch = self._watches[key] = Watch(self._platform, *key)
        task = asyncio.create_task(self._run(key, watch), name=f"bake {key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: Key, watch: Watch) -> None:
        try:
            while True:
                try:
                    return await watch.run()
                except (TolvError, OSError) as error:  # the store is away, the disk is full
                    log.error("%s v%s in %s is not watched: %s; trying again", key[0], key[2], key[1], error)
                    await asyncio.sleep(_AGAIN)
        except Exception:
            log.exception("%s v%s in %s is not watched any more", key[0], key[2], key[1])
        finally:
            del self._watches[key]
            watch.over.set()


class Watch:
    """One release that bakes."""

    def __init__(self, platform: Platform, app: str, environment: str, release: int) -> None:
        self.over = asyncio.Event()
        """It is known what came of it."""
        self.lines: str | None = None
        """The last lines that speak against it."""
        self._platform = platform
        self._deploy = (app, environment)
        self._release = release
        self._crashes: list[Crashed] = []
        self._counts: Counts = {}
        self._before: Traffic | None = None
        self._looping: frozenset[str] = frozenset()
        self._recent: deque[tuple[float, Traffic]] = deque()
        self._failing_since: float | None = None
        self._until: float | None = None
        self._noted = 0.0
        self._wake = asyncio.Event()
        self._stopped = False

    def crashed(self, crash: Crashed) -> None:
        """Hear of a crash."""
        self._crashes.append(crash)
        self._wake.set()

    def stop(self) -> None:
        """Nobody wants to know any more."""
        self._stopped = True
        self._wake.set()

    def left(self) -> float | None:
        """Seconds until the window ends; None when that is not known yet."""
        return None if self._until is None else max(0.0, self._until - time.time())

    async def run(self) -> None:
        """See the release through its window. Raises what the store raises; may then be called again."""
        bake = await in_thread(self._platform.bakes.find, *self._deploy, self._release)
        if bake is None or bake.status not in UNDER_WAY:
            return
        if bake.status is BakeStatus.BAKING:
            await self._take_up(bake)
            verdict = await self._look_on(bake)
            if verdict is None or not await self._condemn(bake, verdict):
                return
            bake = await in_thread(self._platform.bakes.find, *self._deploy, self._release) or bake
        await self._roll_back(bake)

    # Looking.

    async def _take_up(self, bake: Bake) -> None:
        """Go on from what is written down. The time in which nobody looked does not count."""
        now, seen = time.time(), bake.observed
        assert bake.until is not None
        self._until = bake.until + max(0.0, now - (bake.seen or now))
        self._counts = {name: Traffic(**counts) for name, counts in seen.get("counts", {}).items()}
        known = {one.at for one in self._crashes}
        earlier = [Crashed(**one) for one in seen.get("crashes", []) if one["at"] not in known]
        self._crashes = [*earlier, *self._crashes]
        self._looping = frozenset(seen.get("looping", ()))
        self._failing_since = seen.get("failing_since")
        self._recent = deque([(now, total(self._counts))])
        if seen.get("before") is not None:
            self._before = Traffic(**seen["before"])

    async def _look_on(self, bake: Bake) -> Verdict | None:
        """Look each second until the window ends; the verdict, if there is one."""
        while not self._stopped:
            self._wake.clear()
            await self._count(bake)
            now = time.time()
            seen = self._observed(bake, now)
            verdict = judge(bake.policy, seen, bake.name, bake.target_name)
            if verdict is not None:
                return verdict
            assert self._until is not None
            if now >= self._until:
                await self._pass(bake, seen)
                return None
            if (self._crashes and self._crashes[-1].at > self._noted) or now >= self._noted + _NOTE:
                await in_thread(self._platform.bakes.note, bake, self._to_json(), now, self._until)
                self._noted = now
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK, self._until - now)):
                    await self._wake.wait()
        return None

    async def _count(self, bake: Bake) -> None:
        book = self._platform.traffic
        await book.look()
        self._counts.update(book.counts((*self._deploy, bake.name)))
        if self._before is None:
            named = bake.target_name
            self._before = book.lately((*self._deploy, named), _MEASURE) if named else Traffic()

    def _observed(self, bake: Bake, now: float) -> Observed:
        traffic = total(self._counts)
        self._recent.append((now, traffic))
        while len(self._recent) > 2 and self._recent[1][0] <= now - _RECENT:
            self._recent.popleft()
        recent = traffic - self._recent[0][1]
        self._failing_since = (self._failing_since or now) if recent.failed else None
        return Observed(
            seconds=now - (bake.live or now),
            traffic=traffic,
            recent=recent,
            failing_for=now - self._failing_since if self._failing_since else 0.0,
            crashes=tuple(self._crashes),
            formation=self._platform.engine.deployment(*self._deploy).formation,
            before=self._before or Traffic(),
            looping=self._looping,
        )

    def _to_json(self) -> dict[str, Any]:
        return {
            "counts": {name: counts.to_dict() for name, counts in self._counts.items()},
            "before": self._before.to_dict() if self._before else None,
            "crashes": [one.to_dict() for one in self._crashes],
            "looping": sorted(self._looping),
            "failing_since": self._failing_since,
        }

    # Acting.

    async def _pass(self, bake: Bake, seen: Observed) -> None:
        summary = f"{seen.traffic.failed:,} of {seen.traffic.requests:,} requests failed"
        if seen.traffic.failed:
            few = ", too few to judge" if seen.traffic.requests < bake.policy.min_requests else ""
            summary += f" ({percent(seen.traffic.share)}{few})"
        crashes = len(seen.crashes)
        summary += f", {crashes} crash{'' if crashes == 1 else 'es'}" if crashes else ", no crash"
        await in_thread(self._platform.bakes.conclude, bake, BakeStatus.PASSED, summary)
        self._say(bake, f"watched for {bake.policy.bake:g} s: {summary}")

    async def _condemn(self, bake: Bake, verdict: Verdict) -> bool:
        """Write down and say why it must go; whether it is to go by itself."""
        reason = verdict.reason
        launch = self._platform.engine.deployment(*self._deploy).live
        if launch is not None and launch.release == bake.release:
            logs = self._platform.home.logs
            self.lines = await in_thread(last_lines, logs, launch, verdict.process or ROUTED)
            if verdict.process is None and (most := await in_thread(failed_requests, logs, launch)):
                reason += f"; {most}"
        self._say(bake, f"fails: {reason}")
        why_not = None
        if not bake.policy.auto_rollback:
            why_not = "it stays, as nothing is to be rolled back by itself"
        elif bake.target is None:
            why_not = "it stays, as there is no earlier release to go back to"
        if why_not is not None:
            self._say(bake, why_not)
            await in_thread(self._platform.bakes.conclude, bake, BakeStatus.STAYS, f"{reason}; {why_not}")
            return False
        await in_thread(self._platform.bakes.conclude, bake, BakeStatus.FAILING, reason)
        return True

    async def _roll_back(self, bake: Bake) -> None:
        """Go back, once no other operation holds the deploy; perhaps that one has replaced the release already."""
        platform, (app, environment) = self._platform, self._deploy
        assert bake.target is not None
        try:
            async with platform.lease(app, environment, "rollback", _BY, wait=True) as operation:
                now = await in_thread(platform.bakes.find, app, environment, bake.release)
                if now is None or now.status is not BakeStatus.FAILING:
                    return
                phases = await self._phases_since(bake)
                value = await go_back(platform, operation, bake.target, _BY, Progress(), because=bake.reason)
        except (TolvError, Failed) as failure:
            error = failure.error if isinstance(failure, Failed) else failure
            why = f"it stays, as going back to {bake.target_name} failed: {error.problem}"
            self._say(bake, why)
            await in_thread(platform.bakes.conclude, bake, BakeStatus.STAYS, f"{bake.reason}; {why}")
            return
        self._say(bake, f"rolled back to {bake.target_name} by itself: {value['release']} is live")
        if phases:
            self._say(bake, f"{' and '.join(phases)} ran a release phase: what it did to a database stays done")

    async def _phases_since(self, bake: Bake) -> list[str]:
        releases = await in_thread(self._platform.releases.list, *self._deploy)
        target = next((one for one in releases if one.number == bake.target), None)
        return [one.name for one in phases_undone(releases, target)] if target else []

    def _say(self, bake: Bake, text: str) -> None:
        """A line of the platform's own in the deploy's log stream; a full disk costs the line, not the rollback."""
        writer = StampedLog(deploy_logs(self._platform.home.logs, *self._deploy) / "platform.log")
        with suppress(OSError):
            writer.write(bake.name, "bake", text)
        log.info("%s %s in %s: %s", bake.app, bake.name, bake.environment, text)
