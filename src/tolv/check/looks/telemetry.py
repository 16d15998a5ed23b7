"""Telemetry in code: where exporters and agents are told to send, what is measured, how tracing is set up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Call, Language, Source, Value

What = Literal["dsn", "key", "endpoint"]


@dataclass(frozen=True, slots=True)
class Target:
    """One argument that tells a client of telemetry where to send, or with which key."""

    client: str
    """The call as it is known: `sentry_sdk.init`."""
    what: What
    name: str
    """The argument's name, or what it is: `dsn`."""
    value: Value
    line: int


targets: Look[Target] = Look("telemetry targets")

#: Call, what it is told, position from 0 (-1: by name only), names of keywords.
_CALLS: dict[Language, tuple[tuple[str, What, int, tuple[str, ...]], ...]] = {
    "python": (
        ("sentry_sdk.init", "dsn", 0, ("dsn",)),
        ("raven.Client", "dsn", 0, ("dsn",)),
        ("raven.contrib.flask.Sentry", "dsn", -1, ("dsn",)),
        ("OTLPSpanExporter", "endpoint", 0, ("endpoint",)),
        ("OTLPMetricExporter", "endpoint", 0, ("endpoint",)),
        ("OTLPLogExporter", "endpoint", 0, ("endpoint",)),
        ("ZipkinExporter", "endpoint", -1, ("endpoint",)),
        ("JaegerExporter", "endpoint", -1, ("agent_host_name", "collector_endpoint")),
        ("statsd.StatsClient", "endpoint", 0, ("host",)),
        ("datadog.initialize", "key", -1, ("api_key", "app_key")),
        ("datadog.initialize", "endpoint", -1, ("statsd_host", "api_host")),
        ("DogStatsd", "endpoint", 0, ("host",)),
        ("rollbar.init", "key", 0, ("access_token",)),
        ("bugsnag.configure", "key", -1, ("api_key",)),
        ("honeybadger.configure", "key", -1, ("api_key",)),
        ("honeybadger.honeybadger.configure", "key", -1, ("api_key",)),
        ("libhoney.init", "key", 0, ("writekey",)),
        ("beeline.init", "key", 0, ("writekey",)),
        ("push_to_gateway", "endpoint", 0, ("gateway",)),
        ("pushadd_to_gateway", "endpoint", 0, ("gateway",)),
        ("logfire.configure", "key", -1, ("token",)),
        ("elasticapm.Client", "key", -1, ("secret_token",)),
        ("elasticapm.Client", "endpoint", -1, ("server_url",)),
        ("posthog.Posthog", "key", 0, ("project_api_key",)),
        ("mixpanel.Mixpanel", "key", 0, ("token",)),
        ("AzureMonitorTraceExporter", "dsn", -1, ("connection_string",)),
        ("AzureLogHandler", "dsn", -1, ("connection_string",)),
        ("configure_azure_monitor", "dsn", -1, ("connection_string",)),
        ("scout_apm.api.Config.set", "key", -1, ("key",)),
    ),
    "javascript": (
        ("@sentry/node.init", "dsn", -1, ("dsn",)),
        ("@sentry/nextjs.init", "dsn", -1, ("dsn",)),
        ("@sentry/nestjs.init", "dsn", -1, ("dsn",)),
        ("@sentry/browser.init", "dsn", -1, ("dsn",)),
        ("@sentry/react.init", "dsn", -1, ("dsn",)),
        ("Sentry.init", "dsn", -1, ("dsn",)),
        ("Raven.config", "dsn", 0, ()),
        ("raven.config", "dsn", 0, ()),
        ("OTLPTraceExporter", "endpoint", -1, ("url",)),
        ("OTLPMetricExporter", "endpoint", -1, ("url",)),
        ("ZipkinExporter", "endpoint", -1, ("url",)),
        ("JaegerExporter", "endpoint", -1, ("endpoint", "host")),
        ("hot-shots", "endpoint", -1, ("host",)),
        ("hot-shots.StatsD", "endpoint", -1, ("host",)),
        ("node-statsd", "endpoint", 0, ("host",)),
        ("dd-trace.init", "endpoint", -1, ("hostname", "url")),
        ("elastic-apm-node.start", "endpoint", -1, ("serverUrl",)),
        ("elastic-apm-node.start", "key", -1, ("secretToken", "apiKey")),
        ("applicationinsights.setup", "dsn", 0, ()),
        ("rollbar", "key", -1, ("accessToken",)),
        ("@bugsnag/js.start", "key", 0, ("apiKey",)),
        ("Bugsnag.start", "key", 0, ("apiKey",)),
        ("posthog-node.PostHog", "key", 0, ()),
        ("mixpanel.init", "key", 0, ()),
        ("libhoney", "key", -1, ("writeKey",)),
        ("Pushgateway", "endpoint", 0, ()),
    ),
}
_WORDS = (
    *("sentry_sdk", "raven", "OTLPSpanExporter", "OTLPMetricExporter", "OTLPLogExporter", "ZipkinExporter"),
    *("JaegerExporter", "StatsClient", "datadog", "DogStatsd", "rollbar", "bugsnag", "honeybadger", "libhoney"),
    *("beeline", "push_to_gateway", "pushadd_to_gateway", "logfire", "elasticapm", "posthog", "mixpanel", "Raven"),
    *("AzureMonitorTraceExporter", "AzureLogHandler", "configure_azure_monitor", "scout_apm", "sentry", "Sentry"),
    *("OTLPTraceExporter", "shots", "statsd", "trace", "applicationinsights", "Bugsnag", "Pushgateway", "apm"),
)


@targets.reads("python", "javascript", words=_WORDS)
def _targets(source: Source) -> Iterator[Target]:
    table = _CALLS[source.language]
    for call in source.calls(*dict.fromkeys(name for name, *_ in table)):
        for name, what, position, keywords in table:
            if _is(call, name):
                yield from _told(call, name, what, position, keywords)


def _is(call: Call, name: str) -> bool:
    return any(one == name or one.endswith(f".{name}") for one in (call.name, call.written))


def _told(call: Call, name: str, what: What, position: int, keywords: tuple[str, ...]) -> Iterator[Target]:
    given = [(key, call.keywords[key]) for key in keywords if key in call.keywords]
    if not given and 0 <= position < len(call.arguments) and call.arguments[position].kind != "container":
        given = [(what, call.arguments[position])]
    for key, value in given:
        yield Target(name, what, key, value, value.line or call.line)


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of how far telemetry goes."""

    kind: Literal["request", "meter", "provider", "named", "traces", "carrier", "errors"]
    """`request`: a metric or middleware of requests; `meter`: another metric; `provider`: tracing is set up, `named`
    with a service's name; `traces`: an error tracker that traces; `carrier`: outgoing calls carry the trace."""
    text: str
    line: int


signs: Look[Sign] = Look("telemetry signs")

_METERS = (
    *("Counter", "Histogram", "Summary", "Gauge", "create_counter", "create_histogram", "createHistogram"),
    *("createCounter", "client.Histogram", "prom-client.Histogram", "prom-client.Counter", "prom-client.Summary"),
    *(".timing", ".timer", ".histogram", ".incr", ".increment", ".distribution", "collectDefaultMetrics"),
)
_REQUEST = re.compile(r"request|http|latency|response|route|endpoint", re.IGNORECASE)
_LIBRARIES = re.compile(r"prom|statsd|hot-shots|lynx|meter|metric|opentelemetry|datadog|otel", re.IGNORECASE)
_OPTIONS = ("GaugeOpts", "CounterOpts", "HistogramOpts", "SummaryOpts")


@signs.reads("go", words=_OPTIONS)
def _go_signs(source: Source) -> Iterator[Sign]:
    """The metrics that a Go program makes for Prometheus, by the options that name them."""
    for call in source.calls(*_OPTIONS):
        name, subsystem = call.keywords.get("Name"), call.keywords.get("Subsystem")
        text = " ".join(one.text or "" for one in (subsystem, name) if one is not None)
        if text:
            served = _HTTP.search(text) and not _OUTGOING.search(text)
            yield Sign("request" if served else "meter", text, call.line)


_OUTGOING = re.compile(r"scrap|fetch|crawl|upstream|client|outgoing|outbound|external", re.IGNORECASE)
_HTTP = re.compile(r"http|requests?_|_requests?\b|latency|response", re.IGNORECASE)
_CARRIERS = re.compile(r"(?:Requests|HTTPX?|Httpx?|HTTPXClient|AioHttpClient|URLLib3?|Urllib3?|Undici|Fetch|Grpc\w*)"
                       r"Instrument(?:or|ation)|getNodeAutoInstrumentations")  # fmt: skip
_PROVIDERS = ("TracerProvider", "NodeTracerProvider", "NodeSDK", "BasicTracerProvider", "trace.TracerProvider")


@signs.reads(
    "python",
    "javascript",
    words=(
        *("prometheus_client", "statsd", "opentelemetry", "datadog", "Counter", "Histogram", "sentry_sdk", "Sentry"),
        *("prom", "client", "hot", "metrics", "TracerProvider", "NodeSDK", "meter", "make_asgi_app", "sentry"),
    ),
    within=("metric", "instrument", "telemetry"),
)
def _signs(source: Source) -> Iterator[Sign]:
    known = " ".join(one.module for one in source.imports())
    if _LIBRARIES.search(known):
        for call in source.calls(*_METERS):
            first = call.argument(0, "name")
            text = first.text if first is not None and first.kind in ("literal", "template") else ""
            kind: Literal["request", "meter"] = "request" if _REQUEST.search(text or "") else "meter"
            yield Sign(kind, text or call.last, call.line)
    for call in source.calls(*_PROVIDERS):
        yield Sign("provider", call.last, call.line)
        if {"resource", "serviceName", "service_name"} & set(call.keywords) or len(call.arguments) > 0:
            yield Sign("named", call.last, call.line)
    for word in ("service.name", "SERVICE_NAME", "serviceName", "ATTR_SERVICE_NAME"):
        if word.encode() in source.data:
            yield Sign("named", word, 1)
    for call in source.calls("sentry_sdk.init", "Sentry.init", "@sentry/node.init", "@sentry/nextjs.init"):
        rated = {"traces_sample_rate", "traces_sampler", "tracesSampleRate", "tracesSampler"} & set(call.keywords)
        yield Sign("traces" if rated else "errors", call.last, call.line)
    for match in _CARRIERS.finditer(source.data.decode("utf-8", "replace")):
        yield Sign("carrier", match[0], 1)
        break
    for middleware in ("Instrumentor", "PrometheusMiddleware", "PrometheusMetrics", "instrument_app"):
        if middleware.encode() in source.words or f"{middleware}(".encode() in source.data:
            yield Sign("request", middleware, 1)
