"""`tolv prove --init`: the `[prove]` section of an app, with what was found filled in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tolv.codebase.reader import read_app
from tolv.codebase.replace import replace_file
from tolv.codebase.text import read_text
from tolv.errors import PlatformError, UsageError
from tolv.prove.catalogue import catalogue
from tolv.prove.discovery.discover import Found, discover
from tolv.prove.discovery.propose import Proposal
from tolv.prove.recipes import EXAMPLES, FOLLOWS

#: What each key is for.
MEANINGS = {
    "read": "reads what is always there",
    "health": "says that the process lives",
    "ready": "says that it can work: its services answer",
    "write": "makes an item; {token} is a fresh marker, fields of the answer become {id}, {name} …",
    "read_back": "reads the item that write made",
    "login": "one request or a list; hidden inputs of a page become {csrf} …",
    "whoami": "says who is logged in",
    "slow": "is answered after a second or more",
    "upload": "keeps a file; {name} is a fresh name",
    "download": "gives the file that upload kept",
    "job": "hands a job to the workers",
    "job_done": "says whether the job is done",
    "scheduled": "says how often a schedule of the app has run",
    "outbound": "makes the app ask another service",
    "version": "says which commit or build runs",
    "spec": "the API's description: a route or a file",
    "one_off": "a command of the app's own that changes nothing",
    "prepare": "brings a new database to what the app needs; without it the release command does",
}
_HEAD = """\
# What tolv prove can ask this app to do: each line lets more be proved. Lines with # are examples; make them yours.
[prove]
"""


def write_section(root: Path, name: str | None = None) -> str:
    """Write the section into the `tolv.toml` of the app at `root`, in a monorepo for the app `name`; gives what to say
    of it.

    Raises what reading an app raises, and what `add_section` does.
    """
    app = read_app(root, name=name, fallback_name=root.name)
    found = discover(app.root, app)
    section = render_section(found, _needed_by())
    add_section(root / "tolv.toml", section)
    filled = [line.partition(" = ")[0] for line in section.splitlines() if " = " in line and not line.startswith("#")]
    left = len(MEANINGS) - len(filled)
    return (
        f"wrote [prove] into {root / 'tolv.toml'}: {', '.join(filled)} filled in, {left} left as examples\n"
        "look it through, as it was found by reading alone, then: tolv prove"
    )


def render_section(found: Found, probes: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """The section as text: what was found is filled in, all else is there as a comment.

    `probes`: by key, the ids of the probes that need it.
    """
    return _HEAD + "".join(f"{line}\n" for line in _lines(found, probes or {}))


def add_section(path: Path, section: str) -> None:
    """Write the section at the end of `tolv.toml`, which is made if it is not there; the rest stays byte for byte.

    Raises `UsageError` if the file has a `[prove]` already or cannot be understood, `PlatformError` if it cannot be
    written.
    """
    text = read_text(path)
    if text is not None and "prove" in _parsed(path, text):
        raise UsageError(
            f"{path.name} has a [prove] section already",
            where=str(path),
            remedy=f"take what you miss from this proposal:\n\n{section}",
        )
    try:
        old = b"" if text is None else path.read_bytes()
        replace_file(path.resolve(), _appended(old, section))
    except OSError as error:
        problem = f"{path.name} cannot be written: {error.strerror}"
        raise PlatformError(problem, where=str(path), remedy="make it a file that you may write") from None


def _needed_by() -> dict[str, tuple[str, ...]]:
    """By key, the probes that need it."""
    needed: dict[str, list[str]] = {}
    for probe in catalogue().values():
        for need in probe.needs:
            needed.setdefault(need, []).append(probe.id)
    return {name: tuple(ids) for name, ids in needed.items()}


def _lines(found: Found, probes: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    sure = {one.name for one in found.proposals if one.sure}
    for name, meaning in MEANINGS.items():
        proposal = found.proposal(name)
        first = FOLLOWS.get(name)
        given = proposal is not None and name in sure and (first is None or first in sure)
        line = EXAMPLES[name] if proposal is None else f"{name} = {_value(proposal)}"
        notes = [meaning]
        if proposal is not None:
            place = f"found in {proposal.source}" if proposal.source else "a guess"
            notes.append(place if given else f"{place}: fill it in")
        if probes.get(name):
            notes.append("for " + ", ".join(probes[name]))
        yield f"# {'; '.join(notes)}"
        yield line if given else f"# {line}"


def _value(proposal: Proposal) -> str:
    text = _text(proposal.value)
    return text if proposal.file is None else f"{{request = {text}, file = {_text(proposal.file)}}}"


def _text(value: str) -> str:
    """A TOML string: literal where it has quotes of its own."""
    plain = value.isprintable() and "'" not in value
    if plain and ('"' in value or "\\" in value):
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _parsed(path: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = f"{path.name} is not valid TOML: {error}"
        raise UsageError(problem, where=str(path), remedy="correct it first; see https://toml.io") from None


def _appended(old: bytes, section: str) -> bytes:
    end = "\r\n" if b"\r\n" in old else "\n"
    between = "" if not old else end if old.endswith(b"\n") else end * 2
    return old + (between + section.replace("\n", end)).encode()
