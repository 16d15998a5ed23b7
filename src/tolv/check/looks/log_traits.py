"""How an app logs: in which form, with what to tell requests apart, and whether it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Language, Source

Trait = Literal["structured", "request id", "redacts", "logs", "prints", "flushes"]


@dataclass(frozen=True, slots=True)
class LogTrait:
    """One such thing, once a file and kind; of `prints` each."""

    trait: Trait
    what: str
    line: int


log_traits: Look[LogTrait] = Look("log_traits")

_STRUCTURED: dict[Language, tuple[str, ...]] = {
    "python": (
        *("structlog", "pythonjsonlogger", "json_log_formatter", "ecs_logging", "logstash_formatter", "logfmter"),
        *(
            "JsonFormatter",
            "JSONFormatter",
            "JsonLogFormatter",
            "StructuredLogHandler",
            "eliot",
            "aws_lambda_powertools",
        ),
        *("JSONRenderer_", "LogstashFormatter", "jsonlogger", "python_json_logger", "dockerflow"),
    ),
    "javascript": ("pino", "bunyan", "nestjs-pino", "roarr", "tslog", "fastify", "express-pino-logger", "ecs"),
    "go": (
        *("NewJSONHandler", "NewTextHandler", "zap", "zerolog", "JSONFormatter", "hclog", "logfmt", "NewLogfmtLogger"),
        *("apex", "TextFormatter", "klog"),
    ),
    "java": ("LogstashEncoder", "StructuredArguments", "JsonLayout", "EcsLayout", "GelfEncoder", "JsonEncoder"),
    "ruby": (
        "Lograge",
        "lograge",
        "SemanticLogger",
        "ougai",
        "Ougai",
        "semantic_logger",
        "JSONFormatter",
        "JsonFormatter",
    ),
    "php": ("JsonFormatter", "LogstashFormatter", "GelfMessageFormatter", "EcsFormatter"),
}
_REQUEST_IDS = re.compile(
    r"(?i)x[-_]request[-_]id|x[-_]correlation[-_]id|traceparent|x[-_]amzn[-_]trace|express-request-id|cls-rtracer"
    r"|asgi_correlation_id|django_guid|log_request_id|micrometer-tracing|middleware\.RequestID|RequestIDMiddleware"
    r"|(?:log|MDC|tag|bind|extra|format|genReqId|uuid).*(?<![a-z])(?:request_?id|correlation_?id|trace_?id)"
    r"|(?<![a-z])(?:request_?id|correlation_?id|trace_?id).*(?:log|uuid|header|randomBytes|nanoid)"
)
_ID_PARTS = (
    *(b"request_id", b"requestid", b"correlation_id", b"correlationid", b"traceparent", b"trace_id", b"traceid"),
    *(b"rtracer", b"django_guid"),
)
_ID_HEADER = re.compile(rb"(?:equest|race|orrelation)-[Ii][Dd]")
_LOGFMT = re.compile(r"\b[\w.]+=\"?%[({]")
_REDACTING = re.compile(rb"(?:redact|scrub|mask|sensitive|censor)\w*(?:filter|processor|formatter)")


@log_traits.reads(
    "python",
    "javascript",
    "go",
    "java",
    "ruby",
    "php",
    within=("log", "print", "console", "winston", "request", "correlation", "trace", "pino", "puts", "stdout"),
)
def _read(source: Source) -> Iterator[LogTrait]:
    words = source.words
    for word in _STRUCTURED[source.language]:
        if word.encode() in words and (line := _line_of(source, word)):
            yield LogTrait("structured", word, line)
            break
    else:
        yield from _formats(source)
    lower = source.lower
    if any(part in lower for part in _ID_PARTS) or _ID_HEADER.search(source.data):
        for number, text in enumerate(source.lines, start=1):
            if (match := _REQUEST_IDS.search(text)) and not _is_comment(source, number):
                yield LogTrait("request id", match[0], number)
                break
    if _REDACTING.search(lower) or (b"redact" in words and b"pino" in words):
        yield LogTrait("redacts", "a filter", 1)
    yield from _logging(source)


def _formats(source: Source) -> Iterator[LogTrait]:
    """JSON or key=value by the format that is given."""
    if (
        source.language == "javascript"
        and b"json" in source.words
        and source.words & {b"winston", b"format", b"log4js"}
    ):
        for call in source.calls("format.json", "winston.format.json"):
            yield LogTrait("structured", "winston's JSON format", call.line)
            return
    if source.language == "javascript" and b"stringify" in source.words:
        for call in source.calls("console.log", "console.info", "console.error"):
            first = call.argument(0)
            shown = first is not None and first.kind == "call" and (first.name or "").endswith("JSON.stringify")
            if shown and first is not None and first.parts and first.parts[0].kind == "container":
                yield LogTrait("structured", "JSON on the console", call.line)
                return
    if source.language == "python":
        if b"serialize" in source.words and b"loguru" in source.words:
            for call in source.calls("logger.add"):
                if (given := call.keywords.get("serialize")) is not None and given.text != "false":
                    yield LogTrait("structured", "loguru's JSON", call.line)
                    return
        for binding in source.bindings("format", "fmt"):
            if binding.value.is_text and len(_LOGFMT.findall(binding.value.text or "")) >= 2:
                yield LogTrait("structured", "key=value lines", binding.line)
                return


def _line_of(source: Source, word: str) -> int | None:
    """The first line with a word that is no comment."""
    for number, line in enumerate(source.lines, start=1):
        if re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", line) and not _is_comment(source, number):
            return number
    return None


def _is_comment(source: Source, line: int) -> bool:
    text = source.lines[line - 1].lstrip() if line <= len(source.lines) else ""
    return text.startswith(("#", "//", "*", "/*")) and not text.startswith("#!")


_LOG_WORDS = frozenset(
    b"logger logging log Logger LOGGER LOG slog console logrus error_log winston pino loguru Log".split()
)


def _logging(source: Source) -> Iterator[LogTrait]:
    if found := sorted(source.words & _LOG_WORDS):
        yield LogTrait("logs", found[0].decode(), 1)
    if source.language == "python" and b"print" in source.words:
        for call in source.calls("print"):
            flushed = call.keywords.get("flush")
            elsewhere = call.keywords.get("file")
            plain = call.name == "print" and flushed is None and elsewhere is None
            if plain and not call.scope.at_import and not any("__main__" in one for one in call.scope.guards):
                yield LogTrait("prints", call.scope.function or "", call.line)
    if source.language == "ruby" and b"puts" in source.words:
        for call in source.calls("puts"):
            if call.written == "puts":
                yield LogTrait("prints", call.scope.function or "", call.line)
    if b"sync" in source.words and b"stdout" in source.words | {word.lower() for word in source.words}:
        for binding in source.bindings("sync"):
            if binding.name == "sync":
                yield LogTrait("flushes", "stdout.sync", binding.line)
    if b"reconfigure" in source.words and b"line_buffering" in source.words:
        yield LogTrait("flushes", "line_buffering", 1)
