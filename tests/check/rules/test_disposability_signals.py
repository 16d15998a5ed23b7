"""IX-03, IX-07: how a stop reaches the server, and how long it may take."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_APP = "from flask import Flask\napp = Flask(__name__)\n"
_FROM = "FROM python:3.12-slim\nCOPY . /app\n"

CASES = [
    bad(
        "IX-03",
        "manifests",
        {"app.py": _APP, "Dockerfile": _FROM + "CMD flask db upgrade && gunicorn app:app\n"},
        "Dockerfile:3",
        severity="warning",
    ),
    bad(
        "IX-03",
        "manifests",
        {
            "server.js": "require('http').createServer().listen(process.env.PORT);\n",
            "package.json": '{"scripts": {"start": "node server.js"}}',
            "Dockerfile": 'FROM node:20\nCOPY . .\nCMD ["npm", "start"]\n',
        },
        "Dockerfile:3",
        why="npm",
    ),
    bad(
        "IX-03",
        "manifests",
        {
            "app.py": _APP,
            "start.sh": "#!/bin/sh\nflask db upgrade\ngunicorn app:app\n",
            "Dockerfile": _FROM + 'ENTRYPOINT ["./start.sh"]\n',
        },
        "Dockerfile:3",
        why="a script without exec",
    ),
    bad(
        "IX-03",
        "manifests",
        {
            "app.py": _APP,
            "deploy/supervisor/web.conf": "[program:nginx]\ncommand=nginx -g 'daemon off;'\n",
        },
        "deploy/supervisor/web.conf:2",
        why="the supervisor's signal",
    ),
    ok("IX-03", "manifests", {"app.py": _APP, "Dockerfile": _FROM + 'CMD ["gunicorn", "app:app"]\n'}, "exec form"),
    ok(
        "IX-03",
        "manifests",
        {
            "app.py": _APP,
            "start.sh": "#!/bin/sh\nflask db upgrade\nexec gunicorn app:app\n",
            "Dockerfile": _FROM + 'ENTRYPOINT ["./start.sh"]\n',
        },
        "a script that ends in exec",
    ),
    ok(
        "IX-03",
        "manifests",
        {
            "server.js": "",
            "package.json": '{"scripts": {"start": "node server.js"}}',
            "Dockerfile": 'FROM node:20\nENTRYPOINT ["tini", "--"]\nCMD ["npm", "start"]\n',
        },
        "an init in front",
    ),
    ok(
        "IX-03",
        "manifests",
        {
            "app.py": _APP,
            "Dockerfile": _FROM + 'CMD ["bash", "-c", "exec gunicorn -b :$PORT app:app"]\n',
        },
        "a shell that replaces itself",
    ),
    ok(
        "IX-03",
        "manifests",
        {
            "app.py": _APP,
            "Dockerfile": _FROM + 'CMD ["gunicorn", "app:app"]\n',
            "docker-compose.yml": "services:\n  web:\n    build: .\n    command: gunicorn -w 2 app:app\n",
        },
        "compose runs a text without a shell",
    ),
    ok(
        "IX-03",
        "manifests",
        {"app.py": _APP, "deploy/supervisor/web.conf": "[program:web]\ncommand=gunicorn app:app\n"},
        "a server that takes the supervisor's signal",
    ),
    bad(
        "IX-07",
        "manifests",
        {
            "app.py": _APP,
            "docker-compose.yml": "services:\n  web:\n    build: .\n"
            "    command: gunicorn --graceful-timeout 60 app:app\n    stop_grace_period: 20s\n",
        },
        "docker-compose.yml:5",
        severity="note",
    ),
    bad(
        "IX-07",
        "manifests",
        {
            "app.py": _APP,
            "Dockerfile": _FROM + 'CMD ["gunicorn", "--graceful-timeout", "60", "app:app"]\n',
            "k8s/web.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n"
            "    spec:\n      terminationGracePeriodSeconds: 15\n      containers:\n        - name: web\n"
            "          image: web:1.0\n",
        },
        "k8s/web.yaml:8",
        why="Kubernetes",
    ),
    ok(
        "IX-07",
        "manifests",
        {
            "app.py": _APP,
            "docker-compose.yml": "services:\n  web:\n    build: .\n"
            "    command: gunicorn --graceful-timeout 20 app:app\n    stop_grace_period: 1m30s\n",
        },
        "longer than the server takes",
    ),
    ok(
        "IX-07",
        "manifests",
        {"docker-compose.yml": "services:\n  db:\n    image: postgres:16\n    stop_grace_period: 5s\n"},
        "a backing service",
    ),
    ok(
        "IX-07",
        "manifests",
        {
            "app.py": _APP,
            "docker-compose.yml": "services:\n  web:\n    build: .\n"
            "    command: gunicorn --graceful-timeout 60 app:app\n    stop_grace_period: ${GRACE}\n",
        },
        "a variable sets it",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stops(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
