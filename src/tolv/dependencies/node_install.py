"""Installing for Node: which package manager, what it reads, and the commands that follow the lock to the letter."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tolv.dependencies import node_runtime
from tolv.dependencies.model import Context, DependencyPlan
from tolv.dependencies.node_runtime import package_json
from tolv.dependencies.python_sources import tree_digest

#: The lockfiles, and who reads them. The first that is there decides.
LOCKS = {
    "npm-shrinkwrap.json": "npm",
    "package-lock.json": "npm",
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
}

#: What an installation reads beside the lockfile.
_INPUTS = (
    *("package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", ".yarn"),
    *("pnpm-workspace.yaml", ".pnpmfile.cjs", "patches"),
)
_LIFECYCLE = ("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare")


def install(plan: DependencyPlan, tree: Path, target: Path, context: Context, *, production: bool) -> None:
    """Install into a copy of what the package manager reads, and move the result to `target`."""
    manifest = package_json(tree)
    work = context.scratch / ("production-tree" if production else "development-tree")
    whole = _needs_tree(manifest)
    _copy_inputs(tree, work, whole)
    for command in _commands(tree, plan, production=production, whole=whole):
        context.run(
            command,
            cwd=work,
            environment={
                "PATH": os.pathsep.join([str(plan.interpreter.parent), "/usr/local/bin", "/usr/bin", "/bin"]),
                "CI": "1",  # ask nothing
                "npm_config_prefer_symlinked_executables": "true",
                "npm_config_extend_node_path": "false",
                "npm_config_store_dir": str(context.cache / "pnpm"),
                "YARN_CACHE_FOLDER": str(context.cache / "yarn"),
                "YARN_ENABLE_GLOBAL_CACHE": "false",
                "YARN_NODE_LINKER": "node-modules",
            },
            failure=f"the dependencies in {plan.lockfile or 'package.json'} cannot be installed",
            remedy=f"if package.json changed, run `{manager(tree)} install` and commit the lockfile",
        )
    (work / "node_modules").mkdir(exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(work / "node_modules", target)
    shutil.rmtree(work)


def _commands(tree: Path, plan: DependencyPlan, *, production: bool, whole: bool) -> list[list[str]]:
    """What installs exactly the lock. While scripts of the app's own run everything is there, as on Heroku."""
    name = manager(tree)
    start = node_runtime.tool(name, plan.interpreter)
    everything = not production or whole
    if name == "npm":
        action = (
            "ci" if any((tree / name).is_file() for name in ("npm-shrinkwrap.json", "package-lock.json")) else "install"
        )
        install = [*start, action, *([] if everything else ["--omit=dev"]), *(["--include=dev"] if everything else [])]
        prune = [*start, "prune", "--omit=dev", "--ignore-scripts"]
    elif name == "pnpm":
        install = [*start, "install", "--frozen-lockfile", *([] if everything else ["--prod"])]
        prune = [*start, "prune", "--prod", "--ignore-scripts"]
    elif (tree / ".yarnrc.yml").is_file():
        install = [*start, "install", "--immutable"]
        prune = [*start, "workspaces", "focus", "--all", "--production"]
        return [install, prune] if production else [install]
    else:
        install = [
            *start,
            "install",
            "--frozen-lockfile",
            "--non-interactive",
            f"--production={str(not everything).lower()}",
        ]
        prune = [*install[:-1], "--production=true", "--ignore-scripts", "--prefer-offline"]
    return [install, prune] if production and whole else [install]


def _copy_inputs(tree: Path, work: Path, whole: bool) -> None:
    if whole:
        shutil.copytree(tree, work, symlinks=True)
        return
    work.mkdir()
    for name in (*_INPUTS, *LOCKS):
        if (tree / name).is_dir():
            shutil.copytree(tree / name, work / name, symlinks=True)
        elif (tree / name).is_file():
            shutil.copy2(tree / name, work / name)


def content(tree: Path) -> str:
    """A digest of all that the installation reads."""
    if _needs_tree(package_json(tree)):
        return tree_digest(tree).hex()
    digest = hashlib.sha256()
    for name in (*_INPUTS, *LOCKS):
        path = tree / name
        if path.is_file():
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        elif path.is_dir():
            digest.update(name.encode() + b"\0" + tree_digest(path))
    return digest.hexdigest()


def _needs_tree(manifest: Mapping[str, Any]) -> bool:
    """Whether the installation runs scripts of the app's own, or installs parts of it."""
    local = any(
        str(version).startswith(("file:", "link:", "workspace:"))
        for key in ("dependencies", "devDependencies", "optionalDependencies")
        for version in (manifest.get(key) or {}).values()
    )
    return local or "workspaces" in manifest or any(name in scripts(manifest) for name in _LIFECYCLE)


def manager(tree: Path) -> str:
    """The package manager that the lockfile belongs to, else the declared one, else npm."""
    declared = str(package_json(tree).get("packageManager") or "").partition("@")[0]
    return next((who for name, who in LOCKS.items() if (tree / name).is_file()), declared or "npm")


def scripts(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The scripts of a `package.json`, by name."""
    found = manifest.get("scripts")
    return found if isinstance(found, dict) else {}


def build_script(manifest: Mapping[str, Any]) -> str | None:
    """The script that builds the app: `heroku-postbuild`, else `build`."""
    return next((name for name in ("heroku-postbuild", "build") if name in scripts(manifest)), None)
