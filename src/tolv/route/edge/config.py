"""Caddy's configuration, as a value. Paths are relative to the edge's directory, in which Caddy runs.

Sockets come as open descriptors, which are numbered in the environment: `TOLV_HTTPS`, `TOLV_HTTP`, `TOLV_ASK`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tolv.route.edge.domain import LOCAL_SUFFIXES, Domain, is_local
from tolv.route.edge.settings import HTTPS_PORT, EdgeSettings

ADMIN_SOCKET = "admin.sock"
STORAGE = "data"
PERMITS = "domains"
LOG = "edge.log"
#: The name that Caddy gives to its own authority.
AUTHORITY = "local"

#: Labels that a name for local use may have; a longer one is listed by itself.
_LABELS = 6
#: Seconds. The router closes an idle connection after 75: the edge must be first.
_IDLE_TO_ROUTER = "60s"
#: How long a request waits for a router that is being started again.
_ROUTER_PATIENCE = "5s"
_HEAD_BYTES = 64 * 1024
#: A WebSocket outlives a change of this configuration for so long.
_STREAM_PATIENCE = "24h"


def caddy_config(domains: Iterable[Domain], settings: EdgeSettings, routers: int) -> dict[str, Any]:
    """The whole configuration. Of the domains it names only those whose certificate is Tolv's own, and whose name
    does not say so: it changes with these, with the settings, and with the number of routers."""
    return {
        "admin": {"listen": f"unix/{ADMIN_SOCKET}|0600", "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "INFO", "writer": _log_writer()}}},
        "storage": {"module": "file_system", "root": STORAGE},
        "apps": {
            "http": {
                "https_port": settings.https_port,
                "http_port": settings.http_port,
                "servers": {"https": _https(routers), "http": _http(settings), "ask": _ask()},
            },
            "tls": {"automation": _automation(domains, settings)},
            "pki": {
                "certificate_authorities": {AUTHORITY: {"name": "Tolv local authority", "install_trust": False}},
            },
        },
    }


def _log_writer() -> dict[str, Any]:
    return {"output": "file", "filename": LOG, "mode": "0600", "roll_size_mb": 5, "roll_keep": 2}


def _https(routers: int) -> dict[str, Any]:
    return {
        "listen": ["fd/{env.TOLV_HTTPS}"],
        "protocols": ["h1", "h2"],
        "automatic_https": {"disable": True},
        "tls_connection_policies": [{}],
        "read_header_timeout": "30s",
        "idle_timeout": "75s",
        "max_header_bytes": _HEAD_BYTES,
        "routes": [{"handle": [_to_router(routers)]}],
    }


def _to_router(routers: int) -> dict[str, Any]:
    """Caddy drops the X-Forwarded-* that come in, and sets -For, -Proto and -Host itself."""
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"unix/../router/edge-{index}.sock"} for index in range(routers)],
        "transport": {
            "protocol": "http",
            "keep_alive": {"idle_timeout": _IDLE_TO_ROUTER, "max_idle_conns_per_host": 256},
            "compression": False,
        },
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"},
            "try_duration": _ROUTER_PATIENCE,
            "try_interval": "50ms",
        },
        "headers": {"request": {"set": {"X-Forwarded-Port": ["{http.request.local.port}"]}}},
        "stream_close_delay": _STREAM_PATIENCE,
    }


def _http(settings: EdgeSettings) -> dict[str, Any]:
    """Caddy answers an authority's challenges before it comes to the routes."""
    port = "" if settings.https_port == HTTPS_PORT else f":{settings.https_port}"
    location = f"https://{{http.request.host}}{port}{{http.request.uri}}"
    redirect = {"handler": "static_response", "status_code": 308, "headers": {"Location": [location]}}
    return {
        "listen": ["fd/{env.TOLV_HTTP}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "read_header_timeout": "30s",
        "idle_timeout": "75s",
        "routes": [{"handle": [redirect]}],
    }


def _ask() -> dict[str, Any]:
    """Where Caddy asks itself whether a name is to have a certificate: 200 when there is a file of that name."""
    there = {"file": {"root": PERMITS, "try_files": ["/{http.request.uri.query.domain}"]}}
    return {
        "listen": ["fd/{env.TOLV_ASK}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "routes": [
            {"match": [there], "handle": [{"handler": "static_response", "status_code": 200}]},
            {"handle": [{"handler": "static_response", "status_code": 403}]},
        ],
    }


def _automation(domains: Iterable[Domain], settings: EdgeSettings) -> dict[str, Any]:
    local = [*_local_patterns(), *sorted(one.name for one in domains if one.internal and not _is_covered(one.name))]
    acme: dict[str, Any] = {"module": "acme", "ca": settings.acme_ca}
    if settings.acme_email:
        acme["email"] = settings.acme_email
    if settings.acme_ca_root:
        acme["trusted_roots_pem_files"] = [settings.acme_ca_root]
    return {
        "on_demand": {"permission": {"module": "http", "endpoint": "http://127.0.0.1:{env.TOLV_ASK_PORT}/"}},
        "policies": [
            {"subjects": local, "issuers": [{"module": "internal", "ca": AUTHORITY}], "on_demand": True},
            {"issuers": [acme], "on_demand": True},
        ],
    }


def _local_patterns() -> list[str]:
    """`*.test`, `*.*.test` …: a star stands for one label."""
    return [f"{'*.' * depth}{suffix}" for suffix in LOCAL_SUFFIXES for depth in range(1, _LABELS)]


def _is_covered(name: str) -> bool:
    return is_local(name) and name.count(".") < _LABELS
