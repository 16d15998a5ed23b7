"""Readiness: does the process answer, as its type says that it must?"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

#: A dual-stack server answers on the first; one that binds only ::1 on the second.
_LOOPBACKS = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe saw. `host` is the loopback address that answered, None when nothing did."""

    ready: bool
    detail: str
    host: str | None = None


async def probe_port(port: int, timeout: float) -> Answer:
    """Whether something accepts connections on `port` of the loopback interface, within `timeout` seconds."""
    for host in _LOOPBACKS:
        try:
            async with asyncio.timeout(timeout):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            continue
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return Answer(True, f"port {port} accepts", host)
    return Answer(False, f"nothing accepts on port {port}")


async def probe_http(port: int, path: str, host_header: str, timeout: float) -> Answer:
    """Whether `GET path` answers 2xx or 3xx within `timeout` seconds.

    The request names the app's own host, as the router's will: frameworks that check it must not fail the probe.
    """
    for host in _LOOPBACKS:
        try:
            async with asyncio.timeout(timeout):
                status = await _get_status(host, port, path, host_header)
        except TimeoutError:
            return Answer(False, f"GET {path} gave no answer in {timeout:g} s", host)
        except ConnectionRefusedError:
            continue
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            return Answer(False, f"GET {path} failed: {error or type(error).__name__}", host)
        return Answer(200 <= status < 400, f"GET {path} answered {status}", host)
    return Answer(False, f"nothing accepts on port {port}")


async def _get_status(host: str, port: int, path: str, host_header: str) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        request = f"GET {path} HTTP/1.1\r\nHost: {host_header}\r\nUser-Agent: tolv-probe\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("latin-1"))
        await writer.drain()
        line = await reader.readuntil(b"\n")
        return int(line.split()[1])
    finally:
        writer.close()
