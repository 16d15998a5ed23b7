"""The people gap: whether those who wrote it also deploy it."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.codebase.commits import CommitLog
from tolv.parity.between import arrivals, deployed_by_author
from tolv.parity.model import Difference, Side

#: Deploys from which a share says something, and by how much shares must differ.
_DEPLOYS, _APART = 3, 0.5


def judge(left: Side, right: Side, log: CommitLog) -> Iterator[Difference]:
    """What the people gap consists of."""
    shares = []
    for side in (left, right):
        by_author, told = deployed_by_author(list(arrivals(side, log)))
        if told < _DEPLOYS:
            return
        shares.append((by_author / told, side))
    (low, handed), (high, owned) = sorted(shares, key=lambda one: one[0])
    if high - low >= _APART:
        shares_said = (
            f"{100 * high:.0f} % of the builds in {owned.environment}, {100 * low:.0f} % in {handed.environment}"
        )
        message = f"authors deployed {shares_said}"
        remedy = f"let those who write the code deploy it to {handed.environment}, and watch it there"
        yield Difference("authors-deploy", "people", "notable", message, handed.environment, remedy)
