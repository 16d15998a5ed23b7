"""What stands beside production and looks like it: developers' containers, stand-ins, build steps, other apps, profiles
that no deploy runs with; each with what still is a finding."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, findings_of, ok

_GO_MOD = "module shop\n\ngo 1.24\n\nrequire github.com/aws/aws-lambda-go v1.47.0\n"
_LAMBDA = (
    'package main\n\nimport "github.com/aws/aws-lambda-go/lambda"\n\n'
    "func handle() error { return nil }\n\nfunc main() { lambda.Start(handle) }\n"
)
_SERVER = 'package main\n\nimport "net/http"\n\nfunc main() { http.ListenAndServe(":8080", nil) }\n'
_GO_IMAGE = (
    "FROM golang:1.24 AS build\nCOPY cmd/add ./cmd/add\nRUN go build -o add ./cmd/add\n"
    'FROM debian:12-slim\nCOPY --from=build /app/add /add\nENTRYPOINT ["/add"]\n'
)
_MOVING = "services:\n  web:\n    image: ghcr.io/acme/shop:latest\n"
_SECRET = (
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop\nstringData:\n  {}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata:\n  name: shop\n"
)
_NODE = 'FROM node:{}\nCOPY . .\nCMD ["node", "server.js"]\n'
_NODE_APP = {"package.json": '{"name": "a", "dependencies": {"express": "^5"}}', "server.js": "require('express')();\n"}
_PATCH = "const fs = require('node:fs');\nfs.writeFileSync('/app/src/vm/index.js', 'x');\n"
_SPRING = (
    "plugins { id 'org.springframework.boot' version '3.4.0' }\n"
    "dependencies { implementation 'org.springframework.boot:spring-boot-starter-web' }\n"
)
_KEY = "jwt.signing.key=kT9vQ2mZr7Lw4Xp8Nb3c\n"
_HELM = 'generic-service:\n  env:\n    SPRING_PROFILES_ACTIVE: "{}"\n'
_ORACLE = "spring:\n  datasource:\n    url: jdbc:oracle:thin:@localhost:1521:A\n"
_HEADERS = (
    "import logging\nimport requests\n\nlogger = logging.getLogger(__name__)\n\n\ndef ask(url, headers):\n"
    "    logger.debug('headers: %s', headers)\n    return requests.get(url, headers=headers, timeout=5)\n"
)
_PYPROJECT = '[project]\nname = "{}"\nversion = "1"\ndependencies = ["boto3-stubs[iam]", "flask"]\n'
_REGION = "import boto3\n\nclient = boto3.client('sts', region_name='eu-west-1')\n"
_VITE = {
    "package.json": '{"scripts": {"start": "vite", "build": "vite build"}, "dependencies": {"vite": "^6"}}',
    "src/main.ts": "export const a = 1;\n",
}
_NGINX = "FROM node:22 AS pages\nRUN npm run build\nFROM {}\nCOPY --from=pages /app/build /srv\n"
_PID = 'data:\n  nats.conf: |-\n    pid_file: "/var/run/nats/nats.pid"\n'
_TOKEN = (
    "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef save(request):\n"
    "    logger.info(f'saved a record for the token: {request.token}')\n"
)
_LOCAL_ENV = (
    "A_URL=http://localhost:1\nB_URL=http://ccd-api\nC_URL=http://host.docker.internal:2\n"
    "DATA_DB_PASSWORD=wT8hK0f0lh3FlxFcL4xU\n"
)
_AZURE = 'CONNECTION="DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={}=="\n'
_EMULATOR = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoMGMw"
_OTHER_KEY = "".join(reversed(_EMULATOR))
_GEMS = "GEM\n  remote: https://rubygems.org/\n  specs:\n    {}\n    rails (7.0.0)\n\nDEPENDENCIES\n  rails\n"
_DEFAULT = {
    "build.gradle": _SPRING,
    "src/main/java/a/A.java": "package a;\nclass A {}\n",
    "src/main/resources/application.yaml": "idam:\n  client:\n    secret: ${CLIENT_SECRET:QM5RQQ53LZFOSIXJ}\n",
}

_ALPINE = "FROM alpine:3.22\nRUN apk add git {} npm\nCMD npm start\n"
_NEXT = {"package.json": '{"dependencies": {"next": "^15", "react": "^19", "axios": "^1"}}'}
_SIGN = "export const sign = (key) => window.crypto.subtle.importKey('pkcs8', key);\n"
_CALL = "import axios from 'axios';\nexport const ask = () => axios.get('https://id.example.org/token');\n"
_PORTED = {
    "requirements.txt": "flask==3.0.0\n",
    "shop.py": "from flask import Flask\n\nshop = Flask(__name__)\n\n\n@shop.get('/')\ndef home():\n    return ''\n",
}

CASES = [
    # Settings in a Secret.
    ok("III-10", "manifests", {"k8s/secret.yml": _SECRET.format("DEBUG: formio:*x9")}, "a setting in a Secret"),
    bad(
        "III-10",
        "manifests",
        {"k8s/secret.yml": _SECRET.format("SMTP_PASSWORD: formio:*x9")},
        "k8s/secret.yml:6",
        why="a password in a Secret",
    ),
    # What an image's build runs.
    ok(
        "V-06",
        "javascript",
        {
            **_NODE_APP,
            "lib/patch.js": _PATCH,
            "Dockerfile": "FROM node:22\nCOPY lib/patch.js /tmp/patch.js\nRUN node /tmp/patch.js\n"
            'CMD ["node", "server.js"]\n',
        },
        "a step of the image's build",
    ),
    bad(
        "V-06",
        "javascript",
        {**_NODE_APP, "lib/patch.js": _PATCH, "Dockerfile": _NODE.format(22)},
        "lib/patch.js:2",
        why="no step of a build",
    ),
    # Comments on processes.
    ok(
        "VIII-05",
        "manifests",
        {"Dockerfile": "FROM nginx:1.29\n# Runs in the foreground with only one process.\nCMD nginx\n"},
        "one process in a container",
    ),
    bad(
        "VIII-05",
        "manifests",
        {"Dockerfile": "FROM nginx:1.29\n# There must be only one instance.\nCMD nginx\n"},
        "Dockerfile:2",
        why="one instance",
    ),
    # Compose files for developers, by what they start.
    bad("V-03", "manifests", {"docker-compose.yml": _MOVING}, "docker-compose.yml:3", severity="warning"),
    *(
        bad(
            "V-03",
            "manifests",
            {"docker-compose.yml": _MOVING + more},
            "docker-compose.yml:3",
            why=why,
            severity="note",
        )
        for more, why in (
            ("  cloud:\n    image: localstack/localstack:4.1\n", "an emulator of a cloud"),
            ("  mail:\n    image: mailhog/mailhog:v1\n", "a mail catcher"),
            ("    environment:\n      - SPRING_PROFILES_ACTIVE=dev\n", "the profile of developers"),
            ("    environment: {DEV_MODE: 1}\n", "the mode of developers"),
        )
    ),
    bad(
        "V-03",
        "manifests",
        {"docker-compose.prod.yml": _MOVING + "  mail:\n    image: mailhog/mailhog:v1\n"},
        "docker-compose.prod.yml:3",
        why="a mail catcher in what is called production",
        severity="warning",
    ),
    bad(
        "V-03",
        "manifests",
        {"docker-compose.yml": _MOVING + "    environment: {APP_ENV: '${APP_ENV:-production}'}\n"},
        "docker-compose.yml:3",
        why="a mode that is left open",
        severity="warning",
    ),
    bad(
        "V-03",
        "manifests",
        {
            "docker-compose.yml": "services:\n  web:\n    build: .\n    environment: {NODE_ENV: development}\n",
            "docker-compose.idp.yml": "services:\n  web:\n    depends_on: [idp]\n  idp:\n    image: acme/idp:latest\n",
        },
        "docker-compose.idp.yml:5",
        why="laid over a file of developers",
        severity="note",
    ),
    # Images.
    ok(
        "SEC-01",
        "manifests",
        {"go.mod": _GO_MOD, "cmd/add/main.go": _LAMBDA, "docker/add/Dockerfile": _GO_IMAGE},
        "a function of Lambda",
    ),
    bad(
        "SEC-01",
        "manifests",
        {"go.mod": _GO_MOD, "cmd/add/main.go": _SERVER, "docker/add/Dockerfile": _GO_IMAGE},
        "docker/add/Dockerfile:4",
        why="a server",
    ),
    ok(
        "SEC-01",
        "manifests",
        {"go.mod": _GO_MOD, "cmd/add/main.go": _SERVER, "docker/mock-pay/Dockerfile": _GO_IMAGE},
        "a stand-in of another service",
    ),
    bad(
        "SEC-01",
        "manifests",
        {
            "go.mod": _GO_MOD,
            "cmd/add/main.go": _SERVER,
            "docker/add/Dockerfile": _GO_IMAGE,
            "docker/echo/Dockerfile": _GO_IMAGE,
            "docker/docker-compose.yml": "services:\n"
            "  add:\n    build: {context: .., dockerfile: docker/add/Dockerfile}\n"
            "  echo:\n    build: {context: .., dockerfile: docker/echo/Dockerfile}\n"
            "  cloud:\n    image: localstack/localstack:4.1\n",
            ".github/workflows/build.yml": "on: push\njobs:\n  a:\n    steps:\n      - run: docker build docker/add\n",
        },
        "docker/add/Dockerfile:4",
        why="pipelines build the one and not the other",
    ),
    # Other apps of the tree.
    ok(
        "X-03",
        "manifests",
        {
            "forms/package.json": '{"name": "f"}',
            "forms/index.js": "const a = 1;\n",
            "forms/Dockerfile": _NODE.format(24),
            "web/package.json": '{"name": "w"}',
            "web/index.js": "const a = 1;\n",
            "web/Dockerfile": _NODE.format(26),
            ".github/workflows/a.yml": "on: push\njobs:\n  a:\n    steps:\n      - uses: actions/setup-node@v4\n"
            "        with:\n          node-version: 26.x\n      - run: npm test\n",
        },
        "the version of another app's image in CI",
    ),
    bad(
        "X-03",
        "manifests",
        {
            "package.json": '{"name": "f"}',
            "index.js": "const a = 1;\n",
            "Dockerfile": _NODE.format(24),
            ".github/workflows/a.yml": "on: push\njobs:\n  a:\n    steps:\n      - uses: actions/setup-node@v4\n"
            "        with:\n          node-version: 26.x\n      - run: npm test\n",
        },
        ".github/workflows/a.yml:7",
        why="a version that no image has",
    ),
    bad(
        "I-04",
        "javascript",
        {
            "forms/package.json": '{"name": "f"}',
            "forms/Dockerfile": _NODE.format(24),
            "web/package.json": '{"name": "w"}',
            "web/Dockerfile": _NODE.format(24),
            "backend/package.json": '{"name": "b"}',
            **{f"backend/apps/{app}/{name}.ts": "export {};\n" for app in ("api", "jobs") for name in "abc"},
            **{f"backend/apps/{app}/Dockerfile": _NODE.format(24) for app in ("api", "jobs")},
        },
        "backend/package.json",
        why="the manifest above the apps, not those beside them",
    ),
    ok(
        "X-06",
        "manifests",
        {
            **_NODE_APP,
            "Dockerfile": _NODE.format("22-bookworm"),
            "db/Dockerfile.dev": "FROM postgres:15-alpine\nCOPY a.sh /docker-entrypoint-initdb.d/\n",
        },
        "the system of a database",
    ),
    bad(
        "X-06",
        "manifests",
        {**_NODE_APP, "Dockerfile": _NODE.format("22-bookworm"), "Dockerfile.dev": _NODE.format("22-alpine")},
        "Dockerfile.dev:1",
        why="the system of the app",
    ),
    # Profiles of Spring.
    bad(
        "III-05",
        "java",
        {
            "build.gradle": _SPRING,
            "src/main/resources/application-oracle.properties": _KEY,
            "helm/values.yaml": _HELM.format("${PROFILES}"),
        },
        "src/main/resources/application-oracle.properties:1",
        why="a profile that may be any",
        severity="error",
    ),
    bad(
        "III-05",
        "java",
        {
            "build.gradle": _SPRING,
            "src/main/resources/application-oracle.properties": _KEY,
            "helm/values.yaml": _HELM.format("nomis"),
        },
        "src/main/resources/application-oracle.properties:1",
        why="a profile that no deploy runs with",
        severity="note",
    ),
    bad(
        "III-05",
        "java",
        {
            "build.gradle": _SPRING,
            "src/main/resources/application.yml": "spring:\n  profiles:\n    group:\n      nomis: [oracle]\n",
            "src/main/resources/application-oracle.properties": _KEY,
            "helm/values.yaml": _HELM.format("nomis"),
        },
        "src/main/resources/application-oracle.properties:1",
        why="a profile of the group that a deploy runs with",
        severity="error",
    ),
    bad(
        "III-05",
        "java",
        {
            "build.gradle": _SPRING,
            "src/main/resources/application-oracle.properties": _KEY + "spring.profiles.include=connection-proxy,dev\n",
        },
        "src/main/resources/application-oracle.properties:1",
        why="a profile that takes in that of developers",
        severity="note",
    ),
    bad(
        "IV-01",
        "manifests",
        {
            "build.gradle": _SPRING,
            "src/main/resources/application-nomis.yml": _ORACLE,
        },
        "src/main/resources/application-nomis.yml:3",
        why="nothing else sets it",
    ),
    ok(
        "IV-01",
        "manifests",
        {
            "build.gradle": _SPRING,
            "src/main/resources/application-nomis.yml": _ORACLE,
            "helm/values.yaml": _HELM.format("nomis")
            + "  namespace_secrets:\n    a:\n      SPRING_DATASOURCE_URL: url\n",
        },
        "a manifest gives the variable that replaces it",
    ),
    bad("III-05", "java", _DEFAULT, "src/main/resources/application.yaml:3", severity="error"),
    bad(
        "III-05",
        "java",
        {
            **_DEFAULT,
            "docker-compose.yml": "services:\n  api:\n    build: .\n"
            "    environment: {CLIENT_SECRET: QM5RQQ53LZFOSIXJ}\n"
            "  mail:\n    image: mailhog/mailhog:v1\n",
        },
        "src/main/resources/application.yaml:3",
        why="the text that developers run with",
        severity="warning",
    ),
    # What a text says it is.
    ok(
        "III-01",
        "go",
        {"go.mod": "module shop\n", "a.go": 'package a\n\nconst LoginPrivateKey = "private-jwt-key-base64"\n'},
        "the name under which a key is kept",
    ),
    bad(
        "III-01",
        "go",
        {"go.mod": "module shop\n", "a.go": 'package a\n\nconst LoginPrivateKey = "pr1vate-9xK2-qT7m-Zw4L8vBn"\n'},
        "a.go:3",
        why="a key",
    ),
    ok(
        "III-01",
        "manifests",
        {"config/settings.yml": "aws:\n  s3:\n    secret: 'store actual value as SETTINGS__AWS__S3__SECRET'\n"},
        "a sentence that names the variable",
    ),
    bad(
        "III-01",
        "manifests",
        {"config/settings.yml": "aws:\n  s3:\n    secret: 'kT9vQ2mZr7Lw4Xp8Nb3cSETTINGS__AWS'\n"},
        "config/settings.yml:3",
        why="a secret with such letters in it",
    ),
    ok(
        "III-01",
        "python",
        {"a.py": "class Feed:\n    AMQP_USER_PASS = 'anonymous'\n"},
        "a service that is open to all",
    ),
    bad(
        "III-04",
        "manifests",
        {".env": _LOCAL_ENV},
        ".env:4",
        why="addresses of this machine only",
        severity="warning",
        git=("init -q", "add -A -f", "commit -qm x"),
    ),
    bad(
        "III-04",
        "manifests",
        {".env": _LOCAL_ENV + "D_URL=https://api.example.org\n"},
        ".env:4",
        why="an address of a network",
        severity="error",
        git=("init -q", "add -A -f", "commit -qm x"),
    ),
    ok("III-02", "manifests", {"a.conf": _AZURE.format(_EMULATOR)}, "the key of the emulator, the same for all"),
    bad("III-02", "manifests", {"a.conf": _AZURE.format(_OTHER_KEY)}, "a.conf:1", why="another account's key"),
    # What is logged.
    ok("XI-06", "python", {"a.py": _HEADERS}, "headers of which nothing says that they let anybody in"),
    bad(
        "XI-06",
        "python",
        {"a.py": _HEADERS + "\n\ndef sign(headers, key):\n    headers['Authorization'] = key\n"},
        "a.py:8",
        why="headers with what authorizes",
        severity="warning",
    ),
    bad("XI-06", "python", {"app/login.py": _TOKEN}, "app/login.py:7", why="a token", severity="warning"),
    bad("XI-06", "python", {"app/fcm.py": _TOKEN}, "app/fcm.py:7", why="a device's token", severity="note"),
    # What a pipeline runs, and what ran once.
    bad("III-06", "python", {"scripts/ingress.py": _REGION}, "scripts/ingress.py:3", severity="warning"),
    bad(
        "III-06",
        "python",
        {
            "scripts/ingress.py": _REGION,
            ".github/workflows/a.yml": "on: push\njobs:\n  a:\n    steps:\n      - run: python scripts/ingress.py\n",
        },
        "scripts/ingress.py:3",
        why="a script of a pipeline",
        severity="note",
    ),
    bad(
        "III-06",
        "python",
        {"shop/migrations/0001_a.py": _REGION},
        "shop/migrations/0001_a.py:3",
        why="a migration",
        severity="note",
    ),
    # Admin work.
    ok(
        "XII-05",
        "manifests",
        {"docs/ops.md": "Keep the same ssh instance open (in a sandbox). Try to run `manage.py` commands there.\n"},
        "a sentence on ssh",
    ),
    bad(
        "XII-05",
        "manifests",
        {"docs/ops.md": "Then:\n\n```\n$ ssh shop@host1 python manage.py migrate\n```\n"},
        "docs/ops.md:4",
        why="a command",
    ),
    bad(
        "XII-05",
        "manifests",
        {"docs/ops.md": "Run `ssh host1 'cd shop && python manage.py migrate'` then.\n"},
        "docs/ops.md:1",
        why="a command within a sentence",
    ),
    # Servers of pages, and configuration of others.
    bad("V-08", "manifests", _VITE, "package.json:1", why="nothing else serves the pages"),
    ok(
        "V-08",
        "manifests",
        {**_VITE, "Dockerfile": _NGINX.format("nginx:stable-alpine")},
        "an image serves what was built",
    ),
    ok(
        "VIII-02",
        "manifests",
        {"k8s/nats.yaml": "apiVersion: v1\nkind: ConfigMap\n" + _PID},
        "the configuration of a service in a manifest",
    ),
    bad("VIII-02", "manifests", {"conf/server.yaml": _PID}, "conf/server.yaml:3", why="the app's configuration"),
    # What a name or a file says of itself.
    ok(
        "XI-06",
        "javascript",
        {"a.ts": "import { logger } from './log';\nlogger.info(user.id, AuditEvent.DeleteApiKey);\n"},
        "a member of an enumeration",
    ),
    bad(
        "XI-06",
        "javascript",
        {"a.ts": "import { logger } from './log';\nlogger.info(user.id, account.apiKey);\n"},
        "a.ts:2",
        why="a key",
    ),
    ok(
        "X-03",
        "manifests",
        {**_NODE_APP, ".nvmrc": "22.16.0\n", "Dockerfile": _ALPINE.format("nodejs=~${NODE_VERSION}")},
        "a version that a variable holds",
    ),
    bad(
        "X-03",
        "manifests",
        {**_NODE_APP, ".nvmrc": "22.16.0\n", "Dockerfile": _ALPINE.format("nodejs")},
        "Dockerfile:2",
        why="whatever version there is",
    ),
    ok("IX-06", "javascript", {**_NEXT, "lib/keys.ts": _SIGN + _CALL}, "a file that needs a window"),
    bad("IX-06", "javascript", {**_NEXT, "lib/keys.ts": _CALL}, "lib/keys.ts:2", why="nothing of a browser"),
    bad(
        "IX-06",
        "javascript",
        {**_NEXT, "lib/keys.ts": "export const here = typeof window === 'undefined';\n" + _SIGN + _CALL},
        "lib/keys.ts:4",
        why="a look whether there is a window",
    ),
    ok("SEC-01", "manifests", {**_NODE_APP, "Dockerfile.pr": _NODE.format(22)}, "the image of a review"),
    ok(
        "VIII-01",
        "manifests",
        {**_PORTED, "manifest-api.yml": "applications:\n  - name: api\n    buildpack: python_buildpack\n"},
        "one manifest of several",
    ),
    bad("VIII-01", "manifests", _PORTED, "requirements.txt", why="no manifest at all"),
    # Packages.
    bad(
        "II-04",
        "ruby",
        {
            "Gemfile": "source 'https://rubygems.org'\ngem 'rails'\n",
            "Gemfile.lock": _GEMS.format("notifications-ruby-client (6.2.0)"),
            "app/models/mail.rb": "require 'notifications/client'\n",
        },
        "app/models/mail.rb:1",
        why="a gem of the lock with all words of the path",
        severity="warning",
    ),
    bad(
        "II-04",
        "ruby",
        {
            "Gemfile": "source 'https://rubygems.org'\ngem 'rails'\n",
            "Gemfile.lock": _GEMS.format("notifications-ruby (6.2.0)"),
            "app/models/mail.rb": "require 'notifications/client'\n",
        },
        "app/models/mail.rb:1",
        why="a gem of the lock without one of them",
        severity="warning",
    ),
    ok(
        "II-04",
        "python",
        {
            "pyproject.toml": _PYPROJECT.format("a"),
            "src/__init__.py": "",
            "src/weather_jobs/__init__.py": "",
            "src/weather_jobs/a.py": "from weather_jobs import b\nimport mimetools\n"
            "from mypy_boto3_iam.client import A\n",
        },
        "a package below src, a module of Python 2, stubs that an extra brings",
    ),
    bad(
        "II-04",
        "python",
        {
            "pyproject.toml": _PYPROJECT.format("a"),
            "src/weather_jobs/__init__.py": "",
            "src/weather_jobs/a.py": "import weather_bits\n",
        },
        "src/weather_jobs/a.py:1",
        why="a package that is nowhere",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_stands_beside_production_is_told_from_it(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)


def test_a_bundle_needs_nothing_from_outside(tmp_path: Path) -> None:
    prelude = (
        "/* edited */\n(function(){function r(e,n,t){function o(i,f){if(!n[i]){if(!e[i]){var c=require;}}}}})()({1:[\n"
    )
    files = {"package.json": '{"name": "a"}', "app.js": "require('left-pad');\n", "pages/ui.js": "require('assign');\n"}
    assert [one.place.path for one in findings_of("II-04", files, tmp_path / "plain")] == ["app.js", "pages/ui.js"]
    files["pages/ui.js"] = prelude + files["pages/ui.js"]
    assert [one.place.path for one in findings_of("II-04", files, tmp_path / "bundled")] == ["app.js"]


def test_the_manifest_of_an_import_is_the_nearest(tmp_path: Path) -> None:
    files = {
        "a/pyproject.toml": _PYPROJECT.format("a"),
        "b/pyproject.toml": _PYPROJECT.format("b"),
        "b/src/b/__init__.py": "import weather_bits\n",
    }
    (found,) = findings_of("II-04", files, tmp_path)
    assert "not declared in b/pyproject.toml" in found.message


def test_two_that_stay_in_front_are_spoken_of_as_two(tmp_path: Path) -> None:
    files = {
        "package.json": '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5"}}',
        "server.js": "require('express')().listen(process.env.PORT);\n",
        "Dockerfile": 'FROM node:22\nCMD ["npm", "run", "start"]\n',
    }
    (found,) = findings_of("IX-03", files, tmp_path)
    assert found.message == "npm and sh stay in front of node and keep TERM to themselves"
