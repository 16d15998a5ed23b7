"""The manifests that start something, and what they say."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from tolv.codebase.compose import Compose, ComposeService, is_compose, is_compose_name, parse_compose
from tolv.codebase.context import Context
from tolv.codebase.dockerfile import Dockerfile, parse_dockerfile
from tolv.codebase.entry import server_of
from tolv.codebase.kubernetes import is_kubernetes, parse_kubernetes, workloads
from tolv.codebase.launch import launched
from tolv.codebase.settings import Settings, parse_ini, parse_toml
from tolv.codebase.shell import parse_shell
from tolv.codebase.start_follow import Source, procfile_entries, programs
from tolv.codebase.tree_paths import Container, TreePaths
from tolv.codebase.yamlfile import Node, parse_yaml

Contexts = Mapping[str, Context]

#: Files of these contexts start nothing that is looked at.
_LEFT_OUT = frozenset({"test", "docs", "ci", "vendored", "generated", "locale", "lock", "binary", "migrations"})


def is_dockerfile_name(name: str) -> bool:
    """Whether a base name is that of a Dockerfile: `Dockerfile.prod`, `web.Dockerfile`, `Containerfile`."""
    lower = name.lower()
    if lower.endswith((".sh", ".md", ".txt", ".yml", ".yaml", ".json", ".dockerignore", ".j2", ".erb", ".py", ".js")):
        return False
    return lower.startswith(("dockerfile", "containerfile")) or lower.endswith((".dockerfile", ".containerfile"))


def sources(tree: TreePaths, contexts: Contexts) -> Iterator[Source]:
    """All that the manifests of a tree start, those of the Procfile first."""
    paths = sorted(path for path in tree.files if contexts[path] not in _LEFT_OUT)
    by_name = [(path, path.rpartition("/")[2]) for path in paths]
    for path, name in by_name:
        if name == "Procfile" or name.startswith("Procfile."):
            yield from _procfile(tree, path, contexts[path])
    dockerfiles = {
        path: parse_dockerfile(text, path, contexts[path])
        for path, name in by_name
        if is_dockerfile_name(name) and (text := tree.read(path)) is not None
    }
    composes = list(_composes(tree, by_name, contexts))
    built = _build_contexts(composes)
    containers = {path: Container(tree, file, built.get(path)) for path, file in dockerfiles.items()}
    for path, file in dockerfiles.items():
        yield from _dockerfile(file, containers[path])
    for compose in composes:
        yield from _compose(compose, dockerfiles, containers)
    for path, name in by_name:
        yield from _other(tree, path, name, contexts[path], dockerfiles)


def _procfile(tree: TreePaths, path: str, context: Context) -> Iterator[Source]:
    for line, (name, command) in procfile_entries(tree.read(path) or ""):
        yield Source(name, "Procfile", path, line, context, None, command, "platform", posixpath.dirname(path))


def _dockerfile(file: Dockerfile, container: Container) -> Iterator[Source]:
    command = file.command
    if command is None:
        return
    env = {name: entry.value for name, entry in file.env.items()}
    shell = launched(command.shell_argv).program or "sh"
    program = server_of(launched(command.argv).argv) if command.argv else None
    kind = "web" if file.exposed or program in _WEB else "app"
    directory = container.directory()
    yield Source(
        kind,
        "Dockerfile",
        file.path,
        command.line,
        file.context,
        command.argv,
        command.shell,
        shell,
        directory,
        env,
        container,
    )


_WEB = frozenset(
    {"gunicorn", "uvicorn", "hypercorn", "daphne", "puma", "nginx", "caddy", "granian", "fastapi", "flask"}
)


def _composes(tree: TreePaths, by_name: list[tuple[str, str]], contexts: Contexts) -> Iterator[Compose]:
    for path, name in by_name:
        if not name.endswith((".yml", ".yaml")) or "/templates/" in f"/{path}":
            continue
        text = tree.read(path) if is_compose_name(name) or path.count("/") < 3 else None
        if text is not None and (is_compose_name(name) or is_compose(text)):
            yield parse_compose(text, path, contexts[path])


def _build_contexts(composes: list[Compose]) -> dict[str, str]:
    """The directories that compose files build Dockerfiles in, by the Dockerfile's path."""
    found: dict[str, str] = {}
    for compose in composes:
        for service in compose.services:
            if service.build is not None and "$" not in service.build.context:
                place = _joined(posixpath.dirname(compose.path), service.build.context)
                found.setdefault(_joined(place, service.build.dockerfile or "Dockerfile"), place)
    return found


def _joined(directory: str, path: str) -> str:
    place = posixpath.normpath(posixpath.join(directory, path))
    return "" if place == "." else place


def _compose(
    compose: Compose, dockerfiles: Mapping[str, Dockerfile], containers: Mapping[str, Container]
) -> Iterator[Source]:
    """The services of the app's own that say what they run."""
    own = {one.image.name for one in compose.services if one.build is not None and one.image is not None}
    for service in compose.services:
        mine = service.build is not None or (service.image is not None and service.image.name in own)
        if not mine or (service.command is None and service.entrypoint is None):
            continue
        path = _dockerfile_of(compose, service)
        file = dockerfiles.get(path) if path is not None else None
        argv, line = _service_command(service, file)
        env = {name: entry.value for name, entry in file.env.items()} if file is not None else {}
        env |= {name: entry.value for name, entry in service.environment.items() if entry is not None}
        container = containers.get(path) if path is not None else None
        directory = container.directory() if container is not None else posixpath.dirname(compose.path)
        yield Source(
            service.name, "compose", compose.path, line, compose.context, argv, None, "sh", directory, env, container
        )


def _dockerfile_of(compose: Compose, service: ComposeService) -> str | None:
    build = service.build
    if build is None and service.image is not None:
        same = (one for one in compose.services if one.image is not None and one.image.name == service.image.name)
        build = next((one.build for one in same if one.build is not None), None)
    if build is None:
        return None
    return _joined(_joined(posixpath.dirname(compose.path), build.context), build.dockerfile or "Dockerfile")


def _service_command(service: ComposeService, file: Dockerfile | None) -> tuple[tuple[str, ...], int]:
    """The words that a service runs: its own ENTRYPOINT, or the image's, and its own CMD."""
    said = service.command or service.entrypoint
    line = said.line if said is not None else service.line
    command = _split(service.command.argv, service.command.text) if service.command is not None else ()
    if service.entrypoint is not None:
        return (*_split(service.entrypoint.argv, service.entrypoint.text), *command), line
    below = file.command if file is not None else None
    if below is not None and below.entrypoint is not None and below.entrypoint.argv:
        return (*below.entrypoint.argv, *command), line
    return command, line


def _split(argv: tuple[str, ...] | None, text: str) -> tuple[str, ...]:
    """Words; those of a text as a shell would split it, though none runs it."""
    if argv is not None:
        return argv
    commands = parse_shell(text.replace("\n", " ")).commands
    return (("exec", *commands[0].argv) if commands[0].exec else commands[0].argv) if commands else ()


def _other(
    tree: TreePaths, path: str, name: str, context: Context, dockerfiles: Mapping[str, Dockerfile]
) -> Iterator[Source]:
    """The manifests of platforms and process supervisors."""
    if name == "package.json":
        yield from _package(tree, path, context)
    elif name == "app.json":
        yield from _keyed(tree, path, context, "app.json", (("scripts",), "postdeploy", True))
    elif name == "heroku.yml":
        yield from _heroku(tree, path, context)
    elif name in ("manifest.yml", "manifest.yaml", "render.yaml") and "k8s" not in path:
        yield from _platform(tree, path, name, context)
    elif name in ("fly.toml", "tolv.toml"):
        yield from _toml(parse_toml(tree.read(path) or "", path), path, name, context)
    elif name.endswith((".service", ".service.j2")):
        yield from _systemd(tree, path, context)
    elif name.endswith((".conf", ".ini")) and "supervis" in path:
        for one in programs(tree.read(path) or "", path):
            words = _split(None, one.command)
            yield Source(one.name, "supervisord", path, one.line, context, words, None)
    elif name.endswith((".yml", ".yaml")) and (text := tree.read(path)) is not None and is_kubernetes(text):
        yield from _kubernetes(text, path, context, dockerfiles)


def _package(tree: TreePaths, path: str, context: Context) -> Iterator[Source]:
    root = parse_yaml(tree.read(path) or "").first
    for script in ("start:prod", "start:production", "start"):
        node = root.at("scripts", script) if root is not None else None
        if node is not None and node.kind == "scalar" and node.value:
            words = ("npm", "start") if script == "start" else ("npm", "run", script)
            yield Source(
                "web", "package.json", path, node.line, context, words, None, directory=posixpath.dirname(path)
            )
            return


def _keyed(
    tree: TreePaths, path: str, context: Context, origin: str, wanted: tuple[tuple[str, ...], str, bool]
) -> Iterator[Source]:
    root = parse_yaml(tree.read(path) or "").first
    where, key, release = wanted
    node = root.at(*where, key) if root is not None else None
    if node is not None and node.kind == "scalar" and node.value:
        yield Source(
            key,
            "app.json",
            path,
            node.line,
            context,
            None,
            node.value,
            "platform",
            posixpath.dirname(path),
            release=release,
        )


def _heroku(tree: TreePaths, path: str, context: Context) -> Iterator[Source]:
    root = parse_yaml(tree.read(path) or "").first
    run = root.get("run") if root is not None else None
    release = root.at("release", "command") if root is not None else None
    named = [(name, node, False) for name, node in run.items()] if run is not None else []
    named += [("release", release, True)] if release is not None else []
    for name, node, once in named:
        text = _command_text(node.get("command") or node)
        if text:
            directory = posixpath.dirname(path)
            yield Source(name, "heroku.yml", path, node.line, context, None, text, "platform", directory, release=once)


def _command_text(node: Node) -> str:
    return node.value if node.kind == "scalar" else " && ".join(node.texts())


def _platform(tree: TreePaths, path: str, name: str, context: Context) -> Iterator[Source]:
    """Cloud Foundry's manifest.yml and Render's render.yaml."""
    root = parse_yaml(tree.read(path) or "", templates=True).first
    if root is None:
        return
    keys = ("command",) if name.startswith("manifest") else ("startCommand", "dockerCommand", "preDeployCommand")
    apps = root.get("applications") if name.startswith("manifest") else root.get("services")
    for app in apps.elements() if apps is not None else ():
        for holder in (app, *(one for one in (app.get("processes") or app).elements() if one.kind == "map")):
            for key in keys:
                node = holder.get(key)
                if node is None or node.kind != "scalar" or node.is_null:
                    continue
                kind = holder.text("type") if name.startswith("manifest") else app.text("name")
                once = key == "preDeployCommand"
                directory = _joined(posixpath.dirname(path), app.text("rootDir") or ".")
                origin = "manifest.yml" if name.startswith("manifest") else "render.yaml"
                yield Source(
                    kind or app.text("name") or "web", origin, path, node.line, context, None, node.value, "platform",  # type: ignore[arg-type]
                    directory, release=once,
                )  # fmt: skip


def _toml(settings: Settings, path: str, name: str, context: Context) -> Iterator[Source]:
    """fly.toml and tolv.toml."""
    directory = posixpath.dirname(path)
    for one in settings:
        parts = one.key.split(".")
        if name == "fly.toml" and parts[0] == "processes" and len(parts) == 2:
            yield Source(parts[1], "fly.toml", path, one.line, context, None, one.value, "platform", directory)
        elif name == "fly.toml" and one.key == "deploy.release_command":
            yield Source(
                "release", "fly.toml", path, one.line, context, None, one.value, "platform", directory, release=True
            )
        elif name == "tolv.toml" and parts[0] == "processes" and parts[2:] == ["command"]:
            yield Source(parts[1], "tolv.toml", path, one.line, context, None, one.value, "platform", directory)


def _systemd(tree: TreePaths, path: str, context: Context) -> Iterator[Source]:
    unit = parse_ini(tree.read(path) or "", path)
    name = posixpath.basename(path).partition(".service")[0]
    kind = unit.get("Service.Type")
    for one in unit.all("Service.ExecStart"):
        words = _split(None, one.value.lstrip("-@+!:"))
        if words:
            once = kind is not None and kind.value == "oneshot"
            yield Source(name, "systemd", path, one.line, context, words, None, release=once)


def _kubernetes(text: str, path: str, context: Context, dockerfiles: Mapping[str, Dockerfile]) -> Iterator[Source]:
    files = [one for one in dockerfiles.values() if one.context == "prod" and one.command is not None]
    below = files[0].command if len(files) == 1 else None
    for manifest in parse_kubernetes(text, path, context):
        for workload in workloads(manifest):
            for one in workload.containers:
                argv = (*one.command, *one.args)
                if not one.command and one.args and below is not None and below.entrypoint is not None:
                    argv = (*(below.entrypoint.argv or ()), *one.args)
                if not argv or (not one.command and below is None):
                    continue
                env = {variable.name: variable.value for variable in one.env if variable.value is not None}
                once = one.init or workload.kind in ("Job", "CronJob")
                yield Source(
                    one.name or workload.name,
                    "kubernetes",
                    path,
                    one.command_line,
                    context,
                    argv,
                    None,
                    env=env,
                    release=once,
                )


def conventions(tree: TreePaths, contexts: Contexts) -> Iterator[Source]:
    """What a platform's buildpack would start where no file says it: the nearest to the top counts."""
    for path in _spring(tree, contexts):
        yield Source("web", "convention", path, 1, contexts[path], ("java", "-jar", "app.jar"), None, entry=path)
        return
    for name, words, beside in _CONVENTIONS:
        for path in tree.named(name)[:20]:
            directory = posixpath.dirname(path)
            if contexts[path] in _LEFT_OUT or (beside and not tree.exists(posixpath.join(directory, beside))):
                continue
            yield Source("web", "convention", path, 1, contexts[path], words, None, directory=directory)
            return


def _spring(tree: TreePaths, contexts: Contexts) -> Iterator[str]:
    """The main classes of Spring Boot apps."""
    likely = [path for path in tree.files if path.endswith("Application.java") and contexts[path] == "prod"]
    for path in sorted(likely)[:50]:
        if "SpringApplication" in (tree.read(path) or ""):
            yield path


#: A file, what it is started with, and what must lie beside it.
_CONVENTIONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("config.ru", ("rackup",), "Gemfile"),
    ("artisan", ("php-fpm",), "composer.json"),
    ("server.js", ("node", "server.js"), "package.json"),
    ("main.go", ("./main",), "go.mod"),
    ("index.js", ("node", "index.js"), "package.json"),
    ("app.js", ("node", "app.js"), "package.json"),
    ("main.py", ("python", "main.py"), "requirements.txt"),
    ("app.py", ("python", "app.py"), "requirements.txt"),
    ("main.py", ("python", "main.py"), "pyproject.toml"),
    ("index.php", ("php-fpm",), ""),
)
