"""Factor I: what the history tells, and what the tree does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from check.harness import Case, bad, findings_of, ok

COMMIT = ("init -q -b main", "add -A -f", "commit -q -m first")
APP = {"app.py": "print('app')\n"}

#: By language: a file's suffix, a manifest, and code of sixty lines, told apart by a word.
_SUFFIX = {"python": "py", "javascript": "js", "go": "go", "java": "java", "ruby": "rb", "php": "php"}


def _code(language: str, word: str = "x", lines: int = 60) -> str:
    """A file of a language with so many lines, no two alike."""
    line = {
        "python": "value_{word}_{n} = compute({n}, 'step {word} {n}')",
        "javascript": "const value{word}{n} = compute({n}, 'step {word} {n}');",
        "go": 'var value{word}{n} = compute({n}, "step {word} {n}")',
        "java": 'static int value{word}{n} = compute({n}, "step {word} {n}");',
        "ruby": "value_{word}_{n} = compute({n}, 'step {word} {n}')",
        "php": "$value_{word}_{n} = compute({n}, 'step {word} {n}');",
    }[language]
    text = "\n".join(line.format(word=word, n=n) for n in range(lines))
    if language == "go":
        return f"package app\n{text}\n"
    if language == "java":
        return f"class App {{\n{text}\n}}\n"
    return f"<?php\n{text}\n" if language == "php" else f"{text}\n"


def _tree(root: str, language: str, word: str = "x", files: int = 4) -> dict[str, str]:
    return {f"{root}/part{n}.{_SUFFIX[language]}": _code(language, f"{word}{n}") for n in range(files)}


def _copied(language: str) -> list[Case]:
    """I-02 in one language."""
    nearly = _tree("billing-old", language)
    nearly[f"billing-old/part0.{_SUFFIX[language]}"] += "\n"
    tests = {f"src/test/part{n}.{_SUFFIX[language]}": _code(language, f"t{n}") for n in range(4)}
    return [
        bad("I-02", language, _tree("prod", language) | _tree("staging", language), "staging", why="two environments"),
        bad("I-02", language, _tree("billing", language) | nearly, "billing-old", why="an old copy, nearly the same"),
        ok("I-02", language, _tree("prod", language) | _tree("staging", language, "y"), "two names, other code"),
        ok("I-02", language, _tree("api/v1", language) | _tree("api/v2", language), "versions of an interface"),
        ok("I-02", language, _tree("src/main", language) | tests, "code and its tests"),
        ok(
            "I-02",
            language,
            _tree("billing", language) | _tree("shipping", language),
            "names that no environment tells apart",
        ),
    ]


_MANIFEST = {
    "python": ("requirements.txt", "flask==3.0.0\n"),
    "javascript": ("package.json", '{"name": "%s"}\n'),
    "go": ("go.mod", "module example.org/%s\n\ngo 1.22\n"),
    "java": ("pom.xml", "<project><artifactId>%s</artifactId></project>\n"),
    "ruby": ("Gemfile", 'source "https://rubygems.org"\n'),
    "php": ("composer.json", '{"name": "acme/%s"}\n'),
}


def _app(root: str, language: str, files: Mapping[str, str]) -> dict[str, str]:
    """An app of a monorepo: a manifest, a start and these files below its root."""
    name, text = _MANIFEST[language]
    text = text % root if "%s" in text else text
    return {f"{root}/{name}": text, f"{root}/Procfile": "web: serve\n"} | {f"{root}/{k}": v for k, v in files.items()}


def _shared(language: str) -> list[Case]:
    """I-05 in one language."""
    suffix, code = _SUFFIX[language], _code(language)
    same = {f"retry.{suffix}": code}
    changed = {f"again.{suffix}": code.replace("step x 7'", "step x seven'").replace('step x 7"', 'step x seven"')}
    other = {f"retry.{suffix}": _code(language, "other")}
    short = {f"retry.{suffix}": _code(language, lines=20)}
    tests = {f"tests/test_retry.{suffix}": code}
    two = (_app("billing", language, same), _app("shop", language, same))
    return [
        bad("I-05", language, two[0] | two[1], f"shop/retry.{suffix}", why="the same file in two apps"),
        bad(
            "I-05",
            language,
            _app("billing", language, changed) | two[1],
            f"shop/retry.{suffix}",
            why="a copy that was changed and named anew",
        ),
        ok("I-05", language, two[0] | _app("shop", language, other), "one name, other code"),
        ok("I-05", language, _app("billing", language, short) | _app("shop", language, short), "twenty lines"),
        ok("I-05", language, _app("billing", language, tests) | _app("shop", language, tests), "tests"),
        ok("I-05", language, _app("billing", language, {f"a.{suffix}": code, f"b.{suffix}": code}), "one app"),
    ]


def _across(language: str) -> list[Case]:
    """I-04 in one language: an import that leads into another app, and those that do not."""
    suffix = _SUFFIX[language]
    to = {
        "python": "from {path} import model\n",
        "javascript": "const model = require('{path}/model');\n",
        "ruby": "require_relative '{path}/model'\n",
        "php": "<?php\nrequire_once __DIR__ . '/{path}/model.php';\n",
    }[language]
    line = 2 if language == "php" else 1
    inside = "billing" if language == "python" else "../billing"
    deep = "billing.src.invoices" if language == "python" else "../../billing/src/invoices"
    aside = "common" if language == "python" else "../common"
    own = "shop.parts" if language == "python" else "./parts"

    def apps(path: str, where: str = "main", extra: Mapping[str, str] | None = None) -> dict[str, str]:
        start = _app("shop", language, {f"{where}.{suffix}": to.format(path=path)})
        return (
            start
            | _app("billing", language, {f"model.{suffix}": "<?php\n" if language == "php" else "\n"})
            | (extra or {})
        )

    return [
        bad("I-04", language, apps(inside), f"shop/main.{suffix}:{line}", why="another app's file"),
        bad("I-04", language, apps(deep, "src/main"), f"shop/src/main.{suffix}:{line}", why="deep inside"),
        ok("I-04", language, apps(aside, extra={f"common/model.{suffix}": "\n"}), "what belongs to no app"),
        ok("I-04", language, apps(own), "its own file"),
        ok("I-04", language, apps(inside, "tests/test_main"), "a test of both"),
    ]


_TWO_STARTS = {
    "package.json": '{"name": "all", "dependencies": {"express": "^4.0.0"}}\n',
    **{f"shop/{n}.js": "\n" for n in "abc"},
    **{f"billing/{n}.js": "\n" for n in "abc"},
    "shop/Dockerfile": "FROM node:22\nCMD node shop/a.js\n",
    "billing/Dockerfile": "FROM node:22\nCMD node billing/a.js\n",
}
_TWO_GEMS = {
    "Gemfile": 'gem "rails"\n',
    **{f"store/{n}.rb": "\n" for n in "abc"},
    **{f"back_office/{n}.rb": "\n" for n in "abc"},
    "store/Procfile": "web: ruby a.rb\n",
    "back_office/Procfile": "web: ruby a.rb\n",
}

MANIFESTS = [
    bad("I-04", "manifests", _TWO_STARTS, "package.json", why="two images, one package.json"),
    bad("I-04", "manifests", _TWO_GEMS, "Gemfile", why="two Procfiles, one Gemfile"),
    ok(
        "I-04",
        "manifests",
        _TWO_STARTS | {"package.json": '{"name": "all", "workspaces": ["shop", "billing"]}\n'},
        "a workspace",
    ),
    ok(
        "I-04",
        "manifests",
        {k.replace("shop", "web").replace("billing", "worker"): v for k, v in _TWO_STARTS.items()},
        "web and worker of one app",
    ),
    ok("I-04", "manifests", {k: v for k, v in _TWO_STARTS.items() if "billing/D" not in k}, "one start"),
    ok(
        "I-04",
        "manifests",
        {"Procfile": "web: a\nworker: b\ncron: c\n", "Gemfile": "", "a.rb": ""},
        "processes of one app",
    ),
]

_LIVE = (
    *COMMIT,
    "branch production",
    "@2024-03-01 commit -q --allow-empty -m main-goes-on",
    "checkout -q production",
    "@2024-04-01 commit -q --allow-empty -m fix-in-production",
    "checkout -q main",
)
_DEVELOP = (
    *COMMIT,
    "checkout -q -b develop",
    "@2024-01-10 commit -q --allow-empty -m one",
    "@2024-05-10 commit -q --allow-empty -m two",
    "checkout -q main",
    "@2024-05-01 commit -q --allow-empty -m merged",
)
_FORWARD = (*COMMIT, "branch production", "@2024-06-01 commit -q --allow-empty -m main-goes-on")
_RELEASE = tuple(one.replace("production", "release/1.2") for one in _LIVE)
_FRESH = tuple(one.replace("@2024-03-01", "@2024-01-05").replace("@2024-04-01", "@2024-01-06") for one in _LIVE)
_TOPIC = tuple(one.replace("production", "feature/production-bug") for one in _LIVE)

GIT = [
    bad("I-01", "git", APP, "", why="no repository at all"),
    bad("I-01", "git", APP, "", why="nothing was committed", git=("init -q",)),
    ok("I-01", "git", APP, "a repository", COMMIT),
    ok("I-01", "git", APP | {".git_archival.txt": "node: 1\n"}, "an archive of a repository"),
    ok("I-01", "git", APP | {".hg/store": ""}, "another system"),
    ok("I-01", "git", APP | {".github/workflows/ci.yml": "on: push\n"}, "a tarball of a repository"),
    bad("I-03", "git", APP, "", git=_LIVE, why="production has commits of its own"),
    bad("I-03", "git", APP, "", git=_DEVELOP, why="develop lives beside main for months"),
    ok("I-03", "git", APP, "a branch that only follows", _FORWARD),
    ok("I-03", "git", APP, "a maintenance branch", _RELEASE),
    ok("I-03", "git", APP, "apart for a few days", _FRESH),
    ok("I-03", "git", APP, "a topic branch", _TOPIC),
    bad("I-06", "git", APP | {"Dockerfile": "FROM python:3.12\nCMD python app.py\n"}, "", git=COMMIT, severity="note"),
    bad(
        "I-06",
        "git",
        APP | {"Dockerfile": "FROM python:3.12\n", "Makefile": "# git describe\nall:\n\tdocker build -t app .\n"},
        "",
        git=COMMIT,
        why="a stamp in a comment only",
    ),
    ok("I-06", "git", APP | {"Dockerfile": "FROM python:3.12\n"}, "tags", (*COMMIT, "tag v1")),
    ok("I-06", "git", APP | {"Dockerfile": "FROM x:1\n", "Procfile": "web: x\n"}, "a platform that numbers", COMMIT),
    ok("I-06", "git", APP, "nothing is deployed", COMMIT),
    bad(
        "I-06",
        "manifests",
        {"Dockerfile": "FROM node:22\n", ".github/workflows/a.yml": "steps:\n  - run: docker build -t app .\n"},
        "",
        git=COMMIT,
    ),
    bad(
        "I-06",
        "manifests",
        {"Dockerfile": "FROM node:22\n", ".gitlab-ci.yml": "x: docker push app:prod\n"},
        "",
        git=COMMIT,
    ),
    ok(
        "I-06",
        "manifests",
        {"Dockerfile": "FROM node:22\n", ".github/workflows/a.yml": "run: docker build -t app:${{ github.sha }} .\n"},
        "the commit is the tag",
        COMMIT,
    ),
    ok(
        "I-06",
        "manifests",
        {"Dockerfile": "FROM node:22\n", ".gitlab-ci.yml": "x: docker push app:$CI_COMMIT_SHA\n"},
        "the commit is the tag in GitLab",
        COMMIT,
    ),
    ok(
        "I-06",
        "manifests",
        {"Dockerfile": "FROM golang:1.22\n", "Makefile": "V := $(shell git describe --tags)\n"},
        "the build asks git",
        COMMIT,
    ),
]

_MADE: dict[str, tuple[list[tuple[dict[str, str], str]], list[tuple[dict[str, str], str]]]] = {
    "git": (
        [
            ({"log/production.log": "x"}, "log/production.log"),
            ({"dump.sql": "x"}, "dump.sql"),
            ({"a.pid": "1"}, "a.pid"),
        ],
        [
            ({"log/.keep": ""}, "a placeholder"),
            ({"tests/fixtures/access.log": "x"}, "a fixture"),
            ({"db/schema.sql": "x", "catalog.py": ""}, "a schema"),
        ],
    ),
    "python": (
        [
            ({"venv/pyvenv.cfg": "x", "venv/lib/python3.12/site-packages/a.py": ""}, "venv"),
            ({"app/__pycache__/a.cpython-312.pyc": "x"}, "app/__pycache__"),
        ],
        [
            ({"env/settings.py": "A = 1"}, "a package called env"),
            ({"tests/data/__pycache__/a.pyc": "x"}, "a test's data"),
            ({"build/tasks.py": ""}, "a directory called build"),
        ],
    ),
    "javascript": (
        [
            ({"node_modules/a/index.js": "x"}, "node_modules"),
            ({"package.json": '{"scripts": {"build": "vite build"}}', "dist/a.js": "x"}, "dist"),
        ],
        [
            ({".yarn/cache/a.zip": "x", ".pnp.cjs": ""}, "yarn without installs"),
            ({"test/fixtures/node_modules/a/index.js": "x"}, "a fixture"),
            (
                {"action.yml": "x", "package.json": '{"scripts": {"build": "ncc"}}', "dist/a.js": "x"},
                "an action's code",
            ),
            (
                {"package.json": '{"main": "dist/a.js", "scripts": {"build": "tsc"}}', "dist/a.js": "x"},
                "what is published",
            ),
        ],
    ),
    "go": (
        [({"app.log": "x", "go.mod": "module a\n"}, "app.log"), ({"nohup.out": "x"}, "nohup.out")],
        [
            ({"vendor/modules.txt": "x", "vendor/a/a.go": "package a"}, "vendored modules"),
            ({"internal/build/build.go": "package build"}, "a package called build"),
            ({"testdata/a.log": "x"}, "a test's data"),
        ],
    ),
    "java": (
        [
            ({"pom.xml": "<project/>", "target/classes/A.class": "x"}, "target"),
            ({"src/main/java/A.class": "x"}, "src/main/java"),
        ],
        [
            ({"gradle/wrapper/gradle-wrapper.jar": "x"}, "the build's wrapper"),
            ({"src/test/resources/A.class": "x"}, "a test's data"),
            ({"src/main/java/target/Target.java": "class Target {}"}, "a package called target"),
        ],
    ),
    "ruby": (
        [
            ({"log/development.log": "x"}, "log/development.log"),
            ({"db/development.sqlite3": "x"}, "db/development.sqlite3"),
        ],
        [
            ({"spec/fixtures/dump.sql": "x"}, "a fixture"),
            ({"tmp/.keep": "", "log/.keep": ""}, "placeholders"),
            ({"lib/logger.rb": ""}, "code that logs"),
        ],
    ),
    "php": (
        [({"error.log": "x", "index.php": "<?php"}, "error.log"), ({"backup_2024.sql": "x"}, "backup_2024.sql")],
        [
            ({"vendor/autoload.php": "<?php"}, "vendored packages"),
            ({"docs/example.log": "x"}, "documentation"),
            ({"src/Log.php": "<?php"}, "a class called Log"),
        ],
    ),
}


def _clutter() -> list[Case]:
    cases = []
    for material, (found, silent) in _MADE.items():
        cases += [bad("I-07", material, APP | files, at, why=at, git=COMMIT) for files, at in found]
        cases += [ok("I-07", material, APP | files, why, COMMIT) for files, why in silent]
    return cases


CASES = [
    *GIT,
    *MANIFESTS,
    *_clutter(),
    *(case for language in _SUFFIX for case in (*_copied(language), *_shared(language))),
    *(case for language in ("python", "javascript", "ruby", "php") for case in _across(language)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_rule_finds_what_is_wrong_and_nothing_else(case: Case, tmp_path: Path) -> None:
    if case.material in _SUFFIX:
        pytest.importorskip(f"tolv.check.languages.{case.material}")
    case.run(tmp_path)


def test_an_error_names_the_app_s_tree_and_the_copy(tmp_path: Path) -> None:
    found = findings_of("I-02", _tree("prod", "python") | _tree("staging", "python"), tmp_path)
    assert [str(one) for one in found[0].also] == ["prod"]
    assert "4 of 4 files" in found[0].message
