"""`python -m tolv.prove.reference DIRECTORY`: docs/probes, made from the probes' own declarations: a page for each."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tolv.factors import FACTORS
from tolv.prove.catalogue import catalogue
from tolv.prove.probe import Mutation, Need, Probe
from tolv.prove.recipes import EXAMPLES
from tolv.reports.markdown import block, cell, own
from tolv.reports.terminal import Paper

_INTRODUCTION = """\
# Probes

<!-- Made by `python -m tolv.prove.reference docs/probes` from the probes' declarations. -->

`tolv prove` builds an app, runs it with throw-away services, and tries each of these on it. `tolv explain PROBE` says
the same in a terminal.

Each probe has a *bad twin*: the model app with one fault, which the probe must refute. It is tried with every change of
Tolv, as is the good twin, which every probe must prove.
"""

_TIERS = (
    "0: it needs no services",
    "1: it needs PostgreSQL or another service, which it gets",
    "2: it needs recipes, a second release, or something outside",
)
_NEEDS: dict[Need, str] = {
    "web": "a process type `web`",
    "git": "a git repository",
    "worker": "a process type beside `web`",
    "services": "a backing service, named in `[services]` of `tolv.toml` or found in the code",
    "database": "PostgreSQL, named in `[services]` of `tolv.toml` or found in the code",
    "namespaces": "namespaces: a machine that permits them",
}
_BY_HAND = (
    "`--verbose` prints each thing that it does, with its time: what is started with which environment, each request, "
    "signal, file and socket. Each can be done again with `env`, `curl`, `kill` and `ss`; `--keep` leaves the files "
    "and logs of the trial where they are."
)


def pages(probes: Mapping[str, Probe]) -> dict[str, str]:
    """Every page as Markdown, by the name of its file: `index.md`, `VI-P2.md`."""
    found = {f"{id}.md": "\n".join(_page(one)) + "\n" for id, one in probes.items()}
    return {"index.md": "\n".join([_INTRODUCTION, *_table(probes.values())]) + "\n", **found}


def write(directory: Path, probes: Mapping[str, Probe]) -> None:
    """Write the pages, and remove those of probes that there are no more."""
    made = pages(probes)
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (directory / name).write_text(text)


def as_text(probe: Probe) -> str:
    """What a probe says of itself, for a terminal."""
    paper = Paper()
    parts = [f"{probe.id}  tier {probe.tier}  {probe.title}", "", *paper.wrapped(probe.does, "  "), ""]
    for word, said in (("Proved", probe.proved), ("Refuted", probe.refuted), ("Fix", probe.fix)):
        parts += paper.wrapped(f"{word + ':':<10}{said}", "  ", " " * 12)
    parts += ["", *(f"  Needs     {one.replace('`', '')}" for one in _needs(probe))]
    lines = _lines(probe)
    if lines:
        parts += ["", "  In [prove] of tolv.toml, as it is with the app:", *(f"      {line}" for line in lines)]
    parts += ["", f"  Bad twin  {probe.mutation.fault}"]
    if probe.rules:
        parts.append(f"  Rules     {', '.join(probe.rules)}: tolv check --only {','.join(probe.rules)}")
    parts.append(f"  Alone     {_command(probe)}")
    return "\n".join(parts)


def as_data(probe: Probe) -> dict[str, Any]:
    """What a probe says of itself, as plain values."""
    names = ("id", "title", "tier", "does", "proved", "refuted", "fix")
    return {
        "factor": probe.label,
        **{name: getattr(probe, name) for name in names},
        "needs": list(probe.needs),
        "lines": _lines(probe),
        "rules": list(probe.rules),
        "twin": probe.mutation.fault,
    }


def _table(probes: Iterable[Probe]) -> Iterator[str]:
    by_label: dict[str, list[Probe]] = {}
    for one in probes:
        by_label.setdefault(one.label, []).append(one)
    for factor in FACTORS:
        if factor.label in by_label:
            yield f"## {factor.label} {factor.title}\n"
            yield "| probe | what it tries | tier | needs |"
            yield "| --- | --- | --- | --- |"
            for one in by_label[factor.label]:
                needs = ", ".join(f"`{need}`" for need in one.needs)
                yield f"| [{one.id}]({one.id}.md) | {cell(own(one.title))} | {one.tier} | {needs} |"
            yield ""


def _page(probe: Probe) -> Iterator[str]:
    factor = next(one for one in FACTORS if one.label == probe.label)
    yield f"# {probe.id}: {own(probe.title)}\n"
    yield f"*{factor.label} {factor.title}.* {factor.rule}.\n"
    yield f"{own(probe.does)}\n"
    yield "| | |"
    yield "| --- | --- |"
    yield f"| proved | {cell(own(probe.proved))} |"
    yield f"| {probe.worst} | {cell(own(probe.refuted))} |"
    yield f"| fix | {cell(own(probe.fix))} |"
    yield f"| tier | {_TIERS[probe.tier]} |"
    if probe.rules:
        links = ", ".join(f"[{id}](../rules.md#{id.lower()})" for id in probe.rules)
        yield f"| what reading finds of it | {links} |"
    yield ""
    yield from _needed(probe)
    yield "## Its bad twin\n"
    yield f"The model app, but it {own(probe.mutation.fault)}. The probe must say of it: {probe.worst}.\n"
    yield from _mutated(probe.mutation)
    yield "## Try it alone, and by hand\n"
    yield f"{block(_command(probe))}\n"
    yield f"{_BY_HAND}"


def _needed(probe: Probe) -> Iterator[str]:
    yield "## What it needs\n"
    needs = _needs(probe)
    yield from (f"* {one}" for one in needs)
    lines = _lines(probe)
    if lines:
        yield "* in `tolv.toml`, as it is with the app:\n"
        yield block("\n".join(["[prove]", *lines]), "toml")
    elif not needs:
        yield "Nothing but the app."
    yield ""


def _needs(probe: Probe) -> list[str]:
    """What it needs beside requests."""
    return [_NEEDS[one] for one in probe.needs if one in _NEEDS]


def _lines(probe: Probe) -> list[str]:
    """The requests that it needs, as examples."""
    return [EXAMPLES[one] for one in probe.needs if one in EXAMPLES]


def _mutated(mutation: Mutation) -> Iterator[str]:
    """What differs from the model app, as a difference of its files."""
    parts: list[str] = []
    for path, pairs in mutation.replace.items():
        parts.append(f"--- {path}")
        for old, new in pairs:
            parts += [f"-{line}" for line in old.splitlines()] + [f"+{line}" for line in new.splitlines()]
    for path, content in mutation.add.items():
        parts += [f"+++ {path}", *(f"+{line}" for line in content.splitlines())]
    parts += [f"--- {path} is not there" for path in mutation.remove]
    if parts:
        yield f"{block(chr(10).join(parts), 'diff')}\n"


def _command(probe: Probe) -> str:
    return f"tolv prove --only {probe.id} --keep --verbose"


if __name__ == "__main__":
    write(Path(sys.argv[1]), catalogue())
