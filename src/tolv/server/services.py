"""The stories of `tolv services`, `attach`, `detach`, `swap`, `share`, `backup` and `restore`.

Attaching is config: what these commands change is a deploy's variables, by a release and a rolling restart, never a
build. What a rollback brings back, it brings back attached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tolv.codebase.model import ServiceNeed
from tolv.codebase.services import KINDS, kind_named
from tolv.codebase.services import need as need_for
from tolv.config.names import check_variable
from tolv.config.references import plain
from tolv.errors import ConflictError, TolvError, UsageError
from tolv.names import check_name
from tolv.run.local.server_process import ServerState
from tolv.server.backing import ASK_WITHIN, Attached, Key
from tolv.server.deploys import ConfigChange, Watching, configure
from tolv.server.platform import Platform
from tolv.server.progress import Progress
from tolv.server.threads import in_thread
from tolv.services import mailbox
from tolv.services.ask import ask
from tolv.services.model import Facts
from tolv.services.resource import Grant, Resource, in_use
from tolv.services.urls import kind_of, masked, parse

#: Messages that are listed.
_MOST_MAIL = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants attached: what is not said is as tolv.toml declares it, or as the kind's default is."""

    kind: str | None = None
    version: str | None = None
    url: str | None = None
    variable: str | None = None
    check: bool = True
    """Ask a URL before it is put into config."""


async def attach(
    platform: Platform, key: Key, name: str, asked: Asked, by: str, watch: Watching, progress: Progress
) -> dict[str, Any]:
    """A resource for a deploy, made here or reached by a URL, and its variables in the deploy's config."""
    check_name("service", name)
    await in_thread(platform.check_deploy, *key)
    need = await _need(platform, key, name, asked)
    await in_thread(platform.deploys.ensure, *key)
    config = await platform.config_of(*key)
    known = await in_thread(platform.backing.resources.find, *key, name)
    if known is not None and (asked.url is not None or (asked.kind and need.kind != known.kind)):
        raise UsageError(
            f"{key[0]} in {key[1]} has a {name} already: {known.kind} {known.version or ''}".rstrip(),
            remedy=f"take another name; to change where its variables point: tolv swap {name}",
        )
    taken = [one for one, _ in need.env if one in config]
    mine = [one for one in await platform.backing.grants_of(key) if known is not None and one.resource == known.id]
    if taken and not any(one.in_use(config) for one in mine):
        raise ConflictError(
            f"{', '.join(taken)} is set already",
            remedy=f"put another in its place: tolv swap {name}; or unset it: tolv config unset {' '.join(taken)}",
        )
    if asked.url is None:
        grant = await platform.backing.make(key, need, by, progress)
    else:
        await _check(need, asked, progress)
        grant = await platform.backing.add_elsewhere(key, need, asked.url, by)
    return await _put(platform, key, name, grant, by, watch, progress)


async def detach(
    platform: Platform, key: Key, name: str, revoke: bool, by: str, watch: Watching, progress: Progress
) -> dict[str, Any]:
    """Take a resource's variables out of a deploy's config. Its data stays; `revoke` takes its user away, too."""
    resource = await find(platform, key, name)
    grant = await _grant(platform, resource, key)
    config = await platform.config_of(*key)
    value: dict[str, Any] = {"release": None, "keys": []}
    if grant.in_use(config):
        change = ConfigChange(unset=tuple(name for name in grant.values if name in config))
        value = await configure(platform, *key, change, by, watch, progress)
    if revoke:
        await platform.backing.revoke(resource, grant, progress)
    await _rest(platform, key, by)
    return {**value, "app": key[0], "environment": key[1], "service": name, "resource": resource.name}


async def swap(
    platform: Platform,
    key: Key,
    name: str,
    asked: Asked,
    to: str | None,
    by: str,
    watch: Watching,
    progress: Progress,
) -> dict[str, Any]:
    """Point a deploy's variables from the resource that they lead to now to another: `to` (one that it has), a URL, or
    a new one of another version. Going back is a rollback."""
    kind, variables = await _in_place(platform, key, name)
    declared = await _need(platform, key, name, Asked(kind=kind))
    env = tuple((one, text) for one, text in declared.env if one in variables)
    if variables != {one for one, _ in env}:
        env = tuple((one, "{url}") for one in sorted(variables))
    if to is not None:
        other = await find(platform, key, to, used=False)
        if kind_named(other.kind).family != kind_named(kind).family:
            raise UsageError(f"{to} is {other.kind}, and {name} is {kind}", remedy=f"name one of kind {kind}")
        need = ServiceNeed(other.name, other.kind, None, env, declared.required)
        grant = await platform.backing.grant(other, key, need, by, progress)
    else:
        version = asked.version if asked.url is None else asked.version or declared.version
        need = ServiceNeed(await _free_name(platform, key, name), kind, version, env, declared.required)
        if asked.url is None:
            if asked.version is None:
                raise UsageError(
                    "nothing says what to swap to", remedy=f"tolv swap {name} --url URL, or --to NAME, or --version V"
                )
            grant = await platform.backing.make(key, need, by, progress)
        else:
            await _check(need, asked, progress)
            grant = await platform.backing.add_elsewhere(key, need, asked.url, by)
    return await _put(platform, key, name, grant, by, watch, progress)


async def _in_place(platform: Platform, key: Key, name: str) -> tuple[str, set[str]]:
    """The kind of what a deploy uses under a name, and the variables that lead there: of a resource, or of a declared
    service whose variables somebody set by hand. Raises `UsageError` if there is neither."""
    try:
        resource = await find(platform, key, name)
        return resource.kind, set((await _grant(platform, resource, key)).values)
    except UsageError:
        config = await platform.config_of(*key)
        for need in await _needs(platform, key):
            variables = {variable for variable, _ in need.env}
            if need.name == name and variables & set(config):
                return need.kind, variables
        raise


async def share(
    platform: Platform,
    key: Key,
    name: str,
    other: Key,
    variable: str | None,
    by: str,
    watch: Watching,
    progress: Progress,
) -> dict[str, Any]:
    """Let another deploy use a resource, too: the same data, as a user of its own where it runs here."""
    await in_thread(platform.check_deploy, *other)
    resource = await find(platform, key, name)
    need = await _need(platform, other, name, Asked(kind=resource.kind, variable=variable))
    config = await platform.config_of(*other)
    taken = [one for one, _ in need.env if one in config]
    grant = await platform.backing.grant(resource, other, need, by, progress)
    if taken and not grant.in_use(config):
        raise ConflictError(
            f"{', '.join(taken)} is set already in {other[0]} in {other[1]}", remedy="name another variable with --env"
        )
    return await _put(platform, other, name, grant, by, watch, progress)


async def listed(platform: Platform, app: str | None, environment: str | None) -> list[dict[str, Any]]:
    """What `tolv services` lists: every resource and every service that only config names, and how they are now."""
    resources = {one.id: one for one in await in_thread(platform.backing.resources.list)}
    grants = await in_thread(platform.backing.resources.grants)
    attached = await platform.attached_now()
    users: dict[str, list[dict[str, Any]]] = {one: [] for one in resources}
    elsewhere: list[tuple[Key, Attached]] = []
    for key, services in attached.items():
        for one in services:
            if one.resource is None:
                elsewhere.append((key, one))
            else:
                users[one.resource.id].append({"app": key[0], "environment": key[1], "as": one.name})
    rows = []
    for resource in resources.values():
        mine = [one for one in grants if one.resource == resource.id]
        deploys = {(resource.app, resource.environment), *((one.app, one.environment) for one in mine)}
        if _meant(deploys, app, environment):
            rows.append(_row(platform, resource, mine, users[resource.id]))
    rows += [_bare_row(key, one) for key, one in elsewhere if _meant({key}, app, environment)]
    return list(await asyncio.gather(*rows))


async def versions(platform: Platform, app: str, environment: str) -> dict[str, tuple[str, str]]:
    """By name, kind and actual version of what a deploy's live release uses; empty for one that does not answer."""
    live = await in_thread(platform.releases.live, app, environment)
    attached = [] if live is None else await platform.attached(live)
    facts = await asyncio.gather(*(_facts(platform, one) for one in attached))
    return {
        one.name: (one.kind, fact.version if isinstance(fact, Facts) else "")
        for one, fact in zip(attached, facts, strict=True)
    }


async def backup(platform: Platform, key: Key, name: str, target: str, by: str, progress: Progress) -> dict[str, Any]:
    """Write all that a resource of this machine keeps to a file."""
    resource = await _local(platform, key, name, "backed up")
    path = Path(target)
    if path.exists():
        raise UsageError("there is something of that name", where=target, remedy="name another file, or remove it")
    provider, instance = await platform.backing.running(key, resource, progress)
    progress.begin("backup", f"{resource.name} to {path}")
    await in_thread(provider.backup, instance, path, lambda line: progress.info("backup", line))
    size = path.stat().st_size
    progress.done("backup", f"{path}, {size} bytes")
    await _rest(platform, key, by)
    return {"resource": resource.name, "path": str(path), "size": size}


async def restore(
    platform: Platform, key: Key, name: str, source: str, into: str | None, by: str, progress: Progress
) -> dict[str, Any]:
    """Make a new resource of a backup, beside the one that it is of; `tolv swap` then puts it in place."""
    path = Path(source)
    if not path.is_file():
        raise UsageError("there is no such file", where=source)
    resource = await _local(platform, key, name, "restored")
    new = into or await _free_name(platform, key, name)
    check_name("service", new)
    if await in_thread(platform.backing.resources.find, *key, new) is not None:
        raise UsageError(f"there is a {new} already", remedy="name another with --into")
    env = tuple((one, "{url}") for one in (await _grant(platform, resource, key)).values)
    grant = await platform.backing.make(key, ServiceNeed(new, resource.kind, resource.version, env), by, progress)
    made = next(one for one in await in_thread(platform.backing.resources.list) if one.id == grant.resource)
    try:
        provider, instance = await platform.backing.running(key, made, progress)
        progress.begin("restore", f"{path} into {new}")
        await in_thread(provider.restore, instance, path, lambda line: progress.info("restore", line))
    except (TolvError, OSError):
        await platform.backing.remove(made)
        raise
    progress.done("restore", f"{new} has all of it; to use it: tolv swap {name} --to {new} -a {key[0]} -e {key[1]}")
    await _rest(platform, key, by)
    return {"resource": new, "from": str(path)}


async def mail(platform: Platform, key: Key, name: str | None, id: str | None) -> list[dict[str, Any]]:
    """The messages that a deploy's mail server caught, the newest first; with `id` that one alone, whole."""
    resource = await _mail_server(platform, key, name)
    _provider, instance = await platform.backing.instance(resource)
    if id is not None:
        found = await in_thread(mailbox.message, instance.directory, id)
        return [{**found.to_dict(), "page": mailbox.page(found)}]
    return [one.to_dict() for one in await in_thread(mailbox.messages, instance.directory, _MOST_MAIL)]


async def _mail_server(platform: Platform, key: Key, name: str | None) -> Resource:
    if name is not None:
        found = [await find(platform, key, name)]
    else:
        granted = {one.resource for one in await platform.backing.grants_of(key)}
        found = [one for one in await in_thread(platform.backing.resources.list) if one.id in granted]
    servers = [one for one in found if one.kind == "smtp" and one.local]
    if len(servers) == 1:
        return servers[0]
    if servers:
        raise UsageError("there are several", remedy=f"name one of: {', '.join(one.name for one in servers)}")
    raise UsageError(
        f"{key[0]} in {key[1]} has no mail server of this machine",
        remedy=f"make one: tolv attach mail --kind smtp -a {key[0]} -e {key[1]}",
    )


async def destroy(platform: Platform, key: Key, name: str, dry_run: bool, progress: Progress) -> dict[str, Any]:
    """Remove a resource and all that it keeps. Raises `ConflictError` if a live release uses it."""
    resource = await find(platform, key, name, used=False)
    for user, grant in await platform.users({resource.id}):
        raise in_use(resource.name, user, grant)
    for user, names in (await _releases_with(platform, resource)).items():
        told = f"{', '.join(names)} of {user[0]} in {user[1]} used it: a rollback to them would not reach it"
        progress.warn("destroy", told)
    if not dry_run:
        await platform.backing.remove(resource)
        progress.done("destroy", f"{resource.name} and all that it kept")
    return {"resource": resource.name, "kind": resource.kind, "local": resource.local, "removed": not dry_run}


async def find(platform: Platform, key: Key, name: str, *, used: bool = True) -> Resource:
    """The resource that a deploy calls by this name: the one that a service of this name uses now (`used`), its own,
    or one that is shared with it. Raises `UsageError`."""
    resources = {one.id: one for one in await in_thread(platform.backing.resources.list)}
    needs = await _needs(platform, key)
    if used:
        for one in await platform.backing.attached(key, needs, plain(await platform.config_of(*key))):
            if one.name == name and one.resource is not None:
                return one.resource
    mine = [resources[one.resource] for one in await platform.backing.grants_of(key)]
    own = [one for one in resources.values() if (one.app, one.environment) == key]
    for resource in (*own, *mine):
        if resource.name == name:
            return resource
    names = sorted({one.name for one in (*own, *mine)})
    raise UsageError(
        f"{key[0]} in {key[1]} has no service {name}",
        remedy=f"it has {', '.join(names)}" if names else f"make one: tolv attach {name} -a {key[0]} -e {key[1]}",
    )


async def _put(
    platform: Platform, key: Key, name: str, grant: Grant, by: str, watch: Watching, progress: Progress
) -> dict[str, Any]:
    """Have the deploy use what it was granted: a release of the same build, if one runs."""
    value = await configure(platform, *key, ConfigChange(set=dict(grant.values)), by, watch, progress)
    resource = next(one for one in await in_thread(platform.backing.resources.list) if one.id == grant.resource)
    return {**value, "service": name, "resource": resource.name, "kind": resource.kind, "version": resource.version}


async def _releases_with(platform: Platform, resource: Resource) -> dict[Key, list[str]]:
    """The releases that a rollback could restore, and that used a resource."""
    found: dict[Key, list[str]] = {}
    for grant in await in_thread(platform.backing.resources.grants):
        key = (grant.app, grant.environment)
        if grant.resource != resource.id or await in_thread(platform.deploys.find, *key) is None:
            continue
        for number in sorted(await platform.restorable(*key)):
            release = await in_thread(platform.releases.get, *key, number)
            if grant.in_use(plain(await platform.config_in(release))):
                found.setdefault(key, []).append(release.name)
    return found


async def _rest(platform: Platform, key: Key, by: str) -> None:
    """Stop what was started for this alone, once no other operation holds the deploy."""
    async with platform.lease(*key, "services", by, wait=True):
        await platform.settle(*key)


async def _need(platform: Platform, key: Key, name: str, asked: Asked) -> ServiceNeed:
    """What is wanted under a name: as the newest build declares it, unless something else is asked for."""
    declared = next((one for one in await _needs(platform, key) if one.name == name), None)
    kind = asked.kind or (declared.kind if declared else None) or (kind_of(asked.url) if asked.url else None)
    if kind is None:
        if not any(name in (one.name, *one.aliases) for one in KINDS):
            raise UsageError(
                f"nothing says what kind of service {name} is",
                remedy=f'say it with --kind, or declare it in tolv.toml: [services.{name}] kind = "postgres"',
            )
        kind = name
    kind = kind_named(kind).name
    same = declared if declared is not None and declared.kind == kind else None
    env = {asked.variable: "{url}"} if asked.variable else dict(same.env) if same else None
    version = asked.version or (same.version if same and asked.url is None else None)
    need = need_for(name, kind, version, env, declared.required if declared else True)
    for variable, _ in need.env:
        check_variable(variable, "")
    return need


async def _needs(platform: Platform, key: Key) -> tuple[ServiceNeed, ...]:
    """What the newest release of a deploy declares; of one that has none, what the app's newest build does."""
    known = await in_thread(platform.deploys.find, *key)
    newest = [] if known is None else await in_thread(platform.releases.list, *key, 1)
    if newest:
        build = await in_thread(platform.builds.find, newest[0].build)
    else:
        build = await in_thread(platform.builds.newest, key[0])
    return () if build is None else build.services


async def _check(need: ServiceNeed, asked: Asked, progress: Progress) -> None:
    """Ask a service before a deploy is pointed at it."""
    assert asked.url is not None
    parse(asked.url)
    if not asked.check:
        return
    progress.begin("services", f"asking {masked(asked.url)}")
    facts = await in_thread(ask, need.kind, asked.url, ASK_WITHIN)
    if asked.version and facts.version and not _is_version(facts.version, asked.version):
        raise UsageError(
            f"{need.kind} {facts.version} runs there, and {asked.version} is wanted",
            where=masked(asked.url),
            remedy=f"name one of that version, or say --version {facts.version.split('.')[0]}",
        )
    progress.done("services", f"{need.kind} {facts.version} answers at {masked(asked.url)}")


def _is_version(actual: str, wanted: str) -> bool:
    """Whether `16.4` is a `16`."""
    return actual.split(".")[: len(wanted.split("."))] == wanted.split(".")


async def _free_name(platform: Platform, key: Key, name: str) -> str:
    own = {one.name for one in await in_thread(platform.backing.resources.list) if (one.app, one.environment) == key}
    return next(f"{name}-{number}" for number in range(2, len(own) + 3) if f"{name}-{number}" not in own)


async def _grant(platform: Platform, resource: Resource, key: Key) -> Grant:
    for one in await platform.backing.grants_of(key):
        if one.resource == resource.id:
            return one
    raise UsageError(
        f"{key[0]} in {key[1]} is not let use {resource.name}",
        remedy=f"tolv share {resource.name} -a {resource.app} -e {resource.environment} --with {key[0]}/{key[1]}",
    )


async def _local(platform: Platform, key: Key, name: str, done: str) -> Resource:
    resource = await find(platform, key, name, used=False)
    if not resource.local:
        raise UsageError(f"{name} runs elsewhere: it is {done} there", remedy="use the tools of whoever runs it")
    return resource


def _meant(deploys: Iterable[Key], app: str | None, environment: str | None) -> bool:
    return any(app in (None, one[0]) and environment in (None, one[1]) for one in deploys)


async def _row(
    platform: Platform, resource: Resource, grants: list[Grant], users: list[dict[str, Any]]
) -> dict[str, Any]:
    server = platform.engine.servers.get(resource.id)
    state = server.state if server is not None else ServerState.STOPPED if resource.local else "elsewhere"
    where = f"127.0.0.1:{resource.port}" if resource.local else masked(grants[0].url) if grants else ""
    attached = Attached(resource.name, resource.kind, grants[0].url if grants else "", True, resource)
    facts = await _facts(platform, attached) if state in (ServerState.READY, ServerState.UNREADY, "elsewhere") else None
    return {
        "name": resource.name,
        "kind": resource.kind,
        "app": resource.app,
        "environment": resource.environment,
        "local": resource.local,
        "where": where,
        "wanted": resource.version,
        **_told(facts, str(state), server.reason if server else None),
        "pid": server.pid if server else None,
        "restarts": server.restarts if server else 0,
        "variables": sorted({name for one in grants for name in one.values}),
        "users": users,
        "log": str(server.log) if server else None,
    }


async def _bare_row(key: Key, one: Attached) -> dict[str, Any]:
    """A service that nothing but config names."""
    facts = await _ask(one)
    return {
        "name": one.name,
        "kind": one.kind,
        "app": key[0],
        "environment": key[1],
        "local": False,
        "where": masked(one.url),
        "wanted": None,
        **_told(facts, "elsewhere", None),
        "pid": None,
        "restarts": 0,
        "variables": [],
        "users": [{"app": key[0], "environment": key[1], "as": one.name}],
        "log": None,
    }


def _told(facts: Facts | TolvError | None, state: str, reason: str | None) -> dict[str, Any]:
    if isinstance(facts, Facts):
        state = "ready" if state == "elsewhere" else state
        return {
            "state": state,
            "version": facts.version,
            "size": facts.size,
            "read_only": facts.read_only,
            "reason": reason,
        }
    if facts is not None:
        state, reason = ("away" if state == "elsewhere" else "unready"), facts.problem
    return {"state": state, "version": None, "size": None, "read_only": None, "reason": reason}


async def _facts(platform: Platform, one: Attached) -> Facts | TolvError:
    """Ask a service how it is: one of this machine as its administrator."""
    if one.resource is None or not one.resource.local:
        return await _ask(one)
    try:
        provider, instance = await platform.backing.instance(one.resource)
        return await in_thread(provider.ask, instance, ASK_WITHIN)
    except TolvError as error:
        return error


async def _ask(one: Attached) -> Facts | TolvError:
    try:
        return await in_thread(ask, one.kind, one.url, ASK_WITHIN)
    except TolvError as error:
        return error
