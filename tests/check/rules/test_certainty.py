"""What must be known before a finding is claimed: who runs the code, what beats it, and who needs what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_NEXT = '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5", "@angular/core": "^20"}}'
_ASK = "(async () => {\n  const info = await fetch('https://api.example.org/info');\n})();\n"

_FLASK = "from flask import Flask, request\napp = Flask(__name__)\n"
_EXPRESS = (
    "const express = require('express');\nconst cron = require('node-cron');\nconst app = express();\n"
    "app.get('/', (q, s) => s.send(''));\n"
)
_ROUTE = (
    'package main\n\nimport (\n\t"net/http"\n\t"shop/store"\n)\n\nfunc serve() {\n\thttp.HandleFunc("/x", add)\n}\n\n'
    "func add(w http.ResponseWriter, r *http.Request) {\n\tstore.Save(r.URL.Path, nil)\n}\n"
)
_SAVE = (
    'package store\n\nimport "os"\n\n// Save keeps it.\nfunc Save(id string, data []byte) error {\n'
    '\tpath := "/srv/images/" + id\n\treturn os.WriteFile(path, data, 0o600)\n}\n'
)
_LOGGER = "module CleanUp\n  def self.logger\n    @logger ||= Logger.new('log/clean_up.log')\n  end\nend\n"
_SESSIONS = "<?php return [\n  'driver' => env('SESSION_DRIVER', 'file'),\n];\n"
_GIT = ("init -q", "add -A", "commit -qm x")
_POM = (
    "<project><artifactId>x</artifactId><dependencies><dependency><groupId>org.springframework.boot</groupId>"
    "<artifactId>spring-boot-starter-web</artifactId><version>3.3.0</version></dependency></dependencies></project>\n"
)
_LOCK = "GEM\n  remote: https://rubygems.org/\n  specs:\n    rails (7.0.0)\n\nDEPENDENCIES\n  rails\n"
_POLL = (
    "module.exports = (emitter) => {\n  emitter.on('show', () => document.title);\n"
    "  setInterval(() => {\n    fetch('/api/list');\n  }, 120000);\n};\n"
)

CASES = [
    # Who runs it: a browser.
    ok(
        "IX-04",
        "javascript",
        {
            "package.json": _NEXT,
            "server.js": "require('express')().listen(process.env.PORT);\n",
            "client/main.ts": _ASK,
        },
        "a page that asks while it is loaded",
    ),
    bad(
        "IX-04",
        "javascript",
        {"package.json": _NEXT, "server.js": "require('express')().listen(process.env.PORT);\n", "api/main.ts": _ASK},
        "api/main.ts:2",
        why="a server that asks while it is loaded",
    ),
    # What a literal is for.
    bad(
        "III-01",
        "python",
        {"dev/app.py": 'from flask import Flask\napp = Flask(__name__)\napp.secret_key = "k3yb0ard-c4t"\n'},
        "dev/app.py:3",
        why="a secret of developers",
        severity="note",
    ),
    ok(
        "III-01",
        "javascript",
        {
            "auth.ts": "const PLACEHOLDER_SECRETS = {\n  AUTH_JWT_SECRET: 'secret',\n} as const;\n\n"
            "export const used = Object.entries(PLACEHOLDER_SECRETS).filter(([k, v]) => process.env[k] === v);\n"
        },
        "a table of what nobody may use",
    ),
    bad(
        "III-01",
        "javascript",
        {"auth.ts": "export const SETTINGS = {\n  AUTH_JWT_SECRET: 'secret',\n} as const;\n"},
        "auth.ts:2",
        why="a table of settings",
        severity="error",
    ),
    ok(
        "III-01",
        "javascript",
        {"names.ts": "export enum Vendors {\n  OnePassword = 'bada5566-a7aa-401f-bd96-45619a55120d',\n}\n"},
        "what names a vendor",
    ),
    ok(
        "III-01",
        "python",
        {"settings.py": "class Base:\n    pass\n\n\nclass Docs(Base):\n    SECRET_KEY = 'not a secret'\n"},
        "settings with which the documentation is made",
    ),
    bad(
        "III-01",
        "python",
        {"settings.py": "class Base:\n    pass\n\n\nclass Live(Base):\n    SECRET_KEY = 'not a secret'\n"},
        "settings.py:6",
        why="settings of another name",
        severity="error",
    ),
    bad(
        "III-01",
        "javascript",
        {"knexfile.js": "if (!process.env.JWT_SECRET) {\n  process.env.JWT_SECRET = 'securekey';\n}\n"},
        "knexfile.js:2",
        why="what a tool for migrations sets for itself",
        severity="note",
    ),
    bad(
        "VI-08",
        "python",
        {
            "settings.py": "import os, secrets\nSECRET_KEY = os.environ.get('SECRET_KEY', '')\n"
            "if not SECRET_KEY:\n    SECRET_KEY = secrets.token_urlsafe(50)\n"
        },
        "settings.py:4",
        why="a key where none was given",
        severity="warning",
    ),
    bad(
        "VI-08",
        "python",
        {"settings.py": "import secrets\nSECRET_KEY = secrets.token_urlsafe(50)\n"},
        "settings.py:2",
        why="a key whatever was given",
        severity="error",
    ),
    # State of a process, or something else.
    ok(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "import asyncio\n\nmails: asyncio.Queue = asyncio.Queue()\n\n"
            "@app.post('/orders')\ndef order():\n    mails.put_nowait(request.json)\n    return ''\n\n"
            "async def send():\n    return await mails.get()\n"
        },
        "work that is handed on",
    ),
    ok(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "providers = {}\n\n\n@app.get('/pay/<name>')\ndef pay(name):\n"
            "    known = providers.get(name)\n    if known:\n        if known.works():\n            return known\n"
            "        del providers[name]\n    made = connect(name)\n    providers[name] = made\n    return made\n"
        },
        "what another process makes for itself",
    ),
    bad(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "carts = {}\n\n\n@app.post('/cart/<id>')\ndef add(id):\n    cart = carts.get(id)\n"
            "    if cart:\n        cart.append(request.json)\n        return cart\n"
            "    carts[id] = [request.json]\n    return carts[id]\n"
        },
        "app.py:12",
        why="what a request brought",
        severity="error",
    ),
    bad(
        "VI-01",
        "python",
        {
            "app.py": _FLASK + "recent = []\n\n\n@app.post('/orders')\ndef order():\n    recent.append(request.json)\n"
            "    return ''\n\n\ndef report():\n    return len(recent)\n"
        },
        "app.py:8",
        why="what no request is seen to read",
        severity="warning",
    ),
    # What an image is built on.
    bad(
        "SEC-01",
        "manifests",
        {"Dockerfile": 'FROM python:3.12-slim\nCMD ["gunicorn", "app:app"]\n'},
        "Dockerfile:1",
        why="an image that is known to leave root in place",
    ),
    ok(
        "SEC-01",
        "manifests",
        {"Dockerfile": 'FROM acme/base:1.17.0\nCMD ["/srv/app", "server"]\n'},
        "an image that somebody published, who may have set a user",
    ),
    ok(
        "SEC-01",
        "manifests",
        {
            "docker-compose.yml": "services:\n  db:\n    image: postgres:16\n    cap_drop: [ALL]\n"
            "    cap_add:\n      - CHOWN\n      - DAC_READ_SEARCH\n"
        },
        "what is left of all that it would have",
    ),
    bad(
        "SEC-01",
        "manifests",
        {"docker-compose.yml": "services:\n  vpn:\n    image: acme/vpn:1\n    cap_add:\n      - NET_ADMIN\n"},
        "docker-compose.yml:5",
        why="what it is given on top",
    ),
    ok(
        "II-06",
        "python",
        {
            "Dockerfile": 'FROM ubuntu:22.04\nCMD ["python3", "app.py"]\n',
            "app.py": "import subprocess\n\ndef count():\n    return subprocess.check_output(['ps', 'ax'])\n",
        },
        "what the system's image carries",
    ),
    bad(
        "II-06",
        "python",
        {
            "Dockerfile": 'FROM debian:12\nCMD ["python3", "app.py"]\n',
            "app.py": "import subprocess\n\ndef count():\n    return subprocess.check_output(['ps', 'ax'])\n",
        },
        "app.py:4",
        why="what the system's image does not carry",
    ),
    ok(
        "IX-06",
        "go",
        {
            "a.go": 'package a\n\nimport (\n\t"context"\n\t"net/http"\n\t"time"\n)\n\nfunc ask(url string) {\n'
            "\tclient := http.Client{}\n\tctx, cancel := context.WithTimeout(context.Background(), time.Second)\n"
            "\tdefer cancel()\n\treq, _ := http.NewRequest(http.MethodGet, url, nil)\n"
            "\tclient.Do(req.WithContext(ctx))\n}\n"
        },
        "a deadline in the context of its requests",
    ),
    bad(
        "IX-06",
        "go",
        {
            "a.go": 'package a\n\nimport "net/http"\n\nfunc ask(url string) {\n\tclient := http.Client{}\n'
            "\treq, _ := http.NewRequest(http.MethodGet, url, nil)\n\tclient.Do(req)\n}\n"
        },
        "a.go:6",
        why="no deadline at all",
    ),
    ok(
        "IX-03",
        "manifests",
        {
            "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["./run.sh"]\n',
            "run.sh": "#!/bin/bash\nwalletd --standalone &\nexec gunicorn app:app\n",
        },
        "a program beside the server, which the shell gives way to",
    ),
    bad(
        "IX-03",
        "manifests",
        {
            "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["./run.sh"]\n',
            "run.sh": "#!/bin/bash\nwalletd --standalone &\ngunicorn app:app\n",
        },
        "Dockerfile:3",
        why="a shell that stays",
    ),
    # What a module is beside.
    bad(
        "VI-05",
        "go",
        {"store/fs_store.go": _SAVE, "store/bolt_store.go": "package store\n", "main.go": _ROUTE},
        "store/fs_store.go:8",
        why="one of several stores",
        severity="note",
    ),
    bad(
        "VI-05",
        "go",
        {"store/fs_store.go": _SAVE, "store/errors.go": "package store\n", "main.go": _ROUTE},
        "store/fs_store.go:8",
        why="the only store",
        severity="warning",
    ),
    # What is done more than once.
    bad(
        "VI-07",
        "javascript",
        {"app.js": _EXPRESS + "cron.schedule('0 * * * *', async () => {\n  await db.deleteExpiredSessions();\n});\n"},
        "app.js:5",
        why="what is gone stays gone",
        severity="note",
    ),
    bad(
        "VI-07",
        "javascript",
        {"app.js": _EXPRESS + "cron.schedule('0 * * * *', async () => {\n  await sendInvoices();\n});\n"},
        "app.js:5",
        why="what each process sends",
        severity="warning",
    ),
    # Who reads it.
    bad(
        "XI-01",
        "ruby",
        {
            "Gemfile": "gem 'rails'\n",
            "lib/clean_up.rb": _LOGGER,
            "lib/tasks/clean_up.rake": "task :clean_up do\n  CleanUp.logger.info('x')\nend\n",
        },
        "lib/clean_up.rb:3",
        why="a module that only a task uses",
        severity="note",
    ),
    bad(
        "XI-01",
        "ruby",
        {
            "Gemfile": "gem 'rails'\n",
            "lib/clean_up.rb": _LOGGER,
            "lib/tasks/clean_up.rake": "task :clean_up do\n  CleanUp.logger.info('x')\nend\n",
            "app/models/user.rb": "class User\n  def go\n    CleanUp.logger.info('x')\n  end\nend\n",
        },
        "lib/clean_up.rb:3",
        why="a module that the app uses too",
        severity="error",
    ),
    # What a deploy has instead.
    ok(
        "VI-03",
        "php",
        {
            "config/session.php": _SESSIONS,
            "app/Http/Kernel.php": "<?php\nclass Kernel {\n  protected $middlewareGroups = ['web' => [\n"
            "    // StartSession::class,\n  ]];\n}\n",
        },
        "a kernel that starts no session",
    ),
    bad(
        "VI-03",
        "php",
        {
            "config/session.php": _SESSIONS,
            "app/Http/Kernel.php": "<?php\nclass Kernel {\n  protected $middlewareGroups = ['web' => [\n"
            "    StartSession::class,\n  ]];\n}\n",
        },
        "config/session.php:2",
        why="a kernel that starts sessions",
        severity="warning",
    ),
    bad(
        "VI-03",
        "php",
        {"config/session.php": _SESSIONS, ".env.example": "SESSION_DRIVER=redis\n"},
        "config/session.php:2",
        why="a template that says another",
        severity="note",
    ),
    ok(
        "III-04",
        "manifests",
        {".env.mysql": "DB_HOST=localhost\nDB_NAME=shop\n", "README.md": "Run `cp .env.mysql .env` first.\n"},
        "a file that set-up copies",
        git=_GIT,
    ),
    bad(
        "III-04",
        "manifests",
        {".env.mysql": "DB_HOST=localhost\nDB_NAME=shop\n", "README.md": "Run it.\n"},
        ".env.mysql:1",
        why="a file that nothing copies",
        git=_GIT,
    ),
    ok(
        "III-03",
        "git",
        {"app.py": "x = 1\n", ".env": "JWT_SECRET_KEY=123456\nDB_PASSWORD=secret\n"},
        "what people put where a value must stand",
        git=(*_GIT, "rm -q .env", "commit -qm y"),
    ),
    bad(
        "III-03",
        "git",
        {"app.py": "x = 1\n", ".env": "JWT_SECRET_KEY=Zt8fkq0vLmW3aa\n"},
        ".env",
        why="a value that somebody made",
        git=(*_GIT, "rm -q .env", "commit -qm y"),
    ),
    # Which part of what is built is deployed.
    bad(
        "III-10",
        "manifests",
        {
            "Dockerfile": "FROM python:3.12 AS production\nCOPY . .\nCMD gunicorn app:app\n\n"
            "FROM production AS ci_tests\nENV DATABASE_URL=postgresql://postgres:postgres@localhost/\n"
        },
        "Dockerfile:6",
        why="a stage for tests behind the one that is deployed",
        severity="note",
    ),
    bad(
        "III-10",
        "manifests",
        {
            "Dockerfile": "FROM python:3.12 AS build\nCOPY . .\n\n"
            "FROM python:3.12 AS production\nENV DATABASE_URL=postgresql://postgres:postgres@localhost/\n"
            "CMD gunicorn app:app\n"
        },
        "Dockerfile:5",
        why="the stage that is deployed",
        severity="error",
    ),
    ok(
        "VII-01",
        "manifests",
        {
            "Gemfile": "gem 'rails'\n",
            "Procfile": "web: bundle exec rails s -p 3000\nassets: ./bin/shakapacker-dev-server\n",
        },
        "a Procfile for developers",
    ),
    bad(
        "VII-01",
        "manifests",
        {"Gemfile": "gem 'rails'\n", "Procfile": "web: bundle exec rails s -p 3000\nworker: bundle exec sidekiq\n"},
        "Procfile:1",
        why="a Procfile for a platform",
        severity="error",
    ),
    # Whose secret it is, and whether it is one.
    bad(
        "III-04",
        "manifests",
        {".env": 'SMTP_PASSWORD="f00d"\nLOCALE=en\n'},
        ".env:1",
        why="a word where a password must stand",
        severity="warning",
        git=_GIT,
    ),
    bad(
        "III-04",
        "manifests",
        {".env": "SMTP_PASSWORD=Zt8fkq0vLmW3aa\nLOCALE=en\n"},
        ".env:1",
        why="a password that somebody made",
        severity="error",
        git=_GIT,
    ),
    ok(
        "SEC-02",
        "python",
        {
            "ldap.py": "def login(db, name):\n    return db.users.create(\n        {\n            'username': name,\n"
            "            'password': 'LDAP',\n            'admin': False,\n        }\n    )\n"
        },
        "a word that says who knows the password",
    ),
    ok(
        "SEC-02",
        "python",
        {
            "users.py": "def add(db, name):\n    return db.users.create(\n        {\n            'username': name,\n"
            "            'password': 'k3yb0ard',\n            'admin': False,\n        }\n    )\n"
        },
        "no administrator",
    ),
    bad(
        "SEC-02",
        "python",
        {
            "users.py": "def add(db):\n    return db.users.create(\n        {\n            'username': 'admin',\n"
            "            'password': 'k3yb0ard',\n        }\n    )\n"
        },
        "users.py:5",
        why="an administrator",
        severity="error",
    ),
    bad(
        "XI-06",
        "python",
        {
            "tokens.py": "import logging\nlogger = logging.getLogger(__name__)\n\ndef parse(token):\n    try:\n"
            "        return load(token)\n    except BadSignature:\n        logger.info('no such token: %s', token)\n"
        },
        "tokens.py:8",
        why="a token that nobody is let in with",
        severity="note",
    ),
    bad(
        "XI-06",
        "python",
        {
            "tokens.py": "import logging\nlogger = logging.getLogger(__name__)\n\ndef parse(token):\n    try:\n"
            "        return load(token)\n    except ConnectionError:\n        logger.info('no answer: %s', token)\n"
        },
        "tokens.py:8",
        why="a token that is good",
        severity="warning",
    ),
    ok(
        "HLT-01",
        "python",
        {
            "app.py": _FLASK
            + "@app.get('/items')\ndef items():\n    return []\n\n@app.get('/_status')\ndef s():\n    return ''\n"
        },
        "a status below an underscore",
    ),
    bad(
        "III-10",
        "manifests",
        {
            "docker-compose.yml": "services:\n  web:\n    build: .\n    environment:\n      DB_USER: shop\n"
            "      DB_PASSWORD: shop\n"
        },
        "docker-compose.yml:6",
        why="the name of the user once more",
        severity="note",
    ),
    bad(
        "III-10",
        "manifests",
        {
            "docker-compose.yml": "services:\n  web:\n    build: .\n    environment:\n      DB_USER: shop\n"
            "      DB_PASSWORD: Zt8fkq0v\n"
        },
        "docker-compose.yml:6",
        why="a password of its own",
        severity="warning",
    ),
    bad(
        "III-05",
        "python",
        {
            "config.py": "import os\n\nclass Config:\n    API_KEY = os.environ.get('API_KEY', 'auth-t0ken')\n",
            "client.py": "from config import Config\n\nclass Client:\n    def __init__(self):\n"
            "        self.auth_token = Config.API_KEY\n",
        },
        "config.py:4",
        why="the default itself, and not who reads it",
    ),
    ok(
        "I-07",
        "git",
        {
            "package.json": '{"scripts": {"build": "webpack"}}',
            "webpack.config.js": "const V = require('./build/version_plugin');\n",
            "build/version_plugin.js": "module.exports = class {};\n",
            "build/favicon.ico": "x",
        },
        "plugins of a build",
        git=_GIT,
    ),
    bad(
        "I-07",
        "git",
        {
            "package.json": '{"scripts": {"build": "webpack"}}',
            "build/index.html": "<html></html>\n",
            "build/app.4f2a9c1e.js": "x\n",
        },
        "build",
        why="what a build left",
        git=_GIT,
    ),
    ok(
        "III-01",
        "ruby",
        {"Gemfile": "gem 'rails'\n", "app/login.rb": 'module Login\n  EMAIL_PASSWORD = "email_password"\nend\n'},
        "a kind that is called like itself",
    ),
    bad(
        "III-01",
        "ruby",
        {"Gemfile": "gem 'rails'\n", "app/models/login.rb": 'module Login\n  EMAIL_PASSWORD = "Zt8fkq0v"\nend\n'},
        "app/models/login.rb:2",
        why="a password",
        severity="error",
    ),
    bad(
        "III-01",
        "ruby",
        {"Gemfile": "gem 'rails'\n", "app/models/login.rb": 'module Login\n  EMAIL_PASSWORD = "open-s3same"\nend\n'},
        "app/models/login.rb:2",
        why="a password of words, which may be an example",
        severity="warning",
    ),
    bad(
        "XI-06",
        "python",
        {"app.py": "import logging\n\ndef sign_in(password):\n    logging.info('sign in with %s', password)\n"},
        "app.py:4",
        why="a password",
        severity="error",
    ),
    bad(
        "III-01",
        "php",
        {
            "config.php": "<?php\ndefine('MAIL_SMTP_PASS', 'Zt8fkq0v');\n",
            "optional/config.php": "<?php\ndefine('MAIL_SMTP_PASS', 'Zt8fkq0v');\n",
        },
        "config.php:2",
        why="once for a file and its copy",
        severity="error",
    ),
    bad(
        "XI-06",
        "python",
        {
            "hook.py": "import logging\nlogger = logging.getLogger(__name__)\n\ndef hook(request):\n"
            "    token = request.headers['x']\n    if KEY not in token:\n"
            "        logger.warning('invalid token: %s', token)\n"
        },
        "hook.py:7",
        why="a message that says that it is none",
        severity="note",
    ),
    bad(
        "VI-03",
        "javascript",
        {
            "app.js": "const session = require('express-session');\n"
            "const MemoryStore = require('memorystore')(session);\n"
            "const RedisStore = require('connect-redis');\n\nfunction store(kind) {\n"
            "  return kind === 'redis' ? new RedisStore({}) : new MemoryStore({});\n}\n"
        },
        "app.js:2",
        why="one of several stores",
        severity="warning",
    ),
    bad(
        "VI-03",
        "javascript",
        {
            "app.js": "const session = require('express-session');\n"
            "const MemoryStore = require('memorystore')(session);\n"
            "app.use(session({ secret: k, store: new MemoryStore({}) }));\n"
        },
        "app.js:2",
        "app.js:3",
        why="the one store",
        severity="warning",
    ),
    bad(
        "III-09",
        "python",
        {
            ".env.example": "DEBUG=\n",
            "settings.py": "from decouple import config\nDEBUG = config('DEBUG')\nBANNER = config('BANNER', None)\n",
        },
        "settings.py:3",
        why="a variable that may be missing",
        severity="note",
    ),
    ok(
        "VIII-03",
        "python",
        {
            "requirements.txt": "celery==5.4.0\nflask==3.1.0\n",
            "tasks.py": "from celery import Celery\ncelery = Celery()\n\n@celery.task\ndef job():\n    pass\n",
            "Procfile": "web: gunicorn app:app\n",
            "scripts/start.worker.sh": "#!/bin/sh\nexec celery -A tasks worker\n",
        },
        "a script that starts the worker",
    ),
    ok(
        "IX-06",
        "ruby",
        {
            "Gemfile": "gem 'rails'\n",
            "lib/events.rb": "class Events\n  def run\n    Net::HTTP.start(@host, @port) do |http|\n"
            "      ask = Net::HTTP::Get.new('/')\n      ask['X-Id'] = @id\n      ask['X-Other'] = @id\n"
            "      ask['Accept'] = 'text/event-stream'\n      http.request(ask)\n    end\n  end\nend\n",
        },
        "a stream of events",
    ),
    ok(
        "III-01",
        "javascript",
        {"web/src/components/steps.tsx": "'use client';\nconst STORAGE_KEY = 'shop_steps_v2';\n"},
        "the name under which a page keeps something",
    ),
    bad(
        "III-01",
        "javascript",
        {"web/src/components/steps.tsx": "'use client';\nconst SECRET_KEY = 'wJ4lrXUtnF3MI7K9bPxRf1CYqZ8oVhGd2s';\n"},
        "web/src/components/steps.tsx:2",
        why="what no page should have",
        severity="error",
    ),
    ok(
        "XI-06",
        "python",
        {
            "jobs.py": "import logging\nlog = logging.getLogger(__name__)\n\ndef run(settings):\n"
            "    log.info('skipped in %s', settings.ENV)\n"
        },
        "the name of the environment",
    ),
    bad(
        "XI-06",
        "python",
        {
            "jobs.py": "import logging, os\nlog = logging.getLogger(__name__)\n\ndef run(settings):\n"
            "    log.info('started with %s', os.environ)\n"
        },
        "jobs.py:5",
        why="the whole environment",
        severity="error",
    ),
    ok(
        "XI-06",
        "python",
        {
            "client.py": "import typer\n\napp = typer.Typer()\n\n@app.command()\ndef create(name):\n"
            "    made = register(name)\n    print(f'secret: {made.client_secret}')\n"
        },
        "what a program tells who called it",
    ),
    bad(
        "VII-01",
        "manifests",
        {"package.json": '{"scripts": {"start": "next start -p 3333"}, "dependencies": {"next": "^15"}}'},
        "package.json:1",
        why="a script that no platform is seen to run",
        severity="warning",
    ),
    # What a name may mean.
    ok(
        "II-03",
        "java",
        {"build.gradle": "dependencies {\n  implementation group: 'a.b', name: 'c', version: '5.0.1-RELEASE'\n}\n"},
        "a version that ends in RELEASE",
    ),
    bad(
        "II-03",
        "java",
        {"build.gradle": "dependencies {\n  implementation group: 'a.b', name: 'c', version: 'latest.release'\n}\n"},
        "build.gradle:2",
        why="the version of the day",
    ),
    bad(
        "II-04",
        "python",
        {
            "requirements.txt": "flask==3.1.0\nflask-security-fork==3.0.1\n    # via accounts\naccounts==1.0\n",
            "app.py": "from flask_security.signals import registered\n",
        },
        "app.py:1",
        why="a fork that another package brings",
        severity="warning",
    ),
    ok(
        "II-04",
        "ruby",
        {
            "Gemfile": "gem 'rails'\n",
            "Gemfile.lock": _LOCK,
            "lib/hygiene/sweeper.rb": "module Hygiene\nend\n",
            "db/data/2025_revert.rb": "require 'hygiene/reslugger'\n",
        },
        "a module of the app's own that is gone",
    ),
    ok(
        "II-04",
        "ruby",
        {"Gemfile": "gem 'rails'\ngem 'cancancan'\n", "Gemfile.lock": _LOCK, "app/models/a.rb": "require 'cancan'\n"},
        "a gem with a name like the module's",
    ),
    bad(
        "II-04",
        "ruby",
        {"Gemfile": "gem 'rails'\ngem 'pundit'\n", "Gemfile.lock": _LOCK, "app/models/a.rb": "require 'cancan'\n"},
        "app/models/a.rb:1",
        why="no gem with such a name",
    ),
    ok(
        "IX-06",
        "ruby",
        {
            "Gemfile": "gem 'faraday'\n",
            "app/jobs/hook.rb": "class Hook\n  def send_it(url)\n    connection = Faraday.new(\n"
            "      request: { timeout: 30 }\n    )\n\n\n\n\n    connection.post(url)\n  end\nend\n",
        },
        "a client with a timeout",
    ),
    ok(
        "IX-06",
        "php",
        {
            "composer.json": '{"require": {"guzzlehttp/guzzle": "^7"}}',
            "app/Ask.php": "<?php\nuse GuzzleHttp\\Client;\nclass Ask {\n  function go($url) {\n"
            "    $opts = ['timeout' => 5.0];\n    $client = new Client();\n"
            "    return $client->get($url, $opts);\n  }\n}\n",
        },
        "options with a timeout",
    ),
    bad(
        "IX-06",
        "php",
        {
            "composer.json": '{"require": {"guzzlehttp/guzzle": "^7"}}',
            "app/Ask.php": "<?php\nuse GuzzleHttp\\Client;\nclass Ask {\n  function go($url) {\n"
            "    $client = new Client();\n    return $client->get($url);\n  }\n}\n",
        },
        "app/Ask.php:5",
        why="no timeout anywhere",
    ),
    ok(
        "II-03",
        "manifests",
        {"Dockerfile": "FROM node:22\nRUN yarn install --frozen-lockfile --network-timeout 1000000\n"},
        "the value of an option",
    ),
    ok(
        "VI-07",
        "javascript",
        {
            "package.json": '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5"}}',
            "server.js": "const app = require('express')();\napp.get('/', (q, s) => s.send(''));\n"
            "app.listen(process.env.PORT);\n",
            "app/controller.js": _POLL,
        },
        "a page that no start loads",
    ),
    bad(
        "VI-07",
        "javascript",
        {
            "package.json": '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5"}}',
            "server.js": "require('./app/controller');\nconst app = require('express')();\n"
            "app.get('/', (q, s) => s.send(''));\napp.listen(process.env.PORT);\n",
            "app/controller.js": _POLL,
        },
        "app/controller.js:3",
        why="what the server loads",
    ),
    # Which start it is.
    ok(
        "XII-02",
        "go",
        {
            "cmd/avatar.go": "package cmd\n\nfunc (c *Avatar) Execute(args []string) error {\n"
            "\treturn c.store.Migrate()\n}\n",
            "cmd/server.go": "package cmd\n\nfunc (c *Server) Execute(args []string) error {\n\treturn c.serve()\n}\n",
            "main.go": "package main\n\nfunc main() {\n\tp.CommandHandler = func(c Command) error {\n"
            "\t\treturn c.Execute(nil)\n\t}\n\tc.Execute(nil)\n}\n",
        },
        "one of several commands of a program",
    ),
    bad(
        "XII-02",
        "go",
        {
            "cmd/server.go": "package cmd\n\nfunc (c *Server) Execute(args []string) error {\n"
            "\treturn c.store.Migrate()\n}\n",
            "main.go": "package main\n\nfunc main() {\n\tc.Execute(nil)\n}\n",
        },
        "cmd/server.go:4",
        why="the one command of a program",
        severity="warning",
    ),
    ok(
        "VII-04",
        "manifests",
        {
            "core/pom.xml": _POM,
            "core/src/main/java/a/Core.java": "package a;\nimport org.springframework.stereotype.*;\nclass Core {}\n",
        },
        "a module without a main of its own",
    ),
    bad(
        "VII-04",
        "manifests",
        {
            "shop/pom.xml": _POM,
            "shop/src/main/java/a/Shop.java": "package a;\nclass Shop {\n  public static void main(String[] a) {\n"
            "    SpringApplication.run(Shop.class, a);\n  }\n}\n",
        },
        "shop/pom.xml",
        why="an app that nothing starts",
    ),
    ok(
        "VII-02",
        "javascript",
        {
            "package.json": '{"scripts": {"start": "node app.js"}, "dependencies": {"express": "^5"}}',
            "app.js": "const http = require('http');\nconst server = http.createServer();\n"
            "server.listen(0, '127.0.0.1', () => {});\n",
        },
        "a port that the system picks",
    ),
    bad(
        "VII-02",
        "javascript",
        {
            "package.json": '{"scripts": {"start": "node app.js"}, "dependencies": {"express": "^5"}}',
            "app.js": "const http = require('http');\nconst server = http.createServer();\n"
            "server.listen(process.env.PORT, '127.0.0.1', () => {});\n",
        },
        "app.js:3",
        why="the app's own port",
        severity="error",
    ),
    ok(
        "HLT-01",
        "python",
        {
            "app.py": _FLASK
            + "@app.get('/items')\ndef items():\n    return []\n\n@app.get('/monitoring')\ndef m():\n    return ''\n"
        },
        "a route for monitoring",
    ),
    # Whether it is loaded at all.
    bad(
        "II-04",
        "javascript",
        {
            "package.json": '{"scripts": {"start": "node app.js"}, "dependencies": {"express": "^5"}}',
            "app.js": "require('express')();\n",
            "left/over.js": "import { Text } from 'yjs';\n",
        },
        "left/over.js:1",
        why="a module that no start is seen to load",
        severity="warning",
    ),
    bad(
        "II-04",
        "javascript",
        {
            "package.json": '{"scripts": {"start": "node app.js"}, "dependencies": {"express": "^5"}}',
            "app.js": "require('express')();\nrequire('./over');\n",
            "over.js": "const { Text } = require('yjs');\n",
        },
        "over.js:1",
        why="a module that the start loads",
        severity="warning",
    ),
    ok(
        "II-04",
        "javascript",
        {
            "package.json": '{"scripts": {"start": "node app.js"}, "dependencies": {"express": "^5"}}',
            "tsconfig.json": '{"compilerOptions": {"baseUrl": "."}}',
            "i18n.config.js": "module.exports = {};\n",
            "app.js": "require('express')();\nconst { i18n } = require('i18n.config');\n",
        },
        "a file of settings below the base of all modules",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_finding_is_claimed_where_its_facts_are_known(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
