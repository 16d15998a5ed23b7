"""Factor V, stages that are mixed: building at start, development servers, code from outside the image."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from tolv.check.facts.built_elsewhere import built_elsewhere
from tolv.check.facts.image_steps import steps
from tolv.check.looks.build_commands import BUILDING, DEVELOPMENT, MIGRATES, WITH_TYPESCRIPT, plain
from tolv.check.looks.listens import listens
from tolv.check.looks.services import serves_http
from tolv.check.looks.way import commands, for_developers, production_starts
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.dockerfile import Dockerfile
from tolv.codebase.shell import Command
from tolv.codebase.start import Start

_STAGES = "https://12factor.net/build-release-run"


@rule(
    "V-01",
    severity="error",
    materials=("manifests",),
    title="The start command builds",
    why="What is built at start differs from instance to instance and from day to day, takes minutes when a crashed "
    "process should be back in seconds, and fails when a registry is away.",
    fix="Do it in the build stage (a RUN of the Dockerfile, the buildpack's build hook); start only what is built.",
    bad="web: npm run build && node dist/server.js",
    good="web: node dist/server.js",
    source=_STAGES,
    probe="V-P2",
)
def builds_at_start(unit: Unit) -> Iterator[Outcome]:
    starts = [one for one in production_starts(unit) if not for_development(unit, one)]
    found: set[Place] = set()
    for start in starts:
        for path, command in commands(unit, start):
            finding = _building(unit, start, path, command)
            if finding is not None and finding.place not in found:
                found.add(finding.place)
                yield finding
    for finding in _migrating_builds(unit):
        found.add(finding.place)
        yield finding
    if found:
        return
    if starts:
        yield Witness(f"{starts[0].type} starts without building", unit.place(*starts[0].place))
    else:
        yield NotApplicable("nothing says how the app is started")


def _building(unit: Unit, start: Start, path: str, command: Command) -> Finding | None:
    text = plain(command)
    place = unit.place(path, command.line)
    if WITH_TYPESCRIPT.fullmatch(text):
        return Finding(f"{start.type} compiles its TypeScript at each start: {text[:60]}", place, "note")
    for pattern, what in BUILDING:
        if pattern.fullmatch(text):
            # Under a condition it may be for development alone.
            perhaps = {"if", "case", "||"} & {*command.inside, command.joined_by or ""}
            severity: Severity = "warning" if perhaps or _COLLECTS.search(text) else "error"
            return Finding(f"{start.type} {what} at each start: {text[:60]}", place, severity)
    return None


#: What takes seconds, and nothing but what the image holds.
_COLLECTS = re.compile(r"\b(?:collectstatic|compilemessages)\b")


def _migrating_builds(unit: Unit) -> Iterator[Finding]:
    """Steps of an image's build that need the database."""
    for dockerfile in unit.dockerfiles:
        if dockerfile.context != "prod":
            continue
        for step in steps(dockerfile):
            text = plain(step.command)
            if MIGRATES.fullmatch(text):
                message = f"the build needs the database: {text[:60]}"
                fix = "Migrate in a release phase or a one-off job, with the release's own configuration."
                yield Finding(message, unit.place(dockerfile.path, step.line), "error", fix)


_BUILD_FILES = (
    *("Procfile", "app.json", "fly.toml", "render.yaml", "heroku.yml", "nixpacks.toml", "railway.json", "railway.toml"),
    *(
        "manifest.yml",
        "manifest.yaml",
        "app.yaml",
        "project.toml",
        "netlify.toml",
        "vercel.json",
        "serverless.yml",
        "now.json",
    ),
    *("serverless.yaml", "skaffold.yaml", "buildspec.yml", "cloudbuild.yaml", "samconfig.toml", "zappa_settings.json"),
    *("apprunner.yaml", "Containerfile", "*.nix", "wrangler.toml", "Dockerrun.aws.json", "Earthfile", "BUILD.bazel"),
)
_BUILD_TOOLS = ("pom.xml", "build.gradle", "build.gradle.kts", "build.sbt", "go.mod")


@rule(
    "V-02",
    severity="warning",
    materials=("manifests",),
    title="Nothing defines how a release is built",
    why="A release that somebody builds by hand cannot be built again, and nobody knows what is in it.",
    fix="Add a Dockerfile, or a Procfile for a buildpack, and build it in CI.",
    bad="README: unpack the tarball on the server and run npm install",
    good='FROM node:22-slim … CMD ["node", "server.js"]',
    source=_STAGES,
    probe="II-P1",
)
def no_build(unit: Unit) -> Iterator[Outcome]:
    if not serves_http(unit):
        yield NotApplicable("nothing here runs as a service")
        return
    images = [one for one in unit.dockerfiles if one.context in ("prod", "admin")]
    if images:
        yield Witness("an image is defined", unit.place(images[0].path))
        return
    files = [one for one in unit.named(*_BUILD_FILES) if one.context not in ("test", "docs", "dev")]
    if files:
        yield Witness("a manifest says how it is built and run", unit.place(files[0].path))
        return
    for workflow in unit.workflows:
        for step in workflow.steps:
            if re.search(
                r"\b(?:build|package|deploy|bundle|docker|assemble|compile|publish)\b",
                f"{step.name} {step.run} {step.uses}",
            ):
                yield Witness("CI builds it", unit.place(workflow.path, step.line))
                return
    if (called := built_elsewhere(unit)) is not None:
        yield Witness("CI builds it by a workflow that it calls", unit.place(called))
        return
    tools = [one for one in unit.named(*_BUILD_TOOLS) if one.context == "prod"]
    script = next((one for one in unit.starts if one.origin == "package.json" and one.prod), None)
    if tools:
        yield CannotTell(f"{tools[0].path} can build it, but nothing says how a release is made", "II-P1")
    elif script is not None:
        yield CannotTell("`npm start` is declared, but nothing says how a release is made", "II-P1")
    elif not _is_package(unit):
        manifest = next((one.path for one in unit.named(*_MANIFESTS) if one.context == "prod"), unit.root)
        message = "no Dockerfile, process file or CI build says how a release is made"
        yield Finding(message, unit.place(manifest))
    else:
        yield NotApplicable("it is a library, built as a package")


_MANIFESTS = ("pyproject.toml", "requirements.txt", "Pipfile", "package.json", "Gemfile", "composer.json", "index.php")


def _is_package(unit: Unit) -> bool:
    """A library, or a program that is installed from a registry."""
    if any(file.context == "prod" for file in unit.named("setup.py", "setup.cfg", "*.gemspec")):
        return True
    for file in unit.named("pyproject.toml", "package.json", "composer.json"):
        text = unit.text(file.path) or ""
        if re.search(r"^\[(?:build-system|project\.scripts)\]|\"type\"\s*:\s*\"(?:library|\w+-plugin)\"", text, re.M):
            return True
        if file.name == "package.json" and re.search(
            r"\"(?:files|publishConfig|prepublishOnly|peerDependencies)\"\s*:", text
        ):
            return True
    return False


@rule(
    "V-08",
    severity="error",
    materials=("manifests", "python"),
    looks=(listens,),
    title="Production starts a development server",
    why="It serves one request at a time or watches files, shows tracebacks and at worst a console to the world, and "
    "its authors say not to.",
    fix="Start a production server: gunicorn, uvicorn without --reload, node, Puma, FrankenPHP.",
    bad="web: flask run --host 0.0.0.0 --port $PORT",
    good="web: gunicorn app:app",
    source=_STAGES,
    probe="VIII-P1",
)
def development_server(unit: Unit) -> Iterator[Outcome]:
    starts = production_starts(unit)
    found = False
    for start in starts:
        what = _development(unit, start)
        if what is None or for_development(unit, start) or _is_beside(unit, start):
            continue
        others = any(one is not start and one.type == start.type and _development(unit, one) is None for one in starts)
        if others and for_developers(unit, start):
            continue
        if others and any(one == "case" or one.startswith("function") for one in start.command.inside):
            # One of several commands that an entrypoint offers.
            continue
        found = True
        severity: Severity = "warning" if start.origin == "compose" or others else "error"
        yield Finding(f"{start.type} runs {what}", unit.place(*start.place), severity)
    if found:
        return
    if starts:
        yield Witness(f"{starts[0].type} runs {starts[0].server or starts[0].argv[0]}", unit.place(*starts[0].place))
    else:
        yield NotApplicable("nothing says how the app is started")


_FRONT = re.compile(r"(?:ng|vite|webpack|webpack-dev-server|vue-cli-service|react-scripts|parcel)\b")


def _is_beside(unit: Unit, start: Start) -> bool:
    """The pages' own development server, beside an app in another language that serves them."""
    program = start.argv[0].rpartition("/")[2] if start.argv else ""
    served = bool(unit.named(*_SERVING)) or any(map(_serves_files, unit.dockerfiles))
    return start.origin == "package.json" and _FRONT.match(program) is not None and served


def _serves_files(dockerfile: Dockerfile) -> bool:
    """Whether an image has what another stage built, on a server of files."""
    final, base = dockerfile.final, dockerfile.base
    if final is None or base is None or dockerfile.context != "prod":
        return False
    copied = any(one.keyword == "COPY" and "from" in one.flags for one in final.instructions)
    return copied and re.match(r"(?:nginx|httpd|caddy|openresty|lighttpd|static)", base.base) is not None


#: Manifests of apps in other languages.
_SERVING = (
    *("pom.xml", "build.gradle", "build.gradle.kts", "manage.py", "artisan", "config.ru", "go.mod", "Cargo.toml"),
    *("pyproject.toml", "requirements.txt", "Pipfile", "Gemfile", "composer.json", "mix.exs", "*.csproj"),
)


def _development(unit: Unit, start: Start) -> str | None:
    words = [start.argv[0].rpartition("/")[2], *start.argv[1:]] if start.argv else []
    text = " ".join(words)
    for pattern, what in DEVELOPMENT:
        if pattern.fullmatch(text):
            return what
    if start.server in ("python", "python3", "pypy") and start.entry is not None:
        for seen in unit.seen(listens):
            if seen.path == start.entry and seen.what.server in ("flask", "quart", "werkzeug", "bottle", "wsgiref"):
                debug = dict(seen.what.options).get("debug") == "true"
                name = {"flask": "Flask", "quart": "Quart", "bottle": "Bottle"}.get(seen.what.server, seen.what.server)
                mode = " in debug mode" if debug else ""
                return f"{name}'s development server{mode} ({seen.path}:{seen.what.line})"
    return None


_NOT_PRODUCTION = re.compile(
    r"(?i)[./_-](?:e2e|tests?|ci|dev|devel|development|local|compose|debug|playwright)(?:[./_-]|$)"
)


def for_development(unit: Unit, start: Start) -> bool:
    """Whether what starts it is for development or tests, whatever its file is called: a compose service that mounts
    the code, and the Dockerfile of such a service."""
    if start.origin == "Dockerfile":
        if _NOT_PRODUCTION.search(posixpath.basename(start.path)):
            return True
        named = posixpath.basename(start.path) != "Dockerfile"
        return named and any(
            service.build is not None
            and posixpath.basename(service.build.dockerfile or "") == posixpath.basename(start.path)
            and any(one.is_bind and one.source is not None and not is_data(one.source) for one in service.volumes)
            for compose in unit.composes
            for service in compose.services
        )
    if start.origin != "compose":
        return False
    for compose in unit.composes:
        for service in compose.services:
            if compose.path == start.path and service.name == start.type:
                return any(
                    one.is_bind and one.source is not None and not is_data(one.source) for one in service.volumes
                )
    return False


def is_data(source: str) -> bool:
    """A mount that is no code: a settings file, data, a socket."""
    name = posixpath.basename(source.rstrip("/"))
    return source.startswith(("/", "~")) or bool(
        re.search(r"(?i)data|\.\w{2,5}$|cert|log|upload|media|storage|config|conf|secret", name)
    )
