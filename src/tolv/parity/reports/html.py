"""One page that needs nothing else, neither script nor picture from elsewhere: for who decides what is done next."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tolv.check.reports.html import STYLE
from tolv.check.reports.text import plain
from tolv.parity.model import GAPS, WORDS, Difference, Gap, Parity
from tolv.parity.reports import View
from tolv.parity.reports.text import ABOUT, SEVERITIES, counted, shown, title


def render(parity: Parity, view: View) -> str:
    """The page."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>tolv parity: {_text(title(parity))}</title><style>{STYLE}</style></head>'
        f"<body><main>{''.join(_body(parity))}</main></body></html>\n"
    )


def _body(parity: Parity) -> Iterator[str]:
    yield f"<h1>{_text(title(parity))}</h1><p class=soft>measured {_text(parity.measured)}</p>"
    yield f"<p><strong>{_text(counted(parity))}</strong></p>"
    for gap in GAPS:
        yield from _gap(parity, gap)
    if parity.unmeasured:
        yield "<h2>Not measured</h2><table>"
        yield from (f"<tr><td>{_text(one.what)}</td><td>{_text(one.why)}</td></tr>" for one in parity.unmeasured)
        yield "</table>"


def _gap(parity: Parity, gap: Gap) -> Iterator[str]:
    yield f"<h2>{gap.capitalize()}</h2><p class=soft>{_text(ABOUT[gap])}</p>"
    yield f"<table><tr><th></th><th>{_text(parity.left)}</th><th>{_text(parity.right)}</th></tr>"
    for one in parity.figures:
        if one.gap == gap:
            left, right = _text(shown(one, one.left)), _text(shown(one, one.right))
            yield f"<tr><td>{_text(one.name)}</td><td>{left}</td><td>{right}</td></tr>"
    yield "</table>"
    yield from (_difference(one) for one in parity.differences if one.gap == gap)


def _difference(one: Difference) -> str:
    grave = SEVERITIES[one.judgement]
    remedy = f"<div><strong>Remedy.</strong> {_text(one.remedy)}</div>" if one.remedy else ""
    return (
        f'<div class="finding {grave}"><span class="badge {grave}">{WORDS[one.judgement]}</span> '
        f"<strong>{_text(one.message)}</strong>{remedy}</div>"
    )


def _text(text: str) -> str:
    return escape(plain(text))
