"""What looked like a finding in apps that no rule was tried on before, and is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_FASTAPI = (
    "from fastapi import APIRouter\nrouter = APIRouter()\n\n"
    + "@router.delete('/{id}')\ndef delete(id: int):\n    return id\n"
)
_PY = "import logging\nfrom app.config import settings\nlogger = logging.getLogger()\n\n"
_LARAVEL = "<?php\nuse Illuminate\\Support\\Facades\\Route;\nRoute::apiResource('users', UserController::class);\n"
_SPEC = "openapi: 3.0.0\npaths:\n"
_FLASK = "import tempfile\nfrom pathlib import Path\nfrom flask import Flask, request\napp = Flask(__name__)\n\n"
_GO = 'package web\n\nimport "net/http"\n\n'

CASES = [
    ok(
        "III-01",
        "javascript",
        {
            "secrets.js": "exports.Names = {\n  bank_secretKey: 'bank_secretKey',\n"
            + "  mail_apiSecret: 'mail_apiSecret',\n};\n"
        },
        "names of settings",
    ),
    bad(
        "III-01",
        "javascript",
        {"secrets.js": "exports.keys = {\n  bank_secretKey: 'bank_Zt8fkq0vLm2',\n};\n"},
        "secrets.js:2",
        why="a value beside its name",
    ),
    ok(
        "III-01",
        "manifests",
        {
            "config/secrets.yml": "test:\n  secret_key_base: 7d4d2daa8c4b79efe9a9206d20b877a2cde9c90f\nproduction:\n"
            '  secret_key_base: <%= ENV["SECRET_KEY_BASE"] %>\n'
        },
        "the section for tests",
    ),
    bad(
        "III-01",
        "manifests",
        {"config/secrets.yml": "development:\n  secret_key_base: 7d4d2daa8c4b79efe9a9206d20b877a2cde9c90fx1\n"},
        "config/secrets.yml:2",
        why="the section for development",
        severity="note",
    ),
    ok(
        "VII-01",
        "go",
        {"tls.go": _GO + 'func (m *Manager) Start() {\n\thttp.ListenAndServe(":80", m.autocert.HTTPHandler(nil))\n}\n'},
        "what answers who issues certificates",
    ),
    ok(
        "SEC-02",
        "php",
        {
            "config/filesystems.php": "<?php\nreturn ['ftp' => ['user' => 'admin', 'username' => 'your-username',\n"
            "  'password' => 'your-password', 'is_admin' => true]];\n"
        },
        "a text that says what to write there",
    ),
    ok(
        "VI-01",
        "javascript",
        {
            "api/routes.py": _FASTAPI,
            "frontend/src/api/routes.js": "const urls = { one: id => `/api/${id}`, delete: id => `/api/${id}` };\n"
            ""
            "export default {\n  delete(id) {\n    return http.delete(urls.delete(id));\n"
            "  },\n  one: id => urls.one(id),\n};\n",
        },
        "a function of the same name in another language",
    ),
    ok(
        "XI-06",
        "python",
        {"app/main.py": _PY + 'logger.info(settings.json(indent=4, exclude={"SECRET", "PASSWORD"}))\n'},
        "settings without their secrets",
    ),
    bad(
        "XI-06",
        "python",
        {"app/main.py": _PY + "logger.info(settings.json(indent=4))\n"},
        "app/main.py:5",
        why="all settings",
    ),
    ok(
        "II-04",
        "python",
        {
            "requirements.txt": "django-soft-delete==1.0\nzxing-cpp==3.1\n",
            "app.py": "import django_softdelete\nimport zxingcpp\n",
        },
        "words that the package's name parts",
    ),
    ok("II-04", "python", {"requirements.txt": "zxing-cpp==3.1\n", "app.py": "import zxing_cpp\n"}, "the same name"),
    bad(
        "II-04",
        "python",
        {"requirements.txt": "zxing==3.1\n", "app.py": "import zxingcpp\n"},
        "app.py:1",
        why="another",
    ),
    bad(
        "II-07",
        "manifests",
        {
            "Dockerfile": 'FROM python:3.12\nCOPY . .\nENTRYPOINT ["./start.sh"]\n',
            "start.sh": '#!/bin/sh\nif [ -n "$EXTRA" ]; then\n  pip install --no-cache-dir $EXTRA\nfi\n'
            + "exec gunicorn app:app\n",
        },
        "start.sh:3",
        why="what a deploy adds of its own",
        severity="warning",
    ),
    ok(
        "II-03",
        "manifests",
        {"Dockerfile": "FROM node:22\nCOPY . .\nRUN npm ci --maxsockets 1\nCMD node a.js\n", "package-lock.json": "{}"},
        "the value of an option",
    ),
    ok(
        "III-04", "manifests", {".env.dev.default": "POSTGRES_PASSWORD=Zt8fkq0vLm\n"}, "the template of one environment"
    ),
    ok("III-04", "manifests", {"template.env": "API_PORT=9000\nDB_TYPE=sqlite\nHOST=db.example.org\n"}, "a template"),
    ok(
        "III-08",
        "python",
        {
            "Procfile": "web: uvicorn app:app\n",
            "app.py": "import uvicorn\n\n\ndef main():\n    uvicorn.run('app:app', debug=True)\n\n\n"
            "if __name__ == '__main__':\n    main()\n",
        },
        "what a developer runs by hand",
    ),
    ok(
        "IX-06",
        "javascript",
        {"frontend/src/api.js": "import axios from 'axios';\nexport const get = () => axios.get('/api');\n"},
        "a browser asks",
    ),
    ok(
        "VI-05",
        "python",
        {
            "app.py": _FLASK + "@app.post('/x')\ndef x():\n    place = Path(tempfile.mkdtemp()) / 'a.pdf'\n"
            "    place.write_bytes(request.data)\n    return ''\n"
        },
        "a path below a temporary one",
    ),
    ok(
        "VI-05",
        "python",
        {
            "app.py": _FLASK
            + "@app.post('/x')\ndef x():\n    page = SCRATCH_DIR / 'page'\n    target = page / 'a.pdf'\n"
            "    with target.open('wb') as file:\n        file.write(request.data)\n    return ''\n"
        },
        "two names from a temporary one",
    ),
    bad(
        "VI-05",
        "python",
        {
            "app.py": _FLASK + "@app.post('/x')\ndef x():\n    place = Path(DATA) / 'a.pdf'\n"
            "    place.write_bytes(request.data)\n    return ''\n"
        },
        "app.py:9",
        why="a path below the data",
    ),
    ok(
        "API-02",
        "javascript",
        {
            "api.yaml": _SPEC
            + "  /api/users:\n    get: {}\n    post: {}\n  /api/users/{id}:\n    get: {}\n    delete: {}\n",
            "routes/api.php": _LARAVEL,
            "composer.json": '{"require": {"laravel/framework": "^11"}}',
        },
        "routes of a resource",
    ),
    ok(
        "III-05",
        "php",
        {
            "config/database.php": "<?php\nreturn ['connections' => [\n  'pgsql-ci' => [\n"
            "    'password' => env('DB_PASSWORD', 'kj3Hs9kQ'),\n  ],\n]];\n"
        },
        "a section for CI",
    ),
    bad(
        "III-05",
        "php",
        {
            "config/database.php": "<?php\nreturn ['connections' => [\n  'pgsql' => [\n"
            "    'password' => env('DB_PASSWORD', 'kj3Hs9kQ'),\n  ],\n]];\n"
        },
        "config/database.php:4",
        why="a section for production",
    ),
    ok(
        "VI-07",
        "ruby",
        {
            "Procfile": "web: bundle exec puma\njobs: bundle exec rails runner bin/threaded.rb\n",
            "app/controllers/x_controller.rb": "class XController < ApplicationController\n  def index\n  end\nend\n",
            "bin/threaded.rb": "AgentRunner.new.run\n",
            "lib/agent_runner.rb": "class AgentRunner\n  def initialize\n    @scheduler = Rufus::Scheduler.new\n"
            "  end\nend\n",
        },
        "another process makes the scheduler",
    ),
    ok(
        "VI-07",
        "ruby",
        {
            "app/controllers/x_controller.rb": "class XController < ApplicationController\n  def index\n"
            "    poll = Thread.new { ask }\n    sleep 5\n    poll.kill\n  end\nend\n",
        },
        "it ends the thread itself",
    ),
    ok(
        "I-07",
        "git",
        {
            "package.json": '{"scripts": {"build": "esbuild --bundle --outfile=tmp/a.js build/entry.js"}}',
            "build/entry.js": "import 'x'\n",
        },
        "what is built from",
        ("init -q", "add -A", "commit -qm x"),
    ),
    ok(
        "XII-04",
        "manifests",
        {
            "Dockerfile": "FROM node:22\nCOPY . .\nCMD node a.js\n",
            ".dockerignore": "scripts\n",
            "scripts/translate.js": "const fs = require('fs');\nfs.readdirSync('locale');\n",
        },
        "a tool for the sources",
    ),
    bad(
        "XII-04",
        "manifests",
        {
            "Dockerfile": "FROM node:22\nCOPY . .\nCMD node a.js\n",
            ".dockerignore": "scripts\n",
            "scripts/merge-users.js": "const { models } = require('../lib/database');\nmodels.User.merge();\n",
        },
        ".dockerignore:1",
        why="a command for the data",
    ),
    ok(
        "III-01",
        "php",
        {
            "app/Install.php": "<?php\n$this->validate($request, [\n  'database_host' => 'required',\n"
            "  'database_password' => 'required|min:8',\n]);\n"
        },
        "a rule of a form",
    ),
    ok(
        "IV-02",
        "php",
        {
            "app/Install.php": "<?php\n$this->validate($request, [\n  'database_host' => 'required',\n"
            "  'database_password' => 'required',\n]);\n"
        },
        "a rule of a form",
    ),
    ok(
        "II-04",
        "javascript",
        {
            "package.json": '{"dependencies": {"express": "^4"}}',
            "app.js": "require('express');\n",
            "public/assets/all.js": "if (typeof define === 'function') define(['jquery'], f);\n"
            "else module.exports = f(require('jquery'));\n",
        },
        "what a browser gets as it is",
    ),
    ok(
        "SEC-02",
        "javascript",
        {"src/main/webapp/login.spec.ts": "const user = { username: 'admin', password: 'admin', admin: true };\n"},
        "a test beside the sources of Java",
    ),
    ok(
        "XII-02",
        "python",
        {
            "shop/exports.py": "from flask_migrate import upgrade\n\n\ndef import_shop(path):\n    upgrade()\n",
            "import.py": "import sys\nfrom shop.exports import import_shop\n\nimport_shop(sys.argv[1])\n",
        },
        "a program for the command line",
    ),
    ok(
        "V-08",
        "manifests",
        {
            "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["./run.sh"]\n',
            "run.sh": '#!/bin/sh\nif [ "$1" = reload ]; then\n  uvicorn app:app --reload\nelse\n'
            "  uvicorn app:app\nfi\n",
        },
        "a branch for developers",
    ),
    ok(
        "III-01",
        "php",
        {
            "application/language/portuguese-br/forms_lang.php": "<?php\n$lang['password'] = 'Senha2';\n"
            "$lang['hmac_key'] = 'Chave HMAC de 32';\n"
        },
        "a translation",
    ),
    ok(
        "II-04",
        "javascript",
        {
            "package.json": '{"dependencies": {"react": "^18"}}',
            "tsconfig.json": '{"compilerOptions": {"baseUrl": "src", "paths": {"@*": ["*"]}}}',
            "src/services/club.ts": "export const a = 1;\n",
            "src/app.tsx": "import React from 'react';\nimport { a } from '@services/club';\n",
        },
        "a path of the compiler with a prefix",
    ),
    bad(
        "II-04",
        "javascript",
        {
            "package.json": '{"dependencies": {"react": "^18"}}',
            "tsconfig.json": '{"compilerOptions": {"baseUrl": "src", "paths": {"@*": ["*"]}}}',
            "src/services/club.ts": "export const a = 1;\n",
            "src/app.tsx": "import React from 'react';\nimport { a } from '@other/club';\n",
        },
        "src/app.tsx:2",
        why="nothing of the tree has the name",
    ),
    ok(
        "III-04",
        "manifests",
        {"backend/ci.env": "JWT_SECRET=abd84ebeb6581c26b53fa30d89c4e7fb\n"},
        "the environment of CI",
    ),
    bad(
        "IX-06",
        "javascript",
        {"bin/ask.js": "const axios = require('axios');\naxios.get('http://127.0.0.1/x');\n"},
        "bin/ask.js:2",
        why="a program that somebody waits for",
        severity="note",
    ),
    ok(
        "V-08",
        "manifests",
        {
            "pom.xml": "<project/>",
            "package.json": '{"scripts": {"start": "ng serve --hmr"}}',
            "src/main/java/A.java": "class A {}\n",
        },
        "the server of pages that are worked on",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_apps_that_no_rule_was_tried_on(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
