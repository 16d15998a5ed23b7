"""What all formats say in the same words."""

from __future__ import annotations

from tolv.parity.model import WORDS, Difference, Figure, Gap, Judgement, Parity, Value
from tolv.reports.text import Level, plain

#: What each gap is, in one line.
ABOUT: dict[Gap, str] = {
    "time": "how long what is written waits",
    "people": "who writes it, and who deploys it",
    "tools": "what it is built with and runs on",
}
#: What `tolv check` would call it, for formats that know only that.
SEVERITIES: dict[Judgement, Level] = {"harmless": "note", "notable": "warning", "breaking": "error"}

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def shown(figure: Figure, value: Value) -> str:
    """A value of a figure as people read it; `-` where there is none."""
    if value is None or value == []:
        return "-"
    if isinstance(value, list):
        return plain(", ".join(value))
    if isinstance(value, str):
        return plain(f"{value[:15]}…" if figure.id == "tools.build" else value)
    match figure.unit:
        case "seconds":
            return duration(value)
        case "share":
            return f"{100 * value:.0f} %"
        case "per week":
            return f"{value:g} a week"
    return f"{value:g}"


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, `5.5 h`, `9 d`: below ten with one decimal."""
    for size, unit in _UNITS:
        if seconds >= size:
            number = seconds / size
            return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s"


def message(one: Difference) -> str:
    """The difference in one sentence, on one line."""
    return plain(one.message)


def remedy(one: Difference) -> str | None:
    return plain(one.remedy) if one.remedy else None


def counted(parity: Parity) -> str:
    """`2 break parity, 1 worth knowing, 4 harmless`."""
    parts = []
    for judgement in ("breaking", "notable", "harmless"):
        number = sum(one.judgement == judgement for one in parity.differences)
        word = "break parity" if judgement == "breaking" and number != 1 else WORDS[judgement]
        if number:
            parts.append(f"{number} {word}")
    return ", ".join(parts) or "no difference"


def title(parity: Parity) -> str:
    """`shop: staging beside prod`."""
    return plain(f"{parity.app}: {parity.left} beside {parity.right}")
