"""The HTTP API: every command's other end. It translates; the stories are in `deploys` and `running`.

What takes time answers `application/x-ndjson`: progress events, then one result. The rest answers JSON. Errors are
`{"error": {problem, where, remedy, exit_code}}` with a status that fits.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from tolv import __version__
from tolv.errors import AppError, ConflictError, PlatformError, TolvError, UsageError
from tolv.logs.model import LogLine
from tolv.logs.reader import follow, read
from tolv.route.edge.certificates import authority_root
from tolv.server import config as configs
from tolv.server import deploys, queries, running, services
from tolv.server import domains as own_domains
from tolv.server import maintenance as maintenances
from tolv.server import parity as parities
from tolv.server.platform import Platform
from tolv.server.progress import Progress, unexpected
from tolv.server.requests import (
    AttachRequest,
    BackupRequest,
    BuildRequest,
    ConfigRequest,
    DeployRequest,
    DetachRequest,
    DomainRequest,
    DownRequest,
    FormationRequest,
    MaintenanceRequest,
    OneOffRequest,
    PromoteRequest,
    RestartRequest,
    RestoreRequest,
    RollbackRequest,
    ShareRequest,
    StopRequest,
    SwapRequest,
    Watched,
)
from tolv.server.threads import in_thread

NDJSON = "application/x-ndjson"
_SEE_DOCUMENT = "see the API's document, /v1/openapi.json; a command says --help"
_DESCRIPTION = "Runs twelve-factor apps on one machine. Served on a unix socket, mode 0600."
Act = Callable[[Progress], Coroutine[Any, Any, Any]]

#: Everything but /v1/openapi.json; `platform` hangs on the application's state.
api = APIRouter(prefix="/v1")


def create_api(platform: Platform) -> FastAPI:
    """The API of one platform. Its document is at /v1/openapi.json."""
    application = FastAPI(
        title="Tolv",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    application.state.platform = platform
    application.include_router(api)
    application.add_exception_handler(TolvError, _tell_error)
    application.add_exception_handler(RequestValidationError, _tell_invalid)
    application.add_exception_handler(HTTPException, _tell_unknown)
    application.add_exception_handler(Exception, _tell_defect)
    return application


def describe_api() -> dict[str, Any]:
    """The API's OpenAPI document."""
    application = FastAPI(title="Tolv", version=__version__, description=_DESCRIPTION)
    application.include_router(api)
    return application.openapi()


# The server itself.


@api.get("/server")
async def server_status(request: Request) -> dict[str, Any]:
    """Who serves: pid, version, home, port, and the pids of keeper and router."""
    return await queries.server_status(_platform(request))


@api.post("/server/stop")
async def server_stop(request: Request, asked: StopRequest) -> StreamingResponse:
    """Stop the server; with everything that runs, unless `leave_running`."""
    platform = _platform(request)
    stop: Callable[[], None] = request.app.state.stop

    async def act(progress: Progress) -> dict[str, Any]:
        platform.stopping = True
        if not asked.leave_running:
            progress.begin("stop", "processes, router, keeper")
            await platform.bakery.close()
            await platform.engine.stop_all()
            progress.done("stop", "processes, router, keeper")
        request.app.state.leave_running = asked.leave_running
        stop()
        return {"pid": os.getpid(), "stopped": True}

    return StreamingResponse(platform.operating.start(act).lines(), media_type=NDJSON)


@api.get("/resolve")
async def resolve(request: Request, path: str) -> dict[str, Any]:
    """Which app a directory is, and its environments: the defaults of `-a` and `-e`."""
    return await in_thread(queries.resolve, _platform(request), Path(path))


# Apps and deploys.


@api.get("/apps")
async def apps(request: Request) -> list[dict[str, Any]]:
    """Every app with its deploys."""
    return await in_thread(queries.apps, _platform(request))


@api.delete("/apps/{app}")
async def destroy(
    request: Request,
    app: str,
    environment: str | None = None,
    with_data: bool = False,
    dry_run: bool = False,
    by: str = "tolv",
) -> StreamingResponse:
    """Remove an app, or one of its deploys, with all that belongs to it."""
    platform = _platform(request)
    return _operate(
        platform,
        lambda progress: running.remove(
            platform, app, environment, with_data=with_data, dry_run=dry_run, by=by, progress=progress
        ),
    )


@api.post("/builds")
async def build(request: Request, asked: BuildRequest) -> StreamingResponse:
    """Commit -> image."""
    platform = _platform(request)
    return _operate(platform, lambda progress: deploys.build(platform, _deploy_request(asked), progress))


@api.post("/deploys")
async def deploy(request: Request, asked: DeployRequest) -> StreamingResponse:
    """Commit -> image -> release -> live."""
    platform = _platform(request)
    return _operate(platform, lambda progress: deploys.deploy(platform, _deploy_request(asked), progress))


@api.post("/apps/{app}/promote")
async def promote(request: Request, app: str, asked: PromoteRequest) -> StreamingResponse:
    """Put the build that is live in one environment into another."""
    platform = _platform(request)
    return _operate(
        platform,
        lambda progress: deploys.promote(platform, app, asked.origin, asked.to, asked.by, _watching(asked), progress),
    )


_DEPLOY = "/apps/{app}/environments/{environment}"


@api.get(f"{_DEPLOY}/processes")
async def processes(request: Request, app: str, environment: str) -> list[dict[str, Any]]:
    """What runs, and what crashed and waits."""
    platform = _platform(request)
    await in_thread(platform.deploys.get, app, environment)
    return running.processes(platform, app, environment)


@api.get(f"{_DEPLOY}/releases")
async def releases(request: Request, app: str, environment: str) -> list[dict[str, Any]]:
    """The releases, newest first."""
    platform = _platform(request)
    found = await in_thread(platform.releases.list, app, environment)
    can_be = await platform.restorable(app, environment)
    bakes = await in_thread(platform.bakes.of, app, environment)
    return [
        {
            **one.to_dict(restorable=one.number in can_be),
            "bake": bakes[one.number].to_dict() if one.number in bakes else None,
        }
        for one in found
    ]


@api.get(f"{_DEPLOY}/releases/verify")
async def verify(request: Request, app: str, environment: str) -> dict[str, Any]:
    """Recompute the chain of hashes."""
    result = await in_thread(_platform(request).releases.verify, app, environment)
    return {"ok": result.ok, "checked": result.checked, "problem": result.problem}


@api.post(f"{_DEPLOY}/rollback")
async def rollback(request: Request, app: str, environment: str, asked: RollbackRequest) -> StreamingResponse:
    """Make a new release of an old one's build, config and formation."""
    platform = _platform(request)
    return _operate(
        platform,
        lambda progress: deploys.rollback(platform, app, environment, asked.release, asked.by, progress),
    )


@api.get(f"{_DEPLOY}/formation")
async def formation(request: Request, app: str, environment: str) -> dict[str, int]:
    """How many processes of each type should run."""
    return (await in_thread(_platform(request).deploys.get, app, environment)).formation


@api.post(f"{_DEPLOY}/formation")
async def scale(request: Request, app: str, environment: str, asked: FormationRequest) -> StreamingResponse:
    """Change how many processes run."""
    platform = _platform(request)
    return _operate(
        platform, lambda progress: running.scale(platform, app, environment, asked.formation, asked.by, progress)
    )


@api.post(f"{_DEPLOY}/restart")
async def restart(request: Request, app: str, environment: str, asked: RestartRequest) -> StreamingResponse:
    """Replace processes by fresh ones."""
    platform = _platform(request)
    return _operate(
        platform, lambda progress: running.restart(platform, app, environment, asked.target, asked.by, progress)
    )


@api.post(f"{_DEPLOY}/down")
async def down(request: Request, app: str, environment: str, asked: DownRequest) -> StreamingResponse:
    """Stop all processes; keep everything else."""
    platform = _platform(request)
    return _operate(
        platform,
        lambda progress: running.down(
            platform, app, environment, force=asked.force, wait=asked.wait, by=asked.by, progress=progress
        ),
    )


@api.get(f"{_DEPLOY}/maintenance")
async def maintenance(request: Request, app: str, environment: str) -> dict[str, Any]:
    """Whether requests are kept from the deploy."""
    return await maintenances.describe(_platform(request), app, environment)


@api.post(f"{_DEPLOY}/maintenance")
async def maintain(request: Request, app: str, environment: str, asked: MaintenanceRequest) -> StreamingResponse:
    """Keep requests from the deploy, or let them through again."""
    platform = _platform(request)

    async def act(progress: Progress) -> dict[str, Any]:
        if not asked.on:
            return await maintenances.end(platform, app, environment, progress)
        return await maintenances.begin(
            platform, app, environment, hold=asked.hold, page=asked.page, by=asked.by, progress=progress
        )

    return _operate(platform, act)


# Config.


@api.get(f"{_DEPLOY}/config")
async def config(request: Request, app: str, environment: str, reveal: bool = False) -> dict[str, str]:
    """What is set; masked unless asked for. Of a reference: what it is, and a keyed hash of what it gave."""
    return await configs.show(_platform(request), app, environment, reveal=reveal)


@api.get(f"{_DEPLOY}/config/{{key}}")
async def config_value(request: Request, app: str, environment: str, key: str) -> dict[str, str]:
    """One value, in the clear: it was asked for by name."""
    return {key: await configs.value_of(_platform(request), app, environment, key)}


@api.get(f"{_DEPLOY}/config-references")
async def config_references(request: Request, app: str, environment: str) -> dict[str, str]:
    """Which variables are references, and to what."""
    return await configs.references_of(_platform(request), app, environment)


@api.get(f"{_DEPLOY}/config-check")
async def config_check(request: Request, app: str, environment: str, path: str | None = None) -> dict[str, Any]:
    """The values of the next release against the schema of the live code, or of the code at a path."""
    return await configs.check(_platform(request), app, environment, None if path is None else Path(path))


@api.patch(f"{_DEPLOY}/config")
async def configure(request: Request, app: str, environment: str, asked: ConfigRequest) -> StreamingResponse:
    """Set and unset variables."""
    platform = _platform(request)
    change = deploys.ConfigChange(asked.set, tuple(asked.unset), asked.references)

    async def act(progress: Progress) -> dict[str, Any]:
        if asked.path is not None:
            await in_thread(queries.introduce, platform, app, Path(asked.path))
        await in_thread(platform.apps.get, app)
        return await deploys.configure(platform, app, environment, change, asked.by, _watching(asked), progress)

    return _operate(platform, act)


@api.get("/apps/{app}/config-diff")
async def config_diff(request: Request, app: str, left: str, right: str, reveal: bool = False) -> dict[str, Any]:
    """How the config of two environments differs."""
    return await configs.difference(_platform(request), app, left, right, reveal=reveal)


@api.get("/apps/{app}/parity")
async def parity(request: Request, app: str, left: str, right: str) -> dict[str, Any]:
    """How far apart two environments are: figures, and differences judged."""
    platform = _platform(request)
    return await parities.parity(platform, app, left, right, partial(services.versions, platform))


# Own domains.


# Backing services.


@api.get("/services")
async def list_services(
    request: Request, app: str | None = None, environment: str | None = None
) -> list[dict[str, Any]]:
    """Backing services, asked how they are."""
    return await services.listed(_platform(request), app, environment)


@api.post(f"{_DEPLOY}/services")
async def attach(request: Request, app: str, environment: str, asked: AttachRequest) -> StreamingResponse:
    """Make a resource for a deploy, or name one that runs elsewhere, and put it into config."""
    platform = _platform(request)
    wanted = services.Asked(asked.kind, asked.version, asked.url, asked.variable, asked.check)
    return _operate(
        platform,
        lambda progress: services.attach(
            platform, (app, environment), asked.name, wanted, asked.by, _watching(asked), progress
        ),
    )


_SERVICE = f"{_DEPLOY}/services/{{name}}"


@api.post(f"{_SERVICE}/detach")
async def detach(request: Request, app: str, environment: str, name: str, asked: DetachRequest) -> StreamingResponse:
    """Take a resource out of a deploy's config; its data stays."""
    platform = _platform(request)
    return _operate(
        platform,
        lambda progress: services.detach(
            platform, (app, environment), name, asked.revoke, asked.by, _watching(asked), progress
        ),
    )


@api.post(f"{_SERVICE}/swap")
async def swap(request: Request, app: str, environment: str, name: str, asked: SwapRequest) -> StreamingResponse:
    """Lead a deploy's variables to another resource."""
    platform = _platform(request)
    wanted = services.Asked(version=asked.version, url=asked.url, check=asked.check)
    return _operate(
        platform,
        lambda progress: services.swap(
            platform, (app, environment), name, wanted, asked.to, asked.by, _watching(asked), progress
        ),
    )


@api.post(f"{_SERVICE}/share")
async def share(request: Request, app: str, environment: str, name: str, asked: ShareRequest) -> StreamingResponse:
    """Let another deploy use a resource, too."""
    platform = _platform(request)
    other = (asked.app, asked.environment)
    return _operate(
        platform,
        lambda progress: services.share(
            platform, (app, environment), name, other, asked.variable, asked.by, _watching(asked), progress
        ),
    )


@api.post(f"{_SERVICE}/backup")
async def backup(request: Request, app: str, environment: str, name: str, asked: BackupRequest) -> StreamingResponse:
    """Write what a resource keeps to a file."""
    platform = _platform(request)
    return _operate(
        platform, lambda progress: services.backup(platform, (app, environment), name, asked.path, asked.by, progress)
    )


@api.post(f"{_SERVICE}/restore")
async def restore(request: Request, app: str, environment: str, name: str, asked: RestoreRequest) -> StreamingResponse:
    """Make a new resource of a backup."""
    platform = _platform(request)
    return _operate(
        platform,
        lambda progress: services.restore(
            platform, (app, environment), name, asked.path, asked.into, asked.by, progress
        ),
    )


@api.get(f"{_DEPLOY}/mail")
async def caught_mail(
    request: Request, app: str, environment: str, name: str | None = None, id: str | None = None
) -> list[dict[str, Any]]:
    """Mail that a deploy sent to a mail server of this machine."""
    return await services.mail(_platform(request), (app, environment), name, id)


@api.delete(_SERVICE)
async def destroy_service(
    request: Request, app: str, environment: str, name: str, dry_run: bool = False
) -> StreamingResponse:
    """Remove a resource and all that it keeps."""
    platform = _platform(request)
    return _operate(platform, lambda progress: services.destroy(platform, (app, environment), name, dry_run, progress))


@api.get("/domains")
async def domains(request: Request, app: str | None = None, environment: str | None = None) -> list[dict[str, Any]]:
    """Every own domain, or those of an app or a deploy, with its certificate."""
    return await own_domains.listed(_platform(request), app, environment)


@api.get("/domains/ca")
async def authority(request: Request) -> dict[str, str]:
    """The root certificate of Tolv's own authority, PEM."""
    return {"certificate": await in_thread(authority_root, _platform(request).home)}


@api.post(f"{_DEPLOY}/domains")
async def add_domain(request: Request, app: str, environment: str, asked: DomainRequest) -> StreamingResponse:
    """Let a domain lead to a deploy, by HTTPS."""
    platform = _platform(request)
    return _operate(
        platform,
        lambda progress: own_domains.add(
            platform,
            app,
            environment,
            asked.domain,
            internal=asked.internal,
            move=asked.move,
            by=asked.by,
            progress=progress,
        ),
    )


@api.delete("/domains")
async def remove_domain(request: Request, domain: str) -> StreamingResponse:
    """Forget a domain."""
    platform = _platform(request)
    return _operate(platform, lambda progress: own_domains.remove(platform, domain, progress))


# Logs and one-offs.


@api.get(f"{_DEPLOY}/logs")
async def logs(
    request: Request,
    app: str,
    environment: str,
    lines: int = Query(100, ge=0),
    since: str | None = None,
    process: str | None = None,
    release: str | None = None,
    follow_: bool = Query(False, alias="follow"),
) -> StreamingResponse:
    """The log stream, past and (with `follow`) to come, one JSON object a line."""
    platform = _platform(request)
    await in_thread(platform.deploys.get, app, environment)
    await in_thread(queries.check_log_choice, platform, app, environment, process, release, coming=follow_)
    since_ns = None if since is None else queries.parse_since(since)
    last = lines if since is None else None
    where = (platform.home.logs, app, environment)
    if follow_:
        coming = follow(*where, process=process, release=release, since_ns=since_ns, last=last)
        return StreamingResponse(_as_lines(coming), media_type=NDJSON)
    past = read(*where, process=process, release=release, since_ns=since_ns, last=last)
    return StreamingResponse(_in_batches(past), media_type=NDJSON)


@api.post(f"{_DEPLOY}/one-offs")
async def one_off(request: Request, app: str, environment: str, asked: OneOffRequest) -> dict[str, Any]:
    """Run a command in the live release; attached, it starts when the client hands its descriptors to the keeper."""
    return await running.one_off(
        _platform(request),
        app,
        environment,
        asked.command,
        detach=asked.detach,
        tty=asked.tty,
        terminal=asked.terminal,
        time_limit=asked.time_limit,
        by=asked.by,
    )


def _as_line(line: LogLine) -> bytes:
    return json.dumps(line.to_dict()).encode() + b"\n"


def _in_batches(lines: Iterator[LogLine]) -> Iterator[bytes]:
    """Starlette fetches each item in a thread: a thousand lines at a time, not one."""
    while batch := list(islice(lines, 1000)):
        yield b"".join(map(_as_line, batch))


async def _as_lines(batches: AsyncIterator[list[LogLine]]) -> AsyncIterator[bytes]:
    async for lines in batches:
        yield b"".join(map(_as_line, lines))


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


def _operate(platform: Platform, act: Act) -> StreamingResponse:
    if platform.stopping:
        raise PlatformError("the server is stopping", remedy="try again once it has stopped")
    return StreamingResponse(platform.operating.start(act).lines(), media_type=NDJSON)


def _deploy_request(asked: BuildRequest) -> deploys.Request:
    return deploys.Request(
        path=Path(asked.path),
        app=asked.app,
        environment=getattr(asked, "environment", "dev"),
        ref=asked.ref,
        dirty=asked.dirty,
        mode=getattr(asked, "mode", "deploy"),
        runtimes=asked.runtimes,
        by=asked.by,
        watch=_watching(asked) if isinstance(asked, Watched) else deploys.Watching(),
    )


def _watching(asked: Watched) -> deploys.Watching:
    return deploys.Watching(asked.auto_rollback, asked.wait)


async def _tell_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TolvError)
    status = 409 if isinstance(error, ConflictError) else 400 if isinstance(error, UsageError) else 503
    return JSONResponse({"error": error.to_dict()}, 422 if isinstance(error, AppError) else status)


async def _tell_invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    told = UsageError(f"bad request: {first['msg']}", where=where, remedy=_SEE_DOCUMENT)
    return JSONResponse({"error": told.to_dict()}, 400)


async def _tell_unknown(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    told = UsageError(
        f"the server has no answer to {request.method} {request.url.path}: {error.detail}", remedy=_SEE_DOCUMENT
    )
    return JSONResponse({"error": told.to_dict()}, error.status_code)


async def _tell_defect(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": unexpected(error).to_dict()}, 500)
