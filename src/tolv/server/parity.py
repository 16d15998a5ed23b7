"""What is known of two environments of an app, gathered for `tolv.parity`. No value of config leaves this module."""

from __future__ import annotations

import asyncio
import logging
import platform as machine
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tolv.build.model import Build
from tolv.codebase.commits import CommitLog, read_commits
from tolv.config.assemble import assemble
from tolv.config.cipher import Cipher
from tolv.config.references import known
from tolv.errors import TolvError, UsageError
from tolv.parity.between import commit_below
from tolv.parity.compare import compare, differences_at_start
from tolv.parity.model import Service, Setting, Side, Went
from tolv.parity.urls import kind_of
from tolv.parity.variables import role_of
from tolv.run.formation import formation_for
from tolv.server.platform import Platform
from tolv.server.threads import in_thread
from tolv.services.ask import ask
from tolv.services.model import Facts

log = logging.getLogger("tolv.server")

Ask = Callable[[str, str, float], Facts]
"""Asks a running service, as `tolv.services.ask.ask` does."""
Attached = Callable[[str, str], Awaitable[Sequence[Service]]]
"""The services that are attached to a deploy, with the versions of their running servers."""

#: Kinds whose servers say over their own protocol which version they are.
_TELLING = frozenset({"postgres", "redis", "rabbitmq", "s3", "smtp"})
#: Seconds that a service has to answer.
_ANSWER = 3.0
#: Seconds after which `up` goes on without its warnings.
_AT_START = 0.25


async def none_attached(app: str, environment: str) -> Sequence[Service]:
    """`Attached` where all that is known of a service is the URL in config."""
    return ()


async def parity(
    platform: Platform, app: str, left: str, right: str, *, attached: Attached = none_attached, ask: Ask = ask
) -> dict[str, Any]:
    """How far apart two environments of an app are, as `tolv parity --json` prints it.

    Raises `UsageError` if there is no such app or environment, or they are one and the same.
    """
    for environment in (left, right):
        await in_thread(platform.deploys.get, app, environment)
    if left == right:
        raise UsageError(f"{left} cannot be compared with itself", remedy="name two environments: staging prod")
    one, other = await asyncio.gather(*(_side(platform, app, name, attached, ask) for name in (left, right)))
    history = await in_thread(_commits, platform, app, (one, other))
    return compare(app, one, other, history, time.time()).to_dict()


async def warnings_at_start(
    platform: Platform, app: str, environment: str, made: Build, config: Mapping[str, str], production: str = "prod"
) -> list[str]:
    """What breaks parity between what is about to start and what production runs, a line each.

    Asks neither git nor a service. Raises nothing and takes no time that anybody notices: rather it says nothing.
    """
    if environment == production:
        return []
    try:
        asked = in_thread(_at_start, platform, app, environment, made, config, production)
        return await asyncio.wait_for(asked, _AT_START)
    except Exception as error:
        log.warning("what %s is about to run was not compared with %s: %r", app, production, error)
        return []


def _at_start(
    platform: Platform, app: str, environment: str, made: Build, config: Mapping[str, str], production: str
) -> list[str]:
    deploy, other = platform.deploys.find(app, environment), platform.deploys.find(app, production)
    live = platform.releases.live(app, production) if other else None
    build = platform.builds.find(live.build) if live else None
    if other is None or live is None or build is None:
        return []
    formation = formation_for(made.processes, made.formation, deploy.formation if deploy else {})
    ours = _told(platform, environment, made, config)
    theirs = _told(platform, production, build, platform.cipher.open(platform.configs.get(live.config).sealed))
    return differences_at_start(
        Side(environment, "", True, made, formation, *ours),
        Side(production, live.name, other.running, build, other.formation, *theirs),
        app,
    )


def _told(
    platform: Platform, environment: str, build: Build, config: Mapping[str, str]
) -> tuple[dict[str, Setting], tuple[Service, ...]]:
    values, _ = assemble(_in_the_clear(config), build.variables, {}, environment)
    return _settings(platform.cipher, values), tuple(_by_url(values))


async def _side(platform: Platform, app: str, environment: str, attached: Attached, ask: Ask) -> Side:
    deploy = await in_thread(platform.deploys.get, app, environment)
    live = await in_thread(platform.releases.live, app, environment)
    build = await in_thread(platform.builds.find, live.build) if live else None
    config = await platform.config_in(live) if live else await platform.config_of(app, environment)
    values, _ = assemble(_in_the_clear(config), build.variables if build else (), {}, environment)
    return Side(
        environment=environment,
        release=live.name if live else None,
        running=deploy.running,
        build=build,
        formation=deploy.formation,
        settings=_settings(platform.cipher, values),
        services=await _services(values, await attached(app, environment), ask),
        went=await in_thread(_went, platform, app, environment),
        os=_operating_system(),
        engine="local",
    )


def _in_the_clear(config: Mapping[str, str]) -> dict[str, str]:
    """The values; a reference that no release has read yet counts as empty."""
    return {name: value or "" for name, value in known(config).items()}


def _settings(cipher: Cipher, values: Mapping[str, str]) -> dict[str, Setting]:
    """The name is hashed with the value: that two variables of one config are equal is nobody's business."""
    return {
        name: Setting(cipher.fingerprint(f"{name}\0{value}"), role_of(name, value), empty=not value)
        for name, value in values.items()
    }


async def _services(values: Mapping[str, str], attached: Sequence[Service], ask: Ask) -> tuple[Service, ...]:
    """Those that are attached, and those that a variable leads to by URL, asked for their versions."""
    covered = {name for one in attached for name in one.variables}
    by_url = [one for one in _by_url(values) if one.name not in covered]
    asked = await asyncio.gather(*(in_thread(_asked, one, values[one.name], ask) for one in by_url))
    return (*attached, *asked)


def _by_url(values: Mapping[str, str]) -> list[Service]:
    return [
        Service(name, kind, variables=(name,), attached=False)
        for name, value in sorted(values.items())
        if (kind := kind_of(value)) is not None
    ]


def _asked(one: Service, url: str, ask: Ask) -> Service:
    if one.kind not in _TELLING:
        return one
    version, problem = None, None
    try:
        version = ask(one.kind, url, _ANSWER).version or None
    except TolvError as error:
        problem = error.problem
    except NotImplementedError:
        problem = f"there is no way yet to ask a {one.kind} for its version"
    return Service(one.name, one.kind, version, one.variables, one.required, one.attached, problem)


def _went(platform: Platform, app: str, environment: str) -> tuple[Went, ...]:
    """Each time that a release went live, in order."""
    releases = {one.number: one for one in platform.releases.list(app, environment)}
    builds = {digest: platform.builds.find(digest) for digest in {one.build for one in releases.values()}}
    clean = {digest for digest, build in builds.items() if build is not None and not build.dirty}
    return tuple(
        Went(one.name, event.at, one.by, one.build, one.commit or None if one.build in clean else None)
        for event in platform.releases.events(app, environment)
        if event.kind == "live" and (one := releases[event.number])
    )


def _commits(platform: Platform, app: str, sides: Sequence[Side]) -> CommitLog:
    path = platform.apps.get(app).source_path
    ids = [one.commit for side in sides for one in side.went if one.commit]
    ids += [commit for side in sides if (commit := commit_below(side))]
    if not path:
        return CommitLog(problem="nobody knows where it is")
    return read_commits(Path(path), ids)


def _operating_system() -> str:
    try:
        return machine.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{machine.system()} {machine.release()}"
