"""Names of packages that make metrics and traces, and which of them see requests without further ado."""

from __future__ import annotations

#: Packages that trace or time every request once they are set up.
REQUESTS = (
    # agents and tracers
    *("ddtrace", "newrelic", "elastic-apm", "elasticapm", "scout-apm", "scout_apm", "appoptics-apm", "instana"),
    *("opencensus-ext-flask", "opencensus-ext-django", "opencensus-ext-azure", "applicationinsights", "atatus"),
    *("azure-monitor-opentelemetry", "logfire", "opentelemetry-distro", "opentelemetry-instrumentation-flask"),
    *(
        "opentelemetry-instrumentation-django",
        "opentelemetry-instrumentation-fastapi",
        "skywalking",
        "apache-skywalking",
    ),
    *("opentelemetry-instrumentation-asgi", "opentelemetry-instrumentation-wsgi", "aws-xray-sdk", "aws_xray_sdk"),
    *("opentelemetry-instrumentation-starlette", "opentelemetry-instrumentation-aiohttp-server", "hypertrace"),
    *("dd-trace", "elastic-apm-node", "@opentelemetry/auto-instrumentations-node", "appmetrics", "@instana/collector"),
    *("@opentelemetry/instrumentation-http", "@opentelemetry/instrumentation-express", "applicationinsights"),
    *("@opentelemetry/instrumentation-fastify", "@azure/monitor-opentelemetry", "@google-cloud/trace-agent"),
    *("@vercel/otel", "aws-xray-sdk", "nestjs-otel", "@splunk/otel", "@newrelic/native-metrics", "atatus-nodejs"),
    *("scoutapm", "scout_apm", "newrelic_rpm", "ddtrace", "datadog", "skylight", "elastic-apm", "appsignal"),
    *("@appsignal/nodejs", "opentelemetry-instrumentation-all", "opentelemetry-instrumentation-rails"),
    *("opentelemetry-instrumentation-sinatra", "opentelemetry-instrumentation-rack", "judoscale-ruby"),
    *("github.com/newrelic/go-agent/v3", "github.com/newrelic/go-agent/v3/newrelic", "go.elastic.co/apm/v2"),
    *("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "github.com/DataDog/dd-trace-go/v2"),
    *(
        "go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin",
        "gopkg.in/DataDog/dd-trace-go.v1",
    ),
    *("org.springframework.boot:spring-boot-starter-actuator", "spring-boot-starter-actuator"),
    *("io.opentelemetry.instrumentation:opentelemetry-spring-boot-starter", "io.quarkus:quarkus-opentelemetry"),
    *("io.quarkus:quarkus-micrometer-registry-prometheus", "io.micronaut.micrometer:micronaut-micrometer-core"),
    *("org.springframework.cloud:spring-cloud-starter-sleuth", "io.dropwizard.metrics:metrics-core"),
    *("keepsuit/laravel-opentelemetry", "open-telemetry/opentelemetry-auto-laravel", "scoutapp/scout-apm-laravel"),
    *(
        "open-telemetry/opentelemetry-auto-symfony",
        "spatie/laravel-prometheus",
        "laravel/pulse",
        "inspector-apm/inspector-laravel",
    ),
    # middleware that makes metrics of requests
    *("prometheus-flask-exporter", "prometheus_flask_exporter", "prometheus-fastapi-instrumentator"),
    *("prometheus_fastapi_instrumentator", "starlette-exporter", "starlette_exporter", "starlette-prometheus"),
    *("starlette_prometheus", "django-prometheus", "django_prometheus", "rollbar-metrics", "aioprometheus"),
    *("flask-prometheus-metrics", "django-statsd", "django-silk", "apitally", "starlette-apitally", "sanic-prometheus"),
    *("express-prom-bundle", "express-prometheus-middleware", "prometheus-api-metrics", "fastify-metrics"),
    *("@willsoto/nestjs-prometheus", "koa-prometheus", "express-status-monitor", "swagger-stats", "@promster/express"),
    *("@promster/server", "@promster/fastify", "hapi-prometheus", "express-opentracing", "yabeda-rails"),
    *("yabeda-prometheus", "prometheus_exporter", "yabeda-puma-plugin", "github.com/slok/go-http-metrics"),
    *("github.com/zsais/go-gin-prometheus", "github.com/labstack/echo-prometheus", "github.com/labstack/echo-contrib"),
    *("@hono/prometheus", "@hono/otel", "@fastify/otel", "@pyroscope/nodejs", "elysia-opentelemetry"),
)

#: Packages with which an app makes metrics or traces of what it chooses.
SOME = (
    *("prometheus-client", "prometheus_client", "statsd", "opentelemetry-api", "opentelemetry-sdk", "opentelemetry"),
    *("datadog", "opentracing", "jaeger-client", "jaeger_client", "py_zipkin", "pystatsd", "opencensus"),
    *(
        "prom-client",
        "hot-shots",
        "node-statsd",
        "statsd-client",
        "lynx",
        "@opentelemetry/api",
        "@opentelemetry/sdk-node",
    ),
    *("@opentelemetry/sdk-trace-node", "jaeger-client", "zipkin", "datadog-metrics", "measured-core"),
    *("prometheus-client-mmap", "statsd-instrument", "statsd-ruby", "dogstatsd-ruby", "yabeda", "opentelemetry-sdk"),
    *("github.com/prometheus/client_golang", "github.com/prometheus/client_golang/prometheus", "expvar"),
    *(
        "github.com/prometheus/client_golang/prometheus/promhttp",
        "go.opentelemetry.io/otel",
        "github.com/cactus/go-statsd-client",
    ),
    *("github.com/DataDog/datadog-go/v5", "github.com/DataDog/datadog-go", "github.com/VictoriaMetrics/metrics"),
    *("github.com/armon/go-metrics", "github.com/rcrowley/go-metrics", "go.opencensus.io"),
    *("io.micrometer:micrometer-core", "io.micrometer:micrometer-registry-prometheus", "io.prometheus:simpleclient"),
    *("io.opentelemetry:opentelemetry-api", "com.timgroup:java-statsd-client", "promphp/prometheus_client_php"),
    *("league/statsd", "open-telemetry/sdk", "open-telemetry/api", "aws-embedded-metrics"),
)

#: Packages that report errors, and can trace.
ERRORS = (
    *("sentry-sdk", "sentry_sdk", "raven", "rollbar", "bugsnag", "airbrake", "honeybadger", "pybrake"),
    *("@sentry/node", "@sentry/nextjs", "@sentry/nestjs", "@sentry/bun", "@bugsnag/js", "@honeybadger-io/js"),
    *("sentry-ruby", "sentry-rails", "sentry-raven", "honeybadger", "airbrake", "sentry/sentry-laravel"),
    *(
        "sentry/sentry-symfony",
        "sentry/sentry",
        "github.com/getsentry/sentry-go",
        "io.sentry:sentry-spring-boot-starter",
    ),
    *("rollbar/rollbar-laravel", "@airbrake/node", "trackjs-node"),
)


#: Packages that call other services, by the packages that carry a trace along with their calls.
CARRIERS = {
    "requests": ("opentelemetry-instrumentation-requests", "opentelemetry.instrumentation.requests"),
    "httpx": ("opentelemetry-instrumentation-httpx", "opentelemetry.instrumentation.httpx"),
    "aiohttp": ("opentelemetry-instrumentation-aiohttp-client", "opentelemetry.instrumentation.aiohttp_client"),
    "urllib3": ("opentelemetry-instrumentation-urllib3", "opentelemetry.instrumentation.urllib3"),
    "axios": ("@opentelemetry/instrumentation-http", "@opentelemetry/auto-instrumentations-node"),
    "node-fetch": ("@opentelemetry/instrumentation-http", "@opentelemetry/auto-instrumentations-node"),
    "got": ("@opentelemetry/instrumentation-http", "@opentelemetry/auto-instrumentations-node"),
    "undici": ("@opentelemetry/instrumentation-undici", "@opentelemetry/auto-instrumentations-node"),
}
