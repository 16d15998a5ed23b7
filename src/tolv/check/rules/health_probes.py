"""Health checks: who asks (HLT-02), and whether what is asked is there and asks no more than it should (HLT-03)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from tolv.check.facts.health_tables import LIBRARIES
from tolv.check.looks.answers import Answer, answers_of
from tolv.check.looks.asked import Asked, asked_of, images_of, is_own, is_worker, own_services, own_workloads
from tolv.check.looks.health import hints
from tolv.check.looks.route import Route
from tolv.check.looks.routes import routes
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.rules.health_checks import asked_for, asking_line, asks_service
from tolv.check.unit import Unit
from tolv.codebase.compose import Compose, ComposeService
from tolv.codebase.dockerfile import Dockerfile, Instruction
from tolv.codebase.kubernetes import Container, Workload

_SOURCE = "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/"


@rule(
    "HLT-02",
    severity="warning",
    materials=("manifests",),
    title="Nobody asks a deployed service for its health",
    why="Without a probe, requests are sent to a process that has not started yet or does not answer any more, and "
    "nothing replaces it.",
    fix="Add a readinessProbe and a livenessProbe (Kubernetes), a healthcheck (compose) or HEALTHCHECK (Dockerfile).",
    bad="containers:\n  - name: web\n    image: acme/web:1.2\n    ports: [{containerPort: 8000}]",
    good="    readinessProbe: {httpGet: {path: /readyz, port: 8000}}\n"
    "    livenessProbe: {httpGet: {path: /livez, port: 8000}}",
    source=_SOURCE,
    probe="HLT-P1",
)
def somebody_asks(unit: Unit) -> Iterator[Outcome]:
    """Workloads first, then compose services, and an image's own check only where no other manifest runs the app."""
    clusters = list(own_workloads(unit))
    if clusters:
        yield from _in_clusters(unit, clusters)
    services = [(compose, one) for compose, one in own_services(unit) if _takes_requests(unit, compose, one)]
    for compose, service in services:
        yield from _of_service(unit, compose, service, bool(clusters))
    if not clusters and not any(compose.context != "dev" for compose, _ in services):
        yield from _of_images(unit)
    if not clusters and not services and not list(images_of(unit)):
        yield NotApplicable("no manifest of it has a place for probes")


def _in_clusters(unit: Unit, clusters: list[tuple[Workload, Container]]) -> Iterator[Outcome]:
    probed: dict[tuple[str, str, str], set[str]] = {
        (workload.kind, workload.name, container.name): {one.kind for one in container.probes}
        for workload, container in clusters
        if container.probes
    }
    for workload, container in clusters:
        manifest = workload.manifest
        kinds: set[str] = {one.kind for one in container.probes}
        kinds |= probed.get((workload.kind, workload.name, container.name), set())
        if {"readiness", "liveness"} <= kinds:
            yield Witness(
                f"{container.name or workload.name} is asked for its health", _at(unit, manifest.path, container)
            )
        elif manifest.problem is not None and "Probe" in (unit.text(manifest.path) or ""):
            yield CannotTell(
                f"the probes of {container.name or workload.name} in {manifest.path} are made by a template"
            )
        elif container.ports and not is_worker(workload.name, container.name):
            yield _unprobed(unit, workload, container, kinds)


def _unprobed(unit: Unit, workload: Workload, container: Container, kinds: set[str]) -> Finding:
    name = container.name or workload.name
    port = container.ports[0].name or container.ports[0].number
    place = unit.place(workload.manifest.path, container.line)
    if not kinds & {"readiness", "liveness"}:
        said = f"{name} has no probe: requests go to it before it can answer, and nothing replaces it when it hangs"
        fix = f"Add readinessProbe and livenessProbe to {name}, each an httpGet of port {port}."
        return Finding(said, place, fix=fix, subject=name)
    if "readiness" not in kinds:
        said = f"{name} has no readinessProbe: a rollout sends requests to it before it can answer"
        return Finding(said, place, fix=f"Add a readinessProbe to {name}, an httpGet of port {port}.", subject=name)
    said = f"{name} has no livenessProbe: nothing replaces it when it hangs"
    fix = f"Add a livenessProbe to {name} that asks port {port} for a route without any backing service."
    return Finding(said, place, severity="note", fix=fix, subject=name)


def _at(unit: Unit, path: str, container: Container) -> Place:
    return unit.place(path, container.probes[0].line if container.probes else container.line)


def _takes_requests(unit: Unit, compose: Compose, service: ComposeService) -> bool:
    if set(service.profiles) & {"dev", "test", "debug", "tools"} or _TESTS.search(service.name):
        return False
    if any(_is_same(compose, other, service.name) for other in unit.composes):
        return False
    command = service.command.text if service.command is not None else ""
    if is_worker(service.name, command):
        return False
    image = _image_of(unit, compose, service)
    return bool(service.ports or service.expose or (image is not None and image.exposed and not command))


#: Services that test the app.
_TESTS = re.compile(r"playwright|cypress|selenium|e2e|(?:^|[-_])tests?(?:$|[-_])")
#: Compose files for a developer, by their names.
_LOCAL = re.compile(
    r"(?:^|[-._/])(?:dev|devel|develop|development|local|override|debug|ci|tests?|e2e)(?:[-._/]|$)", re.IGNORECASE
)


def _is_same(compose: Compose, other: Compose, name: str) -> bool:
    """Whether another file of the directory, with which compose merges this one, has a check for the service."""
    if other.path == compose.path or posixpath.dirname(other.path) != posixpath.dirname(compose.path):
        return False
    service = other.service(name)
    return service is not None and service.healthcheck is not None


def _image_of(unit: Unit, compose: Compose, service: ComposeService) -> Dockerfile | None:
    """The Dockerfile that a service's image is built of; of one that is built elsewhere, the only one that there is."""
    if service.build is None:
        images = list(images_of(unit))
        # Which of several it was built of is not said: one that has a check will do.
        checked = [one for one in images if _checks_of(one)]
        return checked[0] if checked else images[0] if len(images) == 1 else None
    context = posixpath.join(posixpath.dirname(compose.path), service.build.context)
    path = posixpath.normpath(posixpath.join(context, service.build.dockerfile or "Dockerfile"))
    everywhere = (one for each in unit.repository.units for one in each.dockerfiles)
    return next((one for one in everywhere if one.path == path), None)


def _checks_of(image: Dockerfile, *, published: bool = True) -> list[Instruction]:
    """Its HEALTHCHECKs; of an image that is published, those of all stages: any may be the one that is."""
    if not published:
        return [image.healthcheck] if image.healthcheck is not None else []
    return [one for stage in image.stages for one in stage.instructions if one.keyword == "HEALTHCHECK"]


def _of_service(unit: Unit, compose: Compose, service: ComposeService, clusters: bool) -> Iterator[Outcome]:
    image = _image_of(unit, compose, service)
    if service.healthcheck is not None:
        yield Witness(f"compose asks {service.name} for its health", unit.place(compose.path, service.healthcheck.line))
    elif image is not None and (checks := _checks_of(image, published=service.build is None)):
        yield Witness(f"the image of {service.name} brings a check", unit.place(image.path, checks[-1].line))
    elif not clusters:
        local = _for_development(service) or bool(_LOCAL.search(compose.path))
        lower: Severity | None = "note" if local else None
        yield Finding(
            f"{service.name} has no healthcheck, and its image brings none: a process that hangs is taken to be well",
            unit.place(compose.path, service.line),
            severity=lower,
            fix=f"Add `healthcheck:` to {service.name} with a test that asks its health route, or HEALTHCHECK to its "
            "Dockerfile.",
            subject=service.name,
        )


def _for_development(service: ComposeService) -> bool:
    """Its code is mounted from where compose is run, or it reloads itself."""
    command = service.command.text if service.command is not None else ""
    mounted = any(
        one.is_bind
        and one.source is not None
        and re.fullmatch(r"\.{1,2}/?|\./(?:src|app|backend|api)/?|\$\{?PWD\}?", one.source)
        for one in service.volumes
    )
    return mounted or bool(re.search(r"--reload|runserver|nodemon|\bdev\b|--watch|--debug", command))


def _of_images(unit: Unit) -> Iterator[Outcome]:
    asked = [
        (compose.path, one.healthcheck.line)
        for compose in unit.composes
        for one in compose.services
        if one.healthcheck is not None and one.image is not None and is_own(one.image.text)
    ]
    if asked:
        yield Witness("compose asks services for their health", unit.place(*asked[0]))
        return
    for image in images_of(unit):
        if image.healthcheck is not None:
            yield Witness("the image brings a check", unit.place(image.path, image.healthcheck.line))
        elif _is_service(image):
            yield Finding(
                "The image has no HEALTHCHECK, and no manifest asks for its health instead",
                unit.place(image.path),
                severity="note",
                fix="Add HEALTHCHECK with a command that asks the health route, or a probe to what deploys the image.",
            )


def _is_service(image: Dockerfile) -> bool:
    command = image.command
    if command is not None and is_worker(command.text):
        return False
    return bool(image.exposed) or (command is not None and bool(re.search(_SERVERS, command.text)))


_SERVERS = (
    r"\b(?:gunicorn|uvicorn|hypercorn|daphne|waitress-serve|granian|uwsgi|runserver|flask run|puma|unicorn|rails s|"
    r"rackup|npm start|npm run start|yarn start|node \S*(?:server|app|index)\S*|php-fpm|apache2-foreground|caddy|nginx)"
)


@rule(
    "HLT-03",
    severity="error",
    materials=("python", "javascript", "php", "manifests"),
    looks=(hints, routes),
    title="A probe asks for what is not there, or restarts the app when its database is away",
    why="A liveness probe that fails has the process killed. Where it asks the database, an outage of the database "
    "restarts every instance at once; where nothing answers it, no instance ever lives.",
    fix="Let liveness ask a route of the app that touches no backing service, and readiness the one that does.",
    bad="livenessProbe: {httpGet: {path: /health}}   # and /health executes SELECT 1",
    good="livenessProbe: {httpGet: {path: /livez}}\nreadinessProbe: {httpGet: {path: /readyz}}",
    source=_SOURCE,
    probe="HLT-P2",
)
def probes_are_sound(unit: Unit) -> Iterator[Outcome]:
    """Each HTTP probe leads to a route; that of liveness asks no backing service; its port is one that is there."""
    asked = asked_of(unit)
    if not asked:
        yield NotApplicable("nothing asks it for its health")
        return
    answers = answers_of(unit)
    for one in asked:
        found = list(_judged(unit, one, answers, asked))
        yield from found
        if not found:
            yield _settled(unit, one, answers)


def _judged(unit: Unit, one: Asked, answers: tuple[Answer, ...], asked: tuple[Asked, ...]) -> Iterator[Finding]:
    if one.container is not None and one.port is not None:
        yield from _port(one)
    if one.path is None:
        return
    answer = asked_for(one, answers) or _file_asked(unit, one)
    if answer is not None and asks_service(answer):
        yield from _depends(unit, one, answer, asked)
    elif answer is None and _is_missing(unit, one, answers):
        yield Finding(
            f"The check asks for {one.path}, and no route, file or setting of the app has that path: it always fails",
            one.place,
            fix=f"Add a route {one.path}, or let the check ask for one that there is.",
            subject=one.path,
        )


def _file_asked(unit: Unit, one: Asked) -> Answer | None:
    """The PHP file that a path names: the server runs it, without any route."""
    path = (one.path or "").partition("?")[0].lstrip("/")
    if not path.endswith(".php"):
        return None
    for file in unit.named(path, f"public/{path}", f"*/{path}"):
        text = unit.text(file.path) or ""
        return Answer(file.path, Route("GET", f"/{path}", None, 1, 1), text[:8000], file.path, 1, False, False)
    return None


def _depends(unit: Unit, one: Asked, answer: Answer, asked: tuple[Asked, ...]) -> Iterator[Finding]:
    """Liveness asks a backing service: a warning where something restarts the app for it."""
    if one.by in ("readiness", "startup"):
        return
    path = one.path or "/"
    place = unit.place(answer.where, asking_line(answer))
    if one.by == "liveness":
        yield Finding(
            f"Liveness asks {path}, whose handler asks a backing service: an outage of that restarts every instance",
            one.place,
            severity="warning",
            fix="Let livenessProbe ask a route that answers 200 at once, and keep this one as readinessProbe.",
            also=(place,),
        )
    elif not any(other.by in ("readiness", "liveness") for other in asked):
        yield Finding(
            f"The only check of its health, {path}, asks a backing service: while that is away the app counts as dead",
            place,
            severity="note",
            fix="Answer liveness on a route of its own, without any backing service.",
            also=(one.place,),
        )


def _port(one: Asked) -> Iterator[Finding]:
    container, port = one.container, one.port or ""
    if container is None or port.isdigit() or not re.fullmatch(r"[a-z0-9-]+", port) or not container.ports:
        return
    if all(declared.name != port for declared in container.ports):
        names = ", ".join(declared.name or declared.number for declared in container.ports)
        yield Finding(
            f"The {one.by} probe asks port {port}, and the container declares no port of that name ({names}): it fails",
            one.place,
            fix=f"Name the containerPort {port}, or let the probe ask for one of {names}.",
            subject=port,
        )


def _is_missing(unit: Unit, one: Asked, answers: tuple[Answer, ...]) -> bool:
    """Whether it is certain that nothing answers a path: all routes are read, and no code or file names it."""
    path = (one.path or "").partition("?")[0].strip("/")
    if not path or not answers or not re.fullmatch(r"[\w./-]+", path):
        return False
    if any(unit.uses(name) for name in LIBRARIES) or not set(unit.languages[:1]) <= set(routes.readers):
        return False
    if one.by in ("readiness", "liveness", "startup") and len({x.place.path for x in asked_of(unit)}) > 2:
        return False
    if any(_catches(answer.route.path) for answer in answers):
        return False
    last = path.rpartition("/")[2]
    if any(last in seen.what.text for seen in unit.seen(hints)):
        return False
    return not any(
        _names(unit, file.path, last) for file in unit.files if file.context in ("prod", "admin", "migrations")
    )


def _catches(path: str | None) -> bool:
    """Whether a route answers paths that it does not spell out."""
    return path is None or bool(re.search(r"\*|<path:|\{path|:path\}|\.\*|\.\+|^/?[:<{][^/]*$|\{\}", path))


#: Manifests, where the path is asked for and not answered.
_ASKING = re.compile(r"(?:^|/)(?:[\w.-]*[Dd]ockerfile[\w.-]*|[\w.-]*compose[\w.-]*|.*\.(?:ya?ml|tf|md|rst|lock))$")


def _names(unit: Unit, path: str, word: str) -> bool:
    if _ASKING.search(path):
        return False
    return path.endswith(f"/{word}") or word in (unit.text(path) or "")


def _settled(unit: Unit, one: Asked, answers: tuple[Answer, ...]) -> Outcome:
    answer = (asked_for(one, answers) or _file_asked(unit, one)) if one.path else None
    if answer is not None:
        return Witness(f"{one.path} is there and asks no backing service", one.place)
    if one.path is None:
        return CannotTell(f"what the check in {one.place} asks was not understood")
    return CannotTell(f"what answers {one.path} was not found")
