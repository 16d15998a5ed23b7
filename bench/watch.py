"""A saved file under `tolv up --watch`, from the save to the first answer with the change; against `honcho start`.

    python bench/watch.py [--rounds 10]

With honcho a developer who saved a file starts the app again: that start, of the same Django project (a web process
and a worker), is what a save is held against. The old release serves until the new one does: asking it again and again
would take the processor from the new one's boot, so that nobody asks in the first moment, which has no answer yet.
"""

from __future__ import annotations

import signal
import time
from itertools import count

from _app import make_app, make_venv
from _measure import (
    UV,
    Row,
    await_page,
    finish,
    honcho_start,
    in_turns,
    print_surroundings,
    print_table,
    rounds,
    scratch,
    tolv,
)

#: Seconds after a save in which nobody asks: fewer than the app takes to boot.
_UNASKED = 0.3


def main() -> None:
    times = rounds(__doc__, 10)
    with scratch() as directory, tolv(directory / "home") as platform:
        app, numbers = make_app(directory, UV), count(1)
        venv = make_venv(directory, app, UV)
        up = platform.start("up", str(app.path), "--watch")
        await_page(platform.port, "shop.localhost", "change 0.")
        time.sleep(2)  # the first save must not come before the watch

        def save() -> float:
            text = f"change {next(numbers)}"
            time.sleep(2)  # honcho's turn changed the file, too: that release is through
            began = time.perf_counter()
            app.change(text)
            time.sleep(_UNASKED)
            return await_page(platform.port, "shop.localhost", f"{text}.") - began

        def honcho() -> float:
            text = f"change {next(numbers)}"
            app.change(text)
            await_page(platform.port, "shop.localhost", f"{text}.")
            time.sleep(2)
            return honcho_start(venv, app.path, f"{text}.")

        found = in_turns(times, {"watch": save, "honcho": honcho})
        up.send_signal(signal.SIGTERM)
        finish(up, "tolv", "up")
    peer = found["honcho"]
    print_table(
        [
            Row("a save under `tolv up --watch`, to the first 200 with it", found["watch"], peer, "≤ 1.2"),
            Row("`honcho start` of the same app, to the first 200", peer),
        ]
    )
    print_surroundings("honcho")


if __name__ == "__main__":
    main()
