"""Settings in files that ship with the app: Spring's, Rails' `database.yml`, `config/*.json` and the like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from tolv.check.unit import Unit
from tolv.codebase.yamlfile import Node, parse_yaml


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of such a file."""

    key: str
    """Dotted: `spring.datasource.url`."""
    text: str
    path: str
    line: int
    profile: str
    """The profile or environment that it is for, lower case; empty: for all."""

    @property
    def last(self) -> str:
        return self.key.rpartition(".")[2]

    @property
    def for_tests(self) -> bool:
        return re.search(r"test|spec|^ci$|cypress|e2e", self.profile) is not None

    @property
    def for_development(self) -> bool:
        return re.search(r"dev|local|sandbox|example|sample", self.profile) is not None


_NAMES = (
    "application*.yml", "application*.yaml", "application*.properties", "bootstrap*.yml", "bootstrap*.properties",
    "database.yml", "cable.yml", "storage.yml", "mongoid.yml", "persistence.xml", "hibernate.cfg.xml",
    "config/*.json", "config/*.yml", "config/*.yaml", "*/config/*.json", "*/config/*.yml", "*/config/*.yaml",
    "conf/*.json", "*conf/*.json", "config.json", "config.yml", "config.yaml", "settings.json", "settings.yml",
    "appsettings*.json", "ormconfig.json", "alembic.ini", "knexfile.json", "config.js",
)  # fmt: skip
_LARGEST = 200_000
#: Nodes of one document, aliases counted as often as they are named.
_MOST_NODES = 20_000
_PROFILE = re.compile(r"^(?:application|bootstrap|appsettings|config|settings)[-.](\w[\w-]*)\.\w+$")
_ENVIRONMENTS = ("development", "test", "production", "staging", "dev", "prod", "local", "default")

_found: WeakKeyDictionary[Unit, tuple[Setting, ...]] = WeakKeyDictionary()


def settings(unit: Unit) -> tuple[Setting, ...]:
    """All scalar settings of the unit's configuration files, those in tests and documentation left out."""
    if unit not in _found:
        _found[unit] = tuple(_all(unit))
    return _found[unit]


def _all(unit: Unit) -> Iterator[Setting]:
    for file in unit.named(*_NAMES):
        if (
            file.context in ("test", "docs", "ci")
            or file.size > _LARGEST
            or file.name.startswith(("tsconfig", "package"))
        ):
            continue
        text = unit.text(file.path)
        if text is None:
            continue
        match = _PROFILE.match(file.name)
        profile = match[1].lower() if match else file.path.rpartition(".")[0].rpartition("/")[2].lower()
        profile = profile if match or profile in _ENVIRONMENTS else ""
        if file.name.endswith((".properties", ".ini")):
            yield from _properties(text, file.path, profile)
        elif file.name.endswith((".yml", ".yaml", ".json")) or text.lstrip().startswith("{"):
            for document in parse_yaml(text, file.path, templates=True).documents:
                own = _own_profile(document) or profile
                yield from _below(document, "", file.path, own, file.name == "database.yml", 0, [_MOST_NODES])


def _properties(text: str, path: str, profile: str) -> Iterator[Setting]:
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        match = re.match(r"([\w.\-\[\]]+)\s*[=:]\s*(.*)", line)
        if match and not line.startswith(("#", "!")):
            yield Setting(match[1], match[2], path, number, profile)


def _own_profile(document: Node) -> str:
    """The profile of one document of a Spring file."""
    for where in (("spring", "config", "activate", "on-profile"), ("spring", "profiles")):
        text = document.text(*where)
        if text:
            return text.lower()
    return ""


def _below(
    node: Node, key: str, path: str, profile: str, by_environment: bool, depth: int, left: list[int]
) -> Iterator[Setting]:
    left[0] -= 1
    if depth > 12 or left[0] < 0:
        return
    if node.kind == "scalar":
        yield Setting(key, node.value, path, node.line, profile)
    for name, value in node.items():
        own = name.lower() if not key and name.lower() in _ENVIRONMENTS else profile
        yield from _below(value, f"{key}.{name}" if key else name, path, own, by_environment, depth + 1, left)
    for position, value in enumerate(node.elements()[:100]):
        yield from _below(value, f"{key}.{position}", path, profile, by_environment, depth + 1, left)
