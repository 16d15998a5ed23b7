"""The variables of backing services, each with all places that name it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tolv.codebase.inference.signs import Mention
from tolv.codebase.inference.variables import Meaning, kind_of_scheme, meaning, scheme_of
from tolv.codebase.services import Kind, kind_named

#: Of the places that name a variable, which says most of what the app wants from outside.
ORIGINS = ("example", "platform", "compose", "code")


@dataclass(frozen=True, slots=True)
class Named:
    """A variable with what it means, and all places that name it."""

    name: str
    means: Meaning
    places: tuple[Mention, ...]

    @property
    def first(self) -> Mention:
        return min(self.places, key=lambda one: (ORIGINS.index(one.origin), one.commented_out))

    @property
    def scheme(self) -> str:
        """Of the URLs that the places hold, that of the first which is one."""
        ordered = sorted(self.places, key=lambda one: ORIGINS.index(one.origin))
        return next((scheme for one in ordered if kind_of_scheme(scheme := scheme_of(one.value))), "")

    def of(self, kind: Kind) -> Named | None:
        """The same without the places in which it holds the URL of another kind; None: there is no other place."""
        kinds = ((place, kind_of_scheme(scheme_of(place.value))) for place in self.places)
        places = tuple(place for place, other in kinds if not other or kind_named(other).family == kind.name)
        return Named(self.name, self.means, places) if places else None


def named_in(mentions: Sequence[Mention]) -> list[Named]:
    """The variables among the mentions that say where a backing service is."""
    places: dict[str, list[Mention]] = {}
    for one in mentions:
        places.setdefault(one.name, []).append(one)
    found = []
    for name, all_of_it in places.items():
        meanings = [means for one in all_of_it if (means := meaning(name, one.value)) is not None]
        if meanings:
            means = next((one for one in meanings if one.explicit), meanings[0])
            found.append(Named(name, means, tuple(all_of_it)))
    return found
