"""Config by reference: a variable whose value lies in a store of secrets, and is read from there for each release.

Among the values of a config a reference is an *entry* that no value can be: it begins with NUL, which no variable can
hold. So a value that looks like a reference (`file:` begins many a URL) is a value, and a config is still a mapping of
names to texts, which is merged, compared and sealed as one. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tolv.errors import UsageError

_NUL = "\0"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

#: What a reference may be, by its beginning, and how it is written.
FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "file:": (re.compile(r"file:(/.+)"), "file:/run/secrets/name, an absolute path"),
    "env:": (re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)"), "env:NAME, a variable of the server's environment"),
    "op://": (re.compile(r"(op://[^/]+/[^/]+/.+)"), "op://vault/item/field"),
    "vault:": (re.compile(r"vault:([^-#][^#]*)#([^-#][^#]*)"), "vault:secret/path#field"),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a value comes from, and what it was when the release was made."""

    text: str
    """`op://vault/item/field`."""
    value: str | None = None
    """None: it was not read yet."""

    @property
    def entry(self) -> str:
        """What stands for it in a config."""
        return _NUL + self.text + ("" if self.value is None else _NUL + self.value)


def parse_reference(text: str) -> Reference:
    """The reference that somebody wrote. Raises `UsageError` with the forms that there are."""
    form = next((form for start, form in FORMS.items() if text.startswith(start)), None)
    if form is not None and form[0].fullmatch(text) and not _CONTROL.search(text):
        return Reference(text)
    known = "; ".join(shape for _, shape in FORMS.values()) if form is None else form[1]
    problem = f"{text!r} refers to nothing that Tolv can read"
    raise UsageError(problem, remedy=f"write it as {known}; set a plain value without --from")


def reference_in(entry: str) -> Reference | None:
    """The reference that an entry of a config is; None for a value."""
    if not entry.startswith(_NUL):
        return None
    text, resolved, value = entry[1:].partition(_NUL)
    return Reference(text, value if resolved else None)


def references(config: Mapping[str, str]) -> Iterator[tuple[str, Reference]]:
    """The references of a config, with the names of their variables, in its order."""
    for name, entry in config.items():
        if (found := reference_in(entry)) is not None:
            yield name, found


def plain(config: Mapping[str, str]) -> dict[str, str]:
    """The values of a config, as processes get them; references that were not read yet have none."""
    return {name: value for name, value in known(config).items() if value is not None}


def known(config: Mapping[str, str]) -> dict[str, str | None]:
    """Every variable of a config with its value; None for a reference that was not read yet."""
    found = {name: (entry, reference_in(entry)) for name, entry in config.items()}
    return {name: entry if one is None else one.value for name, (entry, one) in found.items()}


def unread(config: Mapping[str, str]) -> dict[str, str]:
    """The config with its references to be read anew: what was asked for, whatever it gave."""
    return {**config, **{name: Reference(one.text).entry for name, one in references(config)}}
