"""The URLs of backing services: taken apart, put together, masked, and filled into what an app's config wants."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from tolv.codebase.services import PLACEHOLDERS
from tolv.config.redact import MASK, Redactor
from tolv.errors import UsageError

#: The kind that a scheme speaks of (without what follows a `+`), and the port where the URL names none.
_SCHEMES: dict[str, tuple[str, int]] = {
    "postgres": ("postgres", 5432),
    "postgresql": ("postgres", 5432),
    "postgis": ("postgres", 5432),
    "redis": ("redis", 6379),
    "rediss": ("redis", 6379),
    "valkey": ("redis", 6379),
    "valkeys": ("redis", 6379),
    "amqp": ("rabbitmq", 5672),
    "amqps": ("rabbitmq", 5671),
    "smtp": ("smtp", 25),
    "smtps": ("smtp", 465),
    "submission": ("smtp", 587),
    "s3": ("s3", 443),
    "http": ("http", 80),
    "https": ("http", 443),
    "mysql": ("mysql", 3306),
    "mysql2": ("mysql", 3306),
    "mariadb": ("mysql", 3306),
    "mongodb": ("mongodb", 27017),
    "mongodb+srv": ("mongodb", 27017),
    "memcached": ("memcached", 11211),
    "memcache": ("memcached", 11211),
    "nats": ("nats", 4222),
    "kafka": ("kafka", 9092),
    "elasticsearch": ("elasticsearch", 9200),
    "ldap": ("ldap", 389),
    "ldaps": ("ldap", 636),
    "mssql": ("mssql", 1433),
    "clickhouse": ("clickhouse", 8123),
}

#: The scheme that Tolv itself writes for a kind.
_WRITTEN = {"postgres": "postgresql", "redis": "redis", "valkey": "redis", "rabbitmq": "amqp", "smtp": "smtp"}

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*")
_HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*;=\-\u0080-\U0010ffff]*")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_PARAMETER = re.compile(
    r"(?i)(?<=[?&])((?:[a-z_-]*password|passwd|pass|pwd|secret|token|[a-z_-]*secret[a-z_-]*|[a-z_-]*api_?key)=)[^&#\s]+"
)


@dataclass(frozen=True, slots=True)
class ServiceUrl:
    """A service's URL in its parts, each as it means, not as it is escaped."""

    scheme: str
    """In lower case, with its driver: `postgresql+psycopg2`."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    host: str = ""
    """Without brackets; of several the first; empty where the URL names none (a unix socket)."""
    port: int | None = None
    """As written; `port_or_default` knows the kind's."""
    database: str = ""
    """The path without its first slash."""
    query: str = field(default="", repr=False)
    """As written, without the question mark."""
    others: tuple[tuple[str, int | None], ...] = ()
    """Further hosts, each with its port."""

    @property
    def kind(self) -> str | None:
        """What kind of service the scheme speaks of; None: not known."""
        known = _known(self.scheme)
        return known[0] if known else None

    @property
    def port_or_default(self) -> int | None:
        """The port; where none is written, the usual one of this scheme."""
        known = _known(self.scheme)
        return self.port if self.port is not None else known[1] if known else None

    def parameters(self) -> dict[str, str]:
        """The query's parameters; of two with one name the last."""
        pairs = (one.partition("=") for one in self.query.split("&") if one)
        return {unquote(name): unquote(value.replace("+", "%20")) for name, _, value in pairs}

    def __str__(self) -> str:
        """The URL, password and all; `parse` is the inverse."""
        user = "" if self.user is None else quote(self.user, safe="")
        password = "" if self.password is None else ":" + quote(self.password, safe="")
        login = f"{user}{password}@" if self.user is not None or self.password is not None else ""
        hosts = ",".join(_written_host(host, port) for host, port in ((self.host, self.port), *self.others))
        path = "/" + quote(self.database, safe="/") if self.database else ""
        return f"{self.scheme}://{login}{hosts}{path}{'?' + self.query if self.query else ''}"


def parse(url: str) -> ServiceUrl:
    """Take a URL apart.

    Raises `UsageError` for what cannot be the URL of a service; its text has no secret.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        raise _wrong(url, "it has no scheme", "write it as scheme://user:password@host:port/database")
    if any(ord(one) <= 32 or ord(one) == 127 for one in rest):
        raise _wrong(url, "there is a space or control character in it", "percent-encode it: a space is %20")
    rest, _, _ = rest.partition("#")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    login, at, hosts = authority.rpartition("@")
    user, colon, password = login.partition(":")
    (host, port), *others = (_host(url, one) for one in hosts.split(","))
    parsed = ServiceUrl(
        scheme.lower(),
        _decoded(url, user) if at and (user or not colon) else None,
        _decoded(url, password) if colon else None,
        host,
        port,
        _decoded(url, path),
        query,
        tuple(others),
    )
    if not host and not (parsed.kind == "postgres" and not others):
        raise _wrong(url, "it names no host", "write it as scheme://user:password@host:port/database")
    return parsed


def kind_of(url: str) -> str | None:
    """The kind of service that a URL's scheme speaks of: `postgres`, `redis`, `http` …; None: not known.

    Raises `UsageError` as `parse` does.
    """
    return parse(url).kind


def build(
    kind: str, host: str, port: int, *, user: str | None = None, password: str | None = None, database: str = ""
) -> str:
    """The URL of a service that Tolv runs."""
    return str(ServiceUrl(_WRITTEN.get(kind, kind), user, password, host, port, database))


def masked(url: str) -> str:
    """The URL as people may see it: neither its password nor a secret among its parameters. Takes any text."""
    try:
        known = parse(url).password
    except UsageError:
        known = None
    shown = _SECRET_PARAMETER.sub(rf"\1{MASK}", Redactor([known] if known else [])(url))
    if known or "@" not in shown:
        return shown
    # What cannot be taken apart may have its password anywhere before the last @.
    return re.sub(r"(://[^:@/]*:).*@", rf"\1{MASK}@", shown)


def fill(template: str, url: str) -> str:
    """A config variable's text with each of `PLACEHOLDERS` replaced by what it stands for, decoded.

    `{endpoint}` is where the service is, without who asks and for what: `http://127.0.0.1:9000`.

    Raises `UsageError` for another name in braces, or a URL that `parse` refuses.
    """
    parsed = parse(url)
    port = parsed.port_or_default
    values = {
        "url": url,
        "scheme": parsed.scheme,
        "user": parsed.user or "",
        "password": parsed.password or "",
        "host": parsed.host,
        "port": "" if port is None else str(port),
        "database": parsed.database,
        "endpoint": _endpoint(parsed),
    }
    check_template(template)
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def check_template(template: str) -> None:
    """Raises `UsageError` if `fill` could not fill it."""
    unknown = sorted({one for one in _PLACEHOLDER.findall(template) if one not in PLACEHOLDERS})
    if unknown:
        raise UsageError(
            f"nothing of a service's URL is called {{{unknown[0]}}}",
            where=template,
            remedy=f"there is {', '.join('{' + one + '}' for one in PLACEHOLDERS)}",
        )


def _endpoint(url: ServiceUrl) -> str:
    """An object store speaks HTTP: with TLS where its URL names no port, or says `tls=true`."""
    scheme = url.scheme
    if url.kind == "s3":
        options = {name.lower(): value.lower() for name, value in url.parameters().items()}
        tls = options.get("tls", options.get("secure", "true" if url.port in (None, 443) else "false"))
        scheme = "https" if tls in ("1", "true", "yes", "on") else "http"
    return f"{scheme}://{_written_host(url.host, url.port)}"


def _known(scheme: str) -> tuple[str, int] | None:
    return _SCHEMES.get(scheme) or _SCHEMES.get(scheme.partition("+")[0])


def _host(url: str, text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        valid = bool(closed) and re.fullmatch(r"[0-9A-Fa-f:.]+(%[^\]]+)?", host) is not None
        colon, port = rest[:1], rest[1:]
        valid = valid and colon in ("", ":")
    else:
        host, colon, port = text.partition(":")
        valid = _HOST.fullmatch(host) is not None
    if not valid or (port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536)):
        raise _wrong(
            url, "host or port cannot be understood", "percent-encode what is special in user and password: / is %2F"
        )
    return (host if text.startswith("[") else _decoded(url, host)), (int(port) if port else None)


def _written_host(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else quote(host, safe="!$&'()*;=")
    return shown if port is None else f"{shown}:{port}"


def _decoded(url: str, text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _wrong(url, "its percent-encoding is not UTF-8", "encode it as UTF-8") from None


def _wrong(url: str, why: str, remedy: str) -> UsageError:
    return UsageError(f"this cannot be the URL of a service: {why}", where=_safe(url), remedy=remedy)


def _safe(url: str) -> str:
    """Of a URL that cannot be taken apart, only what is no secret for sure."""
    scheme, separator, rest = url.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        return MASK
    host = rest.rpartition("@")[2] if "@" in rest else ""
    return f"{scheme}://{MASK}@{host}" if _plain([host]) and host else f"{scheme}://{MASK}"


def _plain(texts: Iterable[str]) -> bool:
    return all(re.fullmatch(r"[A-Za-z0-9.:-]*", one) for one in texts)
