"""The bill of materials of a build: CycloneDX 1.6, kept beside the image as an artifact that refers to it.

https://cyclonedx.org/docs/1.6/json/ ; https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from tolv.build import oci
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
    for entry in layout.manifests():
        if entry.get("artifactType") == MEDIA_TYPE:
            manifest = layout.read_json(entry["digest"])
            if manifest["subject"]["digest"] == digest:
                return layout.read_json(manifest["layers"][0]["digest"])
    raise UsageError(f"{digest} has no bill of materials", remedy="build its commit again")


def write_sbom(layout: Layout, build: Build, runtimes: Sequence[Runtime], packages: Iterable[Package]) -> Json:
    """Write the bill and the manifest that ties it to the image; returns the latter's descriptor for the index."""
    empty, empty_size = layout.write_json({})
    bill, bill_size = layout.write_json(_document(build, runtimes, packages))
    subject = descriptor(oci.MANIFEST, build.digest, layout.blob(build.digest).stat().st_size)
    manifest, size = layout.write_json(
        {
            "schemaVersion": 2,
            "mediaType": oci.MANIFEST,
            "artifactType": MEDIA_TYPE,
            "config": descriptor(oci.EMPTY, empty, empty_size),
            "layers": [descriptor(MEDIA_TYPE, bill, bill_size)],
            "subject": subject,
        }
    )
    return descriptor(oci.MANIFEST, manifest, size, artifactType=MEDIA_TYPE)


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
