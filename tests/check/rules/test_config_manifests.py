"""III-10: secrets in what builds and deploys the app."""

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          image: shop:1
          env:
            - name: SECRET_KEY
"""
_WEB = "services:\n  web:\n    image: shop:1\n    environment:\n"
_JOB = "jobs:\n  t:\n    env:\n      SECRET_KEY: secret-key-for-tests\n      T: ${{ secrets.T }}\n"
_BUNDLED = """
services:
  web:
    build: .
    environment:
      DATABASE_URL: postgres://app:Zt8fkq0v@db/app
      DB_PASSWORD: Zt8fkq0v
  db:
    image: postgres:16
    environment:
      POSTGRES_PASSWORD: Zt8fkq0v
"""

CASES = [
    bad(
        "III-10",
        "manifests",
        {"Dockerfile": "FROM python:3.12\nENV SECRET_KEY=k3yb0ardc4t\n"},
        "Dockerfile:2",
        severity="error",
    ),
    bad(
        "III-10",
        "manifests",
        {"Dockerfile": "FROM python:3.12\nARG API_TOKEN=9f8Qx2LmZt77aaQe\n"},
        "Dockerfile:2",
        why="an argument",
    ),
    bad(
        "III-10",
        "manifests",
        {"Dockerfile": "FROM python:3.12\nCOPY app.py .env /app/\n"},
        "Dockerfile:2",
        why="the file with all",
    ),
    bad(
        "III-10",
        "manifests",
        {"k8s/web.yml": _DEPLOYMENT + "              value: Zt8fkq0vLmW3\n"},
        "k8s/web.yml:13",
        why="a value of a container",
    ),
    bad(
        "III-10",
        "manifests",
        {"k8s/config.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  JWT_SECRET: Zt8fkq0vLmW3\n"},
        "k8s/config.yml:5",
        why="a ConfigMap",
    ),
    bad(
        "III-10",
        "manifests",
        {"main.tf": 'variable "db_password" {\n  type = string\n  default = "Zt8fkq0vLmW3"\n}\n'},
        "main.tf:3",
        why="a default of Terraform",
    ),
    bad(
        "III-10",
        "manifests",
        {"docker-compose.prod.yml": _WEB + "      - SECRET_KEY=Zt8fkq0vLmW3\n"},
        "docker-compose.prod.yml:5",
        why="compose for production",
        severity="error",
    ),
    bad(
        "III-10",
        "manifests",
        {"app.json": '{"env": {"JWT_SECRET": {"value": "Zt8fkq0vLmW3"}}}'},
        "app.json:1",
        why="a platform",
    ),
    ok(
        "III-10",
        "manifests",
        {"Dockerfile": "FROM python:3.12\nARG SECRET_KEY\nENV SECRET_KEY=${SECRET_KEY}\n"},
        "given at build",
    ),
    ok(
        "III-10",
        "manifests",
        {"Dockerfile": "FROM ruby:3\nARG SECRET_KEY_BASE=dummy\nRUN rake\n"},
        "a dummy for a build step",
    ),
    ok(
        "III-10",
        "manifests",
        {"Dockerfile": "FROM python:3.12\nENV SUPERCRONIC_SHA1SUM=cd48d45c4b10f3f0bfdd3a57d054cd05\n"},
        "a checksum",
    ),
    ok("III-10", "manifests", {"docker-compose.yml": _BUNDLED}, "the database of the same file"),
    ok("III-10", "manifests", {"Dockerfile": "FROM python:3.12\nCOPY .env.example /app/\n"}, "a template"),
    ok(
        "III-10",
        "manifests",
        {"k8s/web.yml": _DEPLOYMENT + "              valueFrom: {secretKeyRef: {name: s, key: k}}\n"},
        "a reference to a secret",
    ),
    ok(
        "III-10", "manifests", {"app.json": '{"env": {"JWT_SECRET": {"generator": "secret"}}}'}, "the platform makes it"
    ),
    ok(
        "III-10",
        "manifests",
        {".github/workflows/ci.yml": _JOB},
        "a test run",
    ),
    ok("III-10", "manifests", {"main.tf": 'variable "db_password" {\n  sensitive = true\n}\n'}, "no default"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_secret_in_a_manifest_is_found_and_what_looks_like_one_is_not(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
