"""Following a name to what it stands for in another file: a constant, an attribute of a settings object."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

from tolv.check.source import Binding, Source, Value

#: Files that one value is followed through.
_MOST_HOPS = 5

_SCRIPT_SUFFIXES = (".js", ".ts", ".mjs", ".cjs", ".jsx", ".tsx", "/index.js", "/index.ts", ".json")


class Resolver:
    """Follows names across the files of a unit."""

    def __init__(self, files: Mapping[str, Any], source: Callable[[str], Source | None], root: str) -> None:
        self._files = files
        self._source = source
        self._root = root

    def resolve(self, value: Value, path: str) -> Value:
        """What a value of kind `name` is; the value itself where it leads nowhere."""
        here = path
        for _ in range(_MOST_HOPS):
            if value.kind != "name" or not value.name:
                return value
            found = self._follow(value.name, here)
            if found is None:
                return value
            bound, here = found
            via = value.via or value.name
            value = Value(bound.kind, bound.text, bound.name, bound.parts, value.line, value.column, via)
        return value

    def _follow(self, name: str, path: str) -> tuple[Value, str] | None:
        """The value that a dotted name is bound to, and the file that binds it."""
        module = self._module_of(name, path)
        if module is None:
            return None
        target, rest = module
        source = self._source(target)
        if source is None or not rest:
            return None
        binding = self._bound(source, rest)
        return (binding.value, target) if binding is not None else None

    def _bound(self, source: Source, rest: list[str]) -> Binding | None:
        """The one binding of the last part, in the class that the parts before it name if there are any."""
        last = rest[-1]
        found = [one for one in source.bindings(last) if one.name == last and one.how in ("assign", "attribute", "key")]
        found = [one for one in found if one.scope.at_import or one.how == "attribute"]
        if len(rest) > 1:
            owners = [one for one in found if one.scope.owner is not None]
            named = [one for one in owners if one.scope.owner == rest[-2]]
            found = named or owners or found
        distinct = {(one.value.kind, one.value.text, one.value.name) for one in found}
        return found[0] if found and len(distinct) == 1 else None

    def _module_of(self, name: str, path: str) -> tuple[str, list[str]] | None:
        """The file that a dotted name begins with, and the parts that are left."""
        if path.endswith(".py"):
            return self._python_module(name, path)
        if name.startswith("."):
            return self._script_module(name, path)
        return None

    def _python_module(self, name: str, path: str) -> tuple[str, list[str]] | None:
        dots = len(name) - len(name.lstrip("."))
        parts = [one for one in name.lstrip(".").split(".") if one]
        if dots:
            base = posixpath.dirname(path)
            for _ in range(dots - 1):
                base = posixpath.dirname(base)
            bases = [base]
        else:
            bases = self._import_roots(path)
        for length in range(len(parts) - 1, 0, -1):
            for base in bases:
                stem = posixpath.join(base, *parts[:length])
                for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
                    if candidate in self._files:
                        return candidate, parts[length:]
        return None

    def _import_roots(self, path: str) -> list[str]:
        """Where Python would look: the unit's root, its `src`, and each directory above the file that is no package."""
        roots = [self._root, posixpath.join(self._root, "src")]
        above = posixpath.dirname(path)
        while above:
            roots.append(above)
            above = posixpath.dirname(above)
        return roots

    def _script_module(self, name: str, path: str) -> tuple[str, list[str]] | None:
        """`./config.db.url` seen from `lib/app.js`: the file `lib/config.js`, and `db`, `url`."""
        whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        directory, _, last = whole.rpartition("/")
        parts = last.split(".")
        for length in range(len(parts), 0, -1):
            stem = posixpath.join(directory, ".".join(parts[:length]))
            for candidate in (stem, *(stem + suffix for suffix in _SCRIPT_SUFFIXES)):
                if candidate in self._files:
                    return candidate, parts[length:]
        return None
