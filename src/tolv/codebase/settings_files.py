"""Files of settings that an app reads: which they are, by name, and how they are read.

Which of them an app reads is not in the file: the name and the directory say it (`config/app.yml`,
`application.properties`, `settings.json`). Manifests of tools and platforms, translations and contracts are none.
"""

from __future__ import annotations

import re

from tolv.codebase.settings import Settings, parse_ini, parse_json, parse_properties, parse_spring_yaml, parse_toml

#: Characters that a file of settings may have: what is larger is data.
LARGEST_SETTINGS = 512 * 1024

_NAMED = re.compile(
    r"(?i)(?:^|/)(?:[\w-]*(?:config|configuration|settings|secrets?|credentials?|application|appsettings|bootstrap|"
    r"database|datasource|parameters|local_settings|env|environment|mongoid|redis|mailer|storage|production|prod|staging|"
    r"default|defaults|custom-environment-variables)(?:[._-][\w-]+)*)\.(?:ya?ml|json5?|properties|ini|cfg|conf|toml)$"
    r"|(?:^|/)(?:config|conf|settings|etc|env|environments?)/(?:[\w-]+/)*[\w.-]+\.(?:ya?ml|json5?|properties|ini|toml)$"
)
_OTHERS = re.compile(
    r"(?i)(?:^|/)(?:package(?:-lock)?|tsconfig[\w.-]*|jsconfig|composer|angular|nest-cli|babel\.config|pyproject|cargo|netlify|"
    r"vercel|lerna|nx|turbo|renovate|mkdocs|docker-compose[\w.-]*|compose[\w.-]*|chart|values[\w.-]*|_config|openapi|"
    r"swagger|\.[\w.-]+|manifest|webpack[\w.-]*|tox|setup|mypy|pytest|alembic|logging|logback|log4j2?|supervisord|uwsgi|nginx|"
    r"php|php-fpm|my|redis|locales?|i18n|routes|services\.test|typedoc|biome|deno|rubocop|"
    r"(?:dependabot|pre-commit)[\w.-]*)\.(?:ya?ml|json5?|toml|ini|cfg|conf)$"
    r"|^app\.json$|(?:^|/)(?:\.github|\.circleci|\.vscode|\.idea|node_modules|helm|charts|k8s|kubernetes|kustomize|terraform|ansible|"
    r"locales?|i18n|translations|dashboards|grafana|prometheus|nginx|__mocks__)/"
)


def is_settings_file(path: str) -> bool:
    """Whether the name says that an app reads its settings from the file."""
    return _NAMED.search(path) is not None and _OTHERS.search(path) is None


def is_spring(path: str) -> bool:
    """Whether Spring reads the file: then any key can be set by a variable."""
    return re.search(r"(?:^|/)(?:application|bootstrap)(?:-[\w-]+)?\.(?:ya?ml|properties)$", path) is not None


def read_settings(text: str, path: str) -> Settings:
    """The settings of a file, in order. Never raises."""
    if len(text) > LARGEST_SETTINGS:
        return Settings((), "it is too large for a file of settings")
    match path.rpartition(".")[2].lower():
        case "yml" | "yaml":
            return parse_spring_yaml(text, path)
        case "json" | "json5":
            return parse_json(text.replace("\t", "    "), path)
        case "properties":
            return parse_properties(text, path)
        case "toml":
            return parse_toml(text, path)
    return parse_ini(text, path)
