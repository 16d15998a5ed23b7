"""A badge for a README, as SVG: how many of the factors that the app has anything of are proved."""

from __future__ import annotations

from tolv.audit.model import Audit
from tolv.audit.reports import View
from tolv.audit.reports.text import proved, title
from tolv.reports.html import text
from tolv.reports.text import amount

_LABEL = "twelve-factor"
#: Of a character of the face, in units of the picture; and the room on both sides of a text.
_CHARACTER, _PAD = 6.6, 7
_HEIGHT = 20
_GREEN, _YELLOW, _RED, _GREY = "#2e7d4f", "#8a6d1a", "#b3261e", "#5f6b7a"


def render(audit: Audit, view: View) -> str:
    """The picture: `twelve-factor 14/16 proved`."""
    said = proved(audit)
    left, right = _width(_LABEL), _width(said)
    whole = left + right
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{_HEIGHT}" role="img" '
        f'aria-label="{_LABEL}: {said}"><title>{text(_explained(audit))}</title>'
        f'<clipPath id="r"><rect width="{whole}" height="{_HEIGHT}" rx="3"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{left}" height="{_HEIGHT}" fill="#38414f"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{_colour(audit)}"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(_LABEL, left / 2, left)}{_text(said, left + right / 2, right)}</g></svg>\n"
    )


def _explained(audit: Audit) -> str:
    numbers = ", ".join(f"{count} {standing}" for standing, count in audit.standings.items() if count)
    return f"{title(audit)}: of {amount(len(audit.factors), 'factor')} {numbers}"


def _colour(audit: Audit) -> str:
    standings = audit.standings
    if standings["refuted"] or standings["findings"]:
        return _RED
    if not standings["proved"]:
        return _GREY
    return _GREEN if standings["proved"] == audit.applicable else _YELLOW


def _width(said: str) -> int:
    return round(len(said) * _CHARACTER) + 2 * _PAD


def _text(said: str, middle: float, room: int) -> str:
    return f'<text x="{middle:g}" y="14" textLength="{room - 2 * _PAD}">{said}</text>'
