"""The config of a release, put together from where its values come from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tolv.codebase.model import Variable
from tolv.config.names import is_reserved

#: The one environment whose config may come from a developer's `.env`.
LOCAL_ENVIRONMENT = "dev"


def assemble(
    set_values: Mapping[str, str], schema: Iterable[Variable], overlay: Mapping[str, str], environment: str
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The values of a release, sorted by name, and the names of required variables that have none.

    What was set (`tolv config set`) counts before `overlay`, the values of the app's `.env`, which count before the
    defaults of `schema`. The overlay counts in `dev` alone: local values never reach another environment. Names that
    Tolv gives itself (`tolv.config.names.is_reserved`) are left out and are never missing.
    """
    schema = tuple(schema)
    local = overlay if environment == LOCAL_ENVIRONMENT else {}
    defaults = {one.name: one.default for one in schema if one.default is not None}
    merged = {**defaults, **local, **set_values}
    values = {name: merged[name] for name in sorted(merged) if not is_reserved(name)}
    missing = (one.name for one in schema if one.required and one.name not in values and not is_reserved(one.name))
    return values, tuple(missing)
