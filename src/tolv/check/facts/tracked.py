"""Which tracked files are no source: told by their paths, with what stands beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clutter:
    """A file or directory that should not be tracked."""

    path: str
    what: str
    examples: tuple[str, ...]
    """Its files, up to a hundred."""


#: Directories whose name alone says what they are.
_DIRECTORIES = {
    "node_modules": "installed dependencies",
    "bower_components": "installed dependencies",
    "__pycache__": "compiled code",
    ".next": "a build's output",
    ".nuxt": "a build's output",
    ".parcel-cache": "a build's cache",
    ".gradle": "a build's cache",
    ".tox": "installed dependencies",
    ".nox": "installed dependencies",
    ".eggs": "installed dependencies",
    ".pytest_cache": "a tool's cache",
    ".mypy_cache": "a tool's cache",
    ".ruff_cache": "a tool's cache",
    ".sass-cache": "a build's cache",
    ".terraform": "installed providers",
    ".nyc_output": "a test's output",
    "htmlcov": "a test's output",
}
_SUFFIXES = {
    ".pyc": "compiled code",
    ".pyo": "compiled code",
    ".class": "compiled code",
    ".pid": "a running process's id",
    ".log": "a log",
    ".rdb": "a database's dump",
    ".dump": "a database's dump",
    ".sql.gz": "a database's dump",
    ".hprof": "a heap's dump",
}
_FILES = re.compile(
    r"(?:npm-debug|yarn-error|yarn-debug|pnpm-debug|lerna-debug)\.log[\w.]*|nohup\.out|core\.\d+|\.coverage"
    r"|(?:db|database|development|production|staging|app|data|site|blog|dev|prod)\.(?:sqlite3?|db)"
    r"|(?:.*[_-])?(?:dump|backup)(?:[_-][\w-]*)?\.(?:sql|sqlite3?|db|bak)"
)
#: Parts of a path below which such files are examples of themselves.
_EXAMPLES = re.compile(
    r"(?:^|/)(?:tests?|specs?|fixtures?|__fixtures__|test[-_]?data|examples?|samples?|docs?|e2e|cypress|benchmarks?|vendor"
    r"|third_party|\.yarn|src/test|testing|mocks?|__mocks__|__tests__)(?:/|$)",
    re.IGNORECASE,
)


def clutter(tracked: Iterable[str], text: Callable[[str], str | None]) -> Iterator[Clutter]:
    """What is tracked but made, each directory once, in order of path."""
    paths = sorted(tracked)
    names = frozenset(paths)
    found: dict[str, tuple[str, list[str]]] = {}
    for path in paths:
        if path.endswith(("/.gitkeep", "/.keep", "/.gitignore")):
            continue
        made = _made(path, names, text)
        if made is not None and not _EXAMPLES.search(made[0]):
            kept = found.setdefault(made[0], (made[1], []))[1]
            if len(kept) < 100:
                kept.append(path)
    for where, (what, examples) in sorted(found.items()):
        yield Clutter(where, what, tuple(examples))


def _made(path: str, names: frozenset[str], text: Callable[[str], str | None]) -> tuple[str, str] | None:
    """The directory or file that was made and what it is."""
    parts = path.split("/")
    for depth, part in enumerate(parts[:-1]):
        above, here = "/".join(parts[:depth]), "/".join(parts[: depth + 1])
        if part == "bower_components" and not {"bower.json", f"{above}/bower.json"} & names:
            continue  # no manifest installs it: it was copied in, and is served as it is
        if part in _DIRECTORIES:
            return here, _DIRECTORIES[part]
        if part.endswith(".egg-info"):
            return here, "a build's output"
        if f"{here}/pyvenv.cfg" in names or (part == "site-packages" and "lib" in parts[:depth]):
            return (here if f"{here}/pyvenv.cfg" in names else "/".join(parts[: max(parts.index("lib"), 1)])), "a venv"
        if part in ("target", "build", "out", "dist") and _is_output(
            part, here, above, parts[depth + 1 :], names, text
        ):
            return here, "a build's output"
    name = parts[-1]
    suffix = next((one for one in _SUFFIXES if name.endswith(one) and name != one), None)
    if suffix in (".pyc", ".class"):
        return "/".join(parts[:-1]) or name, _SUFFIXES[suffix]
    if suffix is not None:
        return path, _SUFFIXES[suffix]
    if _FILES.fullmatch(name):
        return path, "a database's dump or a run's trace"
    return None


def _is_output(
    part: str, here: str, above: str, rest: list[str], names: frozenset[str], text: Callable[[str], str | None]
) -> bool:
    """Whether a directory that may be anything is a build's."""

    def beside(name: str) -> bool:
        return f"{above}/{name}".lstrip("/") in names

    if part == "target":
        return (beside("pom.xml") or beside("Cargo.toml")) and rest[0] in (
            "classes",
            "debug",
            "release",
            "test-classes",
        )
    if part in ("build", "out"):
        java = beside("build.gradle") or beside("build.gradle.kts")
        return (java and rest[0] in ("classes", "libs", "tmp", "production")) or _built_by_node(
            part, above, names, text
        )
    return _built_by_node(part, above, names, text)


#: What a build leaves: pages, styles, maps, bundles by their names.
_BUNDLED = re.compile(
    r"\.(?:html?|css|map|wasm|d\.ts)$|[.-](?:min|bundle|chunk)\.\w+$|[.-][0-9a-f]{8,}\.\w+$"
    r"|(?:^|/)(?:main|index|app|server|bundle|manifest|asset-manifest)\.(?:js|mjs|cjs|json)$"
)


def _built_by_node(part: str, above: str, names: frozenset[str], text: Callable[[str], str | None]) -> bool:
    """A directory beside a package.json that builds it, and does not name it as what is published."""
    manifest = f"{above}/package.json".lstrip("/")
    if manifest not in names or f"{above}/action.yml".lstrip("/") in names:
        return False
    try:
        data = json.loads(text(manifest) or "{}")
    except (ValueError, RecursionError):
        return False
    scripts = data.get("scripts") if isinstance(data, dict) else None
    if not isinstance(scripts, dict) or not isinstance(scripts.get("build"), str):
        return False
    inside = [name for name in names if name.startswith(f"{above}/{part}/".lstrip("/"))]
    if any(name in scripts["build"] for name in inside) or (part != "dist" and not any(map(_BUNDLED.search, inside))):
        return False  # what is built from, or stands in for what is built
    published = json.dumps([data.get(key) for key in ("main", "module", "exports", "files", "bin", "types", "browser")])
    return (
        re.search(rf"\b{part}\b", published) is None
        and re.search(
            rf"\b(?:vite|webpack|tsc|react-scripts|next|parcel|rollup|esbuild|vue-cli-service|ng)\b|\b{part}\b",
            scripts["build"],
        )
        is not None
    )
