"""What Tolv makes of a tree without a Procfile: its languages and the commands that its framework is started by."""

from __future__ import annotations

import pytest

from tolv.dependencies import default_processes, detect

MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')\n"


@pytest.mark.parametrize(
    ("files", "languages"),
    [
        ({"requirements.txt": ""}, ["python"]),
        ({"pyproject.toml": ""}, ["python"]),
        ({"main.py": ""}, ["python"]),
        ({"package.json": "{}"}, ["node"]),
        ({"package.json": '{"dependencies": {"a": "1"}}', "manage.py": ""}, ["python", "node"]),
        ({"package.json": '{"devDependencies": {"prettier": "3"}}', "manage.py": ""}, ["python"]),
        ({"main.go": ""}, []),
    ],
)
def test_languages_are_told_by_what_they_leave_behind(tmp_path, files, languages):
    assert [one.name for one in detect(_tree(tmp_path, files))] == languages


@pytest.mark.parametrize(
    ("files", "web"),
    [
        (
            {"manage.py": MANAGE, "requirements.txt": "django==5\ngunicorn==22\n"},
            "gunicorn mysite.wsgi --bind 0.0.0.0:$PORT",
        ),
        (
            {"manage.py": MANAGE, "requirements.txt": "django==5\n"},
            "python manage.py runserver --noreload 0.0.0.0:$PORT",
        ),
        (
            {"app.py": "from flask import Flask\n\napp = Flask(__name__)\n", "requirements.txt": "flask==3\n"},
            "flask --app app:app run --host 0.0.0.0 --port $PORT",
        ),
        (
            {"shop/__init__.py": "app = Flask(__name__)\n", "requirements.txt": "Flask==3\ngunicorn==22\n"},
            "gunicorn shop:app --bind 0.0.0.0:$PORT",
        ),
        (
            {
                "src/shop/__init__.py": "",
                "src/shop/main.py": "api: FastAPI = FastAPI()\n",
                "requirements.txt": "fastapi\n",
            },
            "uvicorn shop.main:api --host 0.0.0.0 --port $PORT",
        ),
        ({"package.json": '{"scripts": {"start": "node x.js"}}'}, "npm start"),
        ({"package.json": "{}", "server.js": ""}, "node server.js"),
        ({"package.json": "{}", "index.js": ""}, "node index.js"),
        ({"requirements.txt": "flask\n"}, None),
        ({"main.py": "print('hello')"}, None),
    ],
)
def test_a_framework_is_started_as_its_documentation_says(tmp_path, files, web):
    assert default_processes(_tree(tmp_path, files)).get("web") == web


def _tree(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
