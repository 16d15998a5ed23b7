"""A change to an app's code, from `tolv deploy` to the first answer of the new release; against `honcho start`.

    python bench/deploy.py [--rounds 10]

Both run the same Django project, a web process and a worker. Tolv is told to deploy a new commit while the release
before serves, so building, releasing, booting and switching over are all in its time; honcho only boots the app.
"""

from __future__ import annotations

from itertools import count

from _app import make_app, make_venv
from _measure import UV, Row, honcho_start, in_turns, print_surroundings, print_table, rounds, scratch, tolv


def main() -> None:
    times = rounds(__doc__, 10)
    with scratch() as directory, tolv(directory / "home") as platform:
        app, numbers = make_app(directory, UV), count(1)
        venv = make_venv(directory, app, UV)
        platform.run("deploy", str(app.path), "-e", "prod")

        def deploy() -> float:
            text = f"change {next(numbers)}"
            app.commit(text)
            return platform.until_page(f"{text}.", "shop-prod.localhost", "deploy", str(app.path), "-e", "prod")

        def honcho() -> float:
            text = f"change {next(numbers)}"
            app.change(text)
            return honcho_start(venv, app.path, f"{text}.")

        found = in_turns(times, {"deploy": deploy, "honcho": honcho})
    peer = found["honcho"]
    print_table(
        [
            Row("`tolv deploy` of a code change, to the first 200 from it", found["deploy"], peer, "≤ 1.5"),
            Row("`honcho start` of the same app, to the first 200", peer),
        ]
    )
    print_surroundings("honcho")


if __name__ == "__main__":
    main()
