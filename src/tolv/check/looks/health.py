"""What looks like the answer to "are you there?": paths such as `/healthz`, functions such as `health_check`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class Hint:
    """One text or function that names a health check."""

    text: str
    line: int


hints: Look[Hint] = Look("health hints")

_SURE = (
    r"_*healthz?_*|health[-_]?checks?|livez|readyz|liveness|readiness|_*(?:lb)?heartbeat_*|heart_beat|are-you-alive"
    r"|healthy|statusz|pingz"
)
_LIKELY = r"ping|status|monitor(?:ing)?|up|live|alive|ready|hc|probe|isalive|isready|okcomputer"
_PATH = re.compile(
    rf"\^?(?:(?:GET|HEAD|ANY) )?/?(?:[^\s?#]*/)?(?:{_SURE})(?:/[\w-]+)?(?:\.\w{{2,5}})?/?\??\$?", re.IGNORECASE
)
_LIKELY_PATH = re.compile(
    rf"\^?(?:(?:GET|HEAD|ANY) )?/?(?:[\w.-]+/){{0,2}}_*(?:{_LIKELY})(?:\.\w{{2,5}})?/?\??\$?", re.IGNORECASE
)
_FUNCTION = re.compile(
    rf"(?!(?:do|run|start|perform|schedule|set|_do)_?[A-Z_])(?:\w*_)?(?:{_SURE})|(?:api_|get_)?(?:ping|status)"
    r"|(?:get|handle|check|is|api|serve|show|app|server|service|system|http|web|index|root|my)?"
    r"(?:Health|HealthCheck|Healthcheck|Heartbeat|Liveness|Readiness)(?:Handler|Controller|View|Route|Endpoint)?"
    r"|\w*(?:Health|HealthCheck|Healthcheck|Liveness|Readiness)(?:Handler|Controller|View|Route|Endpoint)|health\w*"
)
#: Names that functions bear which answer no request: they send a ping, or look after another service.
_PLAIN = frozenset({"ping", "status", "healthy", "heartbeat"})
#: Settings that name a path in order to leave it out of something: they do not answer it.
_SPARED = re.compile(r"silence|exclude|ignore|skip|exempt|except", re.IGNORECASE)
#: A file without this has no hint: parsing it would be for nothing.
_WORTH = re.compile(
    rb"health|livez|readyz|liveness|readiness|heart_?beat|okcomputer|statusz|pingz|are-you-alive|"
    rb"/(?:ping|status|up|live|alive|ready|monitor(?:ing)?|check|hc|probe|isalive|isready)[\"'`/?]|"
    rb"(?:def|function|func)\s+(?:\([^)]*\)\s*)?(?:api_|get_)?(?:ping|status)\b|\b(?:api_)?(?:ping|status)\s*:\s*(?:async\s+)?"
    rb"(?:function|\()",
)
#: The same as plain texts, which are found many times faster; the pattern is asked where only its last form can be.
_PLAIN_SIGNS = (
    *(
        b"health",
        b"livez",
        b"readyz",
        b"liveness",
        b"readiness",
        b"heartbeat",
        b"heart_beat",
        b"okcomputer",
        b"statusz",
    ),
    *(b"pingz", b"are-you-alive", b"/ping", b"/status", b"/up", b"/live", b"/alive", b"/ready", b"/monitor", b"/check"),
    *(b"/hc", b"/probe", b"/isalive", b"/isready", b"def ping", b"def status", b"def api_", b"def get_ping"),
    *(b"def get_status", b"func ping", b"func status", b"function ping", b"function status", b"function api_"),
)


def _is_worth_it(lower: bytes) -> bool:
    if any(sign in lower for sign in _PLAIN_SIGNS):
        return _WORTH.search(lower) is not None
    return (b"ping" in lower or b"status" in lower) and _NAMED.search(lower) is not None


_NAMED = re.compile(
    rb"\b(?:api_)?(?:ping|status)\s*:\s*(?:async\s+)?(?:function|\()|func\s+\([^)]*\)\s*(?:ping|status)\b"
)
_WITHIN = ("health", "livez", "readyz", "liveness", "readiness", "heartbeat", "okcomputer")
_WORDS = ("ping", "status", "up", "live", "alive", "ready", "api_ping", "api_status")
_PARTS = (*_WITHIN, "Health", "/ping", "/status", "/up", "/live", "/alive", "/ready", "/hc", "/monitor")


def is_health_path(path: str) -> bool:
    """Whether a route's path is that of a health check by its name: `/healthz`, `/api/ping`, `/-/ready`."""
    return bool(_PATH.fullmatch(path) or _LIKELY_PATH.fullmatch(path))


def is_readiness_path(path: str) -> bool:
    """Whether the name of a path asks if requests may be sent: `/ready`, `/health/readiness`."""
    return bool(re.search(r"read(?:y|iness)|startup|started", path, re.IGNORECASE))


def is_liveness_path(path: str) -> bool:
    """Whether the name of a path asks if the process is alive: `/livez`, `/health/liveness`."""
    return bool(re.search(r"live|alive|liveness", path, re.IGNORECASE))


@hints.reads("python", "javascript", "go", "java", "ruby", "php", words=_WORDS, within=_WITHIN)
def _read(source: Source) -> Iterator[Hint]:
    if not _is_worth_it(source.data.lower()):
        return
    for value in source.texts(*_PARTS):
        text = value.text or ""
        line = source.lines[value.line - 1] if 0 < value.line <= len(source.lines) else ""
        if (
            len(text) < 120
            and not _SPARED.search(line)
            and text not in ("healthy", "heartbeat")
            and (_PATH.fullmatch(text) or (text.startswith("/") and _LIKELY_PATH.fullmatch(text)))
        ):
            yield Hint(text, value.line)
    for function in source.functions():
        if _FUNCTION.fullmatch(function.name) and not (
            function.name.lower() in _PLAIN and source.language in ("javascript", "go")
        ):
            yield Hint(function.name, function.line)
