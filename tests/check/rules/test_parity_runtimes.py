"""The runtime, the image and the time between development and production."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

from tolv.check.facts.runtime_versions import ranges_of

CI = ".github/workflows/test.yml"
PYTHON = {"requirements.txt": "flask\n", "app.py": "import flask\n"}


def image(text: str) -> dict[str, str]:
    return {"Dockerfile": f'FROM {text}\nCOPY . .\nCMD ["python", "app.py"]\n'}


def history(released: str, later: int, day: str) -> tuple[str, ...]:
    commits = tuple(f"@{day} commit -q --allow-empty -m c{n}" for n in range(later))
    return ("init -q -b main", "add -A", "@2023-01-01 commit -q -m first", f"@2023-01-01 {released}", *commits)


CASES = [
    bad("X-03", "manifests", PYTHON | image("python:3.9-slim") | {".python-version": "3.12\n"}, "Dockerfile:1",
        severity="warning"),
    bad("X-03", "manifests", PYTHON | image("python:3.12") | {CI: """
        jobs:
          test:
            steps:
              - uses: actions/setup-python@v5
                with:
                  python-version: "3.8"
              - run: pytest
        """}, f"{CI}:6", why="CI"),
    bad("X-03", "manifests", {"package.json": '{"engines": {"node": ">=18 <19"}}', "Dockerfile": "FROM node:22\n"},
        "Dockerfile:1", why="engines"),
    bad("X-03", "manifests", {"package.json": "{}", ".nvmrc": "20\n", "Dockerfile": """
        FROM ruby:3.3
        RUN apt-get update \\
            && apt-get install -y nodejs
        """}, "Dockerfile:3", why="the distribution's"),
    bad("X-03", "manifests", {"index.php": "<?php\n", "Dockerfile": "FROM alpine:3.20\nRUN apk add php84 php84-fpm\n",
                              ".devcontainer/Dockerfile": "FROM debian:12\nRUN apt-get install -y php8.2-cli\n"},
        ".devcontainer/Dockerfile:2", why="packages"),
    ok("X-03", "manifests", PYTHON | image("python:3.12.4-slim") | {".python-version": "3.12\n"}, "one version"),
    ok("X-03", "manifests", PYTHON | image("python:3.12") | {"pyproject.toml": """
        [project]
        name = "shop"
        requires-python = ">=3.10,<4"
        """}, "a range that holds it"),
    ok("X-03", "manifests", PYTHON | image("python:3.12") | {CI: """
        jobs:
          test:
            strategy: {matrix: {python-version: ["3.10", "3.11", "3.12"]}}
            steps:
              - uses: actions/setup-python@v5
                with: {python-version: "${{ matrix.python-version }}"}
              - run: pytest
        """}, "a matrix that holds it"),
    ok("X-03", "manifests", {"go.mod": "module shop\n\ngo 1.22\n", "main.go": "package main\n",
                             "Dockerfile": "FROM golang:1.23 AS build\nFROM scratch\n", CI: """
        jobs:
          test:
            steps:
              - uses: actions/setup-go@v5
                with: {go-version: stable}
              - run: go test ./...
        """}, "a least version, and stable"),
    ok("X-03", "manifests", {"go.mod": "module shop\n\ngo 1.22\n", "main.go": "package main\n", CI: """
        jobs:
          lint:
            steps:
              - uses: actions/setup-python@v5
                with: {python-version: "3.13"}
              - run: pre-commit run && go test
        """, "tools/Dockerfile": "FROM python:3.9\n"}, "a tool's runtime"),
    bad("X-06", "manifests", image("python:3.12-alpine") | {"Dockerfile.dev": "FROM python:3.12-bookworm\n"},
        "Dockerfile.dev:1", severity="warning"),
    bad("X-06", "manifests", image("alpine:3.20") | {".devcontainer/Dockerfile": "FROM debian:12\n"},
        ".devcontainer/Dockerfile:1", why="devcontainer"),
    ok("X-06", "manifests", image("python:3.12-slim") | {"Dockerfile.dev": "FROM python:3.12\n"}, "one family"),
    ok("X-06", "manifests", {"Dockerfile": "FROM python:3.12 AS base\nFROM base AS dev\nFROM base\n"}, "stages"),
    ok("X-06", "manifests", {"Dockerfile": "FROM golang:1.22 AS b\nFROM scratch\n",
                             "Dockerfile.dev": "FROM golang:1.22-alpine\n"}, "a production image without a system"),
    bad("X-07", "git", PYTHON, "", why="tag", severity="note", git=history("tag v1.0", 60, "2023-11-01")),
    bad("X-07", "git", PYTHON, "", why="branch", git=history("branch production", 55, "2023-08-01")),
    ok("X-07", "git", PYTHON, "few commits", git=history("tag v1.0", 20, "2023-11-01")),
    ok("X-07", "git", PYTHON, "few days", git=history("tag v1.0", 60, "2023-02-01")),
    ok("X-07", "git", PYTHON, "no release", git=history("branch topic", 60, "2023-11-01")),
    ok("X-07", "git", PYTHON | {CI: "on: push\njobs: {d: {steps: [{run: flyctl deploy}]}}\n"},
       "each push is deployed", git=history("tag v1.0", 60, "2023-11-01")),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parity_of_runtimes(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)


@pytest.mark.parametrize(
    ("text", "language", "low", "high"),
    [
        (">=3.9,<4.0", "python", (3, 9), (3, 999)),
        ("3.12.1", "python", (3, 12), (3, 12)),
        (">=18 <21", "javascript", (18, 0), (20, 999)),
        ("20.x", "javascript", (20, 0), (20, 999)),
        ("~> 3.2", "ruby", (3, 2), (3, 999)),
        ("1.8", "java", (8, 0), (8, 999)),
    ],
)
def test_a_constraint_is_the_versions_that_it_allows(
    text: str, language: str, low: tuple[int, int], high: tuple[int, int]
) -> None:
    assert ranges_of(text, language) == ((low, high),)


@pytest.mark.parametrize("text", ["lts/*", "latest", "*", "stable", ""])
def test_what_names_no_version_allows_none_that_can_be_told(text: str) -> None:
    assert ranges_of(text, "javascript") == ()
