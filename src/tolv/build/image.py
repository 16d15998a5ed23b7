"""A build as an image and back: manifest, config, labels, and the bill of materials that refers to it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tolv.build import oci
from tolv.build.model import Build, Layer, build_from_json, build_to_json
from tolv.build.oci import Json, Layout, descriptor
from tolv.dependencies import language_named
from tolv.dependencies.model import Runtime
from tolv.errors import PlatformError

LABEL_BUILD = "io.tolv.build"
LABEL_RUNTIMES = "io.tolv.runtimes"

_TITLE, _PREFIX = "io.tolv.layer.title", "io.tolv.layer.prefix"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def platform() -> str:
    """This machine's platform in OCI's words."""
    machine = os.uname().machine
    return f"linux/{_MACHINES.get(machine, machine)}"


def write_image(layout: Layout, build: Build, source: str | None, runtimes: Sequence[Runtime]) -> Build:
    """Write config and manifest of a build whose layers are there; returns it with its digest."""
    config, config_size = layout.write_json(_config(build, source, runtimes))
    manifest = {
        "schemaVersion": 2,
        "mediaType": oci.MANIFEST,
        "config": descriptor(oci.CONFIG, config, config_size),
        "layers": [_layer_descriptor(layer) for layer in build.layers],
        "annotations": {"org.opencontainers.image.created": _iso(build.created), "io.tolv.app": build.app},
    }
    digest, _ = layout.write_json(manifest)
    return replace(build, digest=digest)


def read_image(layout: Layout, digest: str) -> tuple[Build, tuple[Runtime, ...]]:
    """A build and its runtimes, from the image alone.

    Raises `UsageError` when there is no such build.
    """
    manifest = layout.read_json(digest)
    config = layout.read_json(manifest["config"]["digest"])
    labels = config["config"].get("Labels", {})
    if LABEL_BUILD not in labels:
        raise PlatformError("this image is not one of Tolv's", where=digest, remedy="build it with `tolv build`")
    diff_ids = config["rootfs"]["diff_ids"]
    layers = [_layer(one, diff) for one, diff in zip(manifest["layers"], diff_ids, strict=True)]
    data = json.loads(labels[LABEL_BUILD])
    build = build_from_json({**data, "digest": digest, "layers": []})
    runtimes = tuple(Runtime.from_dict(one) for one in json.loads(labels[LABEL_RUNTIMES]))
    return replace(build, layers=tuple(layers)), runtimes


def name_image(layout: Layout, build: Build, bill: Json) -> None:
    """Enter a build and its bill of materials into the index: from here on it exists.

    The name is app and commit (`guestbook-9f3c1a7e0b5d`); the newest build that may claim it has it.
    """
    name = f"{build.app}-{_version(build)}"
    size = layout.blob(build.digest).stat().st_size
    entry = descriptor(oci.MANIFEST, build.digest, size, annotations={oci.REF_NAME: name})

    def change(manifests: list[Json]) -> list[Json]:
        kept = [one for one in manifests if one["digest"] not in (build.digest, bill["digest"])]
        for one in kept:
            if one.get("annotations", {}).get(oci.REF_NAME) == name:
                del one["annotations"]
        return [*kept, entry, bill]

    layout.change_manifests(change)


def _version(build: Build) -> str:
    if build.commit is None or build.dirty:
        return f"dirty-{build.digest[7:19]}"
    return build.commit[:12]


def _config(build: Build, source: str | None, runtimes: Sequence[Runtime]) -> Json:
    system, _, architecture = build.platform.partition("/")
    web = build.process("web")
    config: Json = {
        "Env": [f"{name}={value}" for name, value in sorted(_image_environment(runtimes).items())],
        "WorkingDir": "/app",
        "Labels": _labels(build, source, runtimes),
    }
    if web is not None:
        config["Cmd"] = ["/bin/sh", "-c", web.command]
    return {
        "created": _iso(build.created),
        "architecture": architecture,
        "os": system,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in build.layers]},
        "history": [{"created": _iso(build.created), "created_by": f"tolv: {one.title}"} for one in build.layers],
    }


def _labels(build: Build, source: str | None, runtimes: Sequence[Runtime]) -> dict[str, str]:
    data = build_to_json(build)
    del data["digest"], data["layers"]
    labels = {
        "org.opencontainers.image.title": build.app,
        "org.opencontainers.image.created": _iso(build.created),
        "org.opencontainers.image.revision": build.commit,
        "org.opencontainers.image.source": source,
        "io.tolv.runtime": build.runtime,
        LABEL_BUILD: _json(data),
        LABEL_RUNTIMES: _json([one.to_dict() for one in runtimes]),
    }
    return {name: value for name, value in labels.items() if value is not None}


def _image_environment(runtimes: Sequence[Runtime]) -> dict[str, str]:
    directories: list[str] = []
    values: dict[str, str] = {}
    for runtime in runtimes:
        if language := language_named(runtime.language):
            paths, variables = language.environment(runtime, Path("/"), image=True)
            directories += paths
            values |= variables
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": ":".join([*directories, system]), **values}


def _layer_descriptor(layer: Layer) -> Json:
    return descriptor(
        layer.media_type, layer.digest, layer.size, annotations={_TITLE: layer.title, _PREFIX: layer.prefix}
    )


def _layer(data: Json, diff_id: str) -> Layer:
    notes = data.get("annotations", {})
    return Layer(data["digest"], diff_id, data["size"], data["mediaType"], notes[_TITLE], notes[_PREFIX])


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _iso(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
