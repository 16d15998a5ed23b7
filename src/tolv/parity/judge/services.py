"""The tools gap: backing services by kind and by the version that the running server tells."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.parity.figures import service_text
from tolv.parity.model import Difference, Service, Side
from tolv.parity.pairs import pairs
from tolv.parity.remedies import Remedies
from tolv.parity.versions import apart

#: Kinds that speak another's protocol: where nothing but a URL is known, its scheme does not tell them apart.
_PROTOCOLS = {"valkey": "redis", "mariadb": "mysql"}


def judge(left: Side, right: Side, remedies: Remedies) -> Iterator[Difference]:
    """What of the tools gap is backing services."""
    if left.build is None or right.build is None:
        return
    for name, ours, theirs in pairs(left, right):
        if ours is not None and theirs is not None:
            yield from _both(name, ours, theirs, left, right, remedies)
            continue
        one, has, lacks = (ours, left, right) if ours is not None else (theirs, right, left)
        assert one is not None
        message = f"{name} ({service_text(one)}) is attached in {has.environment}, not in {lacks.environment}"
        remedy = remedies.attach(one, lacks)
        yield Difference("service", "tools", "breaking" if one.required else "notable", message, name, remedy)


def _both(
    name: str, ours: Service, theirs: Service, left: Side, right: Side, remedies: Remedies
) -> Iterator[Difference]:
    texts = f"{service_text(ours)} in {left.environment}, {service_text(theirs)} in {right.environment}"
    remedy = remedies.swap(ours, theirs)
    related = _PROTOCOLS.get(ours.kind, ours.kind) == _PROTOCOLS.get(theirs.kind, theirs.kind)
    if ours.kind != theirs.kind and ours.attached and theirs.attached and related:
        yield Difference("service-kind", "tools", "notable", f"{name} is {texts}", name, remedy)
    elif ours.kind != theirs.kind and not related:
        yield Difference("service-kind", "tools", "breaking", f"{name} is {texts}", name, remedy)
    elif ours.version and theirs.version and ours.version != theirs.version:
        judgement = apart(ours.kind, ours.version, theirs.version)
        yield Difference("service-version", "tools", judgement, f"{name} is {texts}", name, remedy)
