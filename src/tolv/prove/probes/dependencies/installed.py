"""What is installed: it comes from what is declared alone, and is the same each time."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from tolv.codebase.inference.files import Files
from tolv.codebase.packages import Packages, is_package_file, read_packages
from tolv.codebase.requirements import normalise
from tolv.errors import AppError
from tolv.prove.harness.clean_build import CleanBuild, build_clean, packages_of
from tolv.prove.harness.instance import NotReady
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import CannotProve, Mutation, not_applicable, probe, proved, refuted
from tolv.prove.subject import Subject

#: What a language says when something is not there that was not installed, each with what it is.
_MISSING = (
    re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'"),
    re.compile(r"ImportError: cannot import name (.+)"),
    re.compile(r"Cannot find (?:module|package) '([^'./][^']*)'"),
    re.compile(r"cannot load such file -- (\S+)"),
    re.compile(r"error while loading shared libraries: (\S+?):"),
    re.compile(r"Class \"?([\w\\]+)\"? not found"),
)
_OFFLINE = re.compile(
    r"(?i)dns error|failed to (?:fetch|connect|lookup)|could not connect|network|timed? ?out|ENOTFOUND|ECONNREFUSED|"
    r"EAI_AGAIN|ETIMEDOUT|no route to host|temporary failure in name resolution|offline"
)
#: Installers that an environment may have, and what Tolv itself adds (see docs/builds.md).
_NOT_ASKED_FOR = frozenset({"pip", "setuptools", "wheel"})


@probe(
    "II-P1",
    title="runs on what it declares",
    tier=0,
    needs=("web",),
    does="Builds the commit once more into an empty environment, from manifest and lock alone, starts the app there, "
    "and uses it.",
    proved="It installs, becomes ready, and no module or library is missing.",
    refuted="Something that it needs is not declared: it runs only where somebody has installed that by hand.",
    fix="Declare what is missing in the manifest, and lock it.",
    rules=("II-01", "II-05", "V-02"),
    bare=True,
    mutation=Mutation(
        "imports a package that nobody declares",
        {"app.py": (("import telemetry\n", "import telemetry\nimport yaml as _yaml\n"),)},
    ),
)
async def runs_on_declared(trial: Trial) -> Outcome:
    try:
        made = await _clean(trial)
        instance = await trial.start(runnable=made.runnable)
    except (NotReady, CannotProve) as error:  # the latter where its database cannot be prepared
        said = list(error.lines) if isinstance(error, NotReady) else error.reason.split("; ")
        missing = _first_missing(reversed(said))
        if missing is None or _is_own(trial.subject, missing):
            raise
        for line in said[-4:]:
            trial.saw("log", line)
        return refuted(f"installed from what is declared alone, it does not start: {missing}")
    tally = await trial.traffic.some([instance], 4)
    missing = _first_missing(one.text for one in instance.lines())
    if tally.problems and missing is not None and not _is_own(trial.subject, missing):
        trial.saw("log", missing, instance.name)
        return refuted(f"installed from what is declared alone, it fails: {missing}")
    if trial.subject.build.runtime == "none":
        raise CannotProve("Tolv installs nothing for the language that it is written in: it ran on what is here")
    count = len(made.packages)
    return proved(f"ready with {count} packages from {made.build.lockfile}" if count else "ready with no packages")


async def _clean(trial: Trial) -> CleanBuild:
    """The clean build. Raises `CannotProve` if it cannot be made here."""
    try:
        harness = trial.harness
        place = harness.ground.home.root / "clean-builds" / secrets.token_hex(4)
        made = await harness.once(
            "clean build", lambda: build_clean(trial.subject, harness.ground.real, place, harness.shelf.say)
        )
    except AppError as error:
        last = error.problem.splitlines()[-1]
        if _OFFLINE.search(error.problem):
            raise CannotProve(f"the package index cannot be reached: {last}") from None
        raise CannotProve(f"it cannot be installed anew: {error.problem.splitlines()[0]}: {last}") from None
    trial.saw("saw", f"built anew, with no environment to begin with: {made.build.summary}")
    return made


def _first_missing(lines: Iterable[str]) -> str | None:
    """The first line that says that something is not there."""
    return next((line.strip() for line in lines if any(one.search(line) for one in _MISSING)), None)


def _is_own(subject: Subject, missing: str) -> bool:
    """The module that is missing would be the app's own: no package has it."""
    names = [found[1] for one in _MISSING if (found := one.search(missing))]
    root = Path(subject.runnable.directory)
    return any((root / name.split(".")[0]).exists() or (root / f"{name.split('.')[0]}.py").exists() for name in names)


@probe(
    "II-P2",
    title="installs the same each time",
    tier=0,
    does="Installs the dependencies a second time, into an empty environment, and compares both sets with each other "
    "and with the lock.",
    proved="Both times the same is installed, and the lock names each package with its version.",
    refuted="Something is installed in a version that no lock names: the next build may bring another.",
    fix="Commit a lock that pins every package, those that others pull in included (uv lock, npm install, "
    "pip-compile --generate-hashes).",
    rules=("II-02", "II-03", "II-09"),
    bare=True,
    mutation=Mutation(
        "names its dependencies without their versions",
        remove=("requirements.txt",),
        add={"requirements.txt": "psycopg[binary]\n"},
    ),
)
async def installs_the_same(trial: Trial) -> Outcome:
    subject = trial.subject
    packages = declared_by(subject)
    installed = await asyncio.to_thread(packages_of, trial.harness.ground.real, subject.build.digest)
    if not installed:
        if packages.manifests and subject.build.runtime == "none":
            raise CannotProve(f"Tolv does not install what {packages.manifests[0]} declares")
        return not_applicable("nothing is installed")
    pinned = await asyncio.to_thread(_pinned, subject, packages)
    free = sorted(f"{name} {version}" for name, version in installed if not _fixes(pinned, name, version))
    if free:
        for one in free[:8]:
            trial.saw("saw", f"installed {one}, a version that no lock names")
        for note in (one for one in subject.build.notes if "locked" in one):
            trial.saw("saw", note)
        more = f" and {len(free) - 1} more" if len(free) > 1 else ""
        return refuted(f"no lock fixes {free[0]}{more}: {subject.build.lockfile} allows other versions")
    made = await _clean(trial)
    drift = sorted(f"{name} {version}" for name, version in installed ^ made.packages)
    if drift:
        return refuted(f"two installations from {subject.build.lockfile} differ: {', '.join(drift[:4])}")
    layers = [{one.digest for one in build.layers if one.title != "code"} for build in (subject.build, made.build)]
    same = "the same to the byte" if layers[0] == layers[1] else "the same versions"
    trial.saw("saw", f"two installations of {len(installed)} packages: {same}")
    return proved(f"{len(installed)} packages as {subject.build.lockfile} has them, {same}")


def declared_by(subject: Subject) -> Packages:
    """What the manifests and locks of the app say."""
    files = Files(Path(subject.runnable.directory))
    paths = [path for path in files.near(2) if is_package_file(path)]
    return read_packages(paths, lambda path: files.text(path, 64 << 20))


def _pinned(subject: Subject, packages: Packages) -> dict[str, set[str]]:
    """Versions by name, as locks have them; "" stands for what is fixed otherwise: by a commit or a hash."""
    found: dict[str, set[str]] = {}
    files = Files(Path(subject.runnable.directory))
    for lock in packages.locks:
        text = files.text(lock.path, 64 << 20) or ""
        every = set(re.findall(r"\d+\.\d+\.\d+[\w.+-]*", text)) if lock.language == "javascript" else set()
        for name, version in lock.pinned.items():  # of Node a tree may have several versions, and `pinned` has one
            found.setdefault(_plain(name), set()).update({version, *every})
    for one in packages.declared:
        if match := re.fullmatch(r"===?([^*\s,]+)", one.constraint):
            found.setdefault(_plain(one.name), set()).add(match[1])
        elif one.source is not None and one.source.fixed:
            found.setdefault(_plain(one.name), set()).add("")
    return found


def _plain(name: str) -> str:
    return normalise(name) if "/" not in name else name.lower()


def _fixes(pinned: dict[str, set[str]], name: str, version: str) -> bool:
    if _plain(name) in _NOT_ASKED_FOR:
        return True
    versions = pinned.get(_plain(name), set())
    return version in versions or version.split("+")[0] in versions or "" in versions
