"""Factor V, stages that are mixed: building at start, development servers in production, code from outside the image."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from tolv.check.looks.listens import listens
from tolv.check.looks.services import serves_http
from tolv.check.looks.way import commands, production_starts
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.rules.image_steps import steps
from tolv.check.unit import Unit
from tolv.codebase.shell import Command
from tolv.codebase.start import Start

_STAGES = "https://12factor.net/build-release-run"

_BUILDING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"(?:npm|pnpm|yarn|bun) (?:run )?(?:build|compile|bundle|webpack|transpile)\b\S*", "builds"),
        (
            r"(?:npm (?:ci|i|install)|yarn install|yarn$|pnpm (?:i|install)|bun install)(?! -g)\b.*",
            "installs dependencies",
        ),
        (
            r"(?:npx )?(?:webpack(?!-dev)|rollup|esbuild|tsc|gulp(?: build)?|grunt(?: build)?|babel|sass|tailwindcss)\b.*",
            "builds",
        ),
        (r"(?:npx )?(?:next|nuxt|vite|ng|react-scripts|nest|remix|vue-cli-service) build\b.*", "builds"),
        (
            r"(?:python\d? -m )?pip\d? install\b.*|(?:poetry|pipenv|pdm) (?:install|sync)\b.*|uv (?:sync|pip install)\b.*",
            "installs dependencies",
        ),
        (r"bundle install\b.*|gem install\b.*|composer (?:install|update)\b.*", "installs dependencies"),
        (r"(?:\./)?mvnw? .*\b(?:package|install|compile|spring-boot:run|exec:java)\b.*", "compiles"),
        (
            r"(?:\./)?gradlew? .*\b(?:build|bootRun|assemble|installDist|run)\b.*|sbt .*\b(?:run|stage|compile)\b.*",
            "compiles",
        ),
        (
            r"go (?:build|run|install)\b.*|cargo (?:build|run)\b.*|dotnet (?:run|build|publish)\b.*|javac\b.*",
            "compiles",
        ),
        (
            r"(?:rake|rails|bin/rails|bin/rake) .*assets:precompile\b.*|(?:rake|rails) .*webpacker:compile\b.*",
            "compiles assets",
        ),
        (
            r".*\bmanage\.py (?:collectstatic|compilemessages|compress|compilescss)\b.*|django-admin (?:collectstatic|compilemessages)\b.*",
            "compiles assets",
        ),
        (r"(?:flask|pybabel|php artisan|mix) (?:\w+[ :])?(?:compile|build|precompile|bundle)\b.*", "compiles"),
        (r"(?:apt-get|apt|apk|yum|dnf) (?:-\S+ )*(?:install|add)\b.*", "installs system packages"),
        (
            r"(?:docker build|docker compose build|docker-compose build|make (?:build|assets|install|compile))\b.*",
            "builds",
        ),
    )
)
_WITH_TYPESCRIPT = re.compile(r"(?:npx )?(?:ts-node|tsx|ts-node-esm|babel-node|esno|vite-node)\b.*")
_MIGRATES = re.compile(
    r".*\bmanage\.py migrate\b.*|(?:rake|rails|bin/rails) .*db:(?:migrate|setup|create|seed|schema:load|prepare)\b.*"
    r"|(?:flask db|alembic) upgrade\b.*|php artisan migrate\b.*|(?:npx )?(?:prisma migrate deploy|prisma db push|sequelize db:migrate"
    r"|knex migrate:latest|typeorm migration:run)\b.*"
)


def _plain(command: Command) -> str:
    """The words of a command without its wrappers and directories."""
    words = list(command.argv)
    while len(words) > 1 and (
        words[0] in ("bundle", "poetry", "pipenv", "uv", "dotenv", "sudo", "time", "exec")
        and words[1] in ("exec", "run")
    ):
        words = words[2:]
    if words and words[0] in ("sudo", "time", "exec"):
        words = words[1:]
    if words:
        words[0] = words[0].rpartition("/")[2] if not words[0].startswith("./") else words[0]
    return " ".join(words)


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
    starts = production_starts(unit)
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
    text = _plain(command)
    place = unit.place(path, command.line)
    if _WITH_TYPESCRIPT.fullmatch(text):
        return Finding(f"{start.type} compiles its TypeScript at each start: {text[:60]}", place, "note")
    for pattern, what in _BUILDING:
        if pattern.fullmatch(text):
            # Under a condition it may be for development alone.
            severity: Severity = (
                "warning" if {"if", "case", "||"} & {*command.inside, command.joined_by or ""} else "error"
            )
            return Finding(f"{start.type} {what} at each start: {text[:60]}", place, severity)
    return None


def _migrating_builds(unit: Unit) -> Iterator[Finding]:
    """Steps of an image's build that need the database."""
    for dockerfile in unit.dockerfiles:
        if dockerfile.context != "prod":
            continue
        for step in steps(dockerfile):
            text = _plain(step.command)
            if _MIGRATES.fullmatch(text):
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


_DEV_COMMANDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (
            r"(?:python\d? )?(?:\S*/)?manage\.py runserver(?:_plus)?\b.*|django-admin runserver\b.*",
            "Django's development server",
        ),
        (r"(?:python\d? -m )?flask (?:--?\S+(?: \S+)? )*run\b.*", "Flask's development server"),
        (r"fastapi dev\b.*", "FastAPI's development server"),
        (
            r"(?:npx )?nodemon\b.*|(?:npx )?ts-node-dev\b.*|node(?: \S+)* --watch\b.*|(?:npx )?tsx watch\b.*",
            "a reloader",
        ),
        (
            r"(?:npx )?(?:next|nuxt|nuxi|astro|remix|gatsby) (?:dev|develop)\b.*|(?:npx )?vite(?: (?:dev|serve|--\S+.*))?$",
            "a development server",
        ),
        (
            r"(?:npx )?(?:ng serve|react-scripts start|vue-cli-service serve|webpack(?:-dev-server| serve))\b.*",
            "a development server",
        ),
        (r"nest start --watch\b.*", "a reloader"),
        (
            r"php artisan serve\b.*|php -S\b.*|symfony (?:server:start|serve)\b.*|(?:php )?bin/console server:run\b.*",
            "PHP's development server",
        ),
        (r".*\bwebrick\b.*", "WEBrick"),
        (r"(?:uvicorn|gunicorn|hypercorn|granian|sanic)\b.* --reload\b.*", "a reloader"),
        (r"(?:air|reflex|gin run|fresh|watchexec|watchmedo auto-restart|entr|CompileDaemon)\b.*", "a reloader"),
        (r"(?:jupyter|streamlit hello)\b.*--debug.*", "debug mode"),
    )
)


@rule(
    "V-08",
    severity="error",
    materials=("manifests", "python"),
    looks=(listens,),
    title="Production starts a development server",
    why="It serves one request at a time or watches files, shows tracebacks and at worst a console to the world, and its "
    "authors say not to.",
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
        if what is None or _is_dev_compose(unit, start):
            continue
        found = True
        others = any(one is not start and one.type == start.type and one.prod for one in starts)
        severity: Severity = "warning" if start.origin == "compose" or others else "error"
        yield Finding(f"{start.type} runs {what}", unit.place(*start.place), severity)
    if found:
        return
    if starts:
        yield Witness(f"{starts[0].type} runs {starts[0].server or starts[0].argv[0]}", unit.place(*starts[0].place))
    else:
        yield NotApplicable("nothing says how the app is started")


def _development(unit: Unit, start: Start) -> str | None:
    words = [start.argv[0].rpartition("/")[2], *start.argv[1:]] if start.argv else []
    text = " ".join(words)
    for pattern, what in _DEV_COMMANDS:
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


def _is_dev_compose(unit: Unit, start: Start) -> bool:
    """A compose service that mounts the code is for development, whatever its file is called."""
    if start.origin != "compose":
        return False
    for compose in unit.composes:
        for service in compose.services:
            if compose.path == start.path and service.name == start.type:
                return any(
                    one.is_bind and one.source is not None and not _is_data(one.source) for one in service.volumes
                )
    return False


def _is_data(source: str) -> bool:
    """A mount that is no code: a settings file, data, a socket."""
    name = posixpath.basename(source.rstrip("/"))
    return source.startswith(("/", "~")) or bool(
        re.search(r"(?i)data|\.\w{2,5}$|cert|log|upload|media|storage|config|conf|secret", name)
    )


@rule(
    "V-09",
    severity="warning",
    materials=("manifests",),
    title="The image or its container takes in what no build chose",
    why="Code that is mounted over an image makes the release whatever lies on the host; a context copied whole puts "
    "the history, and secrets of whoever builds, into the image.",
    fix="Copy what is needed, list .git and .env in .dockerignore, and mount no code.",
    bad="COPY . .   (without .dockerignore)",
    good="COPY src/ src/",
    source=_STAGES,
    probe="V-P1",
)
def unchosen_content(unit: Unit) -> Iterator[Outcome]:
    found = False
    copied: Witness | None = None
    started = {one.path for one in production_starts(unit)}
    for dockerfile in unit.dockerfiles:
        # An image that nothing starts builds packages, or runs tests.
        if dockerfile.context != "prod" or dockerfile.path not in started:
            continue
        whole = next(
            (one for one in dockerfile.effective() if one.keyword in ("COPY", "ADD") and _copies_all(one.text)), None
        )
        if whole is None:
            copied = copied or Witness("the image takes only named paths", unit.place(dockerfile.path))
            continue
        finding = _unignored(unit, dockerfile.path, whole.line)
        if finding is not None:
            found = True
            yield finding
        else:
            copied = copied or Witness(
                "what must not enter the image is ignored", unit.place(dockerfile.path, whole.line)
            )
    for finding in (*_mounted(unit), *_host_paths(unit)):
        found = True
        yield finding
    if found:
        return
    if copied is not None:
        yield copied
    else:
        yield NotApplicable("no image is built here")


def _copies_all(text: str) -> bool:
    words = [word for word in re.sub(r"[\[\]\",]", " ", text).split() if not word.startswith("--")]
    return "--from" not in text and len(words) >= 2 and any(word in (".", "./", "./*", "*") for word in words[:-1])


def _unignored(unit: Unit, path: str, line: int) -> Finding | None:
    """What the ignore file beside a Dockerfile, or at the top, lets into the image."""
    candidates = (f"{path}.dockerignore", posixpath.join(posixpath.dirname(path), ".dockerignore"), ".dockerignore")
    ignore = next((one for one in candidates if unit.text(one) is not None), None)
    if ignore is None:
        message = "the whole context is copied and there is no .dockerignore, so that .git and .env enter the image"
        return Finding(message, unit.place(path, line), fix="Add a .dockerignore with .git and .env.")
    patterns = [raw.strip() for raw in (unit.text(ignore) or "").split("\n")]
    patterns = [one.lstrip("/") for one in patterns if one and not one.startswith("#")]
    if not _ignored(".git", patterns):
        return Finding(
            "the whole context is copied, and .dockerignore lets .git in", unit.place(ignore), fix="Add .git to it."
        )
    if not _ignored(".env", patterns) and _keeps_env(unit):
        return Finding(
            "the whole context is copied, and .dockerignore lets .env in", unit.place(ignore), fix="Add .env to it."
        )
    return None


def _keeps_env(unit: Unit) -> bool:
    """The app reads a local .env, so that whoever builds has one."""
    return unit.uses(
        "dotenv", "python-dotenv", "python-decouple", "django-environ", "environs", "dotenv-rails", "vlucas/phpdotenv"
    ) or any(file.name.startswith(".env") for file in unit.files)


def _ignored(name: str, patterns: list[str]) -> bool:
    state = False
    for pattern in patterns:
        negated = pattern.startswith("!")
        plain = pattern.lstrip("!").rstrip("/").removesuffix("/**").removeprefix("**/").removesuffix("/*")
        if posixpath.normpath(plain or ".") in (name, "*", ".*", f"{name}*", "**", f"*{name}") or (
            plain == ".git*" and name == ".git"
        ):
            state = not negated
    return state


_PRODUCTION_COMPOSE = re.compile(r"(?i)(?:^|[./_-])(?:prod|production|deploy|release|live|staging)(?:[./_-]|$)")


def _mounted(unit: Unit) -> Iterator[Finding]:
    """Code that a compose file for production mounts."""
    for compose in unit.composes:
        if compose.context != "prod" or not _PRODUCTION_COMPOSE.search(compose.path):
            continue
        for service in compose.services:
            for volume in service.volumes:
                source = volume.source or ""
                if volume.is_bind and not _is_data(source) and _holds_code(unit, compose.path, source):
                    message = f"the service {service.name} runs the code of the host: {source} is mounted"
                    yield Finding(message, unit.place(compose.path, volume.line))
                    break


def _holds_code(unit: Unit, path: str, source: str) -> bool:
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), source))
    prefix = "" if inside == "." else f"{inside}/"
    return any(file.language and file.path.startswith(prefix) for file in unit.files)


def _host_paths(unit: Unit) -> Iterator[Finding]:
    """Code that a Kubernetes workload takes from its node."""
    for manifest in unit.kubernetes:
        if manifest.context != "prod" or manifest.kind not in ("Deployment", "StatefulSet", "ReplicaSet", "Pod"):
            continue
        text = unit.text(manifest.path) or ""
        for number, line in enumerate(text.split("\n"), start=1):
            if match := re.match(
                r"\s*(?:-\s*)?path:\s*[\"']?(/(?:app|code|src|srv|opt|home|usr/src|workspace|var/www)\b[^\"'\s]*)", line
            ):
                if "hostPath" in "\n".join(text.split("\n")[max(0, number - 4) : number]):
                    yield Finding(
                        f"the pod runs code of its node: {match[1]} is mounted", unit.place(manifest.path, number)
                    )
