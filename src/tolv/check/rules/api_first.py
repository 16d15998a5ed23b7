"""API first: a contract that machines read (API-01), a version (API-03), bodies that are held against it (API-04)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.facts.browser import in_browser
from tolv.check.looks.answers import Answer, answers_of, is_of_api, json_routes
from tolv.check.looks.bodies import CHECKED, HANDED_ON, RAW, SIGNED
from tolv.check.looks.contracts import Contract, contracts_of
from tolv.check.looks.health import is_health_path
from tolv.check.looks.routes import routes
from tolv.check.looks.versions import generators, versions
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import ALL, rule
from tolv.check.unit import Unit

_SOURCE = "https://www.oreilly.com/library/view/beyond-the-twelve-factor/9781492042631/"
_PRODUCTION = ("prod", "admin")

#: JSON routes from which on an API needs a contract, and a version.
_MANY, _SOME = 5, 4
#: Share of its routes that answer JSON, below which an app is one of pages.
_SHARE = 0.3

#: Packages that make a contract of the code as soon as they are there.
_SELF_MADE = (
    *("drf-spectacular", "drf_spectacular", "drf-yasg", "drf_yasg", "django-ninja", "ninja", "tsoa", "@ts-rest/core"),
    *("org.springdoc:springdoc-openapi-ui", "org.springdoc:springdoc-openapi-starter-webmvc-ui"),
    *("org.springdoc:springdoc-openapi-starter-webmvc-api", "org.springdoc:springdoc-openapi-starter-webflux-ui"),
    *("org.springdoc:springdoc-openapi-webflux-ui", "io.springfox:springfox-boot-starter"),
    *("io.quarkus:quarkus-smallrye-openapi", "io.micronaut.openapi:micronaut-openapi"),
    *("io.springfox:springfox-swagger2", "github.com/swaggo/gin-swagger", "github.com/swaggo/swag"),
    *("github.com/danielgtaylor/huma/v2", "github.com/getkin/kin-openapi/openapi3", "goa.design/goa/v3"),
    *("google.golang.org/grpc", "github.com/99designs/gqlgen", "rswag", "rswag-api", "apipie-rails", "grape-swagger"),
    *("graphql", "rspec-openapi", "nelmio/api-doc-bundle", "darkaonline/l5-swagger", "api-platform/core"),
    *("api-platform/symfony", "dedoc/scramble", "knuckleswtf/scribe", "zircote/swagger-php"),
)
_LINKED = re.compile(r"(?:openapi|swagger|redoc|apiary|postman|stoplight|readme\.io)[^\n]{0,200}https?://|"
                     r"https?://[^\s)]*(?:openapi|swagger|redoc|apiary|postman|stoplight)", re.IGNORECASE)  # fmt: skip


@rule(
    "API-01",
    severity="warning",
    materials=ALL,
    looks=(routes, generators),
    title="An API of several routes has no contract that a machine can read",
    why="Whoever calls it has to read the handlers, and nobody notices when a change breaks them.",
    fix="Publish an OpenAPI document: let the framework generate it, or commit one and check it in CI.",
    bad='@app.get("/api/users")\ndef users():\n    return jsonify(…)\n# … and seven more, and no openapi.yaml',
    good="api = flask_smorest.Api(app)   # serves /openapi.json",
    source=_SOURCE,
    probe="API-P1",
)
def has_a_contract(unit: Unit) -> Iterator[Outcome]:
    """A committed contract that covers routes of the app, or a generator that is set up."""
    found = api_routes(unit)
    shown = contract_witness(unit)
    if shown is not None:
        yield shown
    elif len(found) >= _MANY:
        yield _without_contract(unit, found)
    elif answers_of(unit):
        yield NotApplicable(_few(found))
    elif unit.languages and unit.languages[0] not in routes.readers:
        yield CannotTell(f"routes in {unit.languages[0].capitalize()} are not followed")
    else:
        yield NotApplicable("it has no routes that answer JSON")


def _few(found: tuple[Answer, ...]) -> str:
    if not found:
        return "it answers pages, and no JSON"
    return f"{len(found)} JSON route{'s' if len(found) > 1 else ''} can do without a contract"


def _without_contract(unit: Unit, found: tuple[Answer, ...]) -> Finding:
    place = _most(found)
    linked: Severity | None = "note" if _is_linked(unit) else None
    return Finding(
        f"{len(found)} JSON routes, and no OpenAPI document, GraphQL or protobuf schema says what they take and give",
        unit.place(place.path),
        severity=linked,
        fix=_fix(found),
        also=tuple(unit.place(path) for path in sorted({one.path for one in found} - {place.path})[:5]),
    )


def _is_linked(unit: Unit) -> bool:
    texts = (unit.text(file.path) or "" for file in unit.named("README*", "readme*"))
    return any(_LINKED.search(text) for text in texts)


def _fix(found: tuple[Answer, ...]) -> str:
    by_framework = {
        "flask": "Publish an OpenAPI document, for example with flask-smorest or APIFlask, or commit openapi.yaml.",
        "django": "Set up drf-spectacular and serve SpectacularAPIView, or commit openapi.yaml.",
        "express": "Commit openapi.yaml and serve it, for example with express-openapi-validator.",
        "fastify": "Register @fastify/swagger, and give each route a schema.",
        "nestjs": "Call SwaggerModule.setup with SwaggerModule.createDocument (@nestjs/swagger).",
    }
    return by_framework.get(found[0].route.framework, "Commit an openapi.yaml that names these routes, and serve it.")


def _most(found: tuple[Answer, ...]) -> Answer:
    """The first route of the file that has the most of them."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.path] = counts.get(one.path, 0) + 1
    path = max(counts, key=lambda one: counts[one])
    return next(one for one in found if one.path == path)


def api_routes(unit: Unit) -> tuple[Answer, ...]:
    """The routes that answer JSON and are the app's own: checks of health and metrics are not counted."""
    known: dict[tuple[str, str | None, str, int | None], Answer] = {}
    for one in json_routes(unit):
        path = one.route.path or ""
        if not is_health_path(path) and "metrics" not in path:
            known.setdefault((one.route.method, one.route.path, one.where, one.first or one.route.line), one)
    found = tuple(known.values())
    if len(found) < _SHARE * len(answers_of(unit)):  # a few answers to the scripts of its own pages
        return tuple(one for one in found if is_of_api(one.route, one.path, one.where))
    return found


#: The version that a document of OpenAPI begins with, as a literal of code.
_IN_CODE = re.compile(r"""(?m)^\s*["']?(?:openapi|swagger)["']?\s*(?::|=>?)\s*["'][23]\.""")


def contract_witness(unit: Unit) -> Witness | None:
    """What shows that a contract is published."""
    for seen in unit.seen(generators, *_PRODUCTION):
        return Witness(f"{seen.what.name} publishes a contract of the code", unit.place(seen.path, seen.what.line))
    for name in _SELF_MADE:
        if unit.uses(name):
            return Witness(f"{name} makes a contract of the code")
    for file in unit.named("swagger*", "openapi*"):
        if file.language is not None and file.context == "prod" and _IN_CODE.search(unit.text(file.path) or ""):
            return Witness("the code makes a contract itself", unit.place(file.path))
    for one in contracts_of(unit):
        if _covers(one, unit):
            return Witness(f"{one.path} is its contract", unit.place(one.path))
    return None


def _covers(contract: Contract, unit: Unit) -> bool:
    """Whether a contract names at least one route of the app; what is not looked into is taken to."""
    if contract.kind != "openapi" or not contract.operations:
        return True
    paths = {shape(one.path) for one in contract.operations}
    own = [shape(one.route.path) for one in answers_of(unit) if one.route.path]
    return not own or any(same(one, other) for one in own for other in paths)


_PARAMETER = re.compile(r"\{[^{}]*\}|<[^<>]*>|:\w+(?:\([^()]*\))?|\(\?P<[^)]*\)|\([^()]*\)")


def shape(path: str) -> str:
    """A path without its parameters' names, and without slashes around it: `users/{}/posts`."""
    return _PARAMETER.sub("{}", path.strip("^$")).strip("/").removesuffix("/?").lower()


def same(one: str, other: str) -> bool:
    """Whether two shapes can be one path: they are the same, or one lacks the prefix that a router adds."""
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    return longer == shorter or (bool(shorter) and longer.endswith(f"/{shorter}"))


@rule(
    "API-03",
    severity="note",
    materials=("python", "javascript", "go", "java"),
    looks=(routes, versions),
    title="The API has no version in its paths, headers or media types",
    why="A change that breaks callers can only be made for all of them at once.",
    fix="Put a version in the prefix of the API (/api/v1), or read it from a header.",
    bad='app.register_blueprint(api, url_prefix="/api")',
    good='app.register_blueprint(api, url_prefix="/api/v1")',
    source=_SOURCE,
    probe="API-P2",
)
def has_a_version(unit: Unit) -> Iterator[Outcome]:
    """A version anywhere in the paths, headers or media types that production code names."""
    found = api_routes(unit)
    if len(found) < _SOME:
        yield NotApplicable(
            "it has no API for others" if answers_of(unit) or not unit.languages else "no routes were seen"
        )
        return
    for one in found:
        if re.search(r"(?:^|/)v\d+(?:/|\.|$)", f"{one.path}/{(one.route.path or '').lstrip('/')}"):
            yield Witness("its paths have a version", unit.place(one.path, one.route.line))
            return
    files = {one.path for one in answers_of(unit)}
    for seen in unit.seen(versions, *_PRODUCTION):
        if (seen.what.declares or seen.path in files) and not in_browser(unit, seen.path):
            yield Witness("its paths or headers have a version", unit.place(seen.path, seen.what.line))
            return
    if any(re.search(r"/v\d", operation.path) for one in contracts_of(unit) for operation in one.operations):
        yield Witness("its contract has a version in the paths")
        return
    place = _most(found)
    yield Finding(
        f"{len(found)} JSON routes, and no version in a path, a header or a media type",
        unit.place(place.path),
    )


@rule(
    "API-04",
    severity="note",
    materials=("python", "javascript"),
    looks=(routes,),
    title="A handler uses the body of a request without holding it against a schema",
    why="A value that is missing, or of another type, becomes an error deep in the code, or is stored as it is.",
    fix="Read the body into a typed model, or validate it against a schema, before it is used.",
    bad="data = request.get_json()\nuser.from_dict(data)",
    good="data = UserSchema().load(request.get_json())",
    source=_SOURCE,
    probe="API-P1",
)
def bodies_are_checked(unit: Unit) -> Iterator[Outcome]:
    """One finding for each handler that answers JSON and reads its body raw."""
    checked: Answer | None = None
    raw = 0
    known = set()
    for one in answers_of(unit):
        pattern = RAW.get(_language(one.where))
        if pattern is None or one.first is None or one.page or (one.where, one.first) in known:
            continue
        known.add((one.where, one.first))
        line = _first_line(one, pattern)
        if line is None:
            if one.json and one.route.method in ("POST", "PUT", "PATCH") and CHECKED.search(one.text):
                checked = checked or one
        elif CHECKED.search(one.text):
            checked = checked or one
        elif one.json and not SIGNED.search(one.text) and not HANDED_ON.search(one.text):
            raw += 1
            yield Finding(
                f"{_shown(one)} uses the body as it comes: what is missing or of another type is found out only deeper",
                unit.place(one.where, line),
            )
    if not raw:
        yield _without_raw(unit, checked)


def _without_raw(unit: Unit, checked: Answer | None) -> Outcome:
    if checked is not None:
        return Witness(f"{_shown(checked)} holds its body against a schema", unit.place(checked.where, checked.first))
    typed = next((one for one in api_routes(unit) if one.route.framework in ("fastapi", "litestar", "nestjs")), None)
    if typed is not None and typed.first is not None:
        return Witness("the framework reads bodies into types", unit.place(typed.where, typed.first))
    return NotApplicable("no handler reads a JSON body")


def _first_line(one: Answer, pattern: re.Pattern[str]) -> int | None:
    for number, line in enumerate(one.text.splitlines()):
        if pattern.search(line) and not line.lstrip().startswith(("#", "//", "*")):
            return (one.first or 1) + number
    return None


def _shown(one: Answer) -> str:
    method = "" if one.route.method == "*" else f"{one.route.method} "
    if one.route.path is not None:
        return f"{method}{one.route.path or '/'}"
    return one.route.handler or "The handler"


def _language(path: str) -> str:
    suffix = path.rpartition(".")[2].lower()
    return {"py": "python", "js": "javascript", "ts": "javascript", "mjs": "javascript", "cjs": "javascript"}.get(
        suffix, ""
    )
