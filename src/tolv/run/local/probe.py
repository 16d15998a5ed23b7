"""Readiness and liveness: does the process answer, as its type says that it must?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

#: A dual-stack server answers on the first; one that binds only ::1 on the second.
_LOOPBACKS = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe saw. `host` is the loopback address that answered, None when nothing did."""

    ready: bool
    detail: str
    host: str | None = None
    status: int | None = None
    """Of the response; None when there was none."""


async def probe_open(port: int, timeout: float) -> Answer:
    """Whether something accepts connections on `port` of the loopback interface, within `timeout` seconds."""
    for host in _LOOPBACKS:
        try:
            async with asyncio.timeout(timeout):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            continue
        writer.close()
        return Answer(True, f"port {port} accepts", host)
    return Answer(False, f"nothing accepts on port {port}")


async def probe_any(port: int, host_header: str, timeout: float) -> Answer:
    """Whether whoever listens on `port` of the loopback interface answers `HEAD /` within `timeout` seconds.

    Any status will do. An open port alone says little: gunicorn and its like listen before they load the app, and end
    when they cannot.
    """
    return await _probe(port, "HEAD", "/", host_header, timeout, range(100, 600))


async def probe_http(port: int, path: str, host_header: str, timeout: float) -> Answer:
    """Whether `GET path` answers 2xx or 3xx within `timeout` seconds."""
    return await _probe(port, "GET", path, host_header, timeout, range(200, 400))


async def _probe(port: int, method: str, path: str, host_header: str, timeout: float, wanted: range) -> Answer:
    """The request names the app's own host, as the router's will: frameworks that check it must not fail the probe."""
    for host in _LOOPBACKS:
        try:
            async with asyncio.timeout(timeout):
                status = await _ask(host, port, method, path, host_header)
        except TimeoutError:
            return Answer(False, f"{method} {path}: no answer in {timeout:g} s", host)
        except ConnectionRefusedError:
            continue
        except (OSError, ValueError, IndexError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            return Answer(False, f"{method} {path} failed: {error or type(error).__name__}", host)
        return Answer(status in wanted, f"{method} {path} answered {status}", host, status)
    return Answer(False, f"nothing accepts on port {port}")


async def _ask(host: str, port: int, method: str, path: str, host_header: str) -> int:
    """The status that the request is answered with."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        request = (
            f"{method} {path} HTTP/1.1\r\nHost: {host_header}\r\nUser-Agent: tolv-probe\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode("latin-1"))
        await writer.drain()
        line = await reader.readuntil(b"\n")
        return int(line.split()[1])
    finally:
        writer.close()
