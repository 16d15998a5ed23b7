"""TEL-01 to TEL-04: metrics and traces, where they go, and what they see."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = 'from flask import Flask\napp = Flask(__name__)\n\n@app.get("/")\ndef index():\n    return "hello"\n\n'
_EXPRESS = 'const express = require("express")\nconst app = express()\napp.get("/", (q, s) => s.send("hello"))\n'
_CLUSTER = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - {name: web, image: registry.example.net/shop/web:1.4, ports: [{containerPort: 8000}]}
"""
_PROVIDER = (
    "import requests\nfrom opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"
    "from opentelemetry.instrumentation.flask import FlaskInstrumentor\n"
)
_NODE = 'const { NodeSDK } = require("@opentelemetry/sdk-node")\nconst axios = require("axios")\n'

CASES = [
    bad("TEL-01", "python", {"app.py": _FLASK}, "", severity="note"),
    bad("TEL-01", "python", {"app.py": _FLASK, "k8s/web.yaml": _CLUSTER}, "", why="in a cluster", severity="warning"),
    ok("TEL-01", "python", {"app.py": _FLASK + "from prometheus_client import Counter\n"}, "a library"),
    ok(
        "TEL-01",
        "python",
        {"app.py": _FLASK, "Procfile": "web: ddtrace-run gunicorn app:app\n"},
        "an agent before the command",
    ),
    ok("TEL-01", "python", {"convert.py": "import sys\nprint(sys.stdin.read().upper())\n"}, "a command-line tool"),
    ok("TEL-01", "python", {"tests/app.py": _FLASK}, "a test"),
    bad("TEL-01", "javascript", {"app.js": _EXPRESS}, "", severity="note"),
    bad(
        "TEL-01",
        "javascript",
        {"app.js": _EXPRESS, "package.json": '{"devDependencies": {"prom-client": "^15"}}'},
        "",
        why="a package for development",
    ),
    ok("TEL-01", "javascript", {"app.js": 'require("dd-trace").init()\n' + _EXPRESS}, "an agent"),
    ok(
        "TEL-01",
        "javascript",
        {"app.js": _EXPRESS + 'app.get("/metrics", (q, s) => s.end(own.text()))\n'},
        "a route of metrics",
    ),
    ok("TEL-01", "javascript", {"cli.js": 'console.log(require("fs").readFileSync(0, "utf8").length)\n'}, "a tool"),
    bad(
        "TEL-01",
        "manifests",
        {"app.py": _FLASK, "k8s/web.yaml": _CLUSTER, "docs/otel.md": "opentelemetry-instrument\n"},
        "",
        severity="warning",
    ),
    bad(
        "TEL-01",
        "manifests",
        {"app.js": _EXPRESS, "Dockerfile": "FROM node:22\n# CMD node -r dd-trace/init app.js\nCMD node app.js\n"},
        "",
        why="a comment",
    ),
    ok(
        "TEL-01",
        "manifests",
        {"app.py": _FLASK, "Dockerfile": 'FROM python:3.12\nCMD ["opentelemetry-instrument", "gunicorn", "app:app"]\n'},
        "an agent in the image",
    ),
    ok(
        "TEL-01",
        "manifests",
        {
            "app.py": _FLASK,
            "k8s/web.yaml": _CLUSTER.replace(
                "    spec:\n      con",
                "    metadata:\n      annotations:\n"
                "        instrumentation.opentelemetry.io/inject-python: 'true'\n    spec:\n      con",
            ),
        },
        "the operator puts it in",
    ),
    ok(
        "TEL-01",
        "manifests",
        {"app.js": _EXPRESS, "entrypoint.sh": "#!/bin/sh\nexec node --require @opentelemetry/auto/register app.js\n"},
        "the start asks for it",
    ),
    bad(
        "TEL-02",
        "python",
        {"app.py": 'import sentry_sdk\nsentry_sdk.init(\n    dsn="https://4f1c9be2@o12.ingest.errors.acme.io/7",\n)\n'},
        "app.py:3",
        severity="error",
    ),
    bad(
        "TEL-02",
        "python",
        {
            "tracing.py": "from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter\n"
            'exporter = OTLPSpanExporter(endpoint="http://localhost:4317")\n'
        },
        "tracing.py:2",
        why="this machine",
        severity="warning",
    ),
    bad(
        "TEL-02",
        "python",
        {
            "app.py": "import os\nimport sentry_sdk\n"
            'sentry_sdk.init(os.environ.get("SENTRY_DSN", "https://4f1c9be2@o12.ingest.errors.acme.io/7"))\n'
        },
        "app.py:3",
        why="a default",
        severity="warning",
    ),
    ok(
        "TEL-02",
        "python",
        {"app.py": 'import os, sentry_sdk\nsentry_sdk.init(dsn=os.environ["SENTRY_DSN"], environment="prod")\n'},
        "the environment",
    ),
    ok("TEL-02", "python", {"app.py": 'import sentry_sdk\nsentry_sdk.init(dsn="")\n'}, "switched off"),
    ok(
        "TEL-02",
        "python",
        {
            "tests/test_errors.py": "import sentry_sdk\n"
            'sentry_sdk.init(dsn="https://4f1c9be2@o12.ingest.errors.acme.io/7")\n'
        },
        "a test",
    ),
    ok(
        "TEL-02",
        "python",
        {"app.py": "import statsd\nimport settings\nclient = statsd.StatsClient(host=settings.STATSD_HOST)\n"},
        "a setting of another module",
    ),
    bad(
        "TEL-02",
        "javascript",
        {"app.js": 'const Sentry = require("@sentry/node")\nSentry.init({ dsn: "https://4f1c9be2@o1.acme.io/7" })\n'},
        "app.js:2",
        severity="error",
    ),
    bad(
        "TEL-02",
        "javascript",
        {
            "stats.ts": 'import { StatsD } from "hot-shots"\n'
            'export const stats = new StatsD({ host: "stats.internal.acme.io", port: 8125 })\n'
        },
        "stats.ts:2",
        why="a host",
    ),
    ok(
        "TEL-02",
        "javascript",
        {"app.js": 'const Sentry = require("@sentry/node")\nSentry.init({ dsn: process.env.SENTRY_DSN })\n'},
        "the environment",
    ),
    ok(
        "TEL-02",
        "javascript",
        {"app.js": 'const Sentry = require("@sentry/node")\nSentry.init({ tracesSampleRate: 0.1 })\n'},
        "the package reads it itself",
    ),
    ok(
        "TEL-02",
        "javascript",
        {"docs/app.js": 'const Sentry = require("@sentry/node")\nSentry.init({ dsn: "https://4f1c@o1.acme.io/7" })\n'},
        "documentation",
    ),
    bad(
        "TEL-03",
        "python",
        {"app.py": _PROVIDER + 'trace.set_tracer_provider(TracerProvider(resource=own("service.name")))\n'},
        "app.py:5",
        why="outgoing calls",
        severity="note",
    ),
    bad(
        "TEL-03",
        "python",
        {"app.py": _PROVIDER.replace("import requests\n", "") + "trace.set_tracer_provider(TracerProvider())\n"},
        "app.py:4",
        why="no name",
    ),
    ok(
        "TEL-03",
        "python",
        {
            "app.py": _PROVIDER
            + "from opentelemetry.instrumentation.requests import RequestsInstrumentor\n"
            + "RequestsInstrumentor().instrument()\n"
            + "trace.set_tracer_provider(TracerProvider())\n",
            "Dockerfile": "FROM python:3.12\nENV OTEL_SERVICE_NAME=shop\n",
        },
        "both",
    ),
    ok("TEL-03", "python", {"app.py": "import requests\n" + _FLASK}, "no tracing"),
    ok(
        "TEL-03",
        "python",
        {"tests/test_traces.py": _PROVIDER + "trace.set_tracer_provider(TracerProvider())\n"},
        "a test",
    ),
    bad(
        "TEL-03",
        "javascript",
        {"tracing.js": _NODE + 'new NodeSDK({ serviceName: "shop", instrumentations: [own] }).start()\n'},
        "tracing.js:3",
    ),
    bad(
        "TEL-03",
        "javascript",
        {"tracing.js": _NODE.partition("\n")[0] + "\nconst sdk = new NodeSDK()\nsdk.start()\n"},
        "tracing.js:2",
        why="no name",
    ),
    ok(
        "TEL-03",
        "javascript",
        {
            "tracing.js": _NODE + 'const { getNodeAutoInstrumentations } = require("@opentelemetry/auto")\n'
            'new NodeSDK({ serviceName: "shop", instrumentations: [getNodeAutoInstrumentations()] }).start()\n'
        },
        "all clients",
    ),
    ok("TEL-03", "javascript", {"app.js": 'const axios = require("axios")\n' + _EXPRESS}, "no tracing"),
    ok(
        "TEL-03",
        "javascript",
        {"tracing.js": _NODE.partition("\n")[0] + '\nnew NodeSDK({ serviceName: "shop" }).start()\n'},
        "nothing is called",
    ),
    bad(
        "TEL-04",
        "python",
        {"app.py": _FLASK + 'from prometheus_client import Gauge\nrows = Gauge("rows_total", "Rows")\n'},
        "app.py:9",
        severity="note",
    ),
    bad(
        "TEL-04",
        "python",
        {
            "app.py": _FLASK,
            "jobs.py": 'import statsd\nstats = statsd.StatsClient()\ndef run():\n    stats.incr("jobs")\n',
        },
        "jobs.py:4",
        why="jobs",
    ),
    ok(
        "TEL-04",
        "python",
        {
            "app.py": _FLASK + "from prometheus_client import Histogram\n"
            'latency = Histogram("http_request_duration_seconds", "Latency", ["route"])\n'
        },
        "a histogram of requests",
    ),
    ok(
        "TEL-04",
        "python",
        {"app.py": _FLASK + "from prometheus_flask_exporter import PrometheusMetrics\nPrometheusMetrics(app)\n"},
        "a middleware",
    ),
    ok("TEL-04", "python", {"app.py": _FLASK}, "no metrics at all"),
    bad(
        "TEL-04",
        "javascript",
        {
            "app.js": _EXPRESS + 'const client = require("prom-client")\n'
            'const rows = new client.Gauge({ name: "rows", help: "Rows" })\n'
            'const jobs = new client.Counter({ name: "jobs_total", help: "Jobs" })\n'
        },
        "app.js:5",
    ),
    bad(
        "TEL-04",
        "javascript",
        {
            "app.js": _EXPRESS,
            "stats.js": 'const { StatsD } = require("hot-shots")\nconst s = new StatsD()\ns.increment("mails")\n',
        },
        "stats.js:3",
        why="mails",
    ),
    ok(
        "TEL-04",
        "javascript",
        {
            "app.js": _EXPRESS + 'const client = require("prom-client")\n'
            'const t = new client.Histogram({ name: "http_request_duration_seconds", help: "Time" })\n'
        },
        "a histogram of requests",
    ),
    ok("TEL-04", "javascript", {"app.js": _EXPRESS + 'app.use(require("express-prom-bundle")())\n'}, "a middleware"),
    ok("TEL-04", "javascript", {"app.js": _EXPRESS}, "no metrics at all"),
    ok(
        "TEL-02",
        "python",
        {
            "app.py": "import os\nfrom statsd import StatsClient\n"
            'client = StatsClient(host=os.environ.get("STATSD_HOST", "127.0.0.1"))\n'
        },
        "by default an agent beside the app",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_telemetry(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
