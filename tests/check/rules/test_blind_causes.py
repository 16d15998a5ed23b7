"""What looked like a finding in further apps that no rule was tried on, by its cause, with what still is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_GIT = ("init -q", "add -A", "commit -qm x")
_FRONT = '{"dependencies": {"react": "^19", "axios": "^1"}}'
_ASKS = "import axios from 'axios';\nexport const get = () => axios.get('/api/x');\n"
_IMAGE = 'FROM python:3.12-slim\nCOPY . .\nRUN pip install -r requirements.txt\nCMD ["gunicorn", "app:app"]\n'
_THEIRS = 'FROM python:3.12\nRUN pip install -r requirements/dev.txt\nCMD ["./dev.sh"]\n'
_DEV_COMPOSE = (
    "services:\n  web:\n    build:\n      context: .\n      dockerfile: docker/Dockerfile\n    ports: ['80:80']\n"
    "    volumes:\n      - ./shop:/app/shop\n"
)
_GO = 'package main\n\nimport "net/http"\n\nfunc routes() {\n\thttp.HandleFunc("/x", save)\n}\n\n'
_HANDLER = "func save(w http.ResponseWriter, r *http.Request) {\n"

CASES = [
    # Who runs the code: a browser.
    ok("IX-06", "javascript", {"ui/package.json": _FRONT, "ui/src/Store.ts": _ASKS}, "a package that draws pages"),
    ok(
        "IX-06",
        "javascript",
        {
            "package.json": '{"dependencies": {"next": "^15", "react": "^19"}}',
            "src/list.tsx": "'use client';\n" + _ASKS,
        },
        "a file that says so",
    ),
    bad(
        "IX-06",
        "javascript",
        {"package.json": '{"dependencies": {"react": "^19", "express": "^5"}}', "src/sync.ts": _ASKS},
        "src/sync.ts:2",
        why="a package that also serves",
    ),
    ok(
        "V-08",
        "manifests",
        {"go.mod": "module x\n", "main.go": "package main\n", "ui/package.json": '{"scripts": {"start": "vite"}}'},
        "pages beside an app in Go",
    ),
    # What only developers use.
    ok(
        "HLT-02",
        "manifests",
        {
            "Dockerfile": _IMAGE + "HEALTHCHECK CMD curl -f localhost/up\n",
            "web/package.json": '{"dependencies": {"express": "^5"}}',
            "web/Dockerfile": 'FROM node:22\nHEALTHCHECK CMD curl -f localhost/up\nCMD ["node", "a.js"]\n',
            "package.json": "{}",
            "docker-compose.yml": "services:\n  web:\n    build: {context: ., dockerfile: ./web/Dockerfile}\n"
            "    ports: ['80:80']\n",
        },
        "an image of another app of the tree",
    ),
    bad(
        "HLT-02",
        "manifests",
        {"Dockerfile": _IMAGE, "shop/a.py": "", "docker-compose.yml": _DEV_COMPOSE},
        "Dockerfile",
        "docker-compose.yml:2",
        why="code is laid over the image",
        severity="note",
    ),
    bad(
        "HLT-02",
        "manifests",
        {
            "Dockerfile": _IMAGE,
            "shop/a.py": "",
            "docker-compose.yml": "services:\n  web:\n    build: .\n    ports: ['80:80']\n"
            "    volumes:\n      - ./data:/app/data\n",
        },
        "docker-compose.yml:2",
        why="data is mounted",
        severity="warning",
    ),
    ok(
        "V-08",
        "manifests",
        {
            "Procfile": "web: gunicorn app:app\n",
            "docker/Dockerfile": _THEIRS,
            "dev.sh": "#!/bin/sh\npython manage.py migrate\nexec python manage.py runserver 0.0.0.0:8000\n",
            "shop/a.py": "",
            "docker-compose.yml": _DEV_COMPOSE,
        },
        "an image that only a developer's compose file builds",
    ),
    bad(
        "V-08",
        "manifests",
        {
            "docker/Dockerfile": _THEIRS,
            "dev.sh": "#!/bin/sh\nexec python manage.py runserver 0.0.0.0:8000\n",
            "shop/a.py": "",
        },
        "dev.sh:2",
        why="nothing else starts it",
    ),
    bad(
        "XII-02",
        "manifests",
        {
            "Procfile": "web: gunicorn app:app\n",
            "docker/Dockerfile": _THEIRS,
            "dev.sh": "#!/bin/sh\npython manage.py migrate\nexec python manage.py runserver 0.0.0.0:8000\n",
            "shop/a.py": "",
            "docker-compose.yml": _DEV_COMPOSE,
        },
        "dev.sh:2",
        why="at a developer's start",
        severity="note",
    ),
    bad(
        "SEC-01",
        "manifests",
        {
            "Dockerfile": _IMAGE,
            "app.py": "",
            "docker-compose.yml": "services:\n  web:\n    build: .\n    volumes: ['.:/app']\n",
        },
        "Dockerfile:1",
        why="the only image there is",
        severity="warning",
    ),
    bad(
        "V-03",
        "manifests",
        {
            "docker-compose.yml": "services:\n  web:\n    image: acme/shop\n"
            "    env_file: ./config/development/shop.env\n",
            "config/development/shop.env": "A=1\n",
        },
        "docker-compose.yml:3",
        why="the environment of a developer",
        severity="note",
    ),
    ok(
        "VII-01",
        "manifests",
        {
            "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["./run.sh"]\n',
            "run.sh": '#!/bin/sh\nif [ "$APP_ENV" = dev ]; then\n  exec uvicorn app:app --port 8000\nfi\n'
            "exec uvicorn app:app --port $PORT\n",
        },
        "a branch for developers",
    ),
    # Secrets.
    ok(
        "III-01",
        "javascript",
        {"urls.js": "exports.urls = {\n  CREDENTIAL: 'v1/credentials/:id',\n  CREDENTIALS: 'v1/credentials',\n};\n"},
        "the path of a request",
    ),
    bad(
        "III-01",
        "javascript",
        {"urls.js": "exports.urls = {\n  CREDENTIAL: 'x1/Zt8fkq0vLm2+/Qw9',\n};\n"},
        "urls.js:2",
        why="a value with a slash",
    ),
    ok(
        "III-03",
        "git",
        {".env": "SESSION_SECRET=Zt8fkq0vLmW3aa\n"},
        "the file is still there",
        (*_GIT, "commit -q --allow-empty -m y"),
    ),
    bad(
        "III-09",
        "python",
        {
            ".env.example": "DEBUG=\n",
            "wsgi.py": "import os\nimport dotenv\ndebug = os.environ['DEBUG']\n"
            "dotenv.load_dotenv(dotenv_path=os.environ.get('OTHER_PATH', ''))\n",
        },
        "wsgi.py:4",
        why="a file that may be named",
        severity="note",
    ),
    # What brings a module.
    ok(
        "II-04",
        "python",
        {
            "requirements.txt": "moz.l10n==0.13.0\ntranslate-toolkit==3.19\ndjango-notifications-community==1.11\n"
            "google-cloud-translate==3.16\n",
            "app.py": "from moz.l10n.model import Entry\nfrom translate.storage import po\nimport notifications.urls\n"
            "from google.cloud import translate_v3\n",
        },
        "a distribution whose name begins so",
    ),
    bad(
        "II-04",
        "python",
        {"requirements.txt": "celery-progress==0.5\n", "app.py": "import progressbar\n"},
        "app.py:1",
        why="whose name ends otherwise",
        severity="warning",
    ),
    ok(
        "II-04",
        "python",
        {
            "requirements.txt": "alembic==1.13\n",
            "src/__init__.py": "",
            "src/app/__init__.py": "",
            "src/app/core/__init__.py": "",
            "src/app/core/config.py": "settings = {}\n",
            "src/migrations/env.py": "from app.core.config import settings\n",
        },
        "a package below another directory",
    ),
    ok(
        "II-04",
        "javascript",
        {"package.json": '{"dependencies": {"next": "^15"}}', "env.ts": "import 'server-only';\n"},
        "what the framework has itself",
    ),
    bad(
        "II-04",
        "javascript",
        {"package.json": '{"dependencies": {"express": "^5"}}', "env.ts": "import 'server-only';\n"},
        "env.ts:1",
        why="without that framework",
    ),
    ok(
        "II-04",
        "javascript",
        {
            "package.json": '{"workspaces": ["packages/*"]}',
            "packages/languages/package.json": '{"dependencies": {"negotiator": "^1"}}',
            "packages/languages/src/index.ts": "import Negotiator from 'negotiator';\n",
        },
        "a package called languages",
    ),
    ok(
        "II-05",
        "python",
        {
            "requirements/base.in": "django==5.2\n",
            "requirements/dev.in": "-r base.in\npytest==8.0\n",
            "requirements/dev.txt": "django==5.2\n    # via -r base.in\nrequests==2.33\n    # via pytest\npytest==8.0\n"
            "    # via -r dev.in\n",
            "app.py": "import requests\n",
        },
        "a list of what others need",
    ),
    ok(
        "II-03",
        "manifests",
        {
            "package.json": '{"dependencies": {"grunt-cli": "^1.5.0"}}',
            "Dockerfile": "FROM node:22\nCOPY package.json .\nRUN npm install grunt-cli\nCMD node a.js\n",
        },
        "the manifest bounds it",
    ),
    ok(
        "II-08",
        "python",
        {
            "requirements.txt": "flask==3.0\n",
            "app.py": "import flask\n",
            "Dockerfile": "FROM ubuntu:jammy\nRUN apt-get install -y python3.10-dev\nCMD python3 app.py\n",
        },
        "a version that is installed",
    ),
    bad(
        "II-06",
        "javascript",
        {
            "package.json": "{}",
            "v.js": "const { execSync } = require('child_process');\nexecSync('git rev-parse HEAD');\n",
        },
        "v.js:2",
        why="which commit it is of",
        severity="note",
    ),
    # What a text does not show.
    ok(
        "IX-02",
        "javascript",
        {
            "server.js": "server.listen(80);\nconst bye = async () => {\n  clients.forEach((one) => one.quit());\n"
            "  setTimeout(() => process.exit(1), 3000);\n  server.close(() => process.exit(0));\n};\n"
            "process.on('SIGTERM', bye);\n"
        },
        "a method called quit",
    ),
    bad(
        "IX-02",
        "javascript",
        {"server.js": "server.listen(80);\nconst bye = () => {\n  process.exit(0);\n};\nprocess.on('SIGTERM', bye);\n"},
        "server.js:5",
        why="at once",
    ),
    ok(
        "VI-07",
        "go",
        {
            "stream.go": _GO + _HANDLER + "\tconn, _ := upgrader.Upgrade(w, r, nil)\n\tclient := newClient(conn)\n"
            "\tgo client.startPushing()\n}\n"
        },
        "as long as its connection",
    ),
    bad(
        "VI-07",
        "go",
        {"stream.go": _GO + _HANDLER + "\tgo sendMail(r)\n}\n"},
        "stream.go:10",
        why="longer than its request",
    ),
    ok(
        "SEC-03",
        "javascript",
        {
            "network.js": "const _ = require('lodash');\nclass Network {\n  constructor(given) {\n"
            "    _.defaults(this, given, { host: '', rejectUnauthorized: false });\n  }\n}\n"
        },
        "a field of a record",
    ),
    bad(
        "SEC-03",
        "javascript",
        {
            "ask.js": "const request = require('request');\n"
            "module.exports = request.defaults({ rejectUnauthorized: false });\n"
        },
        "ask.js:2",
        why="the defaults of a client",
    ),
    bad(
        "XI-01",
        "python",
        {
            "settings.py": "import os\nLOG_TO_FILE = os.environ.get('LOG_TO_FILE') == '1'\nfile_handler = {\n"
            "    'class': 'logging.handlers.RotatingFileHandler',\n    'filename': 'a.log',\n}\n"
            "LOGGING = {'handlers': {}}\nif LOG_TO_FILE:\n    LOGGING['handlers']['file'] = file_handler\n"
        },
        "settings.py:4",
        why="only where a setting asks for it",
        severity="note",
    ),
    bad(
        "XI-01",
        "python",
        {
            "settings.py": "file_handler = {\n    'class': 'logging.handlers.RotatingFileHandler',\n"
            "    'filename': 'a.log',\n}\nLOGGING = {'handlers': {'file': file_handler}}\n"
        },
        "settings.py:2",
        why="always",
        severity="error",
    ),
    ok(
        "HLT-01",
        "java",
        {
            "pom.xml": "<project><dependencies><dependency><groupId>org.springframework.cloud</groupId>"
            "<artifactId>spring-cloud-config-server</artifactId></dependency></dependencies></project>",
            "src/main/java/A.java": '@RestController\nclass A {\n  @GetMapping("/x")\n  String x() { return ""; }\n}\n',
        },
        "a package that brings the actuator",
    ),
    ok(
        "V-06",
        "python",
        {"bin/update.py": "import subprocess\nsubprocess.run(['git', 'pull'])\n"},
        "for who works in a checkout",
    ),
    ok(
        "IX-01",
        "python",
        {
            "Procfile": "web: gunicorn app:app\n",
            "feed.py": "import redis\n\n\ndef follow(client):\n    while True:\n        client.brpop('jobs')\n",
        },
        "within a server that handles it",
    ),
    # Defaults, and what is laid over them.
    bad(
        "III-05",
        "python",
        {
            "shop/settings.py": "SECRET_KEY = 'changeme1'\n",
            "shop/config.py": "config['SECRET_KEY'] = get_config('SECRET_KEY', default='')\n",
        },
        "shop/settings.py:1",
        why="a function of the app's own reads the environment",
        severity="error",
    ),
    ok(
        "III-01",
        "python",
        {
            "shop/settings.py": "SECRET_KEY = 'changeme1'\n",
            "shop/config.py": "config['SECRET_KEY'] = get_config('SECRET_KEY', default='')\n",
        },
        "the environment comes first",
    ),
    bad(
        "IV-02",
        "python",
        {
            "shop/settings.py": "SMTP_HOST = 'smtp.gmail.com'\nSMTP_PORT = 587\n",
            "shop/app.py": "config.from_object('shop.settings')\nconfig.from_envvar('SHOP_CONF', silent=True)\n",
        },
        "shop/settings.py:1",
        why="a file of the deploy is laid over it",
        severity="note",
    ),
    bad(
        "IV-02",
        "python",
        {
            "shop/settings.py": "SMTP_HOST = 'smtp.gmail.com'\nSMTP_PORT = 587\n",
            "shop/app.py": "config.from_envvar('SHOP_CONF', silent=True)\nconfig.from_object('shop.settings')\n",
        },
        "shop/settings.py:1",
        why="nothing is laid over it any more",
        severity="error",
    ),
    bad(
        "III-06",
        "python",
        {
            "shop/settings.py": "AWS_REGION = 'us-east-1'\n",
            "shop/app.py": "config.from_object('shop.settings')\nconfig.from_pyfile('/etc/shop.conf')\n",
        },
        "shop/settings.py:1",
        why="a file of the deploy is laid over it",
        severity="note",
    ),
    bad(
        "III-05",
        "python",
        {
            "manage.py": "import os\nDEFAULTS = {\n    'BOT_API_KEY': 'badbot13m0n8f570f942013fc818f23',\n}\n"
            "for key, value in DEFAULTS.items():\n    os.environ.setdefault(key, value)\n"
        },
        "manage.py:3",
        why="a table of what is set where it is not",
        severity="note",
    ),
    ok(
        "III-09",
        "python",
        {
            ".env.example": "DEBUG=\n",
            "settings.py": "import environ\nenv = environ.Env(DEBUG=(bool, False), SITE_DSN=(str, ''))\n"
            "DEBUG = env('DEBUG')\ndsn = env('SITE_DSN')  # noqa\n",
            "README.md": "SITE_DSN may be set.\n",
        },
        "a default in a schema",
    ),
    bad(
        "III-01",
        "php",
        {
            "config/captcha.php": "<?php\nreturn [\n  'key' => 1,\n"
            "  '_shipped_secret_key' => '6LcJcjwUAAAAALOcDJqAEYKTDhwELCkz',\n];\n"
        },
        "config/captcha.php:4",
        why="a value of its own",
    ),
    ok(
        "III-01",
        "php",
        {
            "config/captcha.php": "<?php\nreturn [\n"
            "  'secret_key' => env('CAPTCHA_SECRET_KEY', '6LcJcjwUAAAAALOcDJqAEYKTDhwELCkz'),\n"
            "  '_shipped_secret_key' => '6LcJcjwUAAAAALOcDJqAEYKTDhwELCkz',\n];\n"
        },
        "the default, once more",
    ),
    ok(
        "III-01",
        "php",
        {
            "app/Form.php": "<?php\nclass Form {\n  const ACTION_DATABASE_VIEW_PASSWORD = 'database.view_password1';\n"
            "  function rules() {\n    return ['captcha:secret_key' => 'required|string|max:191'];\n  }\n"
            "  function attributes() {\n    return ['captcha:secret_key' => 'Captcha Secret Key'];\n  }\n}\n"
        },
        "rules, labels and actions",
    ),
    ok(
        "XI-06",
        "go",
        {
            "auth.go": 'package auth\n\nimport "log"\n\nfunc ask() {\n'
            '\tlog.Printf("template %s", notifs.TplForgotPassword)\n}\n'
        },
        "the name of a template",
    ),
    bad(
        "III-04",
        "manifests",
        {".env": "PROJECT=shop\n"},
        ".env:1",
        why="what no deploy decides",
        severity="note",
    ),
    bad(
        "III-04",
        "manifests",
        {".env": "PROJECT=shop\n", "app.py": "import os\nproject = os.environ['PROJECT']\n"},
        ".env:1",
        why="what the code asks for",
        severity="warning",
    ),
    bad(
        "III-01",
        "manifests",
        {"dev/config.toml": '[db]\nhost = "db"\npassword = "shop-dev7"\n'},
        "dev/config.toml:3",
        why="the service of a developer",
        severity="note",
    ),
    # What production installs, and what brings it.
    ok(
        "II-05",
        "python",
        {
            "requirements.txt": "flask==3.0\n",
            "requirements-ci.txt": "python-ldap==3.4\n",
            "app.py": "import ldap\n",
            "Dockerfile": "FROM python:3.12\nCOPY . .\nRUN pip install -r requirements.txt -r requirements-ci.txt\n"
            "CMD gunicorn app:app\n",
        },
        "the image installs it",
    ),
    bad(
        "II-05",
        "python",
        {
            "requirements.txt": "flask==3.0\n",
            "requirements-ci.txt": "python-ldap==3.4\n",
            "app.py": "import ldap\n",
            "Dockerfile": "FROM python:3.12\nCOPY . .\nRUN pip install -r requirements.txt\nCMD gunicorn app:app\n",
        },
        "app.py:1",
        why="the image does not install it",
    ),
    ok(
        "II-04",
        "ruby",
        {
            "Gemfile": "gem 'rails'\n",
            "Gemfile.lock": "GEM\n  specs:\n    better_html (2.2.0)\n    rails (8.0.0)\n\nDEPENDENCIES\n  rails\n",
            ".linters/hard_coded.rb": "require 'better_html/tree/tag'\n",
            "config.ru": "run App\n",
        },
        "a tool in a hidden directory",
    ),
    bad(
        "II-04",
        "php",
        {
            "composer.json": '{"require": {"laravel/framework": "^11"}}',
            "composer.lock": '{"packages": [{"name": "laravel/framework", "version": "11.0.0"}, {"name": '
            '"league/fractal", "version": "0.20.1", "autoload": {"psr-4": {"League\\\\Fractal\\\\": "src"}}}]}',
            "app/A.php": "<?php\nuse League\\Fractal\\Scope;\nnew Scope();\n",
            "app/B.php": "<?php\nuse League\\Fractal\\Manager;\nnew Manager();\n",
        },
        "app/A.php:2",
        why="once for a package",
    ),
    # Starts.
    bad(
        "IX-03",
        "manifests",
        {
            "Dockerfile": 'FROM alpine:3.20\nCOPY . .\nENTRYPOINT ["./entry.sh"]\nCMD ["./shop"]\n',
            "entry.sh": '#!/bin/sh\nif [ "$PUID" != 0 ]; then\n  su-exec $PUID "$@"\nelse\n  exec "$@"\nfi\n',
        },
        "Dockerfile:3",
        why="on another way through the script",
        severity="note",
    ),
    ok(
        "SEC-01",
        "manifests",
        {
            "Dockerfile": 'FROM ruby:3.3\nRUN bundle install\nENTRYPOINT ["/entry.sh"]\n',
            "docker/entry.sh": '#!/bin/sh\nexec "$@"\n',
            "app/a.rb": "",
            "docker-compose.yml": "services:\n  web:\n    build: .\n    volumes: ['.:/app']\n    command: rails s\n",
        },
        "an image that only a developer's compose file gives a command",
    ),
    ok(
        "XI-04",
        "python",
        {
            "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["gunicorn", "app:app"]\n',
            "app.py": "app = 1\n",
            "pages/deploy_pages.py": "if __name__ == '__main__':\n    print('done')\n",
        },
        "a program that nothing starts",
    ),
    bad(
        "XI-01",
        "python",
        {
            "log.py": "from logging.config import dictConfig\n\n\ndef setup(app):\n    dictConfig({\n"
            "        'handlers': {\n            'file': {\n"
            "                'class': 'logging.handlers.RotatingFileHandler',\n"
            "                'filename': 'a.log',\n            },\n        },\n"
            "        'root': {'handlers': app.config['LOG_HANDLERS']},\n    })\n"
        },
        "log.py:8",
        why="a setting names the handlers",
        severity="note",
    ),
    bad(
        "XI-01",
        "python",
        {
            "log.py": "from logging.config import dictConfig\n\n\ndef setup(app):\n    dictConfig({\n"
            "        'handlers': {\n            'file': {\n"
            "                'class': 'logging.handlers.RotatingFileHandler',\n"
            "                'filename': 'a.log',\n            },\n        },\n"
            "        'root': {'handlers': ['file']},\n    })\n"
        },
        "log.py:8",
        why="the code names it",
        severity="error",
    ),
    bad(
        "VI-08",
        "python",
        {
            "settings.py": "import os\nimport secrets\nif 'CI' in os.environ:\n"
            "    SECRET_KEY = secrets.token_urlsafe(32)\nelse:\n    SECRET_KEY = secrets.token_urlsafe(31)\n"
        },
        "settings.py:6",
        why="but for what CI runs",
    ),
    bad(
        "X-02",
        "manifests",
        {
            "docker-compose.yml": "services:\n  db:\n    image: postgres\n",
            ".github/workflows/test.yml": "on: push\njobs:\n  t:\n    runs-on: x\n    services:\n      db:\n"
            "        image: postgres:11\n    steps: []\n",
        },
        ".github/workflows/test.yml:7",
        why="nobody knows what runs",
        severity="note",
    ),
    # What a further round showed.
    bad(
        "III-05",
        "ruby",
        {
            "config/initializers/secret.rb": "if Rails.env.production? && ENV['SECRET_TOKEN'].blank?\n"
            "  fail 'SECRET_TOKEN must be set!'\nend\n\n"
            "App.config.secret_key_base = ENV['SECRET_TOKEN'] || '9e54bbeeb2a8573aee35f49c56406f70zz'\n"
        },
        "config/initializers/secret.rb:5",
        why="the start fails with it",
        severity="note",
    ),
    bad(
        "III-05",
        "javascript",
        {"mail.js": "const emailPassword = process.env.EMAIL_PASSWORD || 'secret.1';\n"},
        "mail.js:1",
        why="a mail server refuses it",
        severity="warning",
    ),
    ok(
        "IX-04",
        "manifests",
        {
            "Procfile": "web: bundle exec puma\n",
            "Dockerfile": "FROM ruby:3.3\nCOPY . .\n",
            "app/a.rb": "",
            "bin/dev-start": "#!/bin/sh\nwhile ! nc -z db 5432; do\n  sleep 1\ndone\nexec rails s\n",
            "docker-compose.yml": "services:\n  web:\n    build: .\n    volumes: ['.:/app']\n"
            "    command: bin/dev-start\n",
        },
        "what only a developer's compose file starts",
    ),
    bad(
        "X-02",
        "manifests",
        {
            "docker-compose.yml": "services:\n  db:\n    image: postgres:16\n",
            ".github/workflows/gh-pages.yml": "on: push\njobs:\n  t:\n    runs-on: x\n    services:\n      db:\n"
            "        image: postgres:13\n    steps: []\n",
        },
        ".github/workflows/gh-pages.yml:7",
        why="it publishes",
        severity="note",
    ),
    bad(
        "II-04",
        "python",
        {
            "requirements.txt": "django\narrow\ncelery\nredis\n",
            "app.py": "import six\nimport django\nimport arrow\n",
        },
        "app.py:1",
        why="no lock says what the others bring",
        severity="warning",
    ),
    bad(
        "II-04",
        "python",
        {
            "requirements.txt": "flask\n",
            "app.py": "import os\nif os.environ.get('SECRETS') == 'vaulty':\n    import vaulty\n",
        },
        "app.py:3",
        why="only where a setting asks for it",
        severity="note",
    ),
    ok(
        "VI-01",
        "python",
        {
            "app.py": "from flask import Flask\napp = Flask(__name__)\n\n\nclass SessionTracker:\n"
            "    _sessions = {}\n\n    @classmethod\n    def track(cls, key):\n        cls._sessions[key] = 1\n"
            "        return len(cls._sessions)\n\n\n@app.get('/x')\ndef x():\n    SessionTracker.track('a')\n"
            "    return ''\n"
        },
        "what a process has open",
    ),
    ok(
        "VI-07",
        "python",
        {
            "app.py": "from flask import Flask\nimport shop.reports\napp = Flask(__name__)\n\n\n@app.get('/x')\n"
            "def x():\n    return ''\n",
            "shop/reports.py": "from schedule import every\n\nevery(1).day.do(send)\n",
            "shop/timer.py": "import schedule\n\n\ndef start():\n    while True:\n        schedule.run_pending()\n",
        },
        "planned, and run by another process",
    ),
    bad(
        "VI-07",
        "python",
        {
            "app.py": "from flask import Flask\nimport shop.reports\napp = Flask(__name__)\n\n\n@app.get('/x')\n"
            "def x():\n    return ''\n",
            "shop/reports.py": "from schedule import every\n\nevery(1).day.do(send)\n",
            "shop/timer.py": "import schedule\nfrom threading import Thread\n\n\ndef start():\n"
            "    while True:\n        schedule.run_pending()\n\n\nThread(target=start, daemon=True).start()\n",
        },
        "shop/reports.py:3",
        "shop/timer.py:10",
        why="run by a thread",
    ),
    ok(
        "VI-07",
        "go",
        {
            "main.go": _GO + "func save(w http.ResponseWriter, r *http.Request) {\n}\n\nfunc clean(db *DB) {\n"
            "\tstopClean := make(chan bool)\n\tgo auth.CleanupExpired(db, stopClean)\n}\n"
        },
        "it is told to stop",
    ),
    ok(
        "II-09",
        "manifests",
        {
            "Dockerfile": "FROM debian:12\nRUN wget -qO - https://example.org/keys/A.asc | apt-key add -\n\n"
            "RUN wget -qO - https://example.org/setup_20.x | bash -\nCMD ./a\n"
        },
        "another command is piped to a shell",
    ),
    bad(
        "II-09",
        "manifests",
        {"Dockerfile": "FROM debian:12\nRUN wget -qO - https://example.org/keys/a | bash -\nCMD ./a\n"},
        "Dockerfile:2",
        why="this one is",
    ),
    ok(
        "III-09",
        "python",
        {
            ".env.example": "DEBUG=\n",
            "config.py": "from starlette.config import Config\nconfig = Config('.env')\nDEBUG = config('DEBUG')\n"
            "KIND = config('KIND', default=None)\n",
            "docs/settings.mdx": "`KIND` says which.\n",
        },
        "a default of nothing",
    ),
    ok(
        "SEC-01",
        "manifests",
        {
            "extensions/roles.yaml": "apiVersion: v1alpha1\nkind: Role\nmetadata:\n  name: super\nrules:\n"
            "  - apiGroups: ['*']\n    resources: ['*']\n    verbs: ['*']\n"
        },
        "a role of the app's own",
    ),
    bad(
        "SEC-01",
        "manifests",
        {
            "k8s/roles.yaml": "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: super\n"
            "rules:\n  - apiGroups: ['*']\n    resources: ['*']\n    verbs: ['*']\n"
        },
        "k8s/roles.yaml:6",
        why="a role of the cluster",
    ),
    ok(
        "II-08",
        "go",
        {
            "go.mod": "module x\n\ngo 1.25\n",
            "main.go": "package main\n",
            "ui/package.json": _FRONT,
            "ui/src/a.js": "import axios from 'axios';\n" + "// pages\n" * 40,
        },
        "what only builds pages",
    ),
    bad(
        "HLT-02",
        "manifests",
        {
            "docker/Dockerfile": 'FROM scratch\nEXPOSE 80\nHEALTHCHECK CMD ["./a", "check"]\nENTRYPOINT ["./a"]\n',
            "docker/Dockerfile.dev": "FROM golang:1.25\nCOPY . .\nEXPOSE 80\nCMD ./a\n",
            "docker-compose.yml": "services:\n  web:\n    build: {context: ., dockerfile: docker/Dockerfile.dev}\n"
            "    ports: ['80:80']\n",
        },
        "docker-compose.yml:2",
        why="a developer's image",
        severity="note",
    ),
    bad(
        "I-07",
        "git",
        {"data/shop-sample-data.dump": "x"},
        "data/shop-sample-data.dump",
        why="data to be looked at",
        severity="note",
        git=_GIT,
    ),
    # What the last round showed.
    bad(
        "III-01",
        "python",
        {"scripts/dev_data.py": "SCREENSHOT_PASSWORD = 'Zt8fkq0vLmW3-1'\n"},
        "scripts/dev_data.py:1",
        why="data for developers",
        severity="note",
    ),
    bad(
        "III-01",
        "javascript",
        {"database/seeds/02_tokens.js": "const apiToken = 'LaD52wgw7pi5zVitv4gR5lxoUa6ncTQ';\n"},
        "database/seeds/02_tokens.js:1",
        why="what fills an empty database",
        severity="note",
    ),
    ok(
        "III-01",
        "ruby",
        {
            "config/initializers/captcha.rb": "Recaptcha.configure do |config|\n"
            "  config.secret_key = 'YourKeyHere_xxxxxxxxxxxxxxxxx'\nend\n"
        },
        "a text that says what to write there",
    ),
    ok(
        "VI-08",
        "javascript",
        {
            "tokens.js": "const { randomBytes } = require('crypto');\n"
            "async function createToken(db) {\n  return db.transaction(async (one) => {\n"
            "    const secret = randomBytes(64);\n    return one.insert(secret);\n  });\n}\n"
        },
        "the secret of one token",
    ),
    ok(
        "II-04",
        "python",
        {
            "requirements.txt": "django-activity-stream==2.0\ndjango-mozilla-product-details==1.0\n",
            "app.py": "from actstream.models import Action\nimport product_details\n",
        },
        "words behind the name of a framework",
    ),
    ok(
        "II-04",
        "javascript",
        {
            "package.json": '{"dependencies": {"@nestjs/platform-fastify": "^11"}}',
            "a.ts": "import { type FastifyReply, type FastifyRequest } from 'fastify';\n",
        },
        "types alone",
    ),
    ok(
        "II-04",
        "ruby",
        {
            "Gemfile": "gem 'rails'\n",
            "lib/shop_plugins/avatar.rb": "require 'shop_plugins'\n",
        },
        "a directory of the app's own library",
    ),
    ok(
        "V-03",
        "manifests",
        {
            ".github/workflows/latest.yml": "on: push\njobs:\n  b:\n    runs-on: x\n    steps:\n"
            "      - run: docker build -t acme/shop:latest . && docker push acme/shop:latest\n",
            ".github/workflows/release.yml": "on: release\njobs:\n  b:\n    runs-on: x\n    steps:\n"
            "      - run: docker build -t acme/shop:1.2.3 . && docker push acme/shop:1.2.3\n",
        },
        "another pipeline publishes versions",
    ),
    bad(
        "V-03",
        "manifests",
        {"docker-compose.yml": "services:\n  ldap:\n    image: acme/test-openldap\n"},
        "docker-compose.yml:3",
        why="what tests run against",
        severity="note",
    ),
    ok(
        "XI-08",
        "python",
        {
            "log.py": "LOGGING = {\n    'handlers': {\n        'syslog': {\n"
            "            'class': 'logging.handlers.SysLogHandler',\n        },\n"
            "        'console': {'class': 'logging.StreamHandler'},\n    },\n"
            "    'root': {'handlers': ['console']},\n}\n"
        },
        "a handler that no logger has",
    ),
    bad(
        "XI-08",
        "python",
        {
            "log.py": "LOGGING = {\n    'handlers': {\n        'syslog': {\n"
            "            'class': 'logging.handlers.SysLogHandler',\n        },\n    },\n"
            "    'root': {'handlers': ['syslog']},\n}\n"
        },
        "log.py:4",
        why="a handler that a logger has",
    ),
    ok(
        "VI-06",
        "python",
        {
            "settings.py": "CACHES = {\n    'default': {'BACKEND': 'django_redis.cache.RedisCache'},\n"
            "    'versions': {\n        'BACKEND': 'django.core.cache.backends.locmem.LocMemCache',\n    },\n}\n"
        },
        "a second cache of its own",
    ),
    bad(
        "IX-06",
        "ruby",
        {"db/convert.rb": "#!/usr/bin/env ruby\nfeed = Net::HTTP.get(URI.parse(ARGV[0]))\n"},
        "db/convert.rb:2",
        why="a program that somebody waits for",
        severity="note",
    ),
    ok(
        "V-09",
        "manifests",
        {
            "Dockerfile": 'FROM node:22\nCOPY a.js .\nCMD ["node", "a.js"]\n',
            "db/seed.js": "",
            "docker-compose.prod.yml": "services:\n  db:\n    image: lscr.io/linuxserver/mariadb\n"
            "    volumes:\n      - ./db:/config\n",
        },
        "the data of a database",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_causes_that_further_apps_showed(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
