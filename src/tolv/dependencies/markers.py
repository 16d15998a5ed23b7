"""Environment markers (PEP 508) of lockfiles, for the interpreter that a build uses."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping
from functools import lru_cache

from tolv.dependencies.versions import parse_version, satisfies

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def marker_environment(version: str) -> dict[str, str]:
    """The variables of PEP 508 for CPython `version` on this machine."""
    system = os.uname()
    return {
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "implementation_name": "cpython",
        "implementation_version": version,
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": system.sysname,
        "platform_machine": system.machine,
        "platform_release": system.release,
        "platform_version": system.version,
        "extra": "",
    }


def holds(marker: str | None, environment: Mapping[str, str]) -> bool:
    """Whether a marker holds; an empty one does.

    Raises `ValueError` for what is no marker.
    """
    return not marker or _evaluate(_parsed(marker), environment)


@lru_cache(maxsize=1024)
def _parsed(marker: str) -> ast.expr:
    """A marker is nearly a Python expression: only `~=` has to be written as an operator that Python knows."""
    try:
        return ast.parse(re.sub(r"~=", "<<", marker.strip()).replace("===", "=="), mode="eval").body
    except SyntaxError:
        raise ValueError(f"{marker!r} is no environment marker") from None


def _evaluate(node: ast.expr, environment: Mapping[str, str]) -> bool:
    if isinstance(node, ast.BoolOp):
        results = (_evaluate(one, environment) for one in node.values)
        return all(results) if isinstance(node.op, ast.And) else any(results)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift):
        return satisfies(parse_version(_value(node.left, environment)), "~=" + _value(node.right, environment))
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compare(node.left, node.ops[0], node.comparators[0], environment)
    raise ValueError(f"{ast.unparse(node)} is no environment marker")


def _compare(left: ast.expr, operator: ast.cmpop, right: ast.expr, environment: Mapping[str, str]) -> bool:
    one, other = _value(left, environment), _value(right, environment)
    if isinstance(operator, ast.In | ast.NotIn):
        return (one in other) is isinstance(operator, ast.In)
    name = left.id if isinstance(left, ast.Name) else right.id if isinstance(right, ast.Name) else ""
    if not name.endswith("_version") or name == "platform_version":
        return (one == other) if isinstance(operator, ast.Eq) else (one != other)
    if isinstance(left, ast.Name):
        return satisfies(parse_version(one), _COMPARISONS[type(operator)] + other)
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
    symbol = _COMPARISONS[type(operator)]
    return satisfies(parse_version(other), mirrored.get(symbol, symbol) + one)


def _value(node: ast.expr, environment: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return environment.get(node.id, "")
    raise ValueError(f"{ast.unparse(node)} is no part of an environment marker")
