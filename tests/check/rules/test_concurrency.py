"""VIII-01 to VIII-05: process types, and how they run."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_APP = "from flask import Flask\napp = Flask(__name__)\n\n@app.get('/')\ndef index():\n    return ''\n"
_NEEDS = "flask\ngunicorn\n"
_FROM = "FROM python:3.12-slim\nCOPY . /app\n"
_TASKS = "from celery import shared_task\n\n@shared_task\ndef add(a, b):\n    return a + b\n"
_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {replicas}
  strategy:
    type: {strategy}
  template:
    spec:
      containers:
        - name: web
          image: {image}
      volumes:
        - name: data
          persistentVolumeClaim:
            claimName: data
"""

CASES = [
    bad("VIII-01", "manifests", {"requirements.txt": _NEEDS, "app.py": _APP}, "requirements.txt", severity="warning"),
    bad(
        "VIII-01",
        "manifests",
        {
            "package.json": '{\n  "dependencies": {"express": "4"},\n  "scripts": {"start": "node app.js"}\n}\n',
            "app.js": "const app = require('express')();\napp.get('/', (req, res) => res.send('x'));\n",
        },
        "package.json:3",
        why="a start script",
        severity="note",
    ),
    ok("VIII-01", "manifests", {"app.py": _APP, "Procfile": "web: gunicorn app:app\n"}, "a Procfile"),
    ok("VIII-01", "manifests", {"app.py": _APP, "Dockerfile": _FROM + 'CMD ["gunicorn", "app:app"]\n'}, "an image"),
    ok("VIII-01", "manifests", {"setup.py": "", "tool.py": "print('x')\n"}, "a library"),
    bad(
        "VIII-02",
        "manifests",
        {"app.py": _APP, "Procfile": "web: gunicorn --daemon app:app\n"},
        "Procfile:1",
        severity="error",
    ),
    bad(
        "VIII-02",
        "manifests",
        {"app.js": "", "package.json": "{}", "Procfile": "web: pm2 start app.js\n"},
        "Procfile:1",
        why="pm2",
    ),
    bad(
        "VIII-02",
        "manifests",
        {
            "app.py": _APP,
            "Dockerfile": _FROM + 'ENTRYPOINT ["./start.sh"]\n',
            "start.sh": "#!/bin/sh\nnohup gunicorn app:app &\ntail -f /dev/null\n",
        },
        "start.sh:2",
        why="nohup",
    ),
    ok("VIII-02", "manifests", {"app.js": "", "Procfile": "web: pm2-runtime app.js\n"}, "pm2 in the foreground"),
    ok("VIII-02", "manifests", {"app.py": _APP, "Procfile": "web: gunicorn app:app\n"}, "the foreground"),
    ok(
        "VIII-02",
        "manifests",
        {"app.py": _APP, "Procfile": "web: gunicorn app:app\n", "Makefile": "dev:\n\tnohup redis-server &\n"},
        "a tool of developers",
    ),
    bad(
        "VIII-02",
        "manifests",
        {"bin/control.sh": '#!/bin/sh\nPIDFILE=logs/app.pid\n./app\nstop() { kill $(cat "$PIDFILE"); }\n'},
        "bin/control.sh:2",
        why="a control script",
    ),
    bad(
        "VIII-02",
        "manifests",
        {"conf/app.json": '{\n  "pid_file": "logs/app.pid"\n}\n'},
        "conf/app.json:2",
        why="a pid file",
    ),
    bad(
        "VIII-02",
        "manifests",
        {
            "sample_conf/app.json": '{\n  "pid_file": "logs/app.pid"\n}\n',
            "package.json": '{"name": "x", "scripts": {"postinstall": "cp -r sample_conf conf"}}',
        },
        "sample_conf/app.json:2",
        why="a sample that set-up copies",
        severity="warning",
    ),
    ok(
        "VIII-02",
        "manifests",
        {"sample_conf/app.json": '{\n  "pid_file": "a.pid"\n}\n'},
        "a sample that nothing copies",
    ),
    ok(
        "VIII-02",
        "manifests",
        {
            "app.example.json": '{\n  "pid_file": "a.pid"\n}\n',
            "app.json": "{}",
            "package.json": '{"name": "x", "scripts": {"postinstall": "cp app.example.json app.json"}}',
        },
        "the file that it stands for is there",
    ),
    ok("VIII-02", "manifests", {"conf/app.json": '{\n  "stupid_file": "a.pid"\n}\n'}, "another name"),
    bad(
        "VIII-02",
        "python",
        {"serve.py": "import os\n\nif os.fork():\n    os._exit(0)\nos.setsid()\nserve()\n"},
        "serve.py:3",
    ),
    bad(
        "VIII-02",
        "python",
        {"serve.py": "import daemon\n\nwith daemon.DaemonContext():\n    serve()\n"},
        "serve.py:3",
        why="a library",
    ),
    ok(
        "VIII-02",
        "python",
        {"pool.py": "import os\n\ndef spawn():\n    if os.fork() == 0:\n        work()\n"},
        "a child",
    ),
    ok("VIII-02", "python", {"tests/t.py": "import daemon\n\nwith daemon.DaemonContext():\n    x()\n"}, "a test"),
    ok(
        "VIII-02",
        "python",
        {"a.py": "import threading\nthreading.Thread(target=print, daemon=True).start()\n"},
        "a daemon thread",
    ),
    bad(
        "VIII-03",
        "python",
        {"requirements.txt": "celery\n", "tasks.py": _TASKS, "app.py": _APP, "Procfile": "web: gunicorn app:app\n"},
        "Procfile:1",
    ),
    bad(
        "VIII-03",
        "python",
        {
            "requirements.txt": "celery\n",
            "tasks.py": _TASKS,
            "app.py": _APP,
            "Dockerfile": _FROM + 'CMD ["gunicorn", "app:app"]\n',
        },
        "Dockerfile:3",
        why="an image",
    ),
    ok(
        "VIII-03",
        "python",
        {
            "requirements.txt": "celery\n",
            "tasks.py": _TASKS,
            "Procfile": "web: gunicorn app:app\nworker: celery -A tasks worker\n",
        },
        "a worker",
    ),
    ok(
        "VIII-03",
        "python",
        {"requirements.txt": "celery\n", "app.py": _APP, "Procfile": "web: gunicorn app:app\n"},
        "no job",
    ),
    ok(
        "VIII-03", "python", {"tests/tasks.py": _TASKS, "app.py": _APP, "Procfile": "web: gunicorn app:app\n"}, "a test"
    ),
    bad(
        "VIII-03",
        "manifests",
        {"Gemfile": 'gem "rails"\ngem "sidekiq"\n', "config.ru": "", "Procfile": "web: bundle exec puma\n"},
        "Procfile:1",
        why="Sidekiq",
    ),
    bad(
        "VIII-03",
        "manifests",
        {
            "Gemfile": 'gem "resque"\n',
            "config.ru": "",
            "Procfile": "web: bundle exec puma\nclock: clockwork clock.rb\n",
        },
        "Procfile:1",
        why="Resque",
    ),
    ok(
        "VIII-03",
        "manifests",
        {"Gemfile": 'gem "sidekiq"\n', "Procfile": "web: bundle exec puma\nworker: bundle exec sidekiq\n"},
        "a worker",
    ),
    ok("VIII-03", "manifests", {"Gemfile": 'gem "rails"\n', "Procfile": "web: bundle exec puma\n"}, "no queue"),
    ok(
        "VIII-03",
        "manifests",
        {
            "Gemfile": 'gem "sidekiq"\n',
            "Procfile": "web: bundle exec puma\n",
            "docker-compose.yml": "services:\n  jobs:\n    build: .\n    command: bundle exec sidekiq\n",
        },
        "a service works",
    ),
    bad(
        "VIII-04",
        "manifests",
        {"app.py": _APP, "Procfile": "web: celery -A app worker & gunicorn app:app\n"},
        "Procfile:1",
        severity="warning",
    ),
    bad(
        "VIII-04",
        "manifests",
        {
            "app.py": _APP,
            "Dockerfile": _FROM + 'CMD ["supervisord", "-n", "-c", "supervisord.conf"]\n',
            "supervisord.conf": "[program:web]\ncommand=gunicorn app:app\n[program:worker]\n"
            "command=celery -A app worker\n",
        },
        "supervisord.conf:4",
        why="supervisord",
    ),
    bad(
        "VIII-04",
        "manifests",
        {
            "app.py": _APP,
            "Dockerfile": _FROM + 'ENTRYPOINT ["./start.sh"]\n',
            "start.sh": "#!/bin/sh\ncelery -A app worker &\nexec gunicorn app:app\n",
        },
        "start.sh:2",
        why="a script",
    ),
    ok(
        "VIII-04",
        "manifests",
        {"app.py": _APP, "Procfile": "web: gunicorn app:app\nworker: celery -A app worker\n"},
        "two types",
    ),
    ok(
        "VIII-04",
        "manifests",
        {"app.py": _APP, "Procfile": "web: flask db upgrade && gunicorn app:app\n"},
        "one after the other",
    ),
    ok(
        "VIII-04",
        "manifests",
        {
            "app.py": _APP,
            "Dockerfile": _FROM + 'CMD ["supervisord", "-n", "-c", "supervisord.conf"]\n',
            "supervisord.conf": "[program:web]\ncommand=gunicorn app:app\n",
        },
        "a supervisor of one",
    ),
    bad(
        "VIII-05",
        "manifests",
        {"app.py": _APP, "k8s/web.yaml": _DEPLOYMENT.format(replicas=1, strategy="Recreate", image="shop:1")},
        "k8s/web.yaml:8",
    ),
    bad(
        "VIII-05",
        "manifests",
        {
            "app.py": _APP,
            "docker-compose.yml": "services:\n  web:\n    build: .\n    environment:\n"
            "      DATABASE_URL: sqlite:////data/app.db\n    volumes:\n      - data:/data\nvolumes:\n  data:\n",
        },
        "docker-compose.yml:7",
        why="SQLite in a volume",
    ),
    bad(
        "VIII-05",
        "manifests",
        {"app.py": _APP, "Procfile": "# do not scale: jobs would run twice\nweb: gunicorn app:app\n"},
        "Procfile:1",
        why="it says so",
    ),
    ok(
        "VIII-05",
        "manifests",
        {"k8s/db.yaml": _DEPLOYMENT.format(replicas=1, strategy="Recreate", image="postgres:16")},
        "a datastore",
    ),
    ok(
        "VIII-05",
        "manifests",
        {"k8s/web.yaml": _DEPLOYMENT.format(replicas=2, strategy="RollingUpdate", image="shop:1")},
        "two of them",
    ),
    ok(
        "VIII-05",
        "manifests",
        {
            "docker-compose.yml": "services:\n  web:\n    build: .\n    environment:\n"
            "      DATABASE_URL: postgres://db/app\n    volumes:\n      - static:/static\nvolumes:\n  static:\n"
        },
        "a database of its own",
    ),
    ok(
        "VIII-04",
        "manifests",
        {
            "Dockerfile": 'FROM python:3.12\nCOPY . /app\nWORKDIR /app\nENTRYPOINT ["/app/entry.sh"]\nCMD ["server"]\n',
            "entry.sh": '#!/bin/bash\nworker() {\n  exec supervisord -c worker.conf\n}\ncase "$1" in\n'
            "  worker) worker ;;\n  server) exec gunicorn app:app ;;\nesac\n",
            "worker.conf": "[supervisord]\nnodaemon=true\n[program:worker]\ncommand=rq worker\n",
            "app.py": "",
        },
        "an entrypoint that runs one of several",
    ),
    ok(
        "VIII-01",
        "manifests",
        {
            "app.py": 'from flask import Flask\napp = Flask(__name__)\n\n@app.get("/")\ndef home():\n    return ""\n',
            "requirements.txt": "flask==3.0.0\n",
            "k8s/app.yml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  template:\n"
            "    spec:\n      containers:\n        - {name: shop, image: acme/shop:1}\n",
        },
        "a Deployment declares the process",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_process_types(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
