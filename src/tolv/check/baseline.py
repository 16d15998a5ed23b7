"""The baseline: a file of findings that are known, what was decided about each, and why.

    {"version": 1, "findings": [
      {"fingerprint": "4be1…", "rule": "VI-05", "path": "app/cache.py", "message": "…",
       "state": "accepted", "reason": "one instance until the spring", "expires": "2027-03-01"}]}

`state` is `accepted`, `false positive` or `to fix`; the first two need a reason. From the day of `expires` on the
entry counts no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, get_args

from tolv.check.answered import set_aside
from tolv.check.model import Finding, Report, State, Suppressed
from tolv.errors import UsageError

_VERSION = 1
#: Entries that are named before it is only said how many more there are.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One known finding."""

    fingerprint: str
    rule: str
    path: str
    state: State = "to fix"
    reason: str = ""
    expires: date | None = None
    message: str = ""

    def __str__(self) -> str:
        return f"{self.rule} {self.path or '.'}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """The entries of a file, in its order."""

    entries: tuple[Entry, ...] = ()


def parse_baseline(text: str, where: str) -> Baseline:
    """A baseline from its JSON. `where` names the file in errors.

    Raises `UsageError` for what is no baseline: the entry and the key are named.
    """
    try:
        data = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the baseline is not valid JSON: {error}", where=where, remedy=_ANEW) from None
    if not isinstance(data, dict) or not isinstance(data.get("findings"), list):
        raise UsageError('a baseline is an object with a list "findings"', where=where, remedy=_ANEW)
    if data.get("version") != _VERSION:
        raise UsageError(
            f"this baseline is of version {data.get('version')}, not {_VERSION}", where=where, remedy=_ANEW
        )
    return Baseline(tuple(_entry(one, f"{where}, entry {at}") for at, one in enumerate(data["findings"], start=1)))


def format_baseline(baseline: Baseline) -> str:
    """The file's text, sorted so that a change of one finding changes one entry. The inverse of `parse_baseline`."""
    entries = sorted(baseline.entries, key=lambda one: (one.rule, one.path, one.fingerprint))
    rows = [
        {name: str(value) if isinstance(value, date) else value for name, value in asdict(one).items() if value}
        for one in entries
    ]
    ordered = [{name: row[name] for name in _KEYS if name in row} for row in rows]
    # Escapes stay: a path that is no Unicode must come back as it was.
    return json.dumps({"version": _VERSION, "findings": ordered}, indent=2) + "\n"


def apply(report: Report, baseline: Baseline, today: date) -> Report:
    """The report without the findings that the baseline knows and that have not expired by `today`."""
    valid = {one.fingerprint: one for one in baseline.entries if not expired(one, today)}
    found = [(one, valid[one.fingerprint]) for one in report.findings if one.fingerprint in valid]
    return set_aside(report, [Suppressed(one, entry.reason, "baseline", entry.state) for one, entry in found])


def renewed(report: Report, baseline: Baseline) -> Baseline:
    """A baseline of all that the report finds, before any baseline was applied to it: what was decided stays, new
    findings are `to fix`, and what has vanished goes. An entry that has expired stays expired."""
    decided = {one.fingerprint: one for one in baseline.entries}
    return Baseline(tuple(decided.get(one.fingerprint) or _undecided(one) for one in report.findings))


def remarks(report: Report, baseline: Baseline, today: date, rules: Iterable[str] | None = None) -> Iterator[str]:
    """What is to be said of the entries themselves: which have expired, which match nothing any more.

    `rules` are the ids that were checked; None: all. The report is that before the baseline was applied.
    """
    present = {one.fingerprint for one in report.findings}
    asked = None if rules is None else set(rules)
    checked = [one for one in baseline.entries if asked is None or one.rule in asked]
    late = [one for one in checked if expired(one, today) and one.fingerprint in present]
    gone = [one for one in checked if one.fingerprint not in present]
    if late:
        yield f"of the baseline {_listed(late)} expired: what was put off counts again"
    if gone:
        verb = "matches" if len(gone) == 1 else "match"
        yield f"of the baseline {_listed(gone)} {verb} nothing any more; --write-baseline removes what has vanished"


def expired(entry: Entry, today: date) -> bool:
    """Whether an entry counts no more on this day."""
    return entry.expires is not None and entry.expires <= today


_ANEW = "correct it, or write a new one with --write-baseline"
_KEYS = ("fingerprint", "rule", "path", "message", "state", "reason", "expires")


def _undecided(finding: Finding) -> Entry:
    return Entry(finding.fingerprint, finding.rule, finding.place.path, message=finding.message)


def _listed(entries: list[Entry]) -> str:
    names = ", ".join(str(one) for one in entries[:_NAMED])
    more = f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else ""
    return f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'} ({names}{more})"


def _entry(data: Any, where: str) -> Entry:
    if not isinstance(data, dict):
        raise UsageError("an entry of a baseline is an object", where=where, remedy=_ANEW)
    for name in data:
        if name not in _KEYS:
            raise UsageError(f"unknown key {name!r}", where=where, remedy=f"it knows: {', '.join(_KEYS)}")
    values = {name: _READ[name](data.get(name), name, where) for name in _KEYS}
    entry = Entry(**values)
    if entry.state != "to fix" and not entry.reason.strip():
        raise UsageError(f"what is {entry.state} needs a reason", where=where, remedy='add "reason": "…" to it')
    return entry


def _required(value: Any, name: str, where: str) -> str:
    if not isinstance(value, str) or (not value and name != "path"):
        raise UsageError(f"{name} must be a text", where=where, remedy=_ANEW)
    return value


def _optional(value: Any, name: str, where: str) -> str:
    return "" if value is None else _required(value or " ", name, where).strip()


def _state(value: Any, name: str, where: str) -> State:
    if value not in get_args(State):
        raise UsageError(f"state is {value!r}", where=where, remedy=f"write one of: {', '.join(get_args(State))}")
    state: State = value
    return state


def _date(value: Any, name: str, where: str) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise UsageError(f"{value!r} is not a date", where=where, remedy="write it as 2027-03-01") from None


_READ: Mapping[str, Callable[[Any, str, str], Any]] = {
    "fingerprint": _required,
    "rule": _required,
    "path": _required,
    "message": _optional,
    "state": _state,
    "reason": _optional,
    "expires": _date,
}
