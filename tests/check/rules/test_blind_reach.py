"""What decides whether a finding concerns what a deploy runs: the other side of the wire, phones, commands that nobody
calls, images that only others build on; and what the code says of a thing beside its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, findings_of, ok

_NEXT = '{"scripts": {"start": "next start"}, "dependencies": {"next": "^15", "react": "^19"}}'
_PAGE = (
    'import {{ useEffect }} from "react";\n\nconst Verify = () => {{\n  const token = useToken();\n{}'
    "  return null;\n}};\n\nexport default Verify;\n"
)
_EXPRESS = "const express = require('express');\nconst app = express();\n"
_CLAIMS = _EXPRESS + (
    "app.get('/me', async (req, res) => {\n  const token = await readToken(req);\n  console.log(token);\n"
    "  res.send({});\n});\n"
)
_PHONES = '{"dependencies": {"expo": "~54", "react-native": "0.81", "@sentry/react-native": "^7"}}'
_DSN = (
    'import * as Sentry from "@sentry/{}";\n\n'
    'Sentry.init({{ dsn: "https://8f1c0d3e5a7b4c2d9e6f@o91.ingest.sentry.io/77" }});\n'
)
_GO_MAIN = 'package main\n\nimport "github.com/fatih/color"\n\nfunc main() {\n\tcolor.Red("x")\n}\n'
_NODE = {
    "package.json": '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5"}}',
    "server.js": _EXPRESS + "app.listen(process.env.PORT);\n",
}
_IMAGE = 'FROM node:22\nCOPY . .\nRUN npm ci\nCMD ["node", "server.js"]\n'
_FAKER = (
    "from django.core.management.base import BaseCommand\nfrom faker import Faker\n\n\n"
    "class Command(BaseCommand):\n    def handle(self, **options):\n        Faker()\n"
)
_DJANGO = '[project]\nname = "shop"\ndependencies = ["django>=5,<6"]\n\n[dependency-groups]\ndev = ["faker>=40"]\n'
_POPULATE = "from faker import Faker\n\nfake = Faker()\n\nif __name__ == '__main__':\n    print(fake.name())\n"
_FLASK = '[project]\nname = "shop"\ndependencies = ["flask>=3,<4"]\n\n[dependency-groups]\ndev = ["faker>=40"]\n'
_LOCK_JS = (
    '{"name": "shop", "lockfileVersion": 3, "packages": {"": {"dependencies": {"ai": "^5"}},'
    ' "node_modules/ai": {"version": "5.0.0"}, "node_modules/@ai-sdk/provider": {"version": "2.0.0"}}}'
)
_AI = '{"scripts": {"start": "node dist/tag.js"}, "dependencies": {"ai": "^5"}}'
_MAIL = (
    'from environ import Env\n\nenv = Env()\nDEBUG = env.bool("DEBUG", False)\nif DEBUG:\n'
    "    EMAIL_BACKEND = 'django.core.mail.backends.console.EmailBackend'\n{}"
)
_BASE = "FROM ubuntu:24.04\nRUN apt-get update && apt-get install -y python3\n"
_ON_BASE = 'FROM shop/{}:1.4\nCOPY . .\nUSER app\nCMD ["gunicorn", "shop:app"]\n'
_FETCH = (
    'package fetcher\n\nimport "net/http"\n\n// Image asks for a picture.\nfunc Image(address string) error {\n'
    "\t_, err := http.Get(address)\n\treturn err\n}\n"
)
_CALLS = (
    'package main\n\nimport (\n\t"net/http"\n\n\t"shop.example/internal/fetcher"\n)\n\nfunc main() {\n'
    '\thttp.HandleFunc("/", serve)\n\thttp.ListenAndServe(":8080", nil)\n}\n\n'
    "func serve(w http.ResponseWriter, r *http.Request) {\n\tfetcher.Image(r.URL.Path)\n}\n"
)
_OWN_OAUTH = (
    'package auth\n\nimport (\n\t"context"\n\n\t"{}/oauth2"\n)\n\n'
    "func signIn(ctx context.Context, token string) error {{\n"
    "\tprovider, err := oauth2.NewProvider(ctx)\n\tif err != nil {{\n\t\treturn err\n\t}}\n"
    "\t_, err = provider.UserInfo(ctx, token)\n\treturn err\n}}\n"
)
_SWEEPER = (
    'package cache\n\nimport "time"\n\ntype Cache struct {\n\tstop chan struct{}\n\tgone chan struct{}\n}\n\n'
    "func New() *Cache {\n\tc := &Cache{stop: make(chan struct{}), gone: make(chan struct{})}\n\tgo c.cleanupLoop()\n"
    "\treturn c\n}\n\nfunc (c *Cache) cleanupLoop() {\n\ttime.Sleep(time.Second)\n\tclose(c.gone)\n}\n"
)
_CLOSE = "\nfunc (c *Cache) Close() {\n\tclose(c.stop)\n\t<-c.gone\n}\n"
_SERVE = (
    'package main\n\nimport "net/http"\n\nfunc main() {\n\thttp.HandleFunc("/", index)\n'
    '\thttp.ListenAndServe(":8080", nil)\n'
    "}\n\nfunc index(w http.ResponseWriter, r *http.Request) {}\n"
)
_HASH = "$2y$12$" + "k3bZ0aQx7" * 5 + "k3bZ0aQx"
_ADMIN = "INSERT INTO users (name, role, password_hash) VALUES ('ann', 'admin', '{}');\n"
_MULTER = (
    "const express = require('express');\nconst multer = require('multer');\nconst app = express();\n"
    "app.post('/u', multer({ dest: 'data/uploads' }).array('file'), save);\n"
)
_MULTER_PACKAGE = '{"scripts": {"start": "node app.js"}, "dependencies": {"express": "^5", "multer": "^2"}}'

_LOGS_TOKEN = (
    "import logging\n\nlogger = logging.getLogger(__name__)\n\ndef {}(domain, token):\n"
    '    logger.info("%s: %s", domain, token)\n'
)
_WEB = {"Procfile": "web: python serve.py\n", "serve.py": "import flask\n\napp = flask.Flask('x')\n"}
_INSTALLS = "import subprocess\n\n\ndef {}(directory):\n    subprocess.check_call(['npm', 'install'], cwd=directory)\n"
_FEATURE = (
    "<?php\nreturn [\n  'authentication' => env('TOOL_AUTHENTICATION', {}),\n"
    "  'authentication_password' => env('TOOL_AUTHENTICATION_PASSWORD', 'VeryGoodPassword'),\n];\n"
)
_GUZZLE = (
    "<?php\nfunction provider($driver) {{\n  if (App::environment({})) {{\n"
    "    $driver->setHttpClient(new \\GuzzleHttp\\Client(['verify' => true]));\n  }}\n}}\n"
)
_HEALTH = (
    "const http = require('http');\n\nconst options = {{\n  host: 'localhost',\n  {},\n}};\n\n"
    "const asked = http.request(options, (res) => process.exit(res.statusCode));\nasked.end();\n"
)
_MIGRATES = (
    "const knex = require('knex')(require('./knexfile'));\nconst ask = require('{}');\n\n(async () => {{\n"
    "  await knex.migrate.latest();\n}})();\n"
)

_BUN = 'FROM node:22\nCOPY package.json bun.lockb /app/\nRUN bun i\nCMD ["bun", "run", "start"]\n'
_BUNDLED = (
    '{"scripts": {"start": "node server.js"}, "dependencies": {"express": "^5"},'
    ' "devDependencies": {"webpack": "^5", "webpack-dev-server": "^5"}}'
)
_BUNDLER = "const webpack = require('webpack');\nconst serve = require('{}');\nserve(webpack({{}})).listen(3000);\n"
_GRADLE_TOP = (
    "{} {{\n  dependencyManagement {{\n    imports {{\n      mavenBom 'org.example:versions:1.2.0'\n    }}\n  }}\n}}\n"
)
_GRADLE = "apply plugin: 'java'\n\ndependencies {\n  implementation('com.google.guava:guava')\n}\n"
_JAVA = "import com.google.common.base.Strings;\n\nclass A {}\n"

CASES = [
    # The other side of the wire.
    ok(
        "XI-06",
        "javascript",
        {
            "package.json": _NEXT,
            "pages/verify.tsx": _PAGE.format("  useEffect(() => {\n    console.log(token);\n  }, []);\n"),
        },
        "an effect, which a browser runs",
    ),
    bad(
        "XI-06",
        "javascript",
        {"package.json": _NEXT, "pages/verify.tsx": _PAGE.format("  console.log(token);\n")},
        "pages/verify.tsx:5",
        why="a page as the server draws it",
    ),
    # A token, or what it says.
    ok(
        "XI-06",
        "javascript",
        {**_NODE, "server.js": _CLAIMS.replace("  res.", "  if (!token?.id) return;\n  res.")},
        "claims of a token that was decoded",
    ),
    bad(
        "XI-06",
        "javascript",
        {**_NODE, "server.js": _CLAIMS},
        "server.js:5",
        why="a token as it came",
        severity="warning",
    ),
    # Phones.
    ok("TEL-02", "javascript", {"package.json": _PHONES, "app.tsx": _DSN.format("react-native")}, "an app for phones"),
    bad(
        "TEL-02",
        "javascript",
        {**_NODE, "app.ts": _DSN.format("node")},
        "app.ts:3",
        why="a server",
    ),
    bad(
        "II-04",
        "javascript",
        {
            "package.json": _PHONES,
            "package-lock.json": _LOCK_JS,
            "plugins/bar.js": 'const p = require("@ai-sdk/provider");\np.run();\n',
        },
        "plugins/bar.js:1",
        why="in an app for phones",
        severity="note",
    ),
    # Code that no deploy has to do with.
    bad(
        "II-01",
        "go",
        {**_NODE, "Dockerfile": _IMAGE, "installer/main.go": _GO_MAIN},
        "installer/main.go:3",
        why="a program that no image builds",
        severity="note",
    ),
    bad(
        "II-01",
        "go",
        {
            **_NODE,
            "Dockerfile": 'FROM golang:1.25\nCOPY . .\nRUN go build -o /x ./installer\nCMD ["/x"]\n',
            "installer/main.go": _GO_MAIN,
        },
        "installer/main.go:3",
        why="a program that the image builds",
        severity="error",
    ),
    bad(
        "II-05",
        "python",
        {
            "pyproject.toml": _DJANGO,
            "shop/management/commands/make-users.py": _FAKER,
            "shop/management/commands/make-all.py": "from django.core.management import call_command\n\n"
            "call_command('make-users')\n",
        },
        "shop/management/commands/make-users.py:2",
        why="a command that only another one of hands calls",
        severity="note",
    ),
    bad(
        "II-05",
        "python",
        {
            "pyproject.toml": _DJANGO,
            "shop/management/commands/make-users.py": _FAKER,
            "entrypoint.sh": "#!/bin/sh\npython manage.py make-users\nexec gunicorn shop.wsgi\n",
        },
        "shop/management/commands/make-users.py:2",
        why="a command that a script runs",
        severity="warning",
    ),
    ok(
        "II-05",
        "python",
        {
            "pyproject.toml": _FLASK,
            "populate.py": _POPULATE,
            "serve.py": "import flask\n\napp = flask.Flask('x')\n",
            "Procfile": "web: python serve.py\n",
            "CHANGELOG.md": "- populate.py makes more users\n",
        },
        "a program that only the list of changes names",
    ),
    bad(
        "II-05",
        "python",
        {
            "pyproject.toml": _FLASK,
            "populate.py": _POPULATE,
            "serve.py": "import flask\n\napp = flask.Flask('x')\n",
            "Procfile": "web: python serve.py\n",
            "deploy.sh": "#!/bin/sh\npython populate.py\n",
        },
        "populate.py:1",
        why="a program that a script runs",
        severity="warning",
    ),
    # Manifests, aliases and types of JavaScript.
    ok(
        "II-04",
        "javascript",
        {"themes/a/package.json": _AI, "themes/b/events.js": 'import { Howl } from "howler";\nnew Howl();\n'},
        "a directory without a manifest, beside one that has one",
    ),
    bad(
        "II-04",
        "javascript",
        {"themes/a/package.json": _AI, "themes/a/events.js": 'import { Howl } from "howler";\nnew Howl();\n'},
        "themes/a/events.js:1",
        why="below its manifest",
    ),
    ok(
        "II-04",
        "javascript",
        {
            **_NODE,
            "client.js": "require('modernizr');\n",
            "dev/webpack.prod.js": "module.exports = {\n"
            "  resolve: { alias: { 'modernizr$': '/client/.modernizrrc.js' } },\n};\n",
        },
        "an alias of the whole name alone",
    ),
    ok(
        "II-04",
        "javascript",
        {
            "package.json": _AI,
            "package-lock.json": _LOCK_JS,
            "tag.ts": 'import { Model } from "@ai-sdk/provider";\n\n'
            "export const pick = (given: Model): Model => given as Model;\n",
        },
        "only where types stand",
    ),
    bad(
        "II-04",
        "javascript",
        {
            "package.json": _AI,
            "package-lock.json": _LOCK_JS,
            "tag.ts": 'import { Model } from "@ai-sdk/provider";\n\nexport const pick = (): Model => new Model();\n',
        },
        "tag.ts:1",
        why="as a type and as a value",
    ),
    bad(
        "II-04",
        "javascript",
        {
            "package.json": _AI,
            "package-lock.json": _LOCK_JS,
            "tag.ts": 'import { Model } from "@ai-sdk/provider";\n\n@Injectable()\nexport class Tag {\n'
            "  constructor(private model: Model) {}\n}\n",
        },
        "tag.ts:1",
        why="the type of what is decorated, which is kept",
    ),
    # Which setting has the last word.
    ok(
        "IV-03",
        "python",
        {
            "settings.py": _MAIL.format(
                'if env.bool("ENABLE_EMAIL", False):\n'
                "    EMAIL_BACKEND = 'django.core.mail.backends.smtp.EmailBackend'\n"
            )
        },
        "a setting of its own decides further down",
    ),
    bad(
        "IV-03",
        "python",
        {"settings.py": _MAIL.format("else:\n    EMAIL_BACKEND = 'django.core.mail.backends.smtp.EmailBackend'\n")},
        "settings.py:6",
        why="the name of the environment decides",
    ),
    # An image that others build on.
    ok(
        "SEC-01",
        "manifests",
        {
            "docker/base/Dockerfile": _BASE,
            "docker/production/Dockerfile": _ON_BASE.format("base"),
            "shop.py": "app = 1\n",
        },
        "a base that starts nothing",
    ),
    bad(
        "SEC-01",
        "manifests",
        {
            "docker/base/Dockerfile": _BASE,
            "docker/production/Dockerfile": _ON_BASE.format("other"),
            "shop.py": "app = 1\n",
        },
        "docker/base/Dockerfile:1",
        why="an image that nothing builds on",
    ),
    # What Go calls, and whom it waits for.
    ok(
        "IX-06",
        "go",
        {"go.mod": "module shop.example\n", "main.go": _SERVE, "internal/fetcher/image.go": _FETCH},
        "a function that nothing calls",
    ),
    bad(
        "IX-06",
        "go",
        {"go.mod": "module shop.example\n", "main.go": _CALLS, "internal/fetcher/image.go": _FETCH},
        "internal/fetcher/image.go:7",
        why="a function that another package calls",
    ),
    bad(
        "IX-06",
        "go",
        {
            "go.mod": "module shop.example\n",
            "main.go": _SERVE,
            "internal/fetcher/image.go": _FETCH,
            "internal/fetcher/all.go": 'package fetcher\n\nfunc All() { Image("x") }\n',
        },
        "internal/fetcher/image.go:7",
        why="a function that its own package calls",
    ),
    ok("IX-06", "go", {"auth.go": _OWN_OAUTH.format("shop.example/internal")}, "a package of its own of the same name"),
    bad("IX-06", "go", {"auth.go": _OWN_OAUTH.format("golang.org/x")}, "auth.go:14", why="the library's"),
    ok("VI-07", "go", {"main.go": _SERVE, "cache/cache.go": _SWEEPER + _CLOSE}, "Close ends the loop and waits for it"),
    bad(
        "VI-07",
        "go",
        {"main.go": _SERVE, "cache/cache.go": _SWEEPER + _CLOSE.replace("\t<-c.gone\n", "")},
        "cache/cache.go:12",
        why="Close does not wait",
    ),
    # What a hash tells.
    bad(
        "SEC-02",
        "manifests",
        {"db/seed.sql": _ADMIN.format(_HASH)},
        "db/seed.sql:1",
        why="a hash of who knows what",
        severity="warning",
    ),
    bad(
        "SEC-02",
        "manifests",
        {"db/seed.sql": _ADMIN.format(_HASH), "README.md": "Sign in as `admin`, password: `rosebud`.\n"},
        "db/seed.sql:1",
        why="the manual says the password",
        severity="error",
    ),
    bad(
        "SEC-02",
        "manifests",
        {
            "db/seed.sql": _ADMIN.format(_HASH),
            "app/seed.py": 'def seed():\n    User.objects.create_superuser("admin", "a@shop.net", "admin")\n',
        },
        "app/seed.py:2",
        "db/seed.sql:1",
        why="the code says a password of the administrator",
        severity="error",
    ),
    bad(
        "SEC-02",
        "manifests",
        {"db/seed.sql": _ADMIN.format("21232f297a57a5a743894a0e4a801fc3")},
        "db/seed.sql:1",
        why="a hash of what everybody tries",
        severity="error",
    ),
    ok(
        "SEC-02",
        "manifests",
        {"db/seed.sql": "-- Demo seed data: nobody can log in as these\n" + _ADMIN.format(_HASH)},
        "data to try it out, as its head says",
    ),
    # Where an upload goes on to.
    bad(
        "VI-04",
        "javascript",
        {
            "package.json": _MULTER_PACKAGE,
            "app.js": _MULTER,
            "assets.js": "const fs = require('fs');\n"
            "module.exports = async (opts) => Asset.insert(await fs.promises.readFile(opts.path));\n",
        },
        "app.js:4",
        why="the code reads it by its path",
        severity="note",
    ),
    bad(
        "VI-04",
        "javascript",
        {
            "package.json": _MULTER_PACKAGE,
            "app.js": _MULTER,
            "assets.js": "const fs = require('fs');\n"
            "module.exports = (file) => fs.renameSync(file.path, 'public/' + file.name);\n",
        },
        "app.js:4",
        why="it is only called something else",
        severity="warning",
    ),
    # What is published, built, switched off, said twice, asked at a terminal.
    ok(
        "XI-06",
        "python",
        {"dns.py": _LOGS_TOKEN.format("create_txt_record")},
        "the answer to a challenge, which goes into a record of DNS",
    ),
    bad("XI-06", "python", {"dns.py": _LOGS_TOKEN.format("sign_in")}, "dns.py:6", why="a token of somebody's"),
    ok("II-07", "python", {**_WEB, "backend.py": _INSTALLS.format("build_wheel")}, "a backend that builds the package"),
    bad("II-07", "python", {**_WEB, "backend.py": _INSTALLS.format("refresh")}, "backend.py:5", why="in the app"),
    bad(
        "III-05",
        "php",
        {"config/tool.php": _FEATURE.format("false")},
        "config/tool.php:4",
        why="of a feature that is off",
        severity="warning",
    ),
    bad(
        "III-05",
        "php",
        {"config/tool.php": _FEATURE.format("true")},
        "config/tool.php:4",
        why="of a feature that is on",
        severity="error",
    ),
    bad(
        "III-05",
        "php",
        {
            "config/database.php": "<?php\nreturn [\n  'mysql' => [\n"
            "    'password' => env('DB_PASSWORD', 'Kq8vT2mxW'),\n  ],\n"
            "  'pgsql' => [\n    'password' => env('DB_PASSWORD', 'Kq8vT2mxW'),\n  ],\n];\n"
        },
        "config/database.php:4",
        why="one variable for two drivers",
    ),
    ok("IX-06", "php", {"sign_in.php": _GUZZLE.format("'local'")}, "where the app is worked on"),
    bad("IX-06", "php", {"sign_in.php": _GUZZLE.format("'production'")}, "sign_in.php:4", why="in production"),
    ok(
        "IX-06",
        "javascript",
        {**_NODE, "alive.js": _HEALTH.format("timeout: 2000")},
        "a limit among options that are put aside",
    ),
    bad("IX-06", "javascript", {**_NODE, "alive.js": _HEALTH.format("port: 1337")}, "alive.js:8", why="other options"),
    ok("XII-02", "javascript", {**_NODE, "db/admin.js": _MIGRATES.format("inquirer")}, "a program that asks a person"),
    bad(
        "XII-02", "javascript", {**_NODE, "db/admin.js": _MIGRATES.format("./log")}, "db/admin.js:5", why="asks nobody"
    ),
    # Images that nobody builds, servers of bundlers, and versions that a build above gives.
    ok("SEC-01", "manifests", {**_NODE, "Dockerfile.bun": _BUN}, "it copies a lock file that the tree does not have"),
    bad(
        "SEC-01",
        "manifests",
        {**_NODE, "Dockerfile.bun": _BUN, "bun.lockb": "x"},
        "Dockerfile.bun:1",
        why="it can be built",
    ),
    ok(
        "II-05",
        "javascript",
        {"package.json": _BUNDLED, "server.js": _BUNDLER.format("webpack-dev-server")},
        "its server",
    ),
    bad(
        "II-05",
        "javascript",
        {"package.json": _BUNDLED, "server.js": _BUNDLER.format("express")},
        "server.js:1",
        why="a server that has pages bundled",
    ),
    ok(
        "II-02",
        "java",
        {
            "build.gradle": _GRADLE_TOP.format("subprojects"),
            "api/build.gradle": _GRADLE,
            "api/src/main/java/A.java": _JAVA,
        },
        "the build above manages versions",
    ),
    bad(
        "II-02",
        "java",
        {"build.gradle": "group = 'shop'\n", "api/build.gradle": _GRADLE, "api/src/main/java/A.java": _JAVA},
        "api/build.gradle",
        why="no build above says any",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_no_deploy_runs_is_no_finding_of_one(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)


@pytest.mark.parametrize(("kind", "who"), [("filesystem", "machine"), ("simple", "process")])
def test_who_knows_a_cache_is_said_as_it_is(kind: str, who: str, tmp_path: Path) -> None:
    files = {"config.py": f'class Config:\n    CACHE_TYPE = "{kind}"\n', "app.py": "import flask_caching\n"}
    (found,) = findings_of("VI-06", files, tmp_path)
    assert found.message == f"The cache {kind} is known to one {who} alone"
