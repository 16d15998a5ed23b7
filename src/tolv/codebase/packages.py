"""What an app depends on: its manifests, locks and runtime versions, of all languages, as one value.

These readers take whatever they find and never raise, as `tolv check` needs it. Those that a build needs, which refuse
what they cannot follow to the letter, are in `tolv.dependencies`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator

from tolv.codebase.declared import (
    Declared,
    Group,
    Lock,
    Manifest,
    Origin,
    Own,
    PackageLanguage,
    Packages,
    RuntimeVersion,
    merged,
)
from tolv.codebase.java_packages import read_gradle, read_pom, read_settings_gradle, read_version_catalogue
from tolv.codebase.lockfiles import LOCK_NAMES, read_lock
from tolv.codebase.node_packages import read_package_json
from tolv.codebase.other_packages import (
    read_composer_json,
    read_gemfile,
    read_gemspec,
    read_go_mod,
    read_go_work,
)
from tolv.codebase.python_packages import read_pipfile, read_pyproject, read_setup_cfg, read_setup_py
from tolv.codebase.requirements import read_requirements
from tolv.codebase.runtimes import RUNTIME_NAMES, read_runtime

__all__ = [
    "Declared",
    "Group",
    "Lock",
    "Manifest",
    "Origin",
    "Own",
    "PackageLanguage",
    "Packages",
    "RuntimeVersion",
    "is_package_file",
    "read_packages",
]

Read = Callable[[str], str | None]
"""Gives a file's text by its path; None if there is none, or it is no text."""

_READERS: dict[str, Callable[[str, str], Manifest]] = {
    "pyproject.toml": read_pyproject,
    "Pipfile": read_pipfile,
    "setup.cfg": read_setup_cfg,
    "setup.py": read_setup_py,
    "package.json": read_package_json,
    "go.mod": read_go_mod,
    "go.work": read_go_work,
    "pom.xml": read_pom,
    "build.gradle": read_gradle,
    "build.gradle.kts": read_gradle,
    "settings.gradle": read_settings_gradle,
    "settings.gradle.kts": read_settings_gradle,
    "libs.versions.toml": read_version_catalogue,
    "Gemfile": read_gemfile,
    "gems.rb": read_gemfile,
    "composer.json": read_composer_json,
    "pnpm-workspace.yaml": lambda text, path: Manifest(path, "javascript", workspace=True, lists=False),
}
#: Manifests that may make a workspace of the directories below.
_WORKSPACES = (
    "package.json",
    "pnpm-workspace.yaml",
    "pyproject.toml",
    "go.work",
    "settings.gradle",
    "settings.gradle.kts",
    "pom.xml",
)
_REQUIREMENTS = re.compile(
    r"(?:^|/)(?:[\w.-]*requirements?[\w.-]*\.(?:txt|in|lock)|requirements/[\w.-]+\.(?:txt|in|lock)|constraints[\w.-]*\.txt)$"
)
#: Files that one app may include: a cycle is cut before, a bomb here.
_MOST_INCLUDES = 200


def is_package_file(path: str) -> bool:
    """Whether a file, by its path alone, is a manifest, a lock or says which version of a language is meant."""
    name = path.rpartition("/")[2]
    return (
        name in _READERS
        or name in LOCK_NAMES
        or name in RUNTIME_NAMES
        or name.endswith(".gemspec")
        or _REQUIREMENTS.search(path) is not None
    )


def read_packages(paths: Iterable[str], read: Read, root: str = "") -> Packages:
    """What these files of an app say; those that are no package files are skipped, those included are read too.

    `root` is the app's directory: the workspaces and locks of the directories above it count, if it lies in one.
    """
    wanted = sorted({path for path in paths if is_package_file(path)}, key=lambda path: (path.count("/"), path))
    wanted += [path for path in _above(root) if path not in wanted and read(path) is not None]
    found: dict[str, Manifest] = {}
    bound = len(wanted) + _MOST_INCLUDES
    while wanted and len(found) < bound:
        path = wanted.pop(0)
        if path in found or path.startswith(("../", "/")):
            continue
        manifest = _read(path, read)
        if manifest is not None:
            found[path] = manifest
            wanted += [one for one in manifest.includes if one not in found]
    constraints = {one for manifest in found.values() for one in _constraints(manifest, read)}
    return merged(_as_constraints(one) if one.path in constraints else one for one in found.values())


def _above(root: str) -> Iterator[str]:
    """Where the directories above an app may say that they are its workspace."""
    while root:
        root = posixpath.dirname(root)
        for name in (*sorted(LOCK_NAMES), *_WORKSPACES):
            yield posixpath.join(root, name)


def _read(path: str, read: Read) -> Manifest | None:
    name = path.rpartition("/")[2]
    if name in LOCK_NAMES:
        lock = read_lock(read(path), path)
        return Manifest(path, lock.language, locks=(lock,), lists=False) if lock else None
    text = read(path)
    if text is None:
        return None
    if name in RUNTIME_NAMES:
        versions = tuple(read_runtime(text, path))
        return Manifest(path, versions[0].language, runtimes=versions, lists=False) if versions else None
    if name.endswith(".gemspec"):
        return read_gemspec(text, path)
    return _READERS.get(name, read_requirements)(text, path)


def _constraints(manifest: Manifest, read: Read) -> Iterator[str]:
    """The files that a requirements file names by `-c`: they bound versions, and ask for nothing."""
    if posixpath.basename(manifest.path).startswith("constraints"):
        yield manifest.path
    for included in manifest.includes:
        text = read(manifest.path) or ""
        name = re.escape(posixpath.relpath(included, posixpath.dirname(manifest.path) or "."))
        if re.search(rf"^\s*(?:-c|--constraint)[\s=]*(?:\./)?{name}\s*(?:#.*)?$", text, re.MULTILINE):
            yield included


def _as_constraints(one: Manifest) -> Manifest:
    return Manifest(one.path, one.language, locks=one.locks, lists=False, problem=one.problem)
