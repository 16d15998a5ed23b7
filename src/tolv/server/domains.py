"""The stories of `tolv domains`: a name of one's own that leads to a deploy, by HTTPS."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from tolv.errors import TolvError
from tolv.route.edge import dns
from tolv.route.edge.certificates import Certificate, call, certificate_of
from tolv.route.edge.domain import Domain, is_local, read_domain
from tolv.route.edge.settings import HTTPS_PORT
from tolv.server.platform import Platform
from tolv.server.progress import Progress
from tolv.server.threads import in_thread

#: Seconds that a person waits for the certificate; it is worked on for longer than that.
_PATIENCE = 30.0
#: Seconds between two looks whether it is there.
_LOOK_EVERY = 0.1


async def add(
    platform: Platform,
    app: str,
    environment: str,
    text: str,
    *,
    internal: bool,
    move: bool,
    by: str,
    progress: Progress,
) -> dict[str, Any]:
    """Let a domain lead to a deploy, and see to its certificate. When the edge cannot serve it, nothing has changed."""
    name = read_domain(text)
    domain = Domain(name, app, environment, internal or is_local(name))
    await in_thread(platform.check_host, name, app, environment)
    before = await in_thread(platform.domains.add, domain, by=by, move=move)
    try:
        await platform.serve_domains()
    except TolvError:
        await platform.insist(platform.domains.restore, name, before)
        await _serve_as_before(platform)
        raise
    progress.done("domain", f"{name} leads to {app} in {environment}")
    await _tell_doubts(domain, progress)
    progress.begin("certificate", name)
    certificate = await _await_certificate(platform, domain)
    if certificate.state == "issued":
        progress.done("certificate", f"from {certificate.issuer}, until {_moment(certificate.ends)}")
    else:
        why = certificate.error or f"none after {_PATIENCE:.0f} s"
        progress.warn("certificate", f"{why}; it is tried again, see `tolv domains`")
    return _row(platform, domain, certificate)


async def remove(platform: Platform, text: str, progress: Progress) -> dict[str, Any]:
    """Forget a domain. Its certificate stays on disk, for the case that it comes back."""
    removed = await in_thread(platform.domains.remove, read_domain(text))
    await _serve_as_before(platform)
    progress.done("domain", f"{removed.name} leads nowhere any more")
    return {"domain": removed.name, "app": removed.app, "environment": removed.environment}


async def listed(platform: Platform, app: str | None, environment: str | None) -> list[dict[str, Any]]:
    """What `tolv domains` lists."""
    if app is not None and environment is not None:
        await in_thread(platform.deploys.get, app, environment)
    elif app is not None:
        await in_thread(platform.apps.get, app)
    found = [
        one
        for one in await in_thread(platform.domains.list)
        if (app is None or one.app == app) and (environment is None or one.environment == environment)
    ]
    return [_row(platform, one, await _certificate(platform, one)) for one in found]


async def _serve_as_before(platform: Platform) -> None:
    """Without a domain that just went: whatever is wrong with the edge, that is not news."""
    try:
        await platform.serve_domains()
    except TolvError:
        return


async def _tell_doubts(domain: Domain, progress: Progress) -> None:
    doubt = await in_thread(dns.doubt, domain.name)
    if doubt and not domain.name.endswith(".localhost"):
        progress.warn("dns", doubt)


async def _await_certificate(platform: Platform, domain: Domain) -> Certificate:
    """Have the certificate made, and wait for it or for the first reason why it cannot be."""
    calling = asyncio.create_task(call(platform.listen.edge, domain.name, _PATIENCE))
    try:
        while True:
            over = calling.done()
            certificate = await _certificate(platform, domain)
            if over or certificate.state != "pending":
                return certificate
            await asyncio.wait({calling}, timeout=_LOOK_EVERY)
    finally:
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)


async def _certificate(platform: Platform, domain: Domain) -> Certificate:
    if platform.edge.problem is not None:
        return Certificate("failed", error=platform.edge.problem.problem)
    return await in_thread(certificate_of, platform.home, domain, platform.listen.edge)


def _row(platform: Platform, domain: Domain, certificate: Certificate) -> dict[str, Any]:
    port = "" if platform.listen.edge.https_port == HTTPS_PORT else f":{platform.listen.edge.https_port}"
    return {
        "domain": domain.name,
        "app": domain.app,
        "environment": domain.environment,
        "url": f"https://{domain.name}{port}",
        "internal": domain.internal,
        "certificate": {
            "state": certificate.state,
            "issuer": certificate.issuer,
            "expires": _moment(certificate.ends) if certificate.ends else None,
            "error": certificate.error,
        },
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
