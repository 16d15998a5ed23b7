"""Probes of telemetry: metrics and traces leave the app, for wherever its environment says."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from tolv.prove.client import NoAnswer
from tolv.prove.harness.collector import Collector, Received
from tolv.prove.harness.instance import Instance
from tolv.prove.harness.network import Outbound
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, agree, probe, proved, refuted
from tolv.prove.probes.dependencies.installed import declared_by
from tolv.prove.recipes import EXAMPLES
from tolv.prove.subject import Subject, is_here
from tolv.services.urls import parse

#: Seconds in which spans and metrics must have come, once the app was used and told to stop.
_ARRIVES_WITHIN = 15.0
_SIGNALS = re.compile(r"/v1/(traces|metrics|logs)$")
#: Where Prometheus is wont to find metrics.
_SCRAPED = ("/metrics", "/actuator/prometheus", "/metrics/prometheus", "/prometheus", "/-/metrics")
_SAMPLE = re.compile(r"(?m)^([a-zA-Z_:][\w:]*(?:\{[^}\n]*\})?) ([0-9.eE+-]+)(?: \d+)?$")
#: Hosts and ports that telemetry goes to.
_TELEMETRY_HOST = re.compile(
    r"(?i)(?:^|[.-])(?:otel\w*|otlp|opentelemetry|telemetry|collector|jaeger|zipkin|tempo|statsd|graphite|apm\w*|"
    r"tracing|metrics)(?:$|[.-])"
)
_TELEMETRY_PORTS = frozenset({4317, 4318, 8125, 9411, 14268, 6831})
#: Agents of one vendor, which speak to nothing but that vendor's service.
_VENDORS = frozenset(
    "newrelic sentry-sdk ddtrace elastic-apm scout-apm appsignal raygun4py honeybadger rollbar dd-trace @sentry/node "
    "elastic-apm-node appoptics-apm instana @instana/collector applicationinsights".split()
)
_STATSD = re.compile(r"(?i)statsd|dogstatsd|DD_AGENT_HOST|graphite")


@probe(
    "TEL-P1",
    title="sends metrics or traces",
    tier=2,
    needs=("web",),
    does="Starts the app with a collector of OpenTelemetry (OTLP) and StatsD at an address of its environment, uses "
    "it, and scrapes it as Prometheus does; then once more with the collector elsewhere.",
    proved="Metrics that count the requests are there, or spans and metrics come, named after the service, to where "
    "the environment says.",
    refuted="Nothing comes and nothing can be scraped, or it goes to an address that the environment does not name.",
    fix="Instrument the app (OpenTelemetry, a /metrics route), and take the endpoint from the environment "
    "(OTEL_EXPORTER_OTLP_ENDPOINT).",
    rules=("TEL-01", "TEL-02", "TEL-04"),
    mutation=Mutation(
        "sends its spans to an address of its own",
        {"config.py": (('os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")',
                        '"http://otel-collector.internal:4318"'),)},
    ),
)  # fmt: skip
async def sends_telemetry(trial: Trial) -> Outcome:
    first, scraped, datagrams = await _listen(trial)
    if (fixed := _elsewhere(await trial.network.seen() or ())) is not None:
        trial.saw("socket", f"it wants {fixed}, which the environment does not name")
        return refuted(f"telemetry goes to {fixed}, whatever the environment says")
    if _came(first):
        second, _, _ = await _listen(trial)
        if not _came(second):
            return refuted("spans came to the first collector, and none to another that the environment named")
        services = {one.service for one in first.received if _SIGNALS.search(one.path)}
        if services == {None}:
            return refuted("what comes does not say which service it is of (service.name)")
        kinds = sorted({match[1] for one in first.received if (match := _SIGNALS.search(one.path))}) or ["gRPC"]
        also = f"; {scraped}" if scraped else ""
        named = f" of {', '.join(sorted(filter(None, services)))}" if services else ""
        return proved(f"OTLP {', '.join(kinds)}{named} to where the environment says{also}")
    if datagrams:
        return proved(f"{datagrams} StatsD datagrams to where the environment says")
    if scraped:
        return proved(scraped)
    vendors = sorted({one.name for one in declared_by(trial.subject).declared if one.name in _VENDORS})
    if vendors:
        raise CannotProve(f"{vendors[0]} reports to its vendor alone, which is out of reach here")
    return refuted(f"nothing came by OTLP or StatsD, and neither {' nor '.join(_SCRAPED[:2])} has metrics")


async def _listen(trial: Trial) -> tuple[Collector, str | None, int]:
    """Run the app with a collector: that, what could be scraped, and how many datagrams came for StatsD."""
    collector = await Collector.open(trial.network)
    statsd = secrets.randbelow(1000) + 8200
    web = await trial.start(env=_settings(trial.subject, collector.url, statsd))
    trial.saw("socket", f"a collector at {collector.url}", web.name)
    before = await _scrape(web)
    await trial.traffic.some([web], 4)
    await _ask(web)
    scraped = _grown(trial, web, before, await _scrape(web))
    await web.terminate()  # what is still buffered is to be sent now
    await web.exited(_ARRIVES_WITHIN)
    if not scraped:
        await collector.wait(1.0)  # what it sent last may be on its way
    for one in collector.received[:5]:
        name = f", service.name {one.service}" if one.service else ""
        trial.saw("socket", f"collector: {one.method} {one.path}, {len(one.body)} bytes{name}", web.name)
    if collector.http2:
        trial.saw("socket", f"collector: {collector.http2} connections of HTTP/2 (gRPC)", web.name)
    outbound = await trial.network.seen() or ()
    datagrams = sum(one.protocol == "udp" and one.port == statsd for one in outbound)
    return collector, scraped, datagrams


def _settings(subject: Subject, here: str, statsd: int) -> dict[str, str | None]:
    """What leads an app's telemetry to a collector."""
    env: dict[str, str | None] = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": here,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_SDK_DISABLED": "false",
        "STATSD_HOST": "127.0.0.1",
        "STATSD_PORT": str(statsd),
        "DD_AGENT_HOST": "127.0.0.1",
        "DD_DOGSTATSD_PORT": str(statsd),
    }
    declared = {one.name for one in subject.build.variables}
    if "OTEL_SERVICE_NAME" not in declared:
        env["OTEL_SERVICE_NAME"] = subject.name
    for one in subject.build.variables:
        if one.name in env:
            continue
        if re.search(r"(?i)otlp|otel|collector|tracing", one.name) and one.name.endswith(("ENDPOINT", "URL")):
            env[one.name] = f"{here}/v1/traces" if "TRACES" in one.name else here
        elif _STATSD.search(one.name):
            env[one.name] = str(statsd) if one.name.endswith("PORT") else "127.0.0.1"
    return {name: value for name, value in env.items() if name not in subject.recipes.env}


def _came(collector: Collector) -> bool:
    return collector.http2 > 0 or any(_SIGNALS.search(one.path) for one in collector.received)


def _elsewhere(outbound: Iterable[Outbound]) -> str | None:
    """Where telemetry was meant to go that is not the collector."""
    for one in outbound:
        if one.protocol == "dns" and one.name and _TELEMETRY_HOST.search(one.name):
            return one.name
        if one.protocol != "dns" and one.port in _TELEMETRY_PORTS:
            return f"{one.host}:{one.port}"
    return None


async def _ask(web: Instance) -> None:
    """Some requests that every app answers somehow."""
    for _ in range(3):
        try:
            await web.client.request("GET", web.made.health)
        except NoAnswer:
            return


async def _scrape(web: Instance) -> tuple[str, dict[str, float]] | None:
    """Where Prometheus's format is served, and the samples; None: nowhere."""
    for path in _SCRAPED:
        try:
            answer = await web.client.request("GET", path)
        except NoAnswer:
            continue
        samples = dict(_SAMPLE.findall(answer.text())) if answer.status == 200 else {}
        if samples and "html" not in answer.header("content-type"):
            return path, {name: float(value) for name, value in samples.items() if _is_number(value)}
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_Scraped = tuple[str, dict[str, float]] | None
_REQUESTS = re.compile(r"(?i)request|http|response|route|handler|view")


def _grown(trial: Trial, web: Instance, before: _Scraped, after: _Scraped) -> str | None:
    """What has counted the requests in between."""
    if after is None:
        return None
    path, samples = after
    old = before[1] if before is not None else {}
    grown = [name for name, value in samples.items() if value > old.get(name, 0.0) and _REQUESTS.search(name)]
    trial.saw("answer", f"GET {path} -> {len(samples)} samples, {len(grown)} of them count the requests", web.name)
    return f"{path} counts requests ({grown[0].partition('{')[0]})" if grown else None


@probe(
    "TEL-P2",
    title="passes a trace on",
    tier=2,
    needs=("web", "outbound"),
    does="Asks the app for what makes it ask another service, as part of a trace (the header traceparent), and looks "
    "at what comes to that service, three times.",
    proved="The other service is asked as part of the same trace.",
    refuted="The trace ends in the app: what it asks of others cannot be told to belong to the request.",
    fix="Instrument the HTTP client, or pass traceparent on.",
    rules=("TEL-03",),
    mutation=Mutation(
        "passes no trace on",
        {"app.py": ((', headers={"traceparent": question.traceparent})', ")"),)},
    ),
)  # fmt: skip
async def passes_a_trace_on(trial: Trial) -> Outcome:
    upstream, collector = await Collector.open(trial.network), await Collector.open(trial.network)
    for port in _given(trial.subject):
        await trial.network.expose(port, upstream.serve)
    env = {**_settings(trial.subject, collector.url, 8200), **_upstreams(trial.subject, upstream.url)}
    web = await trial.start(env=env)

    async def attempt() -> Outcome:
        return await _trace(trial, web, upstream)

    return await agree(3, attempt)


async def _trace(trial: Trial, web: Instance, upstream: Collector) -> Outcome:
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    header = f"00-{trace}-{span}-01"
    before = len(upstream.received)
    trial.saw("sent", f"traceparent: {header}", web.name)
    answer = await trial.traffic.ask(web, "outbound", headers=(("traceparent", header),))
    asked = upstream.received[before:]
    if not asked:
        names = sorted({one.name or one.host for one in await trial.network.seen() or () if not is_here(one.host)})
        where = f": it wants {names[0]}, which its environment does not name" if names else ""
        raise CannotProve(
            f"its outbound call does not come to the stub ({answer.status}){where}",
            EXAMPLES["outbound"],
            "[prove.env]",
            'UPSTREAM_URL = "http://127.0.0.1:9999"',
        )
    for one in asked[:3]:
        trial.saw("socket", f"upstream: {one.method} {one.path}, {_traces(one) or 'no trace'}", web.name)
    if any(trace in _traces(one) for one in asked):
        return proved("upstream is asked as part of the same trace")
    lost = "no trace" if not any(map(_traces, asked)) else "another trace"
    return refuted(f"what upstream is asked carries {lost}")


def _traces(one: Received) -> str:
    """The headers of a request that say which trace it is of."""
    names = ("traceparent", "b3", "x-b3-traceid", "uber-trace-id", "sentry-trace", "x-datadog-trace-id")
    return ", ".join(f"{name}: {one.header(name)}" for name in names if one.header(name))


def _given(subject: Subject) -> set[int]:
    """Ports of this machine that `[prove.env]` names: where the app will look for others."""
    urls = [parse(one) for one in subject.recipes.env.values() if one.startswith(("http://", "https://"))]
    return {one.port for one in urls if one.port and is_here(one.host)}


def _upstreams(subject: Subject, url: str) -> dict[str, str | None]:
    """Each variable that may lead to another service, leading to a URL."""
    served = {name for need in subject.needs for name, _ in need.env}
    found: dict[str, str | None] = {}
    for one in subject.build.variables:
        named = re.search(r"(?:_URL|_URI|_ENDPOINT|_API|_BASE|_HOOK)$", one.name) is not None
        own = re.match(r"(?:OTEL|PUBLIC|BASE|SITE|APP|FRONTEND|CORS|ALLOWED)", one.name)
        elsewhere = one.name in served or one.name in subject.recipes.env
        if (one.type == "url" or named) and not own and not elsewhere:
            found[one.name] = url
    return found
