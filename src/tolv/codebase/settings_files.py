"""Files of settings that an app reads: YAML, JSON, `.properties`, INI and TOML, as keys with their places.

Which of them an app reads is not in the file: the name and the directory say it (`config/app.yml`,
`application.properties`, `settings.json`). Manifests of tools and platforms, translations and contracts are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.codebase.yamlfile import Node, parse_yaml

#: Bytes that a file of settings may have: what is larger is data.
LARGEST_SETTINGS = 512 * 1024
_MOST_SETTINGS = 5_000


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a file, and its text."""

    key: str
    """The whole way to it, with dots: `spring.datasource.password`."""
    value: str
    line: int
    """From 1."""
    quoted: bool = False
    """The file says that it is a text, or has no types."""

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]


_NAMED = re.compile(
    r"(?i)(?:^|/)(?:[\w-]*(?:config|configuration|settings|secrets?|credentials?|application|appsettings|bootstrap|"
    r"database|datasource|parameters|local_settings|env|environment|mongoid|redis|mailer|storage|production|prod|staging|"
    r"default|defaults|custom-environment-variables)(?:[._-][\w-]+)*)\.(?:ya?ml|json5?|properties|ini|cfg|conf|toml)$"
    r"|(?:^|/)(?:config|conf|settings|etc|env|environments?)/(?:[\w-]+/)*[\w.-]+\.(?:ya?ml|json5?|properties|ini|toml)$"
)
_OTHERS = re.compile(
    r"(?i)(?:^|/)(?:package(?:-lock)?|tsconfig[\w.-]*|jsconfig|composer|angular|nest-cli|babel\.config|pyproject|cargo|netlify|"
    r"vercel|app|lerna|nx|turbo|renovate|mkdocs|docker-compose[\w.-]*|compose[\w.-]*|chart|values[\w.-]*|_config|openapi|"
    r"swagger|\.[\w.-]+|manifest|webpack[\w.-]*|tox|setup|mypy|pytest|alembic|logging|logback|log4j2?|supervisord|uwsgi|nginx|"
    r"php|php-fpm|my|redis|locales?|i18n|routes|services\.test|typedoc|biome|deno|rubocop|"
    r"(?:dependabot|pre-commit)[\w.-]*)\.(?:ya?ml|json5?|toml|ini|cfg|conf)$"
    r"|(?:^|/)(?:\.github|\.circleci|\.vscode|\.idea|node_modules|helm|charts|k8s|kubernetes|kustomize|terraform|ansible|"
    r"locales?|i18n|translations|dashboards|grafana|prometheus|nginx|__mocks__)/"
)


def is_settings_file(path: str) -> bool:
    """Whether the name says that an app reads its settings from the file."""
    return _NAMED.search(path) is not None and _OTHERS.search(path) is None


def is_spring(path: str) -> bool:
    """Whether Spring reads the file: then any key can be set by a variable."""
    return re.search(r"(?:^|/)(?:application|bootstrap)(?:-[\w-]+)?\.(?:ya?ml|properties)$", path) is not None


def read_settings(text: str, path: str) -> tuple[tuple[Setting, ...], str | None]:
    """The settings of a file in order, and why it could not be read, if so. Never raises."""
    if len(text) > LARGEST_SETTINGS:
        return (), "it is too large for a file of settings"
    suffix = path.rpartition(".")[2].lower()
    if suffix in ("yml", "yaml", "json", "json5"):
        return _of_yaml(text, path)
    found = []
    for setting in _of_lines(text, colons=suffix == "properties"):
        found.append(setting)
        if len(found) >= _MOST_SETTINGS:
            break
    return tuple(found), None


def _of_yaml(text: str, path: str) -> tuple[tuple[Setting, ...], str | None]:
    """JSON too, which is YAML but for tabs."""
    if path.endswith((".json", ".json5")):
        text = text.replace("\t", "    ")
    read = parse_yaml(text, path)
    found: list[Setting] = []
    for document in read.documents:
        found += _settings_of(document, _MOST_SETTINGS - len(found))
    return tuple(found), read.problem


def _settings_of(document: Node, most: int) -> list[Setting]:
    found: list[Setting] = []
    seen: set[int] = set()
    rest: list[tuple[str, Node]] = [("", document)]
    while rest and len(found) < most:
        prefix, node = rest.pop()
        if node.kind == "scalar":
            if not node.is_null or node.quoted:
                found.append(Setting(prefix, node.value, node.line, node.quoted))
        elif id(node) not in seen and len(prefix) < 400:
            seen.add(id(node))
            rest.extend(reversed([*_children(prefix, node)]))
    return found


def _children(prefix: str, node: Node) -> Iterator[tuple[str, Node]]:
    if node.kind == "list":
        for position, value in enumerate(node.elements()):
            yield f"{prefix}.{position}" if value.kind != "scalar" else prefix, value
    for key, value in node.items():
        yield f"{prefix}.{key}" if prefix else key, value


_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.\-/]{0,200}(?:\[[\w-]{0,60}\])?)[ \t]*=[ \t]*(.*)$")
_COLON = re.compile(r"[ \t]*([A-Za-z_][\w.\-]{0,200})[ \t]*[=:][ \t]*(.*)$")
_SECTION = re.compile(r"[ \t]*\[{1,2}([^\]\n]{1,200})\]{1,2}")


def _of_lines(text: str, *, colons: bool) -> Iterator[Setting]:
    section = ""
    pattern = _COLON if colons else _LINE
    for row, line in enumerate(text.splitlines(), 1):
        if line.lstrip()[:1] in ("#", ";", "!", "/", ""):
            continue
        if not colons and (match := _SECTION.match(line)):
            section = match[1].strip().strip("\"'")
        elif match := pattern.match(line):
            value = match[2].strip()
            quoted = value[:1] in "\"'" and bool(value)
            if quoted:
                end = value.find(value[0], 1)
                value = value[1:end] if end > 0 else value[1:]
            elif not colons:
                value = re.split(r"\s[#;]", value, maxsplit=1)[0].strip()
            yield Setting(f"{section}.{match[1]}" if section else match[1], value, row, quoted)
