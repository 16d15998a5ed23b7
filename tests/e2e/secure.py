"""Clients of the HTTPS edge that check what they are shown, and an authority that speaks ACME."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.machine import Answer, Machine, eventually
from ports import free_port

from tolv.route.edge.caddy import require_caddy


def on_free_ports() -> dict[str, str]:
    """The environment of a machine whose edge is in nobody's way."""
    return {
        "TOLV_HTTPS_PORT": str(free_port()),
        "TOLV_HTTP_PORT": str(free_port()),
        "TOLV_HTTPS_BIND": "127.0.0.1",
    }


def https_port(machine: Machine) -> int:
    return int(machine.environment["TOLV_HTTPS_PORT"])


def edge_pid(machine: Machine) -> int | None:
    """The pid of the machine's Caddy; its server must run."""
    pid: int | None = machine.api("/server")["edge_pid"]
    return pid


def trust(machine: Machine) -> ssl.SSLContext:
    """A client that trusts the machine's own authority, and no other."""
    return ssl.create_default_context(cadata=machine.tolv("domains", "ca").out)


def connect(machine: Machine, domain: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection whose certificate was checked to be the domain's."""
    plain = socket.create_connection(("127.0.0.1", https_port(machine)), timeout=60)
    return context.wrap_socket(plain, server_hostname=domain)


def get(
    machine: Machine,
    domain: str,
    path: str = "/",
    *,
    context: ssl.SSLContext | None = None,
    host: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """GET over TLS; `host`: what the request says, when it is not the domain that the certificate is for."""
    connection = http.client.HTTPConnection("127.0.0.1", timeout=60)
    connection.sock = connect(machine, domain, context or trust(machine))
    try:
        connection.request("GET", path, headers={"Host": host or domain, **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def add(machine: Machine, domain: str, app: str, *words: str, ok: bool = True) -> Any:
    """`tolv domains add`, for a deploy in prod."""
    result = machine.tolv("domains", "add", domain, "-a", app, "-e", "prod", "--json", *words, ok=ok)
    return result.json if result.out.strip() else json.loads(result.err.splitlines()[-1])["error"]


@dataclass(frozen=True)
class Authority:
    """An authority for public names, and whom its clients trust."""

    directory: str
    root: Path


@contextmanager
def authority(place: Path, machine_ports: Mapping[str, str]) -> Iterator[Authority]:
    """A second Caddy that certifies by ACME whoever answers its challenge by HTTP. It looks for every host behind the
    machine's HTTP port, as if the world's DNS and port 80 led there."""
    port = free_port()
    place.mkdir()
    (place / "caddy.json").write_text(json.dumps(_acme_server(port)))
    around = {"HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}
    proxy = f"http://127.0.0.1:{machine_ports['TOLV_HTTP_PORT']}"
    with (place / "errors").open("w") as errors:
        process = subprocess.Popen(
            [require_caddy(), "run", "--config", "caddy.json"],
            cwd=place,
            env={"PATH": os.environ["PATH"], **around, "HTTP_PROXY": proxy, "http_proxy": proxy},
            stdout=errors,
            stderr=errors,
        )
    try:
        root = place / "data/pki/authorities/local/root.crt"
        eventually(lambda: root.exists() and _answers(port, root), (place / "errors").read_text())
        yield Authority(f"https://localhost:{port}/acme/local/directory", root)
    finally:
        process.kill()
        process.wait()


def _acme_server(port: int) -> dict[str, Any]:
    acme = {"handler": "acme_server", "challenges": ["http-01"], "host": f"localhost:{port}"}
    return {
        "admin": {"disabled": True},
        "storage": {"module": "file_system", "root": "data"},
        "apps": {
            "http": {
                "servers": {
                    "acme": {
                        "listen": [f"127.0.0.1:{port}"],
                        "automatic_https": {"disable": True},
                        "tls_connection_policies": [{}],
                        "routes": [{"match": [{"host": ["localhost"]}], "handle": [acme]}],
                    }
                }
            },
            "tls": {
                "certificates": {"automate": ["localhost"]},
                "automation": {"policies": [{"subjects": ["localhost"], "issuers": [{"module": "internal"}]}]},
            },
            "pki": {"certificate_authorities": {"local": {"name": "Elsewhere", "install_trust": False}}},
        },
    }


def _answers(port: int, root: Path) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port)) as plain:
            ssl.create_default_context(cafile=root).wrap_socket(plain, server_hostname="localhost").close()
    except OSError:
        return False
    return True
