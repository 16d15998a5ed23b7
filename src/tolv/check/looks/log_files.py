"""Where log events go by an app's configuration files: logback and log4j, `logging.conf`, Spring's properties, and
settings that name a log file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.unit import Unit
from tolv.codebase.yamlfile import Node, parse_yaml

_PLACEHOLDER = re.compile(r"\$\{?[\w.:-]+(?::(?P<default>[^}]*))?\}?")
_STREAMS = re.compile(
    r"/dev/(?:std(?:out|err)|fd/[12]|null|tty)|/proc/(?:self|1)/fd/[12]|php://std(?:out|err)|-|off|syslog"
)


@dataclass(frozen=True, slots=True)
class Configured:
    """A sink that a configuration file names."""

    kind: Literal["file", "service", "stream", "rotation"]
    what: str
    target: str
    path: str
    line: int


def is_stream(path: str) -> bool:
    """Whether a path is a standard stream, or nowhere."""
    return bool(_STREAMS.fullmatch(path.strip().strip("'\"")))


def configured_sinks(unit: Unit) -> Iterator[Configured]:
    """All sinks of the unit's configuration files, in order of path."""
    for file in unit.files:
        name, lower = file.name, file.name.lower()
        if file.size > 1 << 20:
            continue
        read = None
        if lower.endswith(".xml") and lower.startswith(("logback", "log4j")):
            read = _xml
        elif lower.endswith(".properties") and lower.startswith(("log4j", "logging", "application", "bootstrap")):
            read = _properties
        elif lower.endswith((".ini", ".conf", ".cfg")) and "log" in lower:
            read = _ini
        elif lower.endswith((".yml", ".yaml", ".json")) and _is_settings(name, file.path):
            read = _yaml
        if read is not None and (text := unit.text(file.path)):
            for kind, what, target, line in read(text):
                yield Configured(kind, what, target, file.path, line)


_Found = tuple[Literal["file", "service", "stream", "rotation"], str, str, int]

_XML_APPENDER = re.compile(
    r"<appender\b[^>]*\bclass\s*=\s*[\"'](?P<class>[\w.$]+)[\"']|<(?P<tag>(?:Rolling)?(?:RandomAccess)?File|Console|Syslog"
    r"|SMTP|Socket|Http|Kafka|JDBC|NoSql|Gelf)\s+[^>]*?\bname\s*="
)
_XML_NAME = re.compile(r"\bname\s*=\s*[\"']([^\"']+)[\"']")
_XML_REF = re.compile(r"<(?:appender-ref|AppenderRef)\s[^>]*\bref\s*=\s*[\"']([^\"']+)", re.IGNORECASE)
_XML_PATH = re.compile(r"<file>\s*([^<]+?)\s*</file>|\bfileName\s*=\s*[\"']([^\"']+)|name=\"File\"\s+value=\"([^\"]+)")
_DEV_PROFILE = re.compile(
    r"<springProfile\s+name\s*=\s*[\"'][^\"'!]*\b(?:dev|test|local|development|it)\b[^\"']*[\"']\s*>.*?</springProfile>"
    r"|<!--.*?-->",
    re.DOTALL,
)


def _xml(text: str) -> Iterator[_Found]:
    """The appenders of logback, log4j and log4j2 that some logger refers to."""
    plain = _DEV_PROFILE.sub(lambda match: "\n" * match[0].count("\n"), text[: 1 << 18])
    used = set(_XML_REF.findall(plain))
    for match in _XML_APPENDER.finditer(plain):
        whole = plain[match.start() : plain.find(">", match.end() - 1) + 1]
        name = _XML_NAME.search(whole)
        if used and name and name[1] not in used and not _wrapped(plain, name[1]):
            continue
        last = (match["class"] or match["tag"]).rpartition(".")[2]
        line = plain.count("\n", 0, match.start()) + 1
        if "File" in last:
            end = plain.find("</appender>", match.end())
            path = _XML_PATH.search(plain[match.start() : end if end > 0 else match.end() + 400])
            yield "file", last, next((one for one in path.groups() if one), "") if path else "", line
        elif last.startswith("Console"):
            yield "stream", last, "", line
        elif re.match(r"Syslog|SMTP|Socket|Http|Kafka|JDBC|NoSql|Gelf|DB|LogstashTcp|LogstashUdp|Server", last):
            yield "service", last, "", line


def _wrapped(text: str, name: str) -> bool:
    """An appender that another one wraps (`AsyncAppender`) is referred to from within it."""
    return f'ref="{name}"' in text


def _properties(text: str) -> Iterator[_Found]:
    for number, raw in enumerate(text.split("\n"), start=1):
        key, _, value = raw.partition("=")
        key, value = key.strip(), value.strip()
        if key.startswith(("#", "!")) or not value:
            continue
        if key in ("logging.file.name", "logging.file.path", "logging.file", "logging.path"):
            yield "file", key, value, number
        elif re.fullmatch(r"log4j\.appender\.\w+", key) or re.fullmatch(r"appender\.\w+\.type", key):
            yield from _appender(value.rpartition(".")[2], number)
        elif key == "handlers" and "FileHandler" in value:
            yield "file", "java.util.logging.FileHandler", "", number
        elif key.startswith(("logging.logback.rollingpolicy.", "logging.file.max")):
            yield "rotation", key, value, number


def _appender(what: str, line: int) -> Iterator[_Found]:
    if "File" in what:
        yield "file", what, "", line
    elif "Console" in what:
        yield "stream", what, "", line
    elif re.match(r"Syslog|SMTP|Socket|JDBC|Kafka", what):
        yield "service", what, "", line


def _ini(text: str) -> Iterator[_Found]:
    """`logging.config.fileConfig`'s handlers."""
    lines = text.split("\n")
    for number, raw in enumerate(lines, start=1):
        match = re.match(r"\s*class\s*=\s*([\w.]+)", raw)
        if match is None:
            continue
        last = match[1].rpartition(".")[2]
        if last.endswith("FileHandler"):
            near = "\n".join(lines[number - 1 : number + 6])
            path = re.search(r"args\s*=\s*\(\s*[\"']([^\"']+)", near)
            yield "file", last, path[1] if path else "", number
        elif last == "StreamHandler":
            yield "stream", last, "", number
        elif last in ("SysLogHandler", "SMTPHandler", "SocketHandler", "HTTPHandler", "DatagramHandler"):
            yield "service", last, "", number


_SETTINGS = re.compile(
    r"(?:app|application|bootstrap|config|settings?|conf|server|production|prod|default|log(?:ging|ger|4js|back)?)"
    r"(?:[-_.][\w.-]+)?\.(?:ya?ml|json)",
    re.IGNORECASE,
)
_FILE_KEY = re.compile(r"log_?file(?:_?(?:name|path))?|file_?log|log_?file_?dir|log_?path|log_?dir", re.IGNORECASE)
_ROTATION_KEY = re.compile(
    r"log_?(?:archive|rotat\w*|max_?(?:size|files|age|backups)|keep|retention)\w*|rotate_?logs?", re.IGNORECASE
)


def _is_settings(name: str, path: str) -> bool:
    return bool(_SETTINGS.fullmatch(name)) and not name.lower().endswith((".schema.json", "package.json"))


def _yaml(text: str) -> Iterator[_Found]:
    if not re.search(r"(?i)log", text):
        return
    parsed = parse_yaml(text, "")
    for document in parsed.documents:
        yield from _walk(document, "", 0, [_MOST_MAPS])


#: Maps of one document that are looked into, aliases counted as often as they are named.
_MOST_MAPS = 5_000


def _walk(node: Node, above: str, depth: int, left: list[int]) -> Iterator[_Found]:
    """The keys of a document that are about logs. Of several for one file (directory, name) the last counts."""
    left[0] -= 1
    if depth > 6 or node.kind != "map" or left[0] < 0:
        return
    files: list[_Found] = []
    for key, value in node.items():
        where = f"{above}.{key}" if above else key
        if value.kind == "scalar":
            found = _scalar(node, key, value, where)
            if found is not None and found[0] == "file":
                files.append(found)
            elif found is not None:
                yield found
        elif value.kind == "map":
            yield from _walk(value, where, depth + 1, left)
    if files:
        yield files[-1]


def _scalar(node: Node, key: str, value: Node, where: str) -> _Found | None:
    text = value.value.strip()
    if key == "class" and text.endswith(("FileHandler", "StreamHandler", "SysLogHandler", "SMTPHandler")):
        last = text.rpartition(".")[2]
        path = node.get("filename")
        if last == "StreamHandler":
            return "stream", last, "", value.line
        kind: Literal["file", "service"] = "file" if last.endswith("FileHandler") else "service"
        return kind, last, path.value if path is not None else "", value.line
    if re.fullmatch(r"logging\.file(?:\.(?:name|path))?|logging\.path", where) and text:
        return "file", where, text, value.line
    named = _FILE_KEY.fullmatch(key) or (
        re.search(r"(?i)\blog(?:ging|ger|s)?$", where.rpartition(".")[0]) and key in _PATHS
    )
    if named and text and text.lower() not in ("true", "false", "null", "none", "~", "0", "1"):
        return "file", where, text, value.line
    if _ROTATION_KEY.fullmatch(key) and text and text.lower() not in ("false", "null", "none", "0"):
        return "rotation", where, text, value.line
    return None


_PATHS = ("file", "filename", "file_name", "path")


def environment_decides(target: str) -> Literal["no", "default", "yes"]:
    """Whether a variable gives the path: `default` where a path stands behind it."""
    match = _PLACEHOLDER.search(target)
    if match is None:
        return "no"
    return "default" if match["default"] or target[: match.start()] or target[match.end() :] else "yes"
