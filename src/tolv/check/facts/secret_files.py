"""Secrets in files of settings and in SQL that fills a database: what III-01 and III-05 find outside of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.facts.defaults import STOCK, is_made, severity_of_default
from tolv.check.facts.spring_profiles import is_aside
from tolv.check.facts.stages import stage_of_class
from tolv.check.facts.values import (
    is_hash,
    is_placeholder,
    is_secret_name,
    is_service_name,
    is_signing_name,
    looks_secret,
    password_in_url,
    words_of_name,
)
from tolv.check.model import Severity
from tolv.check.unit import Unit
from tolv.codebase.settings import Setting
from tolv.codebase.settings_files import is_settings_file, is_spring, read_settings

_CONTEXTS = ("prod", "migrations", "admin", "dev")


@dataclass(frozen=True, slots=True)
class FileSecret:
    """One secret in a file."""

    path: str
    name: str
    line: int
    severity: Severity
    variable: str | None
    """What can set it from outside, so that the text is a default; None: nothing can."""


def file_secrets(unit: Unit) -> Iterator[FileSecret]:
    """The secrets in the unit's files of settings, in order of path and line."""
    for file in unit.files:
        if file.context not in _CONTEXTS:
            continue
        if is_settings_file(file.path):
            yield from _in_settings(unit, file.path)
        elif file.path.endswith(".sql") and file.size < 4 << 20:
            yield from _in_sql(unit, file.path)


def settings_from_outside(unit: Unit) -> Iterator[tuple[str, Setting]]:
    """The secrets in files of settings that a variable gives, without a default that matters."""
    for file in unit.files:
        if file.context in _CONTEXTS and is_settings_file(file.path) and (text := unit.text(file.path)) is not None:
            for one in read_settings(text, file.path):
                variable, default = _variable(one.value)
                if is_secret_name(one.name) and variable and not default:
                    yield file.path, one


def _in_settings(unit: Unit, path: str) -> Iterator[FileSecret]:
    text = unit.text(path)
    if text is None or not any(word in text.lower() for word in ("passw", "secret", "key", "token", "pwd")):
        return
    settings = read_settings(text, path).settings
    local = any(re.search(r"localhost|127\.0\.0\.1", one.value) for one in settings)
    aside = is_spring(path) and is_aside(unit, path)
    known = _of_developers(unit)
    for one in settings:
        severity = _severity(one, local=local)
        if severity is not None:
            variable, _ = _variable(one.value)
            if variable is None and is_spring(path):
                variable = re.sub(r"[.-]", lambda match: "_" if match[0] == "." else "", one.key).upper()
            if severity == "error" and variable is not None:
                severity = severity_of_default(variable, one.name, _variable(one.value)[1] or one.value) or "note"
            if severity == "error" and variable is not None and (_variable(one.value)[1] or one.value) in known:
                severity = "warning"  # developers run with it: a deploy has another
            if severity == "error" and variable is None and not _is_loaded(unit, path):
                severity = "warning"  # a sample, or what comes with the app: a deploy's own may lie elsewhere
            yield FileSecret(path, one.name, one.line, "note" if aside else severity, variable)


def _is_loaded(unit: Unit, path: str) -> bool:
    """Whether a framework loads a file of settings by its name, or code or an image of production names it."""
    if is_spring(path) or re.search(r"(?:^|/)config/|(?:^|/)(?:appsettings|web)\.", path):
        return True
    name = path.rpartition("/")[2]
    said = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])")
    for file in unit.files:
        told = file.language is not None or re.search(r"Dockerfile|compose|Procfile|\.sh$", file.name)
        if told and file.context == "prod" and file.size < 1 << 18 and said.search(unit.text(file.path) or ""):
            return True
    return False


def _of_developers(unit: Unit) -> frozenset[str]:
    """What compose files for developers give to containers."""
    return frozenset(
        entry.value
        for compose in unit.composes
        if compose.context == "dev"
        for service in compose.services
        for entry in service.environment.values()
        if entry is not None
    )


def _severity(one: Setting, *, local: bool) -> Severity | None:
    name = one.key if one.name.lower() in ("password", "secret", "pass", "passwd", "pwd") else one.name
    if not is_secret_name(one.name) and not is_signing_name(one.key):
        return None
    profile = one.profile or _environment(one)
    if profile and stage_of_class(re.sub(r"\W+", "_", profile)) == "test":
        return None
    variable, default = _variable(one.value)
    text = default if variable is not None else one.value
    if not _is_literal(text, name, has_variable=variable is not None):
        return None
    if variable is None and is_placeholder(text):
        return None if re.search(r"(?i)fail|invalid", text) else "warning"
    dev = profile is not None and stage_of_class(re.sub(r"\W+", "_", profile)) == "dev"
    if dev:
        return "note"
    password = is_service_name(name) and not is_signing_name(name)
    if password and (local or text.lower() in STOCK):
        return "warning"
    # Words in a file of settings may be what comes with it, and a deploy lays its own file over it.
    return "error" if variable is not None or is_made(text) else "warning"


def _environment(one: Setting) -> str | None:
    """The environment whose section of the file it is in: `development` of `development.secret_key_base`."""
    first = one.key.partition(".")[0].lower()
    return first if first in ("development", "dev", "test", "testing", "ci") and "." in one.key else None


def _is_literal(text: str, name: str, *, has_variable: bool) -> bool:
    if not text or is_hash(text) or text.startswith(("$", "%", "<", "{", "ENC(", "vault:", "arn:", "/")):
        return False
    if is_signing_name(name):
        return len(text) >= 3 and (not is_placeholder(text) or len(text) >= 8 or has_variable) and " " not in text
    if is_placeholder(text):
        return False
    if is_service_name(name):
        return looks_secret(text, name)
    return looks_secret(text, name) and any(one.isdigit() for one in text) and len(text) >= 8 and "|" not in text


_REFERENCE = re.compile(
    r"[$#]\{\s*([A-Za-z_][\w.\-]*)\s*(?::-?(?!\?)([^{}]*))?\}$|%env\((?:\w+:)*(\w+)\)%$|\$([A-Z_]\w*)$"
)


def _variable(text: str) -> tuple[str | None, str]:
    """The variable that a text stands for, with its default: `${NAME:default}`."""
    match = _REFERENCE.match(text.strip())
    return (match[1] or match[3] or match[4], match[2] or "") if match else (None, "")


_SQL_PAIR = re.compile(r"'([A-Za-z_]\w{2,59})'\s*,\s*'([^'\s]{12,200})'")


def _in_sql(unit: Unit, path: str) -> Iterator[FileSecret]:
    """Rows of options: `('api_token', '0fde96…')`."""
    text = unit.text(path)
    if text is None or "INSERT" not in text.upper():
        return
    for row, line in enumerate(text.splitlines(), 1):
        if "insert" not in line[:4000].lower() and not line.lstrip().startswith("("):
            continue
        for match in _SQL_PAIR.finditer(line[:200_000]):
            name, value = match[1], match[2]
            hexadecimal = re.fullmatch(r"[0-9a-fA-F]{24,}", value) is not None
            if not is_secret_name(name) or value.startswith("$2") or is_placeholder(value) or len(set(value)) < 8:
                continue
            if hexadecimal or looks_secret(value, name):
                yield FileSecret(path, name, row, "error", None)


def url_secret(text: str) -> str | None:
    """The password of a URL, unless it is one that every installation has."""
    found = password_in_url(text)
    return None if found is None or found.lower() in STOCK else found


def variable_for(name: str) -> str:
    """A variable for a setting: `DB_PASSWORD` of `db.password`."""
    return "_".join(words_of_name(name)).upper()
