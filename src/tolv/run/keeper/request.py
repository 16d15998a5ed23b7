"""What a request to the keeper must look like. Anything else is refused with a reason, and has touched nothing."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")

_SPEC: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "argv": (list,),
    "directory": (str,),
    "tmp": (str,),
    "stdout": (str, type(None)),
    "stderr": (str, type(None)),
    "limits": (dict,),
    "tty": (bool,),
    "labels": (dict,),
    "log_group": (str, type(None)),
    "log_limit": (int, type(None)),
}
_LIMITS = ("memory", "open_files", "processes", "cpu")
_SANDBOX: dict[str, tuple[type, ...]] = {
    "user": (int, type(None)),
    "view": (bool,),
    "landlock": (bool,),
    "reads": (list, tuple),
    "writes": (list, tuple),
    "tmp_size": (int, type(None)),
    "network": (int, type(None)),
    "init": (bool,),
}
#: What a client of an earlier version does not say.
_SANDBOX_DEFAULTS = {"network": None, "init": False}


class Refused(Exception):
    """The keeper will not do it. `kind` is for programs: request, exists, unknown, alive."""

    def __init__(self, problem: str, kind: str = "request") -> None:
        super().__init__(problem)
        self.problem = problem
        self.kind = kind


def take(request: dict[str, Any], name: str, kind: type[T]) -> T:
    """The member `name` of a request. Raises `Refused` if it is missing or not of that type."""
    value = request.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Refused(f"{name!r} must be of type {kind.__name__}")
    return value


def check_spec(request: dict[str, Any]) -> dict[str, Any]:
    """The process that `start` or `prepare` describes, only of what the keeper knows. Raises `Refused`."""
    spec = take(request, "spec", dict)
    env = take(request, "env", dict)
    for name, kinds in _SPEC.items():
        if not isinstance(spec.get(name), kinds):
            raise Refused(f"'spec.{name}' is missing or of the wrong type")
    argv, limits = spec["argv"], spec["limits"]
    if not argv or not all(isinstance(one, str) and "\0" not in one for one in argv) or not argv[0]:
        raise Refused("'spec.argv' must be strings, the program first, without NUL")
    if not all(isinstance(one, str) and "\0" not in name + one and "=" not in name for name, one in env.items()):
        raise Refused("'env' must map names without '=' to strings, without NUL")
    for path in (spec["directory"], spec["tmp"], spec["stdout"], spec["stderr"]):
        if path is not None and (not os.path.isabs(path) or "\0" in path):
            raise Refused(f"{path!r} must be an absolute path")
    if not all(limits.get(name) is None or type(limits[name]) in (int, float) for name in _LIMITS):
        raise Refused("'spec.limits' must be numbers")
    if not all(isinstance(name, str) and isinstance(text, str) for name, text in spec["labels"].items()):
        raise Refused("'spec.labels' must map strings to strings")
    return {
        **{name: spec.get(name) for name in _SPEC},
        "limits": {name: limits.get(name) for name in _LIMITS},
        "sandbox": _check_sandbox(spec.get("sandbox")),
    }


def _check_sandbox(sandbox: object) -> dict[str, Any] | None:
    """How the process is confined; None: not at all."""
    if sandbox is None:
        return None
    if isinstance(sandbox, dict):
        sandbox = {**_SANDBOX_DEFAULTS, **sandbox}
    if not isinstance(sandbox, dict) or not all(isinstance(sandbox.get(one), kind) for one, kind in _SANDBOX.items()):
        raise Refused("'spec.sandbox' lacks something, or has something of the wrong type")
    if sandbox["user"] is not None and sandbox["user"] <= 0:
        raise Refused("no process of an app is root's")
    if sandbox["network"] is not None and (sandbox["network"] is True or sandbox["network"] <= 0):
        raise Refused("'spec.sandbox.network' must be the pid of a process")
    if sandbox["init"] and not sandbox["view"]:
        raise Refused("a process can be pid 1 in a view only, which has a /proc of its own")
    for path in (*sandbox["reads"], *sandbox["writes"]):
        if not isinstance(path, str) or not os.path.isabs(path) or "\0" in path:
            raise Refused(f"{path!r} must be an absolute path")
    return {name: sandbox[name] for name in _SANDBOX}
