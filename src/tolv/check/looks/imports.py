"""What each file imports: read by the rules about dependencies, and by those that follow who needs whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class Imported:
    """One import; the fields are those of `tolv.check.source.Import`."""

    module: str
    names: tuple[str, ...]
    line: int
    optional: bool
    typing: bool
    in_function: bool
    guarded: bool


imports: Look[Imported] = Look("imports")


@imports.reads("python", words=("import", "__import__", "import_module"))
@imports.reads("javascript", words=("import", "require", "from"))
@imports.reads("go", words=("import",))
@imports.reads("java", words=("import",))
@imports.reads("ruby", words=("require", "require_relative", "load", "autoload"))
@imports.reads("php", words=("use", "require", "require_once", "include", "include_once"))
def _imports(source: Source) -> Iterator[Imported]:
    if source.language == "go" and any(line.startswith("//go:build ignore") for line in source.lines[:10]):
        return  # never compiled with the rest
    if source.language == "python" and any(line.strip() == "# /// script" for line in source.lines[:20]):
        return  # declares its own dependencies (PEP 723)
    for one in source.imports():
        yield Imported(one.module, one.names, one.line, one.optional, one.typing, one.in_function, one.guarded)
