"""Log files that a server's own configuration names, where that is code: gunicorn's, Puma's, pm2's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source, Value


@dataclass(frozen=True, slots=True)
class ServerLog:
    """One setting."""

    name: str
    target: Value
    line: int
    column: int
    guards: tuple[str, ...]


server_logs: Look[ServerLog] = Look("server_logs")

_SETTINGS = ("accesslog", "errorlog", "logfile", "out_file", "error_file", "log_file")


@server_logs.reads("python", "javascript", words=_SETTINGS)
def _read(source: Source) -> Iterator[ServerLog]:
    for binding in source.bindings(*_SETTINGS):
        if binding.name in _SETTINGS:
            yield ServerLog(binding.name, binding.value, binding.line, binding.column, binding.scope.guards)


@server_logs.reads("ruby", words=("stdout_redirect", "stdout_path", "stderr_path"))
def _ruby(source: Source) -> Iterator[ServerLog]:
    for call in source.calls("stdout_redirect", "stdout_path", "stderr_path"):
        if call.arguments:
            yield ServerLog(call.last, call.arguments[0], call.line, call.column, call.scope.guards)
