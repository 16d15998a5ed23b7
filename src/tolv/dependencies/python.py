"""Python: uv installs what the lockfile names into a virtual environment of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tolv.dependencies import python_defaults, python_project, python_runtime, python_venv
from tolv.dependencies.model import Context, DependencyPlan, Package, Runtime, Step
from tolv.dependencies.python_code import compile_code
from tolv.dependencies.python_sources import read_source

PREFIX = "opt/venv"

#: Changes when the installed tree of one key would: part of every key.
_FORMAT = "1"

_MANIFESTS = ("requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "pylock.toml", "manage.py")


class Python:
    """See `tolv.dependencies.model.Language`."""

    name = "python"

    def detect(self, tree: Path) -> bool:
        """A manifest, a `.python-version` or a Python file at the root."""
        if any((tree / one).is_file() for one in (*_MANIFESTS, ".python-version", "runtime.txt")):
            return True
        return not (tree / "package.json").is_file() and any(tree.glob("*.py"))

    def default_processes(self, tree: Path) -> dict[str, str]:
        return python_defaults.processes(tree, read_source(tree).names)

    def plan(self, tree: Path, wanted: Mapping[str, Any], override: str | None) -> DependencyPlan:
        source = read_source(tree)
        interpreter, note = python_runtime.choose(tree, wanted.get("python"), override, source.misfits)
        details = {"path": os.pathsep.join(python_defaults.import_roots(tree))}
        if python_project.has_metadata(tree):
            details["metadata"] = python_project.METADATA
        key = {
            "language": self.name,
            "format": _FORMAT,
            "interpreter": interpreter.version,
            "platform": f"{os.uname().sysname}-{os.uname().machine}",
            "lockfile": source.lockfile or "",
            "content": source.digest,
        }
        return DependencyPlan(
            runtime=Runtime(self.name, interpreter.version, details),
            interpreter=interpreter.executable,
            prefix=PREFIX,
            lockfile=source.lockfile,
            key=key,
            notes=tuple(one for one in (note, *source.notes) if one),
        )

    def begin(self, plan: DependencyPlan, context: Context) -> None:
        python_venv.start_compiler(plan.interpreter, context)

    def install(self, plan: DependencyPlan, tree: Path, prefix: Path, context: Context) -> tuple[Package, ...]:
        interpreter = python_runtime.Interpreter(plan.runtime.version, plan.interpreter)
        source = read_source(tree)
        python_venv.make_venv(prefix, interpreter)
        if source.lockfile is None:
            return ()
        context.report(f"installing {len(source.names)} packages from {source.lockfile}")
        command = source.command(tree, prefix, interpreter, context)
        return python_venv.install(context, prefix, interpreter, command, tree, source.lockfile or "")

    def build_steps(self, tree: Path, plan: DependencyPlan) -> tuple[Step, ...]:
        """Django's `collectstatic`, as on Heroku: when there is a `manage.py` and static files are configured."""
        django = "django" in read_source(tree).names and (tree / "manage.py").is_file()
        if not django or "DISABLE_COLLECTSTATIC" in os.environ or not python_defaults.uses_static_files(tree):
            return ()
        return (
            Step(
                "collectstatic",
                ("python", "manage.py", "collectstatic", "--noinput"),
                remedy="a build has no config: give each variable that the settings need a default in .env.example, "
                'or set `[build] command = ""` in tolv.toml to leave the step out',
                traced=True,
            ),
        )

    def enter(self, plan: DependencyPlan, tree: Path, context: Context) -> tuple[str, ...]:
        """Nothing: the virtual environment lies outside the tree."""
        return ()

    def leave(self, plan: DependencyPlan, tree: Path) -> None:
        """Nothing."""

    def finish(self, plan: DependencyPlan, tree: Path, context: Context) -> None:
        """Byte code for the app's own files, since nobody can write it once the release is read-only."""
        if "metadata" in plan.runtime.details:
            python_project.write_metadata(tree)
        compile_code(plan, tree, context)

    def portable(self, runtime: Runtime, prefix: Path) -> Mapping[str, str | bytes]:
        return python_venv.portable(runtime.version)

    def owns(self, prefix: str) -> bool:
        return prefix == PREFIX

    def attach(self, runtime: Runtime, prefix: Path) -> None:
        python_venv.point_at(prefix, python_runtime.find(runtime.version))

    def settle(self, prefix: Path, place: Path) -> None:
        python_venv.name_interpreter(prefix, place)

    def attached(self, runtime: Runtime, prefix: Path) -> bool:
        return (prefix / "bin" / "python").exists()

    def environment(
        self, runtime: Runtime, root: Path, *, image: bool = False
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """The virtual environment first; `PYTHONPATH` as on Heroku, with the roots that the app imports from."""
        app = root / "app"
        roots = [str(app / one) for one in runtime.details.get("path", "").split(os.pathsep)]
        paths = [str(root / PREFIX / "bin")]
        if metadata := runtime.details.get("metadata"):
            roots.append(str(app / metadata))
            paths.append(str(app / python_project.SCRIPTS))
        return tuple(paths), {"PYTHONPATH": os.pathsep.join(roots)}
