"""HLT-02, HLT-03: who asks for health, and what is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
          image: registry.example.net/shop/web:1.4
          ports:
            - {name: http, containerPort: 8000}
"""
_LIVE = "          livenessProbe:\n            httpGet: {path: %s, port: http}\n"
_READY = "          readinessProbe:\n            httpGet: {path: %s, port: http}\n"
_IMAGE = 'FROM python:3.12\nEXPOSE 8000\nCMD ["gunicorn", "app:app"]\n'
_APP = "from flask import Flask\napp = Flask(__name__)\n\n"
_HEALTH = '@app.get("/health")\ndef health():\n    db.session.execute("SELECT 1")\n    return "ok"\n'
_PLAIN = '@app.get("/livez")\ndef livez():\n    return "ok"\n\n'
_EXPRESS = 'const app = require("express")()\nconst db = require("./db")\n'
_NODE_HEALTH = 'app.get("/health", async (req, res) => {\n  await db.query("SELECT 1")\n  res.send("ok")\n})\n'

CASES = [
    bad("HLT-02", "manifests", {"k8s/web.yaml": _DEPLOYMENT}, "k8s/web.yaml:8", severity="warning"),
    bad(
        "HLT-02",
        "manifests",
        {"k8s/web.yaml": _DEPLOYMENT + _READY % "/readyz"},
        "k8s/web.yaml:8",
        why="nothing restarts it",
        severity="note",
    ),
    bad(
        "HLT-02",
        "manifests",
        {
            "docker-compose.yml": "services:\n  web:\n    build: .\n    ports: ['8000:8000']\n"
            "  db:\n    image: postgres:16\n  worker:\n    build: .\n    command: celery -A app worker\n",
            "Dockerfile": _IMAGE,
        },
        "docker-compose.yml:2",
        why="compose: the app, not its database nor its worker",
        severity="warning",
    ),
    bad("HLT-02", "manifests", {"Dockerfile": _IMAGE}, "Dockerfile", why="an image alone", severity="note"),
    ok("HLT-02", "manifests", {"k8s/web.yaml": _DEPLOYMENT + _LIVE % "/l" + _READY % "/r"}, "both probes"),
    ok(
        "HLT-02",
        "manifests",
        {
            "docker-compose.yml": "services:\n  web:\n    build: .\n    ports: ['8000:8000']\n",
            "Dockerfile": _IMAGE + "HEALTHCHECK CMD curl -f localhost:8000/healthz\n",
        },
        "the image of the service brings a check",
    ),
    ok(
        "HLT-02",
        "manifests",
        {
            "k8s/job.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec:\n  template:\n"
            "    spec:\n      containers:\n        - {name: migrate, image: shop/web:1, ports: [{containerPort: 1}]}\n",
            "k8s/redis.yaml": _DEPLOYMENT.replace("registry.example.net/shop/web:1.4", "redis:7"),
        },
        "a job, and somebody else's image",
    ),
    ok("HLT-02", "manifests", {"Procfile": "web: gunicorn app:app\n"}, "a platform without probes"),
    ok(
        "HLT-02",
        "manifests",
        {
            "compose.yml": "services:\n  api:\n    build: .\n    ports: ['80:80']\n    healthcheck: {test: x}\n",
            "compose.override.yml": "services:\n  api:\n    build: .\n    ports: ['8000:80']\n",
        },
        "a file that is merged with one that has the check",
    ),
    ok(
        "HLT-02",
        "manifests",
        {
            "compose.yml": "services:\n  maildev:\n    build: {context: ., dockerfile: maildev.Dockerfile}\n"
            "    ports: ['1080:1080']\n  playwright:\n    build: ./e2e\n    ports: ['9323:9323']\n",
        },
        "helpers that are built with it",
    ),
    bad(
        "HLT-02",
        "manifests",
        {
            "vote/app.py": _APP,
            "vote/requirements.txt": "flask==3.0.3\n",
            "vote/Dockerfile": _IMAGE,
            "result/app.py": _APP,
            "result/requirements.txt": "flask==3.0.3\n",
            "result/Dockerfile": _IMAGE + "HEALTHCHECK CMD curl -f localhost:8000/\n",
            "compose.yml": "services:\n  vote:\n    build: ./vote\n    ports: ['80:8000']\n"
            "  result:\n    build: ./result\n    ports: ['81:8000']\n",
        },
        "compose.yml:2",
        why="one of two apps",
        severity="warning",
    ),
    ok("HLT-02", "manifests", {"docs/k8s.yaml": _DEPLOYMENT, "examples/web.yaml": _DEPLOYMENT}, "documentation"),
    ok(
        "HLT-02",
        "manifests",
        {
            "chart/templates/web.yaml": _DEPLOYMENT
            + "          {{- with .Values.livenessProbe }}\n          livenessProbe:\n"
            "            {{- toYaml . | nindent 12 }}\n          {{- end }}\n"
        },
        "a template that makes them",
    ),
    bad(
        "HLT-03",
        "python",
        {"k8s/web.yaml": _DEPLOYMENT + _LIVE % "/health", "app.py": _APP + _HEALTH},
        "k8s/web.yaml:13",
        severity="warning",
    ),
    bad(
        "HLT-03",
        "python",
        {"Dockerfile": _IMAGE + "HEALTHCHECK CMD curl -f localhost:8000/health\n", "app.py": _APP + _HEALTH},
        "app.py:6",
        why="the only check of an image",
        severity="note",
    ),
    ok(
        "HLT-03",
        "python",
        {"k8s/web.yaml": _DEPLOYMENT + _LIVE % "/livez" + _READY % "/health", "app.py": _APP + _PLAIN + _HEALTH},
        "readiness may ask the database",
    ),
    ok("HLT-03", "python", {"k8s/web.yaml": _DEPLOYMENT + _LIVE % "/livez", "app.py": _APP + _PLAIN}, "constant"),
    ok("HLT-03", "python", {"app.py": _APP + _HEALTH}, "nobody asks"),
    bad(
        "HLT-03",
        "javascript",
        {"k8s/web.yaml": _DEPLOYMENT + _LIVE % "/health", "app.js": _EXPRESS + _NODE_HEALTH},
        "k8s/web.yaml:13",
    ),
    bad(
        "HLT-03",
        "javascript",
        {
            "docker-compose.yml": "services:\n  web:\n    build: .\n    ports: ['80:80']\n    healthcheck:\n"
            "      test: ['CMD', 'wget', '-q', 'http://localhost:80/health']\n",
            "app.js": _EXPRESS + _NODE_HEALTH,
        },
        "app.js:4",
        why="compose",
        severity="note",
    ),
    ok(
        "HLT-03",
        "javascript",
        {"k8s/web.yaml": _DEPLOYMENT + _READY % "/health", "app.js": _EXPRESS + _NODE_HEALTH},
        "readiness",
    ),
    ok(
        "HLT-03",
        "javascript",
        {"k8s/web.yaml": _DEPLOYMENT + _LIVE % "/up", "app.js": _EXPRESS + 'app.get("/up", (q, s) => s.end())\n'},
        "constant",
    ),
    ok("HLT-03", "javascript", {"app.js": _EXPRESS + _NODE_HEALTH}, "nobody asks"),
    bad(
        "HLT-03",
        "manifests",
        {"k8s/web.yaml": _DEPLOYMENT + _LIVE % "/healthz", "app.py": _APP + _PLAIN},
        "k8s/web.yaml:13",
        why="nothing answers the path",
        severity="error",
    ),
    bad(
        "HLT-03",
        "manifests",
        {
            "k8s/web.yaml": _DEPLOYMENT + _LIVE.replace("http}", "web}") % "/livez",
            "app.py": _APP + _PLAIN,
        },
        "k8s/web.yaml:13",
        why="no port of that name",
        severity="error",
    ),
    ok(
        "HLT-03",
        "manifests",
        {
            "k8s/web.yaml": _DEPLOYMENT + _LIVE % "/api/livez",
            "app.py": _APP.replace("\n\n", "\nbp = make(url_prefix='/api')\n\n", 1) + _PLAIN,
        },
        "a prefix",
    ),
    ok(
        "HLT-03",
        "manifests",
        {
            "k8s/web.yaml": _DEPLOYMENT + _LIVE % "/healthz",
            "app.py": _APP + _PLAIN,
            "nginx.conf": "location /healthz {}",
        },
        "another process of it answers",
    ),
    ok("HLT-03", "manifests", {"k8s/web.yaml": _DEPLOYMENT + _LIVE % "/healthz", "main.rs": ""}, "unread routes"),
    ok(
        "HLT-03",
        "manifests",
        {
            "k8s/web.yaml": _DEPLOYMENT + _LIVE % "/healthz",
            "app.py": _APP + '@app.get("/<path:rest>")\ndef any(rest):\n    return rest\n',
        },
        "a route for every path",
    ),
    ok(
        "HLT-02",
        "manifests",
        {
            "shop/Dockerfile": 'FROM python:3.12 AS release\nHEALTHCHECK CMD ./ask\nCMD ["uvicorn", "app:app"]\n'
            "FROM release AS upload\nRUN tar c /app\n",
            "slim/Dockerfile": 'FROM python:3.12-slim\nHEALTHCHECK CMD ./ask\nCMD ["uvicorn", "app:app"]\n',
            "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["fastapi"]\n',
            "compose.yaml": 'services:\n  web:\n    image: acme/shop:2\n    ports: ["80:80"]\n',
        },
        "the image is published from one of the stages, all with a check",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_probes(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
