"""A build as a value: what one immutable image holds. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tolv.codebase.model import PRODUCTION, ProcessType, RolloutPolicy, ServiceNeed, Variable


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the image. `digest` names the blob, `diff_id` the uncompressed tar (both `sha256:<hex>`)."""

    digest: str
    diff_id: str
    size: int
    media_type: str
    title: str
    """What it holds: `dependencies` or `code`."""
    prefix: str
    """The only path in it: `app` for code, `opt/venv` or `app/node_modules` for dependencies."""


@dataclass(frozen=True, slots=True)
class Build:
    """An immutable artifact of one commit. All of it is read back from the image alone (`builder.read_build`)."""

    digest: str
    """`sha256:<64 hex>` of the image manifest."""
    app: str
    commit: str | None
    dirty: bool
    branch: str | None
    created: int
    """The commit's time (seconds since 1970), not the build's."""
    platform: str
    """`linux/amd64`, as in OCI."""
    runtime: str
    """`python 3.11.7`, `node 20.20.2`, `none`: what `summary` and the label say of the interpreter."""
    lockfile: str | None
    """`requirements.txt`: where the dependencies came from."""
    packages: int
    processes: tuple[ProcessType, ...]
    release_command: str | None
    release_timeout: float
    variables: tuple[Variable, ...]
    formation: dict[str, int]
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()
    rollout: RolloutPolicy = field(default_factory=RolloutPolicy)
    services: tuple[ServiceNeed, ...] = ()
    """Backing services that it needs, in the order of `tolv.toml`."""
    production: str = PRODUCTION
    """The environment that counts as production."""

    @property
    def summary(self) -> str:
        """`python 3.11, 23 packages from requirements.txt`."""
        name, _, version = self.runtime.partition(" ")
        if not version:
            return "runs as it is"
        short = ".".join(version.split(".")[:2])
        if self.lockfile is None:
            return f"{name} {short}, no dependencies"
        plural = "" if self.packages == 1 else "s"
        return f"{name} {short}, {self.packages} package{plural} from {self.lockfile}"

    def process(self, name: str) -> ProcessType | None:
        return next((one for one in self.processes if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Runnable:
    """A build unpacked on this machine, ready to run: what the local engine needs."""

    digest: str
    directory: str
    """Working directory of its processes (absolute, read-only)."""
    path: tuple[str, ...]
    """Directories for `PATH`, the build's own first, the system's last."""
    environment: dict[str, str]
    """Further variables that its runtime needs (none for most)."""
    reads: tuple[str, ...] = ()
    """Directories that its processes must be able to read: its own, those of its layers, its interpreter's."""


def build_to_json(build: Build) -> dict[str, Any]:
    """A build as JSON, for the store and the API; `build_from_json` is the inverse."""
    return {
        "digest": build.digest,
        "app": build.app,
        "commit": build.commit,
        "dirty": build.dirty,
        "branch": build.branch,
        "created": build.created,
        "platform": build.platform,
        "runtime": build.runtime,
        "lockfile": build.lockfile,
        "packages": build.packages,
        "processes": [one.to_dict() for one in build.processes],
        "release_command": build.release_command,
        "release_timeout": build.release_timeout,
        "variables": [one.to_dict() for one in build.variables],
        "formation": build.formation,
        "layers": [{name: getattr(layer, name) for name in Layer.__dataclass_fields__} for layer in build.layers],
        "notes": list(build.notes),
        "rollout": build.rollout.to_dict(),
        "services": [one.to_dict() for one in build.services],
        "production": build.production,
    }


def build_from_json(data: dict[str, Any]) -> Build:
    """The build that `build_to_json` described."""
    return Build(
        **{
            **data,
            "processes": tuple(ProcessType.from_dict(one) for one in data["processes"]),
            "variables": tuple(Variable.from_dict(one) for one in data["variables"]),
            "layers": tuple(Layer(**one) for one in data["layers"]),
            "notes": tuple(data["notes"]),
            "rollout": RolloutPolicy.from_dict(data.get("rollout", {})),
            "services": tuple(ServiceNeed.from_dict(one) for one in data.get("services", ())),
        }
    )
