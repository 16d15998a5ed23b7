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
_QUIET = 5


class Watch:
    """Watches a directory from a thread, from now on."""

    def __init__(self, call: Call, path: str) -> None:
        self._call = call
        self._root = os.path.abspath(path)
        self._tree = Tree(self._root)
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
            changed = self._tree.of_the_app({path for _, path in changes})
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


class Tree:
    """What below a directory belongs to the app: what git does not ignore. `.env` it does, but that is config, and it
    counts."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: set[str] = set()
        """Files that were the app's when git was asked. Were one ignored since, no more than a build of what is there
        already would come of it."""

    def of_the_app(self, paths: set[str]) -> list[str]:
        """Those of the paths that belong to the app. Git is asked only if one was never changed before, or what it
        ignores has changed: somebody waits for the answer at each save."""
        if any(os.path.basename(path) == ".gitignore" for path in paths):
            self._known.clear()
        if not paths <= self._known:
            ignored = _ignored(self._root, paths) - {os.path.join(self._root, ".env")}
            self._known |= paths - ignored
        return sorted(paths & self._known)


def _ignored(root: str, paths: set[str]) -> set[str]:
    found = subprocess.run(
        ["git", "-C", root, "check-ignore", "--stdin", "-z"],
        input="\0".join(sorted(paths)).encode(errors="surrogateescape"),
        capture_output=True,
        check=False,
    )
    return set(found.stdout.decode(errors="surrogateescape").split("\0"))
