"""Shell as the commands that it runs, in order, each with its line: scripts, and the one line of a Procfile or a CMD.

Nothing is expanded: `$PORT` stays `$PORT`. Quotes are taken off, as the program that is called does not see them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

#: Bytes that a script may have.
_LARGEST = 512 << 10
_DEEPEST = 80
_MOST_COMMANDS = 20_000


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `A=1 exec gunicorn app:app &`."""

    argv: tuple[str, ...]
    """The words, without `exec` and its options; empty for a bare assignment."""
    line: int
    background: bool = False
    """It, or what encloses it, ends in `&`."""
    exec: bool = False
    """It replaces the shell."""
    assignments: tuple[tuple[str, str], ...] = ()
    """Variables that stand before it, or that it exports."""
    joined_by: str | None = None
    """What joins it to the command before: `&&`, `||`, `|`; None: it is the first, or stands on its own."""
    piped: bool = False
    """It is a part of a pipeline, so that a shell waits for it."""
    inside: tuple[str, ...] = ()
    """What encloses it, outermost first: `if`, `case`, `while`, `for`, `(`, `$(`, `function main`."""
    last: bool = False
    """Nothing of the script (or of its function) runs after it, on one way through it at least."""
    tail: bool = True
    """It is the end of its list: of `a && b &` only `b` is."""
    redirects: tuple[str, ...] = ()
    """As written: `>>log`, `2>&1`."""
    end_line: int = 0

    @property
    def program(self) -> str:
        """The name of what is called, without its directory; `''` of a bare assignment."""
        return self.argv[0].rpartition("/")[2] if self.argv else ""

    @property
    def text(self) -> str:
        return " ".join(self.argv)


@dataclass(frozen=True, slots=True)
class Script:
    """All commands of a shell text."""

    commands: tuple[Command, ...]
    """In the order of the text; those of functions and of `$( )` too."""
    problem: str | None = None
    """Why a part of it could not be read."""
    interpreter: str | None = None
    """Of its first line: `bash`, `sh`, `node`; None: it has none."""

    def ends(self) -> tuple[Command, ...]:
        """The commands that keep running, or that it ends with: what is `exec`ed, what is started in the background,
        and what is last; a call of one of its own functions stands for the end of that."""
        return tuple(_ends(self, None, frozenset()))

    def functions(self) -> frozenset[str]:
        """Names of the functions that it defines and that do something."""
        return frozenset(
            part.removeprefix("function ")
            for command in self.commands
            for part in command.inside
            if part.startswith("function ")
        )


def parse_shell(text: str, where: str = "", line: int = 1) -> Script:
    """The commands of a text that starts in `line` of its file. Never raises; `problem` says what was not read."""
    data = text.encode("utf-8", "replace")
    if len(data) > _LARGEST:
        return Script((), f"it is larger than {_LARGEST >> 10} KiB")
    interpreter = interpreter_of(text)
    if interpreter is not None and interpreter not in SHELLS:
        return Script((), None, interpreter)
    root = _parser().parse(data.replace(b"\r\n", b"\n").replace(b"\0", b" ")).root_node
    reader = _Reader(line - 1)
    reader.statements(root.children, _Around(last=True), 0)
    problem = reader.problem
    if problem is None and root.has_error:
        problem = f"line {_first_error(root) + line} is not shell"
    return Script(tuple(reader.commands), problem, interpreter)


#: Programs that read a shell script.
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "with-contenv"})


def interpreter_of(text: str) -> str | None:
    """The program that a script's first line names, without its directory; `env` is looked through."""
    if not text.startswith("#!"):
        return None
    words = text[2 : text.find("\n") if "\n" in text else len(text)].split()
    names = [word.rpartition("/")[2] for word in words]
    if names and names[0] == "env":
        names = [name for name in names[1:] if not name.startswith("-") and "=" not in name]
    if len(names) > 1 and names[0] == "with-contenv":
        return names[1]
    return names[0] if names else None


@lru_cache(maxsize=1)
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


@dataclass(frozen=True, slots=True)
class _Around:
    """What surrounds a statement."""

    background: bool = False
    joined_by: str | None = None
    piped: bool = False
    inside: tuple[str, ...] = ()
    last: bool = False
    redirects: tuple[str, ...] = ()
    tail: bool = True

    def within(self, what: str, *, last: bool | None = None) -> _Around:
        return replace(self, inside=(*self.inside, what), joined_by=None, last=self.last if last is None else last)


#: Nodes that hold statements, and what they are called in `Command.inside`.
_LOOPS = {"while_statement": "while", "for_statement": "for", "c_style_for_statement": "for"}
_NOT_STATEMENTS = frozenset({"comment", "heredoc_body", "heredoc_end", "heredoc_start", "ERROR"})


@dataclass(slots=True)
class _Reader:
    """Walks the tree and gathers commands."""

    before: int
    """Lines before the text."""
    commands: list[Command] = field(default_factory=list)
    problem: str | None = None

    def statements(self, nodes: list[Node], around: _Around, depth: int) -> None:
        """A sequence of statements; only the last of them can be the script's last."""
        found: list[tuple[Node, bool]] = []
        for node in nodes:
            if node.type == "&" and found:
                found[-1] = (found[-1][0], True)
            elif node.type == "ERROR":
                found += [(child, False) for child in node.children if child.is_named]
            elif node.is_named and node.type not in _NOT_STATEMENTS:
                found.append((node, False))
        for position, (node, background) in enumerate(found):
            last = around.last and position == len(found) - 1
            self.statement(node, replace(around, last=last, background=around.background or background), depth + 1)

    def statement(self, node: Node, around: _Around, depth: int) -> None:
        if depth > _DEEPEST or len(self.commands) > _MOST_COMMANDS:
            what = "is nested too deep" if depth > _DEEPEST else f"comes after {_MOST_COMMANDS} commands"
            self.problem = self.problem or f"line {node.start_point[0] + 1 + self.before} {what}"
            return
        kind = node.type
        if kind == "command":
            self.command(node, around, depth)
        elif kind in ("variable_assignment", "variable_assignments", "declaration_command", "unset_command"):
            self.declaration(node, around, depth)
        elif kind == "redirected_statement":
            self.redirected(node, around, depth)
        elif kind in ("list", "pipeline"):
            self.joined(node, around, depth)
        elif kind == "function_definition":
            name = node.child_by_field_name("name")
            body = node.child_by_field_name("body")
            if body is not None:
                called = f"function {_text(name)}" if name is not None else "function"
                self.statement(body, _Around(inside=(*around.inside, called), last=True), depth + 1)
        else:
            self.compound(node, around, depth)

    def compound(self, node: Node, around: _Around, depth: int) -> None:
        """A statement that holds others."""
        kind = node.type
        if kind in _LOOPS:
            self.parts(node, around.within(_LOOPS[kind], last=False), depth)
        elif kind == "if_statement":
            self.branches(node, around.within("if"), depth)
        elif kind == "case_statement":
            for item in node.children:
                if item.type == "case_item":
                    values = {child.id for child in item.children_by_field_name("value")}
                    body = [child for child in item.children if child.id not in values]
                    self.statements(body, around.within("case"), depth)
        elif kind == "subshell":
            self.statements(node.children, around.within("("), depth)
        elif kind in ("command_substitution", "process_substitution"):
            self.statements(node.children, around.within("$(", last=False), depth)
        elif kind in ("compound_statement", "do_group", "negated_command"):
            self.statements(node.children, around, depth)
        elif kind not in ("test_command", "comment"):
            self.substitutions(node, around, depth)
        else:
            self.substitutions(node, around, depth)

    def branches(self, node: Node, around: _Around, depth: int) -> None:
        """`if`: what comes before `then` is a condition, what follows is done."""
        conditions: list[Node] = []
        body: list[Node] = []
        clauses: list[Node] = []
        in_body = node.type == "else_clause"
        for child in node.children:
            if child.type == "then":
                in_body = True
            elif child.type in ("elif_clause", "else_clause"):
                clauses.append(child)
            elif child.type not in ("if", "elif", "else", "fi"):
                (body if in_body else conditions).append(child)
        self.statements(conditions, replace(around, last=False), depth)
        self.statements(body, around, depth)
        for clause in clauses if depth < _DEEPEST else ():
            self.branches(clause, around, depth + 1)

    def parts(self, node: Node, around: _Around, depth: int) -> None:
        """A loop: its condition and its body."""
        self.statements([child for child in node.children if child.is_named], around, depth)

    def joined(self, node: Node, around: _Around, depth: int) -> None:
        """`a && b || c`, `a | b`: the tree leans to the left, as deep as the chain is long."""
        parts: list[tuple[str | None, Node]] = []
        while node.type in ("list", "pipeline"):
            named = [child for child in node.children if child.is_named and child.type != "comment"]
            operators = [child.type for child in node.children if not child.is_named and child.type != "\n"]
            operators += [None] * (len(named) - len(operators))  # type: ignore[list-item]
            parts += [(operators[position - 1], named[position]) for position in range(len(named) - 1, 0, -1)]
            if not named:
                break
            node = named[0]
            if node.type not in ("list", "pipeline") or depth > _DEEPEST:
                parts.append((None, node))
                break
        parts.reverse()
        pipes = [*(operator in ("|", "|&") for operator, _ in parts), False]
        tail = len(parts) - 1  # from here on, all is one pipeline
        while tail > 0 and pipes[tail]:
            tail -= 1
        for position, (operator, part) in enumerate(parts):
            within = replace(
                around,
                joined_by=operator or around.joined_by,
                piped=around.piped or pipes[position] or pipes[position + 1],
                last=around.last and position >= tail,
                tail=around.tail and position >= tail,
            )
            self.statement(part, within, depth + (2 if part.type in ("list", "pipeline") else 1))

    def redirected(self, node: Node, around: _Around, depth: int) -> None:
        redirects = [child for child in node.children if child.type.endswith("_redirect")]
        written = tuple(_text(one) for one in redirects if one.type == "file_redirect")
        for child in node.children:
            if child.is_named and not child.type.endswith("_redirect"):
                self.statement(child, replace(around, redirects=(*around.redirects, *written)), depth + 1)
        for one in redirects:
            for child in one.children:
                if child.type in ("pipeline", "list", "command"):
                    self.statement(child, replace(around, joined_by="|"), depth + 1)

    def command(self, node: Node, around: _Around, depth: int) -> None:
        words: list[str] = []
        assignments: list[tuple[str, str]] = []
        for child in node.children:
            if child.type == "variable_assignment":
                assignments.append(_assignment(child))
            elif child.type == "command_name" and child.children:
                words.append(_word(child.children[0]))
            elif child.is_named and not child.type.endswith("_redirect") and child.type != "comment":
                words.append(_word(child))
        redirects = tuple(_text(child) for child in node.children if child.type == "file_redirect")
        executes = bool(words) and words[0] == "exec"
        self._add(node, around, _without_exec(words) if executes else words, assignments, redirects, executes)
        self.substitutions(node, around, depth)

    def declaration(self, node: Node, around: _Around, depth: int) -> None:
        """`A=1`, `export A=1 B`, `unset A`."""
        given = [node] if node.type == "variable_assignment" else list(node.children)
        assignments = [_assignment(child) for child in given if child.type == "variable_assignment"]
        bare = node.type.startswith("variable_assignment")
        words = [] if bare else [_word(child) for child in node.children if child.type != "comment"]
        self._add(node, around, words, assignments, (), False)
        self.substitutions(node, around, depth)

    def _add(
        self,
        node: Node,
        around: _Around,
        words: list[str],
        assignments: list[tuple[str, str]],
        redirects: tuple[str, ...],
        executes: bool,
    ) -> None:
        if not words and not assignments:
            return
        self.commands.append(
            Command(
                argv=tuple(words),
                line=node.start_point[0] + 1 + self.before,
                end_line=node.end_point[0] + 1 + self.before,
                background=around.background,
                exec=executes,
                assignments=tuple(assignments),
                joined_by=around.joined_by,
                piped=around.piped,
                inside=around.inside,
                last=around.last,
                tail=around.tail,
                redirects=(*around.redirects, *redirects),
            )
        )

    def substitutions(self, node: Node, around: _Around, depth: int) -> None:
        """The commands within the words of a node."""
        rest = list(reversed(node.children))
        while rest:
            child = rest.pop()
            if child.type in ("command_substitution", "process_substitution"):
                inner = _Around(inside=(*around.inside, "$("))
                self.statements(child.children, inner, depth + 1) if depth < _DEEPEST else None
            elif child.child_count:
                rest.extend(reversed(child.children))


def _without_exec(words: list[str]) -> list[str]:
    """The words after `exec`, `-a name`, `-c` and `-l`."""
    rest = words[1:]
    while rest and rest[0] in ("-c", "-l", "--", "-a"):
        rest = rest[2 if rest[0] == "-a" else 1 :]
    return rest


def _ends(script: Script, function: str | None, known: frozenset[str]) -> list[Command]:
    called = script.functions()
    found: list[Command] = []
    for command in script.commands:
        owner = next((part[9:] for part in reversed(command.inside) if part.startswith("function ")), None)
        if owner != function or "$(" in command.inside or not command.argv:
            continue
        if command.program in called and command.program not in known and len(known) < 20:
            found += _ends(script, command.program, known | {command.program})
        elif command.exec or (command.background and command.tail) or command.last:
            found.append(command)
    return found


def _assignment(node: Node) -> tuple[str, str]:
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    return (_text(name) if name is not None else "", _word(value) if value is not None else "")


def _word(node: Node) -> str:
    """A word without its quotes."""
    if node.type == "concatenation":
        return "".join(
            _word(child) if child.child_count == 0 or child.type != "concatenation" else _text(child)
            for child in node.children
        )
    text = _text(node)
    if node.type == "raw_string":
        return text[1:-1]
    if node.type in ("string", "translated_string"):
        return _unescaped(text[text.find('"') + 1 : -1], '"$`\\\n')
    if node.type == "ansi_c_string":
        return text[2:-1]
    return _unescaped(text, None) if node.type == "word" and "\\" in text else text


def _unescaped(text: str, special: str | None) -> str:
    """The text without its backslashes: those before `special`, or all."""
    if "\\" not in text:
        return text
    out: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        following = text[position + 1 : position + 2]
        if character == "\\" and following and (special is None or following in special):
            out.append("" if following == "\n" else following)
            position += 2
        else:
            out.append(character)
            position += 1
    return "".join(out)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _first_error(root: Node) -> int:
    """The row of the first error."""
    rest = [root]
    while rest:
        node = rest.pop()
        if node.type == "ERROR" or node.is_missing:
            return int(node.start_point[0])
        rest.extend(child for child in reversed(node.children) if child.has_error or child.is_missing)
    return 0
