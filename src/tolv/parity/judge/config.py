"""The tools gap: config. Values are not known here, only whether they are equal."""

from __future__ import annotations

from collections.abc import Iterator

from tolv.config.names import is_reserved
from tolv.parity.model import Difference, Setting, Side
from tolv.parity.pairs import pairs
from tolv.parity.remedies import Remedies
from tolv.parity.variables import VARYING

#: Kinds of services that keep what is written to them.
_KEEPS = frozenset({"postgres", "mysql", "mariadb", "mongodb", "redis", "valkey", "s3", "rabbitmq", "kafka"})


def judge(left: Side, right: Side, remedies: Remedies) -> Iterator[Difference]:
    """What of the tools gap is config."""
    if left.build is None or right.build is None:
        # Defaults come with a build: of the other side only what it cannot do without is sure to be missing.
        for side, other in ((left, right), (right, left)):
            for name in sorted(_required(side) & side.settings.keys() - other.settings.keys()):
                yield _one_sided(name, left, right, remedies)
        return
    of_services = {name for side in (left, right) for one in side.services for name in one.variables}
    for name in sorted(left.settings.keys() | right.settings.keys()):
        ours, theirs = left.settings.get(name), right.settings.get(name)
        if is_reserved(name) or name in of_services:
            continue
        if ours is None or theirs is None:
            yield _one_sided(name, left, right, remedies)
        elif ours.fingerprint != theirs.fingerprint:
            yield _different(name, ours, theirs, remedies)
        elif _is_shared_secret(ours, left, right):
            message = f"{name} is the same in both: whoever gets it in one has the other, too"
            remedy = remedies.set(name, remedies.changed())
            yield Difference("shared-secret", "tools", "notable", message, name, remedy)
    yield from _shared_services(left, right, remedies)


def _one_sided(name: str, left: Side, right: Side, remedies: Remedies) -> Difference:
    has, lacks = (left, right) if name in left.settings else (right, left)
    message = f"{name} is set in {has.environment}, not in {lacks.environment}"
    if name in _required(has):
        message += f", and what {has.environment} runs cannot be released without it"
        return Difference("variable", "tools", "breaking", message, name, remedies.set(name, lacks))
    role = has.settings[name].role
    if role in ("label", "tuning"):
        return Difference("variable", "tools", "harmless", message, name)
    remedy = f"{remedies.set(name, lacks)}, or: {remedies.unset(name, has)}"
    return Difference("variable", "tools", "notable", message, name, remedy)


def _different(name: str, ours: Setting, theirs: Setting, remedies: Remedies) -> Difference:
    # `DEBUG` may look like a URL on one side: what is not sure to vary on both is worth a look.
    if ours.role in VARYING and theirs.role in VARYING:
        return Difference("value", "tools", "harmless", f"{name} differs, as it should", name)
    if "stage" in (ours.role, theirs.role):
        message = f"{name} differs: what the code makes depend on it is tried in one environment only"
    elif "switch" in (ours.role, theirs.role):
        message = f"{name} differs: the code may go other ways"
    else:
        message = f"{name} differs"
    remedy = f"if nothing calls for it: {remedies.set(name, remedies.changed())}"
    return Difference("value", "tools", "notable", message, name, remedy)


def _is_shared_secret(setting: Setting, left: Side, right: Side) -> bool:
    return setting.role == "secret" and not setting.empty and left.environment != right.environment


def _shared_services(left: Side, right: Side, remedies: Remedies) -> Iterator[Difference]:
    if left.environment == right.environment:
        return
    for name, ours, theirs in pairs(left, right):
        if ours is None or theirs is None or ours.kind != theirs.kind or ours.kind not in _KEEPS:
            continue
        common = [one for one in ours.variables if one in theirs.variables]
        same = [one for one in common if _value(left, one) is not None and _value(left, one) == _value(right, one)]
        if (common and same == common) or (ours.resource and ours.resource == theirs.resource):
            message = f"{name} is one and the same in both: what one writes, the other reads"
            remedy = remedies.own(ours, theirs)
            yield Difference("shared-service", "tools", "notable", message, name, remedy)


def _value(side: Side, name: str) -> str | None:
    setting = side.settings.get(name)
    return setting.fingerprint if setting else None


def _required(side: Side) -> set[str]:
    return {one.name for one in side.build.variables if one.required} if side.build else set()
