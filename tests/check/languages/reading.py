"""What tests of front ends say of sources and values, in one line."""

from __future__ import annotations

from tolv.check.languages import make_source
from tolv.check.source import Call, Language, Source, Value

_SUFFIX: dict[str, str] = {"javascript": "js", "go": "go", "java": "java", "ruby": "rb", "php": "php"}


def source(language: Language, text: str, suffix: str | None = None) -> Source:
    return make_source(f"a.{suffix or _SUFFIX[language]}", language, text.encode())


def said(value: Value | None) -> str:
    """A value in short: `env PORT or int 80`, `call pg.Pool(…)`."""
    if value is None:
        return "nothing"
    parts = ", ".join(said(part) for part in value.parts)
    match value.kind:
        case "literal":
            return f"{value.name} {value.text}"
        case "env":
            return f"env {value.name}" + (f" or {parts}" if parts else "")
        case "name":
            return f"name {value.name}"
        case "call":
            return f"call {value.name}({parts})"
        case "template":
            return f"template {value.text} [{parts}]"
        case "container":
            return f"{value.text} [{parts}]"
        case "choice":
            return f"choice [{parts}]"
    return "unknown"


def bound(language: Language, text: str, name: str, suffix: str | None = None) -> str:
    """What the only binding of a name gives it."""
    [one] = [one for one in source(language, text, suffix).bindings(name) if one.name == name]
    return said(one.value)


def reads(language: Language, text: str, suffix: str | None = None) -> list[str]:
    return [said(one) for one in source(language, text, suffix).env_reads()]


def names(language: Language, text: str, *asked: str, suffix: str | None = None) -> list[str]:
    """The resolved names of calls."""
    return [one.name for one in source(language, text, suffix).calls(*asked)]


def call(language: Language, text: str, *asked: str, suffix: str | None = None) -> Call:
    [one] = source(language, text, suffix).calls(*asked)
    return one


def writes(language: Language, text: str, suffix: str | None = None) -> list[tuple[str, str, int]]:
    return [(one.name, one.how, one.line) for one in source(language, text, suffix).writes()]
