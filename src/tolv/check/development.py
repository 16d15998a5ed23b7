"""Compose files and images that only developers use, whatever they are called.

A compose file that lays the checkout over what the image holds runs what is being written, not what was built; one
whose variables all come from a directory for development runs no deploy, nor does one that starts an emulator of a
cloud or a mailbox that catches all, or that names development as the mode. An image that only such files build, that is
made for it by its own words, and beside which something else is what production runs, is a developer's too.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from tolv.codebase.compose import Compose, ComposeService, is_compose_name, parse_compose
from tolv.codebase.context import classify
from tolv.codebase.dockerfile import Dockerfile, parse_dockerfile
from tolv.codebase.start_sources import is_dockerfile_name
from tolv.codebase.survey import File, Survey

Read = Callable[[str], str | None]

#: Directories that are mounted and hold no code of the app, though files in them may be in a language.
_DATA = re.compile(
    r"(?i)(?:^|[/._-])(?:data|db|database|certs?|ssl|logs?|uploads?|media|storage|config|conf|settings|secrets?|keys|init\w*"
    r"|docker\w*|nginx|scripts?|migrations?|seeds?|fixtures?|public|static|assets|plugins?|themes?|custom|backups?)(?:[/._-]|$)"
)
#: What an image does that is made for developers: their requirements, their server, their mode.
_FOR_DEVELOPERS = re.compile(
    r"requirements[/_-]dev|dev[-_]requirements|(?:--with|--group|--extra|--only)[= ]dev\b|\brunserver\b"
    r"|\bflask\b[^\n]*\brun\b"
    r"|--reload\b|\b(?:npm|yarn|pnpm)(?: run)? dev\b|\bnodemon\b"
    r"|\b(?:RAILS|RACK|NODE|APP|FLASK|DJANGO)_ENV[= ]\"?(?:dev|local)|\brails (?:s|server)\b"
)
#: Files that say how production starts, without an image of this tree.
_PLATFORM = frozenset(("Procfile", "app.json", "fly.toml", "heroku.yml", "render.yaml", "app.yaml"))


def for_developers(survey: Survey, read: Read) -> frozenset[str]:
    """The paths of the compose files and Dockerfiles that only developers use, and are called like production's."""
    procfiles = _named(survey, read, lambda name: name == "Procfile")
    theirs = frozenset(file.path for file, text in procfiles if _DEV_PROCESS.search(text))
    images = [
        parse_dockerfile(text, file.path, file.context) for file, text in _named(survey, read, is_dockerfile_name)
    ]
    return theirs | _of_containers(survey, read, images) | _left_over(survey, images)


#: What an installer writes beside a manifest.
_LOCKS = frozenset(
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb Gemfile.lock composer.lock"
    " poetry.lock uv.lock Pipfile.lock pdm.lock go.sum".split()
)


def _left_over(survey: Survey, images: list[Dockerfile]) -> frozenset[str]:
    """Dockerfiles that copy a lock file which lies nowhere in the tree: nobody has built them from it for a while."""
    names = {file.name for file in survey.files}
    found = set()
    for image in images:
        steps = (one for stage in image.stages for one in stage.instructions if one.keyword in ("COPY", "ADD"))
        copied = (word for one in steps if "from" not in one.flags for word in one.words[:-1])
        if any((name := posixpath.basename(word)) in _LOCKS and name not in names for word in copied):
            found.add(image.path)
    return frozenset(found)


#: What a Procfile starts beside the app for somebody who works on it: a bundler's server, a mailbox that catches all.
_DEV_PROCESS = re.compile(
    r"(?m)^[^#\n]*(?:webpack(?:er)?-dev-server|shakapacker-dev-server|\bDEV_CACHING\b|livereload"
    r"|\bmail(?:catcher|hog|pit)\b|\bcss:watch\b|tailwindcss:watch|exec guard\b)"
)


def _of_containers(survey: Survey, read: Read, images: list[Dockerfile]) -> frozenset[str]:
    texts = list(_named(survey, read, is_compose_name, "prod", "dev", "test"))
    composes = [parse_compose(text, file.path, file.context) for file, text in texts]
    if not composes:
        return frozenset()
    theirs = {one.path for one in composes if one.context != "prod" or _is_theirs(one, survey)}
    theirs |= {file.path for file, text in texts if file.context == "prod" and _warns(text)}
    theirs |= {one.path for one in composes if one.path not in theirs and _is_laid_over(one, composes, theirs)}
    if not theirs:
        return frozenset()
    found = {one for one in theirs if classify(one) not in ("dev", "test")}
    found |= {one.path for one in _their_images(images, composes, theirs, survey, read)}
    return frozenset(found)


_WARNED = re.compile(
    r"(?i)\b(?:not|never|n't)\b[^.;]{0,60}\b(?:used?|intended|suitable|meant|recommended|designed|safe)\b[^.;]{0,60}"
    r"\bproduction\b|\bnot production[- ]ready\b"
    r"|\b(?:demo|development|testing|learning|evaluation)\b(?: purposes)? only\b"
)


def _warns(text: str) -> bool:
    """Whether the comment at the head of a file says that no deploy is to use it."""
    head = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        head.append(line.strip().lstrip("#").strip())
    return _WARNED.search(" ".join(head)) is not None


def _named(survey: Survey, read: Read, is_named: Callable[[str], bool], *contexts: str) -> Iterator[tuple[File, str]]:
    for file in survey.files:
        if file.context in (contexts or ("prod", "dev")) and is_named(file.name):
            text = read(file.path)
            if text is not None:
                yield file, text


def _is_theirs(compose: Compose, survey: Survey) -> bool:
    if re.search(r"(?i)prod|stag(?:e|ing)|deploy|release|live", posixpath.basename(compose.path)):
        return False
    built = [one for one in compose.services if one.build is not None]
    if any(_lays_code_over(compose, one, survey) for one in built or compose.services):
        return True
    if built and all(_uses_theirs(compose, one) for one in built):
        return True
    if any(_is_emulator(one) or _says_development(one) for one in compose.services):
        return True
    given = [entry.value for one in compose.services for entry in one.env_file]
    here = posixpath.dirname(compose.path)
    return bool(given) and all(classify(posixpath.normpath(posixpath.join(here, one))) == "dev" for one in given)


#: What stands in for a cloud, an identity provider or a mail server on the machine of somebody who works on the app.
_EMULATORS = re.compile(
    r"localstack(?:-pro)?|dynamodb-local|azurite|moto|motoserver|fake-gcs-server|elasticmq(?:-native)?|goaws|wiremock"
    r"|mock-oauth2-server|mockserver|\S*-emulator|mailhog|mailpit|maildev|mailcatcher|smtp4dev|pact-broker"
)
_MODES = re.compile(
    r"(?:(?:NODE|RAILS|RACK|APP|FLASK|DJANGO|SYMFONY|GO|ASPNETCORE|MIX|DOTNET)_ENV(?:IRONMENT)?|ENV|ENVIRONMENT"
    r"|SPRING_PROFILES_ACTIVE|DEV_MODE|DEVELOPMENT_MODE)"
)
_DEVELOPMENT = re.compile(r"(?i)(?:dev|devel|development|local|localdev)")


def _is_emulator(service: ComposeService) -> bool:
    return service.image is not None and _EMULATORS.fullmatch(service.image.base) is not None


def _says_development(service: ComposeService) -> bool:
    """Whether its environment names development as the mode, and leaves no choice to who starts it."""
    for name, entry in service.environment.items():
        if entry is None or not _MODES.fullmatch(name):
            continue
        value = entry.value.strip("\"' ")
        if _DEVELOPMENT.fullmatch(value) or (name.endswith("_MODE") and value.lower() in ("1", "true", "yes", "on")):
            return True
    return False


def _is_laid_over(compose: Compose, composes: list[Compose], theirs: set[str]) -> bool:
    """Whether a file adds to the services of a developers' file beside it, which says what they are."""
    here = posixpath.dirname(compose.path)
    below = [one for one in composes if one.path in theirs and posixpath.dirname(one.path) == here]
    added = [one.name for one in compose.services if one.image is None and one.build is None]
    if re.search(r"(?i)prod|stag(?:e|ing)|deploy|release|live", posixpath.basename(compose.path)):
        return False
    others = [one for one in composes if one.path not in theirs and one.path != compose.path]
    if any(other.service(name) is not None for other in others for name in added):
        return False
    return bool(added) and all(any(one.service(name) is not None for one in below) for name in added)


def _uses_theirs(compose: Compose, service: ComposeService) -> bool:
    """Whether a service is built of a Dockerfile that says by its name that it is for development."""
    if service.build is None or service.build.dockerfile is None:
        return False
    place = posixpath.join(posixpath.dirname(compose.path), service.build.context, service.build.dockerfile)
    return classify(posixpath.normpath(place)) == "dev"


def _lays_code_over(compose: Compose, service: ComposeService, survey: Survey) -> bool:
    """Whether a directory with code of the app is mounted into a service."""
    for volume in service.volumes:
        source = re.sub(r"^\$\{?PWD\}?", ".", volume.source or "")
        if not volume.is_bind or not source.startswith("."):
            continue
        place = posixpath.normpath(posixpath.join(posixpath.dirname(compose.path), source))
        if place.startswith("..") or (place != "." and _DATA.search(place)):
            continue
        start = "" if place == "." else f"{place}/"
        if any(one.path.startswith(start) and one.language and one.context == "prod" for one in survey.files):
            return True
    return False


def _their_images(
    images: list[Dockerfile], composes: list[Compose], theirs: set[str], survey: Survey, read: Read
) -> Iterator[Dockerfile]:
    builders: dict[str, set[str]] = {}
    for compose in composes:
        for service in compose.services:
            if service.build is not None:
                directory = posixpath.join(posixpath.dirname(compose.path), service.build.context)
                path = posixpath.normpath(posixpath.join(directory, service.build.dockerfile or "Dockerfile"))
                builders.setdefault(path, set()).add(compose.path)
    production = [
        one
        for one in images
        if one.context == "prod" and one.command is not None and not builders.get(one.path, set()) & theirs
    ]
    pipelines = "\n".join(read(file.path) or "" for file in survey.files if _PIPELINES.search(file.path))
    published = any(_is_named(one.path, pipelines) for one in images)
    other = bool(production) or any(file.name in _PLATFORM and file.context == "prod" for file in survey.files)
    for one in images:
        built_by = builders.get(one.path, set())
        if one.context != "prod" or not built_by or not built_by <= theirs:
            continue
        # Without a command, only who builds it says what it runs.
        idle = one.command is None or one.command.cmd is None
        if (idle and _hands_over(one, survey, read)) or (other and _is_made_for_them(one, survey, read)):
            yield one
        elif published and "/" in one.path and not _is_named(one.path, pipelines):
            yield one  # the pipelines build others of the tree, and not this one; that at the top needs no name


_PIPELINES = re.compile(
    r"(?:^|/)(?:\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.ya?ml|\.circleci/config\.ya?ml|azure-pipelines\.ya?ml|Jenkinsfile\w*)$"
)


def _is_named(path: str, pipelines: str) -> bool:
    """Whether pipelines name an image's file, or its directory, which has a name of its own."""
    directory = posixpath.dirname(path)
    words = [path, posixpath.basename(directory)] if directory else [path]
    return any(re.search(rf"(?<![\w.-]){re.escape(one)}(?![\w.-])", pipelines) for one in words if one)


def _hands_over(image: Dockerfile, survey: Survey, read: Read) -> bool:
    """Whether an image's entrypoint only runs what it is given; one without any does so too."""
    if image.command is None:
        return True
    names = [word.strip("\"',[]").rpartition("/")[2] for word in image.command.text.split()]
    scripts = [read(file.path) or "" for file in survey.files if file.name in names]
    return any(re.search(r"(?m)^\s*exec [^#\n]*\"?\$\{?@", text) for text in scripts)


def _is_made_for_them(image: Dockerfile, survey: Survey, read: Read) -> bool:
    texts = [one.text for stage in image.stages for one in stage.instructions]
    words = image.command.text.split() if image.command is not None else []
    for word in words[:4]:
        name = word.strip("\"',[]").rpartition("/")[2]
        if name.endswith(".sh"):
            texts += [read(file.path) or "" for file in survey.files if file.name == name]
    return any(_FOR_DEVELOPERS.search(text) for text in texts)
