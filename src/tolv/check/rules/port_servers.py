"""Factor VII, who serves: a server of the app's own, a command that starts it, and TLS that is the router's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.look import Seen
from tolv.check.looks.services import serves_http
from tolv.check.looks.tls import Tls, tls_ends
from tolv.check.looks.way import production_starts
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.rules.port_binding import nginx_files
from tolv.check.unit import Unit

_BINDING = "https://12factor.net/port-binding"
_PHP_SERVERS = frozenset(
    "php-fpm apache2-foreground httpd-foreground frankenphp rr heroku-php-apache2 heroku-php-nginx nginx caddy "
    "apache2 httpd php swoole supervisord s6-svscan unitd litespeed".split()
)
_CONTAINERS = re.compile(
    r"(?:^|/)(?:tomcat|jetty|wildfly|payara|open-?liberty|jboss|tomee|glassfish|websphere-liberty)"
)


@rule(
    "VII-03",
    severity="warning",
    materials=("manifests",),
    title="The app needs a web server that somebody else brings",
    why="An app that runs only inside an application server or a host's web server is not one process with one port: "
    "each host must be prepared, and the release is no longer the whole.",
    fix="Depend on a server as on any library, and start it as the process: Spring Boot's jar, gunicorn, FrankenPHP.",
    bad="<packaging>war</packaging>",
    good="<packaging>jar</packaging>, with spring-boot-starter-web",
    source=_BINDING,
    probe="VII-P3",
)
def injected_server(unit: Unit) -> Iterator[Outcome]:
    finding = _war(unit) or _php(unit) or _wsgi(unit)
    if finding is not None:
        yield finding
    elif serves_http(unit):
        server = next((one for one in production_starts(unit)), None)
        place = unit.place(*server.place) if server is not None else None
        yield Witness("the server that answers HTTP is a dependency of the app or part of its image", place)
    else:
        yield NotApplicable("nothing answers HTTP")


def _war(unit: Unit) -> Finding | None:
    for file in unit.named("pom.xml", "build.gradle", "build.gradle.kts"):
        text = unit.text(file.path) or ""
        match = _WAR.search(text)
        if (
            match is None
            or file.context != "prod"
            or re.search(r"spring-boot|quarkus|micronaut|jetty-maven|embed", text)
        ):
            continue
        brought = any(
            dockerfile.base is not None and _CONTAINERS.search(dockerfile.base.name or "")
            for dockerfile in unit.dockerfiles
        )
        severity: Severity = "note" if brought else "warning"
        line = text.count("\n", 0, match.start()) + 1
        return Finding("the app is a WAR without a server of its own", unit.place(file.path, line), severity)
    return None


_WAR = re.compile(
    r"<packaging>\s*war\s*</packaging>|^\s*(?:id\s*\(?\s*['\"]war['\"]|apply plugin:\s*['\"]war['\"]|`?war`?\s*$)", re.M
)


def _php(unit: Unit) -> Finding | None:
    """PHP that no server of the repository runs."""
    if not unit.languages or unit.languages[0] != "php":
        return None
    index = [one for one in unit.named("index.php") if one.context == "prod"]
    if not index or any(one.server in _PHP_SERVERS for one in unit.starts if one.origin != "convention"):
        return None
    if any("apache" in (one.base.text if one.base else "") for one in unit.dockerfiles):
        return None
    if any(
        file.name in ("app.yaml", "fly.toml", "manifest.yml", "nixpacks.toml", "render.yaml") for file in unit.files
    ):
        return None
    place = min(index, key=lambda one: one.path.count("/")).path
    return Finding("nothing here starts a server for this PHP app: the host must bring one", unit.place(place))


def _wsgi(unit: Unit) -> Finding | None:
    """Python that only a host's web server can load."""
    if production_starts(unit) or "python" not in unit.languages:
        return None
    for file in unit.named("passenger_wsgi.py", "*.wsgi", "*.fcgi", "*.cgi"):
        if file.context == "prod":
            return Finding("the app is loaded by the web server of its host", unit.place(file.path))
    for file in unit.named(".htaccess", "*.conf"):
        text = unit.text(file.path) or ""
        if file.context == "prod" and (
            match := re.search(r"WSGIScriptAlias|AddHandler\s+(?:wsgi|fcgid|cgi)-script", text)
        ):
            line = text.count("\n", 0, match.start()) + 1
            return Finding("the app is loaded by the web server of its host", unit.place(file.path, line))
    return None


@rule(
    "VII-04",
    severity="warning",
    materials=("manifests",),
    title="Nothing says how the web process is started",
    why="Whoever deploys has to know or guess the command, so that deploys differ.",
    fix="Declare it: `web: …` in a Procfile, or CMD in the Dockerfile.",
    bad="requirements.txt with flask, and no Procfile",
    good="web: gunicorn app:app",
    source=_BINDING,
    probe="VII-P1",
)
def no_start(unit: Unit) -> Iterator[Outcome]:
    if not serves_http(unit):
        yield NotApplicable("nothing answers HTTP")
        return
    starts = [one for one in unit.starts if one.context not in ("test", "docs", "ci")]
    good = next((one for one in starts if one.prod and not one.release), None)
    if good is not None:
        yield Witness(f"{good.type} is started by {good.text[:60]}", unit.place(*good.place))
    elif starts:
        yield CannotTell("only commands for development and one-off commands are declared", "VII-P1")
    elif _is_library(unit) or _is_part(unit):
        yield NotApplicable("it is a library, or a program that is installed")
    elif (other := _started_by(unit)) is not None:
        yield CannotTell(f"{other} names it, which may start it", "VII-P1")
    else:
        manifest = next((one.path for one in unit.named(*_MANIFESTS) if one.context == "prod"), unit.root)
        yield Finding("the app answers HTTP, and no file says by which command", unit.place(manifest))


_MANIFESTS = (
    "pyproject.toml",
    "requirements.txt",
    "Pipfile",
    "package.json",
    "go.mod",
    "Gemfile",
    "composer.json",
    "pom.xml",
    "build.gradle",
)


def _is_library(unit: Unit) -> bool:
    """What is published for others, or installed with a command of its own."""
    if any(file.context == "prod" for file in unit.named("setup.py", "*.gemspec", "setup.cfg")):
        return True
    for file in unit.named("pyproject.toml", "package.json", "composer.json"):
        text = unit.text(file.path) or ""
        if re.search(
            r"^\[(?:project\.scripts|build-system|tool\.poetry\.scripts)\]|\"bin\"\s*:|\"type\"\s*:\s*\"library\"|\"main\"\s*:",
            text,
            re.M,
        ):
            return True
    return unit.languages[:1] == ("go",)


_MAIN = re.compile(
    rb"SpringApplication\.run|SpringApplicationBuilder|SpringBootServletInitializer|Micronaut\.run|Quarkus\.run"
    rb"|static\s+void\s+main\s*\("
)


def _is_part(unit: Unit) -> bool:
    """A module of a Maven or Gradle build that others are made of: it has no `main` of its own."""
    if unit.languages[:1] != ("java",) and not any(file.name == "pom.xml" for file in unit.named("pom.xml")):
        return False
    for file in unit.files:
        if file.language == "java" and file.context == "prod":
            source = unit.source(file.path)
            if source is not None and _MAIN.search(source.data):
                return False
    return True


def _started_by(unit: Unit) -> str | None:
    """A file of another part of the tree that names this one in what it starts or builds: an image, a compose file."""
    if not unit.root:
        return None
    name = re.escape(unit.root.rpartition("/")[2])
    word = re.compile(rf"(?<![\w-]){name}(?![\w-])")
    for other in unit.repository.units:
        for one in (*other.dockerfiles, *other.composes, *other.kubernetes):
            if one.context == "prod" and word.search(unit.text(one.path) or ""):
                return str(one.path)
    return None


@rule(
    "VII-06",
    severity="note",
    materials=("manifests", "python", "javascript"),
    looks=(tls_ends,),
    title="The app ends TLS itself, with certificate files",
    why="Certificates in the image or on a disk have to be renewed by a release; the router does it for all apps.",
    fix="Serve plain HTTP on the port, and leave TLS to the router.",
    bad="CMD gunicorn --certfile cert.pem --keyfile key.pem app:app",
    good="CMD gunicorn app:app",
    source=_BINDING,
    probe="VII-P3",
)
def own_tls(unit: Unit) -> Iterator[Outcome]:
    found = False
    for start in production_starts(unit):
        for flag in ("--certfile", "--ssl-certfile", "--ssl-keyfile", "--ssl-cert", "--https"):
            if start.option(flag):
                found = True
                yield Finding(f"{start.server} ends TLS with a certificate file", unit.place(*start.place))
                break
    for path in nginx_files(unit):
        for number, line in enumerate((unit.text(path) or "").split("\n"), start=1):
            if re.match(r"\s*ssl_certificate\s+[^$;]+;", line):
                found = True
                yield Finding("nginx ends TLS with a certificate file", unit.place(path, number))
                break
    for seen in _in_code(unit):
        found = True
        message = f"{seen.what.what} ends TLS with a certificate file"
        yield Finding(message, unit.place(seen.path, seen.what.line, seen.what.column))
    if not found and serves_http(unit):
        yield Witness("nothing of the app loads a certificate to serve with")
    elif not found:
        yield NotApplicable("nothing answers HTTP")


def _in_code(unit: Unit) -> list[Seen[Tls]]:
    return list(unit.seen(tls_ends, "prod"))
