"""`tolv up --watch`: a saved file becomes a new release."""

from __future__ import annotations

import os
import subprocess
from threading import Event, Thread

from watchfiles import watch

from tolv.cli.options import Call
from tolv.cli.output import print_error
from tolv.cli.up import bring_up
from tolv.errors import TolvError

#: Milliseconds: a batch of changes ends after `_QUIET` without one, at the latest after `_BATCH`. An editor's save is
#: through in two or three; what comes later is another deploy.
_BATCH = 50
_QUIET = 8


class Watch:
    """Watches a directory from a thread, from now on."""

    def __init__(self, call: Call, path: str) -> None:
        self._call = call
        self._root = os.path.abspath(path)
        self._ended = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more; returns when a deploy that is on its way is through."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        for changes in watch(
            self._root, debounce=_BATCH, step=_QUIET, rust_timeout=200, stop_event=self._ended, raise_interrupt=False
        ):
            changed = _tracked(self._root, sorted({path for _, path in changes}))
            if changed:
                _bring_up_again(self._call, self._root, changed)


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
