"""What no build takes in and no start loads, what a deploy gives without a word of the app's, and evidence that is
true and proves little; each with what still is a finding."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, findings_of, ok

_MADE = "kT9vQ2mZr7Lw4Xp8Nb3cJ5"
_FIXTURE = '//go:build {}\n\npackage main\n\nconst apiToken = "' + _MADE + '"\n'
_GO = {"go.mod": "module shop\n\ngo 1.24\n", "main.go": "package main\n\nfunc main() {}\n"}
_RAILS = {
    "Gemfile": 'source "https://rubygems.org"\ngem "rails"\ngroup :development do\n  gem "benchmark_shop"\nend\n',
    "Gemfile.lock": "GEM\n  specs:\n    rails (7.0.0)\n    benchmark_shop (1.0)\n\nDEPENDENCIES\n  rails\n",
    "config/application.rb": "require 'rails/all'\nmodule Shop\n  class Application < Rails::Application; end\nend\n",
}
_MEASURES = "require 'benchmark_shop'\n"
_DJANGO = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = ["django"]\n',
    "shop/__init__.py": "",
    "shop/settings/__init__.py": "",
    "shop/settings/base.py": "import sys\n{}\n",
    "shop/apps/__init__.py": "",
    "shop/apps/people/__init__.py": "",
    "shop/apps/people/urls.py": "from people import views\n",
    "shop/apps/people/views.py": "",
}
_EXPRESS = '{"scripts": {"start": "node app.js"}, "dependencies": {"express": "^5"}}'
_FILLED_IN = "APP_NAME=shop\nAPP_KEY={}\nDB_PASSWORD={}\n"
_ASKS = "import requests\n\n\ndef fetch(url, {0}):\n    return requests.get(url, {1}verify=False, timeout=5).text\n"
_FLASK = {"requirements.txt": "flask==3.0.0\n", "app.py": "from flask import Flask\napp = Flask(__name__)\n"}
_CALLS = "on: push\njobs:\n  image:\n    uses: acme/pipelines/.github/workflows/{}.yml@v1\n"
_STDOUT = 'Rails.application.configure do\n  if ENV["RAILS_LOG_TO_STDOUT"].present?\n    x = 1\n  end\nend\n'
_WEB = "web: bin/rails server\n"
_IMAGE = "FROM ruby:3.3\nCMD bin/rails server\n"
_MAGICK = "const { exec, execSync } = require('child_process');\nlet gm = true;\n"
_CONVERTS = "exec('convert a.png b.png');\n"
_NODE_IMAGE = 'FROM node:22-slim\nRUN apt-get install -y {}\nCMD ["node", "app.js"]\n'
_SETTINGS = 'import os\n\nSECRET_KEY = os.environ["SHOP_SECRET_KEY"]\nMAIL = os.environ["SHOP_MAIL_HOST"]\n'
_STACK = 'SECRETS = {"SHOP_SECRET_KEY": key, "SHOP_MAIL_HOST": host}\n'
_OPERATIONS = ",\n".join(
    f'"/api/things{n}": {{"get": {{"operationId": "things{n}", "responses": {{}}}}}}' for n in range(9)
)
_ROUTES = "const app = require('express')();\n" + "".join(
    f"app.get('/api/things{n}', (req, res) => res.json({{}}));\n" for n in range(9)
)
_NGINX = "server {{\n    listen {};\n}}\n"
_MIGRATES = (
    'package main\n\nimport "gorm.io/gorm"\n\nfunc main() {\n\tvar db *gorm.DB\n'
    "\tif back {\n\t\tdb.AutoMigrate(&Old{})\n\t}\n\tdb.AutoMigrate(&New{})\n}\n"
)
_SHOP = "services:\n  web:\n    image: acme/shop:latest\n"
_SETS_TAG = 'on: push\njobs:\n  deploy:\n    steps:\n      - run: echo "TAG=sha-${{ github.sha }}" >> .env\n'
_BY_SSH = (
    "name: deploy\non: push\njobs:\n  deploy:\n    steps:\n"
    "      - uses: appleboy/ssh-action@v1\n        with: {script: a}\n"
    "      - uses: appleboy/ssh-action@v1\n        with: {script: b}\n"
)
_FILAMENT = {
    "composer.json": '{"require": {"php": "^8", "filament/filament": "^3"}}',
    "composer.lock": '{"packages": [{"name": "filament/filament", "version": "v3.2"}, {"name": "filament/forms", '
    '"version": "v3.2", "autoload": {"psr-4": {"Filament\\\\Forms\\\\": "src"}}}]}',
    "app/Page.php": "<?php\nuse Filament\\Forms\\Form;\nclass Page { function a(Form $a) {} }\n",
}
_NODE_APP = {"package.json": _EXPRESS, "server.js": "require('express')().listen(process.env.PORT);\n"}
_SHELL_FORM = "FROM {}\nCOPY . .\nCMD node server.js\n"
_PREFIXED = (
    "from pydantic import BaseSettings\n\n\nclass Settings(BaseSettings):\n    HUNT: str\n    WIKI: str\n"
    "    MAPS: str\n\n"
    '    class Config:\n        env_prefix = "SHOP_"\n'
)
_SESSION = (
    "const express = require('express');\nconst session = require('express-session');\n"
    "express().use(session({ secret: process.env.S }));\n"
)
_REPLICAS = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 3\n  template:\n    spec:\n"
    "      containers:\n        - {name: web, image: 'acme/shop:1'}\n"
)
_SPRING_ROUTE = (
    'package a;\n@RestController\nclass A {\n  @GetMapping("/index")\n  String a() { return ""; }\n'
    '  @GetMapping("/b")\n  String b() { return ""; }\n  @GetMapping("/c")\n  String c() { return ""; }\n}\n'
)
_MAILS = (
    "const nodemailer = require('nodemailer');\nmodule.exports = (key) =>\n"
    "  nodemailer.createTransport({{ host: '{}', auth: {{ pass: key }} }});\n"
)
_BASIC = "BASIC_AUTH_PASSWORD = os.environ.get('BASIC_AUTH_PASSWORD', 'wagtail')\n"
_HOOKS = (
    "class Hook < Job\n  before_perform do\n    @http = {}\n  end\n\n  def post(url)\n    @http.post(\n      url\n"
    "    )\n  end\nend\n"
)
_AGENTS = (
    "const https = require('https');\nclass Asker {{\n  constructor(token) {{\n"
    "    {} = new https.Agent({{ rejectUnauthorized: false }});\n  }}\n}}\n"
)
_JAVA = {
    "pom.xml": "<project>\n<properties>\n<maven.compiler.release>17</maven.compiler.release>\n</properties>\n"
    "</project>\n",
    "src/main/java/a/A.java": "package a;\nclass A {}\n",
}
_ADMIN = "<?php\nUser::create(['email' => 'admin@a.org', 'role' => 'super admin', 'password' => 'shop@123']);\n"

CASES = [
    # Files behind a tag of Go.
    bad(
        "III-01",
        "go",
        _GO | {"e2e.go": _FIXTURE.format("e2etest")},
        "e2e.go:5",
        why="a tag that no build gives",
        severity="note",
    ),
    bad(
        "III-01",
        "go",
        _GO | {"e2e.go": _FIXTURE.format("linux && e2etest"), "Makefile": "e2e:\n\tgo build -tags e2etest\n"},
        "e2e.go:5",
        why="a tag that only a build for tests gives",
        severity="note",
    ),
    bad(
        "III-01",
        "go",
        _GO | {"e2e.go": _FIXTURE.format("linux && !windows")},
        "e2e.go:5",
        why="platforms",
        severity="error",
    ),
    bad(
        "III-01",
        "go",
        _GO | {"plus.go": _FIXTURE.format("plus || windows"), "Dockerfile": "FROM golang\nRUN go build -tags=plus\n"},
        "plus.go:5",
        why="a tag that the image's build gives",
        severity="error",
    ),
    # Ruby beside what Rails loads.
    ok("II-05", "ruby", _RAILS | {"perf.rake": _MEASURES, "perf_scripts/a.rb": _MEASURES}, "nothing loads it"),
    bad(
        "II-05",
        "ruby",
        _RAILS | {"clock.rb": _MEASURES, "Procfile": "clock: bundle exec clockwork ./clock.rb\n"},
        "clock.rb:1",
        why="a Procfile starts it",
    ),
    # Roots of imports.
    ok(
        "II-04",
        "python",
        {**_DJANGO, "shop/settings/base.py": "import sys\n\nsys.path.insert(0, root('apps'))\n"},
        "a directory that the settings put on the path",
    ),
    bad(
        "II-04",
        "python",
        {**_DJANGO, "shop/settings/base.py": "import sys\n"},
        "shop/apps/people/urls.py:1",
        why="nothing puts it on the path",
    ),
    ok(
        "II-04",
        "javascript",
        {
            "package.json": '{"dependencies": {"react-scripts": "5"}}',
            "src/setupProxy.js": "require('proxy-middleware');\n",
        },
        "what the server of developers loads",
    ),
    # Secrets to be filled in, and those of trials.
    bad(
        "III-04",
        "manifests",
        {".env.docker": _FILLED_IN.format("someRandomStringWith32Characters", "ChangeThisToASecurePassword!")},
        ".env.docker:1",
        why="a file that is to be filled in",
        severity="note",
    ),
    bad(
        "III-04",
        "manifests",
        {".env.docker": _FILLED_IN.format(_MADE, "ChangeThisToASecurePassword!")},
        ".env.docker:2",
        why="one of them is real",
        severity="error",
    ),
    bad(
        "III-04",
        "manifests",
        {".env": "POSTGRES_USER=shop\nPOSTGRES_PASSWORD=shop\n"},
        ".env:2",
        why="the user's name for a password",
        severity="note",
    ),
    bad(
        "III-01",
        "manifests",
        {"package.json": _EXPRESS, "app.js": "", "config.yaml": "auth:\n  jwt_secret: supersecretphrase\n"},
        "config.yaml:2",
        why="words in a file of settings",
        severity="warning",
    ),
    # What a call without checks takes along.
    bad(
        "SEC-03",
        "python",
        _FLASK | {"pages.py": _ASKS.format("page", "params={'page': page}, ")},
        "pages.py:5",
        why="a page that anybody may read",
        severity="warning",
    ),
    bad(
        "SEC-03",
        "python",
        _FLASK | {"pages.py": _ASKS.format("token", "headers={'Authorization': token}, ")},
        "pages.py:5",
        why="a token goes along",
        severity="error",
    ),
    bad(
        "SEC-03",
        "python",
        _FLASK | {"settings.py": "# The load balancer routes by host.\nALLOWED_HOSTS = ['*']\n"},
        "settings.py:2",
        why="the comment says who sees to it",
        severity="note",
    ),
    bad(
        "SEC-03",
        "python",
        _FLASK | {"settings.py": "# All of them.\nALLOWED_HOSTS = ['*']\n"},
        "settings.py:2",
        why="the comment says nothing",
        severity="warning",
    ),
    # Builds that are elsewhere.
    ok(
        "V-02", "manifests", _FLASK | {".github/workflows/ci.yml": _CALLS.format("build-image")}, "a workflow is called"
    ),
    ok("VIII-01", "manifests", _FLASK | {".github/workflows/ci.yml": _CALLS.format("build-image")}, "as well"),
    bad(
        "V-02",
        "manifests",
        _FLASK | {".github/workflows/ci.yml": _CALLS.format("lint")},
        "requirements.txt",
        why="what is called builds nothing",
    ),
    # What the platform gives.
    ok("XI-01", "ruby", _RAILS | {"config/environments/production.rb": _STDOUT, "Procfile": _WEB}, "a buildpack"),
    bad(
        "XI-01",
        "ruby",
        _RAILS | {"config/environments/production.rb": _STDOUT, "Procfile": _WEB, "Dockerfile": _IMAGE},
        "config/environments/production.rb:2",
        why="an image of its own",
    ),
    ok(
        "III-09",
        "python",
        _FLASK | {"settings.py": _SETTINGS, ".env.example": "PORT=\nDEBUG=\n", "cdk/stack/web.py": _STACK},
        "the program that makes the infrastructure gives them",
    ),
    bad(
        "III-09",
        "python",
        _FLASK | {"settings.py": _SETTINGS, ".env.example": "PORT=\nDEBUG=\nSHOP_MAIL_HOST=\n"},
        "settings.py:3",
        why="nothing gives it",
    ),
    # Either of two programs.
    ok(
        "II-06",
        "javascript",
        {
            "package.json": _EXPRESS,
            "app.js": _MAGICK + "execSync('gm -version');\n" + _CONVERTS,
            "Dockerfile": _NODE_IMAGE.format("graphicsmagick"),
        },
        "the image has the other one that is asked for",
    ),
    bad(
        "II-06",
        "javascript",
        {
            "package.json": _EXPRESS,
            "app.js": _MAGICK + _CONVERTS,
            "Dockerfile": _NODE_IMAGE.format("graphicsmagick"),
        },
        "app.js:3",
        why="nothing asks for the other one",
    ),
    # Tools, copies, contracts, studies.
    ok(
        "II-02",
        "javascript",
        {"package.json": '{"scripts": {"fix": "prettier ."}, "devDependencies": {"prettier": "^3"}}', "app.js": "1;\n"},
        "tools of those who work on it",
    ),
    bad(
        "II-02",
        "javascript",
        {"package.json": '{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "^6"}}', "app.js": "1;\n"},
        "package.json",
        why="the build needs them",
    ),
    ok(
        "API-01",
        "javascript",
        {
            "package.json": _EXPRESS,
            "app.js": _ROUTES,
            "src/test/resources/api/descriptor.json": '{\n"openapi": "3.1.0",\n"paths": {' + _OPERATIONS + "}}\n",
        },
        "a contract that a test holds the app to",
    ),
    bad(
        "API-01",
        "javascript",
        {
            "package.json": _EXPRESS,
            "app.js": _ROUTES,
            "src/test/resources/api/piece.json": '{\n"openapi": "3.1.0",\n"paths": {}}\n',
        },
        "app.js",
        why="a piece that a test feeds to something",
    ),
    ok(
        "XI-06",
        "javascript",
        {"package.json": _EXPRESS, "app.js": "", "bin/make.js": "const token = make();\nconsole.log(token);\n"},
        "what a script prints is its answer",
    ),
    bad(
        "XI-06",
        "javascript",
        {"package.json": _EXPRESS, "app.js": "const token = make();\nconsole.log(token);\n"},
        "app.js:2",
        why="what a server prints is its log",
        severity="warning",
    ),
    bad(
        "XI-06",
        "javascript",
        {
            "package.json": _EXPRESS,
            "app.js": "app.post('/report-violation', (req, res) => {\n  console.log('CSP:', req.body);\n});\n",
        },
        "app.js:2",
        why="what a browser reports by itself",
        severity="note",
    ),
    bad("XII-02", "go", {"go.mod": "module shop\n", "main.go": _MIGRATES}, "main.go:8", why="two ways of one start"),
    bad(
        "IX-06",
        "javascript",
        {
            "package.json": _EXPRESS,
            "app.js": "require('./used');\n",
            "used.js": "const http = require('http');\nhttp.request({ host: 'a.example.org' }, () => 1).end();\n",
            "left.js": "const http = require('http');\nhttp.request({ host: 'a.example.org' }, () => 1).end();\n",
        },
        "left.js:2",
        "used.js:2",
        why="a file that nothing asks for",
    ),
    # Names of files, and what a file says of itself.
    bad(
        "III-01",
        "javascript",
        {"package.json": _EXPRESS, "app.js": "1;\n", "ui/Key.story.tsx": f"export const apiKey = '{_MADE}';\n"},
        "ui/Key.story.tsx:1",
        why="a story of a component",
        severity="note",
    ),
    bad(
        "III-01",
        "javascript",
        {"package.json": _EXPRESS, "app.js": "1;\n", "server-dev.js": f"const apiKey = '{_MADE}';\n"},
        "server-dev.js:1",
        why="the server of developers",
        severity="note",
    ),
    bad(
        "III-01",
        "javascript",
        {
            "package.json": _EXPRESS,
            "app.js": "require('./server-devices');\n",
            "server-devices.js": f"const apiKey = '{_MADE}';\n",
        },
        "server-devices.js:1",
        why="a server of devices",
        severity="error",
    ),
    bad(
        "V-03",
        "manifests",
        {
            "docker-compose.yml": "# A start.\n# NOTE: please do not use this configuration for production setups.\n"
            + _SHOP
        },
        "docker-compose.yml:5",
        why="its head says that no deploy is to use it",
        severity="note",
    ),
    bad(
        "V-03",
        "manifests",
        {"docker-compose.yml": "# Not for tests: this is the one of production.\n" + _SHOP},
        "docker-compose.yml:4",
        why="its head says that it is production's",
        severity="warning",
    ),
    ok(
        "V-03",
        "manifests",
        {"docker-compose.yml": _SHOP.replace(":latest", ":${TAG:-dev}"), ".github/workflows/d.yml": _SETS_TAG},
        "the pipeline sets the tag",
    ),
    bad(
        "V-03",
        "manifests",
        {"docker-compose.yml": _SHOP.replace(":latest", ":${TAG:-latest}"), ".github/workflows/d.yml": _BY_SSH},
        "docker-compose.yml:3",
        why="nothing sets the tag",
    ),
    bad("V-07", "manifests", {".github/workflows/deploy.yml": _BY_SSH}, ".github/workflows/deploy.yml:6", why="steps"),
    # Roots and aliases of imports.
    ok(
        "II-04",
        "javascript",
        {
            "package.json": '{"dependencies": {"react": "^19"}}',
            "tsconfig.json": '{"compilerOptions": {"paths": {"*": ["./src/*"], "@server/*": ["../lib/*"]}}}',
            ".gitignore": "src/generated-sources\n",
            "src/themes/dark.ts": "export const a = 1;\n",
            "src/app.ts": "import { a } from 'themes/dark';\nimport { b } from 'generated-sources';\n",
        },
        "an alias of all, and what a build makes",
    ),
    bad(
        "II-04",
        "javascript",
        {
            "package.json": '{"dependencies": {"react": "^19"}}',
            "src/themes/dark.ts": "export const a = 1;\n",
            "src/app.ts": "import { a } from 'themes/dark';\n",
        },
        "src/app.ts:1",
        why="no alias",
    ),
    ok("II-04", "php", _FILAMENT, "parts that are released with the whole"),
    bad(
        "II-04",
        "php",
        {**_FILAMENT, "composer.json": _FILAMENT["composer.json"].replace("filament/filament", "filament/pretty")},
        "app/Page.php:2",
        why="another package of the vendor's",
    ),
    # Which shell it is.
    ok("IX-03", "manifests", {**_NODE_APP, "Dockerfile": _SHELL_FORM.format("node:22-alpine")}, "BusyBox gives way"),
    bad(
        "IX-03",
        "manifests",
        {**_NODE_APP, "Dockerfile": _SHELL_FORM.format("node:22-slim")},
        "Dockerfile:3",
        why="dash stays",
    ),
    # Settings.
    ok(
        "III-09",
        "python",
        _FLASK | {"config.py": _PREFIXED, ".env": "SHOP_HUNT=1\nSHOP_WIKI=2\nSHOP_MAPS=3\n"},
        "the prefix of a class of settings",
    ),
    bad(
        "III-09",
        "python",
        _FLASK | {"config.py": _PREFIXED, ".env": "HUNT=1\nWIKI=2\nMAPS=3\n"},
        "config.py:5",
        why="told without the prefix",
    ),
    ok(
        "SEC-03",
        "python",
        _FLASK
        | {
            "s/base.py": "ALLOWED_HOSTS = ['*']\n",
            "s/production.py": "from s.base import *\nALLOWED_HOSTS = ['a.org']\n",
        },
        "production sets it anew",
    ),
    bad(
        "II-02",
        "python",
        {"app.py": "1\n", "requirements/base.txt": "flask>=3,<4\n", "requirements/travis.txt": "tox\n"},
        "requirements/base.txt",
        why="the list of a pipeline is none of a deploy",
    ),
    bad(
        "XI-06",
        "javascript",
        {
            "package.json": _EXPRESS,
            "app.js": "app.post('/a', (req, res) => {\n  console.error('Invalid payload', req.body);\n});\n",
        },
        "app.js:2",
        why="a body that is refused",
        severity="note",
    ),
    bad(
        "V-01",
        "manifests",
        _FLASK | {"Procfile": "web: python manage.py collectstatic --noinput && gunicorn app:app\n"},
        "Procfile:1",
        why="what takes seconds",
        severity="warning",
    ),
    bad(
        "V-01",
        "manifests",
        _FLASK | {"Procfile": "web: pip install -r requirements.txt && gunicorn app:app\n"},
        "Procfile:1",
        why="what needs a registry",
        severity="error",
    ),
    # Copies.
    bad(
        "VI-03",
        "javascript",
        {**_NODE_APP, "server.js": _SESSION},
        "server.js:3",
        why="one copy, for all that is said",
        severity="warning",
    ),
    bad(
        "VI-03",
        "javascript",
        {**_NODE_APP, "server.js": _SESSION, "k8s/web.yaml": _REPLICAS},
        "server.js:3",
        why="three copies",
        severity="error",
    ),
    ok(
        "HLT-01",
        "java",
        {
            "api/build.gradle": "plugins { id 'org.springframework.boot' version '3.4.0' }\ndependencies {\n"
            "    implementation libs.spring.starter.actuator\n}\n",
            "api/src/main/java/a/A.java": _SPRING_ROUTE,
        },
        "the catalogue's name of the actuator",
    ),
    # What a provider, a switch, a caller or a builder says.
    bad(
        "IV-02",
        "javascript",
        {**_NODE_APP, "mail.js": _MAILS.format("smtp.sendgrid.net")},
        "mail.js:3",
        why="the one address of a provider",
        severity="note",
    ),
    bad(
        "IV-02",
        "javascript",
        {**_NODE_APP, "mail.js": _MAILS.format("mail.acme.net")},
        "mail.js:3",
        why="a host of somebody's own",
        severity="error",
    ),
    bad(
        "III-05",
        "python",
        _FLASK | {"s.py": "import os\n\nif os.environ.get('BASIC_AUTH_ENABLED', 'false') == 'true':\n    " + _BASIC},
        "s.py:4",
        why="only where it is switched on",
        severity="warning",
    ),
    bad("III-05", "python", _FLASK | {"s.py": f"import os\n\n{_BASIC}"}, "s.py:3", why="always", severity="error"),
    ok(
        "II-09",
        "manifests",
        {**_NODE_APP, "Dockerfile": "ARG BASE=placeholder\nFROM ${BASE}\n" + 'CMD ["node", "server.js"]\n'},
        "who builds it says on what",
    ),
    ok(
        "SEC-01",
        "manifests",
        {**_NODE_APP, "Dockerfile": "ARG BASE=placeholder\nFROM ${BASE}\n" + 'CMD ["node", "server.js"]\n'},
        "who builds it says as whom",
    ),
    ok(
        "IX-06",
        "ruby",
        {"a.rb": _HOOKS.format("Faraday.new('https://a.example.org', request: { timeout: 5 })")},
        "a client of the object's own that has a limit",
    ),
    bad(
        "IX-06",
        "ruby",
        {"a.rb": _HOOKS.format("Faraday.new('https://a.example.org')")},
        "a.rb:3",
        "a.rb:7",
        why="a client of the object's own without one",
    ),
    ok(
        "API-01",
        "javascript",
        {**_NODE_APP, "server.js": _ROUTES, "swagger.js": "module.exports = {\n  swagger: '2.0',\n  paths: {},\n};\n"},
        "a contract that the code makes",
    ),
    bad(
        "II-02",
        "python",
        {
            "app.py": "import flask\n",
            "Procfile": "web: gunicorn app:app\n",
            "requirements.txt": "click==8.1.0\nh11>=0.16\n",
            "setup.cfg": "[metadata]\nname = shop\n[options]\ninstall_requires =\n    flask\n",
        },
        "requirements.txt",
        why="the manifest of a package beside the list of the app",
    ),
    # Secrets in files of settings.
    bad(
        "III-01",
        "manifests",
        {**_NODE_APP, "settings.yaml": f"auth:\n  jwt_secret: {_MADE}\n"},
        "settings.yaml:2",
        why="a file that nothing loads",
        severity="warning",
    ),
    bad(
        "III-01",
        "manifests",
        {
            **_NODE_APP,
            "settings.yaml": f"auth:\n  jwt_secret: {_MADE}\n",
            "Dockerfile": "FROM node:22\nCOPY settings.yaml /etc/\n",
        },
        "settings.yaml:2",
        why="a file that the image takes in",
        severity="error",
    ),
    bad(
        "III-01",
        "manifests",
        {**_NODE_APP, "contrib/local-environment/shop-config.cfg": f'cookie_secret="{_MADE}"\n'},
        "contrib/local-environment/shop-config.cfg:1",
        why="a trial on one machine",
        severity="note",
    ),
    bad(
        "III-01",
        "javascript",
        {"package.json": _EXPRESS, "app.js": "1;\n", "left.js": f"const apiKey = '{_MADE}';\n"},
        "left.js:1",
        why="a file that nothing asks for",
        severity="warning",
    ),
    # One of two, an example, a default that can be beaten, a level.
    ok(
        "SEC-03",
        "javascript",
        {**_NODE_APP, "ask.js": _AGENTS.format("this.agentInsecure")},
        "the one of two clients that somebody picks",
    ),
    bad(
        "SEC-03",
        "javascript",
        {**_NODE_APP, "ask.js": _AGENTS.format("this.agent")},
        "ask.js:4",
        why="the only one",
        severity="error",
    ),
    ok(
        "III-01",
        "javascript",
        {**_NODE_APP, "server.js": "require('./openapi/auth');\n", "openapi/auth.js": f"const apiKey = '{_MADE}';\n"},
        "an example of an API's document",
    ),
    bad(
        "VII-02",
        "python",
        _FLASK | {"Procfile": "web: gunicorn app:app\n", "gunicorn.conf.py": "bind = '127.0.0.1:3000'\n"},
        "gunicorn.conf.py:1",
        why="a default that the command can beat",
        severity="warning",
    ),
    ok(
        "II-04",
        "javascript",
        {"package.json": '{"dependencies": {"react": "19"}}', "src/setupTests.ts": "import 'jest-dom-matchers';\n"},
        "the set-up of tests",
    ),
    ok("X-03", "java", _JAVA | {"Dockerfile": "FROM eclipse-temurin:25-jre\nCMD java -jar a.jar\n"}, "a later runtime"),
    bad(
        "X-03",
        "java",
        _JAVA | {"Dockerfile": "FROM eclipse-temurin:11-jre\nCMD java -jar a.jar\n"},
        "Dockerfile:1",
        why="an earlier runtime",
    ),
    ok(
        "SEC-02",
        "php",
        {"composer.json": "{}", "index.php": "<?php\n", ".devtools/reset.php": _ADMIN},
        "a script of developers",
    ),
    bad(
        "SEC-02", "php", {"composer.json": "{}", "index.php": "<?php\n", "seeds/reset.php": _ADMIN}, "seeds/reset.php:2"
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_left_out_of_a_deploy_is_told_from_it(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)


def test_a_file_that_nothing_asks_for_is_worth_a_note(tmp_path: Path) -> None:
    call = "const http = require('http');\nhttp.request({ host: 'a.example.org' }, () => 1).end();\n"
    files = {"package.json": _EXPRESS, "app.js": "require('./used');\n", "used.js": call, "left.js": call}
    found = findings_of("IX-06", files, tmp_path / "plain")
    assert [(one.place.path, one.severity) for one in found] == [("left.js", "note"), ("used.js", "warning")]
    assert "http.Client" not in found[1].fix
    files["app.js"] += "for (const one of fs.readdirSync('.')) require(one);\n"
    assert {one.severity for one in findings_of("IX-06", files, tmp_path / "loaded")} == {"warning"}


def test_a_url_in_a_comment_of_the_past_says_how_one_looks(tmp_path: Path) -> None:
    url = "mongodb://sally:s4llypass@ds01.example.net:9999/shop\n"
    commands = ("init -q", "add -A", "commit -q -m a", "rm -q docker-compose.yml", "commit -q -m b")
    for line, expected in ((f"# like {url}", []), (f"URL: {url}", ["docker-compose.yml"])):
        place = tmp_path / line[0]
        found = findings_of("III-03", {"docker-compose.yml": line, "a.txt": "a\n"}, place, commands)
        assert [one.place.path for one in found] == expected


def test_bower_components_that_no_manifest_installs_are_sources(tmp_path: Path) -> None:
    files = {"static/bower_components/a/a.js": "1;\n"}
    commands = ("init -q", "add -A", "commit -q -m a")
    assert findings_of("I-07", files, tmp_path / "copied", commands) == []
    found = findings_of("I-07", files | {"bower.json": "{}\n"}, tmp_path / "installed", commands)
    assert [one.place.path for one in found] == ["static/bower_components"]


def test_a_proxy_that_no_image_takes_in_is_not_the_apps(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM nginx:1.27\nCOPY docker/nginx.conf /etc/nginx/nginx.conf\nCMD ["nginx"]\n',
        "docker/nginx.conf": _NGINX.format("80"),
        "nginx.conf": _NGINX.format("8080"),
    }
    assert [one.place.path for one in findings_of("VII-01", files, tmp_path)] == ["docker/nginx.conf"]


def test_scripts_that_study_what_was_kept_need_not_be_in_the_image(tmp_path: Path) -> None:
    script = "from shop import db\n\ndb.session.query(1)\n"
    files = {
        "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["python", "app.py"]\n',
        "requirements.txt": "flask==3.0.0\n",
        "shop/__init__.py": "",
        "shop/db.py": "",
        ".dockerignore": "scripts/work\n",
        "scripts/work/orders.py": script,
    }
    assert [one.place.line for one in findings_of("XII-04", files, tmp_path / "work")] == [1]
    del files["scripts/work/orders.py"]
    files |= {".dockerignore": "scripts/data-analysis\n", "scripts/data-analysis/orders.py": script}
    assert findings_of("XII-04", files, tmp_path / "study") == []


def test_a_branch_that_nobody_has_touched_for_years_is_worth_a_note(tmp_path: Path) -> None:
    def commands(last: str) -> tuple[str, ...]:
        return (
            *("init -q -b main", "add -A", "@2015-01-01 commit -q -m a", "checkout -q -b prod"),
            *("@2015-02-01 commit -q --allow-empty -m b", f"@{last} commit -q --allow-empty -m c", "checkout -q main"),
            "@2024-06-01 commit -q --allow-empty -m d",
        )

    for last, severity in (("2016-01-01", "note"), ("2024-01-01", "warning")):
        (found,) = findings_of("I-03", {"a.txt": "a\n"}, tmp_path / last, commands(last))
        assert found.severity == severity


def test_a_file_that_is_written_step_by_step_is_told_once(tmp_path: Path) -> None:
    steps = "".join(f"        file_put_contents($this->envPath, 'a{n}');\n" for n in range(3))
    files = {
        "composer.json": '{"require": {"laravel/framework": "^12"}}',
        "routes/web.php": "<?php\nRoute::get('/', fn () => 'a');\n",
        "app/Storage/Keeper.php": f"<?php\nclass Keeper {{\n    function save() {{\n{steps}    }}\n}}\n",
    }
    assert [one.place.line for one in findings_of("VI-05", files, tmp_path)] == [4]
