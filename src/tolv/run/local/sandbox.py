"""How a process is confined here: what the keeper can do, what the operator allows, and what is off for want of it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tolv.errors import UsageError
from tolv.home import Home
from tolv.run.local.grants import Grants, own_directory, read_grants
from tolv.run.local.launch import Identity, Launch, specify
from tolv.run.local.users import user_of
from tolv.run.model import Limits, ProcessSpec, Sandbox

#: Switches the sandbox, or parts of it, off: `off`, `no-view`, `no-landlock`.
SWITCH = "TOLV_SANDBOX"
#: Processes and threads that a tree may have where the kernel counts them, unless its type says another number.
MOST_PROCESSES = 1000
#: Landlock's version from which signals and abstract sockets are kept inside, too.
_SCOPES = 6
#: What is open to its owner alone where others must pass through the home (see `open_way`).
_PASSED_THROUGH = ("builds", "cache", "layers", "servers", "services", "tmp")


@dataclass(frozen=True, slots=True)
class Offer:
    """What the keeper can do on this machine."""

    landlock: int = 0
    view: bool = False
    user: bool = False
    controllers: tuple[str, ...] = ()
    known: bool = False
    """Whether the keeper says at all: one of an earlier version does not, and confines nothing."""

    @classmethod
    def of(cls, hello: dict[str, Any]) -> Offer:
        """What it said of itself."""
        sandbox = hello.get("sandbox")
        if sandbox is None:
            return cls()
        return cls(sandbox["landlock"], sandbox["view"], sandbox["user"], tuple(hello["controllers"]), known=True)


@dataclass(frozen=True, slots=True)
class Confined:
    """How one process is to be started. `off` names what of the sandbox it goes without: see docs/sandbox.md."""

    sandbox: Sandbox | None
    limits: Limits
    off: tuple[str, ...]


def confine(home: Home, offer: Offer, launch: Launch, identity: Identity) -> Confined:
    """How to confine a process. Raises `UsageError` when the operator's settings make no sense, `PlatformError` when
    the home cannot be written."""
    without = parse_switch(os.environ.get(SWITCH, ""))
    wanted = not without & {"off"} and offer.known
    view = wanted and offer.view and "no-view" not in without
    landlock = wanted and bool(offer.landlock) and "no-landlock" not in without
    user = user_of(home, identity.app) if wanted and offer.user else None
    limits = _limits(offer, identity, alone=user is not None or view)
    off = [] if wanted else ["sandbox"]
    if wanted:
        off += [name for name, on in (("view", view), ("landlock", landlock)) if not on]
        if user is None and landlock and offer.landlock < _SCOPES:
            off.append("signals")
    off += _limits_off(offer, limits, identity)
    if identity.type.tmp is not None and not view:
        off.append("tmp limit")
    if not wanted:
        return Confined(None, limits, tuple(off))
    if user is not None and not view:
        open_way(home)
    granted = _grants(home, launch, identity, user)
    reads = tuple(one for one in dict.fromkeys((*launch.runnable.reads, *granted.readable)))
    return Confined(
        Sandbox(user, view, landlock, reads, granted.writable, identity.type.tmp if view else None), limits, tuple(off)
    )


def specify_confined(
    home: Home,
    offer: Offer,
    launch: Launch,
    identity: Identity,
    argv: tuple[str, ...],
    *,
    logged: bool = True,
    tty: bool = False,
) -> tuple[Identity, ProcessSpec]:
    """What to ask of the keeper for a process, and the process with what became of its sandbox. Raises as `confine`."""
    confined = confine(home, offer, launch, identity)
    user = confined.sandbox.user if confined.sandbox else None
    identity = replace(identity, user=user, off=confined.off)
    return identity, specify(home, launch, identity, argv, confined.limits, confined.sandbox, logged=logged, tty=tty)


@cache
def parse_switch(text: str) -> frozenset[str]:
    """What `TOLV_SANDBOX` switches off. Raises `UsageError`."""
    words = frozenset(word for word in text.split(",") if word and word != "on")
    if words - {"off", "no-view", "no-landlock"}:
        raise UsageError(f"{SWITCH}={text} is not understood", remedy="say on, off, no-view or no-landlock")
    return words


def _limits(offer: Offer, identity: Identity, *, alone: bool) -> Limits:
    """`alone`: no other processes count towards its user's."""
    type_ = identity.type
    processes = type_.processes
    if processes is None and "pids" in offer.controllers:
        processes = MOST_PROCESSES
    if "pids" not in offer.controllers and not alone:
        processes = None
    return Limits(memory=type_.memory, open_files=type_.open_files, processes=processes, cpu=type_.cpu)


def _limits_off(offer: Offer, limits: Limits, identity: Identity) -> list[str]:
    off = []
    if limits.memory is not None and "memory" not in offer.controllers:
        off.append("memory limit of the tree")
    if limits.cpu is not None and "cpu" not in offer.controllers:
        off.append("cpu limit")
    if identity.type.processes is not None and limits.processes is None:
        off.append("processes limit")
    return off


def _grants(home: Home, launch: Launch, identity: Identity, user: int | None) -> Grants:
    """What the operator grants, and the app's own directory in /tmp where its config names that."""
    grants = read_grants(home, identity.app, identity.environment)
    own = f"/tmp/{identity.app}"
    if any(f"{own}/" in value for value in launch.config.values()) and own not in grants.writable:
        own_directory(own, user)
        grants = Grants(grants.readable, (*grants.writable, own))
    return grants


def open_way(home: Home) -> None:
    """Let the apps' users through to what they run, as no view can put that elsewhere: by name, and nowhere else."""
    for entry in (*os.scandir(home.root), *(os.scandir(home.cache) if home.cache.exists() else ())):
        with suppress(FileNotFoundError):
            if entry.name not in _PASSED_THROUGH and not entry.is_symlink() and entry.stat().st_mode & 0o077:
                os.chmod(entry.path, entry.stat().st_mode & 0o700)
    for path in (home.root, home.tmp, home.builds, home.layers, home.services, home.cache, home.cache / "servers"):
        if path.exists():
            os.chmod(path, 0o711)
