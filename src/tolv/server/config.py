"""The config of a deploy: what is shown of it, what its references give, and whether it fits the code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tolv.codebase import git
from tolv.codebase.envfile import read_env
from tolv.codebase.manifest import read_manifest
from tolv.codebase.model import ServiceNeed, Variable
from tolv.codebase.reader import name_source
from tolv.codebase.schema import read_schema
from tolv.config.assemble import LOCAL_ENVIRONMENT
from tolv.config.cipher import Cipher
from tolv.config.judge import Problem, judge
from tolv.config.redact import mask
from tolv.config.references import known, plain, reference_in, references
from tolv.config.resolve import resolve
from tolv.errors import PlatformError, UsageError
from tolv.server.platform import Platform
from tolv.server.progress import Progress
from tolv.server.threads import in_thread

#: Hex digits of a value's keyed hash that are shown.
_SHOWN = 8


async def read_references(platform: Platform, config: dict[str, str], progress: Progress) -> dict[str, str]:
    """The config with the value that each of its references has now. Raises `PlatformError` if one has none."""
    wanted = dict(references(config))
    if not wanted:
        return config
    progress.begin("config", f"reading {', '.join(wanted)}")
    found = await resolve(wanted)
    failed = [one for one in found.values() if isinstance(one, PlatformError)]
    if failed:
        raise _unread(failed)
    read = {name: one.entry for name, one in found.items() if not isinstance(one, PlatformError)}
    shown = ", ".join(f"{name} from {shown_entry(entry, platform.cipher)}" for name, entry in read.items())
    progress.done("config", shown)
    return {**config, **read}


def _unread(failed: list[PlatformError]) -> PlatformError:
    first, *others = failed
    if not others:
        return first
    problem = "; ".join(one.problem for one in failed)
    where = ", ".join(one.where for one in failed if one.where)
    return PlatformError(problem, where=where, remedy=first.remedy)


def shown_entry(entry: str, cipher: Cipher) -> str:
    """What is shown of a variable: its value masked, or what it refers to with a keyed hash of what that gave."""
    reference = reference_in(entry)
    if reference is None:
        return mask(entry)
    if reference.value is None:
        return f"{reference.text} (read when the next release is made)"
    return f"{reference.text} (resolved, hash {cipher.fingerprint(reference.value)[:_SHOWN]})"


async def show(platform: Platform, app: str, environment: str, *, reveal: bool) -> dict[str, str]:
    """What is set; values masked, unless they are to be revealed."""
    await in_thread(platform.deploys.get, app, environment)
    config = await platform.config_of(app, environment)
    shown = {name: shown_entry(entry, platform.cipher) for name, entry in sorted(config.items())}
    return {**shown, **plain(config)} if reveal else shown


async def value_of(platform: Platform, app: str, environment: str, name: str) -> str:
    """One value, in the clear. Raises `UsageError` if there is none."""
    await in_thread(platform.deploys.get, app, environment)
    values = known(await platform.config_of(app, environment))
    if name not in values:
        raise UsageError(f"{name} is not set for {app} in {environment}", remedy="see `tolv config`")
    value = values[name]
    if value is None:
        remedy = f"`tolv config check -a {app} -e {environment}` says whether it can be read"
        raise UsageError(f"{name} is a reference, which the next release reads", remedy=remedy)
    return value


async def references_of(platform: Platform, app: str, environment: str) -> dict[str, str]:
    """What is set by reference, and where each value comes from."""
    await in_thread(platform.deploys.get, app, environment)
    config = await platform.config_of(app, environment)
    return {name: one.text for name, one in sorted(references(config))}


async def difference(platform: Platform, app: str, left: str, right: str, *, reveal: bool) -> dict[str, Any]:
    """Names on one side only, with different values, and with the same; values masked unless revealed."""
    for environment in (left, right):
        await in_thread(platform.deploys.get, app, environment)
    ours, theirs = await platform.config_of(app, left), await platform.config_of(app, right)
    both = sorted(ours.keys() & theirs.keys())
    left_values, right_values = {**ours, **plain(ours)}, {**theirs, **plain(theirs)}
    return {
        "only_left": sorted(ours.keys() - theirs.keys()),
        "only_right": sorted(theirs.keys() - ours.keys()),
        "different": [name for name in both if left_values[name] != right_values[name]],
        "same": [name for name in both if left_values[name] == right_values[name]],
        "left": await show(platform, app, left, reveal=reveal),
        "right": await show(platform, app, right, reveal=reveal),
    }


async def check(platform: Platform, app: str, environment: str, path: Path | None) -> dict[str, Any]:
    """The values that the next release would have, against the schema of the live code, or of the code at `path`.

    Raises `UsageError` if nothing is live and no path is given.
    """
    await in_thread(platform.deploys.get, app, environment)
    code = await _code(platform, app, environment, path)
    config = await platform.config_of(app, environment)
    if path is not None and environment == LOCAL_ENVIRONMENT:
        config |= await in_thread(read_env, Path(code.where) / ".env")
    values, unread = await _values(config)
    found = [*unread, *_unattached(config, code, environment)]
    made = {name for need in code.services for name, _ in need.env} if environment == LOCAL_ENVIRONMENT else ()
    found += [
        one
        for one in problems(values, code.schema, environment, code.services)
        if one.rule != "missing" or one.name not in made  # `tolv up` makes the service, and sets it
    ]
    errors = sum(one.severity == "error" for one in found)
    return {
        "app": app,
        "environment": environment,
        "schema": code.where,
        "variables": len(code.schema),
        "set": len(config),
        "errors": errors,
        "warnings": len(found) - errors,
        "problems": [one.to_dict() for one in found],
    }


def problems(
    values: Mapping[str, str | None], schema: Iterable[Variable], environment: str, needs: Iterable[ServiceNeed] = ()
) -> tuple[Problem, ...]:
    """What is wrong with the values. A name says whether a value is secret where the schema does not; variables that a
    backing service of tolv.toml sets need not be in it."""
    from tolv.check.facts.values import is_secret_name

    provided = {name for need in needs for name, _ in need.env}
    return judge(values, schema, environment, is_secret=is_secret_name, provided=provided)


class _Code(NamedTuple):
    """What code says of its config."""

    schema: tuple[Variable, ...]
    services: tuple[ServiceNeed, ...]
    where: str
    """The release that it is live in, or its directory."""


async def _code(platform: Platform, app: str, environment: str, path: Path | None) -> _Code:
    if path is not None:
        return await in_thread(_code_at, path, app)
    live = await in_thread(platform.releases.live, app, environment)
    build = None if live is None else await in_thread(platform.builds.find, live.build)
    if live is None or build is None:
        remedy = f"name the code: tolv config check PATH -a {app} -e {environment}"
        raise UsageError(f"nothing of {app} is live in {environment}, so there is no schema", remedy=remedy)
    return _Code(build.variables, build.services, live.name)


def _code_at(path: Path, app: str) -> _Code:
    root = name_source(git.locate(path), app)[0].path
    return _Code(read_schema(root / ".env.example"), read_manifest(root / "tolv.toml").services, str(root))


def _unattached(config: Mapping[str, str], code: _Code, environment: str) -> list[Problem]:
    """Required services that a release would be refused for; in `dev` `tolv up` makes them."""
    if environment == LOCAL_ENVIRONMENT:
        return []
    return [
        Problem(one.name, "service", "error", f"is a backing service ({one.kind}) that is required, and not attached")
        for one in code.services
        if one.required and not any(name in config for name, _ in one.env)
    ]


async def _values(config: Mapping[str, str]) -> tuple[dict[str, str | None], list[Problem]]:
    """The values of a config, its references read anew, and those that cannot be read."""
    values, unread = known(config), []
    for name, found in (await resolve(dict(references(config)))).items():
        if isinstance(found, PlatformError):
            values[name] = None
            message = found.problem.removeprefix(f"{name} ")
            unread.append(Problem(name, "reference", "error", message))
        else:
            values[name] = found.value
    return values, unread
