"""One file of Python: its tree, and what its names stand for in others."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field


@dataclass(slots=True)
class PythonFile:
    """A file that was parsed."""

    path: str
    module: str
    """As it is imported: `app.api.users`."""
    tree: ast.Module
    imported: dict[str, str] = field(default_factory=dict)
    """By name in this file: what it is in full, `app.api.bp`."""

    @classmethod
    def parse(cls, path: str, text: str) -> PythonFile:
        """Raises what `ast.parse` raises."""
        tree = ast.parse(text)
        package = path.endswith("__init__.py")
        module = path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/").replace("/", ".")
        file = cls(path, module, tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                file.imported |= {one.asname: one.name for one in node.names if one.asname}
            elif isinstance(node, ast.ImportFrom):
                up = node.level - package
                above = module.split(".")[: len(module.split(".")) - up] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                file.imported |= {one.asname or one.name: f"{base}.{one.name}" for one in node.names}
        return file

    def full(self, expression: ast.expr) -> str:
        """What an expression names, in full: `bp` is `app.api.bp` where it is made and where it is imported."""
        first, dot, rest = ast.unparse(expression).partition(".")
        return self.imported.get(first, f"{self.module}.{first}") + dot + rest
