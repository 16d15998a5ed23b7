"""Telemetry: metrics and traces are there (TEL-01, TEL-04), follow the environment (TEL-02) and requests (TEL-03)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tolv.check.facts.browser import in_browser, is_for_phones
from tolv.check.facts.health_tables import WEB
from tolv.check.facts.telemetry_tables import CARRIERS, ERRORS, REQUESTS, SOME
from tolv.check.facts.values import is_placeholder
from tolv.check.look import Seen
from tolv.check.looks.answers import answers_of
from tolv.check.looks.asked import images_of, own_workloads
from tolv.check.looks.listens import listens
from tolv.check.looks.routes import routes
from tolv.check.looks.telemetry import Sign, Target, signs, targets
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import ALL, rule
from tolv.check.source import Value
from tolv.check.unit import Unit

_SOURCE = "https://www.oreilly.com/library/view/beyond-the-twelve-factor/9781492042631/"
_PRODUCTION = ("prod", "admin")

#: How an agent is put before a command, or into an image.
_AGENT = re.compile(
    r"opentelemetry-instrument\b|newrelic-admin\b|ddtrace-run\b|-javaagent:|dd-java-agent|elastic-apm-agent|"
    r"applicationinsights-agent|opentelemetry-javaagent|(?:--require|-r)[ =]\S*(?:dd-trace|newrelic|opentelemetry|"
    r"elastic-apm|instrumentation|tracing)|signalfx-|splunk-py-trace|instrumentation\.opentelemetry\.io/inject|"
    r"admission\.datadoghq\.com/|prometheus\.io/scrape[\"']?:\s*[\"']?true|kind:\s*(?:Service|Pod)Monitor|scoutapm|"
    r"datadog-php-tracer|newrelic-php5|\bnewrelic\b|heroku-buildpack-datadog|DD_AGENT_HOST"
)
_QUEUES = ("celery", "rq", "dramatiq", "huey", "arq", "bull", "bullmq", "agenda", "kue", "bee-queue")


@rule(
    "TEL-01",
    severity="warning",
    materials=(*ALL, "manifests"),
    looks=(routes, signs, listens),
    title="The app has neither metrics nor traces",
    why="Whether it is slow, failing or idle is only found out from its users, and where it is slow from nobody.",
    fix="Instrument it, for example with OpenTelemetry's instrumentation of its framework, sent to where "
    "OTEL_EXPORTER_OTLP_ENDPOINT says.",
    bad='dependencies = ["flask", "gunicorn"]   # and no agent, exporter or /metrics',
    good='dependencies = ["flask", "gunicorn", "opentelemetry-instrumentation-flask"]',
    source=_SOURCE,
    probe="TEL-P1",
)
def is_instrumented(unit: Unit) -> Iterator[Outcome]:
    """A package, an agent in the image or the start, or a route of metrics. A note outside clusters."""
    shown = instruments(unit)
    if shown is not None:
        yield shown
        return
    if not serves(unit):
        yield NotApplicable("it serves no requests and works off no queue")
        return
    tracker = next((name for name in ERRORS if unit.uses(name)), None)
    if tracker is not None:
        traced = next((one for one in unit.seen(signs, *_PRODUCTION) if one.what.kind == "traces"), None)
        if traced is not None:
            yield Witness(f"{tracker} traces its requests", unit.place(traced.path, traced.what.line))
        else:
            yield CannotTell(f"{tracker} reports its errors; whether it traces too is not set in the code")
        return
    clustered = any(workload.manifest.context == "prod" for workload, _ in own_workloads(unit))
    lower: Severity | None = None if clustered else "note"
    yield Finding(
        "Nothing measures or traces what the app does: no OpenTelemetry, Prometheus, StatsD or agent is set up",
        unit.place(unit.root),
        severity=lower,
    )


def serves(unit: Unit) -> bool:
    """Whether it answers requests or works off a queue."""
    if answers_of(unit) or unit.uses(*WEB, *_QUEUES) or any(True for _ in unit.seen(listens, "prod")):
        return True
    pages = unit.named("index.php") if "php" in unit.languages else ()
    return any(file.context == "prod" for file in pages)


def instruments(unit: Unit) -> Witness | None:
    """What shows that metrics or traces are made; None: nothing was seen."""
    for name in (*REQUESTS, *SOME):
        if unit.uses(name):
            return Witness(f"{name} makes metrics or traces")
    agent = agent_of(unit)
    if agent is not None:
        return agent
    for one in answers_of(unit):
        if re.fullmatch(r"\^?/?(?:[\w-]+/)?(?:metrics|prometheus)/?\$?", one.route.path or ""):
            return Witness(f"{one.route.path} gives metrics", unit.place(one.path, one.route.line))
    return None


def agent_of(unit: Unit) -> Witness | None:
    """An agent that the image, the start command or the platform puts before the app."""
    paths = [one.path for one in images_of(unit)]
    paths += [file.path for file in unit.named("Procfile", "*entrypoint*.sh", "start*.sh", "run*.sh", "boot*.sh")]
    paths += [workload.manifest.path for workload, _ in own_workloads(unit)]
    paths += [compose.path for compose in unit.composes if compose.context == "prod"]
    paths += [file.path for file in unit.named("package.json", "app.json", "instrumentation.[jt]s", "*monitor*.y*ml")]
    for path in dict.fromkeys(paths):
        for number, line in enumerate((unit.text(path) or "").splitlines()[:5000], start=1):
            if _AGENT.search(line) and not line.lstrip().startswith(("#", "//")):
                return Witness("an agent measures it", unit.place(path, number))
    return None


@rule(
    "TEL-02",
    severity="error",
    materials=("python", "javascript"),
    looks=(targets,),
    title="Where telemetry is sent, or with which key, is written in the code",
    why="Every deploy reports to the same place: errors of a laptop are mixed with those of production, and the key "
    "can only be changed with a new build.",
    fix="Read it from the environment (SENTRY_DSN, OTEL_EXPORTER_OTLP_ENDPOINT), and send nothing where it is not set.",
    bad='sentry_sdk.init(dsn="https://4f1c@o1.ingest.example.net/7")',
    good='sentry_sdk.init(dsn=os.environ.get("SENTRY_DSN"))',
    source="https://12factor.net/config",
    probe="TEL-P1",
)
def telemetry_is_configured(unit: Unit) -> Iterator[Outcome]:
    """One finding for each literal DSN, key or endpoint of a client of telemetry."""
    found = list(unit.seen(targets, *_PRODUCTION))
    if not found:
        yield NotApplicable("no client of telemetry is set up in the code")
        return
    good: Seen[Target] | None = None
    for seen in found:
        value = unit.resolve(seen.what.value, seen.path)
        judged = _literal(unit, seen, value)
        if judged is not None:
            yield judged
        elif any(value.envs()):
            good = good or seen
    if good is not None:
        yield Witness(f"{good.what.client} reads its {good.what.name} from the environment",
                      unit.place(good.path, good.what.line))  # fmt: skip


def _literal(unit: Unit, seen: Seen[Target], value: Value) -> Finding | None:
    target = seen.what
    if is_for_phones(unit, seen.path):
        return None  # one build for all who install it: no deploy could tell it anything else
    if value.kind == "env":
        default = value.default
        if default is None or not default.is_text or not _is_real(default.text or "", target):
            return None
        if target.what == "endpoint" and _is_local(default.text or ""):
            return None  # an agent beside the app, or nobody
        return _finding(
            unit, seen, f"{value.name or 'The variable'} has a default that sends telemetry to one place", "warning"
        )
    if not value.is_text or not _is_real(value.text or "", target):
        return None
    shown = {"dsn": "the DSN", "key": "the key", "endpoint": "the endpoint"}[target.what]
    local = target.what == "endpoint" and _is_local(value.text or "")
    said = f"{target.client} is told {shown} ({target.name}) by a literal: every deploy reports to the same place"
    if local:
        said = f"{target.client} can only report to this machine: its {target.name} is a literal"
    return _finding(unit, seen, said, "warning" if local or in_browser(unit, seen.path) else None)


def _finding(unit: Unit, seen: Seen[Target], said: str, severity: Severity | None) -> Finding:
    place = unit.place(seen.path, seen.what.line)
    return Finding(said, place, severity=severity, subject=seen.what.name)


def _is_real(text: str, target: Target) -> bool:
    if not text.strip() or is_placeholder(text) or text.lower() in ("none", "null", "disabled", "noop"):
        return False
    if target.what == "dsn":
        return "://" in text or "InstrumentationKey" in text or bool(re.fullmatch(r"[0-9a-f-]{30,}", text))
    if target.what == "endpoint":
        return bool(re.search(r"[\w-]+[.:]\w|localhost|^/|^[\w-]+$", text)) and not text.startswith("/")
    return len(text) >= 8 and not re.search(r"\s", text)


def _is_local(text: str) -> bool:
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname or ""
    except ValueError:
        return False
    return host in ("localhost", "127.0.0.1", "::1", "0.0.0.0")


@rule(
    "TEL-03",
    severity="note",
    materials=("python", "javascript"),
    looks=(signs,),
    title="Traces end where the app calls others, or do not say whose they are",
    why="A trace that is not carried on shows half of a request, and one without service.name is nobody's.",
    fix="Instrument the HTTP client too (opentelemetry-instrumentation-requests), and set OTEL_SERVICE_NAME.",
    bad="FlaskInstrumentor().instrument_app(app)   # and requests.get(…) is not instrumented",
    good="FlaskInstrumentor().instrument_app(app)\nRequestsInstrumentor().instrument()",
    source="https://opentelemetry.io/docs/concepts/context-propagation/",
    probe="TEL-P2",
)
def traces_are_whole(unit: Unit) -> Iterator[Outcome]:
    """Where OpenTelemetry is set up in code: clients that carry no trace, and providers without a name."""
    found = list(unit.seen(signs, *_PRODUCTION))
    providers = [one for one in found if one.what.kind == "provider"]
    if not providers:
        yield NotApplicable("tracing is not set up in the code")
        return
    first = providers[0]
    place = unit.place(first.path, first.what.line)
    complete = True
    if not any(one.what.kind == "named" for one in found) and not _names_service(unit):
        complete = False
        yield Finding("Traces have no service.name, so that nobody can tell whose they are", place, subject="name",
                      fix="Give the provider a Resource with service.name, or set OTEL_SERVICE_NAME.")  # fmt: skip
    if agent_of(unit) is None and not any(one.what.kind == "carrier" for one in found):
        for client, carriers in CARRIERS.items():
            if unit.uses(client) and not unit.uses(*carriers):
                complete = False
                yield Finding(
                    f"Requests are traced, but calls by {client} do not carry the trace on",
                    place,
                    subject=client,
                    fix=f"Add {carriers[0]} and set it up beside the others.",
                )
    if complete:
        yield Witness("traces are named and carried on", place)


def _names_service(unit: Unit) -> bool:
    files = unit.named("Dockerfile*", "*.y*ml", "Procfile", ".env*", "*.env", "app.json", "fly.toml", "*.sh")
    return any("OTEL_SERVICE_NAME" in (text := unit.text(one.path) or "") or "service.name" in text for one in files)


@rule(
    "TEL-04",
    severity="note",
    materials=("python", "javascript", "go"),
    looks=(signs, routes),
    title="Nothing measures how many requests fail, and how long they take",
    why="Metrics of jobs and rows do not show that users get errors or wait.",
    fix="Measure requests by route and status: a counter and a histogram in a middleware, or the framework's own.",
    bad='rows = Gauge("rows", "Rows in the table")   # and nothing about requests',
    good='latency = Histogram("http_request_duration_seconds", "Latency", ["route", "status"])',
    source="https://sre.google/sre-book/monitoring-distributed-systems/",
    probe="TEL-P1",
)
def requests_are_measured(unit: Unit) -> Iterator[Outcome]:
    """Metrics are made, and one of them is of requests."""
    if not answers_of(unit):
        yield NotApplicable("no routes were seen")
        return
    found = list(unit.seen(signs, *_PRODUCTION))
    seen = next((one for one in found if one.what.kind in ("request", "traces", "provider")), None)
    ready = next((name for name in REQUESTS if unit.uses(name)), None)
    if seen is not None or ready is not None:
        place = unit.place(seen.path, seen.what.line) if seen is not None else None
        yield Witness(f"{ready or (seen.what.text if seen is not None else '')} measures requests", place)
        return
    agent = agent_of(unit)
    if agent is not None:
        yield agent
        return
    meter = next((one for one in found if one.what.kind == "meter"), None)
    if meter is not None:
        yield _unmeasured(unit, meter)
    elif (tracker := next((name for name in ERRORS if unit.uses(name)), None)) is not None:
        yield CannotTell(f"{tracker} counts errors; whether it times requests is not set in the code")
    elif not any(unit.uses(name) for name in SOME):
        yield NotApplicable("it has no metrics at all")
    else:
        yield CannotTell("what its metrics measure was not understood")


def _unmeasured(unit: Unit, meter: Seen[Sign]) -> Finding:
    return Finding(
        "The metrics that it makes count other things: none of them is of requests, their errors or their time",
        unit.place(meter.path, meter.what.line),
    )
