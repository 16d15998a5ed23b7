"""The commands in a syntax tree of bash."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tolv.codebase.shell import Choice, Command

if TYPE_CHECKING:
    from tree_sitter import Node

_DEEPEST = 80
_MOST_COMMANDS = 20_000


def read_commands(root: Node, before: int) -> tuple[tuple[Command, ...], str | None]:
    """The commands of a tree in the order of the text, and why some could not be read.

    `before` is how many lines come before the text in its file.
    """
    reader = _Reader(before)
    reader.statements(root.children, _Around(last=True), 0)
    return tuple(reader.commands), reader.problem


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
    choices: tuple[Choice, ...] = ()

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
            subject = node.child_by_field_name("value")
            before: tuple[str, ...] = ()
            for item in node.children:
                if item.type == "case_item":
                    values = item.children_by_field_name("value")
                    ids = {child.id for child in values}
                    body = [child for child in item.children if child.id not in ids]
                    patterns = tuple(_word(child) for child in values)
                    choice = Choice(_word(subject) if subject is not None else "", patterns, before)
                    before += patterns if len(before) < 200 else ()
                    self.statements(body, replace(around.within("case"), choices=(*around.choices, choice)), depth)
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
                choices=around.choices,
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
