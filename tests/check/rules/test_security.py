"""SEC-01 and SEC-05: rights of containers, and whether anybody watches the dependencies."""

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_PYTHON = 'FROM python:3.12\nCOPY . .\nCMD ["gunicorn", "shop:app"]\n'
_POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
"""
_DEPENDS = {"requirements.txt": "flask==3.0.0\n"}

CASES = [
    bad("SEC-01", "manifests", {"Dockerfile": _PYTHON}, "Dockerfile:1", why="no user"),
    bad("SEC-01", "manifests", {"Dockerfile": _PYTHON + "USER root\n"}, "Dockerfile:4", why="the user root"),
    bad(
        "SEC-01",
        "manifests",
        {"k8s/web.yml": _POD + "          securityContext:\n            privileged: true\n"},
        "k8s/web.yml:10",
        why="a privileged container",
    ),
    bad(
        "SEC-01",
        "manifests",
        {"compose.yml": "services:\n  w:\n    build: .\n    volumes:\n      - /var/run/docker.sock:/run/docker.sock\n"},
        "compose.yml:5",
        why="the socket of Docker",
    ),
    ok("SEC-01", "manifests", {"Dockerfile": _PYTHON + "USER app\n"}, "an ordinary user"),
    ok(
        "SEC-01",
        "manifests",
        {"Dockerfile": 'FROM gcr.io/distroless/static:nonroot\nCMD ["/app"]\n'},
        "a base without root",
    ),
    ok(
        "SEC-01",
        "manifests",
        {"Dockerfile": "FROM nginx:1.27\nCOPY site /usr/share/nginx/html\n"},
        "a server that drops root",
    ),
    ok(
        "SEC-01",
        "manifests",
        {
            "Dockerfile": 'FROM node:20\nENTRYPOINT ["/entrypoint.sh"]\n',
            "entrypoint.sh": '#!/bin/sh\nexec gosu node "$@"\n',
        },
        "a script that drops root",
    ),
    ok(
        "SEC-01",
        "manifests",
        {"packaging/debian/Dockerfile": 'FROM debian:12\nCMD ["make", "deb"]\n'},
        "a builder of packages",
    ),
    ok(
        "SEC-01",
        "manifests",
        {"Dockerfile": 'FROM node:20 AS base\nUSER node\nFROM base\nCMD ["node", "a.js"]\n'},
        "of the stage below",
    ),
    bad("SEC-05", "manifests", _DEPENDS, "requirements.txt", why="no CI at all", severity="note"),
    bad(
        "SEC-05",
        "manifests",
        {**_DEPENDS, ".github/workflows/ci.yml": "jobs:\n  t:\n    steps:\n      - run: pytest\n      # pip-audit\n"},
        ".github/workflows/ci.yml",
        why="CI without an audit",
    ),
    bad(
        "SEC-05",
        "manifests",
        {**_DEPENDS, ".github/dependabot.yml": "updates:\n  - package-ecosystem: github-actions\n"},
        "requirements.txt",
        why="only the actions are watched",
    ),
    ok(
        "SEC-05",
        "manifests",
        {**_DEPENDS, ".github/dependabot.yml": "updates:\n  - package-ecosystem: pip\n"},
        "Dependabot",
    ),
    ok("SEC-05", "manifests", {**_DEPENDS, "renovate.json": "{}\n"}, "Renovate"),
    ok("SEC-05", "manifests", {**_DEPENDS, ".gitlab-ci.yml": "audit:\n  script: [pip-audit]\n"}, "an audit in CI"),
    ok("SEC-05", "manifests", {"app.py": "print(1)\n"}, "no dependencies"),
    ok(
        "SEC-01",
        "manifests",
        {
            "Dockerfile": 'FROM python:3.12\nWORKDIR /app\nCMD ["./boot.sh"]\n',
            "boot.sh": "#!/bin/sh\nexec uwsgi --http :$PORT uwsgi.ini\n",
            "uwsgi.ini": "[uwsgi]\nmodule = app\nuid = www-data\n",
        },
        "uwsgi gives its rights up",
    ),
    ok(
        "SEC-01",
        "manifests",
        {"docker/builder-go.dockerfile": "FROM golang:1.22\nRUN go build ./ask\n"},
        "an image that only builds",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_risk_is_found_and_what_is_careful_is_left_alone(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
