"""The bill of materials of a build: CycloneDX 1.6, kept beside the image as an artifact that refers to it.

https://cyclonedx.org/docs/1.6/json/ ; https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from tolv.build import oci
from tolv.build.image import bill_of
from tolv.build.model import Build
from tolv.build.oci import Json, Layout, descriptor
from tolv.dependencies.model import Package, Runtime
from tolv.errors import UsageError
from tolv.home import Home

MEDIA_TYPE = "application/vnd.cyclonedx+json"


def sbom(home: Home, digest: str) -> dict[str, Any]:
    """The bill of materials of a build.

    Raises `UsageError` when there is no such build.
    """
    layout = Layout(home.images)
    layout.read_json(digest)
    entry = next((one for one in layout.manifests() if one["digest"] == digest), None)
    if entry is None:
        raise UsageError(f"there is no build {digest}", remedy="`tolv releases` lists what there is")
    manifest = layout.read_json(bill_of(entry))
    return layout.read_json(manifest["layers"][0]["digest"])


def write_sbom(layout: Layout, build: Build, runtimes: Sequence[Runtime], packages: Iterable[Package]) -> str:
    """Write the bill and the manifest that ties it to the image; returns the latter's digest."""
    empty, empty_size = layout.write_json({})
    bill, bill_size = layout.write_json(_document(build, runtimes, packages))
    subject = descriptor(oci.MANIFEST, build.digest, layout.blob(build.digest).stat().st_size)
    manifest, _ = layout.write_json(
        {
            "schemaVersion": 2,
            "mediaType": oci.MANIFEST,
            "artifactType": MEDIA_TYPE,
            "config": descriptor(oci.EMPTY, empty, empty_size),
            "layers": [descriptor(MEDIA_TYPE, bill, bill_size)],
            "subject": subject,
        }
    )
    return manifest


def _document(build: Build, runtimes: Sequence[Runtime], packages: Iterable[Package]) -> Json:
    version = build.commit or build.digest
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, build.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(build.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": "app", "name": build.app, "version": version},
        },
        "components": [
            *({"type": "platform", "name": one.language, "version": one.version} for one in runtimes),
            *(_component(one) for one in packages),
        ],
        "dependencies": [{"ref": "app", "dependsOn": sorted({one.purl for one in packages})}],
    }


def _component(package: Package) -> Json:
    component: Json = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
    }
    return component | ({"licenses": [{"expression": package.license}]} if package.license else {})
