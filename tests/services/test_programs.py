"""Of the programs that can be had the right ones are taken, and never those of another version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tolv.errors import PlatformError, UsageError
from tolv.services.carriers import Tell
from tolv.services.model import Binaries
from tolv.services.programs import Offer, fits


@dataclass
class Package:
    version: str
    complete: bool = True
    here: bool = False
    reachable: bool = True
    possible: bool = True
    origin: str = "package"

    def available(self) -> bool:
        return self.possible

    def at_hand(self, cache: Path) -> Binaries | None:
        return Binaries(self.version, cache, self.origin) if self.here else None

    def fetch(self, cache: Path, tell: Tell) -> Binaries:
        if not self.reachable:
            raise PlatformError("no index")
        tell(f"fetching {self.version}")
        return Binaries(self.version, cache, self.origin)


def take(wanted: str | None, *packages: Package, host: tuple[str, ...] = ()) -> tuple[str, list[str]]:
    told: list[str] = []
    on_host = [Binaries(one, Path("/usr"), "host") for one in host]
    offer = Offer("Server", on_host, packages, lambda version: f"apt install server-{version}")
    found = offer.take(wanted, Path("/nowhere"), told.append)
    return f"{found.origin} {found.version}", told


@pytest.mark.parametrize(
    ("version", "wanted", "fit"),
    [
        ("16.2", "16", True),
        ("16.2", "16.2", True),
        ("16.2", None, True),
        ("16.2", "16.20", False),
        ("16.20", "16.2", False),
        ("161.2", "16", False),
        ("9.6.24", "9.6", True),
    ],
)
def test_a_version_fits(version: str, wanted: str | None, fit: bool) -> None:
    assert fits(version, wanted) is fit


def test_the_newest_of_the_wanted_version_is_taken() -> None:
    assert take("16", Package("16.2"), Package("16.14"), Package("17.1")) == ("package 16.14", ["fetching 16.14"])
    assert take("16.2", Package("16.2"), Package("16.14"))[0] == "package 16.2"
    assert take(None, Package("16.2"), Package("9.6"))[0] == "package 16.2"


def test_of_equal_ones_that_which_needs_no_fetching_is_taken() -> None:
    assert take("16", Package("16.2"), host=("16.2",)) == ("host 16.2", [])
    assert take("16", Package("16.2", here=True), Package("16.2")) == ("package 16.2", [])


def test_one_that_has_all_is_better_than_a_newer_one_that_has_not() -> None:
    assert take("16", Package("16.14", complete=False), host=("16.4",)) == ("host 16.4", [])
    assert take(None, Package("18.1", complete=False), Package("17.1"))[0] == "package 17.1"
    assert take("18", Package("18.1", complete=False), Package("17.1"))[0] == "package 18.1"


def test_when_nothing_can_be_fetched_what_is_at_hand_is_taken_if_it_fits() -> None:
    away = Package("16.14", reachable=False)
    assert take("16", away, host=("16.2",)) == ("host 16.2", ["taking Server 16.2 (host): no index"])
    with pytest.raises(PlatformError, match="no index"):
        take("16", away, host=("15.1",))
    assert take("16", Package("16.14", possible=False), host=("16.2",)) == ("host 16.2", [])


def test_another_version_is_never_taken_and_the_error_says_what_there_is() -> None:
    with pytest.raises(UsageError) as refused:
        take("12", Package("16.2"), Package("13.1", possible=False), host=("15.1",))
    assert refused.value.problem == "Server 12 cannot be had on this machine"
    assert refused.value.where == "there is 15.1 (host), 16.2 (package)"
    assert "apt install server-12" in str(refused.value.remedy)
