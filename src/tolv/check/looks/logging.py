"""Where an app's log events go: files, other services, or the standard streams."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tolv.check.look import Look
from tolv.check.source import Binding, Call, Source, Value

Kind = Literal["file", "service", "stream"]


@dataclass(frozen=True, slots=True)
class Sink:
    """A place in code that sends log events somewhere."""

    kind: Kind
    """`service`: a syslog daemon, a mail server, a search engine, a database."""
    what: str
    """The handler as people call it: `RotatingFileHandler`, `winston.transports.File`."""
    target: Value | None
    """The path or address, where the code names one."""
    line: int
    column: int
    guards: tuple[str, ...]
    rotates: bool = False
    plain: bool = False
    """No handler of a logging library, but a file called like a log that is opened."""


log_sinks: Look[Sink] = Look("log_sinks")

#: Classes of Python that write files, and where the path stands.
_PYTHON_FILES = {
    "FileHandler": 0,
    "RotatingFileHandler": 0,
    "TimedRotatingFileHandler": 0,
    "WatchedFileHandler": 0,
    "ConcurrentRotatingFileHandler": 0,
    "ConcurrentTimedRotatingFileHandler": 0,
}
_ROTATING = re.compile(r"Rotat|rotat|RollingFile|dateFile|lumberjack|pino-roll")

#: Classes of Python that send records to a service of their choice.
_PYTHON_SERVICES = {
    "SysLogHandler": "syslog",
    "SMTPHandler": "mail",
    "HTTPHandler": "an HTTP endpoint",
    "SocketHandler": "a socket",
    "DatagramHandler": "a socket",
    "NTEventLogHandler": "the event log of Windows",
    "AdminEmailHandler": "mail",
    "CloudWatchLogHandler": "CloudWatch",
    "LokiHandler": "Loki",
    "LokiQueueHandler": "Loki",
    "CMRESHandler": "Elasticsearch",
    "LogstashHandler": "Logstash",
    "AsynchronousLogstashHandler": "Logstash",
    "TCPLogstashHandler": "Logstash",
    "GELFUDPHandler": "Graylog",
    "GELFTCPHandler": "Graylog",
    "GelfUdpHandler": "Graylog",
    "GelfTcpHandler": "Graylog",
    "GELFHandler": "Graylog",
    "FluentHandler": "Fluentd",
    "SplunkHandler": "Splunk",
    "AzureLogHandler": "Azure",
    "LogtailHandler": "Logtail",
    "LogDNAHandler": "LogDNA",
    "DatadogHandler": "Datadog",
    "SlackHandler": "Slack",
    "SlackerLogHandler": "Slack",
    "TelegramHandler": "Telegram",
    "KafkaLoggingHandler": "Kafka",
    "MongoHandler": "MongoDB",
}
_PYTHON_HANDLERS = (*_PYTHON_FILES, *_PYTHON_SERVICES, "StreamHandler")
_LOG_NAME = re.compile(r"[\w{}./\\:~-]*\.(?:log|out|err)(?:\.txt)?", re.IGNORECASE)


@log_sinks.reads("python", words=(*_PYTHON_HANDLERS, "basicConfig", "loguru", "log", "handlers"))
def _python(source: Source) -> Iterator[Sink]:
    for call in source.calls(*_PYTHON_HANDLERS):
        # A class of the file's own with such a name is another.
        imported = "." in call.name and not call.name.startswith(("self.", "super"))
        if call.last in _PYTHON_HANDLERS and imported:
            yield _handler(call)
    for call in source.calls("logging.basicConfig"):
        if (path := call.keywords.get("filename")) is not None:
            yield _sink("file", "logging.basicConfig", path, call)
        elif "handlers" not in call.keywords:
            yield _sink("stream", "logging.basicConfig", None, call)
    if b"loguru" in source.words:
        yield from _loguru(source)
    for binding in source.bindings("class"):
        text = binding.value.text if binding.name == "class" and binding.value.is_text else None
        last = (text or "").rpartition(".")[2]
        if last in _PYTHON_HANDLERS:
            target = _near(source, "filename", binding.line) if last in _PYTHON_FILES else None
            kind: Kind = "file" if last in _PYTHON_FILES else "service" if last in _PYTHON_SERVICES else "stream"
            yield _keyed(kind, last, target, binding)
    yield from _opened(source, "open")


def _handler(call: Call) -> Sink:
    if call.last == "StreamHandler":
        return _sink("stream", call.last, call.argument(0, "stream"), call)
    if call.last in _PYTHON_SERVICES:
        return _sink("service", call.last, None, call)
    return _sink("file", call.last, call.argument(_PYTHON_FILES[call.last], "filename"), call)


def _loguru(source: Source) -> Iterator[Sink]:
    for call in source.calls("loguru.logger.add", "logger.add"):
        sink = call.argument(0, "sink")
        if sink is None or "loguru" not in call.name:
            continue
        if _is_path(sink):
            rotates = "rotation" in call.keywords or "retention" in call.keywords
            yield _sink("file", "loguru.logger.add", sink, call, rotates=rotates)
        elif sink.kind == "name" and (sink.name or "").startswith("sys.std"):
            yield _sink("stream", "loguru.logger.add", sink, call)
    for binding in source.bindings("sink"):
        if binding.name == "sink" and binding.how == "key" and _is_path(binding.value):
            yield Sink("file", "loguru's sink", binding.value, binding.line, binding.column, binding.scope.guards)


def _is_path(value: Value) -> bool:
    """Whether a loguru sink is a file: a text, or what a path is built from."""
    if value.kind in ("env", "template") or value.is_text:
        return True
    name = value.name or ""
    if value.kind == "call":
        return name.endswith(("os.path.join", "Path", ".joinpath"))
    return value.kind == "name" and bool(re.search(r"(?i)log_?(file|path|dir)|file_?(name|path)$", name))


def _opened(source: Source, *names: str) -> Iterator[Sink]:
    """Files called like logs that are opened for writing."""
    if b"log" not in source.words and b"out" not in source.words:
        return
    for call in source.calls(*names):
        path, mode = call.argument(0, "file"), call.argument(1, "mode")
        if call.name not in ("open", "io.open", "codecs.open") or path is None or mode is None:
            continue
        if path.is_text and _LOG_NAME.fullmatch(path.text or "") and (mode.text or "")[:1] in ("a", "w"):
            yield _sink("file", "open", path, call, plain=True)


_SCRIPT_CLASSES = {
    "File": "winston.transports.File",
    "DailyRotateFile": "DailyRotateFile",
    "FileStreamRotator.getStream": "FileStreamRotator",
}
_SCRIPT_PACKAGES = {
    "winston-cloudwatch": "CloudWatch",
    "winston-aws-cloudwatch": "CloudWatch",
    "winston-elasticsearch": "Elasticsearch",
    "winston-syslog": "syslog",
    "winston-loki": "Loki",
    "winston-mongodb": "MongoDB",
    "winston-papertrail": "Papertrail",
    "winston-loggly-bulk": "Loggly",
    "winston-mail": "mail",
    "winston-slack-webhook-transport": "Slack",
    "winston-logstash": "Logstash",
    "winston-graylog2": "Graylog",
    "winston-splunk-httplogger": "Splunk",
    "@google-cloud/logging-winston": "Google Cloud Logging",
    "@google-cloud/logging-bunyan": "Google Cloud Logging",
    "@logtail/winston": "Logtail",
    "@datadog/winston": "Datadog",
    "bunyan-syslog": "syslog",
    "bunyan-elasticsearch": "Elasticsearch",
    "bunyan-cloudwatch": "CloudWatch",
    "pino-elasticsearch": "Elasticsearch",
    "pino-loki": "Loki",
    "pino-cloudwatch": "CloudWatch",
    "pino-syslog": "syslog",
    "pino-socket": "a socket",
    "pino-mongodb": "MongoDB",
    "pino-datadog-transport": "Datadog",
    "@logtail/pino": "Logtail",
    "log4js-smtp": "mail",
    "gelf-pro": "Graylog",
    "modern-syslog": "syslog",
}
_SCRIPT_WORDS = (
    *("createWriteStream", "appendFile", "appendFileSync", "DailyRotateFile", "FileStreamRotator", "pino", "bunyan"),
    *("winston", "log4js", "rfs", "syslog", "loki", "morgan"),
)
#: Types of log4js's appenders that write files or send elsewhere.
_LOG4JS: dict[str, Kind] = {
    "file": "file",
    "dateFile": "file",
    "multiFile": "file",
    "fileSync": "file",
    "smtp": "service",
    "@log4js-node/smtp": "service",
    "logstashHTTP": "service",
    "tcp": "service",
    "stdout": "stream",
    "console": "stream",
    "stderr": "stream",
}


@log_sinks.reads("javascript", words=_SCRIPT_WORDS)
def _javascript(source: Source) -> Iterator[Sink]:
    for call in source.calls("File", "DailyRotateFile", "FileStreamRotator.getStream"):
        if call.last != "File" or "transports" in call.name or "winston" in call.name:
            path = call.keywords.get("filename")
            folder = call.keywords.get("dirname")
            what = _SCRIPT_CLASSES.get(call.last, "FileStreamRotator")
            rotates = any(key in call.keywords for key in ("maxsize", "maxFiles", "maxSize", "datePattern"))
            yield _sink("file", what, path or folder, call, rotates=rotates)
    if source.words & {b"winston", b"transports"}:
        for call in source.calls("transports.Console"):
            yield _sink("stream", "winston.transports.Console", None, call)
        for call in source.calls("transports.Http", "transports.Syslog", "transports.Mail"):
            yield _sink("service", f"winston.{call.last}", None, call)
    yield from _script_files(source)
    yield from _script_settings(source)
    for one in source.imports():
        if one.module in _SCRIPT_PACKAGES:
            guards = ("guarded",) if one.guarded else ()
            yield Sink("service", _SCRIPT_PACKAGES[one.module], None, one.line, 1, guards)


def _script_files(source: Source) -> Iterator[Sink]:
    """Streams and appends to files that are called like logs."""
    for call in source.calls("createWriteStream", "appendFile", "appendFileSync"):
        path = call.argument(0)
        if path is not None and _ends_in_log(path):
            yield _sink("file", call.last, path, call, plain=True)
    for call in source.calls("rotating-file-stream.createStream", "rfs.createStream", "rotating-file-stream"):
        yield _sink("file", "rotating-file-stream", call.argument(0), call, rotates=True)
    for call in source.calls("pino.destination"):
        path = call.argument(0, "dest")
        if (path is not None and path.kind != "literal") or (path is not None and path.is_text):
            yield _sink("file", "pino.destination", path, call)


def _script_settings(source: Source) -> Iterator[Sink]:
    """Sinks that are keys of an object: log4js's appenders, bunyan's streams, pino's targets."""
    if b"log4js" in source.words:
        for binding in source.bindings("type"):
            kind = _LOG4JS.get(binding.value.text or "") if binding.name == "type" and binding.value.is_text else None
            if kind is not None:
                target = _near(source, "filename", binding.line) if kind == "file" else None
                yield _keyed(kind, f"log4js's {binding.value.text} appender", target, binding)
    if b"bunyan" in source.words:
        for binding in source.bindings("path"):
            if binding.name == "path" and binding.how in ("key", "keyword") and _ends_in_log(binding.value):
                yield _keyed("file", "bunyan's file stream", binding.value, binding)
    if b"pino" in source.words:
        for binding in source.bindings("target"):
            text = binding.value.text or ""
            if text in ("pino/file", "pino-roll"):
                where = _near(source, "destination", binding.line) or _near(source, "file", binding.line)
                if where is not None and where.name != "int":
                    yield _keyed("file", text, where, binding)
            elif text in _SCRIPT_PACKAGES:
                yield _keyed("service", _SCRIPT_PACKAGES[text], None, binding)


def _keyed(kind: Kind, what: str, target: Value | None, binding: Binding) -> Sink:
    return Sink(kind, what, target, binding.line, binding.column, binding.scope.guards, bool(_ROTATING.search(what)))


@log_sinks.reads("go", words=("lumberjack", "rotatelogs", "OpenFile", "Create", "OutputPaths", "syslog"))
def _go(source: Source) -> Iterator[Sink]:
    for call in source.calls("Logger", "New"):
        if "lumberjack" in call.name or "lumberjack" in call.written:
            yield _sink("file", "lumberjack.Logger", call.keywords.get("Filename"), call, rotates=True)
        elif "rotatelogs" in call.name or "rotatelogs" in call.written:
            yield _sink("file", "rotatelogs", call.argument(0), call, rotates=True)
        elif call.name in ("log/syslog.New", "syslog.New"):
            yield _sink("service", "syslog", None, call)
    for call in source.calls("os.OpenFile", "os.Create"):
        path = call.argument(0)
        if path is not None and _ends_in_log(path):
            yield _sink("file", call.written, path, call, plain=True)
    for binding in source.bindings("OutputPaths"):
        for part in binding.value.parts:
            if part.is_text and part.text not in ("stdout", "stderr"):
                yield Sink("file", "zap's OutputPaths", part, binding.line, binding.column, binding.scope.guards)


@log_sinks.reads("java", words=("FileHandler", "FileAppender", "RollingFileAppender", "SyslogAppender"))
def _java(source: Source) -> Iterator[Sink]:
    for call in source.calls("FileHandler", "FileAppender", "RollingFileAppender", "DailyRollingFileAppender"):
        yield _sink("file", call.last, call.argument(0), call, rotates=bool(_ROTATING.search(call.last)))
    for call in source.calls("SyslogAppender", "SMTPAppender", "SocketAppender"):
        yield _sink("service", call.last, None, call)


@log_sinks.reads("ruby", words=("Logger", "Syslog", "RemoteSyslogLogger", "STDOUT", "stdout"))
def _ruby(source: Source) -> Iterator[Sink]:
    for call in source.calls("Logger.new", "Logger", "BroadcastLogger.new"):
        if not re.search(r"(?:^|[.:])Logger(?:\.new)?$", call.written) or "Syslog" in call.written:
            continue
        target = call.argument(0)
        if target is None:
            continue
        name = target.name or ""
        if target.kind == "name" and re.search(r"(?i)stdout|stderr", name):
            yield _sink("stream", "Logger", target, call)
        elif target.is_text or target.kind == "template" or (target.kind == "call" and "join" in name):
            yield _sink("file", "Logger.new", target, call, rotates=len(call.arguments) > 1)
    for call in source.calls("Syslog::Logger.new", "RemoteSyslogLogger.new", "Syslogger.new"):
        yield _sink("service", "syslog", None, call)


_PHP_SERVICES = {
    "SyslogHandler": "syslog",
    "SyslogUdpHandler": "syslog",
    "NativeMailerHandler": "mail",
    "SwiftMailerHandler": "mail",
    "SymfonyMailerHandler": "mail",
    "ElasticsearchHandler": "Elasticsearch",
    "ElasticaHandler": "Elasticsearch",
    "GelfHandler": "Graylog",
    "SlackWebhookHandler": "Slack",
    "SlackHandler": "Slack",
    "SocketHandler": "a socket",
    "LogglyHandler": "Loggly",
    "RedisHandler": "Redis",
    "MongoDBHandler": "MongoDB",
    "TelegramBotHandler": "Telegram",
    "SendGridHandler": "mail",
}


@log_sinks.reads("php", words=("StreamHandler", "RotatingFileHandler", "error_log", *_PHP_SERVICES))
def _php(source: Source) -> Iterator[Sink]:
    for call in source.calls("StreamHandler", "RotatingFileHandler", *_PHP_SERVICES):
        last = re.split(r"[\\.]", call.name)[-1]
        if last in _PHP_SERVICES:
            yield _sink("service", last, None, call)
            continue
        target = call.argument(0)
        text = target.text or "" if target is not None else ""
        kind: Literal["file", "stream"] = "stream" if text.startswith("php://") else "file"
        if target is not None and (kind == "stream" or last.startswith("Rotating") or _may_be_file(target)):
            yield _sink(kind, last, target, call, rotates=last.startswith("Rotating"))
    for call in source.calls("error_log"):
        kind_of, path = call.argument(1), call.argument(2)
        if kind_of is not None and kind_of.text == "3" and path is not None:
            yield _sink("file", "error_log", path, call)


def _may_be_file(value: Value) -> bool:
    return value.kind in ("literal", "template", "env") or _ends_in_log(value)


def _ends_in_log(value: Value) -> bool:
    """Whether a path, or the last text that it is built from, ends like a log's."""
    if value.kind == "env":
        return value.default is not None and _ends_in_log(value.default)
    if value.kind in ("literal", "template"):
        return bool(re.search(r"\.log(?:\{\})?$", value.text or ""))
    texts = [part for part in value.parts if part.kind in ("literal", "template")]
    return value.kind in ("call", "unknown") and bool(texts) and _ends_in_log(texts[-1])


def _near(source: Source, name: str, line: int) -> Value | None:
    """The value of a key beside another: in the same object, which is a few lines long."""
    found = [one for one in source.bindings(name) if one.name == name and abs(one.line - line) <= 8]
    return min(found, key=lambda one: abs(one.line - line)).value if found else None


def _sink(
    kind: Kind,
    what: str,
    target: Value | None,
    call: Call,
    *,
    rotates: bool = False,
    plain: bool = False,
) -> Sink:
    rotates = rotates or bool(_ROTATING.search(what)) or "maxBytes" in call.keywords
    return Sink(kind, what, target, call.line, call.column, call.scope.guards, rotates, plain)
