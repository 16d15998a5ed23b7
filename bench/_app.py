"""The app that is measured: a small Django project with a web process and a worker, and a lock of real size.

Its lock is made when the bench runs, so that it names versions that the index has.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: What the project runs on.
LEAN = ("django", "gunicorn", "whitenoise")
#: The same, with what such projects usually have beside it: about 100 MB installed.
USUAL = (*LEAN, "djangorestframework", "psycopg[binary]", "celery", "redis", "pillow", "requests", "sentry-sdk")

_FILES = {
    "Procfile": "web: gunicorn shop.wsgi --bind 127.0.0.1:$PORT --log-level warning\nworker: python manage.py work\n",
    "manage.py": """\
import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
execute_from_command_line(sys.argv)
""",
    "shop/__init__.py": "",
    "shop/settings.py": """\
import os

SECRET_KEY = os.environ.get("SECRET_KEY", "for the bench alone")
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
STATIC_URL = "/static/"
STATIC_ROOT = "staticfiles"
""",
    "shop/urls.py": """\
from django.contrib import admin
from django.urls import path

from shop import views

urlpatterns = [path("", views.home), path("admin/", admin.site.urls)]
""",
    "shop/wsgi.py": """\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
""",
    "shop/management/__init__.py": "",
    "shop/management/commands/__init__.py": "",
    "shop/management/commands/work.py": """\
import signal

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    def handle(self, *args, **options):
        signal.signal(signal.SIGTERM, lambda *_: exit(0))
        while True:
            signal.pause()
""",
    ".gitignore": "staticfiles\n__pycache__\n",
}


@dataclass(frozen=True)
class App:
    """A checkout of the app, in git."""

    path: Path

    def change(self, text: str) -> None:
        """Save another answer of the home page: a change to code alone."""
        (self.path / "shop" / "views.py").write_text(
            "from django.http import HttpResponse\n\n\n"
            f"def home(request):\n    return HttpResponse({f'this is {text}.'!r})\n"
        )

    def commit(self, text: str) -> None:
        """Save and commit that change."""
        self.change(text)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", text)

    def _git(self, *arguments: str) -> None:
        who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(self.path), *who, *arguments], check=True)


def make_app(directory: Path, uv: str, packages: Sequence[str] = LEAN) -> App:
    """A checkout below `directory` with one commit, its lock made now by `uv`."""
    app = App(directory / "shop")
    for name, content in _FILES.items():
        path = app.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    compiling = [uv, "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "-", "-o", "requirements.txt"]
    subprocess.run(compiling, cwd=app.path, input="\n".join(packages), text=True, check=True, stdout=subprocess.DEVNULL)
    quiet = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(app.path)], check=True, env=quiet)
    app.commit("change 0")
    return app


def make_venv(directory: Path, app: App, uv: str) -> Path:
    """An environment with the app's packages, compiled, for whoever runs it without Tolv.

    Its static files are collected, as they are in Tolv's build: the app reads them all when it starts.
    """
    venv = directory / "venv"
    subprocess.run([uv, "venv", "--quiet", str(venv)], check=True)
    installing = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "-r", "requirements.txt"]
    subprocess.run(installing, cwd=app.path, env={**os.environ, "VIRTUAL_ENV": str(venv)}, check=True)
    collecting = [str(venv / "bin" / "python"), "manage.py", "collectstatic", "--noinput"]
    subprocess.run(collecting, cwd=app.path, check=True, stdout=subprocess.DEVNULL)
    return venv
