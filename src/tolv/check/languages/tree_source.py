"""A source file by its syntax tree: the `Source` of every language that a grammar of tree-sitter reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cached_property
from itertools import chain

from tree_sitter import Node

from tolv.check.languages.dialect import Dialect, Signature
from tolv.check.languages.forms import Bound, Invoke, Member, Name, Same
from tolv.check.languages.names import Binder, Names
from tolv.check.languages.syntax import DEEPEST, Syntax, Visit
from tolv.check.languages.values import Values
from tolv.check.languages.words import Worded
from tolv.check.source import Binding, Call, Function, Import, Language, Scope, Value, Write


class TreeSource(Worded):
    """One file, parsed when it is first asked for more than its words."""

    language: Language

    def __init__(self, path: str, data: bytes, dialect: Dialect) -> None:
        self.path = path
        self.data = data
        self.language = dialect.language
        self._dialect = dialect
        self._callees: dict[int, str | None] = {}

    @cached_property
    def lines(self) -> Sequence[str]:
        """The text's lines, without their ends."""
        text = self.data.decode("utf-8", "replace").split("\n")
        if text[-1] == "":
            text.pop()
        return tuple(line.removesuffix("\r") for line in text)

    @property
    def parsed(self) -> bool:
        return "_syntax" in self.__dict__

    @property
    def broken(self) -> str | None:
        """Why it could not be parsed, or which line was the first that was not; what is around it is read all the
        same."""
        if self._syntax.problem is None and self._syntax.too_deep:
            return f"it is nested more than {DEEPEST} levels deep"
        return self._syntax.problem

    @cached_property
    def _syntax(self) -> Syntax:
        syntax = Syntax(self.data, self._dialect.grammar(self.path), self._dialect.framings(), self._dialect.respelled)
        self._dialect.start(syntax)
        return syntax

    @cached_property
    def _names(self) -> Names:
        return Names(self._syntax, self._dialect)

    @cached_property
    def _values(self) -> Values:
        return Values(self._syntax, self._dialect, self._names)

    def calls(self, *names: str) -> Iterator[Call]:
        """The calls of functions with these names; see `Source`."""
        if not names:
            yield from (call for visit in self._syntax.walk() for call in self._call(visit, None, ()))
            return
        lasts = {_last(name) for name in names}
        visits = list(self._syntax.walk(self._syntax.spots(lasts)))
        aliases = self._aliases_in(visits, lasts)
        for visit in self._syntax.walk(self._syntax.spots(lasts | aliases)) if aliases else visits:
            yield from self._call(visit, lasts | aliases, names)

    def _call(self, visit: Visit, known: set[str] | None, names: tuple[str, ...]) -> Iterator[Call]:
        """A node's call, if it is one, of one of the names."""
        if visit.node.type not in self._dialect.calls:
            return
        form = self._dialect.called(visit)
        if not isinstance(form, Invoke):
            return
        last = self._last_word(form)
        if known is not None and last is not None and last not in known:
            return
        name = self._names.callee(form, visit.frame)
        written = self._written(form)
        if names and not any(_called(one, name) or _called(one, written) for one in names):
            return
        arguments, keywords = self._values.arguments(form, visit.frame)
        line, column = self._syntax.place(visit.node)
        end = visit.node.end_point.row + 1
        yield Call(name, written, arguments, keywords, line, column, end, visit.frame.scope)

    def _aliases_in(self, visits: Iterable[Visit], lasts: Set[str]) -> set[str]:
        """Other names that things with these names have in the file: of imports, of constants."""
        return {
            bound.name
            for visit in visits
            if visit.node.type in self._dialect.binders
            for bound in self._dialect.bound(visit)
            if bound.plain and bound.name not in lasts and self._stands_for(bound, lasts)
        }

    def _stands_for(self, bound: Bound, lasts: Set[str]) -> bool:
        if bound.path is not None:
            return _last(bound.path) in lasts or bound.path in lasts
        if bound.member is not None:
            return bound.member in lasts
        if bound.value is None or bound.how != "assign":
            return False
        form = self._names.peeled(bound.value)
        if isinstance(form, Invoke):
            module = self._dialect.module(form)
            return module is not None and _last(module) in lasts
        return (isinstance(form, Member) and form.name in lasts) or (isinstance(form, Name) and form.text in lasts)

    def _last_word(self, form: Invoke) -> str | None:
        """The last word of what is called; None: it cannot be told so easily."""
        if form.callee is None:
            return form.name
        callee = self._names.peeled(form.callee)
        if isinstance(callee, Name):
            return callee.text.rpartition(".")[2]
        return callee.name if isinstance(callee, Member) else None

    def _written(self, form: Invoke) -> str:
        if form.callee is not None:
            return self._syntax.brief(form.callee)
        return f"{self._syntax.brief(form.of)}.{form.name}" if form.of is not None else form.name or ""

    def bindings(self, *words: str) -> Iterator[Binding]:
        """The bindings whose name holds one of the words, in any case; see `Source`."""
        lower = tuple(word.lower() for word in words)
        spots = self._syntax.spots_within(lower, any_case=True) if words else None
        for visit in self._syntax.walk(spots):
            if visit.node.type not in self._dialect.binders:
                continue
            for bound in self._dialect.bound(visit):
                if (bound.value is None and bound.variable is None) or bound.path is not None:
                    continue
                if not lower or any(word in bound.name.lower() for word in lower):
                    yield self._binding(bound, visit)

    def _binding(self, bound: Bound, visit: Visit) -> Binding:
        line, column = self._syntax.place(bound.node)
        value = self._values.bound(Binder(bound, visit, visit.frame.home))
        callee = None
        if bound.call is not None:
            callee = self._callee(bound.call, visit)
        return Binding(bound.name, bound.target, value, line, column, visit.frame.scope, bound.how, callee)

    def _callee(self, call: Node, visit: Visit) -> str | None:
        """The name of what the call of a keyword calls, told once for all its keywords."""
        if call.id not in self._callees:
            form = self._dialect.form(call)
            name = self._names.callee(form, visit.frame) if isinstance(form, Invoke) else None
            self._callees[call.id] = name
        return self._callees[call.id]

    def env_reads(self) -> Iterator[Value]:
        """Every read of an environment variable."""
        done = -1
        for visit in self._syntax.walk(self._env_spots()):
            if visit.node.start_byte < done:
                continue
            found = self._values.env(visit.node, visit.frame)
            if found is not None:
                done = visit.node.end_byte
                yield from found.envs()
            elif visit.node.type in self._dialect.binders:
                for bound in self._dialect.bound(visit):
                    if bound.member is not None or bound.variable is not None:
                        yield from self._values.bound(Binder(bound, visit, visit.frame.home)).envs()

    def _env_spots(self) -> list[int] | None:
        """Where a read of the environment can be; None: anywhere, as a schema names the variables."""
        environment = self._dialect.environment
        if any(word.encode() in self.data for word in environment.schemas):
            return None
        spots = set(self._syntax.spots(environment.words | self._env_aliases()))
        spots.update(self._syntax.spots_within(("env",), any_case=True) if environment.wrappers else ())
        return sorted(spots)

    def _env_aliases(self) -> set[str]:
        """Names that the environment itself has in the file: `env` of `const env = process.env`."""
        environment = self._dialect.environment
        lasts = {_last(name) for name in environment.mappings} | {_last(name) for name, _, _ in environment.calls}
        return self._aliases_in(self._syntax.walk(self._syntax.spots(lasts)), lasts)

    def imports(self) -> Sequence[Import]:
        """All imports, in order."""
        return self._imports

    @cached_property
    def _imports(self) -> tuple[Import, ...]:
        return tuple(
            one
            for visit in self._syntax.walk(self._syntax.spots(self._dialect.import_words))
            if visit.node.type in self._dialect.imports
            for one in self._dialect.imported(visit)
        )

    def functions(self) -> Sequence[Function]:
        """All functions and methods that have a name, in order."""
        return self._functions

    @cached_property
    def _functions(self) -> tuple[Function, ...]:
        found = []
        for visit in self._syntax.walk(self._syntax.spots_like(self._dialect.function_marks)):
            if visit.node.type in self._dialect.functions:
                signature = self._dialect.signature(visit)
                if signature is not None:
                    found.append(self._function(visit, signature))
        return tuple(found)

    def _function(self, visit: Visit, signature: Signature) -> Function:
        decorators = tuple(self._decorator(node, visit) for node in signature.decorators)
        return Function(
            signature.name,
            visit.frame.scope,
            signature.parameters,
            decorators,
            visit.node.start_point.row + 1,
            visit.node.end_point.row + 1,
            signature.is_async,
        )

    def _decorator(self, node: Node, visit: Visit) -> Call:
        form = self._dialect.form(node)
        while isinstance(form, Same):
            node = form.node
            form = self._dialect.form(node)
        line, column = self._syntax.place(node)
        end, scope = node.end_point.row + 1, visit.frame.scope
        if isinstance(form, Invoke):
            arguments, keywords = self._values.arguments(form, visit.frame)
            name = self._names.callee(form, visit.frame)
            return Call(name, self._written(form), arguments, keywords, line, column, end, scope)
        return Call(self._names.path(node, visit.frame), self._syntax.brief(node), (), {}, line, column, end, scope)

    def writes(self) -> Iterator[Write]:
        """State at module or class level that a function changes."""
        for visit in self._syntax.walk(self._syntax.spots(self._state_names())):
            if visit.node.type in self._dialect.changers and _in_function(visit.frame.scope):
                for changing in self._dialect.changed(visit):
                    declared = self._state(changing.target, visit, changing.how)
                    if declared is None:
                        continue
                    name, binder, part = declared
                    how = "item" if part and changing.how == "rebind" else changing.how
                    line, column = self._syntax.place(changing.node)
                    first = self._syntax.place(binder.bound.node)[0]
                    initial = self._values.bound(binder) if binder.bound.value is not None else None
                    yield Write(name, how, line, column, visit.frame.scope, first, initial)

    def _state_names(self) -> set[str]:
        """The names that are bound outside of all functions."""
        marks = self._dialect.kept_marks
        inside = self._syntax.walk(self._syntax.spots_like(marks) if marks is not None else [])
        return {
            bound.name
            for visit in chain(self._syntax.walk(outside=True), inside)
            if visit.node.type in self._dialect.binders
            for bound in self._dialect.bound(visit)
            if bound.path is None and (bound.plain or bound.how == "attribute")
        }

    def _state(self, target: Node, visit: Visit, how: str) -> tuple[str, Binder, bool] | None:
        """The variable outside of all functions that a changed expression is a part of."""
        links: list[str] = []
        node: Node | None = target
        for _ in range(DEEPEST):
            form = self._dialect.form(node) if node is not None else None
            if isinstance(form, Same):
                node = form.node
            elif isinstance(form, Member):
                links.append(form.name or "")
                node = form.of
            else:
                break
        if not isinstance(form, Name):
            return None
        if form.text in self._dialect.selves or not self._names.here(form.text, visit.frame):
            return self._attribute(form.text, links, visit)
        found = self._names.here(form.text, visit.frame)
        if not self._dialect.keeps(found[0].visit, found[0].bound) or found[0].bound.path is not None:
            return None
        return form.text, found[0], bool(links)

    def _attribute(self, root: str, links: list[str], visit: Visit) -> tuple[str, Binder, bool] | None:
        """A class attribute that is changed through the class or the object."""
        if not links:
            return None
        found = [
            one
            for one in self._names.fields(links[-1])
            if self._dialect.keeps(one.visit, one.bound) and root in (*self._dialect.selves, one.frame.scope.owner)
        ]
        return (links[-1], found[0], len(links) > 1) if found else None

    def texts(self, *parts: str) -> Iterator[Value]:
        """The literal texts and templates that hold one of the parts."""
        spots = self._syntax.spots_within(parts) if parts else None
        done = -1
        for visit in self._syntax.walk(spots):
            node = visit.node
            if node.start_byte < done or node.type not in self._dialect.texts or not self._dialect.is_text(visit):
                continue
            value = self._values.value(node, visit.frame, hops=0)
            if value.text is not None and (not parts or any(part in value.text for part in parts)):
                done = node.end_byte
                yield value


def _in_function(scope: Scope) -> bool:
    return "function" in scope.kinds


def _last(name: str) -> str:
    """The word by which a name is found: what follows its last dot, or slash."""
    return name.rpartition(".")[2].rpartition("/")[2] or name


def _called(asked: str, name: str) -> bool:
    """Whether a name is what was asked for, or ends in it."""
    if asked.startswith("."):
        return name.endswith(asked)
    return name == asked or (name.endswith(asked) and name[-len(asked) - 1] in "./:>?\\")
