"""A rollback, from the command to the first answer of the old release; against the app's own boot.

    python bench/rollback.py [--rounds 10]

The boot is that of the Procfile's two lines (a web process and a worker), run by hand in an environment with the same
packages, to the first answer. It is part of any rollback: what Tolv adds to it is Tolv's. The web process by itself is
shown beside it: it boots faster when no worker wants the processor at the same time.
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

        def own_boot(*types: str) -> float:
            lines = dict(line.split(": ", 1) for line in (app.path / "Procfile").read_text().splitlines())
            commands = " & ".join(lines[one] for one in types)
            return boot(["sh", "-c", commands], venv, app.path, free_port(), "change 1.")

        found = in_turns(
            times,
            {"rollback": rollback, "boot": lambda: own_boot("worker", "web"), "web alone": lambda: own_boot("web")},
        )
    peer = found["boot"]
    more = statistics.median(found["rollback"]) - statistics.median(peer)
    print_table(
        [
            Row("`tolv rollback`, to the first 200 from the old release", found["rollback"], peer, "boot + 0.3 s"),
            Row("the app's own boot, to its first 200", peer),
            Row("its web process alone, to its first 200", found["web alone"], peer),
        ]
    )
    print(f"\nA rollback takes {more:.2f} s more than the app's own boot.")
    print_surroundings()


if __name__ == "__main__":
    main()
