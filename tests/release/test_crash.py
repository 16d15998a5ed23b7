"""Release numbers under fire: processes that race, processes that are killed with -9."""

from __future__ import annotations

import random
import signal
import subprocess
import sys

from store_fixtures import a_build, a_deploy

from tolv.release.chain import VerifyResult
from tolv.release.model import Status
from tolv.release.releases import Releases
from tolv.store.apps import Deploys
from tolv.store.store import Store

SHOP = ("shop", "prod")

#: Makes releases and says each number once it is safely made; argv: URL, build, config, how many.
_MAKE = """
import sys
from tolv.release.releases import Releases
from tolv.store.store import Store

url, build, config, count = sys.argv[1:]
releases = Releases(Store(url))
for _ in range(int(count)):
    made = releases.create("shop", "prod", build=build, commit=None, config=int(config), formation={"web": 1},
                           description="Deploy", by="ada@host")
    releases.mark_live("shop", "prod", made.number, {"web": 1}, "ada@host")
    print(made.number, flush=True)
"""


def start_making(store_url: str, config: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _MAKE, store_url, a_build().digest, str(config), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_race_share_the_numbers_without_gap_or_double(store: Store, store_url: str) -> None:
    config = a_deploy(store)
    racers = [start_making(store_url, config, 15) for _ in range(3)]
    outputs = [racer.communicate(timeout=60)[0] for racer in racers]
    made = sorted(int(line) for output in outputs for line in output.split())
    assert made == list(range(1, 46))
    assert [one.number for one in Releases(store).list(*SHOP)] == made[::-1]
    assert Releases(store).verify(*SHOP) == VerifyResult(True, 45)


def test_a_process_killed_with_9_in_mid_write_leaves_whole_releases_or_none(store: Store, store_url: str) -> None:
    config = a_deploy(store)
    releases = Releases(store)
    chance = random.Random(12)
    promised: list[int] = []
    for _ in range(6):
        maker = start_making(store_url, config, 100_000)
        assert maker.stdout is not None
        with maker.stdout:
            # Once it is in the midst of it, the next line's arrival says nothing of what it is writing now.
            promised += [int(maker.stdout.readline()) for _ in range(chance.randint(1, 12))]
            maker.send_signal(signal.SIGKILL)
            promised += [int(line) for line in maker.stdout.read().split("\n")[:-1]]
        maker.wait(30)
        listed = releases.list(*SHOP)
        assert [one.number for one in listed] == list(range(len(listed), 0, -1))
        assert set(promised) <= {one.number for one in listed}
        result = releases.verify(*SHOP)
        assert (result.ok, result.checked) == (True, len(listed))
        _agrees_with_its_deploy(store)


def _agrees_with_its_deploy(store: Store) -> None:
    """Between the two transactions of a turn, the newest release may be pending: then it is the candidate."""
    listed = Releases(store).list(*SHOP)
    deploy = Deploys(store).get(*SHOP)
    assert [one.number for one in listed if one.status is Status.LIVE] == [deploy.live]
    pending = [one.number for one in listed if one.status is Status.PENDING]
    assert deploy.candidate == (pending[0] if pending and pending[0] == listed[0].number else None)
