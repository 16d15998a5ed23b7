"""Factor I, codebase: one codebase tracked in revision control, many deploys. What the history tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from tolv.check.facts.tracked import clutter
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import ALL, repository_rule
from tolv.check.unit import Repository
from tolv.codebase.history import Branch, Divergence

_FACTOR = "https://12factor.net/codebase"

#: Files that only somebody who uses version control writes.
_SIGNS_OF_GIT = (".gitignore", ".gitattributes", ".gitmodules", ".gitlab-ci.yml", ".travis.yml", ".hgignore")

_LIVE = frozenset(
    ("prod", "production", "live", "staging", "stage", "stg", "preprod", "pre-prod", "pre-production", "uat")
)
_EARLY = frozenset(("dev", "develop", "development", "test", "testing", "qa", "integration", "sandbox"))
#: Seconds that two branches may be apart before they are two codebases.
_LONG = 30 * 86400
#: Seconds after which a branch without commits is deployed by nobody any more.
_LEFT = 3 * 365 * 86400

_PIPELINES = re.compile(
    r"\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.ya?ml|\.circleci/[^/]+\.ya?ml|(?:.*/)?Jenkinsfile[\w.-]*|\.travis\.yml"
    r"|azure-pipelines[\w.-]*\.ya?ml|bitbucket-pipelines\.ya?ml|\.buildkite/[^/]+|\.drone\.ya?ml|\.woodpecker/?[^/]*"
    r"|cloudbuild\.ya?ml|buildspec\.ya?ml|(?:.*/)?Makefile|[Jj]ustfile|Taskfile\.ya?ml|\.goreleaser\.ya?ml|skaffold\.ya?ml"
    r"|(?:\.?releaserc[\w.]*|release\.config\.\w+)|(?:bin|scripts?|ci|build|deploy)/[\w.-]+|(?:.*/)?Dockerfile[\w.-]*"
)
_STAMPS = re.compile(
    r"github\.(?:sha|ref_name)|GITHUB_(?:SHA|REF_NAME)|"
    r"CI_COMMIT_(?:SHA|SHORT_SHA|TAG|REF_SLUG)|CIRCLE_(?:SHA1|TAG)|TRAVIS_(?:COMMIT|TAG)"
    r"|BUILD_SOURCEVERSION|Build\.SourceVersion|BITBUCKET_COMMIT|BUILDKITE_COMMIT|DRONE_COMMIT|CODEBUILD_RESOLVED_SOURCE"
    r"|\$\{?(?:SHORT_SHA|COMMIT_SHA)\b|GIT_(?:COMMIT|SHA)|git describe|git rev-parse"
    r"|docker/metadata-action|semantic-release|release-please|goreleaser|setuptools[_-]scm|hatch-vcs|versioneer"
)
#: Platforms that number what is pushed to them.
_NUMBERED = (
    "Procfile",
    "app.json",
    "manifest.yml",
    "manifest.yaml",
    "fly.toml",
    "render.yaml",
    "railway.json",
    "vercel.json",
)


@repository_rule(
    "I-01",
    severity="error",
    materials=("git",),
    title="The app is under no version control",
    why="Without a history there is no codebase that deploys could share: nobody can tell what runs, or bring it back.",
    fix="Put the app into one repository: git init, git add . and git commit",
    bad="a directory of files that is copied to the server",
    good="a git repository with every deploy made from one of its commits",
    source=_FACTOR,
    probe="I-P1",
)
def under_version_control(repository: Repository) -> Iterator[Outcome]:
    """A repository of any system, or what says that this tree was taken out of one."""
    history = repository.history
    names = {file.path for file in repository.files}
    signs = [one for one in _SIGNS_OF_GIT if one in names]
    signs += [path for path in names if path.startswith((".github/workflows/", ".circleci/"))][:1]
    if history.exists:
        yield Witness(f"tracked by git, {history.commits} commits" + (" (shallow)" if history.shallow else ""))
    elif history.system == "git":
        yield Finding("There is a git repository, but nothing was ever committed", Place(""))
    elif history.system:
        yield Witness(f"tracked by {history.system}")
    elif history.exported:
        yield CannotTell(f"{history.exported} says that this tree was exported from a repository")
    elif signs:
        yield CannotTell(f"{signs[0]} suggests a repository, but its history is not here")
    else:
        yield Finding("Nothing here is under version control", Place(""))


@repository_rule(
    "I-03",
    severity="warning",
    materials=("git",),
    title="Branches that stand for environments have grown apart",
    why="What runs in one environment is then never what was tried in the other: two codebases under one name.",
    fix="Deploy every environment from one trunk, by tag or commit, and delete the branch",
    bad="branches production and main, each with commits that the other lacks",
    good="one main branch; staging and production are deploys of its commits",
    source=_FACTOR,
)
def environment_branches(repository: Repository) -> Iterator[Outcome]:
    """Branches named for an environment, and the default branch, each with commits that the other lacks for a month."""
    history = repository.history
    if not history.exists:
        yield NotApplicable("there is no git history")
        return
    default = history.default_branch
    if default is None or (history.shallow and len(history.branches) <= 1):
        yield CannotTell("the clone has neither the other branches nor their history")
        return
    found = False
    for branch in history.branches:
        apart = history.divergence(branch, default) if _environment(branch.name) and branch != default else None
        if apart is not None and _is_apart(branch, default, apart):
            found = True
            left: Severity | None = "note" if default.time - branch.time > _LEFT else None
            yield Finding(_message(branch, default, apart), Place("", commit=branch.commit), left, subject=branch.name)
    if not found and history.shallow:
        yield CannotTell("a shallow clone does not show how far its branches are apart")
    elif not found:
        count = len(history.branches)
        yield Witness(f"none of {count} branches is an environment's" if count > 1 else "there is one branch")


def _environment(name: str) -> str | None:
    """`live` or `early` for a name such as `production`, `env/staging`, `deploy-prod`."""
    last = re.sub(r"^(?:env|environment|environments|deploy|deployment|heroku|server)[/_-]", "", name.lower())
    return "live" if last in _LIVE else "early" if last in _EARLY else None


def _is_apart(branch: Branch, default: Branch, apart: Divergence) -> bool:
    if not apart.ahead or not apart.behind or apart.since is None:
        return False
    if max(branch.time, default.time) - apart.since <= _LONG:
        return False
    if _environment(branch.name) == "live":
        return True
    # A branch for work that was left behind is no environment: one that lives has commits over a month of its own.
    return apart.ahead > 1 and branch.time - (apart.first_ahead or branch.time) > _LONG


def _message(branch: Branch, default: Branch, apart: Divergence) -> str:
    since = datetime.fromtimestamp(apart.since or 0, UTC).strftime("%Y-%m-%d")
    return (
        f"The branch {branch.name} has {_commits(apart.ahead)} that {default.name} lacks, and lacks {apart.behind} "
        f"of its commits; they were last the same on {since}"
    )


def _commits(count: int) -> str:
    return "1 commit" if count == 1 else f"{count} commits"


@repository_rule(
    "I-06",
    severity="note",
    materials=("git", "manifests"),
    title="Nothing names a version: no tags, and no build that stamps its commit",
    why="Who looks at a running deploy cannot tell which commit it is, nor return to the one before.",
    fix="Tag releases, or have the pipeline put the commit's id on the artefact (an image tag, a label, a variable)",
    bad="docker build -t registry.example/app .",
    good='docker build -t "registry.example/app:$GITHUB_SHA" .',
    source=_FACTOR,
    probe="I-P2",
)
def named_versions(repository: Repository) -> Iterator[Outcome]:
    """Tags, or a step of the build that names the commit."""
    history = repository.history
    if not history.exists:
        yield NotApplicable("there is no git history")
        return
    if history.tags:
        yield Witness(f"{len(history.tags)} tags, the newest {history.tags[0].name}")
        return
    stamp = next(_stamps(repository), None)
    names = {file.path.rpartition("/")[2]: file.path for file in repository.files}
    platform = next((names[name] for name in _NUMBERED if name in names), None)
    if stamp is not None:
        yield Witness("the build names the commit", stamp)
    elif platform is not None:
        yield Witness("the platform numbers what is pushed to it", Place(platform))
    elif history.shallow:
        yield CannotTell("a shallow clone may lack the tags")
    elif not any(unit.starts or unit.dockerfiles for unit in repository.units):
        yield NotApplicable("nothing here is deployed")
    else:
        yield Finding("There are no tags, and no build step puts the commit on what it builds", Place(""))


def _stamps(repository: Repository) -> Iterator[Place]:
    for file in repository.files:
        if _PIPELINES.fullmatch(file.path):
            for number, line in enumerate((repository.text(file.path) or "").split("\n"), start=1):
                if _STAMPS.search(line) and not line.lstrip().startswith(("#", "//")):
                    yield Place(file.path, number)


#: Data that was made to be looked at.
_SAMPLE = re.compile(r"(?i)(?:^|[/._-])(?:samples?|examples?|demo|seeds?|fixtures?)(?=[/._-])")


@repository_rule(
    "I-07",
    severity="warning",
    materials=("git", *ALL),
    title="What a build or a run produces is tracked",
    why="It goes stale beside the source, differs by machine, and turns every deploy's tree into another one.",
    fix="git rm -r --cached it, and name it in .gitignore",
    bad="node_modules/ or app.log in git ls-files",
    good="node_modules/ in .gitignore, made by the build",
    source=_FACTOR,
    everywhere=True,
)
def tracked_output(repository: Repository) -> Iterator[Outcome]:
    """Installed dependencies, compiled code, logs, pid files and dumps among the tracked files."""
    history = repository.history
    if not history.exists:
        yield NotApplicable("there is no git history")
        return
    found = list(clutter(history.tracked, repository.text))
    for one in found[:20]:
        ignored = one.examples[0] in history.ignored_but_tracked
        said = f", {len(one.examples)}{' or more' * (len(one.examples) >= 100)} files" if len(one.examples) > 1 else ""
        also = tuple(Place(path) for path in one.examples[1:4] if path != one.path)
        yield Finding(
            f"{one.path} is tracked: {one.what}{said}" + (", though .gitignore names it" if ignored else ""),
            Place(one.path),
            "note" if _SAMPLE.search(one.path) else None,
            also=also,
        )
    if not found:
        yield Witness(f"of {len(history.tracked)} tracked files none is a build's or a run's")
