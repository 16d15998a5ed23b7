"""VI-07, VI-08, VI-09: work and secrets that belong to one process."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FLASK = "import os, secrets\nfrom flask import Flask, request\nfrom threading import Thread\napp = Flask(__name__)\n"
_ROUTE = "\n@app.get('/')\ndef index():\n    return ''\n"
_EXPRESS = "const app = require('express')();\napp.get('/', (req, res) => res.send('x'));\n"
_GO = 'package main\n\nimport "net/http"\n\nfunc routes() {\n\thttp.HandleFunc("/x", save)\n}\n'

_PROGRAM = "#!/usr/bin/env node\nconst fs = require('fs');\n"
_PARSE = 'package config\n\nimport "crypto/rand"\n\nfunc Parse(options *Options) {\n'

CASES = [
    bad(
        "VI-07",
        "python",
        {
            "app.py": _FLASK
            + "@app.post('/x')\ndef x():\n    Thread(target=send_mail, args=(1,)).start()\n    return ''\n"
        },
        "app.py:7",
        severity="warning",
    ),
    bad(
        "VI-07",
        "python",
        {
            "app.py": _FLASK + "from apscheduler.schedulers.background import BackgroundScheduler\n"
            "scheduler = BackgroundScheduler()\nscheduler.add_job(bill, 'interval', hours=1)\n" + _ROUTE
        },
        "app.py:6",
        why="a scheduler beside the app",
    ),
    bad(
        "VI-07",
        "python",
        {
            "main.py": "from fastapi import FastAPI, BackgroundTasks\napp = FastAPI()\n\n@app.post('/x')\n"
            "def x(tasks: BackgroundTasks):\n    tasks.add_task(charge_card, 1)\n"
        },
        "main.py:6",
        why="a task after the response",
    ),
    ok(
        "VI-07",
        "python",
        {
            "app.py": _FLASK
            + "@app.get('/x')\ndef x():\n    both = [Thread(target=ask, args=(i,)) for i in range(2)]\n"
            "    for one in both:\n        one.start()\n    for one in both:\n        one.join()\n    return ''\n"
        },
        "threads that the request waits for",
    ),
    ok(
        "VI-07",
        "python",
        {"app.py": _FLASK + "Thread(target=push_metrics, daemon=True).start()\n" + _ROUTE},
        "metrics of the process itself",
    ),
    ok(
        "VI-07",
        "python",
        {
            "app.py": _FLASK + _ROUTE,
            "tests/test_app.py": "from threading import Thread\nThread(target=app.run).start()\n",
        },
        "a test",
    ),
    ok(
        "VI-07",
        "python",
        {
            "app.py": _FLASK + _ROUTE,
            "clock.py": "from apscheduler.schedulers.blocking import BlockingScheduler\ns = BlockingScheduler()\n",
            "Procfile": "web: gunicorn app:app\nclock: python clock.py\n",
        },
        "a process type of its own",
    ),
    bad(
        "VI-07",
        "javascript",
        {"app.js": _EXPRESS + "const cron = require('node-cron');\ncron.schedule('0 * * * *', () => bill());\n"},
        "app.js:4",
    ),
    bad(
        "VI-07",
        "javascript",
        {"app.js": _EXPRESS + "setInterval(async () => { await db.query('DELETE FROM old'); }, 60 * 60 * 1000);\n"},
        "app.js:3",
        why="a timer that works on the database",
    ),
    ok("VI-07", "javascript", {"app.js": _EXPRESS + "setInterval(() => socket.ping(), 30000);\n"}, "a heartbeat"),
    ok(
        "VI-07",
        "javascript",
        {"worker.js": "const cron = require('node-cron');\ncron.schedule('0 * * * *', bill);\n"},
        "no web process",
    ),
    ok(
        "VI-07",
        "javascript",
        {
            "app.js": _EXPRESS + "const cron = require('node-cron');\nasync function start() {\n"
            "  if (await redlock.acquire('bill')) cron.schedule('0 * * * *', bill);\n}\n"
        },
        "a lock lets one do it",
    ),
    bad("VI-08", "python", {"app.py": _FLASK + "app.secret_key = os.urandom(24)\n"}, "app.py:5", severity="error"),
    bad(
        "VI-08",
        "python",
        {"config.py": "import os, secrets\nSECRET_KEY = os.environ.get('SECRET_KEY', secrets.token_hex(16))\n"},
        "config.py:2",
        why="unless a variable gives it",
        severity="warning",
    ),
    bad(
        "VI-08",
        "python",
        {
            "settings.py": "from django.core.management.utils import get_random_secret_key\n"
            "SECRET_KEY = get_random_secret_key()\n"
        },
        "settings.py:2",
        why="Django's generator",
    ),
    ok("VI-08", "python", {"config.py": "import os\nSECRET_KEY = os.environ['SECRET_KEY']\n"}, "given"),
    ok(
        "VI-08",
        "python",
        {
            "models.py": "import secrets\n\nclass User:\n    def make(self):\n"
            "        self.client_secret = secrets.token_hex(16)\n"
        },
        "a secret of one user",
    ),
    ok("VI-08", "python", {"tests/conftest.py": "import os\nSECRET_KEY = os.urandom(24)\n"}, "a test"),
    ok(
        "VI-08",
        "python",
        {"config.py": "import os\n\nclass DevelopmentConfig:\n    SECRET_KEY = os.urandom(24)\n"},
        "development only",
    ),
    bad(
        "VI-08",
        "javascript",
        {"config.js": "const crypto = require('crypto');\nconst jwtSecret = crypto.randomBytes(32).toString('hex');\n"},
        "config.js:2",
        severity="error",
    ),
    bad(
        "VI-08",
        "javascript",
        {
            "config.js": "const { randomBytes } = require('crypto');\nmodule.exports = {\n"
            "  sessionSecret: process.env.SESSION_SECRET || randomBytes(32).toString('hex'),\n};\n"
        },
        "config.js:3",
        why="unless a variable gives it",
        severity="warning",
    ),
    ok("VI-08", "javascript", {"config.js": "exports.secret = process.env.SECRET;\n"}, "given"),
    ok(
        "VI-08",
        "javascript",
        {
            "user.js": "const crypto = require('crypto');\nfunction reset(user) {\n"
            "  user.totpSecret = crypto.randomBytes(20);\n}\n"
        },
        "a secret of one user",
    ),
    ok("VI-08", "javascript", {"test/a.js": "const secret = require('crypto').randomBytes(32);\n"}, "a test"),
    bad(
        "VI-08",
        "javascript",
        {
            "bin/build-tools.js": _PROGRAM + "exports.make = function(file, text) {\n"
            "  var secret_key = Tools.generateUniqueID(32);\n"
            "  fs.writeFileSync(file, text.replace('CHANGE_ME', secret_key));\n};\n"
        },
        "bin/build-tools.js:5",
        why="an installer",
        severity="warning",
    ),
    ok(
        "VI-08",
        "javascript",
        {
            "bin/build-tools.js": _PROGRAM + "exports.make = function(file, text) {\n"
            "  var row = Tools.generateUniqueID(32);\n  fs.writeFileSync(file, text.replace('ROW', row));\n};\n"
        },
        "an id",
    ),
    bad(
        "VI-08",
        "go",
        {
            "config/parse.go": _PARSE + "\tif len(options.privateKey) == 0 {\n\t\trandomKey := make([]byte, 16)\n"
            "\t\trand.Read(randomKey)\n\t\toptions.privateKey = randomKey\n\t}\n}\n"
        },
        "config/parse.go:8",
        severity="warning",
    ),
    bad(
        "VI-08",
        "go",
        {
            "config/parse.go": _PARSE
            + '\tif options.sessionSecret == "" {\n\t\tkey := crypto.GenerateRandomString(32)\n'
            "\t\toptions.sessionSecret = key\n\t}\n}\n"
        },
        "config/parse.go:7",
        why="a helper draws it",
    ),
    ok(
        "VI-08",
        "go",
        {
            "config/parse.go": _PARSE
            + '\tif options.sessionSecret == "" {\n\t\tlog.Fatal("SESSION_SECRET is not set")\n'
            "\t}\n}\n"
        },
        "it refuses to start",
    ),
    ok(
        "VI-08",
        "go",
        {
            "user/reset.go": _PARSE.replace("Parse", "Reset")
            + '\tif user.secret == "" {\n\t\tkey := make([]byte, 16)\n'
            "\t\trand.Read(key)\n\t\tuser.secret = key\n\t}\n}\n"
        },
        "a secret of one user",
    ),
    ok(
        "VI-08",
        "go",
        {
            "config/parse_test.go": _PARSE + '\tif o.secret == "" {\n\t\tkey := make([]byte, 16)\n'
            "\t\trand.Read(key)\n\t\to.secret = key\n\t}\n}\n"
        },
        "a test",
    ),
    bad(
        "VI-08",
        "ruby",
        {
            "docker/init_env.rb": 'wanted = {\n  "SECRET_KEY_BASE" => SecureRandom.hex(64)\n}\n\n'
            'wanted.each do |key, value|\n  File.open("/app/.env", "a") { |file| file << "#{key}=#{value}" }\nend\n'
        },
        "docker/init_env.rb:6",
        severity="warning",
    ),
    bad(
        "VI-08",
        "ruby",
        {
            "lib/keys.rb": "module Keys\n  def self.signing_key\n    signing_key = SecureRandom.hex(32)\n"
            '    File.write("config/signing", signing_key)\n    signing_key\n  end\nend\n'
        },
        "lib/keys.rb:4",
        why="kept in a file",
    ),
    ok("VI-08", "ruby", {"config/secrets.rb": 'SECRET_KEY_BASE = ENV.fetch("SECRET_KEY_BASE")\n'}, "given"),
    ok(
        "VI-08",
        "ruby",
        {"lib/a.rb": 'def save(row)\n  name = SecureRandom.hex(8)\n  File.write("rows/#{name}", row)\nend\n'},
        "a name of a file",
    ),
    ok(
        "VI-08",
        "ruby",
        {"spec/a_spec.rb": 'signing_key = SecureRandom.hex(8)\nFile.write("key", signing_key)\n'},
        "a test",
    ),
    bad(
        "VI-09",
        "manifests",
        {"nginx/nginx.conf": "upstream app {\n    ip_hash;\n    server a:1;\n}\n"},
        "nginx/nginx.conf:2",
    ),
    bad(
        "VI-09",
        "manifests",
        {
            "k8s/service.yaml": "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n"
            "  sessionAffinity: ClientIP\n"
        },
        "k8s/service.yaml:6",
        why="Kubernetes",
    ),
    bad(
        "VI-09",
        "manifests",
        {
            "package.json": '{"dependencies": {"socket.io": "4"}}',
            "k8s/ingress.yaml": 'metadata:\n  annotations:\n    nginx.ingress.kubernetes.io/affinity: "cookie"\n',
        },
        "k8s/ingress.yaml:3",
        why="a transport that needs it",
        severity="note",
    ),
    ok("VI-09", "manifests", {"nginx.conf": "upstream app {\n    # ip_hash;\n    server a:1;\n}\n"}, "a comment"),
    ok("VI-09", "manifests", {"k8s/s.yaml": "kind: Service\nspec:\n  sessionAffinity: None\n"}, "switched off"),
    ok("VI-09", "manifests", {"k8s/d.yaml": "affinity:\n  nodeAffinity:\n    weight: 1\n"}, "the affinity of nodes"),
    bad(
        "VI-07",
        "go",
        {"main.go": _GO + "func save(w http.ResponseWriter, r *http.Request) {\n\tgo mailer.Send(r)\n}\n"},
        "main.go:9",
    ),
    bad(
        "VI-07",
        "go",
        {"main.go": _GO + "func start() {\n\tgo cleanupScheduler(db)\n}\n"},
        "main.go:9",
        why="a schedule in every process",
    ),
    ok(
        "VI-07",
        "go",
        {
            "main.go": _GO + "func both(w http.ResponseWriter, r *http.Request) {\n\tvar wg sync.WaitGroup\n"
            "\tgo fetch(&wg)\n\twg.Wait()\n}\n"
        },
        "it waits",
    ),
    ok("VI-07", "go", {"main.go": _GO + "func start() {\n\tgo server.Serve(l)\n}\n"}, "a server"),
    ok("VI-07", "go", {"a_test.go": _GO + "func TestX() {\n\tgo sendMail()\n}\n"}, "a test"),
    bad(
        "VI-07",
        "ruby",
        {
            "app/controllers/x_controller.rb": "class XController\n  def create\n    Thread.new { Mailer.send(1) }\n"
            "  end\nend\n"
        },
        "app/controllers/x_controller.rb:3",
    ),
    bad(
        "VI-07",
        "ruby",
        {
            "config/routes.rb": 'Rails.application.routes.draw do\n  root "x#y"\nend\n',
            "config/environments/production.rb": "Rails.application.configure do\n"
            "  config.active_job.queue_adapter = :async\nend\n",
        },
        "config/environments/production.rb:2",
        why="jobs on threads",
    ),
    ok(
        "VI-07",
        "ruby",
        {
            "config/routes.rb": 'Rails.application.routes.draw do\n  root "x#y"\nend\n',
            "config/environments/production.rb": "Rails.application.configure do\n"
            "  config.active_job.queue_adapter = :sidekiq\nend\n",
        },
        "a queue with workers",
    ),
    ok(
        "VI-07",
        "ruby",
        {
            "config/routes.rb": 'Rails.application.routes.draw do\n  root "x#y"\nend\n',
            "config/environments/development.rb": "Rails.application.configure do\n"
            "  config.active_job.queue_adapter = :async\nend\n",
        },
        "development only",
    ),
    ok("VI-07", "ruby", {"spec/x_spec.rb": "def f\n  Thread.new { 1 }\nend\n"}, "a test"),
    bad(
        "VI-08",
        "manifests",
        {
            "Dockerfile": 'FROM debian:12\nCOPY . .\nENTRYPOINT ["./entry.sh"]\n',
            "entry.sh": "#!/bin/sh\n[ -f /data/key ] || openssl rand -hex 32 > /data/key\nexec ./server\n",
        },
        "entry.sh:2",
        severity="warning",
    ),
    bad(
        "VI-08",
        "manifests",
        {
            "Dockerfile": 'FROM debian:12\nCOPY . .\nENTRYPOINT ["./entry.sh"]\n',
            "entry.sh": "#!/bin/sh\nif [ ! -f /ssl/a.key ]; then\n"
            "  openssl req -x509 -nodes -keyout /ssl/a.key -out /ssl/a.crt\nfi\nexec ./server\n",
        },
        "entry.sh:3",
        why="a certificate",
    ),
    ok("VI-08", "manifests", {"scripts/dev-cert.sh": "#!/bin/sh\nopenssl genrsa -out dev.key\n"}, "no start calls it"),
    ok(
        "VI-08",
        "manifests",
        {
            "Dockerfile": 'FROM debian:12\nCOPY . .\nENTRYPOINT ["./entry.sh"]\n',
            "entry.sh": "#!/bin/sh\nopenssl dgst -sha256 /app/a\nexec ./server\n",
        },
        "a checksum",
    ),
    ok(
        "VI-08",
        "manifests",
        {
            "Dockerfile": 'FROM debian:12\nCOPY . .\nENTRYPOINT ["./entry.sh"]\n',
            "entry.sh": "#!/bin/sh\nopenssl rand -hex 8 > /tmp/nonce\nexec ./server\n",
        },
        "a temporary file",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_work_and_secrets_of_one_process(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
