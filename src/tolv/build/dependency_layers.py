"""Dependency layers: made once for each key of lockfile, interpreter and platform, and shared by all builds.

The index from key to layer lies in the home's cache: without it a layer is made again, and comes out the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tolv.build import layers
from tolv.build.environment import EPOCH
from tolv.build.model import Layer
from tolv.build.oci import Layout, canonical
from tolv.build.unpack import keep_layer
from tolv.build.workshop import Workshop
from tolv.dependencies.model import DependencyPlan, Language, Package


@dataclass(frozen=True, slots=True)
class Installed:
    """A dependency layer and what it holds."""

    layer: Layer
    packages: tuple[Package, ...]


def dependencies(language: Language, plan: DependencyPlan, tree: Path, shop: Workshop, layout: Layout) -> Installed:
    """The layer for a plan: the known one, or a new one, which is also unpacked on this machine."""
    entry = shop.cache / "dependencies" / f"{hashlib.sha256(canonical(dict(plan.key))).hexdigest()}.json"
    if (known := _known(entry)) and layout.has(known.layer.digest):
        os.utime(entry)
        return known
    stage = shop.scratch / f"layer-{language.name}"
    prefix = stage / plan.prefix
    prefix.parent.mkdir(parents=True)
    packages = language.install(plan, tree, prefix, shop)
    shop.check()
    found = layers.entries(prefix, plan.prefix, language.portable(plan.runtime, prefix))
    digest, size = layout.write_stream(lambda out: layers.pack(found, EPOCH, out))
    layer = Layer(digest, digest, size, layers.MEDIA_TYPE, "dependencies", plan.prefix)
    keep_layer(shop.home, layer, language, plan.runtime, stage)
    installed = Installed(layer, packages)
    _remember(entry, installed)
    return installed


def _known(entry: Path) -> Installed | None:
    try:
        data = json.loads(entry.read_bytes())
        return Installed(Layer(**data["layer"]), tuple(Package(**one) for one in data["packages"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _remember(entry: Path, installed: Installed) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    aside = entry.with_suffix(f".{os.getpid()}-{id(installed)}")
    data = {"layer": asdict(installed.layer), "packages": [asdict(one) for one in installed.packages]}
    with contextlib.suppress(OSError):  # a cache: what cannot be written is made again
        aside.write_text(json.dumps(data))
        os.rename(aside, entry)
