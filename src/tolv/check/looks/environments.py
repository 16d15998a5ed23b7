"""Services that are chosen under a condition on the environment's name: `if ENV == "production": storage = S3()`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Binding, Source, Value


@dataclass(frozen=True, slots=True)
class Chosen:
    """A name for a service that gets another kind by the environment's name."""

    name: str
    kinds: tuple[str, ...]
    """What it can become, as far as it is said here: `S3Storage`, `django.core.mail…`."""
    condition: str
    line: int
    column: int


chosen: Look[Chosen] = Look("environments")

_NAMES = ("storage", "store", "mail", "cache", "queue", "backend", "transport", "broker", "bucket", "uploader", "disk")
_SERVICE = re.compile(
    r"^(?:default_?file_?storage|file_?storage|media_?storage|storage(?:_?(?:backend|type|driver|engine|service))?|"
    r"storages|email_?backend|mail_?(?:backend|driver|transport)|mailer|transport(?:er)?|caches?|cache_?"
    r"(?:type|backend|store|driver)|queue(?:_?(?:backend|driver|connection|type))?|broker|uploader|session_?store|"
    r"file_?store|blob_?store|message_?broker|job_?queue|disk)$",
    re.IGNORECASE,
)
_NAMED = (
    r"(?:node_env|app_env|flask_env|rails_env|rack_env|django_env|environment|\benv|go_env|deploy_env)\b(?!\s*[.\[])"
)
_CONDITION = re.compile(
    rf"{_NAMED}\W[^\n]*['\"](?:prod\w*|staging|dev\w*|local)['\"]|['\"](?:prod\w*|staging|dev\w*|local)['\"]\W.*{_NAMED}|"
    r"\bis_?(?:prod(?:uction)?|dev(?:elopment)?)\b|(?:settings\.|app\.|^|not |\()debug\b|environment\.is|"
    r"env\.(?:production|development|isproduction)",
    re.IGNORECASE,
)
_TESTING = re.compile(r"\btest|pytest|\bci\b", re.IGNORECASE)


def by_environment(text: str) -> bool:
    """Whether a condition asks for the name of the environment, and not for that of tests alone."""
    return _CONDITION.search(text) is not None and not _TESTING.search(text)


@chosen.reads("python", "javascript", "go", "java", "ruby", "php", within=_NAMES)
def _read(source: Source) -> Iterator[Chosen]:
    for binding in source.bindings(*_NAMES):
        if binding.how in ("parameter", "augment", "key") or not _SERVICE.match(binding.name):
            continue
        if binding.how == "keyword" and binding.value.kind not in ("choice", "call"):
            continue
        condition = next((one for one in binding.scope.guards if by_environment(one)), None)
        kinds = tuple(_kinds(binding.value))
        if condition is None and binding.value.kind == "choice" and len(set(kinds)) > 1:
            text = " ".join(source.lines[binding.line - 1 : binding.line + 2])
            condition = text.strip() if by_environment(text) else None
        if condition is not None and kinds and not _is_set_again(source, binding):
            yield Chosen(binding.name, kinds, condition[:200], binding.line, binding.column)


def _is_set_again(source: Source, binding: Binding) -> bool:
    """Whether a setting of its own, whatever the environment is called, has the last word further down."""
    return any(
        one.target == binding.target
        and one.line > binding.line
        and one.scope.names == binding.scope.names
        and one.scope.guards
        and not any(_CONDITION.search(guard) or _TESTING.search(guard) for guard in one.scope.guards)
        for one in source.bindings(binding.name)
    )


def _kinds(value: Value) -> Iterator[str]:
    """Names of classes and texts that say which kind of service a value is."""
    if value.kind == "choice":
        for part in value.parts:
            yield from _kinds(part)
    elif value.kind == "call" and value.name:
        yield value.name
    elif value.is_text and value.text and len(value.text) < 200:
        yield value.text
    elif value.kind == "container" and value.text == "dict":
        for part in value.parts:
            yield from _kinds(part)
