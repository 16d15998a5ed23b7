"""Looks that take calls and bindings as they are, by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tolv.check.look import Look
from tolv.check.source import Binding, Call, Language, Source, Value

#: Sightings of one look in one file; more than that says nothing more.
_MOST = 300


def calls_look(name: str, names: Mapping[Language, tuple[str, ...]], **words: tuple[str, ...]) -> Look[Call]:
    """A look for calls of these names, by language. `words` are identifiers of which one must be in a file, where the
    names themselves are in too many."""
    look: Look[Call] = Look(name)
    for language, wanted in names.items():
        lasts = words.get(language) or tuple(part for one in wanted for part in _words(one.rpartition(".")[2]))
        look.reads(language, words=lasts)(_calls(wanted))
    return look


def bindings_look(name: str, words: Mapping[Language, tuple[str, ...]]) -> Look[Binding]:
    """A look for bindings whose name holds one of these words, by language."""
    look: Look[Binding] = Look(name)
    for language, wanted in words.items():
        look.reads(language, within=tuple(one.lower() for one in wanted))(_bindings(wanted))
    return look


def _calls(names: tuple[str, ...]) -> Callable[[Source], Iterator[Call]]:
    def read(source: Source) -> Iterator[Call]:
        for number, call in enumerate(source.calls(*names)):
            if number >= _MOST:
                return
            yield call

    return read


def _bindings(words: tuple[str, ...]) -> Callable[[Source], Iterator[Binding]]:
    def read(source: Source) -> Iterator[Binding]:
        for number, binding in enumerate(source.bindings(*words)):
            if number >= _MOST:
                return
            yield binding

    return read


def _words(name: str) -> list[str]:
    return [part for part in name.replace("-", " ").replace("/", " ").replace("@", " ").split() if part]


def settled(value: Value) -> tuple[str | None, bool]:
    """The text that a value has where nothing is configured, and whether the environment can change it."""
    if value.kind == "literal":
        return value.text, False
    if value.kind == "env":
        default = value.default
        return (settled(default)[0] if default is not None else None), True
    if value.kind == "choice":
        found = [settled(part) for part in value.parts]
        return (found[-1][0] if found else None), True
    return None, False
