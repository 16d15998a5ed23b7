"""Servers in code that are given a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source


@dataclass(frozen=True, slots=True)
class Tls:
    """A call that serves by TLS."""

    what: str
    line: int
    column: int


tls_ends: Look[Tls] = Look("tls_ends")

_KEYWORDS = ("ssl_context", "ssl_certfile", "ssl_keyfile", "certfile")


@tls_ends.reads("python", words=_KEYWORDS)
def _python(source: Source) -> Iterator[Tls]:
    for call in source.calls(".run", "uvicorn.run", "uvicorn.Config", "run_app", "run_simple"):
        given = next((call.keywords[key] for key in _KEYWORDS if key in call.keywords), None)
        if given is not None and given.name != "null" and (given.text or "") != "":
            yield Tls(call.written, call.line, call.column)


@tls_ends.reads("javascript", words=("createServer", "createSecureServer"))
def _javascript(source: Source) -> Iterator[Tls]:
    for call in source.calls("https.createServer", "http2.createSecureServer", "spdy.createServer"):
        if call.arguments:
            yield Tls(call.written, call.line, call.column)


@tls_ends.reads("go", words=("ListenAndServeTLS", "RunTLS", "StartTLS"))
def _go(source: Source) -> Iterator[Tls]:
    for call in source.calls("ListenAndServeTLS", ".RunTLS", ".StartTLS"):
        if any(value.text for value in call.arguments) or len(call.arguments) > 1:
            yield Tls(call.written, call.line, call.column)
