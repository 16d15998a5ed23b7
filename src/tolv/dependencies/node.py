"""Node: npm, pnpm or yarn install what the lockfile names into `node_modules`, a layer of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tolv.dependencies import node_install, node_runtime
from tolv.dependencies.model import Context, DependencyPlan, Package, Runtime, Step
from tolv.dependencies.node_locks import check_npm_lock
from tolv.dependencies.node_modules import clean, link_tree, packages
from tolv.dependencies.node_runtime import package_json

PREFIX = "app/node_modules"

_FORMAT = "1"


class NodeJs:
    """See `tolv.dependencies.model.Language`."""

    name = "node"

    def detect(self, tree: Path) -> bool:
        """A `package.json` that is more than a list of tools for another language's app."""
        if not (tree / "package.json").is_file():
            return False
        manifest = package_json(tree)
        return bool(
            manifest.get("dependencies") or node_install.build_script(manifest) or not (tree / "manage.py").is_file()
        )

    def default_processes(self, tree: Path) -> dict[str, str]:
        """`npm start`, as on Heroku, or the file that it would run."""
        manifest = package_json(tree)
        if "start" in node_install.scripts(manifest):
            return {"web": "npm start"}
        names = ("server.js", "index.js", "app.js", str(manifest.get("main") or ""))
        found = next((name for name in names if name and (tree / name).is_file()), None)
        return {"web": f"node {found}"} if found else {}

    def plan(self, tree: Path, wanted: Mapping[str, Any], override: str | None) -> DependencyPlan:
        node, note = node_runtime.choose(tree, wanted.get("node"), override)
        manifest = package_json(tree)
        lockfile = next((name for name in node_install.LOCKS if (tree / name).is_file()), None)
        notes = [note] if note else []
        depends = any(manifest.get(key) for key in ("dependencies", "optionalDependencies", "workspaces"))
        if depends and lockfile is None:
            notes.append(
                "nothing is locked: package.json alone decides, and the next build may differ; commit a lockfile"
            )
        if depends and node_install.manager(tree) == "npm":
            check_npm_lock(tree, manifest)
        key = {
            "language": self.name,
            "format": _FORMAT,
            "interpreter": node.version.partition(".")[0],
            "platform": f"{os.uname().sysname}-{os.uname().machine}",
            "lockfile": lockfile or "",
            "content": node_install.content(tree),
        }
        return DependencyPlan(
            runtime=Runtime(self.name, node.version),
            interpreter=node.executable,
            prefix=PREFIX,
            lockfile=(lockfile or "package.json") if depends else None,
            key=key if depends else {},
            notes=tuple(notes),
        )

    def begin(self, plan: DependencyPlan, context: Context) -> None:
        """Nothing: `finish` needs no tool."""

    def install(self, plan: DependencyPlan, tree: Path, prefix: Path, context: Context) -> tuple[Package, ...]:
        context.report(f"installing the packages of {plan.lockfile}")
        node_install.install(plan, tree, prefix, context, production=True)
        clean(prefix)
        return packages(prefix)

    def build_steps(self, tree: Path, plan: DependencyPlan) -> tuple[Step, ...]:
        """The script `heroku-postbuild`, else `build`."""
        script = node_install.build_script(package_json(tree))
        if script is None:
            return ()
        command = (*node_runtime.tool(node_install.manager(tree), plan.interpreter), "run", script)
        return (
            Step(
                f"{node_install.manager(tree)} run {script}",
                command,
                remedy=f"correct the script {script} in package.json",
            ),
        )

    def enter(self, plan: DependencyPlan, tree: Path, context: Context) -> tuple[str, ...]:
        """`node_modules` with the development dependencies, which the image does not get."""
        if not (plan.key or package_json(tree).get("devDependencies")):
            return ()
        material = f"{node_install.content(tree)} {plan.runtime.version}"
        key = hashlib.sha256(material.encode()).hexdigest()
        kept = context.cache / "node_modules" / key
        if not kept.is_dir():
            context.report("installing the packages that the build needs")
            stage = context.scratch / "development"
            node_install.install(plan, tree, stage, context, production=False)
            kept.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(stage, kept)
            except OSError:  # another build was faster
                shutil.rmtree(stage)
        os.utime(kept)
        link_tree(kept, tree / "node_modules")
        return ("node_modules",)

    def leave(self, plan: DependencyPlan, tree: Path) -> None:
        shutil.rmtree(tree / "node_modules", ignore_errors=True)

    def finish(self, plan: DependencyPlan, tree: Path, context: Context) -> None:
        """Nothing: Node runs what is there."""

    def portable(self, runtime: Runtime, prefix: Path) -> Mapping[str, str | bytes]:
        return {}

    def owns(self, prefix: str) -> bool:
        return prefix == PREFIX

    def attach(self, runtime: Runtime, prefix: Path) -> None:
        node_runtime.find(runtime.version)

    def settle(self, prefix: Path, place: Path) -> None:
        """Nothing: no file names where it lies."""

    def attached(self, runtime: Runtime, prefix: Path) -> bool:
        return True

    def environment(
        self, runtime: Runtime, root: Path, *, image: bool = False
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """The app's own tools, then Node; `NODE_ENV=production`, as on Heroku.

        npm looks for a newer npm when it ends, and says so in the middle of the app's logs: not here.
        """
        node = Path("/usr/local/bin") if image else node_runtime.find(runtime.version).executable.parent
        return (str(root / PREFIX / ".bin"), str(node)), {
            "NODE_ENV": "production",
            "npm_config_update_notifier": "false",
        }
