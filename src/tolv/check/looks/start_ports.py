"""Host and port that a start command gives its server, by the server's own options and defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tolv.codebase.images import expand
from tolv.codebase.start import Start

#: What stands for a variable in the words of a command: `$PORT`, `${PORT:-80}`, `%(ENV_PORT)s`, `{{port}}`, `%PORT%`.
_VARIABLE = re.compile(r"\$\(?\{?\w|%\(ENV_\w+\)s|\{\{|%\w+%")
_LOOPBACK = re.compile(r"localhost|127(?:\.\d+){3}|\[?::1\]?")


@dataclass(frozen=True, slots=True)
class _Server:
    """How a server is told, and what it does when it is not."""

    addresses: tuple[str, ...] = ()
    """Options that take `host:port`."""
    hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    host: str | None = None
    """By default; None: all interfaces."""
    port: str | None = None
    """By default; None: it reads PORT, or the code says."""


_SERVERS: dict[str, _Server] = {
    "gunicorn": _Server(("-b", "--bind")),
    "uvicorn": _Server(hosts=("--host",), ports=("--port",), host="127.0.0.1", port="8000"),
    "hypercorn": _Server(("-b", "--bind"), host="127.0.0.1", port="8000"),
    "daphne": _Server(hosts=("-b", "--bind"), ports=("-p", "--port"), host="127.0.0.1", port="8000"),
    "granian": _Server(hosts=("--host",), ports=("--port",), host="127.0.0.1", port="8000"),
    "waitress-serve": _Server(("--listen",), ("--host",), ("--port",), port="8080"),
    "fastapi": _Server(hosts=("--host",), ports=("--port",), port="8000"),
    "flask": _Server(hosts=("-h", "--host"), ports=("-p", "--port"), host="127.0.0.1", port="5000"),
    "streamlit": _Server(hosts=("--server.address",), ports=("--server.port",), port="8501"),
    "uwsgi": _Server(("--http", "--http-socket", "--http11-socket")),
    "puma": _Server(("-b", "--bind"), ports=("-p", "--port")),
    "rails": _Server(hosts=("-b", "--binding"), ports=("-p", "--port")),
    "unicorn": _Server(("-l", "--listen"), ("-o", "--host"), ("-p", "--port")),
    "thin": _Server(hosts=("-a", "--address"), ports=("-p", "--port")),
    "rackup": _Server(hosts=("-o", "--host"), ports=("-p", "--port")),
    "next": _Server(hosts=("-H", "--hostname"), ports=("-p", "--port")),
    "mlflow": _Server(hosts=("-h", "--host"), ports=("-p", "--port"), host="127.0.0.1", port="5000"),
    "jupyter": _Server(hosts=("--ip",), ports=("--port",)),
    "php": _Server(("-S",)),
}


@dataclass(frozen=True, slots=True)
class Bound:
    """What a start binds, as far as its command says."""

    host: str | None
    """None: all interfaces, or whatever the code says."""
    port: str | None
    """A number; None: not fixed, or not known here."""
    by: str
    """The option that says so; `''`: the server's default."""
    env: bool = False
    """A variable gives the port."""
    known: bool = True
    """False: the command says nothing of it, and the server has no default of its own."""

    @property
    def loopback(self) -> bool:
        return self.host is not None and bool(_LOOPBACK.fullmatch(self.host))


def bound(start: Start) -> Bound | None:
    """Host and port of a start; None for a program that is no server known here."""
    name = start.server or ""
    server = _SERVERS.get(name)
    if server is None or (name == "flask" and "run" not in start.argv) or (name == "fastapi" and "dev" in start.argv):
        return None
    if name == "uvicorn" and any(word in ("--uds", "--fd") or word.startswith("--uds=") for word in start.argv):
        return None
    address = start.option(*server.addresses) if server.addresses else None
    by = "the address of its command" if address else ""
    host, port = _halves(address) if address else (None, None)
    given_host = start.option(*server.hosts) if server.hosts else None
    given_port = start.option(*server.ports) if server.ports else None
    if name == "php" and address is None:
        return None
    if address and (address.startswith(("unix:", "fd://", "/")) or address.endswith(".sock")):
        return None
    host = given_host or host or (server.host if not address else None)
    port = given_port or port or (server.port if not address else None)
    by = by or ("the port of its command" if given_port else "")
    if port is None:
        return Bound(host, None, by, env=not address, known=bool(address))
    return _expanded(host, port, by)


def _expanded(host: str | None, port: str, by: str) -> Bound:
    host = None if host is not None and _VARIABLE.search(host) else host
    if _VARIABLE.search(port):
        return Bound(host, None, by, env=True)
    return Bound(host, port, by) if port.isdigit() else Bound(host, None, by, known=False)


def _halves(address: str) -> tuple[str | None, str | None]:
    address = re.sub(r"^\w+://", "", address)
    host, colon, port = address.rpartition(":")
    # `${PORT:-80}` holds a colon itself.
    if match := re.search(r"(?:^|:)(\$\{[^}]*\})$", address):
        return address[: match.start()] or None, match[1]
    return (host or None, port) if colon else (address, None)


def default_port(text: str, env: dict[str, str]) -> str | None:
    """The port that a text with variables is, by defaults in it and by known variables; None: it cannot be told."""
    told = expand(text, env)
    return told if told.isdigit() else None
