"""Whether an audit is to fail. No I/O."""

from __future__ import annotations

from tolv.audit.model import Audit
from tolv.check.model import SEVERITIES


def fails(audit: Audit, fail_on: str) -> bool:
    """Whether something is refuted that nobody expects, or, for `error` and `warning`, found with that severity or a
    graver one. `none`: it never fails."""
    if fail_on == "none":
        return False
    if any(one.unexpected for one in audit.proved.results):
        return True
    grave = SEVERITIES[: SEVERITIES.index(fail_on) + 1] if fail_on in SEVERITIES else ()
    return any(one.severity in grave for one in audit.findings)
