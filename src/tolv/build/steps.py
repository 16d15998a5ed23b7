"""Build steps: the commands that run in the exported tree once its dependencies are there.

A step that is `traced` need not run again when nothing that it read has changed. That is: the dependencies, the
command, every file that is not Python, the names of all files, and those Python files that it opened, which an audit
hook in its interpreter notes. Django's `collectstatic` opens settings, models and finders, but no views: a change to a
view, which is what most deploys are, costs nothing here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tolv.build.model import Runnable
from tolv.build.workshop import Workshop
from tolv.dependencies.model import Step

_TRACE = Path(__file__).with_name("trace")


def run_step(
    step: Step,
    root: Path,
    ready: Runnable,
    keys: Sequence[Mapping[str, str]],
    lent: Sequence[str],
    shop: Workshop,
) -> None:
    """Run a step in `root/app`, or put there what it made the last time that it read the same.

    `keys` are those of the dependencies, `lent` the paths of the tree that hold some. Raises `AppError` with the
    step's last lines when it fails.
    """
    if not step.traced:
        _run(step, root, ready, shop, {})
        return
    before = _snapshot(root / "app", lent)
    kept = shop.cache / "steps" / _material(step, before, keys)
    if _replay(kept, root / "app", before):
        shop.report(f"{step.name}: nothing that it reads has changed")
        return
    trace = shop.scratch / "trace"
    trace.unlink(missing_ok=True)
    path = os.pathsep.join([str(_TRACE), ready.environment.get("PYTHONPATH", "")])
    _run(step, root, ready, shop, {"PYTHONPATH": path, "TOLV_TRACE": str(trace)})
    with contextlib.suppress(OSError):  # a cache: what cannot be kept is made again
        _keep(kept, root / "app", before, _snapshot(root / "app", lent), trace, shop.scratch)


def _run(step: Step, root: Path, ready: Runnable, shop: Workshop, variables: Mapping[str, str]) -> None:
    shop.report(f"running {step.name}")
    shop.run(
        ["/usr/bin/env", *step.argv],
        cwd=root / "app",
        environment={**ready.environment, "PATH": os.pathsep.join(ready.path), **variables},
        failure=f"the build step {step.name} failed",
        remedy=step.remedy,
    )


def _snapshot(tree: Path, lent: Sequence[str]) -> dict[str, str]:
    """Every file and link of a tree but what is lent to it, with its mode and a digest of its content."""
    found = {}
    for directory, directories, names in os.walk(tree):
        directories[:] = [one for one in directories if os.path.relpath(f"{directory}/{one}", tree) not in lent]
        for name in names:
            path = f"{directory}/{name}"
            mode = os.lstat(path).st_mode
            if os.path.islink(path):
                content = os.fsencode(os.readlink(path))
            else:
                with open(path, "rb") as file:
                    content = file.read()
            found[os.path.relpath(path, tree)] = f"{mode:o} {hashlib.sha256(content).hexdigest()}"
    return found


def _material(step: Step, before: Mapping[str, str], keys: Sequence[Mapping[str, str]]) -> str:
    files = sorted((path, "" if path.endswith(".py") else digest) for path, digest in before.items())
    material = json.dumps([step.argv, [dict(one) for one in keys], files], sort_keys=True)
    return hashlib.sha256(material.encode()).hexdigest()


def _replay(kept: Path, tree: Path, before: Mapping[str, str]) -> bool:
    """Link into the tree what the step made when it read what is there now; whether there was such a time."""
    for record in sorted(kept.glob("*/reads.json")):
        reads = json.loads(record.read_text())
        if all(before.get(path) == digest for path, digest in reads.items()):
            os.utime(kept)
            _link_over(record.parent / "made", tree)
            return True
    return False


def _keep(
    kept: Path, tree: Path, before: Mapping[str, str], after: Mapping[str, str], trace: Path, scratch: Path
) -> None:
    if before.keys() - after.keys():
        return  # it removed files: not a step that a copy of its results can stand for
    opened = [os.fsdecode(one) for one in trace.read_bytes().split(b"\0") if one]
    inside = [os.path.relpath(one, tree) for one in opened if one.startswith(f"{tree}/")]
    stage = scratch / f"step-{uuid.uuid4().hex}"
    (stage / "made").mkdir(parents=True)
    for path, digest in after.items():
        if before.get(path) != digest:
            target = stage / "made" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / path, target, follow_symlinks=False)
    (stage / "reads.json").write_text(json.dumps({path: before[path] for path in inside if path in before}))
    kept.mkdir(parents=True, exist_ok=True)
    os.rename(stage, kept / stage.name)


def _link_over(source: Path, target: Path) -> None:
    """Hard-link a tree's files over another tree."""
    for directory, names, files in os.walk(source):
        place = os.path.normpath(f"{target}/{os.path.relpath(directory, source)}")
        for name in names:
            with contextlib.suppress(FileExistsError):
                os.mkdir(f"{place}/{name}")
        for name in files:
            made, there = f"{directory}/{name}", f"{place}/{name}"
            try:
                os.link(made, there, follow_symlinks=False)
            except FileExistsError:
                os.unlink(there)
                os.link(made, there, follow_symlinks=False)
