"""Which routes can serve as which recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tolv.prove.discovery.route import Route


@dataclass(frozen=True, slots=True)
class Proposal:
    """A line for `[prove]`."""

    name: str
    value: str
    """A request, a command or a path, as it would be written."""
    source: str = ""
    """Where it was found: `app.py:12`; nothing: it is a guess."""
    sure: bool = True
    """It can be used as it stands; False: a person has to fill something in."""
    file: str | None = None
    """The form field in which an upload takes its file."""


_HEALTH = frozenset("health healthz healthcheck livez live ping heartbeat alive up".split())
_READY = frozenset("ready readyz readiness".split())
_LOGIN = frozenset("login signin session sessions token".split())
_ACCOUNT = _LOGIN | frozenset(
    "logout signout register signup password reset oauth webhook webhooks callback admin".split()
)
_WHOAMI = frozenset("me whoami profile account".split())
_UPLOAD = frozenset("upload uploads file files attachment attachments media images avatar".split())
_JOB = frozenset("job jobs task tasks queue enqueue".split())
_VERSION = frozenset("version buildinfo".split())
_OTHER = frozenset("static assets favicon docs swagger openapi metrics admin robots".split())


def propose(routes: Sequence[Route]) -> Iterator[Proposal]:
    """What the routes can do; of several that could serve, the one with the shortest path."""
    routes = sorted(routes, key=lambda route: (route.path.count("/"), len(route.path)))
    reads = [route for route in routes if route.method == "GET" and not route.parameters]
    yield from _first("health", reads, lambda route: bool(route.words & _HEALTH) and not route.words & _READY)
    yield from _first("ready", reads, lambda route: bool(route.words & _READY))
    yield from _first("version", reads, lambda route: bool(route.words & _VERSION) and len(route.words) <= 2)
    yield from _first("slow", reads, lambda route: bool(route.words & {"slow", "sleep", "delay"}))
    yield from _first("outbound", reads, lambda route: bool(route.words & {"outbound", "upstream"}))
    special = _HEALTH | _READY | _OTHER | _ACCOUNT | _VERSION
    yield from _first("read", reads, lambda route: not route.words & special)
    makes = [route for route in routes if route.method in ("POST", "PUT") and not route.words & _OTHER]
    yield from _login(makes, reads)
    makes = [route for route in makes if not route.words & _ACCOUNT]
    uploads = [route for route in makes if route.file or (route.words & _UPLOAD and route.body is None)]
    jobs = [route for route in makes if route.words & _JOB and route not in uploads]
    plain = [route for route in makes if route.method == "POST" and not route.parameters and route not in uploads]
    yield from _pair("upload", "download", uploads, routes)
    yield from _pair("job", "job_done", [route for route in jobs if not route.parameters], routes)
    yield from _pair("write", "read_back", [route for route in plain if route not in jobs] or plain, routes)


def _first(name: str, routes: Iterable[Route], fits: Callable[[Route], bool]) -> Iterator[Proposal]:
    route = next(filter(fits, routes), None)
    if route is not None:
        yield Proposal(name, f"GET {route.path}", route.source)


def _login(makes: Iterable[Route], reads: Iterable[Route]) -> Iterator[Proposal]:
    """Who may log in is for a person to say."""
    login = next(
        (route for route in makes if route.words & _LOGIN and not route.parameters and "test" not in route.words), None
    )
    if login is None:
        return
    body = login.body or '{"user": "a", "password": "b"}'
    yield Proposal("login", f"POST {login.path} {body}", login.source, sure=False)
    for proposal in _first("whoami", reads, lambda route: bool(route.words & _WHOAMI)):
        yield Proposal(proposal.name, proposal.value, proposal.source, sure=False)


def _pair(name: str, after: str, makes: Sequence[Route], routes: Sequence[Route]) -> Iterator[Proposal]:
    """A request that makes something, with one that asks for it; those that have both come first."""
    found = [(route, _asking(route, routes)) for route in makes]
    found.sort(key=lambda pair: (pair[1] is None, pair[0].body is None and pair[0].file is None))
    if not found:
        return
    route, asking = found[0]
    path = route.path
    for parameter in route.parameters:
        path = path.replace(f"{{{parameter}}}", "{name}" if name == "upload" else "{token}")
    sure = bool(route.file or (name == "upload" and route.method == "PUT") or "{token}" in (route.body or ""))
    body = route.body or ("" if name == "upload" else '{"text": "{token}"}')
    yield Proposal(name, f"{route.method} {path} {body}".rstrip(), route.source, sure, route.file)
    if asking is not None:
        target = asking.path
        for parameter in asking.parameters:
            target = target.replace(f"{{{parameter}}}", "{name}" if route.method == "PUT" else "{id}")
        yield Proposal(after, f"GET {target}", asking.source, sure)


def _asking(route: Route, routes: Sequence[Route]) -> Route | None:
    """The route that reads what another makes: below its path with one parameter, or the list at the same path."""
    base = route.path.rstrip("/")
    reads = [one for one in routes if one.method == "GET"]
    if route.parameters:
        return next((one for one in reads if one.path == route.path), None)
    below = (one for one in reads if len(one.parameters) == 1 and one.path.rstrip("/").rpartition("/")[0] == base)
    return next(below, None) or next((one for one in reads if one.path.rstrip("/") == base), None)
