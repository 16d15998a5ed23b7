"""Factor V: build, release, run."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_SERVER = "const express = require('express');\nexpress().listen(process.env.PORT);\n"


def _node(start: str, **scripts: str) -> dict[str, str]:
    import json

    manifest = {"dependencies": {"express": "4"}, "scripts": {"start": start, **scripts}}
    return {"package.json": json.dumps(manifest, indent=1) + "\n", "server.js": _SERVER}


def _python(procfile: str) -> dict[str, str]:
    return {
        "requirements.txt": "flask==3.0\n",
        "app.py": "import flask\napp = flask.Flask(__name__)\n",
        "Procfile": procfile,
    }


def _image(*lines: str, **files: str) -> dict[str, str]:
    dockerfile = "\n".join(("FROM python:3.12", *lines, 'CMD ["gunicorn", "app:app"]', ""))
    return {"app.py": "import flask\n", "requirements.txt": "flask==3\n", "Dockerfile": dockerfile, **files}


def _workflow(*run: str, name: str = "deploy", uses: str = "") -> dict[str, str]:
    lines = [f"name: {name}", "on: push", "jobs:", "  ship:", "    runs-on: ubuntu-latest", "    steps:"]
    lines += [f"      - uses: {uses}"] if uses else []
    lines += ["      - run: |", *(f"          {one}" for one in run)] if run else []
    return {".github/workflows/ship.yml": "\n".join((*lines, "")), "app.py": "import flask\n"}


CASES: list[Case] = [
    # V-01
    bad(
        "V-01", "manifests", _python("web: flask translate compile; gunicorn app:app\n"), "Procfile:1", severity="error"
    ),
    bad(
        "V-01",
        "manifests",
        {
            "app.py": "",
            "start.sh": "#!/bin/sh\npython manage.py collectstatic --noinput\nexec gunicorn app:app\n",
            "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["./start.sh"]\n',
        },
        "start.sh:2",
        why="in a script",
    ),
    bad("V-01", "manifests", _node("npm run build && node server.js"), "package.json:6", why="npm start"),
    bad(
        "V-01",
        "manifests",
        _image("RUN python manage.py migrate"),
        "Dockerfile:2",
        why="a build that needs the database",
    ),
    bad("V-01", "manifests", _node("ts-node server.ts"), "package.json:6", why="TypeScript at start", severity="note"),
    ok("V-01", "manifests", _image("RUN pip install -r requirements.txt"), "in the build"),
    ok("V-01", "manifests", _python("release: flask db upgrade\nweb: gunicorn app:app\n"), "a release phase"),
    ok(
        "V-01",
        "manifests",
        _node("node server.js", build="webpack", postinstall="npm run build"),
        "scripts of the build",
    ),
    ok(
        "V-01",
        "manifests",
        {"Procfile.dev": "web: npm run build && node server.js\n", **_node("node server.js")},
        "development",
    ),
    # V-02
    bad("V-02", "manifests", {"requirements.txt": "flask==3\n", "shop/views.py": "import flask\n"}, "requirements.txt"),
    bad(
        "V-02",
        "manifests",
        {"package.json": '{"dependencies": {"koa": "2"}}', "README.md": "Unpack it.\n", "bin/run.sh": "node x\n"},
        "package.json",
        why="unpacked by hand",
    ),
    ok("V-02", "manifests", _python("web: gunicorn app:app\n"), "a Procfile"),
    ok("V-02", "manifests", _image("COPY . ."), "an image"),
    ok("V-02", "manifests", {"setup.py": "", "lib/a.py": "import flask\n", "requirements.txt": "flask"}, "a library"),
    ok("V-02", "manifests", {"requirements.txt": "flask", **_workflow("make build")}, "CI builds"),
    # V-03
    bad(
        "V-03",
        "manifests",
        {"docker-compose.yml": "services:\n  web:\n    image: acme/shop:latest\n", "app.py": ""},
        "docker-compose.yml:3",
        severity="warning",
    ),
    bad(
        "V-03",
        "manifests",
        {
            "k8s/web.yaml": (
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n"
                "      containers:\n        - name: web\n          image: acme/shop\n"
            )
        },
        "k8s/web.yaml:10",
        why="Kubernetes",
    ),
    bad(
        "V-03",
        "manifests",
        _workflow("docker build -t acme/shop:latest .", "docker push acme/shop:latest"),
        ".github/workflows/ship.yml:8",
        why="a pipeline",
    ),
    ok(
        "V-03",
        "manifests",
        {"docker-compose.yml": "services:\n  db:\n    image: postgres:latest\n"},
        "a backing service",
    ),
    ok("V-03", "manifests", {"docker-compose.yml": "services:\n  web:\n    image: acme/shop:${TAG}\n"}, "a variable"),
    ok("V-03", "manifests", {"docker-compose.yml": "services:\n  web:\n    image: acme/shop:1.4\n"}, "a version"),
    ok(
        "V-03",
        "manifests",
        _workflow(
            "docker build -t acme/shop:latest -t acme/shop:$GITHUB_SHA .",
            "docker push --all-tags acme/shop:$GITHUB_SHA",
        ),
        "the commit too",
    ),
    # V-04
    bad("V-04", "manifests", _image("COPY app.py ."), "Dockerfile", severity="note"),
    bad(
        "V-04",
        "manifests",
        {**_image("COPY app.py ."), **_workflow("docker build -t shop .")},
        "Dockerfile",
        why="CI without tag",
    ),
    ok("V-04", "manifests", _image("ARG VERSION", "LABEL org.opencontainers.image.version=$VERSION"), "a label"),
    ok("V-04", "manifests", {**_image("COPY app.py ."), "Procfile": "web: gunicorn app:app\n"}, "a platform"),
    ok(
        "V-04",
        "manifests",
        {**_image("COPY app.py ."), **_workflow("docker build -t shop:$GITHUB_SHA .", "docker push shop:$GITHUB_SHA")},
        "the pipeline's tag",
    ),
    # V-05
    bad("V-05", "manifests", _image("ARG ENVIRONMENT", "COPY config/$ENVIRONMENT.yml config.yml"), "Dockerfile:3"),
    bad(
        "V-05",
        "manifests",
        _workflow(
            "docker build --build-arg APP_ENV=staging -t a:s .",
            "docker build --build-arg APP_ENV=production -t a:p .",
        ),
        ".github/workflows/ship.yml:8",
        why="two builds",
    ),
    ok("V-05", "manifests", _image("ARG NODE_ENV=production", "ENV NODE_ENV=$NODE_ENV"), "the framework's mode"),
    ok("V-05", "manifests", _workflow("docker build --build-arg APP_ENV=production -t a ."), "one build"),
    ok(
        "V-05",
        "manifests",
        _workflow("docker build --platform linux/amd64 -t a .", "docker build --platform linux/arm64 ."),
        "platforms",
    ),
    # V-06
    bad(
        "V-06",
        "python",
        {"app/update.py": 'import subprocess\n\ndef update():\n    subprocess.run(["git", "pull"])\n'},
        "app/update.py:4",
    ),
    bad(
        "V-06",
        "python",
        {"app/update.py": 'import os\n\nos.system("cd /srv && git pull origin main")\n'},
        "app/update.py:3",
        why="a text",
    ),
    ok("V-06", "python", {"app/a.py": 'import subprocess\nsubprocess.run(["git", "log", "-1"])\n'}, "git reads"),
    ok("V-06", "python", {"scripts/release.py": 'import os\nos.system("git pull")\n'}, "a script of the repository"),
    ok("V-06", "python", {"app/a.py": 'open("/tmp/out/x.py", "w").write(code)\n'}, "a temporary file"),
    bad(
        "V-06",
        "javascript",
        {"server.js": "const fs = require('fs');\nfs.writeFileSync('./static/' + dest, code);\n"},
        "server.js:2",
    ),
    bad(
        "V-06",
        "javascript",
        {
            "lib/up.js": (
                "const cp = require('child_process');\ncp.exec('curl ' + url + ' | tar zxf - --strip-components 1');\n"
            )
        },
        "lib/up.js:2",
        why="a download over itself",
    ),
    ok(
        "V-06",
        "javascript",
        {"server.js": "const fs = require('fs');\nfs.writeFileSync('/tmp/x.js', code);\n"},
        "temporary",
    ),
    ok(
        "V-06",
        "javascript",
        {"build.js": "const fs = require('fs');\nfs.writeFileSync('./static/a.js', code);\n"},
        "the build",
    ),
    ok("V-06", "javascript", {"a.js": "const fs = require('fs');\nfs.readFileSync('./static/a.js');\n"}, "a read"),
    bad(
        "V-06",
        "php",
        {"app/Installer.php": "<?php\nfunction f($zip) {\n  $zip->extractTo(PLUGINS_DIR);\n}\n"},
        "app/Installer.php:3",
    ),
    bad("V-06", "php", {"app/Update.php": "<?php\nshell_exec('git pull');\n"}, "app/Update.php:2", why="git"),
    ok("V-06", "php", {"app/A.php": "<?php\n$zip->extractTo($tmpDir);\n"}, "temporary"),
    ok("V-06", "php", {"app/A.php": "<?php\nshell_exec('git log -1');\n"}, "git reads"),
    ok("V-06", "php", {"tests/A.php": "<?php\nshell_exec('git pull');\n"}, "a test"),
    bad("V-06", "manifests", _python("web: git pull && gunicorn app:app\n"), "Procfile:1"),
    bad(
        "V-06",
        "manifests",
        {
            "app.py": "",
            "start.sh": "#!/bin/sh\ngit pull\nexec gunicorn app:app\n",
            "Dockerfile": 'FROM python:3\nCOPY . .\nCMD ["./start.sh"]\n',
        },
        "start.sh:2",
        why="in a script",
    ),
    ok("V-06", "manifests", _python("web: gunicorn app:app\n"), "plain"),
    ok("V-06", "manifests", _image("RUN git clone https://example.org/lib.git"), "in the build"),
    ok("V-06", "manifests", {"docs/x.md": "git pull\n", "app.py": ""}, "the manual"),
    # V-07
    bad(
        "V-07",
        "manifests",
        _workflow('ssh deploy@shop.example.org "cd /srv/shop && git pull && systemctl restart shop"'),
        ".github/workflows/ship.yml:8",
    ),
    bad("V-07", "manifests", _workflow(uses="appleboy/ssh-action@v1"), ".github/workflows/ship.yml:7", why="an action"),
    bad(
        "V-07",
        "manifests",
        {"deploy.sh": "#!/bin/sh\nrsync -az ./ web@shop.example.org:/srv/shop\n"},
        "deploy.sh:2",
        why="a script",
    ),
    ok("V-07", "manifests", _workflow("docker push registry/shop:$GITHUB_SHA"), "a registry"),
    ok("V-07", "manifests", {"backup.sh": "#!/bin/sh\nrsync -a /data/ /backup/\n"}, "a copy on one host"),
    ok("V-07", "manifests", {"db.sh": "#!/bin/sh\nssh -L 5432:db:5432 bastion\n"}, "a tunnel"),
    ok("V-07", "manifests", _workflow("rsync -r . $HOST:/tmp/tests", name="tests"), "a machine that tests run on"),
    # V-08
    bad("V-08", "manifests", _python("web: flask run --host 0.0.0.0\n"), "Procfile:1", severity="error"),
    bad("V-08", "manifests", _node("nodemon server.js"), "package.json:6", why="a reloader"),
    bad("V-08", "manifests", _python("web: uvicorn app:app --reload --host 0.0.0.0\n"), "Procfile:1", why="--reload"),
    ok("V-08", "manifests", _python("web: gunicorn app:app\n"), "gunicorn"),
    ok("V-08", "manifests", {**_python("web: gunicorn app:app\n"), "Procfile.dev": "web: flask run\n"}, "development"),
    ok("V-08", "manifests", _node("node server.js", dev="nodemon server.js"), "another script"),
    ok(
        "V-08",
        "manifests",
        {
            "app.py": "import flask\n",
            "requirements.txt": "flask\n",
            "compose.yml": "services:\n  web:\n    build: .\n    command: flask run\n    volumes:\n      - .:/app\n",
        },
        "a compose file that mounts the code",
    ),
    bad(
        "V-08",
        "python",
        {
            **_python("web: python app.py\n"),
            "app.py": "import flask\n\napp = flask.Flask(__name__)\napp.run(debug=True)\n",
        },
        "Procfile:1",
    ),
    bad(
        "V-08",
        "python",
        {
            "requirements.txt": "flask\n",
            "main.py": "import flask\n\nflask.Flask(__name__).run(host='0.0.0.0')\n",
            "Dockerfile": 'FROM python:3.12\nCMD ["python", "main.py"]\n',
        },
        "Dockerfile:2",
        why="without debug",
    ),
    ok(
        "V-08",
        "python",
        {
            **_python("web: gunicorn app:app\n"),
            "app.py": 'import flask\napp = flask.Flask(0)\nif __name__ == "__main__":\n    app.run(debug=True)\n',
        },
        "gunicorn serves",
    ),
    ok(
        "V-08",
        "python",
        {**_python("web: python app.py\n"), "app.py": "import waitress\nwaitress.serve(app, port=p)\n"},
        "a production server in code",
    ),
    ok("V-08", "python", {**_python("worker: python worker.py\n"), "worker.py": "work()\n"}, "a worker"),
    # V-09
    bad("V-09", "manifests", _image("COPY . ."), "Dockerfile:2", severity="warning"),
    bad("V-09", "manifests", _image("COPY . /app", **{".dockerignore": "node_modules\n"}), ".dockerignore", why=".git"),
    bad(
        "V-09",
        "manifests",
        {
            "app.py": "",
            "docker-compose.prod.yml": "services:\n  web:\n    image: acme/web:1\n    volumes:\n      - ./:/app\n",
        },
        "docker-compose.prod.yml:5",
        why="code mounted in production",
    ),
    ok("V-09", "manifests", _image("COPY . .", **{".dockerignore": ".git\n.env\n"}), "both are ignored"),
    ok("V-09", "manifests", _image("COPY app.py ."), "named paths"),
    ok("V-09", "manifests", _image("COPY . .", **{".dockerignore": "*\n!app.py\n"}), "all but what is named"),
    ok(
        "V-09",
        "manifests",
        {
            "app.py": "",
            "docker-compose.override.yml": "services:\n  web:\n    build: .\n    volumes:\n      - .:/app\n",
        },
        "development",
    ),
    # V-10
    bad(
        "V-10",
        "manifests",
        _image("RUN pip install shop", **{"pyproject.toml": '[project]\nname = "shop"\n'}),
        "Dockerfile:2",
    ),
    bad(
        "V-10",
        "manifests",
        {
            "package.json": '{"name": "shop"}',
            "Dockerfile": 'FROM node:22\nRUN git clone https://git.example.org/acme/shop.git\nCMD ["node", "shop"]\n',
        },
        "Dockerfile:2",
        why="a clone",
    ),
    ok(
        "V-10",
        "manifests",
        _image("COPY . .", "RUN pip install .", **{"pyproject.toml": '[project]\nname = "shop"\n'}),
        "this one",
    ),
    ok(
        "V-10",
        "manifests",
        _image("RUN pip install gunicorn", **{"pyproject.toml": '[project]\nname = "shop"\n'}),
        "another package",
    ),
    ok("V-10", "manifests", {"README.md": "pip install shop\n", **_image("COPY app.py .")}, "the manual"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_releases_are_built_once_and_run_unchanged(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
