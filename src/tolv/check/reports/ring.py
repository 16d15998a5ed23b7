"""The twelve factors as a picture: a ring of twelve parts in the colours of their verdicts, as SVG."""

from __future__ import annotations

from html import escape
from math import cos, pi, sin

from tolv.check.grade import grade
from tolv.check.model import FactorReport, Report
from tolv.check.reports.summary import MARKS, standing
from tolv.check.reports.text import verdict
from tolv.reports.text import plain

_OUTER, _INNER, _MIDDLE = 150.0, 88.0, 160.0
#: Half the gap between two parts, in radians.
_GAP = 0.012


def ring(report: Report) -> str:
    """An `<svg>` whose parts have the classes `holds`, `error`, `warning`, `cannot-tell` and `not-applicable`."""
    twelve = [one for one in report.factors if one.factor.number <= 12]
    said = ", ".join(f"{one.factor.label} {one.factor.title}: {verdict(one)}" for one in twelve)
    stands = grade(report)
    middle = "–" if stands.percent is None else f"{stands.percent} %"
    parts = "".join(_part(one) for one in twelve)
    size = 2 * _MIDDLE
    return (
        f'<svg class="ring" viewBox="0 0 {size:.0f} {size:.0f}" role="img" aria-label="{escape(plain(said))}">{parts}'
        f'<text class="grade" x="{_MIDDLE:.0f}" y="{_MIDDLE + 6:.0f}">{middle}</text>'
        f'<text class="below" x="{_MIDDLE:.0f}" y="{_MIDDLE + 30:.0f}">of {stands.decided} decided factors</text></svg>'
    )


def css_class(factor: FactorReport) -> str:
    """The class for a factor's verdict."""
    return standing(factor).replace(" ", "-")


def _part(factor: FactorReport) -> str:
    step = 2 * pi / 12
    begin = (factor.factor.number - 1) * step - pi / 2 + _GAP
    end = begin + step - 2 * _GAP
    outline = (
        f"M{_point(_OUTER, begin)}A{_OUTER:.0f} {_OUTER:.0f} 0 0 1 {_point(_OUTER, end)}"
        f"L{_point(_INNER, end)}A{_INNER:.0f} {_INNER:.0f} 0 0 0 {_point(_INNER, begin)}Z"
    )
    half = (begin + end) / 2
    title = escape(f"{factor.factor.label} {factor.factor.title}: {verdict(factor)}")
    x, y = _at(_OUTER - 22, half)
    u, v = _at(_INNER + 16, half)
    return (
        f'<a href="#{factor.factor.label}"><g class="{css_class(factor)}"><title>{title}</title><path d="{outline}"/>'
        f'<text x="{x:.1f}" y="{y + 5:.1f}">{factor.factor.label}</text>'
        f'<text class="mark" x="{u:.1f}" y="{v + 4:.1f}">{MARKS[standing(factor)][0]}</text></g></a>'
    )


def _at(radius: float, angle: float) -> tuple[float, float]:
    return _MIDDLE + radius * cos(angle), _MIDDLE + radius * sin(angle)


def _point(radius: float, angle: float) -> str:
    x, y = _at(radius, angle)
    return f"{x:.1f} {y:.1f}"
