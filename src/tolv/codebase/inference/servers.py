"""The servers that a tree starts beside the app or asks a platform for: compose files and Heroku's app.json."""

from __future__ import annotations

import os
import re

from tolv.codebase.compose import Compose, ComposeService, is_compose_name, parse_compose
from tolv.codebase.context import classify
from tolv.codebase.images import Image, parse_image
from tolv.codebase.inference.files import Files, name_of
from tolv.codebase.inference.signs import Mention, Place, Server
from tolv.codebase.infra import parse_app_json
from tolv.codebase.services import KINDS, Kind

_KINDS_OF_IMAGES = {image: kind for kind in KINDS for image in kind.images}
_KINDS_OF_ADDONS = {addon: kind for kind in KINDS for addon in kind.addons}
_ASIDE = re.compile(r"(?i)(?:^|[^a-z])(?:tests?|testing|ci|e2e|cypress|integration)(?:[^a-z]|$)")
_FROM = re.compile(r"(?mi)^FROM\s+(?:--\S+\s+)*(\S+)")
#: `timescaledb:2.1-pg15`, `pgvector:pg16`, `postgis:16-3.4`.
_ENGINE = re.compile(r"(?:^|[^a-z])pg(\d{1,2})(?!\d)")


def image_kind(image: Image | None) -> Kind | None:
    """The kind of service whose server an image is."""
    return None if image is None else _KINDS_OF_IMAGES.get(image.base.lower())


def image_version(image: Image, kind: Kind) -> str | None:
    """The version that an image's tag says of the server, no finer than what decides which data it takes."""
    if kind.name in ("s3", "smtp"):
        return None
    match = _ENGINE.search(image.tag or "") if kind.name == "postgres" else None
    parts = [match[1]] if match else [str(part) for part in image.version]
    one_number = kind.family == "redis" or (kind.name == "postgres" and len(parts[0] if parts else "") > 1)
    return ".".join(parts[: 1 if one_number else 2]) or None


def read_platforms(files: Files) -> tuple[list[Server], list[Mention]]:
    """What app.json and compose files start or ask for, and the variables that they give to the app; what counts most
    comes first."""
    servers: list[Server] = []
    mentions: list[Mention] = []
    for path in files.near(2):
        name = name_of(path)
        if name == "app.json" and "/" not in path:
            _app_json(path, files.text(path) or "", servers, mentions)
        elif is_compose_name(name) and not _ASIDE.search(path):
            text = files.text(path) or ""
            if "services" in text or "image" in text:
                _compose(files, parse_compose(text, path), servers, mentions)
    servers.sort(key=lambda one: (one.dev, not one.plain, one.place.path.count("/")))
    return servers, mentions


def _is_plain(path: str) -> bool:
    """The compose file that is taken when nobody names one."""
    return name_of(path).rpartition(".")[0] in ("compose", "docker-compose")


def _app_json(path: str, text: str, servers: list[Server], mentions: list[Mention]) -> None:
    asked = parse_app_json(text, path)
    for name, variable in asked.env.items():
        place = Place(name, path, variable.line)
        mentions.append(Mention(name, place, "platform", variable.value, not variable.required))
    for addon in asked.addons:
        kind = _KINDS_OF_ADDONS.get(addon.value.partition(":")[0].lower())
        if kind is not None:
            servers.append(Server(kind, None, Place(addon.value, path, addon.line), plain=True))


def _compose(files: Files, compose: Compose, servers: list[Server], mentions: list[Mention]) -> None:
    dev = classify(compose.path) == "dev"
    own = [one for one in compose.services if not _for_tests(one)]
    kinds = {one.name: _server_image(files, compose.path, one) for one in own}
    built = any(kinds[one.name] is None and one.build is not None for one in own)
    needed = {name for one in own if kinds[one.name] is None for name in one.depends_on}
    for one in own:
        image = kinds[one.name]
        kind = image_kind(image)
        if image is not None and kind is not None:
            place = Place(image.text, compose.path, one.image_line)
            servers.append(
                Server(
                    kind,
                    image_version(image, kind),
                    place,
                    dev,
                    _is_plain(compose.path),
                    one.name in needed and not dev,
                )
            )
            continue
        if built and one.build is None:
            continue  # a tool beside the app
        for name, entry in one.environment.items():
            line = entry.line if entry is not None else one.line
            value = entry.value if entry is not None and not entry.value.startswith("$") else None
            mentions.append(Mention(name, Place(name, compose.path, line), "compose", value))


def _for_tests(service: ComposeService) -> bool:
    return _ASIDE.search(service.name) is not None or any(_ASIDE.search(one) for one in service.profiles)


def _server_image(files: Files, path: str, service: ComposeService) -> Image | None:
    """The image of a backing service, or the one that its Dockerfile builds upon."""
    if service.build is None:
        return service.image if image_kind(service.image) is not None else None
    directory = os.path.normpath(os.path.join(os.path.dirname(path), service.build.context))
    file = os.path.normpath(os.path.join(directory, service.build.dockerfile or "Dockerfile"))
    bases = _FROM.findall(files.text(file) or "")
    image = parse_image(bases[-1]) if bases else None
    return image if image_kind(image) is not None else None
