"""Factor XI, where events go: files, rotation, services of the app's own choice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tolv.check.facts.samples import is_in_use
from tolv.check.facts.tasks import only_for_tasks
from tolv.check.look import Seen
from tolv.check.looks.log_files import Configured, configured_sinks, environment_decides, is_stream
from tolv.check.looks.log_upkeep import log_upkeep
from tolv.check.looks.logging import Sink, log_sinks
from tolv.check.model import SEVERITIES, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Value
from tolv.check.unit import Unit

_LOGS = "https://12factor.net/logs"
_DEV = re.compile(
    r"\b(?:debug|DEBUG|is_?dev\w*|IS_?DEV\w*|testing|TESTING|TEST|isDev\w*|is_?local|__DEV__)\b|\b(?:dev|development|local|test)\b['\"]"
)
_ASKED_FOR = re.compile(
    r"(?i)log_?(?:to_?)?(?:file|path|dir|folder)|file_?log|use_?log|save_?log|write_?log|logfile|filename|file_?path|log_?output"
)
_ENABLED = re.compile(r"(?i)(?:ENV|environ|getenv|process\.env)\b.*log\w*|(?:enable|use|with|slow|save)\w*log")
_STDOUT = re.compile(r"(?i)std_?(?:out|err)|console|log_?to|stream|heroku|docker|container")


@rule(
    "XI-01",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby", "php", "manifests"),
    looks=(log_sinks,),
    title="The app writes its log to a file",
    why="The file dies with its instance, fills its disk, and no platform collects it; on a read-only or "
    "many-instance platform the events of a crash are lost just when they are needed.",
    fix="Write events unbuffered to stdout, and let the platform route them.",
    bad='logging.basicConfig(filename="app.log")',
    good="logging.basicConfig(stream=sys.stdout)",
    source=_LOGS,
    probe="XI-P2",
    everywhere=True,
)
def log_file(unit: Unit) -> Iterator[Outcome]:
    sinks = list(unit.seen(log_sinks))
    beside = {one.path for one in sinks if one.what.kind == "stream" and not _DEV.search(" ".join(one.what.guards))}
    found = False
    for one in sinks:
        if one.what.kind == "file" and (severity := _severity(unit, one, beside)):
            found = True
            yield _file_finding(unit, one, severity)
    configured = [one for one in configured_sinks(unit) if is_in_use(unit, one.path)]
    streams = {one.path for one in configured if one.kind == "stream"}
    for setting in configured:
        if setting.kind == "file" and (severity := _of_setting(unit, setting, setting.path in streams)):
            found = True
            message = f"{setting.what} sends the log to {_quoted(setting.target)}"
            yield Finding(message, unit.place(setting.path, setting.line), severity)
    rails = _rails(unit)
    if rails is not None:
        found = True
        yield rails
    if found:
        return
    good = next((one for one in sinks if one.what.kind == "stream" and unit.context(one.path) == "prod"), None)
    if good is not None:
        yield Witness("the log goes to a standard stream", unit.place(good.path, good.what.line))
    elif stream := next((one for one in configured if one.kind == "stream"), None):
        yield Witness("the log goes to a standard stream", unit.place(stream.path, stream.line))
    elif unit.languages:
        yield Witness("nothing in the code or its configuration sends the log to a file")
    else:
        yield NotApplicable("there is no code that could log")


def _rails(unit: Unit) -> Finding | None:
    """Rails logs to `log/production.log` where nothing says STDOUT, or only a variable that nothing sets does."""
    path = f"{unit.root}/config/environments/production.rb".lstrip("/")
    text = unit.text(path)
    if (
        text is None
        or not unit.uses("rails")
        or unit.uses("rails_12factor", "rails_stdout_logging", "heroku_rails_deflate")
    ):
        return None
    lines = [one for one in text.split("\n") if not one.lstrip().startswith("#")]
    code = "\n".join(lines)
    switch = re.search(r"if ENV\[[\"'](RAILS_LOG_TO_STDOUT)", code)
    if switch is None and re.search(r"(?i)stdout|stderr|config\.logger\s*=|lograge", code):
        return None
    if switch is not None:
        setters = [one for one in unit.files if not one.language and one.size < 1 << 18 and one.context != "docs"]
        if _by_buildpack(unit) or any("RAILS_LOG_TO_STDOUT" in (unit.text(one.path) or "") for one in setters):
            return None
        line = text.count("\n", 0, text.find(switch[0])) + 1
        message = "Rails logs to log/production.log unless RAILS_LOG_TO_STDOUT is set, which nothing here does"
        return Finding(message, unit.place(path, line), "warning")
    return Finding("Rails logs to log/production.log, as nothing says otherwise", unit.place(path), "warning")


def _by_buildpack(unit: Unit) -> bool:
    """Whether Heroku's buildpack for Ruby makes the release, which sets RAILS_LOG_TO_STDOUT itself."""
    if any(one.context == "prod" for one in unit.dockerfiles):
        return False
    return bool(unit.procfile) or bool(unit.named("heroku.yml", "app.json"))


def _file_finding(unit: Unit, seen: Seen[Sink], severity: Severity) -> Finding:
    sink = seen.what
    target = unit.resolve(sink.target, seen.path) if sink.target is not None else None
    where = _quoted(target.text if target is not None and target.kind in ("literal", "template") else "")
    switch = " unless a setting says otherwise" if _switched(sink) else ""
    verb = "writes events to" if sink.plain else "sends the log to"
    fix = None
    if not sink.plain and seen.path.endswith(".py"):
        fix = "Use logging.StreamHandler(sys.stdout) instead, and let the platform keep what it writes."
    return Finding(f"{sink.what} {verb} {where}{switch}", unit.place(seen.path, sink.line, sink.column), severity, fix)


def _severity(unit: Unit, seen: Seen[Sink], beside: set[str]) -> Severity | None:
    """How bad a file sink in code is; None: it is none."""
    sink = seen.what
    guards = " ".join(sink.guards)
    target = unit.resolve(sink.target, seen.path) if sink.target is not None else None
    if target is not None and _is_stream(target):
        return None
    if any(_DEV.search(one) and not re.match(r"not\b|!", one) and "not " not in one for one in sink.guards):
        return None
    severity: Severity = "error"
    if target is not None and target.kind == "env":
        severity = "note" if target.default is None and sink.guards else "warning"
    elif _asked_for(sink) or _held_back(unit, seen):
        severity = "note"
    elif (
        _switched(sink)
        or sink.plain
        or seen.path in beside
        or "__main__" in guards
        or (target is not None and "audit" in (target.text or ""))
    ):
        severity = "warning"
    if target is not None and target.kind == "name" and severity == "error":
        # A path from somewhere else: the environment may decide it.
        severity = "warning"
    if severity != "note" and only_for_tasks(unit, seen.path):
        severity = "note"  # what a person runs may keep a record of it
    return _in_context(severity, unit.context(seen.path))


def _asked_for(sink: Sink) -> bool:
    """A positive condition on a setting for log files: there is none unless somebody asks for it."""
    return any(
        (_ASKED_FOR.search(one) or _ENABLED.search(one)) and not _negative(one) and not _STDOUT.search(one)
        for one in sink.guards
    )


def _held_back(unit: Unit, seen: Seen[Sink]) -> bool:
    """A handler that has a name of its own in Python, and is put in nowhere but where a setting asks for it."""
    source = unit.source(seen.path)
    if source is None or not seen.path.endswith(".py"):
        return False
    lines = source.lines
    if _is_chosen(lines, seen.what.line):
        return True
    above = range(seen.what.line - 1, max(seen.what.line - 15, -1), -1)
    row = next((at for at in above if lines[at : at + 1] and not lines[at].startswith((" ", "\t", ")", "}"))), None)
    named = re.match(r"(\w+)\s*(?::[^=]+)?=\s*(?:\{|dict\()", lines[row]) if row is not None else None
    if named is None or row is None:
        return False
    uses = [at for at, line in enumerate(lines) if at != row and re.search(rf"\b{named[1]}\b", line.partition("#")[0])]
    return bool(uses) and all(_is_asked_for(lines, at) for at in uses)


def _is_unused(unit: Unit, seen: Seen[Sink]) -> bool:
    """A handler of `dictConfig` that has a name, and no logger by that name or by a setting."""
    source = unit.source(seen.path) if seen.path.endswith(".py") else None
    if source is None or not any(re.search(r"[\"']handlers[\"']\s*:\s*\[", one) for one in source.lines):
        return False
    opening, line = "", seen.what.line
    for one in reversed(source.lines[max(line - 5, 0) : line]):
        if one.rstrip().endswith("{"):
            opening = one
            break
    named = re.match(r"\s*([\"'])(\w+)\1\s*:\s*\{", opening)
    if named is None or any(_HANDLERS.search(one) for one in source.lines):
        return False
    return not any(re.search(rf"[\"']{named[2]}[\"']", one) and one is not opening for one in source.lines)


def _is_chosen(lines: Sequence[str], line: int) -> bool:
    """A handler of `dictConfig` that no list of the file names, where a setting says which handlers there are."""
    opening = next((one for one in reversed(lines[max(line - 4, 0) : line]) if one.rstrip().endswith("{")), "")
    named = re.match(r"\s*([\"'])(\w+)\1\s*:\s*\{", opening)
    if named is None or not any(_HANDLERS.search(one) for one in lines):
        return False
    listed = re.compile(rf"[\"']{named[2]}[\"'](?!\s+(?:not\s+)?in\b)")
    return not any(listed.search(one) and one is not opening for one in lines)


#: The handlers of a logger, from elsewhere.
_HANDLERS = re.compile(r"[\"']handlers[\"']\s*:\s*[A-Za-z_]")


def _is_asked_for(lines: Sequence[str], at: int) -> bool:
    """Whether a line stands below an `if` that asks for a log file."""
    width = len(lines[at]) - len(lines[at].lstrip())
    for line in reversed(lines[max(at - 40, 0) : at]):
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent < width:
            width = indent
            if re.match(r"\s*if\b", line) and _ASKED_FOR.search(line) and not re.match(r"\s*if\s+not\b", line):
                return True
    return False


def _switched(sink: Sink) -> bool:
    return any(_STDOUT.search(one) and _negative(one) for one in sink.guards)


def _negative(guard: str) -> bool:
    return bool(re.match(r"\s*(?:not\b|!|unless\b)", guard))


def _is_stream(target: Value) -> bool:
    if target.kind == "literal":
        return is_stream(target.text or "")
    if target.kind == "env" and target.default is not None:
        return _is_stream(target.default)
    return target.kind == "name" and bool(
        re.search(r"sys\.(?:__)?std(?:out|err)|process\.std(?:out|err)", target.name or "")
    )


def _of_setting(unit: Unit, setting: Configured, beside: bool) -> Severity | None:
    if is_stream(setting.target):
        return None
    decided = environment_decides(setting.target)
    if decided == "yes":
        return _in_context("note", _real(unit.context(setting.path)))
    spring = setting.what.startswith("logging.")
    severity: Severity = "warning" if decided == "default" or beside or spring else "error"
    return _in_context(severity, _real(unit.context(setting.path)))


def _real(context: str) -> str:
    """A sample that is in use is production's."""
    return "prod" if context == "docs" else context


def _in_context(severity: Severity, context: str) -> Severity | None:
    if context in ("test", "docs", "vendored", "generated"):
        return None
    if context in ("admin", "ci", "migrations"):
        return "note"
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, 2)] if context == "dev" else severity


def _quoted(path: str | None) -> str:
    return f"the file {path}" if path else "a file"


@rule(
    "XI-02",
    severity="warning",
    materials=("python", "javascript", "manifests"),
    looks=(log_upkeep,),
    title="The app rotates or keeps its own logs",
    why="How long events are kept is the platform's decision; an app that renames and deletes its logs needs a disk of "
    "its own, and two instances do it to each other.",
    fix="Remove the rotation: write to stdout, and set retention where the logs are collected.",
    bad="shutil.move('app.log', f'app-{today}.log')",
    good="logging.basicConfig(stream=sys.stdout)",
    source=_LOGS,
    probe="XI-P2",
    everywhere=True,
)
def log_rotation(unit: Unit) -> Iterator[Outcome]:
    found = False
    for seen in unit.seen(log_upkeep):
        severity = _in_context("warning", unit.context(seen.path))
        if severity is not None:
            found = True
            message = f"{seen.what.what} looks after the app's own log files"
            yield Finding(message, unit.place(seen.path, seen.what.line, seen.what.column), severity)
    for setting in configured_sinks(unit):
        if setting.kind == "rotation" and is_in_use(unit, setting.path):
            severity = _in_context("warning", _real(unit.context(setting.path)))
            if severity is not None:
                found = True
                message = f"{setting.what} makes the app rotate or archive its own log"
                yield Finding(message, unit.place(setting.path, setting.line), severity)
    for file in unit.named("logrotate*", "*.logrotate", "*/logrotate.d/*", "logrotate.d/*"):
        if (severity := _in_context("warning", file.context)) and not file.language:
            found = True
            line = _first_entry(unit.text(file.path) or "")
            yield Finding("logrotate is set up for the app's own log files", unit.place(file.path, line), severity)
    if not found and unit.languages:
        yield Witness("nothing in the code rotates or deletes logs")
    elif not found:
        yield NotApplicable("there is no code that could log")


def _first_entry(text: str) -> int:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            return number
    return 1


@rule(
    "XI-08",
    severity="warning",
    materials=("python", "javascript"),
    looks=(log_sinks,),
    title="The app routes its own log events",
    why="A handler that talks to a mail server, a syslog daemon or a search engine ties the app to where its events "
    "end, and slows or breaks it when that service is away.",
    fix="Write to stdout only, and let the platform send the stream on.",
    bad='logger.addHandler(SMTPHandler("mail.example.org", sender, admins, "Failure"))',
    good="logger.addHandler(logging.StreamHandler(sys.stdout))",
    source=_LOGS,
    probe="IV-P2",
)
def log_routing(unit: Unit) -> Iterator[Outcome]:
    found = False
    for seen in unit.seen(log_sinks):
        sink = seen.what
        if sink.kind != "service" or any(_DEV.search(one) and not _negative(one) for one in sink.guards):
            continue
        if unit.context(seen.path) in ("admin", "migrations") or _is_unused(unit, seen):
            continue
        found = True
        yield Finding(f"{sink.what} sends events to a service from within the app", _at(unit, seen))
    for setting in configured_sinks(unit):
        if setting.kind == "service":
            found = True
            message = f"{setting.what} sends events to a service from within the app"
            yield Finding(message, unit.place(setting.path, setting.line))
    if not found and unit.languages:
        yield Witness("no handler sends events to a service")


def _at(unit: Unit, seen: Seen[Sink]):  # type: ignore[no-untyped-def]
    return unit.place(seen.path, seen.what.line, seen.what.column)
