"""One page that needs nothing else, neither script nor picture from elsewhere: for who decides what is done next."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.parity.model import GAPS, WORDS, Difference, Gap, Parity
from tolv.parity.reports import View
from tolv.parity.reports.text import ABOUT, SEVERITIES, counted, shown, title
from tolv.reports.html import page, text


def render(parity: Parity, view: View) -> str:
    """The page."""
    return page(f"tolv parity: {title(parity)}", "".join(_body(parity)))


def _body(parity: Parity) -> Iterator[str]:
    yield f"<h1>{text(title(parity))}</h1><p class=soft>measured {text(parity.measured)}</p>"
    yield f"<p><strong>{text(counted(parity))}</strong></p>"
    for gap in GAPS:
        yield from _gap(parity, gap)
    if parity.unmeasured:
        yield "<h2>Not measured</h2><table>"
        yield from (f"<tr><td>{text(one.what)}</td><td>{text(one.why)}</td></tr>" for one in parity.unmeasured)
        yield "</table>"


def _gap(parity: Parity, gap: Gap) -> Iterator[str]:
    yield f"<h2>{gap.capitalize()}</h2><p class=soft>{text(ABOUT[gap])}</p>"
    yield f"<table><tr><th></th><th>{text(parity.left)}</th><th>{text(parity.right)}</th></tr>"
    for one in parity.figures:
        if one.gap == gap:
            left, right = text(shown(one, one.left)), text(shown(one, one.right))
            yield f"<tr><td>{text(one.name)}</td><td>{left}</td><td>{right}</td></tr>"
    yield "</table>"
    yield from (_difference(one) for one in parity.differences if one.gap == gap)


def _difference(one: Difference) -> str:
    grave = SEVERITIES[one.judgement]
    remedy = f"<div><strong>Remedy.</strong> {text(one.remedy)}</div>" if one.remedy else ""
    return (
        f'<div class="finding {grave}"><span class="badge {grave}">{WORDS[one.judgement]}</span> '
        f"<strong>{text(one.message)}</strong>{remedy}</div>"
    )
