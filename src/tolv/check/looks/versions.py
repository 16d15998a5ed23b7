"""Versions of an API: in a path, a header or a media type; and generators of a contract that are set up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tolv.check.look import Look
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class Version:
    """One place that names a version of an API."""

    text: str
    line: int
    declares: bool
    """The line declares a path or a prefix, or reads a header: in others it may be of an API that the app calls."""


versions: Look[Version] = Look("api versions")

#: A version as a part of a text: `/v1/`, `"v2"`. What stands before it on its line must open a text or a path.
_PART = re.compile(rb"""\bv(?:\d{1,3}(?:\.\d+)?|\d{4}-\d\d)(?=[/"'`\\])""", re.IGNORECASE)
_OPENED = re.compile(rb"""["'`/][^"'`\n]{0,120}$""")
_SIGN = re.compile(
    rb"""(?:Accept|X-API)-Version|["']API-Version["']|vnd\.[\w.+-]{0,80}\bv\d|DEFAULT_VERSIONING_CLASS|enableVersioning|"""
    rb"""\bVersion\(["']|<version>|\{version\}|:version\b|path\(\s*["']v\d+/""",
    re.IGNORECASE,
)
#: One of these is where a sign of a version is; a version itself is a word.
_SIGNS = (
    *(b'Version"', b"Version'", b"Version(", b"version>", b"version}", b":version", b"-Version", b"-version", b"vnd."),
    *(b"VERSIONING_CLASS", b"enableVersioning"),
)
_NUMBERED = frozenset(one.encode() for number in range(100) for one in (f"v{number}", f"V{number}"))
_DATED = re.compile(rb"[/\"'`]v\d{4}-")
_DECLARES = re.compile(
    rb"prefix|\buse\(|mount|include|register|rout|\bpath\b|group|namespace|\bscope|base_?path|mapping|/api/|@|handle",
    re.IGNORECASE,
)
_VERSIONS = tuple(f"v{number}" for number in range(100))


@versions.reads("python", "javascript", "go", "java", "ruby", "php", words=_VERSIONS, within=("version", "vnd"))
def _read(source: Source) -> Iterator[Version]:
    data = source.data
    if source.words.isdisjoint(_NUMBERED) and not any(sign in data for sign in _SIGNS) and not _DATED.search(data):
        return
    parts = (one for one in _PART.finditer(source.data) if _OPENED.search(_before(source.data, one.start())))
    for match in (*islice(parts, 50), *islice(_SIGN.finditer(source.data), 50)):
        before = _before(source.data, match.end())
        if b"://" in before or b"import" in before or b"require" in before or b" from " in before:
            continue  # another's API, or a module's name
        number = source.data.count(b"\n", 0, match.start()) + 1
        declares = bool(_DECLARES.search(before) or _SIGN.match(match[0]))
        yield Version(match[0].decode("utf-8", "replace")[:80], number, declares)
        if declares:
            return


def _before(data: bytes, at: int) -> bytes:
    """What stands before a place on its line, two hundred bytes of it at most."""
    return data[max(data.rfind(b"\n", 0, at) + 1, at - 200) : at]


@dataclass(frozen=True, slots=True)
class Generator:
    """A call that publishes a contract made of the code."""

    name: str
    line: int


generators: Look[Generator] = Look("contract generators")

_CALLS = (
    *("SpectacularAPIView", "SpectacularAPIView.as_view", "SpectacularJSONAPIView", "get_schema_view"),
    *("flask_restx.Api", "flask_restplus.Api", "flask_smorest.Api", "connexion.App", "connexion.FlaskApp"),
    *("connexion.AsyncApp", "flasgger.Swagger", "apiflask.APIFlask", "spectree.SpecTree", "SpecTree", "OpenAPI"),
    *("flask_openapi3.OpenAPI", "setup_aiohttp_apispec", "aiohttp_apispec.setup_aiohttp_apispec", "APISpec"),
    *("FlaskApiSpec", "NinjaAPI", "ninja.NinjaAPI", "NinjaExtraAPI", "fastapi.FastAPI", "FastAPI", "litestar.Litestar"),
    *("Litestar", "SwaggerModule.createDocument", "SwaggerModule.setup", "swagger-jsdoc", "swaggerJsdoc"),
    *("swaggerJSDoc", "express-openapi.initialize", "RegisterRoutes", "OpenAPIHono", "createExpressEndpoints"),
    *(
        "generateOpenApi",
        "generateOpenApiDocument",
        "OpenApiGeneratorV3",
        "OpenApiGeneratorV31",
        "OpenApiValidator.middleware",
    ),
    *("createOpenApiExpressMiddleware", "express-oas-generator.init", "expressOasGenerator.init"),
    *("strawberry.Schema", "graphene.Schema", "ariadne.make_executable_schema", "ApolloServer", "buildSchema"),
    *("makeExecutableSchema", "createYoga", "graphqlHTTP", "GraphQLModule.forRoot", "GraphQLSchema", "JSONRPCAPIDocs"),
    *("GraphQLRouter", "GraphQLView.as_view", "swaggerUi.setup", "swagger-ui-express.setup", "tsoa.Controller"),
    *("DocumentBuilder", "chanfana.fromHono", "fromHono", "initTRPC.create", "grpc.server", "grpc.aio.server"),
)
_WORDS = sorted({part for name in _CALLS for part in re.split(r"[./-]", name)} - {"App", "init", "setup", "server"})
_PLUGINS = re.compile(r"swagger|openapi|graphql|mercurius|apollo|trpc", re.IGNORECASE)


@generators.reads("python", "javascript", words=(*_WORDS, "swagger", "openapi"), within=("swagger", "openapi"))
def _generators(source: Source) -> Iterator[Generator]:
    for call in source.calls(*_CALLS):
        given = call.keywords.get("openapi_url")
        if given is None or given.name != "null":
            yield Generator(call.name, call.line)
    for call in source.calls(".register", ".use"):  # fastify, hapi, Express
        for value in (*call.arguments, *call.keywords.values()):
            if value.kind in ("name", "call") and _PLUGINS.search(value.name or value.text or ""):
                yield Generator(value.name or value.text or "", call.line)
