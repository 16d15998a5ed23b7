"""What a Python app runs when it has no Procfile, read from its files."""

from __future__ import annotations

import re
from pathlib import Path

_FRAMEWORKS = ("fastapi", "starlette", "flask")
_CANDIDATES = ("main.py", "app.py", "application.py", "wsgi.py", "asgi.py", "server.py", "api.py")


def processes(tree: Path, names: frozenset[str]) -> dict[str, str]:
    """Commands by process type for Django, FastAPI, Starlette and Flask; `{}` where there is no honest guess."""
    gunicorn = "gunicorn" in names
    if settings := django_settings(tree):
        module = settings.rpartition(".settings")[0] or settings
        if gunicorn:
            return {"web": f"gunicorn {module}.wsgi --bind 0.0.0.0:$PORT"}
        return {"web": "python manage.py runserver --noreload 0.0.0.0:$PORT"}
    for framework in _FRAMEWORKS:
        if framework in names and (target := _instance(tree, framework)):
            return {"web": _command(framework, target, gunicorn)}
    return {}


def _command(framework: str, target: str, gunicorn: bool) -> str:
    if framework != "flask":
        return f"uvicorn {target} --host 0.0.0.0 --port $PORT"
    if gunicorn:
        return f"gunicorn {target} --bind 0.0.0.0:$PORT"
    return f"flask --app {target} run --host 0.0.0.0 --port $PORT"


def django_settings(tree: Path) -> str | None:
    """The settings module that `manage.py` names."""
    path = tree / "manage.py"
    text = path.read_text(errors="replace") if path.is_file() else ""
    match = re.search(r"""DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)['"]""", text)
    return match.group(1) if match else None


def uses_static_files(tree: Path) -> bool:
    """Whether some settings file sets `STATIC_ROOT`, without which `collectstatic` has nowhere to collect to."""
    module = django_settings(tree) or "settings"
    base = tree / module.replace(".", "/")
    files = [base.with_suffix(".py"), *base.parent.glob("*.py"), *base.glob("*.py")]
    return any("STATIC_ROOT" in one.read_text(errors="replace") for one in files if one.is_file())


def import_roots(tree: Path) -> list[str]:
    """Directories that the app imports from, relative to it: its root, and `src` where its packages lie there."""
    source = tree / "src"
    has_packages = source.is_dir() and not (source / "__init__.py").exists() and any(source.rglob("*.py"))
    return ["src", ""] if has_packages else [""]


def _instance(tree: Path, framework: str) -> str | None:
    """`module:name` of the first file in the usual places that makes an application object."""
    pattern = re.compile(rf"^(\w+)\s*(?::[^=\n]+)?=\s*(?:{framework}\.)?{framework}\(", re.IGNORECASE | re.MULTILINE)
    factory = re.compile(r"^(\w+)\s*(?::[^=\n]+)?=\s*(?:create_app|get_application|make_app)\(", re.MULTILINE)
    packages = sorted(one for one in tree.iterdir() if (one / "__init__.py").is_file())
    source = tree / "src"
    if source.is_dir():
        packages += sorted(one for one in source.iterdir() if (one / "__init__.py").is_file())
    files = [tree / name for name in _CANDIDATES] + sorted(tree.glob("*.py"))
    files += [package / name for package in packages for name in ("__init__.py", *_CANDIDATES)]
    for path in files:
        text = path.read_text(errors="replace") if path.is_file() else ""
        if match := pattern.search(text) or factory.search(text):
            return f"{_module(path, tree)}:{match.group(1)}"
    return None


def _module(path: Path, tree: Path) -> str:
    parts = list(path.relative_to(tree).with_suffix("").parts)
    if parts[0] == "src":
        parts.pop(0)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)
