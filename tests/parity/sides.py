"""Sides made by hand, and any number of them for properties."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tolv.build.model import Build, Layer
from tolv.codebase.commits import CommitLog, Entry
from tolv.codebase.model import ProcessType, Variable
from tolv.parity.model import Service, Setting, Side, Went

DAY = 86400
NOW = 1_800_000_000.0


def build(
    commit: str | None = "a" * 40,
    *,
    digest: str | None = None,
    dirty: bool = False,
    runtime: str = "python 3.11.7",
    platform: str = "linux/amd64",
    processes: dict[str, str] | None = None,
    required: tuple[str, ...] = (),
    dependencies: str = "sha256:d",
    created: int = int(NOW) - DAY,
) -> Build:
    return Build(
        digest=digest or f"sha256:{commit}{dirty}{runtime}{platform}{sorted((processes or {}).items())}{dependencies}",
        app="shop",
        commit=commit,
        dirty=dirty,
        branch="main",
        created=created,
        platform=platform,
        runtime=runtime,
        lockfile="requirements.txt",
        packages=3,
        processes=tuple(ProcessType(name, command) for name, command in (processes or {"web": "serve"}).items()),
        release_command=None,
        release_timeout=60.0,
        variables=tuple(Variable(name) for name in required),
        formation={},
        layers=(Layer(dependencies, dependencies, 1, "tar", "dependencies", "opt/venv"),),
    )


def side(environment: str = "staging", made: Build | None = None, **more: Any) -> Side:
    """A side that runs; its formation is one of each unless it is given."""
    made = made or build()
    values = {"release": "v1", "running": True, "formation": {one.name: 1 for one in made.processes}, "os": "Debian 12"}
    return Side(environment, build=made, **{**values, "engine": "local", **more})


def setting(value: str, role: Any = "other") -> Setting:
    return Setting(f"hash of {value} as {role}", role, empty=not value)


def log(*commits: tuple[str, str, float], author: str = "Ada") -> CommitLog:
    """A log of commits in a row, the oldest first: id, id of its parent or nothing, age in days."""
    entries = {
        id: Entry(id, (parent,) if parent else (), int(NOW - age * DAY), author, f"{author.lower()}@example.com")
        for id, parent, age in commits
    }
    return CommitLog(entries, "/src/shop")


NAMES = st.sampled_from(["web", "worker", "clock"])
ROLES = st.sampled_from(["secret", "address", "label", "stage", "tuning", "switch", "other"])
COMMITS = st.sampled_from(["a" * 40, "b" * 40, "c" * 40, "d" * 40])
BUILDS = st.builds(
    build,
    st.none() | COMMITS,
    dirty=st.booleans(),
    runtime=st.sampled_from(["python 3.11.7", "python 3.11.9", "python 3.12.1", "node 20.1.0", "none"]),
    platform=st.sampled_from(["linux/amd64", "linux/arm64"]),
    processes=st.dictionaries(NAMES, st.sampled_from(["run", "serve"]), min_size=1),
    required=st.lists(st.sampled_from(["A", "SECRET_KEY", "DEBUG"]), unique=True).map(tuple),
    dependencies=st.sampled_from(["sha256:d", "sha256:e"]),
    created=st.integers(int(NOW) - 100 * DAY, int(NOW)),
)
SETTINGS = st.dictionaries(
    st.sampled_from(["A", "SECRET_KEY", "DEBUG", "DATABASE_URL", "WORKERS"]),
    st.builds(setting, st.sampled_from(["", "x", "y"]), ROLES),
)
SERVICES = st.lists(
    st.builds(
        Service,
        st.sampled_from(["database", "cache", "DATABASE_URL", "REDIS_URL"]),
        st.sampled_from(["postgres", "redis", "sqlite"]),
        st.none() | st.sampled_from(["16.2", "16.4", "15.1", "7.2.4"]),
        st.lists(st.sampled_from(["DATABASE_URL", "REDIS_URL", "A"]), unique=True, max_size=2).map(tuple),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "shop-staging-database-1", "shop-prod-database-2"]),
        st.none() | st.just("it does not answer"),
    ),
    unique_by=lambda one: one.name,
    max_size=3,
).map(tuple)
WENT = st.lists(
    st.builds(
        Went,
        st.integers(1, 9).map(lambda number: f"v{number}"),
        st.floats(NOW - 100 * DAY, NOW),
        st.sampled_from(["ada@here", "bob@there", "root@ci"]),
        st.sampled_from(["sha256:1", "sha256:2", "sha256:3", "sha256:4"]),
        st.none() | COMMITS,
    ),
    max_size=8,
).map(lambda events: tuple(sorted(events, key=lambda one: one.at)))


def sides(environment: str) -> st.SearchStrategy[Side]:
    return st.builds(
        Side,
        st.just(environment),
        st.none() | st.just("v3"),
        st.booleans(),
        BUILDS,
        st.dictionaries(NAMES, st.integers(0, 4)),
        SETTINGS,
        SERVICES,
        WENT,
        st.sampled_from(["", "Debian 12", "Ubuntu 24.04"]),
        st.sampled_from(["", "local"]),
    ).map(_without_release)


def _without_release(one: Side) -> Side:
    if one.release is not None:
        return one
    return Side(one.environment, None, one.running, None, one.formation, one.settings, one.services, (), one.os, "")


@st.composite
def logs(draw: st.DrawFn) -> CommitLog:
    """Some of the commits, each with one that comes before it as its parent, or none."""
    known = draw(st.lists(COMMITS, unique=True))
    entries = {}
    for position, id in enumerate(known):
        parents = draw(st.lists(st.sampled_from(known[:position]), unique=True)) if position else []
        time = int(NOW) - draw(st.integers(0, 90)) * DAY
        name = draw(st.sampled_from(["Ada", "Bob"]))
        entries[id] = Entry(id, tuple(parents), time, name, f"{name.lower()}@example.com", draw(st.booleans()))
    problem = draw(st.none() | st.just("there is no such directory"))
    return CommitLog({} if problem else entries, "/src/shop", problem, draw(st.booleans()))
