"""VII-03, VII-04, VII-05, VII-06: who serves, and on which port all agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_POD = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: web
          image: shop:1
          ports:
            - name: http
              containerPort: 8080
          readinessProbe:
            httpGet:
              path: /ready
              port: {probe}
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
    - port: 80
      targetPort: {target}
"""


def _pod(probe: str, target: str) -> dict[str, str]:
    return {"deploy/web.yaml": _POD.format(probe=probe, target=target), "app.py": ""}


def _image(*lines: str) -> dict[str, str]:
    return {"x.py": "", "Dockerfile": "\n".join(("FROM python:3.12", "COPY x.py .", *lines, ""))}


CASES: list[Case] = [
    bad("VII-03", "manifests", {"pom.xml": "<project>\n<packaging>war</packaging>\n</project>\n"}, "pom.xml:2"),
    bad(
        "VII-03",
        "manifests",
        {"public/index.php": "<?php echo 1;\n", "composer.json": "{}"},
        "public/index.php",
        why="PHP",
    ),
    bad(
        "VII-03",
        "manifests",
        {"app.py": "import flask\n", "passenger_wsgi.py": "from app import app as application\n"},
        "passenger_wsgi.py",
        why="a host's server",
    ),
    ok(
        "VII-03",
        "manifests",
        {"pom.xml": "<packaging>war</packaging>\n<artifactId>spring-boot-starter</artifactId>"},
        "Spring Boot",
    ),
    ok(
        "VII-03",
        "manifests",
        {"index.php": "<?php\n", "Dockerfile": "FROM php:8.3-apache\nCOPY . /var/www/html\n"},
        "in the image",
    ),
    ok(
        "VII-03",
        "manifests",
        {"index.php": "<?php\n", "Procfile": "web: heroku-php-apache2 public/\n"},
        "a buildpack's server",
    ),
    ok("VII-03", "manifests", {"pom.xml": "<packaging>jar</packaging>"}, "a jar"),
    bad(
        "VII-04", "manifests", {"requirements.txt": "flask==3\n", "shop/views.py": "import flask\n"}, "requirements.txt"
    ),
    bad(
        "VII-04",
        "manifests",
        {"Pipfile": '[packages]\nfastapi = "*"\n', "shop/api.py": "import fastapi\n"},
        "Pipfile",
        why="Pipfile",
    ),
    ok(
        "VII-04",
        "manifests",
        {"requirements.txt": "flask", "app.py": "", "Procfile": "web: gunicorn app:app\n"},
        "Procfile",
    ),
    ok(
        "VII-04",
        "manifests",
        {"setup.py": "from setuptools import setup\nsetup(install_requires=['flask'])\n"},
        "a library",
    ),
    ok("VII-04", "manifests", {"requirements.txt": "requests\n", "job.py": "import requests\n"}, "no HTTP"),
    ok(
        "VII-04",
        "manifests",
        {"package.json": '{"dependencies": {"express": "4"}, "scripts": {"start": "node a.js"}}', "a.js": ""},
        "npm",
    ),
    # VII-05
    bad("VII-05", "manifests", _image("EXPOSE 8080", 'CMD ["gunicorn", "-b", ":5000", "x:app"]'), "Dockerfile:3"),
    bad(
        "VII-05",
        "manifests",
        _image("HEALTHCHECK CMD curl -f http://localhost:8000/", 'CMD ["gunicorn", "-b", ":5000", "x:app"]'),
        "Dockerfile:3",
        why="a health check",
    ),
    bad(
        "VII-05",
        "manifests",
        {
            **_image('CMD ["gunicorn", "-b", ":5000", "x:app"]'),
            "docker-compose.yml": "services:\n  web:\n    build: .\n    ports:\n      - '80:8000'\n",
        },
        "docker-compose.yml:5",
        why="a mapping",
    ),
    bad("VII-05", "manifests", _pod("web", "8080"), "deploy/web.yaml:18", why="a probe of no port"),
    bad("VII-05", "manifests", _pod("http", "5000"), "deploy/web.yaml:31", why="a Service that leads nowhere"),
    ok("VII-05", "manifests", _image("EXPOSE 5000", 'CMD ["gunicorn", "-b", ":5000", "x:app"]'), "they agree"),
    ok("VII-05", "manifests", _image("EXPOSE 8080", "CMD gunicorn -b :$PORT x:app"), "a variable without a value"),
    ok("VII-05", "manifests", _image("ENV PORT=8080", "EXPOSE 8080", "CMD gunicorn -b :$PORT x:app"), "a variable"),
    ok("VII-05", "manifests", _pod("http", "http"), "names that are there"),
    ok(
        "VII-05",
        "manifests",
        {
            **_image("ENV PORT=5000", "CMD gunicorn -b :${PORT} x:app"),
            "docker-compose.yml": (
                "services:\n  web:\n    build: .\n    environment:\n      PORT: 8000\n    ports:\n      - '80:8000'\n"
            ),
        },
        "compose gives another",
    ),
    # VII-06
    bad(
        "VII-06",
        "manifests",
        {"x.py": "", "Procfile": "web: gunicorn --certfile c.pem --keyfile k.pem x:app\n"},
        "Procfile:1",
        severity="note",
    ),
    bad(
        "VII-06",
        "manifests",
        {
            "nginx.conf": "server {\n  listen 443 ssl;\n  ssl_certificate /c.pem;\n}\n",
            "Dockerfile": "FROM nginx:1.27\nCOPY nginx.conf /etc/nginx/nginx.conf\n",
        },
        "nginx.conf:3",
        why="nginx in the image",
    ),
    ok(
        "VII-06",
        "manifests",
        {"deploy/nginx.conf": "server {\n  ssl_certificate /c.pem;\n}\n", "x.py": ""},
        "a host's proxy",
    ),
    ok("VII-06", "manifests", {"x.py": "", "Procfile": "web: gunicorn x:app\n"}, "plain HTTP"),
    ok("VII-06", "manifests", {"x.py": "", "README.md": "gunicorn --certfile c.pem x:app\n"}, "the manual"),
    bad(
        "VII-06",
        "python",
        {"app.py": "import flask\n\nflask.Flask(__name__).run(ssl_context=('c.pem', 'k.pem'))\n"},
        "app.py:3",
    ),
    bad(
        "VII-06",
        "python",
        {"app.py": "import uvicorn\n\nuvicorn.run(app, ssl_certfile='c.pem')\n"},
        "app.py:3",
        why="uvicorn",
    ),
    ok("VII-06", "python", {"app.py": "import uvicorn\n\nuvicorn.run(app, ssl_certfile=None)\n"}, "off"),
    ok("VII-06", "python", {"app.py": "import ssl\n\nclient(ssl_context=ssl.create_default_context())\n"}, "a client"),
    ok("VII-06", "python", {"tests/app.py": "import uvicorn\n\nuvicorn.run(app, ssl_certfile='c.pem')\n"}, "a test"),
    bad(
        "VII-06",
        "javascript",
        {"server.js": "const https = require('https');\nhttps.createServer({ key, cert }, app).listen(443);\n"},
        "server.js:2",
    ),
    bad(
        "VII-06",
        "javascript",
        {"server.js": "const https = require('https');\nconst o = load();\nhttps.createServer(o, app);\n"},
        "server.js:3",
        why="options",
    ),
    ok(
        "VII-06",
        "javascript",
        {"server.js": "const http = require('http');\nhttp.createServer(app).listen(p);\n"},
        "HTTP",
    ),
    ok("VII-06", "javascript", {"server.js": "const https = require('https');\nhttps.get(url);\n"}, "a client"),
    ok(
        "VII-06",
        "javascript",
        {"test/server.js": "const https = require('https');\nhttps.createServer({ key, cert }, app);\n"},
        "a test",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_apps_serve_themselves_and_agree_on_the_port(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
