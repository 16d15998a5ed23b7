"""Security: what is open to others that should not be."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.stages import stage_of
from tolv.check.look import Seen
from tolv.check.looks.exposure import Opening, bypasses, openings
from tolv.check.model import Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Value
from tolv.check.unit import Unit
from tolv.codebase.settings import Setting
from tolv.codebase.settings_files import is_spring, read_settings

_LIVE = ("prod", "migrations", "admin")


@rule(
    "SEC-03",
    severity="error",
    materials=("python", "javascript", "go", "manifests"),
    looks=(openings,),
    title="The app trusts or shows what it should not",
    why="Unchecked certificates let anybody on the way read along; any origin lets any site act for its visitors.",
    fix="Check certificates, name the origins and hosts, and open management endpoints to operators only.",
    bad="requests.get(url, verify=False)",
    good="requests.get(url, timeout=10)",
    source="https://owasp.org/Top10/A05_2021-Security_Misconfiguration/",
)
def openings_to_others(unit: Unit) -> Iterator[Outcome]:
    """SEC-03."""
    found = 0
    witness: Outcome | None = None
    for one in unit.seen(openings, *_LIVE):
        finding = _judged(unit, one)
        if finding is not None:
            found += 1
            yield finding
        elif one.what.kind in ("cors", "hosts") and stage_of(one.what.scope) == "prod":
            place = unit.place(one.path, one.what.line)
            witness = witness or Witness(f"{one.what.what} names whom it trusts", place)
    for path, setting, severity in _management(unit):
        found += 1
        message = "All management endpoints are open, those with the heap and the environment among them"
        yield Finding(message, unit.place(path, setting.line), severity, "Include health and info only")
    if not found:
        yield witness or NotApplicable("nothing in the code opens it")


def _judged(unit: Unit, one: Seen[Opening]) -> Finding | None:
    opening = one.what
    place = unit.place(one.path, opening.line, opening.column)
    if stage_of(opening.scope) != "prod" or _is_dev(unit, one.path):
        return None
    if opening.kind == "tls":
        if opening.scope.guards and any(not guard.startswith(("try ", "except ")) for guard in opening.scope.guards):
            return None  # somebody asks for it, with a setting or an option
        if re.search(r"(?:^|/)(?:cli|commands?|cmd/\w*(?:cli|ctl)\w*)/", one.path):
            return None  # a tool for people, who choose what they talk to
        if re.search(r"(?i)health-?_?check", one.path):
            return None  # the app asks itself
        source = unit.source(one.path)
        lines = source.lines[max(0, opening.line - 6) : opening.line + 3] if source is not None else []
        if (
            source is not None
            and "health" in one.path.rpartition("/")[2]
            and re.search(rb"localhost|127\.0\.0\.1", source.data)
        ):
            return None  # it asks the app itself
        if any(re.search(r"localhost|127\.0\.0\.1|self-?signed|\?\s*\{|&&\s*\{", line) for line in lines):
            return None
        if source is not None and re.search(
            r"(?i)\b(?!InsecureSkipVerify)\w*(?:insecure|unsafe|unverified)\w*\s*[:=]", source.lines[opening.line - 1]
        ):
            return None  # one of two clients, which somebody picks
        message = f"{opening.what} switches the check of certificates off: anybody on the way can read along"
        severity: Severity | None = None if _carries(unit, one) else "warning"
        return Finding(
            message, place, severity, "Remove it; trust a private authority by its certificate", subject="tls"
        )
    if opening.kind == "cors":
        if not _is_any(unit, opening.value, one.path):
            return None
        message = "Any site may send requests with its visitors' credentials, and read the answers"
        return Finding(message, place, fix="Name the origins, from the environment", subject="cors")
    if opening.scope.guards or not _is_any(unit, opening.value, one.path) or _env_hosts(unit, one):
        return None
    if _is_set_anew(unit, one.path):
        return None
    message = "Any host name is answered, so that links and caches can be made to name another"
    argued: Severity = "note" if _is_argued(unit, one) else "warning"
    return Finding(message, place, argued, "Name the hosts, from the environment", subject="hosts")


_ROUTED = re.compile(
    r"(?i)load.?balanc|\b[an]lb\b|prox(?:y|ied)|nginx|ingress|traefik|caddy|router|gateway|kubernetes|health"
)


def _is_argued(unit: Unit, one: Seen[Opening]) -> bool:
    """Whether the comment above says who else sees to the names of hosts."""
    source, row = unit.source(one.path), one.what.line - 2
    said = []
    while source is not None and row >= 0 and source.lines[row].lstrip().startswith(("#", "//")):
        said.append(source.lines[row])
        row -= 1
    return _ROUTED.search("\n".join(said)) is not None


#: What a call takes along that nobody else may read. Pages that anybody may fetch lose nothing on the way.
_CARRIES = re.compile(r"(?i)auth|token|passw|secret|credential|api_?key|cookie|bearer|login")


def _carries(unit: Unit, one: Seen[Opening]) -> bool:
    """Whether the function around speaks of what lets somebody in; outside of any, the file."""
    source, line = unit.source(one.path), one.what.line
    if source is None:
        return True
    around = [each for each in source.functions() if each.line <= line <= each.end_line]
    first, last = max(((each.line, each.end_line) for each in around), default=(1, len(source.lines)))
    return _CARRIES.search("\n".join(source.lines[first - 1 : last])) is not None


def _is_dev(unit: Unit, path: str) -> bool:
    return unit.context(path) in ("dev", "test", "docs")


def _env_hosts(unit: Unit, one: Seen[Opening]) -> bool:
    """Another line of the file gives the hosts from the environment."""
    others = (each for each in unit.seen(openings) if each.path == one.path and each.what.kind == "hosts")
    return any(each.what.value is not None and any(each.what.value.envs()) for each in others if each is not one)


def _is_set_anew(unit: Unit, path: str) -> bool:
    """Whether the settings of production, which build on these, name the hosts themselves."""
    if path.rpartition("/")[2] not in ("base.py", "common.py", "defaults.py"):
        return False
    return any(
        one.what.kind == "hosts" and one.path != path and "prod" in one.path for one in unit.seen(openings, "prod")
    )


def _is_any(unit: Unit, value: Value | None, path: str) -> bool:
    """The origins or hosts are `*`, or all that asks."""
    if value is None:
        return False
    value = unit.resolve(value, path) if value.kind == "name" else value
    if value.kind == "name" and (value.name or "").rpartition(".")[2]:
        value = _setting(unit, value) or value
    if value.kind == "env":
        return value.default is not None and _is_any(unit, value.default, path)
    if value.kind == "container":
        return any(part.is_text and part.text == "*" for part in value.parts)
    return value.kind == "literal" and (
        value.text == "*" or (value.name == "bool" and value.text == "true") or value.text == ".*"
    )


def _setting(unit: Unit, value: Value) -> Value | None:
    """An attribute of the settings, by its name alone: the one value that any class of settings gives it."""
    last = (value.name or "").rpartition(".")[2]
    if not re.search(r"(?i)origin|host|cors", last):
        return None
    found: list[Value] = []
    for file in unit.files:
        if file.language == "python" and file.context == "prod" and re.search(r"(?i)setting|config", file.path):
            source = unit.source(file.path)
            if source is not None and last.encode() in source.words:
                found += [
                    one.value
                    for one in source.bindings(last)
                    if one.name == last and one.how in ("attribute", "assign")
                ]
    distinct = {(one.kind, one.text, one.name, one.parts) for one in found}
    return found[0] if len(distinct) == 1 else None


def _management(unit: Unit) -> Iterator[tuple[str, Setting, Severity]]:
    """Spring Boot: `management.endpoints.web.exposure.include=*`."""
    for file in unit.files:
        if file.context != "prod" or not is_spring(file.path):
            continue
        settings = read_settings(unit.text(file.path) or "", file.path)
        keys = {one.key for one in settings}
        for one in settings:
            if (
                re.fullmatch(r"management\.endpoints\.web\.exposure\.include(?:\.\d+)?", one.key)
                and one.value.strip("'\"") == "*"
            ):
                if one.profile and re.search(r"(?i)dev|test|local", one.profile):
                    continue
                guarded = "management.server.port" in keys or unit.uses(
                    "org.springframework.boot:spring-boot-starter-security"
                )
                yield file.path, one, "warning" if guarded else "error"


@rule(
    "SEC-06",
    severity="error",
    materials=("python", "javascript"),
    looks=(bypasses,),
    title="The name of the environment switches a guard off",
    why="One wrong variable in production, and everybody is let in.",
    fix="Let tests bring real credentials, or replace the guard from within the tests.",
    bad='if os.environ["ENV"] == "test":\n    return True',
    good="app.dependency_overrides[require_user] = …  (in the tests)",
    source="https://owasp.org/Top10/A07_2021-Identification_and_Authentication_Failures/",
)
def guards_with_an_exception(unit: Unit) -> Iterator[Outcome]:
    """SEC-06."""
    found = 0
    for one in unit.seen(bypasses, "prod"):
        found += 1
        yield Finding(
            f"{one.what.what} lets everybody in where the environment has a certain name",
            unit.place(one.path, one.what.line, one.what.column),
            subject=one.what.what,
        )
    if not found:
        yield NotApplicable("no guard asks for the name of the environment")
