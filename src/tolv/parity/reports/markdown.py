"""The report as Markdown, for a wiki, an issue or the summary of a CI run."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.parity.model import GAPS, WORDS, Difference, Judgement, Parity
from tolv.parity.reports import View
from tolv.parity.reports.text import ABOUT, counted, shown, title
from tolv.reports.markdown import prose, quoted

_ICONS: dict[Judgement, str] = {"breaking": "✗", "notable": "!", "harmless": "·"}


def render(parity: Parity, view: View) -> str:
    """The page."""
    return "\n".join(_page(parity)) + "\n"


def _page(parity: Parity) -> Iterator[str]:
    yield f"# {quoted(title(parity))}"
    yield ""
    yield f"{counted(parity)}. Measured {parity.measured}."
    for gap in GAPS:
        yield ""
        yield f"## {gap.capitalize()}: {ABOUT[gap]}"
        yield ""
        yield f"| | {quoted(parity.left)} | {quoted(parity.right)} |"
        yield "| --- | --- | --- |"
        for one in parity.figures:
            if one.gap == gap:
                yield f"| {quoted(one.name)} | {quoted(shown(one, one.left))} | {quoted(shown(one, one.right))} |"
        yield ""
        yield from (_item(one) for one in parity.differences if one.gap == gap)
    if parity.unmeasured:
        yield ""
        yield "## Not measured"
        yield ""
        yield from (f"* {quoted(one.what)}: {quoted(one.why)}" for one in parity.unmeasured)


def _item(one: Difference) -> str:
    said = f"* {_ICONS[one.judgement]} **{WORDS[one.judgement]}**: {prose(one.message)}."
    return f"{said}\n  <br>*Remedy:* {prose(one.remedy)}" if one.remedy else said
