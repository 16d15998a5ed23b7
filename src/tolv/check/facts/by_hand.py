"""Code that no deploy runs by itself: commands that nothing names, and languages that no image has a tool of."""

from __future__ import annotations

import re

from tolv.check.source import Language
from tolv.check.unit import Unit

_COMMAND = re.compile(r"(?:^|/)management/commands/([\w-]+)\.py$")

#: What builds or starts code of a language, in a Dockerfile or a command.
_TOOLS: dict[Language, re.Pattern[str]] = {
    "python": re.compile(
        r"\b(?:python[\d.]*|pip[\d.]*|uv|poetry|pipenv|gunicorn|uvicorn|hypercorn|uwsgi|celery|flask)\b"
    ),
    "javascript": re.compile(r"\b(?:node|nodejs|npm|npx|yarn|pnpm|bun|deno|pm2)\b"),
    "go": re.compile(r"\bgo (?:build|run|install|mod)\b|\bgolang\b|\bgoreleaser\b|\bmage\b"),
    "java": re.compile(r"\b(?:java|mvnw?|gradlew?|maven|gradle|openjdk|temurin|tomcat)\b"),
    "ruby": re.compile(r"\b(?:ruby|bundle|bundler|rails|rake|puma|unicorn|sidekiq|gem)\b"),
    "php": re.compile(r"\b(?:php[\w.-]*|composer|apache2?|artisan)\b"),
}


def is_command_of_hands(unit: Unit, path: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a file is a command of Django's that no code, script or manifest names but other such commands: nobody
    but a person runs it."""
    match = _COMMAND.search(path)
    if match is None:
        return False
    name = re.compile(rf"(?<![\w-]){re.escape(match[1])}(?![\w-])")
    for file in unit.repository.files:
        if file.path in seen or file.path == path or file.context in ("test", "docs") or file.size > 1 << 20:
            continue
        if name.search(unit.text(file.path) or "") and not is_command_of_hands(unit, file.path, seen | {path}):
            return False
    return True


def is_beside_the_deploy(unit: Unit, language: Language) -> bool:
    """Whether images or start commands of production are there, and none has to do with a language: what is written in
    it is no part of what they deploy."""
    texts = [start.text for start in unit.starts if start.prod]
    for image in unit.dockerfiles:
        if image.context == "prod":
            texts += [one.text for stage in image.stages for one in stage.instructions]
    return bool(texts) and not any(_TOOLS[language].search(one) for one in texts)
