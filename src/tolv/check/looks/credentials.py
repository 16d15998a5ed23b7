"""Where the code gives a secret its value: settings by name, and the arguments of what signs, encrypts and logs in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.facts.values import is_secret_name
from tolv.check.look import Look
from tolv.check.source import Scope, Source, Value


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret that gets a value."""

    name: str
    target: str
    value: Value
    line: int
    column: int
    scope: Scope
    how: str
    """As `Binding.how`, or `sink`: an argument where only a secret's value can stand."""
    callee: str | None = None


credentials: Look[Credential] = Look("credentials")

#: Parts of the names that secrets have, for `Source.bindings`.
NAME_PARTS = (
    *("secret", "passw", "pwd", "passphrase", "token", "apikey", "api_key", "_key", "credential", "_pass"),
    *("accesskey", "privatekey", "signingkey", "encryptionkey", "cryptokey", "authkey", "jwtkey", "smtppass", "dbpass"),
)

#: By a function's name: the place of the argument that is a secret, its keyword names, and what to call it.
_SINKS: dict[str, tuple[int, tuple[str, ...], str]] = {
    "jwt.encode": (1, ("key",), "the key that signs tokens"),
    "jwt.decode": (1, ("key",), "the key that signs tokens"),
    "jose.jwt.encode": (1, ("key",), "the key that signs tokens"),
    "jose.jwt.decode": (1, ("key",), "the key that signs tokens"),
    "itsdangerous.URLSafeTimedSerializer": (0, ("secret_key",), "the key that signs tokens"),
    "itsdangerous.URLSafeSerializer": (0, ("secret_key",), "the key that signs tokens"),
    "cryptography.fernet.Fernet": (0, ("key",), "the encryption key"),
    "smtplib.SMTP.login": (1, ("password",), "the password of the mail server"),
    "smtplib.SMTP_SSL.login": (1, ("password",), "the password of the mail server"),
    "requests.auth.HTTPBasicAuth": (1, ("password",), "the password of an HTTP service"),
    "jsonwebtoken.sign": (1, (), "the key that signs tokens"),
    "jsonwebtoken.verify": (1, (), "the key that signs tokens"),
    "cookie-parser": (0, (), "the key that signs cookies"),
    "express-session": (-1, ("secret",), "the key that signs sessions"),
    "cookie-session": (-1, ("secret", "keys"), "the key that signs sessions"),
    "crypto.createCipheriv": (1, (), "the encryption key"),
    "crypto.createHmac": (1, (), "the key that signs"),
    "koa-session.keys": (0, (), "the key that signs sessions"),
    "sessions.NewCookieStore": (0, (), "the key that signs sessions"),
    "cookie.NewStore": (0, (), "the key that signs sessions"),
}
_LASTS = frozenset(name.rpartition(".")[2] for name in _SINKS)


@credentials.reads(
    "python",
    "javascript",
    "go",
    "java",
    "ruby",
    "php",
    words=("Fernet", "login", "createCipheriv", "createHmac", "sign", "verify", "NewCookieStore", "jwt"),
    within=NAME_PARTS,
)
def _read(source: Source) -> Iterator[Credential]:
    for bound in source.bindings(*NAME_PARTS):
        if is_secret_name(bound.name) and bound.value.kind in ("literal", "env", "choice", "template", "call", "name"):
            yield Credential(
                bound.name,
                bound.target,
                bound.value,
                bound.line,
                bound.column,
                bound.scope,
                bound.how,
                bound.callee,
            )
    if source.words & {b"jwt", b"Fernet", b"login", b"session", b"sign", b"verify", b"createCipheriv", b"cookie"}:
        yield from _sinks(source)


def _sinks(source: Source) -> Iterator[Credential]:
    for call in source.calls(*_SINKS):
        for name, (position, keywords, what) in _SINKS.items():
            if call.name != name and not call.name.endswith(f".{name}") and call.written != name:
                continue
            value = call.argument(position, *keywords)
            if value is not None and value.kind in ("literal", "env", "choice"):
                line = value.line or call.line
                yield Credential(what, call.written, value, line, value.column, call.scope, "sink", call.name)
            break
