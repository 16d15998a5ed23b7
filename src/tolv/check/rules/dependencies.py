"""Factor II, dependencies: what the code needs is what the manifests declare."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tolv.check.facts.browser import is_for_phones
from tolv.check.facts.by_hand import is_beside_the_deploy, is_command_of_hands
from tolv.check.facts.needs import ASIDE, DEPLOYED, Need, needs, reached
from tolv.check.looks.constants import constants
from tolv.check.looks.mentions import mentions
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import ALL, rule
from tolv.check.source import Language
from tolv.check.unit import Unit
from tolv.codebase.declared import Declared, Lock
from tolv.codebase.modules import candidates, extras_of, is_bundled_gem, pulled_in_by
from tolv.codebase.requirements import normalise

_FACTOR = "https://12factor.net/dependencies"

_MANIFEST_TO_ADD = {
    "python": "pyproject.toml",
    "javascript": "package.json",
    "go": "go.mod",
    "java": "pom.xml",
    "ruby": "Gemfile",
    "php": "composer.json",
}
#: Manifests of tools that are not read, each with the languages that it may serve.
_UNREAD = (
    *("environment.yml", "environment.yaml", "conda*.y*ml", "meta.yaml", "BUILD", "BUILD.bazel", "WORKSPACE"),
    *("MODULE.bazel", "flake.nix", "default.nix", "shell.nix", "pants.toml", "deno.json*", "import_map.json"),
    *("Gopkg.toml", "glide.yaml", "ivy.xml", "build.xml", "build.sbt", "project.clj", "deps.edn", "bower.json"),
    "pixi.toml",
)


@rule(
    "II-01",
    severity="error",
    materials=ALL,
    looks=(mentions,),
    title="Code needs packages, and no manifest declares any",
    why="Nobody can build the app from its source alone: what it needs is only where it once was installed by hand.",
    fix="Add a manifest that names every package the app imports",
    bad="import flask, and neither pyproject.toml nor requirements.txt",
    good='pyproject.toml with dependencies = ["flask>=3,<4"]',
    source=_FACTOR,
    probe="II-P1",
)
def manifest_is_there(unit: Unit) -> Iterator[Outcome]:
    """A manifest for each language whose deployed code imports what is neither the app's nor the language's."""
    languages = [one for one in unit.languages if one in _MANIFEST_TO_ADD]
    if not languages:
        yield NotApplicable("there is no code in a language that is read")
    for language in languages:
        manifests = unit.packages.manifests_of(language)
        if manifests:
            yield Witness(f"{manifests[0]} declares what the {language} code needs", unit.place(manifests[0]))
            continue
        wanted = [need for need in needs(unit, language) if need.names and not _only_aside(need)]
        other = next(iter(unit.named(*_UNREAD)), None)
        if not wanted:
            yield NotApplicable(f"the {language} code needs no packages")
        elif other is not None:
            yield CannotTell(f"{other.path} may declare what the {language} code needs; it is not read")
        else:
            finding = _no_manifest(unit, language, wanted)
            others = any(unit.packages.manifests_of(one) for one in languages if one != language)
            aside = others and is_beside_the_deploy(unit, language)
            yield replace(finding, severity="note") if aside else finding


def _no_manifest(unit: Unit, language: Language, wanted: Sequence[Need]) -> Finding:
    first = min(wanted, key=lambda need: need.places[0])
    names = sorted({need.names[0] for need in wanted})
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return Finding(
        f"The {language} code imports {shown}, and no manifest declares it",
        unit.place(*first.places[0]),
        fix=f"Add a {_MANIFEST_TO_ADD[language]} that names {shown}",
        also=tuple(unit.place(*need.places[0]) for need in wanted[:6] if need is not first),
        subject=language,
    )


def _only_aside(need: Need) -> bool:
    return all(ASIDE.search(path) for path, _ in need.places)


@rule(
    "II-04",
    severity="warning",
    materials=("python", "javascript", "go", "ruby", "php"),
    looks=(mentions, constants),
    title="Code imports a package that no manifest declares",
    why="It works where the package happens to be installed, and fails on the next machine, or after an upgrade.",
    fix="Declare it in the manifest, with a version",
    bad="import bcrypt, with passlib alone in pyproject.toml",
    good='dependencies = ["passlib>=1.7,<2", "bcrypt>=4,<5"]',
    source=_FACTOR,
    probe="II-P4",
)
def imports_are_declared(unit: Unit) -> Iterator[Outcome]:
    """One finding for each package, at its first import.

    A warning, however sure it looks: what every start imports and nothing brings along would have been noticed by now.
    """
    asked = False
    for language in (one for one in unit.languages if one in ("python", "javascript", "go", "ruby", "php")):
        declared = _Declared(unit, language)
        if not declared.manifests:
            continue
        asked = True
        missing = list(_missing(unit, language, declared))
        if language == "ruby":
            missing += _used_without_require(unit, declared, {one.subject for one in missing})
        if declared.unsure and missing:
            yield CannotTell(f"{declared.unsure}, so that {len(missing)} imports of {language} cannot be judged")
            continue
        yield from missing
        if not missing:
            yield Witness(f"every package that the {language} code imports is declared in {declared.manifests[0]}")
    if not asked:
        yield NotApplicable("there is no manifest to compare the imports with")


class _Declared:
    """What a unit declares of one language."""

    def __init__(self, unit: Unit, language: Language) -> None:
        packages = unit.packages
        self.language = language
        # The one that production installs from comes first.
        mine = {one.path for one in packages.of(language) if one.group == "main"}
        self.manifests: tuple[str, ...] = tuple(
            sorted(packages.manifests_of(language), key=lambda path: path not in mine)
        )
        entries = packages.of(language)
        self.direct = frozenset(_plain(one.name, language) for one in entries if not one.indirect)
        self.indirect = frozenset(_plain(one.name, language) for one in entries if one.indirect)
        self.joined = frozenset(map(_joined, self.direct))
        self.locks: tuple[Lock, ...] = packages.locks_of(language)
        problems = [path for path, _ in packages.problems if path in self.manifests]
        dynamic = [path for path in packages.dynamic if packages.languages.get(path) == language]
        others = [file.path for file in unit.named(*_UNREAD[:4])] if language == "python" else []
        said = [f"{path} cannot be read in full" for path in problems]
        said += [f"{path} computes what it declares" for path in dynamic]
        said += [f"{path} is not read" for path in others]
        self.unsure = said[0] if said else None

    def has(self, names: Sequence[str]) -> bool:
        if self.language == "ruby" and any(is_bundled_gem(name) for name in names):
            return True
        if self.language == "python" and any(_joined(name) in self.joined for name in names):
            return True
        return any(_plain(name, self.language) in self.direct for name in names)

    def bringer(self, names: Sequence[str]) -> str | None:
        """What brings a package along that is not declared; None: nothing that is known."""
        plain = [_plain(name, self.language) for name in names]
        if not self.indirect.isdisjoint(plain):
            return "it is written there only as what another package needs"
        for one in sorted(self.direct) if self.language == "python" else ():
            brought = {*pulled_in_by(one), *(deep for each in pulled_in_by(one) for deep in pulled_in_by(each))}
            if not brought.isdisjoint(plain):
                return f"only {one} brings it along"
            if not set(extras_of(one)).isdisjoint(plain) and self._locked(plain):
                return f"only an extra of {one} brings it along"
        return "only the lock has it, as what another package needs" if self._locked(plain) else None

    def near(self, path: str) -> str:
        """The manifest that a file belongs to: of JavaScript's and Python's, the nearest above it."""
        if self.language not in ("javascript", "python"):
            return self.manifests[0]
        return max(self.above(path), key=lambda one: len(posixpath.dirname(one)), default=self.manifests[0])

    def above(self, path: str) -> list[str]:
        """The manifests in the directories above a file."""
        return [one for one in self.manifests if not (at := posixpath.dirname(one)) or path.startswith(f"{at}/")]

    def locked(self, names: Sequence[str]) -> str | None:
        """The first of the names that a lock has."""
        pinned = {_plain(name, self.language) for lock in self.locks for name in lock.pinned}
        return next((one for one in names if _plain(one, self.language) in pinned), None)

    def may_bring(self, module: str) -> bool:
        """Whether the name of a declared distribution begins with the module's, or has it behind what such names begin
        with: it may well bring a module of that name."""
        return any(_is_of(module, one) for one in self.direct)

    def resembles(self, *modules: str) -> bool:
        """Whether a declared package has a name like a module's: `cancancan` for `cancan`, `activemerchant` for
        `active_merchant/billing`."""
        words = [re.sub(r"[^a-z0-9]", "", one.partition("/")[0].lower()) for one in modules]
        names = [re.sub(r"[^a-z0-9]", "", one.rpartition("/")[2].lower()) for one in self.direct]
        return any(word in name for word in words if len(word) >= 5 for name in names)

    def may_lock(self, module: str) -> bool:
        """Whether such a distribution is among those that others need."""
        locked = (_plain(name, self.language) for lock in self.locks for name in lock.pinned)
        return any(_is_of(module, one) for one in (*self.indirect, *locked))

    def locked_of(self, module: str) -> str | None:
        """The locked package whose name has all words of a module's path, the first one first:
        `notifications-ruby-client` of `notifications/client`."""
        words = re.split(r"[/_-]", module.lower())
        for name in sorted(name for lock in self.locks for name in lock.pinned):
            own = re.split(r"[_-]", name.lower())
            if len(words) > 1 and own[0] == words[0] and set(words) <= set(own):
                return name
        return None

    def _locked(self, plain: Sequence[str]) -> bool:
        return any(_plain(name, self.language) in set(plain) for lock in self.locks for name in lock.pinned)


def _joined(name: str) -> str:
    """Without what stands between its words: the module `django_softdelete` is of the package `django-soft-delete`."""
    return normalise(name).replace("-", "")


def _is_of(module: str, distribution: str) -> bool:
    """`translate` of `translate-toolkit`, `moz.l10n` of `moz-l10n`, `notifications` of `django-notifications-hq`."""
    words = distribution.split("-")
    whole = normalise(module.partition(".")[0]).split("-")
    if len(whole) > 1 and words[: len(whole)] == whole:
        return True  # `flask_security` of `flask-security-fork`
    if words[0] in ("django", "flask", "python", "py", "fastapi", "dj") and len(words) > 1:
        words = words[1:]
    top = normalise(module.partition(".")[0]).split("-")
    if len(top) > 1:
        return any(words[at : at + len(top)] == top for at in range(len(words)))
    return words[:1] == top


#: Modules of JavaScript that a bundler or framework has itself, with what must be declared for that.
_BUILT_IN = {"server-only": "next", "client-only": "next"}


def _plain(name: str, language: str) -> str:
    return normalise(name) if language == "python" else name.lower() if language == "php" else name


_SERVED = re.compile(r"(?:^|/)(?:public|static|www|webroot|htdocs)/")


def _missing(unit: Unit, language: Language, declared: _Declared) -> Iterator[Finding]:
    namespaces = {prefix: name for lock in declared.locks for prefix, name in lock.namespaces.items()}
    said: set[str] = set()
    for need in needs(unit, language, declared.direct):
        names = need.names if declared.locked(need.names) else _of_namespace(need.module, namespaces) or need.names
        if language == "javascript" and all(_SERVED.search(path) for path, _ in need.places):
            continue  # a browser gets it as it is, whatever else would load it
        if language == "javascript":
            # Of code that no manifest lies above, the one of a directory beside it says nothing.
            need = replace(need, places=tuple(one for one in need.places if declared.above(one[0])))
            if not need.places:
                continue
        if not names or declared.has(names) or _only_aside(need):
            continue
        if language == "javascript" and _BUILT_IN.get(names[0]) in declared.direct:
            continue
        how = declared.bringer(names)
        if language == "ruby" and how is None and declared.resembles(need.module):
            continue
        brought = declared.locked_of(need.module) if language == "ruby" and how is None else None
        how = "only the lock has it, as what another package needs" if brought else how
        if language == "php" and f"{names[0].partition('/')[0]}/{names[0].partition('/')[0]}" in declared.direct:
            continue  # a part of `filament/filament`, released with it
        if language == "php" and declared.resembles(*need.module.split("\\")[1:2]):
            continue  # a package of another vendor's that has its place: `fruitcake/laravel-debugbar`
        if language == "python" and how is None:
            if declared.may_bring(need.module):
                continue
            how = "only the lock has it, as what another package needs" if declared.may_lock(need.module) else None
        if how and all(unit.context(path) == "migrations" for path, _ in need.places):
            continue  # the environment that a tool of migrations writes asks for what the tool brings along
        severity: Severity | None = None
        if language == "python" and need.guarded and not (how or need.in_functions):
            severity = "note"
        if language == "javascript" and all(is_for_phones(unit, path) for path, _ in need.places):
            severity = "note"  # whoever builds it sees it; no process of a deploy imports it
        shown = names[-1] if language == "go" else brought or declared.locked(names) or names[0]
        if language == "php" and shown in said:
            continue
        said.add(shown)
        module = _part(language, need)
        of = "" if _plain(shown, "python") == _plain(module, "python") else f" ({shown})"
        yield Finding(
            f"{module}{of} is imported, but not declared in {declared.near(need.places[0][0])}"
            + (f": {how}" if how else ""),
            unit.place(*need.places[0]),
            severity=severity,
            fix=f"Declare {shown} in {declared.near(need.places[0][0])}",
            also=tuple(unit.place(*one) for one in need.places[1:8]),
            subject=shown,
        )


def _used_without_require(unit: Unit, declared: _Declared, known: set[str]) -> Iterator[Finding]:
    """Ruby: constants of gems that the lock has and the Gemfile does not name."""
    places: dict[str, list[tuple[str, int]]] = {}
    for seen in unit.seen(constants, *DEPLOYED):
        places.setdefault(seen.what.gem, []).append((seen.path, seen.what.line))
    for gem, found in sorted(places.items()):
        how = declared.bringer((gem,)) if not declared.has((gem,)) and gem not in known else None
        if how is not None:
            yield Finding(
                f"{gem} is used, but not declared in {declared.manifests[0]}: {how}",
                unit.place(*found[0]),
                fix=f"Declare {gem} in {declared.manifests[0]}",
                also=tuple(unit.place(*one) for one in found[1:8]),
                subject=gem,
            )


def _part(language: Language, need: Need) -> str:
    """The shortest part of a module's name that leads to the same distribution: `starlette` of `starlette.requests`."""
    if language != "python":
        return need.module
    parts = need.module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(1, len(parts)))
    return next((one for one in prefixes if candidates(language, one) == need.names), need.module)


def _of_namespace(module: str, namespaces: dict[str, str]) -> tuple[str, ...]:
    """PHP: the package whose lock entry loads the longest prefix of a class's name."""
    parts = module.split("\\")
    known = (namespaces.get("\\".join(parts[:length])) for length in range(len(parts), 0, -1))
    return next(((found,) for found in known if found), ())


@rule(
    "II-05",
    severity="warning",
    materials=("python", "javascript", "ruby", "php"),
    looks=(mentions,),
    title="Production code imports a package that is declared for development only",
    why="A production install leaves it out, and the import fails there and nowhere else.",
    fix="Move it to the dependencies that production installs",
    bad='require("morgan") in app.js, with morgan in devDependencies',
    good='"dependencies": {"morgan": "^1.10.0"}',
    source=_FACTOR,
    probe="II-P1",
)
def no_development_dependencies(unit: Unit) -> Iterator[Outcome]:
    """Imports of deployed code that only a development group declares; in JavaScript only what the start leads to."""
    asked = False
    for language in (one for one in unit.languages if one in ("python", "javascript", "ruby", "php")):
        entries = unit.packages.of(language)
        development = _only_for([one for one in entries if not _in_production(unit, one.path)], language) - {
            _plain(one.name, language) for one in entries if _in_production(unit, one.path)
        }
        if not development:
            continue
        asked = True
        files = reached(unit) if language == "javascript" else None
        found = False
        for need in needs(unit, language, frozenset(_plain(d.name, language) for d in entries) - development):
            names = [name for name in need.names if _plain(name, language) in development and not _typed(name)]
            places = [one for one in need.places if files is None or one[0] in files]
            places = [one for one in places if not _serves_developers(unit, one[0])]
            if names and places and not _only_aside(need):
                found = True
                yield _for_development(unit, need, names[0], places, entries)
        if not found:
            yield Witness(f"no {language} code imports one of {len(development)} development dependencies")
    if not asked:
        yield NotApplicable("nothing is declared for development only")


def _in_production(unit: Unit, path: str) -> bool:
    """Whether the image of a deploy installs what a list of requirements names, whatever that is called."""
    name = re.escape(path.rpartition("/")[2])
    if not path.endswith((".txt", ".in")):
        return False
    return any(
        re.search(rf"(?:-r|--requirement)[= ]?\S*{name}\b", one.text)
        for image in unit.dockerfiles
        if image.context == "prod"
        for stage in image.stages
        for one in stage.instructions
        if one.keyword == "RUN"
    )


def _only_for(entries: Sequence[Declared], language: str) -> frozenset[str]:
    other = {_plain(one.name, language) for one in entries if one.group != "dev"}
    named = (one for one in entries if one.group == "dev" and not one.indirect)
    return frozenset(_plain(one.name, language) for one in named) - other


def _serves_developers(unit: Unit, path: str) -> bool:
    """Whether a file of JavaScript is the server of a bundler, which pages are worked on with."""
    return path.endswith(("js", "ts")) and any(one.module in _DEV_SERVERS for one in unit.imports(path))


_DEV_SERVERS = frozenset(("webpack-dev-server", "browser-sync", "live-server", "@rspack/dev-server"))


def _typed(name: str) -> bool:
    return name.startswith("@types/")


def _for_development(
    unit: Unit, need: Need, name: str, places: Sequence[tuple[str, int]], entries: Sequence[Declared]
) -> Finding:
    where = next(one for one in entries if _plain(one.name, one.language) == _plain(name, one.language))
    by_hand = all(is_command_of_hands(unit, path) for path, _ in places)
    lower: Severity | None = "note" if need.in_functions or need.guarded or by_hand else None
    return Finding(
        f"{need.module} is imported here, but {where.path} declares {name} for development only",
        unit.place(*places[0]),
        severity=lower,
        also=(unit.place(where.path, where.line), *(unit.place(*one) for one in places[1:6])),
        subject=name,
    )
