"""A Python app that is itself a package: how its modules, commands and metadata are found without installing it.

Its dependencies are shared by many builds, so it cannot be installed among them; and its code is already there. What an
installation would add is its metadata (`importlib.metadata`, entry points) and its commands: both are written from
pyproject.toml into `.tolv` beside the code. The build backend is not run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tolv.dependencies.python_runtime import read_toml

#: The app's own commands, relative to its root.
SCRIPTS = ".tolv/bin"
#: The app's own metadata.
METADATA = ".tolv/lib"

_SCRIPT = """#!/usr/bin/env python
import sys
from {module} import {name}
if __name__ == "__main__":
    sys.exit({call}())
"""


def has_metadata(tree: Path) -> bool:
    """Whether the app is a package that a manager would install: it says how it is built, or names commands."""
    data = read_toml(tree / "pyproject.toml")
    name = _project(data).get("name")
    return bool(name) and bool("build-system" in data or _entry_points(data))


def write_metadata(tree: Path) -> None:
    """Write what an installation would, below `.tolv`."""
    data = read_toml(tree / "pyproject.toml")
    project = _project(data)
    name, version = str(project["name"]), str(project.get("version") or "0")
    info = tree / METADATA / f"{re.sub(r'[-_.]+', '_', name)}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = _entry_points(data)
    (info / "entry_points.txt").write_text(
        "".join(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in sorted(these.items())) for group, these in groups)
    )
    for group, these in groups:
        if group in ("console_scripts", "gui_scripts"):
            for script, target in these.items():
                _write_script(tree / SCRIPTS / script, target)


def _write_script(path: Path, target: str) -> None:
    module, _, attribute = target.split("[")[0].strip().partition(":")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_SCRIPT.format(module=module, name=attribute.split(".")[0], call=attribute))
    path.chmod(0o755)


def _project(data: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = data.get("project") or data.get("tool", {}).get("poetry", {})
    return found


def _entry_points(data: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    project = _project(data)
    groups = {
        "console_scripts": project.get("scripts") or {},
        "gui_scripts": project.get("gui-scripts") or {},
        **(project.get("entry-points") or project.get("plugins") or {}),
    }
    plain = {
        name: {key: str(value) for key, value in these.items() if isinstance(value, str)}
        for name, these in groups.items()
    }
    return [(name, these) for name, these in sorted(plain.items()) if these]
