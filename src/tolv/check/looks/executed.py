"""The programs that code starts by name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Call, Source, Value


@dataclass(frozen=True, slots=True)
class Executed:
    """A program that is started."""

    argv: tuple[str, ...]
    """As far as it is literal, from the program on; `{}` stands for what is computed."""
    line: int
    column: int
    in_function: bool


executed: Look[Executed] = Look("executed")

_PYTHON = (
    *("subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call", "subprocess.check_output"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "os.system", "os.popen", "os.execvp", "os.execlp"),
    *("os.execv", "os.execvpe", "os.spawnlp", "os.spawnvp", "asyncio.create_subprocess_exec"),
    *("asyncio.create_subprocess_shell", "anyio.run_process", "anyio.open_process", "pip.main"),
)
_NODE = ("exec", "execSync", "execFile", "execFileSync", "spawn", "spawnSync", "fork")
_NODE_OTHERS = ("execa", "execa.execa", "execa.sync", "execaSync", "execa.command", "shelljs.exec", "cross-spawn")
_RUBY = (
    *("system", "spawn", "exec", "Kernel.system", "Kernel.spawn", "Kernel.exec", "IO.popen", "Open3.capture2"),
    *("Open3.capture2e", "Open3.capture3", "Open3.popen3", "Open3.popen2", "Open3.popen2e", "Process.spawn", "`"),
)
_PHP = ("exec", "shell_exec", "system", "passthru", "proc_open", "popen", "`")


@executed.reads(
    "python", words=("subprocess", "system", "popen", "create_subprocess_exec", "create_subprocess_shell", "pip")
)
def _python(source: Source) -> Iterator[Executed]:
    for call in source.calls(*_PYTHON):
        if call.name == "pip.main":
            yield _executed(call, ("pip", *_argv(call.argument(0))))
            continue
        if call.last in ("create_subprocess_exec", "execlp", "spawnlp"):
            yield _executed(call, _flat(call.arguments))
            continue
        first = call.argument(1 if call.last == "spawnvp" else 0, "args", "cmd", "command", "program")
        for program in _alternatives(source, call, first):
            yield _executed(call, program)


@executed.reads("javascript", words=("child_process", "node:child_process", "execa", "shelljs", "spawn"))
def _javascript(source: Source) -> Iterator[Executed]:
    for call in source.calls(*(f".{name}" for name in _NODE), *_NODE, *_NODE_OTHERS):
        module = call.name.rpartition(".")[0].removeprefix("node:")
        if call.last in _NODE and module != "child_process" and not module.startswith("child_process."):
            continue
        if call.last == "fork":
            continue
        first, second = call.argument(0), call.argument(1)
        rest = _argv(second) if second is not None and second.kind == "container" else ()
        for program in _alternatives(source, call, first):
            yield _executed(call, (*program, *rest))


@executed.reads("go", words=("exec", "Command", "CommandContext"))
def _go(source: Source) -> Iterator[Executed]:
    for call in source.calls("os/exec.Command", "os/exec.CommandContext", "exec.Command", "exec.CommandContext"):
        yield _executed(call, _flat(call.arguments[1:] if call.last == "CommandContext" else call.arguments))


@executed.reads("java", words=("ProcessBuilder", "Runtime"))
def _java(source: Source) -> Iterator[Executed]:
    for call in source.calls("ProcessBuilder", "java.lang.ProcessBuilder", ".exec"):
        if call.last == "exec" and "untime" not in call.written + call.name:
            continue
        if len(call.arguments) > 1 and call.last != "exec":
            yield _executed(call, _flat(call.arguments))
        else:
            yield _executed(call, _argv(call.argument(0)))


@executed.reads("ruby")
def _ruby(source: Source) -> Iterator[Executed]:
    for call in source.calls(*_RUBY):
        if call.last in ("exec", "spawn", "system", "`") and call.name not in (*_RUBY, "Process.spawn"):
            continue
        yield _executed(call, _flat(call.arguments))


@executed.reads("php", words=("exec", "shell_exec", "system", "passthru", "proc_open", "popen", "Process"))
def _php(source: Source) -> Iterator[Executed]:
    for call in source.calls(*_PHP, "Symfony\\Component\\Process\\Process", ".Process"):
        if call.last in _PHP and call.written.lstrip("\\") != call.last:
            continue  # a method of that name
        yield _executed(call, _argv(call.argument(0)))


def _alternatives(source: Source, call: Call, value: Value | None) -> list[tuple[str, ...]]:
    """What a command may be: of a name that is bound more than once in its function, each text that it gets."""
    if value is None or value.kind != "name" or not value.name or "." in value.name:
        return [_argv(value)]
    bound = [
        one.value
        for one in source.bindings(value.name)
        if one.name == value.name and one.scope.names == call.scope.names
    ]
    parts = [part for one in bound for part in (one.parts if one.kind == "choice" else (one,))]
    return list(dict.fromkeys(_argv(one) for one in parts if one.is_text or one.kind == "template")) or [_argv(value)]


def _executed(call: Call, argv: tuple[str, ...]) -> Executed:
    return Executed(argv[:24], call.line, call.column, not call.scope.at_import)


def _flat(values: Sequence[Value]) -> tuple[str, ...]:
    """`("git", "log")`; a single text is a line for the shell."""
    texts = [value for value in values if value.kind != "container" or value.text != "dict"]
    if len(texts) == 1:
        return _argv(texts[0])
    return tuple(_word(value) for value in texts)


def _argv(value: Value | None) -> tuple[str, ...]:
    """The words of a list, or of a line for the shell."""
    if value is None:
        return ()
    if value.kind == "container":
        return tuple(_word(one) for one in value.parts)
    if value.kind == "choice":
        return next((argv for one in value.parts if (argv := _argv(one))), ())
    if value.is_text or value.kind == "template":
        return split_words(value.text or "")
    if value.kind == "call" and _LOCATES.search(value.name or "") and value.parts and value.parts[-1].is_text:
        return (value.parts[-1].text or "",) if "/" in (value.parts[-1].text or "") else ("{}",)
    return ("{}",)


#: Functions that tell where a file of the app's own lies.
_LOCATES = re.compile(r"(?:^|\.)(?:path\.(?:resolve|join|abspath)|require\.resolve|File\.(?:expand_path|join))$")


def _word(value: Value) -> str:
    return (value.text or "") if value.is_text or value.kind == "template" else "{}"


def split_words(line: str) -> tuple[str, ...]:
    """The words of a line for the shell; of a broken one, what stands between its blanks."""
    line = line[:4000]
    try:
        words = shlex.split(line, comments=False)
    except ValueError:
        words = line.split()
    while words and re.fullmatch(r"[A-Za-z_]\w*=.*", words[0], re.DOTALL):
        words = words[1:]
    return tuple(words)
