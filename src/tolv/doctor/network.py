"""The public port and the names that lead to it."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import socket
import threading
from pathlib import Path

from tolv.doctor.check import Check, read_text
from tolv.home import Home
from tolv.run.local.listening import listening

#: Seconds for the resolver. A name server that is asked for *.localhost may take many.
_PATIENCE = 0.1


def port_check(home: Home, port: int) -> Check:
    """Whether the router can listen on the port, or who has it."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # Connections of an earlier listener that are still closing do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OverflowError:
        return Check("port", "fail", f"{port} is no port", "set TOLV_PORT to one from 1 to 65535")
    except OSError as error:
        return _not_ours(home, port, error)
    return Check("port", "ok", f"{port} is free")


def localhost() -> Check:
    """Whether `*.localhost` leads to this machine, as RFC 6761 wants it."""
    answer: list[str] = []
    asked = threading.Thread(target=_resolve, args=("guestbook.localhost", answer), daemon=True)
    asked.start()
    asked.join(_PATIENCE)
    if answer and all(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in answer):
        return Check("localhost", "ok", f"*.localhost is {', '.join(sorted(set(answer)))}")
    detail = f"*.localhost is {', '.join(sorted(set(answer)))}" if answer else "*.localhost is not resolved"
    return Check(
        "localhost",
        "warn",
        f"{detail} by this system (browsers and curl do it themselves)",
        "install libnss-myhostname or systemd-resolved, or list your hosts in /etc/hosts",
    )


def _not_ours(home: Home, port: int, error: OSError) -> Check:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Check(
            "port",
            "fail",
            f"{port} needs privileges",
            "set TOLV_PORT above 1023, or lower net.ipv4.ip_unprivileged_port_start",
        )
    if error.errno != errno.EADDRINUSE:
        return Check("port", "fail", f"{port}: {error.strerror}", "set TOLV_PORT to another")
    holder = _holder(port)
    if holder is not None and holder in _routers(home):
        return Check("port", "ok", f"{port} is this home's router's (pid {holder})")
    who = "someone whom this user may not see" if holder is None else f"{_program(holder)} (pid {holder})"
    return Check("port", "fail", f"{port} is taken by {who}", "stop it, or set TOLV_PORT to another port")


def _holder(port: int) -> int | None:
    """The process that listens on the port, if we may see it."""
    sockets = {f"socket:[{inode}]" for inode in listening(port)}
    for entry in os.listdir("/proc") if sockets else []:
        if entry.isdigit() and not sockets.isdisjoint(_descriptors(entry)):
            return int(entry)
    return None


def _descriptors(pid: str) -> list[str]:
    directory = f"/proc/{pid}/fd"
    found = []
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    for name in names:
        try:
            found.append(os.readlink(f"{directory}/{name}"))
        except OSError:
            continue
    return found


def _routers(home: Home) -> set[int]:
    pids = set()
    for path in home.router.glob("router-*.json"):
        try:
            pids.add(int(json.loads(path.read_bytes())["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return pids


def _program(pid: int) -> str:
    command = (read_text(Path("/proc") / str(pid) / "cmdline") or "").replace("\0", " ").strip()
    return command[:80] or read_text(f"/proc/{pid}/comm") or "a process"


def _resolve(name: str, answer: list[str]) -> None:
    try:
        found = socket.getaddrinfo(name, 80, proto=socket.IPPROTO_TCP)
    except OSError:
        return
    answer.extend(str(one[4][0]) for one in found)
