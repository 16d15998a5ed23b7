"""What an app's production code needs from outside: imports that are neither its own modules nor its language's."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tolv.check.looks.mentions import mentions
from tolv.check.source import Import, Language
from tolv.check.unit import Unit
from tolv.codebase.modules import candidates, is_standard

#: Contexts whose code is part of a deploy.
DEPLOYED = ("prod", "migrations", "admin")

#: Files that set up tools, wherever they lie.
_TOOLING = re.compile(
    r"(?:^|/)(?:[\w.-]+\.config\.[cm]?[jt]s|\.[\w-]+rc\.[cm]?js|[Gg]runtfile\.\w+|[Gg]ulpfile[\w.]*|webpack[\w.]*\.[cm]?[jt]s"
    r"|rollup[\w.]*\.[cm]?js|karma\.conf\.\w+|noxfile\.py|fabfile\.py|setup\.py|conftest\.py|docs/conf\.py|Rakefile"
    r"|Capfile|Guardfile|Gemfile|Vagrantfile|[\w-]+\.gemspec|gradlew?[\w.]*|[\w-]+\.d\.ts|[\w.-]*stories\.\w+|toolbox/.*"
    r"|(?:[^/]+/)*\.[\w-]+/.*|(?:\w+_)?(?:factories|fakers?)\.py|(?:database|db)/(?:factories|seeders|seeds)/.*)$"
)


#: Directories of scripts beside the app.
ASIDE = re.compile(r"(?:^|/)(?:tools?|scripts?|bin|contrib|hack|tasks|util(?:itie)?s|examples?|misc|extras?|ci)/")


@dataclass(frozen=True, slots=True)
class Need:
    """One thing from outside that code needs."""

    module: str
    """As first imported."""
    names: tuple[str, ...]
    """Distributions that it may come from, likeliest first; for PHP and Java empty if none is known."""
    places: tuple[tuple[str, int], ...]
    """Where it is imported, in order of path, up to the first that the app itself cannot do without."""
    in_functions: bool
    """Nowhere at the top of a module."""
    guarded: bool
    """Everywhere under a condition."""


def needs(unit: Unit, language: Language, skip: frozenset[str] = frozenset()) -> Iterator[Need]:
    """What the unit's deployed code of a language needs, but for imports that may fail and those for type checkers.

    Distributions in `skip` are left out before a file is parsed: a rule that looks for the undeclared ones reads few.
    """
    own = Own.of(unit, language)
    wanted: dict[str, dict[str, list[str]]] = {}
    for seen in unit.seen(mentions, *DEPLOYED):
        file_language = _language(seen.path)
        if file_language != language or _TOOLING.search(seen.path):
            continue
        module = seen.what.module.lstrip("\\")
        if not _foreign(language, module) or own.has(module, seen.path):
            continue
        names = candidates(language, module)
        if skip.isdisjoint(names):
            wanted.setdefault(_key(language, module, names), {}).setdefault(seen.path, []).append(module)
    for by_path in wanted.values():
        need = _confirmed(unit, language, by_path)
        if need is not None:
            yield need


def _confirmed(unit: Unit, language: Language, by_path: Mapping[str, Sequence[str]]) -> Need | None:
    """The need as the parsed files have it; None if what looked like imports were none that matter."""
    places, found = [], []
    for path, modules in sorted(by_path.items()):
        for one in unit.imports(path):
            if _names(one, language) & set(modules) and not one.optional and not one.typing:
                places.append((path, one.line))
                found.append(one)
                break
        if found and not (found[-1].in_function or found[-1].guarded or ASIDE.search(path)):
            break  # what other files say of it changes nothing; each would have to be parsed
    if not found:
        return None
    module = next(iter(by_path.values()))[0]
    return Need(
        module,
        candidates(language, module),
        tuple(places),
        all(one.in_function for one in found),
        all(one.guarded for one in found),
    )


def _names(one: Import, language: Language) -> set[str]:
    bare = one.module.lstrip("\\")
    if language == "python":
        return {bare, *(f"{bare}.{name}" for name in one.names)}
    return {bare, *(f"{bare}\\{name}" for name in one.names)} if language == "php" else {bare}


def _key(language: Language, module: str, names: Sequence[str]) -> str:
    if language == "go":
        return "/".join(module.split("/")[:3])
    return names[0] if names else module


def _foreign(language: Language, module: str) -> bool:
    """Neither relative nor the language's own."""
    if module.startswith((".", "/", "#", "~", "@/", "$", "http:", "https:", "virtual:", "data:", "\0")) or not module:
        return False
    return not is_standard(language, module) and not (language == "javascript" and "!" in module)


def _language(path: str) -> str | None:
    suffix = path.rpartition(".")[2]
    return _SUFFIXES.get(suffix)


_SUFFIXES = {
    **dict.fromkeys(("py", "pyw"), "python"),
    **dict.fromkeys(("js", "mjs", "cjs", "jsx", "ts", "tsx", "mts", "cts"), "javascript"),
    **dict.fromkeys(("rb", "rake", "ru"), "ruby"),
    **dict.fromkeys(("php", "phtml"), "php"),
    "go": "go",
    "java": "java",
}


@dataclass(frozen=True, slots=True)
class Own:
    """Which modules are the codebase's own."""

    language: Language
    names: frozenset[str]
    """Python: top-level names; JavaScript: packages of the workspace and aliases; Ruby, PHP: ends of paths."""
    prefixes: tuple[str, ...]
    paths: frozenset[str]
    packages: frozenset[str]
    """Python: directories with an `__init__.py`; Ruby: those with code."""
    tails: frozenset[str] = frozenset()
    """Python: the ends of paths, as modules of more than one part may be asked for."""

    @classmethod
    def of(cls, unit: Unit, language: Language) -> Own:
        """Those of the repository that holds a unit."""
        repository = unit.repository
        paths = frozenset(file.path for file in repository.files) | repository.history.tracked
        owned = [one for other in repository.units for one in other.packages.own if one.language == language]
        if language == "python":
            packages = frozenset(posixpath.dirname(p) for p in paths if p.endswith("__init__.py"))
            names = _python_names(paths, packages, unit.root) | _put_on_path(unit, paths)
            return cls(language, names, (), paths, packages, _tails(paths, (".py",)))
        if language == "javascript":
            names = frozenset(one.name for one in owned) | _aliases(unit, paths)
            return cls(language, names, (), paths, frozenset())
        if language == "ruby":
            directories = frozenset(posixpath.dirname(path) for path in paths if path.endswith(".rb"))
            return cls(language, _tails(paths, (".rb", ".so")), (), paths, directories)
        names = _tails(paths, (".php",)) if language == "php" else frozenset()
        prefixes = tuple(one.name for one in owned if language != "php" or one.name.endswith("\\"))
        return cls(language, names, prefixes, paths, frozenset())

    def has(self, module: str, path: str) -> bool:
        """Whether a module that the file at `path` imports is one of them."""
        if self.language == "python":
            top = module.partition(".")[0]
            beside = posixpath.join(posixpath.dirname(path), top)
            return (
                top in self.names
                or top.endswith(("_pb2", "_pb2_grpc"))
                or (f"{beside}.py" in self.paths and f"{beside}.py" != path)
                or beside in self.packages
                or self._lies_somewhere(module)
            )
        if self.language == "javascript":
            package = "/".join(module.split("/")[: 2 if module.startswith("@") else 1])
            return package in self.names or module.partition("/")[0] in self.names
        if self.language == "ruby":
            own = module.removesuffix(".rb") in self.names or f"lib/{module}" in self.packages
            return own or ("/" in module and f"lib/{module.partition('/')[0]}" in self.packages)
        if self.language == "php":
            return module.startswith(self.prefixes) or module.replace("\\", "/") in self.names
        return any(module == one or module.startswith(f"{one}/") for one in self.prefixes)

    def _lies_somewhere(self, module: str) -> bool:
        """Whether a module of several parts lies below some directory, which the app then has on its path: an image or
        a tool may put any there."""
        parts = module.split(".")
        return any(
            found in self.tails
            for length in range(2, len(parts) + 1)
            for found in ("/".join(parts[:length]), "/".join((*parts[:length], "__init__")))
        )


def _tails(paths: frozenset[str], suffixes: tuple[str, ...]) -> frozenset[str]:
    """By what files may be asked for from some directory above them: `a/b/c.rb` as `a/b/c`, `b/c` and `c`."""
    files = (path.rpartition(".")[0].split("/") for path in paths if path.endswith(suffixes))
    return frozenset("/".join(parts[at:]) for parts in files for at in range(len(parts)))


def _python_names(paths: frozenset[str], packages: frozenset[str], root: str) -> frozenset[str]:
    """What can be imported from directories that are no packages themselves, from the root, and from `src`."""
    names = set()
    for path in paths:
        if path.endswith((".py", ".pyi", ".so", ".pyx")):
            parts = path.split("/")
            for depth in range(len(parts)):
                above = "/".join(parts[:depth])
                if above not in packages or above in ("", root) or above.rpartition("/")[2] == "src":
                    names.add(parts[depth].partition(".")[0])
    return frozenset(names)


#: Files that say where Python looks for modules, and how they say it.
_SAYS_PATH = re.compile(
    r"(?:^|/)(?:settings|config|conf)/[^/]+\.py$|(?:^|/)(?:settings\w*|base|manage|wsgi|asgi|main|app|run|conftest|env|__init__)\.py$"
    r"|(?:^|/)(?:[\w.-]*Dockerfile[\w.-]*|Procfile|Makefile|(?:docker-)?compose[\w.-]*\.ya?ml)$"
)
_PATH_LINE = re.compile(r"(?m)^(?!\s*#).*(?:\bsys\.path\b|\bPYTHONPATH\b).*$")
_PATH_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*")


def _put_on_path(unit: Unit, paths: frozenset[str]) -> frozenset[str]:
    """What lies in directories that the app puts on Python's path itself: `sys.path.insert(0, root("apps"))`."""
    named: set[str] = set()
    for file in unit.repository.files:
        if file.size < 1 << 16 and _SAYS_PATH.search(file.path):
            for line in _PATH_LINE.findall(unit.repository.text(file.path) or ""):
                named |= {one.strip("./").rpartition("/")[2] for one in _PATH_NAME.findall(line)}
    found: set[str] = set()
    for path in paths if named else ():
        parts = path.split("/")
        if path.endswith(".py"):
            found |= {parts[at + 1].removesuffix(".py") for at, part in enumerate(parts[:-1]) if part in named}
    return frozenset(found)


#: `pin "name"` and `pin_all_from "directory", under: "name"` of Rails' import maps.
_PIN = re.compile(
    r"""^\s*pin(?:_all_from)?[ (]\s*["']([^"'\n]+)["'](?:[^\n]*?\bunder:\s*["']([^"'\n]+))?""", re.MULTILINE
)
_BUNDLERS = ("vite.config.*", "webpack*.js", "babel.config.*", ".babelrc*", "rollup.config.*", "nuxt.config.*")


def _aliases(unit: Unit, paths: frozenset[str]) -> frozenset[str]:
    """First parts of modules that a bundler or compiler is told to find in the tree."""
    found: set[str] = set()
    for file in unit.named("tsconfig*.json", "jsconfig*.json"):
        text = unit.text(file.path) or ""
        inner = re.search(r'"paths"\s*:\s*\{([^}]*)\}', text)
        found |= {match.partition("/")[0] for match in re.findall(r'"([^"]+)"\s*:', inner[1] if inner else "")}
        base = re.search(r'"baseUrl"\s*:\s*"([^"]*)"', text)
        here = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), base[1] if base else ""))
        for prefix, target in re.findall(r'"([^"/*]*)\*"\s*:\s*\[\s*"([^"]*)\*"', inner[1] if inner else ""):
            found |= {f"{prefix}{one}" for one in _children(paths, posixpath.normpath(posixpath.join(here, target)))}
        if base:
            found |= _children(paths, posixpath.normpath(posixpath.join(posixpath.dirname(file.path), base[1])))
    for file in unit.named(".gitignore"):
        for line in re.findall(r"(?m)^/?((?:[\w.-]+/)*[\w.-]*generated[\w.-]*)/?\s*$", unit.text(file.path) or ""):
            found.add(line.rpartition("/")[2])  # a build makes what is imported from it
    for file in unit.named("shakapacker.yml", "webpacker.yml"):
        for directory in re.findall(r"(?m)^\s*source_path:\s*[\"']?([\w./-]+)", unit.text(file.path) or ""):
            found |= _children(paths, posixpath.normpath(posixpath.join(unit.root, directory)))
    for file in unit.named("importmap.rb"):
        for pinned in _PIN.finditer(unit.text(file.path) or ""):
            name = pinned[2] or pinned[1]
            found.add("/".join(name.split("/")[: 2 if name.startswith("@") else 1]))
    for file in unit.named(*_BUNDLERS):
        text = unit.text(file.path) or ""
        if re.search(r"\balias\b|\bmodules\s*:|module-resolver", text):
            found |= set(re.findall(r"""["']?(@?[\w-]+)\$?["']?\s*:""", text))
            for directory in ("", "src", "app"):
                found |= _children(paths, posixpath.normpath(posixpath.join(posixpath.dirname(file.path), directory)))
    return frozenset(found)


def _children(paths: frozenset[str], directory: str) -> set[str]:
    start = "" if directory == "." else f"{directory}/"
    names = {path[len(start) :].partition("/")[0] for path in paths if path.startswith(start)}
    return {one for name in names for one in (name.partition(".")[0], re.sub(r"\.[cm]?[jt]sx?$", "", name))}


def reached(unit: Unit) -> frozenset[str]:
    """The JavaScript files that the start commands lead to, by relative imports; empty if no entry is known."""
    relative: dict[str, list[str]] = {}
    for seen in unit.seen(mentions):
        if seen.what.module.startswith("."):
            relative.setdefault(seen.path, []).append(seen.what.module)
    paths = frozenset(file.path for file in unit.files)
    waiting = [found for start in unit.starts if (found := _file(_entry(start), paths))]
    done: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path not in done:
            done.add(path)
            below = (posixpath.normpath(posixpath.join(posixpath.dirname(path), one)) for one in relative.get(path, ()))
            waiting += [found for one in below if (found := _file(one, paths))]
    return frozenset(done)


def _entry(start: Any) -> str:
    return start.entry or "" if start.prod and not start.release else ""


def _file(path: str, paths: frozenset[str]) -> str | None:
    tries = (
        path,
        *(f"{path}{end}" for end in (".js", ".ts", ".mjs", ".cjs", ".tsx", ".jsx", "/index.js", "/index.ts")),
    )
    return next((one for one in tries if one and one in paths), None)
