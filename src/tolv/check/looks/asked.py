"""Who asks an app for its health: probes of Kubernetes, HEALTHCHECK of images, healthcheck of compose services."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from tolv.check.facts.attached import engine_of_image
from tolv.check.model import Place
from tolv.check.unit import Unit
from tolv.codebase.compose import Compose, ComposeService
from tolv.codebase.dockerfile import Dockerfile
from tolv.codebase.kubernetes import Container, Workload, workloads

#: Workloads that run for good; what a Job runs comes to its end.
_LASTING = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "DeploymentConfig", "Rollout", "ReplicationController"}
)
#: Contexts whose files say nothing of a deploy.
_ASIDE = ("test", "docs", "ci")
_URL = re.compile(
    r"(?:https?://)?(?P<host>localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\$\(?\{?HOSTNAME\}?\)?|(?<=://)[\w.-]+)"
    r"(?::(?P<port>\d+|\$\{?\w+(?::-\d+)?\}?))?(?P<path>/[^\s\"'`|;&)>,\]]*)?"
)
#: Images of others that stand before or beside an app.
_BESIDE = re.compile(
    r"(?:^|/)(?:nginx|traefik|caddy|haproxy|envoy|varnish|adminer|pgadmin\d?|phpmyadmin|mailhog|mailpit|maildev|jaeger|"
    r"all-in-one|prometheus|grafana|loki|tempo|otel\S*|opentelemetry\S*|zipkin|alertmanager|\S*exporter|flower|"
    r"redis-commander|mongo-express|kibana|portainer|watchtower|certbot|swag|oauth2-proxy|selenium\S*|keycloak|vault|"
    r"consul|busybox|alpine|ubuntu|debian|localstack|cloudflared|tunnel|wait-for\S*|dockerize|fluent\S*|filebeat|"
    r"metricbeat|datadog\S*|agent|cloud-sql-proxy|gce-proxy|istio\S*|pause|mailcatcher|ngrok|dozzle|autoheal)$"
)
#: Services of these names stand beside an app, though their images are built with it.
_HELPER = re.compile(
    r"(?:nginx|traefik|caddy|haproxy|envoy|proxy|adminer|pgadmin|mailhog|mailpit|maildev|mailcatcher|jaeger|zipkin|"
    r"prometheus|grafana|loki|tempo|otel|flower|selenium|localstack|fluentd?|logstash|kibana|alertmanager|docs?|"
    r"storybook|certbot|ngrok|backups?|cron)(?:[-_\d]|$)"
)
_WORKER = re.compile(
    r"\b(?:celery|sidekiq|resque|delayed_job|rq|dramatiq|huey|arq|worker|beat|scheduler|cron|consumer|queue:work|"
    r"horizon|migrate|seed|flower)\b"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question for health."""

    by: Literal["readiness", "liveness", "startup", "image", "compose"]
    path: str | None
    """Of an HTTP question."""
    port: str | None
    """A number or a name."""
    place: Place
    command: str = ""
    container: Container | None = None
    dockerfile: Dockerfile | None = None
    context: str = "prod"


_KNOWN: WeakKeyDictionary[Unit, tuple[Asked, ...]] = WeakKeyDictionary()


def asked_of(unit: Unit) -> tuple[Asked, ...]:
    """Every question that a deploy of the app asks it."""
    known = _KNOWN.get(unit)
    if known is None:
        known = _KNOWN[unit] = (*_by_kubernetes(unit), *_by_images(unit), *_by_composes(unit))
    return known


def own_workloads(unit: Unit) -> Iterator[tuple[Workload, Container]]:
    """The containers of the app in workloads that last: not those of backing services and helpers."""
    for manifest in unit.kubernetes:
        if manifest.context in _ASIDE:
            continue
        for workload in workloads(manifest):
            if workload.kind in _LASTING:
                for container in workload.containers:
                    image = container.image
                    if image is None or container.init or not is_own(image.text):
                        continue
                    if not _is_anothers(unit, manifest.path, image.base, workload.name):
                        yield workload, container


def _is_anothers(unit: Unit, path: str, *names: str) -> bool:
    """Whether a workload in a file that several apps share bears the name of another of them."""
    if not unit.root or path.startswith(f"{unit.root}/"):
        return False
    others = [one for one in unit.repository.units if one.root and one.root != unit.root]
    return any(name == _plain(one) for one in others for name in names) and _plain(unit) not in names


def _plain(unit: Unit) -> str:
    return unit.root.rpartition("/")[2]


def own_services(unit: Unit) -> Iterator[tuple[Compose, ComposeService]]:
    """The services of compose files that run the app: those that are built here, or bear its name."""
    for compose in unit.composes:
        if compose.context in _ASIDE:
            continue
        built = {one.image.text for one in compose.services if one.build is not None and one.image is not None}
        some = any(one.build is not None for one in compose.services)
        for service in compose.services:
            if _HELPER.match(service.name.lower()) or engine_of_image(service.name) is not None:
                continue
            text = service.image.text if service.image is not None else ""
            named = not some and is_own(text) and service.image is not None and _alike(service.image.base, unit)
            if (service.build is not None or text in built or named) and _is_of(unit, compose, service):
                yield compose, service


def _is_of(unit: Unit, compose: Compose, service: ComposeService) -> bool:
    """Whether a service of a file that several apps share is built of this one, as far as its build says."""
    if not unit.root or service.build is None or compose.path.startswith(f"{unit.root}/"):
        return True
    context = posixpath.normpath(posixpath.join(posixpath.dirname(compose.path), service.build.context))
    return context in (".", unit.root) or context.startswith(f"{unit.root}/") or unit.root.startswith(f"{context}/")


def _alike(image: str, unit: Unit) -> bool:
    app = str(getattr(unit, "name", "")) or unit.root.rpartition("/")[2]
    one, other = (re.sub(r"[^a-z0-9]", "", text.lower()) for text in (image, app))
    return len(one) > 2 and len(other) > 2 and (one in other or other in one)


def is_own(image: str) -> bool:
    """Whether an image may be the app's: it is neither a backing service nor a known helper."""
    name = image.partition("@")[0]
    head, _, last = name.rpartition("/")
    plain = f"{head}/{last.partition(':')[0]}".lstrip("/")
    return engine_of_image(image) is None and not _BESIDE.search(plain)


def is_worker(*texts: str) -> bool:
    """Whether a command or a name is that of a process that takes no requests."""
    return any(_WORKER.search(text.lower().replace("_", "-")) for text in texts)


def images_of(unit: Unit) -> Iterator[Dockerfile]:
    """The Dockerfiles that make images for a deploy."""
    for one in unit.dockerfiles:
        if one.context not in (*_ASIDE, "dev") and one.stages:
            yield one


def asked_in(text: str) -> tuple[str | None, str | None]:
    """The path and the port of the first URL in a command: `curl -f localhost:8000/healthz`; None where not said."""
    for match in _URL.finditer(text):
        path, port = match["path"], match["port"]
        if path is not None or port is not None or "://" in match[0]:
            return path or "/", port
    return None, None


def _by_kubernetes(unit: Unit) -> Iterator[Asked]:
    for workload, container in own_workloads(unit):
        path = workload.manifest.path
        for probe in container.probes:
            asked, port = probe.http_path, probe.port
            command = " ".join(probe.command)
            if asked is None and command:
                asked, port = asked_in(command)
            elif asked is None and probe.node.get("httpGet") is not None:
                asked = "/"
            place = unit.place(path, probe.line)
            yield Asked(probe.kind, asked, port, place, command, container, None, workload.manifest.context)


def _by_images(unit: Unit) -> Iterator[Asked]:
    for image in images_of(unit):
        check = image.healthcheck
        if check is not None:
            path, port = asked_in(check.text)
            place = unit.place(image.path, check.line)
            yield Asked("image", path, port, place, check.text, None, image, image.context)


def _by_composes(unit: Unit) -> Iterator[Asked]:
    for compose, service in own_services(unit):
        check = service.healthcheck
        if check is not None:
            test = check.get("test")
            text = " ".join(test.texts()) if test is not None and test.kind == "list" else test.value if test else ""
            path, port = asked_in(text)
            line = test.line if test is not None else check.line
            yield Asked("compose", path, port, unit.place(compose.path, line), text, None, None, compose.context)
