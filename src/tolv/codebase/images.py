"""References to container images: `registry/name:tag@digest`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Image:
    """A reference as it stands in a FROM, a compose file or a manifest."""

    registry: str | None
    """`ghcr.io`, `localhost:5000`; None: the default one."""
    name: str
    """`library/postgres`, `acme/web`."""
    tag: str | None
    digest: str | None
    """`sha256:…`."""
    text: str
    """As written, variables included."""
    is_stage: bool = False
    """It names an earlier stage of the same Dockerfile, or is a number of one."""

    @property
    def has_variable(self) -> bool:
        """A part of it is only known when it is built or deployed."""
        return "$" in self.text or "{{" in self.text or "<" in self.text

    @property
    def is_scratch(self) -> bool:
        return self.name == "scratch" and self.registry is None

    @property
    def base(self) -> str:
        """The last part of the name: `postgres` of `bitnami/postgres`."""
        return self.name.rpartition("/")[2]

    @property
    def is_pinned(self) -> bool:
        """By a digest: it can never be another image."""
        return self.digest is not None

    @property
    def floats(self) -> bool:
        """It has neither digest nor tag, or the tag `latest`. One whose tag is a variable does not."""
        if self.is_stage or self.is_scratch or self.digest is not None:
            return False
        return self.tag in (None, "latest") and not ("$" in self.name or "{{" in self.name or "<" in self.name)

    @property
    def version(self) -> tuple[int, ...]:
        """The numbers that the tag starts with: `(3, 12)` of `3.12-slim`; empty: it names none."""
        match = _VERSION.match(self.tag or "")
        return tuple(int(part) for part in match[1].split(".")) if match else ()

    @property
    def variant(self) -> str:
        """What follows the version in the tag: `slim-bookworm`; the whole tag where it has no version."""
        tag = self.tag or ""
        match = _VERSION.match(tag)
        return tag[match.end() :].lstrip("-_.") if match else tag


_VERSION = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,3})(?![0-9a-z])")
_HOLE = re.compile(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\{\{.*?\}\}|\$\([^()]*\)")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:(:?[-+?])([^{}$]*))?\}|([A-Za-z_]\w*))")

#: Characters that a reference may have.
_LONGEST_REFERENCE = 1024

#: What expansion may come to: characters of a text, of a value that is put in, and how many are.
_LONGEST, _LONGEST_VALUE, _MOST_VALUES = 8192, 1024, 64


def parse_image(text: str) -> Image:
    """The parts of a reference. Colons and slashes within `${…}` and `{{ … }}` divide nothing. Never raises."""
    text = text[:_LONGEST_REFERENCE].strip().strip("\"'")
    holes: list[str] = []

    def cover(match: re.Match[str]) -> str:
        holes.append(match[0])
        return f"\0{len(holes) - 1}\1"

    def open_up(part: str) -> str:
        return re.sub("\0(\\d+)\1", lambda match: holes[int(match[1])], part)

    rest = _HOLE.sub(cover, text.replace("\0", "").replace("\1", ""))
    rest = rest.removeprefix("docker://")
    rest, _, digest = rest.partition("@")
    path, slash, last = rest.rpartition("/")
    last, _, tag = last.partition(":")
    name = f"{path}{slash}{last}"
    first, slash, below = name.partition("/")
    registry = None
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, name = first, below
    if registry in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        registry = None
    name = name.removeprefix("library/")
    parts = [open_up(part) if part else None for part in (registry or "", name, tag, digest)]
    return Image(parts[0], parts[1] or "", parts[2], parts[3], text)


def stage_image(text: str) -> Image:
    """The reference to an earlier stage."""
    return replace(parse_image(text), is_stage=True)


def expand(text: str, values: Mapping[str, str]) -> str:
    """A text with its variables, as Docker and compose expand them: `$A`, `${A}`, `${A:-x}`, `${A-x}`, `${A:+x}`.

    What has neither value nor default stays as it is written.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[4]
        given = values.get(name)
        operator, alternative = match[2] or "", match[3] or ""
        empty = given is None or (operator.startswith(":") and not given)
        if operator.endswith("+"):
            return "" if empty else alternative
        if empty and operator.endswith("-"):
            return alternative
        return match[0] if given is None else given[:_LONGEST_VALUE]

    for _ in range(4):  # a default may hold a variable
        if "$" not in text:
            break
        expanded = _VARIABLE.sub(value, text, _MOST_VALUES)[:_LONGEST]
        if expanded == text:
            break
        text = expanded
    return text
