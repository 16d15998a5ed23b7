"""Python's manifests: pyproject.toml (PEP 621, 735, Poetry, PDM, Hatch, uv), Pipfile, setup.cfg, setup.py. Tolerant."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tolv.codebase.declared import Declared, Group, Lines, Manifest, Origin, Own, RuntimeVersion, too_large
from tolv.codebase.requirements import normalise, read_requirement

_DEV_GROUPS = frozenset(
    ("dev", "devel", "develop", "development", "test", "tests", "testing", "lint", "docs", "doc", "ci", "typing")
)


def read_pyproject(text: str, path: str) -> Manifest:
    """A pyproject.toml, whichever tool's."""
    data, problem = parse_toml(text)
    project, poetry = table(data, "project"), table(data, "tool", "poetry")
    lines = Lines(text)
    sections = (
        *_requirements(items(project.get("dependencies")), "main", path, lines, _after(text, "[project]")),
        *_groups(table(project, "optional-dependencies"), "optional", path, lines, text),
        *_groups(table(data, "dependency-groups"), "optional", path, lines, text),
        *_groups(table(data, "tool", "pdm", "dev-dependencies"), "dev", path, lines, text),
        *_requirements(items(table(data, "tool", "uv").get("dev-dependencies")), "dev", path, lines, 0),
        *_requirements(items(table(data, "build-system").get("requires")), "build", path, lines, 0),
        *_poetry(poetry, path, lines, text),
    )
    name = project.get("name") or poetry.get("name")
    wanted = project.get("requires-python") or table(poetry, "dependencies").get("python")
    runtimes: tuple[RuntimeVersion, ...] = ()
    if isinstance(wanted, str):
        line = lines.find("requires-python", "\npython ", "\npython=", "\npython")
        at = line + 1 if not lines.text.startswith("requires") and "requires-python" not in text else line
        runtimes = (RuntimeVersion("python", wanted, path, at, allows_many(wanted)),)
    return Manifest(
        path,
        "python",
        with_uv_sources(sections, table(data, "tool", "uv", "sources")),
        runtimes,
        own=(Own("python", normalise(name), path),) if isinstance(name, str) else (),
        workspace="workspace" in table(data, "tool", "uv"),
        dynamic="dependencies" in items(project.get("dynamic")),
        lists=bool(project or poetry or data.get("dependency-groups")) or problem is not None,
        problem=problem,
    )


def with_uv_sources(declared: tuple[Declared, ...], sources: Mapping[str, Any]) -> tuple[Declared, ...]:
    """The same with what `[tool.uv.sources]` says of where they come from."""
    origins = {normalise(name): origin for name, one in sources.items() if (origin := _uv_origin(one)) is not None}
    members = {normalise(name) for name, one in sources.items() if isinstance(one, dict) and one.get("workspace")}
    return tuple(
        replace(d, source=origins.get(d.name, d.source), managed=d.managed or d.name in members) for d in declared
    )


def read_pipfile(text: str, path: str) -> Manifest:
    """A Pipfile."""
    data, problem = parse_toml(text)
    lines = Lines(text)
    declared: list[Declared] = []
    groups: tuple[tuple[str, Group], ...] = (("packages", "main"), ("dev-packages", "dev"))
    for section, group in groups:
        start = _after(text, f"[{section}]")
        for name, wish in table(data, section).items():
            constraint, source = _wish(wish)
            line = lines.find(f"\n{name}", f'\n"{name}"', after=start) + (1 if start else 0)
            declared.append(Declared(normalise(name), constraint, group, "python", path, line, source))
    requires = table(data, "requires")
    version = requires.get("python_full_version") or requires.get("python_version")
    runtimes: tuple[RuntimeVersion, ...] = ()
    if isinstance(version, str):
        line = lines.find("python_full_version", "python_version")
        runtimes = (RuntimeVersion("python", version, path, line, False),)
    return Manifest(path, "python", tuple(declared), runtimes, problem=problem)


def read_setup_cfg(text: str, path: str) -> Manifest:
    """A setup.cfg; one that only holds settings of tools lists nothing."""
    problem = too_large(text)
    parser = configparser.RawConfigParser(strict=False)
    if problem is None:
        try:
            parser.read_string(text)
        except (configparser.Error, ValueError) as error:
            problem = str(error).partition("\n")[0]
    options = {k: parser.get("options", k, fallback="") or "" for k in ("install_requires", "python_requires")}
    lines = Lines(text)
    declared = list(_requirements(options["install_requires"].split("\n"), "main", path, lines, 0))
    if parser.has_section("options.extras_require"):
        for name, value in parser.items("options.extras_require"):
            group: Group = "dev" if name in _DEV_GROUPS else "optional"
            declared += _requirements((value or "").split("\n"), group, path, lines, 0)
    wanted = options["python_requires"].strip()
    runtimes: tuple[RuntimeVersion, ...] = ()
    if wanted:
        runtimes = (RuntimeVersion("python", wanted, path, lines.find("python_requires"), allows_many(wanted)),)
    return Manifest(path, "python", tuple(declared), runtimes, lists=bool(declared), problem=problem)


def read_setup_py(text: str, path: str) -> Manifest:
    """A setup.py, read as code without running it; lists that it computes make it dynamic."""
    problem, tree = too_large(text), None
    if problem is None:
        tree, problem = parse_python(text)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []
    setup = next((c for c in calls if _called(c) == "setup"), None)
    given = {one.arg: one.value for one in setup.keywords if one.arg} if setup else {}
    constants = _constants(tree)
    declared = list(_from_list(given.get("install_requires"), constants, "main", path))
    extras = given.get("extras_require")
    if isinstance(extras, ast.Dict):
        for value in extras.values:
            declared += _from_list(value, constants, "optional", path)
    dynamic = "install_requires" in given and _list(given["install_requires"], constants) is None
    runtimes: tuple[RuntimeVersion, ...] = ()
    wanted = given.get("python_requires")
    if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
        runtimes = (RuntimeVersion("python", wanted.value, path, wanted.lineno, allows_many(wanted.value)),)
    lists = setup is not None or problem is not None
    return Manifest(path, "python", tuple(declared), runtimes, dynamic=dynamic, lists=lists, problem=problem)


def parse_toml(text: str) -> tuple[dict[str, Any], str | None]:
    """A TOML file's content, or nothing and why."""
    problem = too_large(text)
    if problem:
        return {}, problem
    try:
        return tomllib.loads(text), None
    except (tomllib.TOMLDecodeError, ValueError) as error:
        return {}, f"no valid TOML: {error}"
    except RecursionError:
        return {}, "nested too deeply"


def parse_python(text: str) -> tuple[ast.Module | None, str | None]:
    """A Python file's syntax tree, or None and why."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text), None
    except SyntaxError as error:
        return None, f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError):
        return None, "nested too deeply, or not text"


def table(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The table at these keys; an empty one if there is none."""
    found: Any = data
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def items(value: Any) -> list[Any]:
    """A list; an empty one for anything else."""
    return value if isinstance(value, list) else []


def allows_many(constraint: str) -> bool:
    """Whether a constraint on a language's version allows more than one minor version: `>=3.9`, `^18`."""
    text = constraint.strip()
    if re.fullmatch(r"(?:==|===|~=|=)?\s*v?\d+\.\d+(?:\.\d+|\.\*)*", text):
        return text.startswith("~=") and text.count(".") == 1
    return True


def _requirements(entries: list[Any], group: Group, path: str, lines: Lines, after: int) -> Iterator[Declared]:
    for entry in entries:
        found = read_requirement(entry) if isinstance(entry, str) and entry.strip() else None
        if found is not None:
            line = lines.find(f'"{entry}"', f"'{entry}'", entry, after=after)
            yield found.declared(group, path, line)


def _groups(groups: Mapping[str, Any], other: Group, path: str, lines: Lines, text: str) -> Iterator[Declared]:
    for name, entries in groups.items():
        group: Group = "dev" if name.lower() in _DEV_GROUPS else other
        after = max(text.find(f"\n{name} ="), text.find(f"\n{name}="), 0)
        yield from _requirements(items(entries), group, path, lines, after)


def _poetry(poetry: Mapping[str, Any], path: str, lines: Lines, text: str) -> Iterator[Declared]:
    tables: list[tuple[str, Mapping[str, Any], Group]] = [
        ("[tool.poetry.dependencies]", table(poetry, "dependencies"), "main"),
        ("[tool.poetry.dev-dependencies]", table(poetry, "dev-dependencies"), "dev"),
    ]
    for name, group in table(poetry, "group").items():
        kind: Group = "dev" if name.lower() in _DEV_GROUPS else "main"  # Poetry installs all that are not optional
        if isinstance(group, Mapping) and group.get("optional"):
            kind = "dev" if kind == "dev" else "optional"
        header = f"[tool.poetry.group.{name}.dependencies]"
        tables.append((header, table(group, "dependencies") if isinstance(group, Mapping) else {}, kind))
    for header, wishes, kind in tables:
        after = _after(text, header)
        for name, wish in wishes.items():
            if name.lower() == "python":
                continue
            constraint, source = _wish(wish)
            optional = isinstance(wish, Mapping) and wish.get("optional") is True
            at = max(text.find(f"\n{name} ", after), text.find(f"\n{name}=", after), text.find(f'\n"{name}"', after))
            line = lines.of(at + 1) if at >= 0 else lines.of(after)
            yield Declared(normalise(name), constraint, "optional" if optional else kind, "python", path, line, source)


def _wish(wish: Any) -> tuple[str, Origin | None]:
    """The constraint and the source of `"^1.0"` or `{ version = "…", git = "…", rev = "…" }`."""
    if isinstance(wish, list):
        wish = wish[0] if wish else ""
    if isinstance(wish, str):
        return ("" if wish.strip() == "*" else wish.strip()), None
    if not isinstance(wish, Mapping):
        return "", None
    version = wish.get("version", "")
    return ("" if not isinstance(version, str) or version == "*" else version), _uv_origin(wish)


def _uv_origin(one: Any) -> Origin | None:
    if isinstance(one, list):
        one = one[0] if one else {}
    if not isinstance(one, Mapping):
        return None
    if isinstance(one.get("git"), str):
        reference = next((str(one[k]) for k in ("rev", "ref", "tag", "branch") if one.get(k)), None)
        return Origin("vcs", one["git"], reference)
    for key in ("path", "file", "url"):
        if isinstance(one.get(key), str):
            return Origin("url" if "://" in one[key] else "path", one[key])
    return None


def _after(text: str, header: str) -> int:
    return max(text.find(header), 0)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _constants(tree: ast.Module | None) -> dict[str, ast.expr]:
    """What module-level names are bound to."""
    bound = [node for node in tree.body if isinstance(node, ast.Assign)] if tree else []
    return {t.id: node.value for node in bound for t in node.targets if isinstance(t, ast.Name)}


def _list(node: ast.expr | None, constants: Mapping[str, ast.expr]) -> list[ast.expr] | None:
    if isinstance(node, ast.Name):
        node = constants.get(node.id)
    return node.elts if isinstance(node, ast.List | ast.Tuple) else None


def _from_list(node: ast.expr | None, constants: Mapping[str, ast.expr], group: Group, path: str) -> Iterator[Declared]:
    for one in _list(node, constants) or ():
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            found = read_requirement(one.value)
            if found is not None:
                yield found.declared(group, path, one.lineno)
