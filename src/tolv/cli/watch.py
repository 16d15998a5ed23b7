"""`tolv up --watch`: a saved file becomes a new release."""

from __future__ import annotations

import os
import subprocess
from threading import Thread

from watchfiles import DefaultFilter, watch

from tolv.cli.options import Call
from tolv.cli.output import print_error
from tolv.cli.up import bring_up
from tolv.errors import TolvError

#: Milliseconds: a batch of changes ends after `_QUIET` without one, at the latest after `_BATCH`.
_BATCH = 50
_QUIET = 20


def watch_in_background(call: Call, path: str, first: TolvError | None) -> None:
    """Watch `path` from a thread as long as the process lives. `first` is how the first deploy failed, if it did."""
    if first:
        print_error(first, as_json=call.console.as_json)
    Thread(target=_watch, args=(call, os.path.abspath(path)), daemon=True).start()


def _watch(call: Call, root: str) -> None:
    for changes in watch(root, debounce=_BATCH, step=_QUIET, watch_filter=DefaultFilter(), raise_interrupt=False):
        changed = _tracked(root, sorted({path for _, path in changes}))
        if changed:
            _bring_up_again(call, root, changed)


def _bring_up_again(call: Call, root: str, changed: list[str]) -> None:
    """Deploy what is there now. What fails is said; the old release serves on, and so does the watch."""
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    message = f"{os.path.relpath(changed[0], root)}{more}"
    call.console.progress({"step": "changed", "message": message, "state": "info"})
    try:
        outcome = bring_up(call, root)
        if call.console.as_json and outcome.value:
            call.console.json_line(outcome.value)
        if outcome.error:
            raise outcome.error
    except TolvError as error:
        print_error(error, as_json=call.console.as_json)


def _tracked(root: str, paths: list[str]) -> list[str]:
    """The paths that belong to the app: not ignored by git. `.env` is, but it is config, and it counts."""
    found = subprocess.run(
        ["git", "-C", root, "check-ignore", "--stdin", "-z"],
        input="\0".join(paths).encode(errors="surrogateescape"),
        capture_output=True,
        check=False,
    )
    ignored = set(found.stdout.decode(errors="surrogateescape").split("\0"))
    return [path for path in paths if path not in ignored or path == os.path.join(root, ".env")]
