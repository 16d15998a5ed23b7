"""XI-03, XI-04: servers that log to files, and output that stays in a buffer."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_APP = {"app.py": "import flask\n\ndef view():\n    print('seen')\n", "requirements.txt": "flask==3\n"}
_QUIET = {"app.py": "import flask\n", "requirements.txt": "flask==3\n"}


def _image(*lines: str) -> dict[str, str]:
    return {"Dockerfile": "\n".join(("FROM python:3.12", *lines, 'CMD ["gunicorn", "app:app"]', ""))}


CASES: list[Case] = [
    bad(
        "XI-03",
        "manifests",
        {**_QUIET, "Procfile": "web: gunicorn --access-logfile /var/log/a.log app:app\n"},
        "Procfile:1",
    ),
    bad(
        "XI-03",
        "manifests",
        {**_QUIET, "Procfile": "web: gunicorn app:app >> app.log 2>&1\n"},
        "Procfile:1",
        why="redirected",
    ),
    bad(
        "XI-03",
        "manifests",
        {
            "deploy/nginx/site.conf": (
                "server {\n  listen 80;\n  access_log /var/log/shop.log;\n  error_log /var/log/e.log;\n}\n"
            )
        },
        "deploy/nginx/site.conf:3",
        why="nginx",
    ),
    bad(
        "XI-03",
        "manifests",
        {"supervisord.conf": "[supervisord]\nnodaemon=true\n\n[program:web]\ncommand=gunicorn app:app\n"},
        "supervisord.conf:4",
        why="supervisord keeps it",
    ),
    bad(
        "XI-03",
        "manifests",
        {"deploy/crontab": "0 8 * * * cd /app && ./cli cronjob >/dev/null 2>&1\n"},
        "deploy/crontab:1",
        why="thrown away",
        severity="note",
    ),
    ok("XI-03", "manifests", {**_QUIET, "Procfile": "web: gunicorn --access-logfile - app:app\n"}, "stdout"),
    ok(
        "XI-03",
        "manifests",
        {"nginx.conf": "server {\n  access_log /dev/stdout;\n  error_log stderr;\n}\n"},
        "nginx to the streams",
    ),
    ok(
        "XI-03",
        "manifests",
        {
            "nginx.conf": "http {\n  access_log /var/log/nginx/access.log;\n  server {}\n}\n",
            "Dockerfile": "FROM nginx:1.27\nCOPY nginx.conf /etc/nginx/nginx.conf\n",
        },
        "the official image links it to stdout",
    ),
    ok(
        "XI-03",
        "manifests",
        {
            "supervisord.conf": (
                "[supervisord]\n\n[program:web]\ncommand=x\nstdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\n"
            )
        },
        "supervisord to stdout",
    ),
    ok("XI-03", "manifests", {"docs/nginx/a.conf": "server {\n  access_log /var/log/a.log;\n}\n"}, "the manual"),
    bad(
        "XI-03",
        "python",
        {"gunicorn.conf.py": 'bind = "[::]"\naccesslog = "/var/log/access.log"\n'},
        "gunicorn.conf.py:2",
    ),
    bad(
        "XI-03",
        "python",
        {"conf/gunicorn_prod.py": 'errorlog = "logs/error.log"\n'},
        "conf/gunicorn_prod.py:1",
        why="errors",
    ),
    ok("XI-03", "python", {"gunicorn.conf.py": 'accesslog = "-"\nerrorlog = "-"\n'}, "stdout"),
    ok("XI-03", "python", {"app/files.py": 'logfile = "/var/log/x.log"\n'}, "no server's settings"),
    ok("XI-03", "python", {"gunicorn.conf.py": "import os\naccesslog = os.environ['LOG']\n"}, "a variable"),
    bad("XI-04", "python", {**_APP, **_image()}, "Dockerfile:2", severity="warning"),
    bad(
        "XI-04",
        "python",
        {
            **_APP,
            "app.py": "def work():\n    print('done')\n",
            "Dockerfile": 'FROM python:3.12\nCMD ["python", "app.py"]\n',
        },
        "Dockerfile:2",
        why="a script",
    ),
    ok("XI-04", "python", {**_APP, **_image("ENV PYTHONUNBUFFERED=1")}, "unbuffered"),
    ok(
        "XI-04", "python", {**_APP, "Dockerfile": 'FROM python:3.12\nCMD ["python", "-u", "app.py"]\n'}, "by its option"
    ),
    ok("XI-04", "python", {**_QUIET, **_image()}, "nothing prints"),
    ok("XI-04", "python", {**_QUIET, **_image(), "scripts/x.py": "def f():\n    print(1)\n"}, "a script prints"),
    ok("XI-04", "python", {**_APP, "app.py": "def f():\n    print('x', flush=True)\n", **_image()}, "flushed"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_reach_the_stream(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
