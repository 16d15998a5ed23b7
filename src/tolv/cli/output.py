"""What a command prints: steps and tables for people, JSON for scripts, errors on standard error for both.

Colour and moving lines are for terminals only; `NO_COLOR` (any value) turns colour off.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from threading import Event as Flag
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TextIO

from tolv.errors import TolvError

if TYPE_CHECKING:
    from tolv.cli.client import Event, Outcome

#: Back to the beginning of the line, and nothing on it.
_CLEAR = "\r\x1b[K"
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_COLOURS = {"green": "32", "yellow": "33", "red": "31", "dim": "2", "bold": "1"}
#: One per process, in the order in which they appear; red is kept for what fails.
_PROCESS_COLOURS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")
#: Control characters that would move the cursor or talk to the terminal; colour (`ESC [ … m`) and tab stay.
_UNSAFE = re.compile(r"\x1b(?!\[[0-9;:]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")
#: What would break a table.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: Seconds that a step may take without a line that turns: a flash is only noise.
_QUICK = 0.15
#: Where the time column of a step begins.
_STEP_WIDTH = 62


class Console:
    """Standard output and error of one command."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._terminal = sys.stdout.isatty()
        self._colour = self._terminal and "NO_COLOR" not in os.environ
        self._lock = Lock()
        self._spinner: _Spinner | None = None
        self._colours: dict[str, str] = {}

    @property
    def colour(self) -> bool:
        """Whether standard output takes colour."""
        return self._colour

    # --- for scripts ----------------------------------------------------------------------------------------------

    def json(self, value: Any) -> None:
        """One JSON value, indented."""
        self.line(json.dumps(value, indent=2, ensure_ascii=False))

    def json_line(self, value: Any) -> None:
        """One JSON value on one line, at once."""
        self.line(json.dumps(value, ensure_ascii=False))
        sys.stdout.flush()

    # --- for both -------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Something to know, on standard error; quiet in JSON mode."""
        if not self.as_json:
            print(f"tolv: {text}", file=sys.stderr, flush=True)

    def finish(self, outcome: Outcome) -> None:
        """End an act: its value as JSON if asked for. Raises its error."""
        if self.as_json and outcome.value is not None:
            self.json(outcome.value)
        if outcome.error:
            raise outcome.error

    # --- for people -----------------------------------------------------------------------------------------------

    def line(self, text: str = "") -> None:
        """A line of output."""
        with self._lock:
            sys.stdout.write(f"{_CLEAR}{text}\n" if self._spinner else f"{text}\n")

    def part(self, text: str) -> None:
        """The beginning of a line whose end comes later."""
        with self._lock:
            sys.stdout.write(text)
            sys.stdout.flush()

    def progress(self, event: Event) -> None:
        """A step of an act: turning while it lasts, a line with its duration when it is done."""
        if self.as_json:
            return
        self.settle()
        step, message, state = str(event.get("step", "")), str(event.get("message", "")), event.get("state")
        if state == "begin":
            if self._terminal:
                self._spinner = _Spinner(f"{step:<10} {message}", sys.stdout, self._lock)
            return
        text = f"{step:<10} {message}"
        if (elapsed := event.get("elapsed")) is not None:
            took = f"{elapsed:.1f} s" if elapsed < 60 else f"{int(elapsed // 60)} min {elapsed % 60:.0f} s"
            text = f"{text:<{_STEP_WIDTH}}   " + (f"ready in {took}" if step == "run" else took)
        bullet = {"warn": self.paint("!", "yellow"), "info": self.paint("·", "dim")}.get(
            str(state), self.paint("●", "green")
        )
        self.line(f"{bullet} {text}")
        sys.stdout.flush()

    def settle(self) -> None:
        """Nothing turns any more."""
        if self._spinner:
            self._spinner.stop()
            self._spinner = None

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Rows below headings, in columns as wide as their widest cell; an empty cell is `-`."""
        cells = [[_cell(value) for value in row] for row in rows]
        widths = [max(len(row[at]) for row in [list(headings), *cells]) for at in range(len(headings))]
        for number, row in enumerate([list(headings), *cells]):
            text = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            self.line(text if number else self.paint(text, "bold"))

    def log(self, line: Event) -> None:
        """A line of a log: `10:31:07.120 v1 web.1     | …`, one colour per process."""
        if self.as_json:
            self.json_line(line)
            return
        process = str(line["process"])
        head = f"{clock(line['time'])} {line['release']} {process:<9} |"
        message = str(line["message"])
        if self._terminal:
            message = _UNSAFE.sub(_escape, message)
        if self._colour:
            colour = self._colours.setdefault(process, _PROCESS_COLOURS[len(self._colours) % len(_PROCESS_COLOURS)])
            head, message = f"\x1b[{colour}m{head}\x1b[0m", f"{message}\x1b[0m" if "\x1b" in message else message
        self.line(f"{head} {message}")

    def paint(self, text: str, colour: str) -> str:
        """`text` in a colour where there is colour."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colour else text


class _Spinner:
    """A line that turns and counts seconds on a terminal until it is stopped, then is gone."""

    def __init__(self, text: str, terminal: TextIO, lock: Lock) -> None:
        self._text = text
        self._terminal = terminal
        self._lock = lock
        self._done = Flag()
        self._thread = Thread(target=self._turn, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _turn(self) -> None:
        began = time.monotonic()
        if self._done.wait(_QUICK):
            return
        turn = 0
        while True:
            width = os.get_terminal_size(self._terminal.fileno()).columns - 12
            frame, took = _FRAMES[turn % len(_FRAMES)], time.monotonic() - began
            self._write(f"{_CLEAR}{frame} {self._text[: max(width, 10)]}  {took:.1f} s")
            if self._done.wait(0.1):
                break
            turn += 1
        self._write(_CLEAR)

    def _write(self, text: str) -> None:
        with self._lock:
            self._terminal.write(text)
            self._terminal.flush()


def print_error(error: TolvError, *, as_json: bool) -> None:
    """An error on standard error: what happened, where, what to do."""
    if as_json:
        text = json.dumps({"error": error.to_dict()}, ensure_ascii=False)
    else:
        colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        text = ("\x1b[31merror:\x1b[0m " if colour else "error: ") + str(error)
    print(text, file=sys.stderr, flush=True)


def clock(moment: str) -> str:
    """An ISO 8601 time as the wall clock here: `10:31:07.120`."""
    from datetime import datetime

    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S.%f")[:-3]


def ago(moment: str) -> str:
    """An ISO 8601 time as a person says it: `3 min ago`."""
    from datetime import UTC, datetime

    return f"{duration((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())} ago"


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, `5 h`, `9 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"


def size(count: int) -> str:
    """Bytes, short: `7.4 MB`."""
    amount, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} {units[0]}" if units[0] == "bytes" or amount >= 100 else f"{amount:.1f} {units[0]}"


def short(digest: str | None) -> str:
    """A digest as people read it: `sha256:4be1f00c…`."""
    return f"{digest[:15]}…" if digest else "-"


def _cell(value: Any) -> str:
    return "-" if value is None or value == "" else _CONTROL.sub(_escape, str(value))


def _escape(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode()
