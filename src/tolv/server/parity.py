"""What is known of two environments of an app, gathered for `tolv.parity`. No value of config leaves this module."""

from __future__ import annotations

import asyncio
import logging
import platform as machine
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tolv.build.model import Build
from tolv.codebase.commits import CommitLog, read_commits
from tolv.codebase.services import VERSIONED
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
from tolv.server.backing import ASK_WITHIN
from tolv.server.platform import Platform
from tolv.server.threads import in_thread
from tolv.services.ask import ask

log = logging.getLogger("tolv.server")

Versions = Callable[[str, str], Awaitable[Mapping[str, tuple[str, str]]]]
"""By name, kind and actual version of what is attached to an app in an environment; empty where it does not answer."""

#: Seconds after which `up` goes on without its warnings.
_AT_START = 0.25


async def parity(platform: Platform, app: str, left: str, right: str, versions: Versions) -> dict[str, Any]:
    """How far apart two environments of an app are, as `tolv parity --json` prints it.

    Raises `UsageError` if there is no such app or environment, or they are one and the same.
    """
    for environment in (left, right):
        await in_thread(platform.deploys.get, app, environment)
    if left == right:
        raise UsageError(f"{left} cannot be compared with itself", remedy="name two environments: staging prod")
    one, other = await asyncio.gather(*(_side(platform, app, name, versions) for name in (left, right)))
    history = await in_thread(_commits, platform, app, (one, other))
    return compare(app, one, other, history, time.time()).to_dict()


async def warnings_at_start(
    platform: Platform, app: str, environment: str, made: Build, config: Mapping[str, str], production: str
) -> list[str]:
    """What breaks parity between what is about to start and what production runs, a line each.

    Asks neither git nor a service. Raises nothing and takes no time that anybody notices: rather it says nothing.
    """
    if environment == production:
        return []
    try:
        comparing = _at_start(platform, app, environment, made, config, production)
        return await asyncio.wait_for(comparing, _AT_START)
    except Exception as error:
        log.warning("what %s is about to run was not compared with %s: %r", app, production, error)
        return []


async def _at_start(
    platform: Platform, app: str, environment: str, made: Build, config: Mapping[str, str], production: str
) -> list[str]:
    other = await in_thread(platform.deploys.find, app, production)
    live = await in_thread(platform.releases.live, app, production) if other else None
    build = await in_thread(platform.builds.find, live.build) if live else None
    if other is None or live is None or build is None:
        return []
    deploy = await in_thread(platform.deploys.get, app, environment)
    formation = formation_for(made.processes, made.formation, deploy.formation)
    theirs = await platform.config_in(live)
    return differences_at_start(
        await _declared(platform, app, environment, "", made, formation, config),
        await _declared(platform, app, production, live.name, build, other.formation, theirs),
        app,
    )


async def _declared(
    platform: Platform,
    app: str,
    environment: str,
    release: str,
    build: Build,
    formation: Mapping[str, int],
    config: Mapping[str, str],
) -> Side:
    """A side as far as nobody has to be asked: of services the versions that somebody wrote down."""
    values = _values(config, build, environment)
    attached = await _attached(platform, app, environment, build, values)
    services = (*attached, *_by_url(values, attached))
    return Side(environment, release, True, build, formation, _settings(platform.cipher, values, build), services)


async def _side(platform: Platform, app: str, environment: str, versions: Versions) -> Side:
    deploy = await in_thread(platform.deploys.get, app, environment)
    live = await in_thread(platform.releases.live, app, environment)
    build = await in_thread(platform.builds.find, live.build) if live else None
    config = await platform.config_in(live) if live else await platform.config_of(app, environment)
    values = _values(config, build, environment)
    return Side(
        environment=environment,
        release=live.name if live else None,
        running=deploy.running,
        build=build,
        formation=deploy.formation,
        settings=_settings(platform.cipher, values, build),
        services=await _asked(platform, app, environment, build, values, versions),
        went=await in_thread(_went, platform, app, environment),
        os=_operating_system(),
        engine="local",
    )


def _values(config: Mapping[str, str], build: Build | None, environment: str) -> dict[str, str]:
    """What a process gets; nothing for a reference that was not read yet."""
    values, _ = assemble(config, build.variables if build else (), {}, environment)
    return {name: value or "" for name, value in known(values).items()}


def _settings(cipher: Cipher, values: Mapping[str, str], build: Build | None) -> dict[str, Setting]:
    """The name is hashed with the value: that two variables of one config are equal is nobody's business."""
    secrets = {one.name for one in build.variables if one.secret} if build else set()
    return {
        name: Setting(
            cipher.fingerprint(f"{name}\0{value}"),
            "secret" if name in secrets else role_of(name, value),
            empty=not value,
        )
        for name, value in values.items()
    }


async def _asked(
    platform: Platform,
    app: str,
    environment: str,
    build: Build | None,
    values: Mapping[str, str],
    versions: Versions,
) -> tuple[Service, ...]:
    """The services that a deploy uses, with the versions that the running servers tell."""
    if build is None:
        return ()
    attached = await _attached(platform, app, environment, build, values)
    told = await versions(app, environment) if attached else {}
    bare = _by_url(values, attached)
    asked = await asyncio.gather(*(in_thread(_ask, one, values[one.name]) for one in bare))
    return (*(_told(one, told.get(one.name, ("", ""))[1]) for one in attached), *asked)


async def _attached(
    platform: Platform, app: str, environment: str, build: Build, values: Mapping[str, str]
) -> list[Service]:
    """The resources and declared services that config leads to, with the versions that somebody wrote down."""
    key = (app, environment)
    grants = [one for one in await platform.backing.grants_of(key) if one.in_use(values)]
    needs = {one.name: one for one in build.services}
    found = []
    for one in await platform.backing.attached(key, build.services, values):
        need, id = needs.get(one.name), one.resource.id if one.resource else ""
        variables = {name for name, _ in need.env if name in values} if need else set()
        variables |= {name for grant in grants if grant.resource == id for name in grant.values}
        version = one.resource.version if one.resource and one.local else need.version if need else None
        found.append(
            Service(one.name, one.kind, version, tuple(sorted(variables)), one.required, bool(id), one.local, id)
        )
    return found


def _by_url(values: Mapping[str, str], attached: Sequence[Service]) -> list[Service]:
    """The services that nothing but a variable leads to."""
    covered = {name for one in attached for name in one.variables}
    return [
        Service(name, kind, variables=(name,), attached=False)
        for name, value in sorted(values.items())
        if name not in covered and (kind := kind_of(value)) is not None
    ]


def _ask(one: Service, url: str) -> Service:
    if one.kind not in VERSIONED:
        return one
    try:
        return _told(one, ask(one.kind, url, ASK_WITHIN).version)
    except TolvError as error:
        return replace(one, problem=error.problem)


def _told(one: Service, version: str) -> Service:
    """The service with the version that its server told."""
    silent = "its server does not answer, or does not say its version"
    problem = silent if not version and one.kind in VERSIONED else None
    return replace(one, version=version or None, problem=problem)


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
