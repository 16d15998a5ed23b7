"""A rollback, from the command to the first answer of the old release; against the app's own boot.

    python bench/rollback.py [--rounds 10]

The boot is the line of the Procfile, run by hand in an environment with the same packages, to its first answer. It is
part of any rollback: what Tolv adds to it is Tolv's.
"""

from __future__ import annotations

import statistics
from itertools import cycle

from _app import make_app, make_venv
from _measure import UV, Row, boot, free_port, in_turns, print_surroundings, print_table, rounds, scratch, tolv


def main() -> None:
    times = rounds(__doc__, 10)
    with scratch() as directory, tolv(directory / "home") as platform:
        app = make_app(directory, UV)
        venv = make_venv(directory, app, UV)
        platform.run("deploy", str(app.path), "-e", "prod")
        app.commit("change 1")
        platform.run("deploy", str(app.path), "-e", "prod")
        texts = cycle(["change 0.", "change 1."])  # each goes back to the one before the present one

        def rollback() -> float:
            return platform.until_page(next(texts), "shop-prod.localhost", "rollback", "-a", "shop", "-e", "prod")

        def own_boot() -> float:
            command = next(one for one in (app.path / "Procfile").read_text().splitlines() if one.startswith("web:"))
            return boot(["sh", "-c", command.removeprefix("web: ")], venv, app.path, free_port(), "change 1.")

        found = in_turns(times, {"rollback": rollback, "boot": own_boot})
    peer = found["boot"]
    more = statistics.median(found["rollback"]) - statistics.median(peer)
    print_table(
        [
            Row("`tolv rollback`, to the first 200 from the old release", found["rollback"], peer, "boot + 0.3 s"),
            Row("the app's own boot, to its first 200", peer),
        ]
    )
    print(f"\nA rollback takes {more:.2f} s more than the app's own boot.")
    print_surroundings()


if __name__ == "__main__":
    main()
