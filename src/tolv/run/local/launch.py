"""What a release needs to run on this machine, and the environment that its processes get."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tolv.budgets import budgets
from tolv.build.model import Runnable
from tolv.codebase.model import ProcessType, SignalScope
from tolv.home import Home
from tolv.logs.model import deploy_logs, process_log
from tolv.run.formation import ROUTED
from tolv.run.model import Limits, ProcessSpec, Sandbox


@dataclass(frozen=True, slots=True)
class Launch:
    """A release as the engine runs it: code unpacked, config in the clear, process types with their policies."""

    app: str
    environment: str
    release: int
    commit: str | None
    runnable: Runnable
    config: Mapping[str, str] = field(repr=False)
    types: Mapping[str, ProcessType]
    unready: str | None = None
    """Why no new process of it can be started here. Those that run already are looked after all the same."""


@dataclass(frozen=True, slots=True)
class Past:
    """What became of those that had a process's place in the same release before it."""

    restarts: int = 0
    crashes: int = 0
    """In a row, without one that ran for long."""
    reason: str | None = None
    """Why the last one crashed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which process this is. All of it is kept with the process, so that it can be found again by any server."""

    id: str
    app: str
    environment: str
    release: int
    type: ProcessType
    index: int
    port: int | None
    started_ns: int
    time_limit: float | None = None
    """Seconds that a one-off may run."""
    user: int | None = None
    """Of the app, where the server is root."""
    off: tuple[str, ...] = ()
    """What of the sandbox it goes without."""
    past: Past = Past()

    @property
    def name(self) -> str:
        """`web.1`."""
        return f"{self.type.name}.{self.index}"

    def labels(self) -> dict[str, str]:
        return {
            "app": self.app,
            "environment": self.environment,
            "release": str(self.release),
            "type": json.dumps(self.type.to_dict()),
            "index": str(self.index),
            "port": "" if self.port is None else str(self.port),
            "started_ns": str(self.started_ns),
            "time_limit": "" if self.time_limit is None else str(self.time_limit),
            "user": "" if self.user is None else str(self.user),
            "off": ",".join(self.off),
            "past": json.dumps([self.past.restarts, self.past.crashes, self.past.reason]),
        }

    @classmethod
    def from_labels(cls, id: str, labels: Mapping[str, str]) -> Identity:
        """The inverse of `labels`. Raises `KeyError` or `ValueError` for labels that are not ours."""
        return cls(
            id,
            labels["app"],
            labels["environment"],
            int(labels["release"]),
            ProcessType.from_dict(json.loads(labels["type"])),
            int(labels["index"]),
            int(labels["port"]) if labels["port"] else None,
            int(labels["started_ns"]),
            float(labels["time_limit"]) if labels["time_limit"] else None,
            int(labels["user"]) if labels.get("user") else None,
            # One that an earlier version started is not confined.
            tuple(filter(None, labels.get("off", "sandbox").split(","))),
            Past(*json.loads(labels.get("past", "[]"))),
        )


def identify(
    launch: Launch,
    type_: ProcessType,
    index: int,
    *,
    id_: str | None = None,
    port: int | None = None,
    time_limit: float | None = None,
    past: Past = Past(),
) -> Identity:
    """A new process of a release, with the id that it was given or one that is never used again."""
    if id_ is None:
        id_ = f"{launch.app}-{launch.environment}-v{launch.release}-{type_.name}.{index}-{secrets.token_hex(4)}"
    now = time.time_ns()
    return Identity(id_, launch.app, launch.environment, launch.release, type_, index, port, now, time_limit, past=past)


def specify(
    home: Home,
    launch: Launch,
    identity: Identity,
    argv: tuple[str, ...],
    limits: Limits,
    sandbox: Sandbox | None,
    *,
    logged: bool = True,
    tty: bool = False,
) -> ProcessSpec:
    """What to ask of the keeper for this process."""
    stdout = stderr = None
    if logged:
        stdout, stderr = log_files(home, identity)
        stdout.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ProcessSpec(
        id=identity.id,
        argv=argv,
        directory=launch.runnable.directory,
        tmp=str(home.tmp / identity.id),
        stdout=str(stdout) if stdout else None,
        stderr=str(stderr) if stderr else None,
        limits=limits,
        sandbox=sandbox,
        tty=tty,
        labels=identity.labels(),
        log_group=identity.app,
        log_limit=budgets().logs,
    )


def log_files(home: Home, identity: Identity) -> tuple[Path, Path]:
    """Where the process's standard output and standard error go."""
    suffix = identity.id.rpartition("-")[2]
    directory = deploy_logs(home.logs, identity.app, identity.environment)
    return process_log(directory, identity.started_ns, f"v{identity.release}", identity.name, suffix)


def environment_for(home: Home, launch: Launch, identity: Identity) -> dict[str, str]:
    """Exactly what the process sees: its config and the contract's variables, nothing of the host's."""
    tmp = str(home.tmp / identity.id)
    # No line of /etc/passwd names the user: what looks for its name looks here.
    user = {"USER": "app", "LOGNAME": "app"}
    contract = {
        "PATH": ":".join(launch.runnable.path),
        "HOME": tmp,
        "TMPDIR": tmp,
        "PYTHONUNBUFFERED": "1",
        "TOLV_APP": launch.app,
        "TOLV_ENVIRONMENT": launch.environment,
        "TOLV_RELEASE": f"v{launch.release}",
        "TOLV_COMMIT": launch.commit or "",
        "TOLV_PROCESS": identity.name,
    }
    if identity.port is not None:
        contract["PORT"] = str(identity.port)
    return {**user, **launch.runnable.environment, **launch.config, **contract}


def needs_port(type_: ProcessType) -> bool:
    """Only the routed type gets a `PORT`, and others that declare a health path."""
    return type_.name == ROUTED or type_.health is not None


def shell(command: str) -> tuple[str, ...]:
    """A line of the Procfile as a command: by `sh`, as everywhere. A simple one takes the shell's place, so that the
    app itself is what is watched and gets the signals."""
    first = command.split(maxsplit=1)[0] if command.strip() else ""
    simple = not _COMPOUND.search(command) and "=" not in first and not _BUILTIN.fullmatch(first)
    return ("/bin/sh", "-c", f"exec {command}" if simple else command)


def natural_scope(leader: int | None) -> SignalScope:
    """Who gets the stop signal when the app does not say: the leader, which knows best how to end its children; the
    whole group when the leader is only the shell of a compound command, which passes nothing on."""
    try:
        program = os.path.basename(os.readlink(f"/proc/{leader}/exe"))
    except OSError:
        return "leader"
    return "group" if program in _SHELLS else "leader"


#: What makes a line more than one program.
_COMPOUND = re.compile(r"[;|&<>()`\n]")
_SHELLS = {"sh", "dash", "bash", "busybox"}
#: First words that are the shell's own, with no program of that name.
_BUILTIN = re.compile(
    r"[:.!{]|alias|bg|break|case|cd|command|continue|eval|exec|exit|export|fg|for|getopts|hash|if|jobs|local|read|return"
    r"|set|shift|source|times|trap|type|ulimit|umask|unalias|unset|until|wait|while"
)
