"""Scripts beside an app are for development, unless something of the app needs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import write

from tolv.check.engine import open_repository

APP = {"package.json": '{"scripts": {"start": "node server.js"}}', "server.js": "require('http')\n"}


@pytest.mark.parametrize(
    "path",
    [
        "extra/fake-broker.js",
        "extra/release/next.mjs",
        "tools/import.js",
        "bin/release_manager.py",
        "scripts/make-release.js",
    ],
)
def test_a_script_that_nothing_starts_or_asks_for_is_for_development(path: str, tmp_path: Path) -> None:
    write({**APP, path: "x = 1\n"}, tmp_path)

    assert open_repository(tmp_path, cache=False)[0].context(path) == "dev"


@pytest.mark.parametrize(
    ("path", "others"),
    [
        ("extra/mail.js", {"server.js": "const m = require('./extra/mail')\n"}),
        ("tools/worker.py", {"Procfile": "worker: python tools/worker.py\n"}),
        ("scripts/release.py", {"Procfile": "release: python scripts/release.py\n"}),
        ("tools/__init__.py", {}),
        ("bin/www.js", {}),
        ("lib/tools/convert.js", {}),
        ("lib/release-notes.js", {}),
    ],
)
def test_what_the_app_asks_for_is_the_app(path: str, others: dict[str, str], tmp_path: Path) -> None:
    write({**APP, path: "x = 1\n", **others}, tmp_path)

    assert open_repository(tmp_path, cache=False)[0].context(path) in ("prod", "admin")


PROGRAM = 'import flask\napp = flask.Flask(__name__)\n\nif __name__ == "__main__":\n    app.run()\n'
SHOP = {"requirements.txt": "flask==3.1.0\n", "wsgi.py": "app = 1\n", "Procfile": "web: gunicorn wsgi:app\n"}


@pytest.mark.parametrize("others", [{}, {"coverage.ini": "[run]\nomit =\n    oauth_demo.py\n"}])
def test_a_program_that_nothing_names_is_for_development(others: dict[str, str], tmp_path: Path) -> None:
    write({**SHOP, "oauth_demo.py": PROGRAM, **others}, tmp_path)

    assert open_repository(tmp_path, cache=False)[0].context("oauth_demo.py") == "dev"


@pytest.mark.parametrize(
    "others",
    [
        {"crontab.yml": "jobs:\n  - command: python /code/oauth_demo.py\n"},
        {"README.md": "Start the worker with `python oauth_demo.py`.\n"},
        {"wsgi.py": "from oauth_demo import app\n"},
        {"Procfile": "web: python oauth_demo.py\n"},
        {"supervise.py": "import subprocess\nsubprocess.run(['python', 'oauth_demo.py'])\n"},
    ],
)
def test_a_program_that_something_names_is_the_app(others: dict[str, str], tmp_path: Path) -> None:
    write({**SHOP, "oauth_demo.py": PROGRAM, **others}, tmp_path)

    assert open_repository(tmp_path, cache=False)[0].context("oauth_demo.py") == "prod"
