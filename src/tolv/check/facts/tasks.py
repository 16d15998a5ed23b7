"""Code that only one-off tasks use: it lies among the app's, and no process that serves ever loads it."""

from __future__ import annotations

import re

from tolv.check.looks.mentions import mentions
from tolv.check.unit import Unit

_SERVING = ("prod", "migrations")
#: Where tasks and generators of code are.
_TASKS = re.compile(r"(?:^|/)(?:tasks?|generators?|commands?)(?:/|\.\w+$)|\.rake$")
_CONSTANT = re.compile(rb"^(?:module|class)\s+([A-Z]\w+(?:::[A-Z]\w+)*)", re.MULTILINE)


def only_for_tasks(unit: Unit, path: str) -> bool:
    """Whether a module of Ruby or Python is asked for by tasks, commands or scripts, and by nothing else."""
    source = unit.source(path)
    if source is None or source.language not in ("ruby", "python"):
        return False
    stem = path.rpartition("/")[2].partition(".")[0]
    if source.language == "python":
        users = {one.path for one in unit.seen(mentions) if stem in re.split(r"[./]", one.what.module)}
    else:
        users = _users_of_constant(unit, path, _CONSTANT.findall(source.data[:4000]))
    users = {one for one in users - {path} if unit.context(one) not in ("test", "docs", "dev")}
    return bool(users) and all(unit.context(one) == "admin" or _TASKS.search(one) for one in users)


def _users_of_constant(unit: Unit, path: str, constants: list[bytes]) -> set[str]:
    if not constants:
        return set()
    name = re.compile(rb"\b" + re.escape(constants[0]) + rb"\b")
    last = constants[0].rpartition(b"::")[2]
    directory, _, file_name = path.rpartition("/")
    own = f"{directory}/{file_name.partition('.')[0]}/".lstrip("/")
    found = set()
    for file in unit.files:
        if file.language == "ruby" and file.path != path and not file.path.startswith(own):
            source = unit.source(file.path)
            if source is not None and last in source.words and name.search(source.data):
                found.add(file.path)
    return found
