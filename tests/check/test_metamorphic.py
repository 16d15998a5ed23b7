"""Changes of an app that must change nothing of its report, and changes that must change just one thing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from check.harness import write

from tolv.check.engine import Options, check
from tolv.check.model import Report
from tolv.check.sightings import FAULT

_VIOLATING = {
    "app.py": """
        import logging

        import redis
        import sentry_sdk
        from flask import Flask, jsonify, request

        app = Flask(__name__)
        app.config["SECRET_KEY"] = "b7Kp-92xQz-sEcr3t-4821"
        sentry_sdk.init(dsn="https://4f1c9be2@o12.ingest.errors.acme.io/7")
        logging.basicConfig(filename="/var/log/shop.log")
        store = redis.Redis(host="redis.internal.acme.io", port=6379)
        carts = {}


        @app.post("/carts/<id>")
        def add(id):
            carts[id] = request.get_json()
            return jsonify(carts[id])


        @app.get("/carts/<id>")
        def show(id):
            return jsonify(carts[id])


        if __name__ == "__main__":
            app.run(host="0.0.0.0", port=5000, debug=True)
        """,
    "requirements.txt": "flask\nredis\nsentry-sdk\n",
    "Procfile": "web: python app.py\n",
    "Dockerfile": "FROM python\nCOPY . .\nRUN pip install -r requirements.txt\nCMD python app.py\n",
}
_CLEAN = {
    "app.py": """
        import os

        import redis
        from flask import Flask, jsonify
        from prometheus_flask_exporter import PrometheusMetrics

        app = Flask(__name__)
        app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
        PrometheusMetrics(app)
        store = redis.Redis.from_url(os.environ["REDIS_URL"])


        @app.get("/healthz")
        def healthz():
            return "ok"


        @app.get("/v1/carts/<id>")
        def show(id):
            return jsonify(store.hgetall(id))
        """,
    "requirements.txt": "flask==3.0.3\nredis==5.0.8\nprometheus-flask-exporter==0.23.1\ngunicorn==23.0.0\n",
    "Procfile": "web: gunicorn app:app --bind 0.0.0.0:$PORT\n",
    ".env.example": "SECRET_KEY=\nREDIS_URL=\n",
    ".gitignore": ".env\n",
}
_APPS = {"violating": _VIOLATING, "clean": _CLEAN}

_MAGIC = """
    # Shop

    It is stateless, and scales out with health checks (GET /healthz, readiness, liveness), graceful shutdown, SIGTERM,
    structured JSON logs on stdout, OpenTelemetry, Prometheus metrics, OpenAPI, Redis sessions, Celery workers, backups,
    DATABASE_URL, PORT, SECRET_KEY, docker, kubernetes, CI, migrations, dev/prod parity, and twelve-factor.

    ```python
    app.config["SECRET_KEY"] = "b7Kp-92xQz-sEcr3t-4821"
    db = connect("postgres://admin:hunter2secret@db.acme.io/shop")
    app.run(host="localhost", port=5000, debug=True)
    ```
    """
_WORDS = {"password": "Passwort", "secret_key": "Geheimer Schlüssel", "api_key": "Schlüssel-b7Kp92xQzsEcr3t4821"}
_ADDITIONS: dict[str, Mapping[str, str]] = {
    "README": {"README.md": _MAGIC, "docs/operations.md": _MAGIC},
    "translations": {
        "locales/de.json": json.dumps(_WORDS),
        "translations/de/LC_MESSAGES/messages.po": 'msgid "Password"\nmsgstr "Passwort"\n',
    },
    "vendored copy": {
        "vendor/shop/app.py": _VIOLATING["app.py"],
        "third_party/other/server.js": 'const secret = "b7Kp-92xQz-sEcr3t-4821"\napp.get("/x", (q, s) => s.json({}))\n',
        "node_modules/express/index.js": "module.exports = require('./lib/express')\n",
    },
    "minified file": {
        "static/shop.min.js": "!function(e){var password='b7Kp-92xQz-sEcr3t-4821';e.get('/api/x',f)}(window);" * 40
    },
    "test fixture": {
        "tests/fixtures/app.py": _VIOLATING["app.py"],
        "tests/fixtures/docker-compose.yml": "services: {db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}}\n",
        "tests/test_app.py": 'SECRET_KEY = "b7Kp-92xQz-sEcr3t-4821"\n\n\ndef test_index():\n    assert SECRET_KEY\n',
    },
}


def _report(directory: Path, files: Mapping[str, str]) -> Report:
    write(files, directory)
    report = check(directory, Options(cache=False, strict=True))
    assert not [one for one in report.unread if one.why.startswith(FAULT)]
    return report


def _verdicts(report: Report) -> dict[str, str]:
    return {one.factor.label: one.verdict for one in report.factors}


def _findings(report: Report) -> list[tuple[str, str, int, str, str]]:
    """All that is found; what a README should say (X-04) stands at the README if there is one."""
    places = [(one, one.place.path if one.rule != "X-04" else "") for one in report.findings]
    return sorted((one.rule, path, one.place.line or 0, one.severity or "", one.message) for one, path in places)


def _rules_at(report: Report, path: str) -> set[tuple[str, int | None]]:
    return {(one.rule, one.place.line) for one in report.findings if one.place.path == path}


def test_the_two_apps_are_what_they_are_called(tmp_path: Path) -> None:
    violating = _report(tmp_path / "violating", _VIOLATING)
    clean = _report(tmp_path / "clean", _CLEAN)
    rules = {one.rule for one in violating.findings}
    assert {"III-01", "VI-01", "XI-01", "TEL-02", "II-03"} <= rules
    assert {one.rule.partition("-")[0] for one in clean.findings if one.severity == "error"} <= {"I"}


@pytest.mark.parametrize("addition", _ADDITIONS)
@pytest.mark.parametrize("app", _APPS)
def test_what_is_not_the_apps_own_code_changes_nothing(tmp_path: Path, app: str, addition: str) -> None:
    plain = _report(tmp_path / "one" / "shop", _APPS[app])
    added = _report(tmp_path / "two" / "shop", {**_APPS[app], **_ADDITIONS[addition]})
    assert _findings(added) == _findings(plain)
    assert _verdicts(added) == _verdicts(plain)


@pytest.mark.parametrize(
    ("literal", "read", "rule"),
    [
        ('"b7Kp-92xQz-sEcr3t-4821"', 'os.environ["SECRET_KEY"]', "III-01"),
        ('"https://4f1c9be2@o12.ingest.errors.acme.io/7"', 'os.environ["SENTRY_DSN"]', "TEL-02"),
        ('"redis.internal.acme.io"', 'os.environ["REDIS_HOST"]', "IV-02"),
        ("debug=True", 'debug=os.environ.get("DEBUG") == "1"', "III-08"),
        ("port=5000", 'port=int(os.environ["PORT"])', "VII-01"),
    ],
)
def test_a_literal_that_moves_to_the_environment_takes_its_finding_with_it(
    tmp_path: Path, literal: str, read: str, rule: str
) -> None:
    code = _VIOLATING["app.py"].replace("import logging\n", "import logging, os\n", 1)
    line = next(number for number, one in enumerate(code.strip().splitlines(), start=1) if literal in one)
    before = _report(tmp_path / "one" / "shop", {**_VIOLATING, "app.py": code})
    moved = {**_VIOLATING, "app.py": code.replace(literal, read)}
    after = _report(tmp_path / "two" / "shop", moved)
    assert (rule, line) in _rules_at(before, "app.py")
    assert (rule, line) not in _rules_at(after, "app.py")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("carts", "baskets"),
        ("store", "kv"),
        ("def add(", "def put_into("),
        ("def show(", "def look("),
        ("id", "number"),
    ],
)
def test_other_names_change_no_finding(tmp_path: Path, name: str, other: str) -> None:
    code = _VIOLATING["app.py"]
    changed = code.replace("<id>", f"<{other}>").replace("(id)", f"({other})").replace("[id]", f"[{other}]")
    changed = changed if name == "id" else code.replace(name, other)
    assert changed != code
    plain = _report(tmp_path / "one" / "shop", _VIOLATING)
    renamed = _report(tmp_path / "two" / "shop", {**_VIOLATING, "app.py": changed})
    assert _rules_at(renamed, "app.py") == _rules_at(plain, "app.py")
    assert _verdicts(renamed) == _verdicts(plain)
