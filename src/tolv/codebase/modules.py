"""Which distribution a module comes from, and which modules a language brings itself.

Written from knowledge of the packages, so that no environment needs to be installed to read an app. Only names that
differ are listed: a module that is in no table comes from the distribution of the same name.
"""

from __future__ import annotations

import re
import sys
from functools import cache

from tolv.codebase.module_tables import (
    BUNDLED_GEMS,
    GEMS,
    GO_HOSTED_PARTS,
    JAVA_GROUPS,
    MORE_PYTHON,
    NODE_BUILTINS,
    PHP_NAMESPACES,
    PULLED_IN,
    PYTHON_DISTRIBUTIONS,
    PYTHON_EXTRAS,
    RUBY_STANDARD,
)
from tolv.codebase.requirements import normalise


def is_standard(language: str, module: str) -> bool:
    """Whether a module, as written in an import, is part of the language itself."""
    if language == "python":
        top = module.partition(".")[0]
        return top in sys.stdlib_module_names or top in MORE_PYTHON
    if language == "javascript":
        bare = module.removeprefix("node:")
        return module.startswith(("node:", "bun:", "deno:", "cloudflare:")) or bare.partition("/")[0] in NODE_BUILTINS
    if language == "go":
        return module == "C" or "." not in module.partition("/")[0]
    if language == "java":
        return module.startswith(("java.", "javax.", "jdk.", "sun.", "com.sun.", "org.w3c.", "org.xml.", "kotlin."))
    if language == "ruby":
        return module.partition("/")[0] in RUBY_STANDARD
    return "\\" not in module.strip("\\")


def candidates(language: str, module: str) -> tuple[str, ...]:
    """The distributions that a module may come from, likeliest first; empty: it cannot be told.

    `module` is as written: `google.cloud.storage`, `@scope/name/lib/x`, `github.com/lib/pq`, `active_record`,
    `Symfony\\Component\\Console\\Application`.
    """
    return _CANDIDATES[language](module)


def pulled_in_by(distribution: str) -> tuple[str, ...]:
    """Python distributions that a well-known one installs along with itself."""
    return PULLED_IN.get(distribution, ())


def extras_of(distribution: str) -> tuple[str, ...]:
    """Python distributions that a well-known one installs only if an extra is asked for."""
    return PYTHON_EXTRAS.get(distribution, ())


@cache
def _python(module: str) -> tuple[str, ...]:
    parts = module.split(".")
    for length in range(min(len(parts), 4), 0, -1):
        found = PYTHON_DISTRIBUTIONS.get(".".join(parts[:length]))
        if found:
            return found
        if length > 1 and parts[0] in ("google", "azure", "zope", "backports", "jaraco", "sphinxcontrib", "ruamel"):
            continue
    if parts[0] in ("google", "azure", "zope", "backports", "sphinxcontrib"):
        return tuple(normalise("-".join(parts[:length])) for length in range(min(len(parts), 4), 1, -1))
    name = normalise(parts[0])
    if match := re.match(r"(mypy-boto3|types-aiobotocore|types-aioboto3)-", name):
        # One package of stubs for each service; an extra of the one for all brings it.
        whole = {"mypy-boto3": ("boto3-stubs", "types-boto3")}.get(match[1], (match[1],))
        return (name, *whole)
    return (name, f"python-{name}", f"py{name}", f"{name}-python", f"django-{name}", f"flask-{name}")


@cache
def _javascript(module: str) -> tuple[str, ...]:
    parts = module.split("/")
    name = "/".join(parts[:2]) if module.startswith("@") else parts[0]
    scope, _, inner = name.removeprefix("@").partition("/")
    return (name, f"@types/{scope}__{inner}" if inner else f"@types/{name}")


@cache
def _go(module: str) -> tuple[str, ...]:
    """Every prefix may be a module's path, the longest first."""
    parts = module.split("/")
    least = GO_HOSTED_PARTS.get(parts[0], 1)
    return tuple("/".join(parts[:length]) for length in range(len(parts), least - 1, -1))


@cache
def _java(module: str) -> tuple[str, ...]:
    """Groups (`org.springframework`) of well-known packages, as few carry their artifact's name."""
    parts = module.split(".")
    known = (JAVA_GROUPS.get(".".join(parts[:length])) for length in range(len(parts), 1, -1))
    return next((found for found in known if found), ())


@cache
def _ruby(module: str) -> tuple[str, ...]:
    parts = module.split("/")
    found = GEMS.get(module) or GEMS.get(parts[0])
    dashed = tuple("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    swapped = (parts[0].replace("_", "-"), parts[0].replace("-", "_"))
    return (*(found or ()), *dashed, *swapped)


@cache
def _php(module: str) -> tuple[str, ...]:
    parts = module.strip("\\").split("\\")
    known = (PHP_NAMESPACES.get("\\".join(parts[:length])) for length in range(min(len(parts), 4), 0, -1))
    return next((found for found in known if found), ())


_CANDIDATES = {
    "python": _python,
    "javascript": _javascript,
    "go": _go,
    "java": _java,
    "ruby": _ruby,
    "php": _php,
}


def is_bundled_gem(name: str) -> bool:
    """Whether Ruby installs a gem along with itself."""
    return name in BUNDLED_GEMS
