"""Factor II: what code needs is declared, fixed, and installed by the build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from check.harness import Case, bad, findings_of, ok


@dataclass(frozen=True)
class Kit:
    """What a language's fixtures are made of."""

    suffix: str
    manifest: str
    declares: str
    """A manifest with one bounded dependency."""
    uses: str
    """Code that imports it."""
    other: str
    """Code that imports another package, well known."""
    own: str
    """Code that imports a file of the app's, `helpers`."""
    standard: str
    lock: str
    locked: str
    runs: str
    """Code that starts the program `{}`."""
    line: int = 1
    """Where the import and the call are."""
    top: str = ""


KITS = {
    "python": Kit(
        "py",
        "requirements.in",
        "flask>=3,<4\n",
        "import flask\n",
        "import redis\n",
        "import helpers\n",
        "import json\n",
        "uv.lock",
        '[[package]]\nname = "flask"\nversion = "3.0.0"\n',
        "import subprocess; subprocess.run(['{}', 'x'])\n",
    ),
    "javascript": Kit(
        "js",
        "package.json",
        '{{"name": "app", "dependencies": {{"express": "^4.18.0"}}{}}}\n'.format(""),
        "const express = require('express');\n",
        "const redis = require('redis');\n",
        "const helpers = require('./helpers');\n",
        "const fs = require('node:fs');\n",
        "package-lock.json",
        '{"packages": {"node_modules/express": {"version": "4.18.0"}}}\n',
        "require('child_process').execFile('{}', ['x']);\n",
    ),
    "go": Kit(
        "go",
        "go.mod",
        "module example.org/app\n\ngo 1.22\n\nrequire github.com/lib/pq v1.10.0\n",
        'package main\nimport "github.com/lib/pq"\n',
        'package main\nimport "github.com/redis/go-redis/v9"\n',
        'package main\nimport "example.org/app/helpers"\n',
        'package main\nimport "net/http"\n',
        "go.sum",
        "github.com/lib/pq v1.10.0 h1:x=\n",
        'package main\nimport "os/exec"\nfunc f() { exec.Command("{}", "x").Run() }\n'.replace("{ e", "{{ e").replace(
            ") }", ") }}"
        ),
        2,
        "module example.org/app\n\ngo 1.22\n",
    ),
    "java": Kit(
        "java",
        "pom.xml",
        "<project><properties><java.version>21</java.version></properties><dependencies><dependency>"
        "<groupId>com.zaxxer</groupId><artifactId>HikariCP</artifactId><version>5.1.0</version>"
        "</dependency></dependencies></project>\n",
        "import com.zaxxer.hikari.HikariDataSource;\nclass A {}\n",
        "import redis.clients.jedis.Jedis;\nclass A {}\n",
        "import org.acme.Helpers;\nclass A {}\n",
        "import java.util.List;\nclass A {}\n",
        "gradle.lockfile",
        "a:b:1=runtimeClasspath\n",
        'class A {{ void f() throws Exception {{ new ProcessBuilder("{}", "x").start(); }} }}\n',
    ),
    "ruby": Kit(
        "rb",
        "Gemfile",
        'ruby "3.3.4"\ngem "sinatra", "~> 4.0"\n',
        "require 'sinatra'\n",
        "require 'redis'\n",
        "require 'helpers'\n",
        "require 'json'\n",
        "Gemfile.lock",
        "GEM\n  specs:\n    sinatra (4.0.0)\n",
        "system('{}', 'x')\n",
    ),
    "php": Kit(
        "php",
        "composer.json",
        '{"require": {"php": "^8.2", "monolog/monolog": "^3.0"}}\n',
        "<?php\nuse Monolog\\Logger;\nnew Logger('a');\n",
        "<?php\nuse Predis\\Client;\nnew Client();\n",
        "<?php\nuse App\\Helpers;\nnew Helpers();\n",
        "<?php\nnew DateTime();\n",
        "composer.lock",
        '{"packages": [{"name": "monolog/monolog", "version": "3.0.0"}]}\n',
        "<?php\nexec('{} x');\n",
        2,
    ),
}


def _app(kit: Kit, code: str, extra: Mapping[str, str] | None = None, name: str = "app") -> dict[str, str]:
    """A file of code and one of the app's own."""
    return {f"{name}.{kit.suffix}": code, f"helpers.{kit.suffix}": kit.standard} | dict(extra or {})


def _manifests(language: str) -> list[Case]:
    """II-01."""
    kit = KITS[language]
    at = f"app.{kit.suffix}:{kit.line}"
    own = kit.own if language != "go" else kit.standard
    return [
        bad("II-01", language, _app(kit, kit.uses), at),
        bad("II-01", language, _app(kit, kit.other, {"README.md": "install it"}), at, why="another package"),
        ok("II-01", language, _app(kit, kit.uses, {kit.manifest: kit.declares}), "a manifest"),
        ok("II-01", language, _app(kit, own) | _app(kit, kit.standard, name="b"), "its own and the language's"),
        ok("II-01", language, _app(kit, kit.standard, {f"tests/a.{kit.suffix}": kit.uses}), "a test"),
        ok("II-01", language, _app(kit, kit.standard, {f"docs/a.{kit.suffix}": kit.uses}), "documentation"),
    ]


def _declared(language: str) -> list[Case]:
    """II-04."""
    kit = KITS[language]
    at = f"app.{kit.suffix}:{kit.line}"
    manifest = {kit.manifest: kit.declares}
    return [
        bad("II-04", language, _app(kit, kit.other, manifest), at, severity="warning"),
        bad(
            "II-04",
            language,
            _app(kit, kit.other, manifest) | {f"b.{kit.suffix}": kit.other},
            at,
            why="once, however often it is imported",
        ),
        ok("II-04", language, _app(kit, kit.uses, manifest), "declared"),
        ok("II-04", language, _app(kit, kit.own, manifest), "its own module"),
        ok("II-04", language, _app(kit, kit.standard, manifest), "the language's"),
        ok("II-04", language, _app(kit, kit.uses, manifest | {f"tests/test_a.{kit.suffix}": kit.other}), "a test"),
    ]


_NODE = '{"name": "app", "engines": {"node": "22"}, "main": "app.js"%s}\n'

_GEMS = "GEM\n  specs:\n    loofah (2.22.0)\n    rails (7.1.0)\n"

ODD_IMPORTS = [
    bad(
        "II-04",
        "python",
        {"requirements.in": "fastapi>=0.110,<1\n", "app.py": "from starlette.requests import Request\n"},
        "app.py:1",
        why="what a declared package brings along",
        severity="warning",
    ),
    ok(
        "II-04",
        "python",
        {
            "requirements.in": "flask>=3,<4\n",
            "app.py": "try:\n    import ujson\nexcept ImportError:\n    ujson = None\n",
        },
        "it may be absent",
    ),
    ok(
        "II-04",
        "python",
        {
            "requirements.in": "flask>=3,<4\n",
            "app.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import redis\n",
        },
        "for a type checker",
    ),
    ok("II-04", "python", {"requirements.in": "PyYAML>=6,<7\n", "app.py": "import yaml\n"}, "another name"),
    ok(
        "II-04",
        "python",
        {"requirements.in": "flask>=3,<4\n", "src/shop/__init__.py": "", "src/shop/a.py": "from shop import b\n"},
        "a package below src",
    ),
    bad(
        "II-04",
        "ruby",
        {"Gemfile": 'gem "rails", "~> 7.1"\n', "Gemfile.lock": _GEMS, "a.rb": "def f(t)\n  Loofah.fragment(t)\nend\n"},
        "a.rb:2",
        why="a constant of what another gem brings along",
        severity="warning",
    ),
    ok(
        "II-04",
        "ruby",
        {"Gemfile": 'gem "loofah", "~> 2"\n', "Gemfile.lock": _GEMS, "a.rb": "def f(t)\n  Loofah.fragment(t)\nend\n"},
        "a constant of a gem that is declared",
    ),
    ok(
        "II-04",
        "ruby",
        {"Gemfile": 'gem "rails", "~> 7.1"\n', "a.rb": "class Redis\nend\nRedis.new\n"},
        "a class of its own",
    ),
    ok("II-04", "python", {"requirements.in": "flask>=3,<4\n", "a.py": '"""\nimport redis\n"""\n'}, "a text"),
    ok(
        "II-04",
        "javascript",
        {
            "package.json": _NODE % "",
            "tsconfig.json": '{"compilerOptions": {"paths": {"lib/*": ["src/lib/*"]}}}',
            "app.ts": "import { a } from 'lib/a';\n",
        },
        "a path of the compiler's",
    ),
    ok("II-04", "javascript", {"package.json": _NODE % "", "Gruntfile.js": "require('grunt');\n"}, "a tool's file"),
    ok("II-04", "ruby", {"Gemfile": 'gem "rails", "~> 7.1"\n', "a.rb": "require 'active_record'\n"}, "a part of Rails"),
    ok(
        "II-01",
        "javascript",
        {
            "config/importmap.rb": 'pin "tom-select", to: "tom.js"\npin_all_from "a", under: "controllers"\n',
            "app/javascript/a.js": 'import T from "tom-select";\nimport x from "controllers/x";\n',
        },
        "an import map",
    ),
]

_DEV: dict[str, tuple[dict[str, str], str, str]] = {
    "python": (
        {"pyproject.toml": '[project]\nname = "a"\n[dependency-groups]\ndev = ["redis>=5,<6"]\n'},
        "import redis\n",
        "def f():\n    import redis\n",
    ),
    "javascript": (
        {"package.json": _NODE % ', "scripts": {"start": "node app.js"}, "devDependencies": {"redis": "^4.0.0"}'},
        "const redis = require('redis');\n",
        "function f() { return require('redis'); }\n",
    ),
    "ruby": (
        {"Gemfile": 'group :development do\n  gem "redis", "~> 5.0"\nend\n'},
        "require 'redis'\n",
        "def f\n  require 'redis'\nend\n",
    ),
    "php": (
        {"composer.json": '{"require-dev": {"predis/predis": "^2.0"}}\n'},
        "<?php\nuse Predis\\Client;\nnew Client();\n",
        "",
    ),
}


def _development(language: str) -> list[Case]:
    """II-05."""
    kit, (manifest, code, inside) = KITS[language], _DEV[language]
    start = {"Procfile": f"web: node app.{kit.suffix}\n"}
    at = f"app.{kit.suffix}:{kit.line}"
    deep = {f"app.{kit.suffix}": kit.own, f"helpers.{kit.suffix}": code}
    main = {
        "python": {"pyproject.toml": '[project]\nname = "a"\ndependencies = ["redis>=5,<6"]\n'},
        "javascript": {"package.json": _NODE % ', "dependencies": {"redis": "^4.0.0"}'},
        "ruby": {"Gemfile": 'gem "redis", "~> 5.0"\n'},
        "php": {"composer.json": '{"require": {"predis/predis": "^2.0"}}\n'},
    }[language]
    cases = [
        bad("II-05", language, {f"app.{kit.suffix}": code} | manifest | start, at, severity="warning"),
        bad(
            "II-05", language, deep | manifest | start, f"helpers.{kit.suffix}:{kit.line}", why="a file that it imports"
        ),
        ok("II-05", language, {f"app.{kit.suffix}": code} | main | start, "declared for all"),
        ok(
            "II-05",
            language,
            _app(kit, kit.standard, manifest | start | {f"tests/test_a.{kit.suffix}": code}),
            "a test",
        ),
        ok("II-05", language, _app(kit, kit.standard, manifest | start), "not imported"),
    ]
    if inside:
        line = 2 if language in ("python", "ruby") else 1
        cases.append(
            bad(
                "II-05",
                language,
                {f"app.{kit.suffix}": inside} | manifest | start,
                f"app.{kit.suffix}:{line}",
                why="in a function",
                severity="note",
            )
        )
    return cases


def _locks(language: str) -> list[Case]:
    """II-02."""
    kit = KITS[language]
    code = {f"app.{kit.suffix}": kit.uses}
    manifest = {"python": "requirements.txt"}.get(language, kit.manifest)
    declares = kit.declares
    if language == "java":
        return _locks_of_java(code)
    nested = {f"services/web/{name}": text for name, text in ({manifest: declares} | code).items()}
    lock = {kit.lock: kit.locked}
    tests = {f"tests/{manifest}": declares}
    return [
        bad("II-02", language, code | {manifest: declares}, manifest),
        bad("II-02", language, nested, f"services/web/{manifest}", why="deep inside"),
        ok("II-02", language, code | {manifest: declares} | lock, "a lock"),
        ok("II-02", language, nested | lock, "a lock at the top"),
        ok("II-02", language, {f"app.{kit.suffix}": kit.standard} | tests, "a test's manifest"),
        ok("II-02", language, code | lock, "a lock alone"),
    ]


def _locks_of_java(code: Mapping[str, str]) -> list[Case]:
    """Maven and Gradle have no lock of their own: exact versions are one."""
    build = "java {{ sourceCompatibility = '21' }}\ndependencies {{\n  implementation '{}'\n}}\n"
    pom = KITS["java"].declares.replace("5.1.0", "[5,6)")
    return [
        bad("II-02", "java", dict(code) | {"build.gradle": build.format("a.b:c:1.+")}, "build.gradle"),
        bad("II-02", "java", dict(code) | {"pom.xml": pom}, "pom.xml", why="a range in Maven"),
        ok("II-02", "java", dict(code) | {"pom.xml": KITS["java"].declares}, "exact versions"),
        ok("II-02", "java", dict(code) | {"build.gradle": build.format("a.b:c:1.2.3")}, "exact versions in Gradle"),
        ok(
            "II-02",
            "java",
            dict(code) | {"build.gradle": build.format("a.b:c:1.+"), "gradle.lockfile": "a.b:c:1.2=x\n"},
            "a lock",
        ),
    ]


_PINNED = "\n".join(
    ("flask==3.0.0", "werkzeug==3.0.0", "jinja2==3.1.2", "itsdangerous==2.1.2", "click==8.1.7", "markupsafe==2.1.3")
    + ("blinker==1.7.0", "")
)

_WORKSPACE = {
    "package.json": '{"name": "all", "workspaces": ["apps/*"], "dependencies": {"a": "^1.0.0"}}\n',
    "package-lock.json": '{"packages": {"node_modules/a": {"version": "1.0.0"}}}\n',
    **{
        f"apps/{name}/{path}": text
        for name in ("web", "api")
        for path, text in {
            "package.json": '{"dependencies": {"a": "*"}}\n',
            "Procfile": "web: node a.js\n",
            "a.js": "require('a');\n",
        }.items()
    },
}

LISTS = [
    ok("II-02", "javascript", _WORKSPACE, "two apps of a workspace, one lock at the top"),
    ok("II-03", "manifests", _WORKSPACE, "the workspace's lock resolves them"),
    bad(
        "II-02",
        "python",
        {"requirements.txt": "flask==3.0.0\ngunicorn==21.2.0\n", "app.py": "import flask\n"},
        "requirements.txt",
        why="pins without what they bring along",
    ),
    ok("II-02", "python", {"requirements.txt": _PINNED, "app.py": "import flask\n"}, "everything is pinned"),
    ok(
        "II-02",
        "python",
        {
            "requirements.in": "flask>=3,<4\n",
            "requirements.txt": "flask==3.0.0\n    # via -r requirements.in\njinja2==3.1.2\n    # via flask\n",
            "app.py": "import flask\n",
        },
        "a compiled list",
    ),
]

_PY = {"app.py": "import flask\n"}

BOUNDS = [
    bad("II-03", "manifests", _PY | {"requirements.txt": "# web\nflask\nredis>=5\nrq<2\n"}, "requirements.txt:2"),
    bad(
        "II-03",
        "manifests",
        {"package.json": '{\n "dependencies": {\n  "a": "^1.0.0",\n  "b": "*"\n }\n}\n', "a.js": ""},
        "package.json:4",
        why="a star in package.json",
    ),
    bad(
        "II-03",
        "manifests",
        {
            "pyproject.toml": (
                '[project]\nname = "a"\ndependencies = ["flask>=3,<4"]\n[dependency-groups]\ndev = ["pytest"]\n'
            )
        },
        "pyproject.toml:5",
        why="for development",
        severity="note",
    ),
    bad(
        "II-03",
        "manifests",
        _PY
        | {
            "requirements.txt": _PINNED,
            "Dockerfile": "FROM python:3.12\nRUN pip install -r requirements.txt\nRUN pip install gunicorn\n",
        },
        "Dockerfile:3",
        why="in an image's build",
    ),
    bad(
        "II-03",
        "manifests",
        {"build.gradle": "dependencies {\n  implementation 'a.b:c:latest.release'\n}\n", "A.java": "class A {}\n"},
        "build.gradle:2",
        why="the latest in Gradle",
    ),
    ok("II-03", "manifests", _PY | {"requirements.txt": "flask~=3.0\nredis==5.0.1\nrq>=1,<2\n"}, "bounded"),
    ok(
        "II-03",
        "manifests",
        {"package.json": '{"dependencies": {"a": "*"}}', "yarn.lock": 'a@*:\n  version "1.0.0"\n', "a.js": ""},
        "a lock resolves it",
    ),
    ok(
        "II-03",
        "manifests",
        {"Gemfile": 'gem "a"\n', "Gemfile.lock": "GEM\n  specs:\n    a (1.0)\n"},
        "a Gemfile with a lock",
    ),
    ok("II-03", "manifests", {"composer.json": '{"require": {"ext-gd": "*", "a/b": "^1"}}'}, "an extension"),
    ok("II-03", "manifests", _PY | {"tests/requirements.txt": "flask\n"}, "a test's manifest"),
    ok(
        "II-03",
        "manifests",
        _PY
        | {
            "requirements.txt": _PINNED,
            "Dockerfile": "FROM python:3.12\nRUN pip install --upgrade pip && pip install flask gunicorn==21.2\n",
        },
        "pinned, or the installer itself",
    ),
    ok(
        "II-03",
        "manifests",
        {
            "build.gradle": (
                "plugins {\n  id 'org.springframework.boot' version '3.2.0'\n"
                "}\ndependencies {\n  implementation 'a.b:c'\n}\n"
            )
        },
        "managed by a plugin",
    ),
]


def _programs(language: str) -> list[Case]:
    """II-06."""
    kit = KITS[language]
    line = {"go": 3, "php": 2}.get(language, 1)
    at = f"app.{kit.suffix}:{line}"
    image = {
        "python": "python:3.12-slim",
        "javascript": "node:22-slim",
        "ruby": "ruby:3.3-slim",
        "php": "php:8.3-alpine",
    }.get(language, "debian:bookworm-slim")
    code = {f"app.{kit.suffix}": kit.runs.format("ffmpeg")}
    bare = {"Dockerfile": f"FROM {image}\nCMD run\n"}
    with_it = {"Dockerfile": f"FROM {image}\nRUN apt-get update && apt-get install -y ffmpeg\nCMD run\n"}
    return [
        bad("II-06", language, code | bare, at, severity="warning"),
        bad(
            "II-06",
            language,
            {f"app.{kit.suffix}": kit.runs.format("/usr/bin/pg_dump")},
            at,
            why="by its path, without image",
        ),
        ok("II-06", language, code | with_it, "installed in the image"),
        ok("II-06", language, code | {"Procfile": "web: run\n", "Aptfile": "ffmpeg\n"}, "in an Aptfile"),
        ok("II-06", language, {f"app.{kit.suffix}": kit.runs.format("./our-own-tool")} | bare, "a program of its own"),
        ok("II-06", language, {f"tests/test_app.{kit.suffix}": kit.runs.format("ffmpeg")} | bare, "a test"),
        ok("II-06", language, {f"app.{kit.suffix}": kit.runs.format("cp")} | bare, "a part of every system"),
    ]


def _installing(language: str) -> list[Case]:
    """II-07 in code."""
    kit = KITS[language]
    line = {"go": 3, "php": 2}.get(language, 1)
    at = f"app.{kit.suffix}:{line}"

    def runs(*words: str) -> str:
        if language == "php":
            return f"<?php\nexec('{' '.join(words)}');\n"
        text = kit.runs.format(words[0])
        quote = "'" if f"'{words[0]}'" in text else '"'
        return text.replace(f"{quote}x{quote}", ", ".join(f"{quote}{word}{quote}" for word in words[1:]))

    return [
        bad("II-07", language, {f"app.{kit.suffix}": runs("pip", "install", "requests")}, at),
        bad("II-07", language, {f"app.{kit.suffix}": runs("npm", "install", "left-pad")}, at, why="npm"),
        ok("II-07", language, {f"app.{kit.suffix}": runs("pip", "--version")}, "a question to an installer"),
        ok(
            "II-07",
            language,
            {f"scripts/setup.{kit.suffix}": runs("pip", "install", "requests")},
            "a script for a person",
        ),
        ok("II-07", language, {f"tests/test_a.{kit.suffix}": runs("pip", "install", "requests")}, "a test"),
    ]


INSTALLS = [
    bad(
        "II-07",
        "manifests",
        {"Procfile": "release: pip install x\nweb: pip install -r r.txt && gunicorn a:b\n"},
        "Procfile:2",
    ),
    bad(
        "II-07",
        "manifests",
        {
            "Dockerfile": 'FROM node:22\nENTRYPOINT ["./entrypoint.sh"]\n',
            "entrypoint.sh": "#!/bin/sh\nset -e\nnpm install\nexec node a.js\n",
        },
        "entrypoint.sh:3",
        why="in an entrypoint",
    ),
    bad(
        "II-07",
        "manifests",
        {"Dockerfile": "FROM ruby:3.3\nCMD bundle install && puma\n"},
        "Dockerfile:2",
        why="bundler",
    ),
    ok("II-07", "manifests", {"Dockerfile": "FROM node:22\nRUN npm ci\nCMD node a.js\n"}, "in the build"),
    ok("II-07", "manifests", {"Procfile": "release: bundle install\nweb: bundle exec puma\n"}, "in the release phase"),
    ok(
        "II-07",
        "manifests",
        {"Dockerfile": "FROM node:22\nCMD node a.js\n", "setup.sh": "npm install\n"},
        "a script that nothing starts",
    ),
    ok(
        "II-07",
        "manifests",
        {"Procfile": "web: npx next start\n", "package.json": '{"dependencies": {"next": "^14"}}'},
        "npx of a dependency",
    ),
]

_IMAGES = {
    "python": ("python:3.12-slim", "python:slim"),
    "javascript": ("node:22", "node:alpine"),
    "go": ("golang:1.22", "golang:alpine3.20"),
    "java": ("eclipse-temurin:21-jre", "eclipse-temurin:latest"),
    "ruby": ("ruby:3.3", "ruby:slim"),
    "php": ("php:8.3-fpm", "php:fpm"),
}
_UNVERSIONED = {
    "python": ("requirements.txt", "flask>=3,<4\n", False),
    "javascript": ("package.json", '{"dependencies": {"a": "^1.0.0"}}', True),
    "go": ("go.mod", "module example.org/app\n", True),
    "java": ("build.gradle", "dependencies {\n  implementation 'a:b:1'\n}\n", True),
    "ruby": ("Gemfile", 'gem "sinatra", "~> 4.0"\n', True),
    "php": ("composer.json", '{"require": {"a/b": "^1.0"}}', True),
}
_VERSIONS = {
    "python": (".python-version", "3.12\n"),
    "javascript": (".nvmrc", "22\n"),
    "go": ("go.mod", "module example.org/app\n\ngo 1.22\n"),
    "java": (".sdkmanrc", "java=21.0.2-tem\n"),
    "ruby": (".ruby-version", "3.3.4\n"),
    "php": (".tool-versions", "php 8.3.2\n"),
}


_ASSETS = {"composer.json": '{"require": {"php": "^8.2", "a/b": "^1"}}', "a.php": "<?php\n", "b.js": "let a = 1;\n" * 9}


def _runtimes(language: str) -> list[Case]:
    """II-08."""
    kit, (name, text, says) = KITS[language], _UNVERSIONED[language]
    app = {f"app.{kit.suffix}": kit.standard, name: text}
    whole, variant = _IMAGES[language]
    at = name if says else ""
    return [
        bad("II-08", language, app, at),
        bad("II-08", language, app | {"Dockerfile": f"FROM {variant}\nCMD run\n"}, at, why="a tag without version"),
        ok("II-08", language, app | {"Dockerfile": f"FROM {whole}\nCMD run\n"}, "a version in the tag"),
        ok("II-08", language, app | dict([_VERSIONS[language]]), "a file for it"),
        ok("II-08", language, {f"app.{kit.suffix}": kit.standard}, "nothing is declared at all"),
    ]


_NPM = {"package.json": _NODE % "", "a.js": "", "package-lock.json": '{"packages": {}}'}
_UV = '[[package]]\nname = "flask"\nversion = "3.0.0"\n'
_PYTHON = {"pyproject.toml": '[project]\nname = "a"\nrequires-python = ">=3.12"\n', "a.py": "", "uv.lock": _UV}

TWO_LOCKS = [
    bad("II-08", "manifests", _NPM | {"yarn.lock": "# yarn lockfile v1\n"}, "yarn.lock", why="two locks of node"),
    bad(
        "II-08", "manifests", _PYTHON | {"requirements.txt": "flask==2.0.0\n"}, "requirements.txt", why="other versions"
    ),
    ok("II-08", "manifests", _PYTHON | {"requirements.txt": "flask==3.0.0\n"}, "an export of the lock"),
    ok("II-08", "manifests", _NPM | {"web/package.json": "{}", "web/yarn.lock": ""}, "two packages"),
    ok(
        "II-08", "manifests", _ASSETS | {"package.json": '{"devDependencies": {"vite": "^5.0.0"}}'}, "a build of assets"
    ),
    ok("II-08", "manifests", _NPM | {"go.mod": "module a\ngo 1.22\n", "go.sum": ""}, "two languages"),
]

RUNTIME_OF_A_PLATFORM = [
    ok(
        "II-08",
        "manifests",
        {"requirements.txt": "flask==3.0.0\n", "a.py": "import flask\n", "tolv.toml": f"[build]\npython = '{said}'\n"},
        f"tolv.toml says {said}",
    )
    for said in ("3.12", ">=3.11", "~3.12", "^3.11", "<4,>=3.11")
]

_LONG = "0123456789abcdef0123456789abcdef01234567"

FLOATING = [
    bad("II-09", "manifests", {"Dockerfile": "FROM python\nCMD a\n"}, "Dockerfile:1", severity="warning"),
    bad(
        "II-09",
        "manifests",
        {"Dockerfile": "FROM node:latest AS a\nFROM a\n"},
        "Dockerfile:1",
        why="latest",
        severity="warning",
    ),
    bad(
        "II-09",
        "manifests",
        {"Dockerfile": "FROM golang:alpine3.20\n"},
        "Dockerfile:1",
        why="a variant",
        severity="note",
    ),
    bad(
        "II-09",
        "manifests",
        {"docker-compose.yml": "services:\n  cache:\n    image: redis\n  web:\n    build: .\n"},
        "docker-compose.yml:3",
        why="a service of compose",
        severity="note",
    ),
    bad(
        "II-09",
        "manifests",
        {"requirements.txt": "a==1\ngit+https://example.org/b.git\n"},
        "requirements.txt:2",
        why="a tip",
    ),
    bad(
        "II-09",
        "manifests",
        {"package.json": '{\n"dependencies": {\n"a": "github:b/a#main"\n}}'},
        "package.json:3",
        why="a branch",
        severity="warning",
    ),
    bad(
        "II-09",
        "manifests",
        {"Dockerfile": "FROM node:22\nRUN npm install -g pm2\nRUN curl -fsSL https://example.org/install.sh | sh\n"},
        "Dockerfile:2",
        "Dockerfile:3",
        why="downloads",
    ),
    ok("II-09", "manifests", {"Dockerfile": "FROM python:3.12 AS base\nFROM base AS prod\nFROM scratch\n"}, "a stage"),
    ok("II-09", "manifests", {"Dockerfile": f"FROM node:latest@sha256:{'a' * 64}\n"}, "a digest"),
    ok("II-09", "manifests", {"Dockerfile": "ARG V=3.12\nFROM python:${V}-slim\n"}, "a pinned argument"),
    ok(
        "II-09",
        "manifests",
        {"Dockerfile": "FROM debian:bookworm-slim\nFROM eclipse-temurin:21-jre\n"},
        "a release's name",
    ),
    ok(
        "II-09",
        "manifests",
        {"requirements.txt": f"b @ git+https://example.org/b@{_LONG}\n-e ./libs/c\n"},
        "a commit, a path",
    ),
    ok(
        "II-09",
        "manifests",
        {
            "Dockerfile": (
                "FROM node:22\nRUN npm install -g pm2@5.3.0 && curl -fsSL https://example.org/v1.2.3/install.sh | sh\n"
            )
        },
        "downloads with versions",
    ),
    ok(
        "II-09",
        "manifests",
        {"docker-compose.yml": "services:\n  web:\n    image: acme/app\n    build: .\n"},
        "its own image",
    ),
]

_JAVA_LOOSE = {
    "pom.xml": "<project><dependencies><dependency><groupId>a</groupId><artifactId>b</artifactId>"
    "<version>LATEST</version></dependency></dependencies></project>\n"
}

CASES = [
    *(case for language in KITS for case in _manifests(language)),
    *(case for language in KITS if language != "java" for case in _declared(language)),
    *(case for language in _DEV for case in _development(language)),
    *(case for language in KITS for case in _locks(language)),
    *(case for language in KITS for case in (*_programs(language), *_installing(language), *_runtimes(language))),
    *ODD_IMPORTS,
    *LISTS,
    *BOUNDS,
    *INSTALLS,
    *TWO_LOCKS,
    *RUNTIME_OF_A_PLATFORM,
    *FLOATING,
    ok(
        "II-04",
        "python",
        {
            "requirements.in": "flask-migrate>=4,<5\n",
            "app.py": "import flask_migrate\n",
            "migrations/env.py": "from alembic import context\n",
        },
        "the environment of migrations is written by their tool",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_rule_finds_what_is_wrong_and_nothing_else(case: Case, tmp_path: Path) -> None:
    for language, kit in KITS.items():
        if case.material == language or any(path.endswith(f".{kit.suffix}") for path in case.files):
            pytest.importorskip(f"tolv.check.languages.{language}")
    case.run(tmp_path)


def test_an_undeclared_package_is_named_with_what_brings_it_along(tmp_path: Path) -> None:
    files = {"requirements.in": "fastapi>=0.110,<1\n", "app.py": "from starlette.requests import Request\n"}
    (found,) = findings_of("II-04", files, tmp_path)
    assert found.message == "starlette is imported, but not declared in requirements.in: only fastapi brings it along"
    assert found.fix == "Declare starlette in requirements.in"
