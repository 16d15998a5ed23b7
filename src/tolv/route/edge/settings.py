"""Where the edge listens and who certifies, as the server's environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tolv.errors import UsageError

HTTPS_PORT, HTTP_PORT = 443, 80
_LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """`TOLV_HTTPS_PORT`, `TOLV_HTTP_PORT`, `TOLV_HTTPS_BIND` and `TOLV_ACME_*`."""

    https_port: int = HTTPS_PORT
    http_port: int = HTTP_PORT
    bind: str = ""
    """The address to listen on; empty: all of this machine's."""
    acme_email: str = ""
    """Whom the authority writes to when a certificate is about to expire."""
    acme_ca: str = _LETS_ENCRYPT
    """The ACME directory of the authority for public names."""
    acme_ca_root: str = ""
    """A PEM file: whom to trust when talking to that authority, when it is a private one."""

    @property
    def acme_name(self) -> str:
        """The authority's name in Caddy's storage."""
        url = urlsplit(self.acme_ca)
        return (url.netloc + url.path).replace(":", "-").replace("/", "-")


def read_settings(environment: Mapping[str, str] = os.environ) -> EdgeSettings:
    """The settings in these variables. Raises `UsageError` for a port that is none, or an authority that is no URL."""
    ca = environment.get("TOLV_ACME_CA") or _LETS_ENCRYPT
    if not ca.startswith("https://"):
        raise UsageError(f"TOLV_ACME_CA={ca} is not an https:// URL", remedy="set it to the URL of an ACME directory")
    root = environment.get("TOLV_ACME_CA_ROOT", "")
    if root and not os.path.isfile(root):
        raise UsageError(
            "TOLV_ACME_CA_ROOT is no file", where=root, remedy="set it to a PEM file with a root certificate"
        )
    return EdgeSettings(
        read_port(environment, "TOLV_HTTPS_PORT", HTTPS_PORT),
        read_port(environment, "TOLV_HTTP_PORT", HTTP_PORT),
        environment.get("TOLV_HTTPS_BIND", ""),
        environment.get("TOLV_ACME_EMAIL", ""),
        ca,
        os.path.abspath(root) if root else "",
    )


def read_port(environment: Mapping[str, str], name: str, default: int) -> int:
    """The port that a variable names. Raises `UsageError` if that is none."""
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise UsageError(f"{name}={text} is not a port", remedy="set it to a number from 1 to 65535")
    return int(text)
