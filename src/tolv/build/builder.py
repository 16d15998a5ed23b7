"""From a commit to an image, in one readable path: export, read, install, run the steps, pack, name."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType

from tolv.build import image, layers
from tolv.build.collect import holds, remove
from tolv.build.dependency_layers import Installed, dependencies
from tolv.build.locks import in_use
from tolv.build.model import Build, Layer
from tolv.build.oci import Layout
from tolv.build.sbom import sbom, write_sbom
from tolv.build.steps import run_step
from tolv.build.unpack import ensure_layer, furnish, keep_build, runnable, unpack
from tolv.build.workshop import Workshop, remove_tree, workshop
from tolv.codebase.export import export, export_worktree
from tolv.codebase.manifest import read_manifest
from tolv.codebase.model import App, Commit, Source
from tolv.codebase.reader import read_app
from tolv.dependencies import detect
from tolv.dependencies.model import DependencyPlan, Language, Step
from tolv.home import Home

__all__ = ["build", "holds", "read_build", "remove", "sbom", "unpack"]

#: Never part of an image, wherever in the tree it lies.
_NEVER_DIRECTORIES = frozenset({".git", "__pycache__"})
_NEVER_FILE = re.compile(r"\.env(?:\.(?:local|[\w-]+\.local))?|.*\.py[co]")


@dataclass(frozen=True, slots=True)
class _Part:
    """What one language adds to a build."""

    language: Language
    plan: DependencyPlan
    installed: Installed | None


def build(
    source: Source,
    commit: Commit,
    app_name: str | None,
    home: Home,
    report: Callable[[str], None],
    *,
    worktree: bool = False,
    manifest: Path | None = None,
    runtimes: Mapping[str, str] = MappingProxyType({}),
    cancelled: threading.Event | None = None,
) -> Build:
    """Build the app of a commit (or the files as they are now, with `worktree`) into the home's image layout.

    `manifest` takes the place of the app's own `tolv.toml`. `runtimes` says by language which version to take whatever
    the app asks for. The result is also unpacked on this machine. Raises `AppError` when the app cannot be built,
    `UsageError` when it cannot be read, `PlatformError` when the machine fails; in each case nothing of the build is
    left.
    """
    home.make()
    layout = Layout(home.images)
    with in_use(home), workshop(home, report, cancelled or threading.Event()) as shop:
        layout.make()
        app, root, notes = _export(source, commit, app_name, worktree, manifest, shop)
        _take_out(root / "app", ())
        parts = [_part(one, root, app, runtimes, shop, layout) for one in detect(root / "app")]
        _run_steps(app, parts, root, shop)
        _take_out(root / "app", app.build.get("exclude", ()))
        for part in parts:
            part.language.finish(part.plan, root / "app", shop)
        shop.check()
        return _publish(app, commit, parts, root, notes, shop, layout)


def read_build(home: Home, digest: str) -> Build:
    """A build, from its image alone.

    Raises `UsageError` when there is none of this digest.
    """
    return image.read_image(Layout(home.images), digest)[0]


def _export(
    source: Source, commit: Commit, app_name: str | None, worktree: bool, manifest: Path | None, shop: Workshop
) -> tuple[App, Path, tuple[str, ...]]:
    """The app, and the directory whose `app` is its code alone."""
    tree, root = shop.scratch / "tree", shop.scratch / "root"
    tree.mkdir()
    notes: tuple[str, ...] = ()
    if worktree:
        export_worktree(source, tree)
    else:
        notes = export(source, commit, tree)
    if manifest is not None:
        (tree / "tolv.toml").unlink(missing_ok=True)
        shutil.copyfile(manifest, tree / "tolv.toml")
    shop.check()
    app = read_app(tree, name=app_name, fallback_name=source.path.name)
    root.mkdir(mode=0o755)
    os.rename(app.root, root / "app")
    return app, root, notes


def _part(
    language: Language, root: Path, app: App, runtimes: Mapping[str, str], shop: Workshop, layout: Layout
) -> _Part:
    plan = language.plan(root / "app", app.build, runtimes.get(language.name))
    language.begin(plan, shop)
    if not plan.key:
        return _Part(language, plan, None)
    if plan.prefix.startswith("app/"):
        remove_tree(root / plan.prefix)  # committed packages: the lockfile says what they should be
    return _Part(language, plan, dependencies(language, plan, root / "app", shop, layout))


def _run_steps(app: App, parts: Sequence[_Part], root: Path, shop: Workshop) -> None:
    """Run the build steps with every language's dependencies in reach, and the defaults of `.env.example` as config."""
    tree = root / "app"
    steps = _steps(app, parts, tree)
    for part in parts:
        if part.installed:
            ensure_layer(shop.home, part.installed.layer, [part.plan.runtime])
            if not part.plan.prefix.startswith("app/"):
                furnish(shop.home, part.installed.layer, root)
    if not steps:
        return
    lent = [path for part in parts for path in part.language.enter(part.plan, tree, shop)]
    ready = runnable("", root, [part.plan.runtime for part in parts])
    defaults = {one.name: one.default for one in app.variables if one.default is not None}
    ready = replace(ready, environment={**defaults, **ready.environment})
    for step in steps:
        run_step(step, root, ready, [part.plan.key for part in parts], lent, shop)
    for part in parts:
        part.language.leave(part.plan, tree)


def _steps(app: App, parts: Sequence[_Part], tree: Path) -> list[Step]:
    """What `[build] command` says, else what the languages do: Node's before Python's, which collects its output."""
    command = app.build.get("command")
    if command is None:
        return [step for part in reversed(parts) for step in part.language.build_steps(tree, part.plan)]
    remedy = "see what the command of [build] in tolv.toml wrote"
    return [Step("build command", ("/bin/sh", "-c", command), remedy)] if command.strip() else []


def _take_out(tree: Path, globs: Sequence[str]) -> None:
    """Remove what never enters an image: local config, version control, stale byte code, and `globs`."""
    for directory, names, files in os.walk(tree):
        below = os.path.relpath(directory, tree)
        for name in list(names):
            path = os.path.normpath(f"{below}/{name}")
            if name in _NEVER_DIRECTORIES or _matches(path, globs):
                names.remove(name)
                remove_tree(Path(directory, name))
        for name in files:
            if _NEVER_FILE.fullmatch(name) or _matches(os.path.normpath(f"{below}/{name}"), globs):
                os.unlink(f"{directory}/{name}")


def _matches(path: str, globs: Sequence[str]) -> bool:
    return any(fnmatch(path, glob.rstrip("/")) for glob in globs)


def _code_layer(root: Path, commit: Commit, layout: Layout) -> Layer:
    found = layers.entries(root / "app", "app")
    digest, size = layout.write_stream(lambda out: layers.pack(found, commit.time, out))
    return Layer(digest, digest, size, layers.MEDIA_TYPE, "code", "app")


def _publish(
    app: App, commit: Commit, parts: Sequence[_Part], root: Path, notes: Sequence[str], shop: Workshop, layout: Layout
) -> Build:
    """Write the image, put its tree in place, and only then name it in the index."""
    with layout.together() as blobs:
        finished, bill = _write(app, commit, parts, root, notes, blobs)
    for one in _installed(parts):
        if one.layer.prefix.startswith("app/"):
            furnish(shop.home, one.layer, root)
    keep_build(shop.home, finished, root)
    image.name_image(layout, finished, bill)
    return finished


def _write(
    app: App, commit: Commit, parts: Sequence[_Part], root: Path, notes: Sequence[str], blobs: Layout
) -> tuple[Build, str]:
    """Write the image and its bill of materials; the build, and the digest of the bill's manifest."""
    installed = _installed(parts)
    runtimes = [part.plan.runtime for part in parts]
    made = Build(
        digest="",
        app=app.name,
        commit=commit.id or None,
        dirty=commit.dirty,
        branch=commit.branch,
        created=commit.time,
        platform=image.platform(),
        runtime=str(runtimes[0]) if runtimes else "none",
        lockfile=next((part.plan.lockfile for part in parts if part.plan.lockfile), None),
        packages=sum(len(one.packages) for one in installed),
        processes=app.processes,
        release_command=app.release_command,
        release_timeout=app.release_timeout,
        variables=app.variables,
        formation=app.formation,
        layers=(*(one.layer for one in installed), _code_layer(root, commit, blobs)),
        rollout=app.rollout,
        services=app.services,
        production=app.production,
        notes=(*app.notes, *notes, *(note for part in parts for note in part.plan.notes)),
    )
    title = app.name if app.name in _own_names(root / "app") else None
    finished = image.write_image(blobs, made, title, commit.remote, runtimes)
    bill = write_sbom(blobs, finished, runtimes, [package for one in installed for package in one.packages])
    return finished, bill


def _installed(parts: Sequence[_Part]) -> list[Installed]:
    return [part.installed for part in parts if part.installed]


def _own_names(tree: Path) -> set[str]:
    """What the app calls itself, whatever directory it lies in."""
    name = read_manifest(tree / "tolv.toml").name
    return {name} if name else set()
