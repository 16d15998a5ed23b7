"""API first: the committed contract and the code say the same (API-02)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tolv.check.looks.answers import Answer, answers_of
from tolv.check.looks.contracts import Contract, Operation, contracts_of
from tolv.check.looks.health import is_health_path
from tolv.check.looks.routes import routes
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import rule
from tolv.check.rules.api_first import same, shape
from tolv.check.unit import Unit

#: Share of the contract's operations that must be found in the code before the others count as missing.
_SHARE = 0.6
_FOLLOWED = (".py", ".js", ".ts", ".mjs", ".cjs", ".mts", ".cts", ".jsx", ".tsx")
_INTERNAL = ("metrics", "static", "docs", "swagger", "openapi", "redoc", "admin", "internal", "debug", "favicon")


@rule(
    "API-02",
    severity="warning",
    materials=("python", "javascript"),
    looks=(routes,),
    title="The committed contract and the code do not have the same routes",
    why="Clients are written after a contract that the app does not keep.",
    fix="Bring both together, and let CI compare them.",
    bad="paths: {/users: {get: …, delete: …}}   # and the code has no DELETE /users",
    good="paths: {/users: {get: …}}",
    source="https://spec.openapis.org/oas/latest.html",
    probe="API-P1",
)
def contract_is_kept(unit: Unit) -> Iterator[Outcome]:
    """Operations of an OpenAPI file without a route, and JSON routes that it does not name."""
    contracts = [one for one in contracts_of(unit) if one.kind == "openapi" and one.operations]
    # Routes of Ruby and PHP come of words for many at once (`resources :orders`), and are known in part.
    own = [one for one in answers_of(unit) if one.route.path and one.path.endswith(_FOLLOWED)]
    if not contracts:
        yield NotApplicable("there is no OpenAPI document in its tree")
        return
    if not own:
        yield CannotTell("its routes were not understood")
        return
    for contract in contracts:
        yield from _compared(unit, contract, own)


def _compared(unit: Unit, contract: Contract, own: Sequence[Answer]) -> Iterator[Outcome]:
    absent = [one for one in contract.operations if not any(_is(one, route) for route in own)]
    known = len(contract.operations) - len(absent)
    if known < _SHARE * len(contract.operations) or known < 2:
        yield CannotTell(f"too few of the operations in {contract.path} could be matched with a route")
        return
    if absent:
        shown = _listed([f"{one.method} {one.path}" for one in absent])
        places = [unit.place(contract.path, one.line) for one in absent]
        message = f"{shown} {'is' if len(absent) == 1 else 'are'} promised here, and no route answers"
        yield Finding(message, places[0], also=tuple(places[1:20]), subject="absent")
    missing = list(_unnamed(contract, own))
    if missing:
        shown = _listed([f"{one.route.method} {one.route.path}" for one in missing])
        places = [unit.place(one.path, one.route.line) for one in missing]
        message = f"{shown} {'is' if len(missing) == 1 else 'are'} not in {contract.path}"
        fix = f"Describe {'it' if len(missing) == 1 else 'them'} in {contract.path}."
        yield Finding(message, places[0], fix=fix, also=tuple(places[1:20]), subject=contract.path)
    if not absent and not missing:
        yield Witness(f"{contract.path} and the code have the same routes", unit.place(contract.path))


def _listed(names: Sequence[str]) -> str:
    """One name, or how many there are and the first of them."""
    if len(names) == 1:
        return names[0]
    return f"{len(names)} operations ({', '.join(names[:3])}{' …' if len(names) > 3 else ''})"


def _unnamed(contract: Contract, own: Sequence[Answer]) -> Iterator[Answer]:
    """JSON routes whose path, or method, the contract does not have, in files that it speaks of: most of their JSON
    routes are in it."""
    within: dict[str, list[bool]] = {}
    for one in own:
        if one.json and shape(one.route.path or ""):
            within.setdefault(one.path, []).append(any(_is(operation, one) for operation in contract.operations))
    below = _prefix([one for one in own if any(_is(operation, one) for operation in contract.operations)])
    for one in own:
        if below and not (one.route.path or "").startswith(below):
            continue  # a page or a tool beside the API
        if 2 * sum(within.get(one.path, ())) < len(within.get(one.path, ())):
            continue
        path = one.route.path or ""
        if not one.json or one.route.method == "*" or is_health_path(path) or not shape(path):
            continue
        if any(word in path.lower() for word in _INTERNAL) or path.count("{}") > 3 or "*" in path:
            continue
        if not any(_is(operation, one) for operation in contract.operations):
            yield one


def _prefix(described: Sequence[Answer]) -> str | None:
    """What the paths of the routes that the contract has begin with: `/api/`; None: with nothing in common. Some pages
    may have a path that could be one of the API's."""
    paths = {path for one in described if shape(path := one.route.path or "")}
    first, count = next(iter(Counter(path.strip("/").partition("/")[0] for path in paths).most_common(1)), ("", 0))
    if count < 3 or 4 * count < 3 * len(paths) or first.startswith(("<", "{", ":")):
        return None
    return f"/{first}/"


def _is(operation: Operation, one: Answer) -> bool:
    """Whether a route answers an operation; an empty path stands for that of its router."""
    methods = one.route.method.split(",")
    if "*" not in methods and operation.method not in methods:
        return False
    own, other = shape(one.route.path or ""), shape(operation.path)
    return same(own, other) or (not own and other.count("/") <= 1)
