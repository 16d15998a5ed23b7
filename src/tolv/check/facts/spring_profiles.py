"""Which profiles of Spring a deploy runs with, and what its manifests set instead of a file of settings."""

from __future__ import annotations

import re
from weakref import WeakKeyDictionary

from tolv.check.unit import Unit
from tolv.codebase.settings_files import is_spring, read_settings

_STATED = re.compile(
    r"SPRING_PROFILES_ACTIVE[\"']?(?:\s*[:=]\s*|\s+value\s*:\s*|,?\s+[\"']?value[\"']?\s*[:=]\s*)"
    r"[\"']?([A-Za-z][\w-]*(?:,[\w-]+)*)(?![\w${}-])|-Dspring\.profiles\.active=[\"']?([A-Za-z][\w,-]*)(?![\w${}-])"
)
_OF_FILE = re.compile(r"(?:^|/)(?:application|bootstrap)-([\w-]+)\.(?:ya?ml|properties)$")
_FOR_DEVELOPERS = re.compile(r"(?i)(?:^|[-_])(?:dev|devel|development|local|localhost)(?:[-_]|$)")
#: Files that start the app, or give a deploy its variables.
_MANIFESTS = ("*.yml", "*.yaml", "*.tf", "*.sh", "*Dockerfile*", "Procfile", "*.json")
_LARGEST = 1 << 20

_known: WeakKeyDictionary[Unit, tuple[frozenset[str], str]] = WeakKeyDictionary()


def is_aside(unit: Unit, path: str) -> bool:
    """Whether a file of Spring's settings is for a profile that no deploy of the tree runs with: one that takes
    in a profile for developers, or that the manifests, which name others, leave out."""
    match = _OF_FILE.search(path)
    if match is None:
        return False
    included = {
        word.strip()
        for one in read_settings(unit.text(path) or "", path)
        if one.key in ("spring.profiles.include", "spring.config.activate.on-profile")
        for word in one.value.split(",")
    }
    if any(_FOR_DEVELOPERS.search(one) for one in included):
        return True
    active, _ = _of_manifests(unit)
    return bool(active) and match[1] not in active


def is_given(unit: Unit, key: str) -> bool:
    """Whether a manifest of a deploy names the variable that replaces a key: `SPRING_DATASOURCE_URL`."""
    variable = re.sub(r"[.-]", lambda match: "_" if match[0] == "." else "", key).upper()
    return re.search(rf"\b{re.escape(variable)}\b", _of_manifests(unit)[1]) is not None


def _of_manifests(unit: Unit) -> tuple[frozenset[str], str]:
    """The profiles that manifests state, with those that they stand for, and the manifests' text."""
    if unit not in _known:
        theirs = {one.path for one in unit.composes if one.context != "prod"}
        texts = [
            unit.text(file.path) or ""
            for file in unit.named(*_MANIFESTS)
            if file.context == "prod" and file.size <= _LARGEST and file.path not in theirs and not is_spring(file.path)
        ]
        text = "\n".join(texts)
        found = {one.strip() for match in _STATED.finditer(text) for one in (match[1] or match[2]).split(",")}
        _known[unit] = (frozenset(found | _groups(unit, found)), text)
    return _known[unit]


def _groups(unit: Unit, names: set[str]) -> set[str]:
    """The profiles that `spring.profiles.group` puts behind a name, and those that every start includes."""
    found: set[str] = set()
    for file in unit.named("application.yml", "application.yaml", "application.properties"):
        for one in read_settings(unit.text(file.path) or "", file.path):
            group = re.match(r"spring\.profiles\.group\.([\w-]+)", one.key)
            if one.key.startswith("spring.profiles.include") or (group and group[1] in names):
                found |= {word.strip() for word in one.value.split(",")}
    return found
