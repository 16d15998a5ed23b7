"""What an app answers over HTTP: its routes with the text of what answers them, and which of them speak JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from tolv.check.facts.browser import in_browser
from tolv.check.look import Seen
from tolv.check.looks.reach import stem_of
from tolv.check.looks.route import Route
from tolv.check.looks.routes import routes
from tolv.check.unit import Unit
from tolv.codebase.survey import File

_PRODUCTION = ("prod", "admin", "migrations")
#: Lines of a handler that are looked at.
_MOST_LINES = 120

_PAGE = re.compile(
    r"render_template|\brender\s*\(|\.render\(|\brender\s+[:\"'](?!json)|TemplateResponse|HTMLResponse|\bredirect|view\(|"
    r"sendFile|send_file|send_from_directory|\.html\b|text/html|render_to_string|ExecuteTemplate|ModelAndView|"
    r"FileResponse|StreamingResponse|messages\.(?:success|error)"
)
_JSON = re.compile(
    r"\bjsonify\b|JsonResponse|JSONResponse|json_response|jsonResponse|\.json\s*\(\s*[^)\s]|render\s+json|->json\(|"
    r"json\.dumps\(|json_encode|application/json|\.JSON\(|json\.NewEncoder|json\.Marshal|JSON\.stringify|"
    r"@ResponseBody|@RestController|ResponseEntity|\breturn\s+[\[{]|\.to_dict\(|ctx\.body\s*=\s*\{|\.jsonp\(|"
    r"response\.(?:json|JSON)|ORJSONResponse"
)
#: Frameworks whose handlers answer JSON unless they say otherwise.
_JSON_FRAMEWORKS = ("fastapi", "litestar", "nestjs", "flask_restful", "flask_restx")
_API_PATH = re.compile(r"(?:^|/)(?:\w+[-_])?(?:api|rest|jsonrpc|v\d+)(?:[-_]\w+)?(?:/|\.\w+$|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One route of an app."""

    path: str
    """The file that declares it."""
    route: Route
    text: str
    """The handler's text; `''` where it was not found."""
    where: str
    """The file of the handler."""
    first: int | None
    """Line of `where` where `text` begins."""
    json: bool
    """It answers JSON, as far as can be told."""
    page: bool
    """It answers a page or a redirect."""


_KNOWN: WeakKeyDictionary[Unit, tuple[Answer, ...]] = WeakKeyDictionary()


def answers_of(unit: Unit) -> tuple[Answer, ...]:
    """The routes of an app's production code, hooks and sockets left out."""
    known = _KNOWN.get(unit)
    if known is None:
        known = _KNOWN[unit] = tuple(_answers(unit))
    return known


def json_routes(unit: Unit) -> tuple[Answer, ...]:
    """The routes that answer JSON; of a Django view that has a URL too, the view."""
    return tuple(one for one in answers_of(unit) if one.json and not _is_url_of_view(one))


def answers_http(unit: Unit) -> bool:
    """Whether it has routes that can be seen."""
    return bool(answers_of(unit))


def _is_url_of_view(one: Answer) -> bool:
    return one.route.framework == "django" and one.route.first is None


def _answers(unit: Unit) -> Iterator[Answer]:
    places = _Places(unit)
    for seen in unit.seen(routes, *_PRODUCTION):
        if seen.what.kind == "route" and not in_browser(unit, seen.path):
            where, first, text = places.handler(seen)
            page = bool(_PAGE.search(text))
            yield Answer(seen.path, seen.what, text, where, first, not page and _is_json(seen, where, text), page)


def _is_json(seen: Seen[Route], where: str, text: str) -> bool:
    route = seen.what
    if route.framework in _JSON_FRAMEWORKS or _JSON.search(text):
        return True
    return is_of_api(route, where, seen.path)


def is_of_api(route: Route, *files: str) -> bool:
    """Whether the path of a route, or of one of the files that it stands in, says that it belongs to an API."""
    return any(_API_PATH.search(text) for text in (route.path or "", *files))


class _Places:
    """Finds the text of handlers."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._lines: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] | None = None

    def handler(self, seen: Seen[Route]) -> tuple[str, int | None, str]:
        """The file, the first line and the text of a route's handler."""
        route = seen.what
        if route.first is not None:
            last = min(route.last or route.first, route.first + _MOST_LINES)
            lines = self._of(seen.path)[route.first - 1 : last]
            head = "@RestController\n" if route.framework == "spring" and self._is_rest(seen.path) else ""
            return seen.path, route.first, head + "\n".join(lines)
        return self._elsewhere(seen.path, route.handler or "")

    def _elsewhere(self, here: str, name: str) -> tuple[str, int | None, str]:
        parts = [part for part in re.split(r"[./#@\\]+", name) if part and part != "as_view"]
        if not parts:
            return here, None, ""
        last = parts[-1]
        for path in self._candidates(here, parts[:-1]):
            lines = self._of(path)
            for number, line in enumerate(lines):
                if last in line and _DEFINED.search(line.replace(last, "\0")):
                    return path, number + 1, _block(lines, number)
        return here, None, ""

    def _candidates(self, here: str, parts: list[str]) -> Iterator[str]:
        if self._stems is None:
            self._stems = {}
            for file in self._sources():
                self._stems.setdefault(stem_of(file.path), []).append(file.path)
        yield here
        if here.endswith(".go"):  # a package is a directory
            directory = here.rpartition("/")[0]
            yield from (file.path for file in self._sources() if file.path.rpartition("/")[0] == directory)
        for part in reversed(parts):
            for stem in (part.lower(), f"{part.lower()}_controller", f"{part.lower()}controller"):
                yield from self._stems.get(stem, ())[:5]

    def _sources(self) -> list[File]:
        return [file for file in self._unit.files if file.language and file.context in _PRODUCTION]

    def _is_rest(self, path: str) -> bool:
        return any("@RestController" in line for line in self._of(path))

    def _of(self, path: str) -> list[str]:
        if path not in self._lines:
            self._lines[path] = (self._unit.text(path) or "").splitlines()
        return self._lines[path]


#: The definition of a function or class, whose name is written `\0` here: one pattern serves for all names.
_DEFINED = re.compile(
    r"^\s*(?:async\s+)?(?:def|class|func(?:\s*\([^)]*\))?|function|public function|public\s+[\w<>\[\], ]+)\s+\0(?!\w)"
    r"|(?<!\w)\0\s*[:=]\s*(?:async\s*)?(?:function\b|\()"
    r"|^\s*(?:async\s+)?\0\s*\([^)]*\)\s*\{"
)


def _block(lines: list[str], start: int) -> str:
    """A definition and the lines that are indented below it."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    block = [lines[start]]
    for line in lines[start + 1 : start + _MOST_LINES]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        block.append(line)
    return "\n".join(block)
