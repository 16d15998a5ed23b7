"""The stories of the commands that make a release: build, deploy, up, rollback, promote, config."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tolv.build.builder import build as make_build
from tolv.build.model import Build
from tolv.codebase import git
from tolv.codebase.envfile import read_env
from tolv.codebase.inference.proposals import propose
from tolv.codebase.model import Commit, RolloutPolicy, ServiceNeed, Source
from tolv.codebase.reader import name_source
from tolv.config.names import check_variable, is_reserved
from tolv.config.references import known, parse_reference, unread
from tolv.errors import AppError, PlatformError, TolvError, UsageError
from tolv.release.bakes import BakeStatus
from tolv.release.model import Release
from tolv.release.rollback import parse_number, phases_undone, rollback_target
from tolv.run.formation import describe
from tolv.server.config import problems, read_references
from tolv.server.parity import warnings_at_start
from tolv.server.platform import Platform
from tolv.server.progress import Failed, Progress
from tolv.server.rollout import Proposal, outcome, refuse_incomplete, roll_out
from tolv.server.threads import in_thread
from tolv.store.apps import AppRecord, Deploy
from tolv.store.operations import Operation


@dataclass(frozen=True, slots=True)
class Watching:
    """What whoever makes a release wants of its bake window."""

    auto_rollback: bool = True
    """Let it go again by itself if it fails; else only say so."""
    wait: bool = False
    """Come back once it is known what came of it."""

    def policy(self, build: Build) -> RolloutPolicy:
        """How a release of this build is watched."""
        return replace(build.rollout, auto_rollback=build.rollout.auto_rollback and self.auto_rollback)


@dataclass(frozen=True, slots=True)
class Request:
    """What to deploy, as `tolv deploy`, `up` and `build` ask for it."""

    path: Path
    app: str | None = None
    environment: str = "dev"
    ref: str | None = None
    dirty: bool = False
    """Take the files as they are, not as they were committed."""
    mode: Literal["deploy", "up"] = "deploy"
    runtimes: Mapping[str, str] = field(default_factory=dict)
    """By language, the version to take whatever the app asks for."""
    by: str = "tolv"
    watch: Watching = Watching()


async def build(platform: Platform, request: Request, progress: Progress) -> dict[str, Any]:
    """Commit -> image."""
    source, app = await _find(request)
    tree = await in_thread(_choose_tree, request, source)
    made = await _build(platform, source, app, tree, request.runtimes, progress)
    platform.operating.note(platform.tidy(app))
    return {"app": made.app, "build": made.digest, "commit": made.commit}


async def deploy(platform: Platform, request: Request, progress: Progress) -> dict[str, Any]:
    """Commit -> image -> release -> live."""
    source, app = await _find(request)
    await in_thread(platform.check_deploy, app, request.environment)
    tree = await in_thread(_choose_tree, request, source)
    async with platform.lease(app, request.environment, request.mode, request.by) as operation:
        platform.operating.note(platform.engine.expect(app, request.environment))
        looking = asyncio.ensure_future(in_thread(_look, platform, app, request.environment))
        try:
            made = await _build(platform, source, app, tree, request.runtimes, progress)
            before = await looking
        finally:
            looking.cancel()
        await _register(platform, app, request.environment, source, before, progress)
        await in_thread(platform.operations.advance, operation.id, "built", build=made.digest)
        config = dict(before.config)
        if request.mode == "up":
            config |= await _local_config(source, progress)
        _tell_defaults(made, config, progress)
        if request.mode == "up":
            config |= await provide(platform, (app, request.environment), made.services, config, request.by, progress)
            if before.live is None:
                await _propose_services(source, config, progress)
            for line in await warnings_at_start(platform, app, request.environment, made, config, made.production):
                progress.warn("parity", line)
            unchanged = await _bring_back(platform, before.live, made, config, request.by, progress)
            if unchanged is not None:
                return unchanged
        # `up` runs what somebody works on: to see it fail is the point.
        rollout = request.watch.policy(made) if request.mode == "deploy" else None
        proposal = Proposal(
            app,
            request.environment,
            made,
            config,
            _describe(made),
            request.by,
            rollout=rollout,
            wait=request.watch.wait,
        )
        value = await roll_out(platform, operation, proposal, progress)
    return await see_it_bake(platform, value, progress) if request.watch.wait else value


async def _propose_services(source: Source, config: Mapping[str, str], progress: Progress) -> None:
    """Say which backing services the app seems to need, and nobody has declared or set. A guess: it stops nothing, and
    nobody waits for it again once a release is live."""
    try:
        proposals = await in_thread(propose, source.path)
    except (TolvError, OSError):
        return
    for one in proposals:
        if not any(name in config for name, _ in one.need.env):
            progress.info("services", f"it seems to need {one}: to have one, add to tolv.toml\n{one.toml}".rstrip())


async def provide(
    platform: Platform,
    key: tuple[str, str],
    needs: Iterable[ServiceNeed],
    config: Mapping[str, str],
    by: str,
    progress: Progress,
) -> dict[str, str]:
    """Config for the services that a build declares and nobody has set: what is not there yet is made, and a variable
    that was added to the declaration of one that is attached gets its value. What the app can do without and cannot be
    had is only told."""
    added: dict[str, str] = {}
    try:
        for need in needs:
            unset = [name for name, _ in need.env if name not in config]
            if len(unset) == len(need.env):
                try:
                    added |= (await platform.backing.make(key, need, by, progress)).values
                except TolvError as error:
                    if need.required:
                        raise
                    progress.warn("services", f"{need.name}: {error.problem}; {key[0]} starts without it")
            elif unset:
                added |= await _widen(platform, key, need, unset, config, by, progress)
    except (TolvError, OSError):
        await platform.settle_if_calm(*key)
        raise
    return added


async def _widen(
    platform: Platform,
    key: tuple[str, str],
    need: ServiceNeed,
    unset: list[str],
    config: Mapping[str, str],
    by: str,
    progress: Progress,
) -> dict[str, str]:
    """Values for the variables that a declaration has gained; where the others are not Tolv's doing it is said."""
    more = await platform.backing.widen(key, need, config, by)
    if not more:
        there = [name for name, _ in need.env if name in config]
        progress.warn(
            "services",
            f"{need.name}: {', '.join(there)} is set and {', '.join(unset)} is not, so nothing is attached: "
            "set all of them, or none",
        )
    return more


@dataclass(frozen=True, slots=True)
class _Before:
    """What is known of an app and its deploy while its lease is held: nobody else changes it."""

    app: AppRecord | None
    deploy: Deploy | None
    config: dict[str, str]
    """For the next release; references among it are entries of `tolv.config.references`."""
    live: Release | None


def _look(platform: Platform, app: str, environment: str) -> _Before:
    deploy = platform.deploys.find(app, environment)
    if deploy is None:
        return _Before(platform.apps.find(app), None, {}, None)
    config = platform.head_config(app, environment)
    return _Before(platform.apps.find(app), deploy, config, platform.releases.live(app, environment))


async def _register(
    platform: Platform, app: str, environment: str, source: Source, before: _Before, progress: Progress
) -> None:
    """Make the app and its deploy known, with where its code is now; say so when that was elsewhere before: one app,
    one codebase."""
    path, known = str(source.path), before.app
    if known is not None and known.source_path not in ("", path):
        progress.warn("codebase", f"{app} was deployed from {known.source_path} before; another app? name it with -a")
    if known is None or known.source_path != path:
        await in_thread(platform.apps.register, app, path)
    if before.deploy is None:
        await in_thread(platform.deploys.ensure, app, environment)


async def rollback(
    platform: Platform, app: str, environment: str, wanted: str | None, by: str, progress: Progress
) -> dict[str, Any]:
    """Make a new release from an old one's build, config and formation."""
    number = None if wanted is None else parse_number(wanted)
    async with platform.lease(app, environment, "rollback", by) as operation:
        return await go_back(platform, operation, number, by, progress)


async def go_back(
    platform: Platform,
    operation: Operation,
    number: int | None,
    by: str,
    progress: Progress,
    *,
    because: str | None = None,
) -> dict[str, Any]:
    """Roll back within an operation that holds the deploy; `because`: why Tolv does so by itself.

    What comes back is not watched: it was live before, and there is nobody to ask where to go from there.
    """
    app, environment = operation.app, operation.environment
    assert environment is not None
    platform.operating.note(platform.engine.expect(app, environment))
    async with platform.building():  # what can be restored stays so until it is written down that it is
        releases = await in_thread(platform.releases.list, app, environment)
        can_be = await platform.restorable(app, environment)
        target = rollback_target(releases, number, can_be)
        await in_thread(platform.operations.advance, operation.id, "chosen", build=target.build)
    notes = tuple(
        f"{one.name} ran a release phase since {target.name}: what it did to a database stays done"
        for one in phases_undone(releases, target)
    )
    proposal = Proposal(
        app,
        environment,
        # What was migrated forward is not migrated again by going back.
        replace(await platform.build_of(target), release_command=None),
        await platform.config_in(target),
        f"Rollback to {target.name}" + (f" by itself: {because.partition(';')[0]}" if because else ""),
        by,
        formation=target.last_formation or target.formation,
        restores=True,
    )
    return await roll_out(platform, operation, proposal, progress, notes)


async def see_it_bake(platform: Platform, value: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Wait for what comes of the release that `value` tells of, and tell that too. Raises `Failed` if it fails."""
    if not value.get("bake"):
        return value
    app, environment, name = value["app"], value["environment"], value["release"]
    progress.begin("bake", f"watching {name}")
    bake, lines = await platform.bakery.settled(app, environment, parse_number(name))
    if bake is None:
        return value
    value = {**value, "bake": bake.to_dict()}
    match bake.status:
        case BakeStatus.PASSED:
            progress.done("bake", f"{name} holds: {bake.reason}")
            return value
        case BakeStatus.ROLLED_BACK:
            told = f"{name} failed and was rolled back to {bake.target_name}: {bake.reason}"
            value["status"] = "failed"
        case BakeStatus.STAYS:
            told = f"{name} fails: {bake.reason}"
        case _:
            progress.warn("bake", f"{name} was not watched to the end: {bake.reason}")
            return value
    remedy = f"mend it and deploy again; see `tolv logs -a {app} -e {environment} -r {name}`"
    raise Failed(value, AppError(told, where=lines, remedy=remedy))


async def promote(
    platform: Platform, app: str, origin: str, environment: str, by: str, watch: Watching, progress: Progress
) -> dict[str, Any]:
    """Put the very build that is live in `origin` into `environment`, with that environment's own config."""
    live = await _live(platform, app, origin)
    if origin == environment:
        raise UsageError(f"{origin} cannot be promoted to itself", remedy="name two environments: staging prod")
    await in_thread(platform.check_deploy, app, environment)
    async with platform.lease(app, environment, "promote", by) as operation:
        async with platform.building():
            made = await platform.build_of(live)
            await in_thread(platform.operations.advance, operation.id, "chosen", build=made.digest)
        await in_thread(platform.deploys.ensure, app, environment)
        config = await platform.config_of(app, environment)
        description = f"Promote {origin} {live.name}"
        proposal = Proposal(app, environment, made, config, description, by, rollout=watch.policy(made))
        value = await roll_out(platform, operation, proposal, progress)
    return await see_it_bake(platform, value, progress) if watch.wait else value


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """Variables to set, to unset, and to have read from elsewhere."""

    set: dict[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    references: dict[str, str] = field(default_factory=dict)
    """By name, where its value comes from: `op://vault/item/field`."""

    def entries(self) -> dict[str, str]:
        """What a config gets. Raises `UsageError` for a variable that cannot be, or a reference to nothing."""
        for name, text in {**self.set, **dict.fromkeys(self.references, "")}.items():
            check_variable(name, text)
        if both := sorted(self.set.keys() & self.references.keys()):
            raise UsageError(f"{both[0]} is given twice: as a value, and with --from", remedy="leave one of them out")
        return {**self.set, **{name: parse_reference(text).entry for name, text in self.references.items()}}


async def configure(
    platform: Platform,
    app: str,
    environment: str,
    change: ConfigChange,
    by: str,
    watch: Watching,
    progress: Progress,
) -> dict[str, Any]:
    """Change the config: a new release of the same build, when there is one that runs."""
    entries = change.entries()
    await in_thread(platform.check_deploy, app, environment)
    if await in_thread(platform.deploys.find, app, environment) is None and entries:
        progress.warn("config", f"{environment} is a new environment of {app}: nothing is deployed there yet")
    await in_thread(platform.deploys.ensure, app, environment)
    async with platform.lease(app, environment, "config", by) as operation:
        before = await platform.config_of(app, environment)
        unknown = [name for name in change.unset if name not in before]
        if unknown:
            raise UsageError(f"{', '.join(unknown)} is not set", remedy="see `tolv config`")
        after = {name: value for name, value in {**before, **entries}.items() if name not in change.unset}
        keys = sorted({*entries, *change.unset})
        value: dict[str, Any] = {"app": app, "environment": environment, "release": None, "keys": keys}
        live = await in_thread(platform.releases.live, app, environment)
        deploy = await in_thread(platform.deploys.get, app, environment)
        if live is not None and deploy.running and unread(after) == unread(before):
            after = await read_references(platform, after, progress)
        if after == before:
            progress.info("config", "nothing changes")
            return {**value, "release": live.name if live else None}
        if live is not None:
            await _tell_problems(platform, live, after, keys, errors=not deploy.running, progress=progress)
        if live is None or not deploy.running:
            await _set_head(platform, app, environment, after, by)
            progress.info("config", "set; the next release has it")
            return value
        build = await platform.build_of(live)
        description = _describe_change(change)
        proposal = Proposal(app, environment, build, after, description, by, rollout=watch.policy(build))
        made = await roll_out(platform, operation, proposal, progress)
        value |= {"release": made["release"], "bake": made["bake"]}
    return await see_it_bake(platform, value, progress) if watch.wait else value


#: Files outside git: no commit names them, and no clock of theirs is to be trusted.
_NO_COMMIT = Commit(id="", time=0, dirty=True)


async def _find(request: Request) -> tuple[Source, str]:
    """The source, and the name of the app that it is."""
    source = await in_thread(git.locate, request.path)
    return await in_thread(name_source, source, request.app)


@dataclass(frozen=True, slots=True)
class _Tree:
    """What of a source is built: a commit, or the files as they are."""

    commit: Commit | None
    as_it_is: bool
    in_git: bool = True

    def describe(self) -> str:
        if self.commit is None:
            return ", without a commit" if self.in_git else ", not in git"
        branch = f" ({self.commit.branch})" if self.commit.branch else ""
        return f" at {self.commit.short}{branch}{', with changes' if self.commit.dirty else ''}"


async def _build(
    platform: Platform, source: Source, app: str, tree: _Tree, runtimes: Mapping[str, str], progress: Progress
) -> Build:
    progress.done("codebase", app + tree.describe())
    if tree.commit is None:
        progress.warn(
            "codebase",
            f"{'no commit yet' if tree.in_git else 'not under version control'}: nobody can say what runs, and "
            f"`tolv deploy` needs a commit ({'' if tree.in_git else 'git init; '}git add .; git commit)",
        )
    progress.begin("build", "")
    async with platform.building():
        cancelled = threading.Event()
        try:
            made = await in_thread(
                make_build,
                source,
                tree.commit or _NO_COMMIT,
                app,
                platform.home,
                lambda line: progress.info("build", line),
                worktree=tree.as_it_is,
                runtimes=runtimes,
                cancelled=cancelled,
            )
        except asyncio.CancelledError:
            cancelled.set()  # the thread ends its tools and clears away what they made
            raise
        except PlatformError:
            # The disk is full, perhaps: a layer that was made for this build must not keep it so.
            platform.operating.note(platform.tidy(app))
            raise
        await in_thread(platform.builds.add, made)
    progress.done("build", f"{made.digest[:19]}… {made.summary}")
    for note in made.notes:
        progress.warn("build", note)
    return made


def _choose_tree(request: Request, source: Source) -> _Tree:
    """What the request means.

    Raises `UsageError` when a deploy would take what no commit has, and nobody said `--dirty`.
    """
    head = source.head
    if request.ref is not None:
        return _Tree(git.resolve(source, request.ref), as_it_is=False)
    if request.mode == "up" or request.dirty:
        return _Tree(head, as_it_is=head is None or head.dirty, in_git=source.repository is not None)
    if head is None:
        raise UsageError(
            "there is no commit to deploy",
            where=str(source.path),
            remedy=f"commit first ({'' if source.repository else 'git init; '}git add .; git commit), "
            "or try it out with `tolv up`",
        )
    if head.dirty:
        files = git.dirty_files(source)
        shown = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
        raise UsageError(
            f"there are changes that no commit has: {shown}",
            where=str(source.path),
            remedy="commit them, name a commit with --ref HEAD, or say --dirty to deploy the files as they are",
        )
    return _Tree(head, as_it_is=False)


async def _local_config(source: Source, progress: Progress) -> dict[str, str]:
    """The values in `.env`: config of `tolv up` alone."""
    path = source.path / ".env"
    if not path.is_file():
        return {}
    values = await in_thread(read_env, path)
    for name in filter(is_reserved, list(values)):
        progress.warn("config", f"{name} in .env is left out: each process gets its own")
        del values[name]
    for name, value in values.items():
        check_variable(name, value)
    progress.info("config", f"{len(values)} value{'' if len(values) == 1 else 's'} from .env")
    return values


def _tell_defaults(made: Build, config: dict[str, str], progress: Progress) -> None:
    """Say which variables nobody set: a default for development may be none for production."""
    names = [one.name for one in made.variables if one.default is not None and one.name not in config]
    names = [name for name in names if not is_reserved(name)]
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        progress.info("config", f"defaults of .env.example for {', '.join(names[:5])}{more}")


async def _bring_back(
    platform: Platform, live: Release | None, made: Build, config: dict[str, str], by: str, progress: Progress
) -> dict[str, Any] | None:
    """When the live release is this very build and config, it is what runs: nothing to release."""
    if live is None or live.build != made.digest or config != await platform.config_in(live):
        return None
    app, environment = live.app, live.environment
    refuse_incomplete(Proposal(app, environment, made, config, "", by))
    progress.done("release", f"{live.name}, unchanged")
    deployment = platform.engine.deployment(app, environment)
    await platform.backing.await_ready((app, environment), await platform.attached(live), progress, wait=False)
    progress.begin("run", describe(deployment.formation))
    await in_thread(platform.deploys.set_running, app, environment, True)
    deployment.set_running(True)
    await deployment.until(deployment.calm)
    progress.done("run", describe(deployment.formation))
    value = outcome(platform, live, made, "live")
    progress.done("live", value["url"] or f"{app} runs; it has no web process")
    return value


async def _tell_problems(
    platform: Platform, live: Release, config: dict[str, str], keys: list[str], *, errors: bool, progress: Progress
) -> None:
    """Say what the live code's schema does not like of a change; `errors`: also what a release is refused for."""
    build = await in_thread(platform.builds.find, live.build)
    if build is not None:
        for one in problems(known(config), build.variables, live.environment, build.services):
            if one.name in keys and (errors or one.severity == "warning"):
                progress.warn("config", str(one))


async def _live(platform: Platform, app: str, environment: str) -> Release:
    live = await in_thread(platform.releases.live, app, environment)
    if live is None:
        raise UsageError(
            f"{app} has no live release in {environment}", remedy=f"deploy it: tolv deploy PATH -e {environment}"
        )
    return live


async def _set_head(platform: Platform, app: str, environment: str, config: dict[str, str], by: str) -> None:
    snapshot = await in_thread(platform.configs.add, app, environment, platform.cipher.seal(config), by)
    await in_thread(platform.deploys.set_config, app, environment, snapshot)


def _describe(made: Build) -> str:
    if made.commit is None:
        return "Deploy files outside git"
    return f"Deploy {made.commit[:7]}" + (" with changes" if made.dirty else "")


def _describe_change(change: ConfigChange) -> str:
    parts = []
    if change.set or change.references:
        parts.append(f"Set {', '.join(sorted({*change.set, *change.references}))}")
    if change.unset:
        parts.append(f"Unset {', '.join(sorted(change.unset))}")
    return "; ".join(parts)
