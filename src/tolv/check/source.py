"""A source file as rules see it: one form for all languages.

A language's front end (`check/languages/`) turns its syntax into the calls, bindings, imports and functions below. A
rule that asks for calls of `listen` need not know whose syntax they are in. Everything is read lazily: a file whose
words no rule asks for is never parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Language = Literal["python", "javascript", "go", "java", "ruby", "php"]
LANGUAGES: tuple[Language, ...] = ("python", "javascript", "go", "java", "ruby", "php")

ValueKind = Literal["literal", "env", "choice", "name", "call", "container", "template", "unknown"]


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression is, as far as it can be told by reading.

    | kind | `text` | `name` | `parts` |
    | --- | --- | --- | --- |
    | `literal` | the text; a number, `true`, `null` as text | its type: `str`, `int`, `float`, `bool`, `null` | |
    | `env` | | the variable; None: computed | its default, if it has one |
    | `choice` | | | the alternatives: of `a or b`, `a if c else b`, `a ?? b` |
    | `name` | | what it refers to, dotted, resolved through imports: `app.config.URL`, `self.url` | |
    | `call` | | the function's resolved name | the arguments |
    | `container` | `list`, `dict`, `set`, `tuple` | | the items (of a dict its values) |
    | `template` | the literal parts joined, with `{}` for each hole | | the holes |
    | `unknown` | | | |

    `os.environ.get("A") or "x"` is `env` A with the default `x`: `or`, `||`, `??`, `?:`, `.get(k, d)`, `getenv(k, d)`,
    `ENV.fetch(k, d)`, decouple's, environ's and pydantic's forms all read so. A conversion (`int(os.environ["A"])`,
    `.strip()`, `parseInt`) reads as what it converts. A name that is bound once in the same file, in the same function
    or at module level, to an `env`, `literal` or `call` reads as that (one hop), and so does a parameter's default.
    """

    kind: ValueKind
    text: str | None = None
    name: str | None = None
    parts: tuple[Value, ...] = ()
    line: int = 0
    column: int = 0
    via: str | None = None
    """The name it was reached through, where it took a hop."""

    @property
    def default(self) -> Value | None:
        """What an `env` falls back to."""
        return self.parts[0] if self.kind == "env" and self.parts else None

    @property
    def is_text(self) -> bool:
        return self.kind == "literal" and self.name == "str"

    def envs(self) -> Iterator[Value]:
        """Every read of the environment in it."""
        if self.kind == "env":
            yield self
        for part in self.parts:
            yield from part.envs()


@dataclass(frozen=True, slots=True)
class Scope:
    """What encloses a piece of code, outermost first: `("class Config", "def url")` reads as names and kinds."""

    names: tuple[str, ...] = ()
    kinds: tuple[Literal["class", "function"], ...] = ()
    guards: tuple[str, ...] = ()
    """Source text of the conditions (`if`, `unless`, `except`) that must hold to get there, outermost first."""

    @property
    def function(self) -> str | None:
        """The innermost function's name; None at module or class level."""
        return self.names[-1] if self.kinds and self.kinds[-1] == "function" else None

    @property
    def owner(self) -> str | None:
        """The innermost class's name."""
        return next((n for n, k in zip(reversed(self.names), reversed(self.kinds), strict=True) if k == "class"), None)

    @property
    def at_import(self) -> bool:
        """It runs when the module is loaded: no function encloses it."""
        return "function" not in self.kinds


@dataclass(frozen=True, slots=True)
class Call:
    """A call, or the making of an object (`new X(…)`, `&http.Server{…}`)."""

    name: str
    """The callee, resolved through imports and one hop of binding: `flask.Flask.run`, `express.listen`, `net/http.Get`.

    The class of what a local name was made from stands for it: `app = Flask(…); app.run()` is `flask.Flask.run`,
    `const app = express(); app.listen(…)` is `express.listen`. What cannot be resolved keeps its text:
    `self.db.save`."""
    written: str
    """The callee as it stands in the source: `app.run`."""
    arguments: tuple[Value, ...]
    keywords: Mapping[str, Value]
    """Keyword arguments; properties of an object literal that is an argument (JavaScript, Ruby, PHP); fields (Go)."""
    line: int
    column: int
    end_line: int
    scope: Scope

    @property
    def last(self) -> str:
        """The last part of the name: `run`."""
        return self.name.rpartition(".")[2]

    def argument(self, position: int, *names: str) -> Value | None:
        """The argument at a position (from 0; -1: none), or of one of the names."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return self.arguments[position] if 0 <= position < len(self.arguments) else None


@dataclass(frozen=True, slots=True)
class Binding:
    """A name that gets a value: assignment, constant, keyword argument, key of a dict or object, class attribute,
    parameter default, field."""

    name: str
    """The last part: `SECRET_KEY` of `app.config["SECRET_KEY"] = …`."""
    target: str
    """The whole, as written: `app.config["SECRET_KEY"]`."""
    value: Value
    line: int
    column: int
    scope: Scope
    how: Literal["assign", "keyword", "key", "attribute", "parameter", "augment"] = "assign"
    """`augment`: `+=` and its like."""
    callee: str | None = None
    """For a keyword: the resolved name of what is called."""


@dataclass(frozen=True, slots=True)
class Import:
    """A module that is asked for."""

    module: str
    """As written, relative ones with their dots: `flask_sqlalchemy`, `.models`, `./lib/db`, `github.com/lib/pq`."""
    names: tuple[str, ...]
    """What is taken from it; empty: the module itself."""
    line: int
    optional: bool = False
    """It may be absent: inside `try … except ImportError`, a `require` in a try."""
    typing: bool = False
    """Only for a type checker: `if TYPE_CHECKING`, `import type`."""
    in_function: bool = False
    guarded: bool = False
    """Under a condition (`if settings.DEBUG`)."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method."""

    name: str
    scope: Scope
    """What encloses it."""
    parameters: tuple[str, ...]
    decorators: tuple[Call, ...]
    """Decorators, annotations, attributes; one without parentheses is a call without arguments."""
    line: int
    end_line: int
    is_async: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """State outside of a function that it changes: a module variable, a class attribute, a package variable."""

    name: str
    how: Literal["rebind", "augment", "item", "method", "delete"]
    """`method`: a mutating method (`append`, `update`, `push`, `set` …); `item`: `x[k] = v`."""
    line: int
    column: int
    scope: Scope
    declared: int
    """Line of the declaration at module or class level."""
    initial: Value | None = None
    """What the declaration gave it."""


class Source(Protocol):
    """One parsed file. All lines and columns count from 1. Nothing raises: what cannot be parsed yields nothing, and
    `broken` says why."""

    path: str
    language: Language
    data: bytes

    @property
    def words(self) -> frozenset[bytes]:
        """All identifiers of the text, comments and literals included."""

    @property
    def lower(self) -> bytes:
        """The same words in lower case as one text, each on a line of its own."""

    @property
    def parsed(self) -> bool:
        """Something has been asked for which the file had to be parsed."""

    @property
    def broken(self) -> str | None:
        """Why it could not be parsed; None: it was."""

    @property
    def lines(self) -> Sequence[str]:
        """The text's lines, without their ends."""

    def calls(self, *names: str) -> Iterator[Call]:
        """The calls whose resolved or written name is, or ends in `.` and, one of `names`; of a name that starts with
        `.` the receiver is unimportant: `.save`. Without names: all of them (costly)."""

    def bindings(self, *words: str) -> Iterator[Binding]:
        """The bindings whose name holds one of the words, in any case; all of them without words (costly)."""

    def env_reads(self) -> Iterator[Value]:
        """Every read of an environment variable (`Value.kind == "env"`)."""

    def imports(self) -> Sequence[Import]:
        """All imports, in order."""

    def functions(self) -> Sequence[Function]:
        """All functions and methods, in order."""

    def writes(self) -> Iterator[Write]:
        """State at module or class level that a function changes."""

    def texts(self, *parts: str) -> Iterator[Value]:
        """The literal texts (and templates) that hold one of `parts`; docstrings and comments are none."""
