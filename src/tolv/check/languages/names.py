"""What names of a file refer to, followed through its imports and bindings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tree_sitter import Node

from tolv.check.languages.dialect import Dialect
from tolv.check.languages.forms import Bound, Invoke, Many, Member, Name, Same, Sum, Text
from tolv.check.languages.syntax import Frame, Syntax, Visit

HOPS = 4
"""How many bindings a name is followed through."""
LINKS = 60
"""How long a chain of members and calls may be."""
CUT = "…"
_PLAIN_TYPES = frozenset(
    "string int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 byte rune float float32 float64 bool any error "
    "number boolean unknown object symbol bigint String Integer Long Double Float Boolean Object char long double "
    "short array mixed iterable callable null self static".split()
)
_FEW = 100


@dataclass(frozen=True, slots=True, eq=False)
class Binder:
    """A name's binding, with where it is."""

    bound: Bound
    visit: Visit
    home: Frame
    """The scope that the name belongs to."""

    @property
    def frame(self) -> Frame:
        return self.visit.frame


class Names:
    """The names of one file."""

    def __init__(self, syntax: Syntax, dialect: Dialect) -> None:
        self._syntax = syntax
        self._dialect = dialect
        self._binders: dict[str, tuple[Binder, ...]] = {}
        self._homes: dict[str, dict[Frame, list[Binder]]] = {}
        self._dicts: dict[int, dict[str, Node | None]] = {}
        self._of_objects: dict[str, list[Binder]] = {}

    def binders(self, word: str) -> tuple[Binder, ...]:
        """All bindings of a name in the file."""
        known = self._binders.get(word)
        if known is None:
            found = [
                (bound, visit)
                for visit in self._syntax.walk(self._syntax.spots((word,)))
                if visit.node.type in self._dialect.binders
                for bound in self._dialect.bound(visit)
                if bound.name == word
            ]
            declared = {visit.frame.home for bound, visit in found if bound.declares and bound.plain}
            known = self._binders[word] = tuple(Binder(one, at, _home(one, at, declared)) for one, at in found)
        return known

    def here(self, word: str, frame: Frame) -> list[Binder]:
        """The bindings that a name has in the innermost scope around a frame that binds it."""
        homes = self._homes.get(word)
        if homes is None:
            homes = self._homes[word] = {}
            for one in self.binders(word):
                if one.bound.plain:
                    homes.setdefault(one.home, []).append(one)
        home: Frame | None = frame.home
        while homes and home is not None:
            if home in homes:
                return homes[home]
            home = home.parent.home if home.parent else None
        return []

    def one(self, word: str, frame: Frame) -> Binder | None:
        """A name's binding, if it has but one there."""
        found = self.here(word, frame)
        return found[0] if len(found) == 1 else None

    def attribute(self, name: str) -> Binder | None:
        """The binding of `this.name`, if there is but one in the file."""
        found = self._attributes(name)
        return found[0] if len(found) == 1 else None

    def fields(self, name: str) -> list[Binder]:
        """The attributes of classes that have a name; of very many, the first."""
        return [one for one in self._attributes(name)[:_FEW] if one.bound.how == "attribute"]

    def _attributes(self, name: str) -> list[Binder]:
        if name not in self._of_objects:
            found = [
                one
                for one in self.binders(name)
                if one.bound.how == "attribute" or (not one.bound.plain and one.bound.how in ("assign", "parameter"))
            ]
            self._of_objects[name] = sorted(found, key=lambda one: one.bound.how != "attribute")
        return self._of_objects[name]

    def path(self, node: Node, frame: Frame, hops: int = HOPS) -> str:
        """The dotted name of what an expression is; of a call, of what is called."""
        links: list[str] = []
        current: Node | None = node
        base = CUT
        for _ in range(LINKS):
            if current is None:
                break
            form = self._dialect.form(current)
            match form:
                case Same(inner):
                    current = inner
                case Member(of, name):
                    links.append(name if name is not None else "[]")
                    current = of
                case Invoke():
                    module = self._dialect.module(form)
                    if module is not None:
                        base, current = module, None
                    elif form.callee is not None:
                        current = form.callee
                    else:
                        if form.name is not None and not (form.name in self._dialect.constructors and form.of):
                            links.append(form.name)
                        current = form.of
                        if current is None:
                            base = self.named(links.pop(), frame, hops) if links else CUT
                case Name(text):
                    base, current = self._rooted(text, links, frame, hops), None
                case _:
                    base = self._syntax.brief(current, 60) if isinstance(form, Text | Sum) else CUT
                    current = None
        return ".".join((base, *reversed(links))) if base else ".".join(reversed(links))

    def callee(self, call: Invoke, frame: Frame) -> str:
        """The resolved name of what a call calls."""
        if call.callee is not None:
            return self.path(call.callee, frame)
        if call.of is not None:
            return f"{self.path(call.of, frame)}.{call.name}"
        return self.named(call.name or CUT, frame)

    def named(self, text: str, frame: Frame, hops: int = HOPS) -> str:
        """What a plain name refers to."""
        found = self.here(text, frame) if hops else []
        if not found:
            return self._dialect.resolve(text)
        binder = _sole(found)
        return (self._followed(binder, hops) if binder else None) or text

    def _rooted(self, text: str, links: list[str], frame: Frame, hops: int) -> str:
        """What the root of a chain refers to; an attribute of the object itself takes a link with it."""
        if text in self._dialect.selves and links and hops:
            binder = _sole(self._attributes(links[-1]))
            found = self._followed(binder, hops) if binder else None
            if found:
                links.pop()
                return found
        return self.named(text, frame, hops)

    def _followed(self, binder: Binder, hops: int) -> str | None:
        bound = binder.bound
        if bound.path is not None:
            return bound.path
        if bound.value is not None and bound.how != "augment":
            form = self.peeled(bound.value)
            if bound.member is not None:
                return f"{self.path(bound.value, binder.frame, hops - 1)}.{bound.member}"
            if isinstance(form, Invoke | Member) or (isinstance(form, Name) and form.text != bound.name):
                return self.path(bound.value, binder.frame, hops - 1)
        typed = self.path(bound.type, binder.frame, hops - 1) if bound.type is not None else None
        # A plain type says less than the name that has it.
        return None if typed is None or typed in _PLAIN_TYPES or typed.startswith(CUT) else typed

    def peeled(self, node: Node) -> object:
        """A node's form without parentheses and casts."""
        for _ in range(LINKS):
            form = self._dialect.form(node)
            if not isinstance(form, Same):
                return form
            node = form.node
        return Same(node)

    def property(self, of: Node, name: str, frame: Frame) -> tuple[Node, Binder] | None:
        """The value of `of.name`, where `of` is bound once to a dict that has such a key."""
        form = self.peeled(of)
        binder = self.one(form.text, frame) if isinstance(form, Name) else None
        if binder is None or binder.bound.value is None or binder.bound.member is not None:
            return None
        found = self._items(binder.bound.value).get(name)
        return (found, binder) if found is not None else None

    def _items(self, node: Node) -> dict[str, Node | None]:
        """What a dict's keys have, each that is there once."""
        known = self._dicts.get(node.id)
        if known is None:
            form = self.peeled(node)
            known = self._dicts[node.id] = {}
            for key, item in form.items if isinstance(form, Many) else ():
                if key is not None:
                    known[key] = item if key not in known else None
        return known


def _sole(binders: list[Binder]) -> Binder | None:
    """The one binding; of several, the one that declares a type."""
    if len(binders) == 1:
        return binders[0]
    if len(binders) > _FEW:
        return None
    typed = [one for one in binders if one.bound.type is not None]
    return replace(typed[0], bound=replace(typed[0].bound, value=None)) if len(typed) == 1 else None


def _home(bound: Bound, visit: Visit, declared: set[Frame]) -> Frame:
    """The scope of a binding: for one that declares nothing, the innermost that declares the name."""
    home: Frame | None = visit.frame.home
    while home is not None and not bound.declares:
        if home in declared:
            return home
        home = home.parent.home if home.parent else None
    return visit.frame.home
