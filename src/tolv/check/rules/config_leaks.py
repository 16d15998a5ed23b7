"""Factor III: secrets that lie in the tree or in its history."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from tolv.check.facts.certificates import is_self_signed
from tolv.check.facts.defaults import STOCK, is_random
from tolv.check.facts.values import (
    is_placeholder,
    is_secret_name,
    is_service_name,
    is_signing_name,
    looks_secret,
    password_in_url,
)
from tolv.check.looks.env_reads import env_reads
from tolv.check.looks.provider_secrets import Leak, leaks_in, provider_secrets_seen
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import repository_rule, rule
from tolv.check.unit import Repository, Unit
from tolv.codebase.context import classify, stands_for
from tolv.codebase.history import PastFile
from tolv.codebase.survey import File

_CONFIG = "https://12factor.net/config"

#: Ends of names of files that may hold a secret, beside source files.
_TEXTS = (
    *(
        ".env",
        ".yml",
        ".yaml",
        ".json",
        ".pem",
        ".key",
        ".crt",
        ".cer",
        ".conf",
        ".cfg",
        ".ini",
        ".toml",
        ".properties",
    ),
    *(
        ".sh",
        ".txt",
        ".md",
        ".xml",
        ".html",
        ".tf",
        ".tfvars",
        ".config",
        ".asc",
        ".p8",
        ".ppk",
        ".sql",
        ".gradle",
        ".ps1",
    ),
    *(".bat", ".rst", ".ovpn", ".tfstate", ".plist", ".npmrc", ".netrc", ".pypirc", ".vue", ".erb", ".ejs", ".j2"),
)
_LARGEST = 1 << 20
_MOST_BYTES = 64 << 20
_KEYSTORES = (".jks", ".keystore", ".p12", ".pfx", ".bks", ".kdbx")
_CERTIFICATES = (".crt", ".cer", ".pem", ".cert")
_LOCAL_KEY = re.compile(
    r"(?i)(?:^|[/_.-])(?:dev|development|local|localhost|self-?signed|snakeoil|example|sample|demo|dummy|fake|test|ci)(?=[/_.-]|$)"
)


@rule(
    "III-02",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby", "php", "manifests"),
    looks=(provider_secrets_seen,),
    title="A token or private key is in the tree",
    why="Its form says whose it is, so that scanners of public code find it within minutes of a push.",
    fix="Revoke it, make a new one, and give that to the app by the environment; then remove it from the tree.",
    bad='slack = Slack("xoxb-…")',
    good='slack = Slack(os.environ["SLACK_TOKEN"])',
    source=_CONFIG,
    everywhere=True,
)
def provider_secrets(unit: Unit) -> Iterator[Outcome]:
    """III-02."""
    found = 0
    for path, leak in _leaks(unit):
        severity = _severity(unit, path, leak)
        found += 1
        yield Finding(
            f"{leak.what[0].upper()}{leak.what[1:]} is in the tree, for all who can read it",
            unit.place(path, leak.line, leak.column),
            severity,
            None if leak.what != "a private key" else "Remove the key from the tree, replace it, and mount the new one",
            subject=leak.what,
        )
    for path in _keystores(unit):
        found += 1
        place = unit.place(path)
        yield Finding(
            "A store of keys is in the tree", place, _of_keystore(path), "Remove it from the tree, and mount it"
        )
    if not found:
        yield NotApplicable("no file holds a token or a private key in a known form")


def _leaks(unit: Unit) -> Iterator[tuple[str, Leak]]:
    for seen in unit.seen(provider_secrets_seen):
        yield seen.path, seen.what
    left = _MOST_BYTES
    for file in unit.files:
        bare = "." not in file.name.lstrip(".") or ".env" in file.name
        if file.language or file.size > _LARGEST or not (bare or file.name.lower().endswith(_TEXTS)):
            continue
        left -= file.size
        text = unit.text(file.path) if left > 0 else None
        if text is not None:
            for leak in leaks_in(text.encode("utf-8", "replace")):
                yield file.path, leak


def _keystores(unit: Unit) -> Iterator[str]:
    """Stores of keys below the unit's root and no other's: binary files, which are not read."""
    roots = sorted((one.root for one in unit.repository.units), key=len, reverse=True)
    for file in unit.repository.left_out:
        if file.path.lower().endswith(_KEYSTORES) and file.tracked and _around(file.path) != "vendored":
            owner = next((root for root in roots if not root or file.path.startswith(f"{root}/")), roots[-1])
            if owner == unit.root:
                yield file.path


def _around(path: str) -> str:
    """The context of a file by where it lies: its own name only says that it is binary."""
    return classify(posixpath.join(posixpath.dirname(path), "settings.py"))


def _of_keystore(path: str) -> Severity:
    """What a store holds is not looked into, and some hold certificates only: a warning."""
    local = _around(path) in ("test", "docs", "dev", "ci") or _LOCAL_KEY.search(path) or "trust" in path.lower()
    return "note" if local else "warning"


def _severity(unit: Unit, path: str, leak: Leak) -> Severity:
    if leak.public or unit.context(path) in ("test", "docs"):
        return "note"
    return _of_key(unit, path) if leak.what == "a private key" else "error"


def _of_key(unit: Unit, path: str) -> Severity:
    """A key that vouches for a developer's machine alone, by its place or a self-signed certificate, is a note."""
    if unit.context(path) in ("test", "docs", "dev", "ci") or _LOCAL_KEY.search(path):
        return "note"
    directory, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    for file in unit.files:
        kin = file.name.partition(".")[0] == stem or "cert" in file.name
        beside = kin and file.directory == directory and file.size < 1 << 16 and file.name.endswith(_CERTIFICATES)
        if beside and is_self_signed(unit.text(file.path) or ""):
            return "note"
    return "note" if is_self_signed(unit.text(path) or "") else "error"


@rule(
    "III-04",
    severity="error",
    materials=("manifests",),
    looks=(env_reads,),
    title="A file with the environment of a deploy is in the repository",
    why="What it sets is the same for all who check the code out, and its secrets are known to them all.",
    fix="Untrack it (git rm --cached), ignore it, keep a .env.example with names only, and replace its secrets.",
    bad=".env (tracked):  DB_PASSWORD=Zt8fkq0vLm",
    good=".env.example:  DB_PASSWORD=",
    source=_CONFIG,
)
def tracked_env_files(unit: Unit) -> Iterator[Outcome]:
    """III-04."""
    found = 0
    for file in unit.files:
        if not file.tracked or not is_env_file(file.path) or file.context in ("test", "docs", "ci"):
            continue
        if _FOR_TESTS.search(file.name) or _is_copied(unit, file):
            continue
        values = list(env_values(unit.text(file.path) or ""))
        if not values:
            continue
        found += 1
        finding = _tracked(unit, file.path, values)
        # What only developers use is worth less than other files for development, which the engine lowers by one.
        yield replace(finding, severity="warning") if file.context == "dev" and finding.severity == "error" else finding
    if not found:
        template = next((file.path for file in unit.files if is_env_template(file.path)), None)
        if template is not None:
            yield Witness("there is a template, and no tracked file with an environment's values", unit.place(template))
        else:
            yield NotApplicable("no file with an environment's values is tracked")


def _is_copied(unit: Unit, file: File) -> bool:
    """Whether set-up makes the real file of it, `cp .env.mysql .env`, and that one is not tracked: it is a template."""
    if not re.fullmatch(r"(?i)\.env[.-]\w+", file.name) or re.search(r"(?i)prod|stag|live", file.name):
        return False
    if any(one.path == f"{file.directory}/.env".lstrip("/") and one.tracked for one in unit.files):
        return False
    copied = re.compile(
        rf"\b(?:cp|copy|cp_r|mv)\b[^\n]{{0,40}}{re.escape(file.name)}\W+(?:[\w$./{{}}-]*/)?\.env\b(?!\.\w)"
    )
    said = (one for one in unit.repository.files if one.size < 1 << 18 and _SETS_UP.search(one.path))
    return any(copied.search(unit.text(one.path) or "") for one in said)


_SETS_UP = re.compile(
    r"(?i)(?:^|/)(?:\.github/workflows/.+|readme[^/]*|contributing[^/]*|bin/[^/]+|.+\.(?:sh|md)|makefile|justfile|package\.json)$"
)


def _tracked(unit: Unit, path: str, values: list[tuple[str, str, int]]) -> Finding:
    secrets = [(name, line) for name, value, line in values if _is_secret_value(name, value)]
    if secrets:
        names = ", ".join(name for name, _ in secrets[:3]) + (" …" if len(secrets) > 3 else "")
        by_name = {name: value for name, value, _ in values}
        certain = any(
            is_signing_name(name) or is_random(by_name[name]) or _is_strong(by_name[name]) for name, _ in secrets
        )
        certain = certain and not _is_of_this_machine(path, [value for _, value, _ in values])
        message = f"{path} is tracked with values of secrets: {names}"
        severity: Severity = "error" if certain else "note" if _open_nothing(secrets, by_name) else "warning"
        return Finding(message, unit.place(path, secrets[0][1]), severity)
    named = [value for name, value, _ in values if is_secret_name(name) or is_signing_name(name)]
    if named and all(map(is_placeholder, named)) and not path.endswith((".env", ".local")):
        message = f"{path} is tracked; it is to be filled in, as its placeholders say"
        return Finding(message, unit.place(path, values[0][2]), "note")
    if all(_is_flag(name, value) for name, value, _ in values):
        return Finding(
            f"{path} is tracked; it holds flags for development only", unit.place(path, values[0][2]), "note"
        )
    if not any(_CONFIGURES.search(name) for name, _, _ in values) and not _is_read(unit, values):
        return Finding(f"{path} is tracked; nothing that it sets is a deploy's", unit.place(path, values[0][2]), "note")
    placeholders = all(is_placeholder(value) or _is_flag(name, value) for name, value, _ in values)
    what = "placeholders, in the place of the real file" if placeholders else f"{len(values)} values of one environment"
    return Finding(f"{path} is tracked, with {what}", unit.place(path, values[0][2]), "warning")


def _open_nothing(secrets: list[tuple[str, int]], by_name: dict[str, str]) -> bool:
    """Whether each password is what a service for trials has: its stock one, or the name of its user or database."""
    names = {value for name, value in by_name.items() if not is_secret_name(name)}
    return all(
        is_service_name(name) and (by_name[name].lower() in STOCK or by_name[name] in names) for name, _ in secrets
    )


_HOST = re.compile(r"(?i)^[a-z][a-z0-9+.-]*://(?:[^@/\s]*@)?(\[[^]]*\]|[^:/\s?#]+)")


def _is_of_this_machine(path: str, values: list[str]) -> bool:
    """Whether all addresses of a file, three or more, are of the machine that it lies on, or of containers beside it:
    then its secrets open what a developer runs."""
    hosts = [match[1].lower() for value in values if (match := _HOST.match(value))]
    near = [one for one in hosts if "." not in one or one.startswith("127.") or one.endswith((".internal", ".local"))]
    named = re.search(r"(?i)prod|stag|live|deploy", posixpath.basename(path))
    return named is None and len(hosts) >= 3 and len(near) == len(hosts)


_ENV_FILE = re.compile(r"(?i)^(?:\.env(?:\.[\w-]+)*|[\w.-]+\.env|env\.(?:prod|production|staging))$")


def is_env_file(path: str) -> bool:
    """Whether a file gives an environment: `.env`, `.env.production`, `prod.env`; no template of one."""
    name = posixpath.basename(path)
    return _ENV_FILE.match(name) is not None and not is_env_template(path)


def is_env_template(path: str) -> bool:
    """Whether a file names the variables of an environment for others to fill in: `.env.example`."""
    name = posixpath.basename(path)
    if "env" not in name.lower():
        return False
    sample = stands_for(path) is not None or classify(path) == "docs"
    return sample and re.search(r"(?i)(?:^|[._-])env(?=[._-]|$)", name) is not None


_ASSIGNED = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_]\w{0,100})[ \t]*[=:][ \t]*(.*)$")


def env_values(text: str) -> Iterator[tuple[str, str, int]]:
    """Names, values and lines of a `.env` file, whatever its dialect."""
    for row, line in enumerate(text.splitlines()[:5000], 1):
        if not line.lstrip().startswith("#") and (match := _ASSIGNED.match(line)):
            value = match[2].strip()
            if value[:1] in "\"'" and value:
                value = value[1:].partition(value[0])[0]
            else:
                value = re.split(r"\s+#", value, maxsplit=1)[0]
            yield match[1], value, row


def holds_secrets(text: str) -> bool:
    """Whether a `.env` file has the value of a secret."""
    return any(_is_secret_value(name, value) for name, value, _ in env_values(text))


def _is_secret_value(name: str, value: str) -> bool:
    if not value or is_placeholder(value) or value.startswith(("$", "<", "%")):
        return False
    if (password := password_in_url(value)) is not None:
        return (
            not re.search(r"localhost|127\.0\.0\.1|@(?:db|postgres|mysql|redis|mongo|rabbitmq)\b", value)
            or len(password) > 12
        )
    if not is_secret_name(name):
        return False
    if is_signing_name(name) or is_service_name(name):
        return looks_secret(value, name) and value.lower() not in _STOCK
    return looks_secret(value, name)


_STOCK = frozenset(
    "postgres root mysql guest admin password secret test redis example user app dev development local".split()
)
#: Names of what differs from deploy to deploy.
_CONFIGURES = re.compile(
    r"(?i)ur[li]|host|port|user|pass|pwd|secret|key|token|dsn|addr|domain|bucket|mail|smtp|region|endpoint|origin|debug"
    r"|(?:^|_)(?:db|env|id|sid)(?:_|$)|database|redis|mongo|broker|account|client|server"
)


def _is_read(unit: Unit, values: list[tuple[str, str, int]]) -> bool:
    """Whether the code asks for one of the variables."""
    names = {name for name, _, _ in values}
    return any(one.what.name in names for one in unit.seen(env_reads))


_FLAG = re.compile(
    r"(?i)^(?:true|false|on|off|yes|no|\d{1,6}|dev(?:elopment)?|local|debug|info|warn(?:ing)?|error|test|[\w./-]*(?:localhost|127\.0\.0\.1|"
    r"0\.0\.0\.0)[\w.:/-]*|[\w.:-]+\.(?:py|js|rb)|)$"
)
_FLAG_NAMES = re.compile(
    r"(?i)^(?:FLASK_\w+|DEBUG\w*|NODE_ENV|APP_ENV|RAILS_ENV|RACK_ENV|DJANGO_(?:DEBUG|SETTINGS_MODULE|ENV)|PORT|HOST|PYTHON\w+|LOG_LEVEL|"
    r"COMPOSE_\w+|TZ|LANG|(?:\w+_)?VERSION|APP_NAME|PROJECT_NAME|WEB_CONCURRENCY|(?:VITE|REACT_APP|NEXT_PUBLIC)_\w+)$"
)


def _is_flag(name: str, value: str) -> bool:
    return bool(_FLAG.match(value) or _FLAG_NAMES.match(name))


_PAST_NAMES = re.compile(
    r"(?i)(?:^|/)(?:\.env(?:\.[\w-]+)*|[\w.-]+\.env|id_(?:rsa|dsa|ecdsa|ed25519)|[\w.-]+\.(?:pem|key|p12|pfx|jks|keystore|p8|ppk)|"
    r"(?:secrets?|credentials?|service[-_]?account)[\w.-]*\.(?:json|ya?ml|toml|ini|properties|py|js|rb|php)|"
    r"(?:config|settings|database|production|prod|local_settings|wp-config|parameters)[\w.-]*\."
    r"(?:json|ya?ml|toml|ini|properties|py|js|ts|rb|php)|application[\w.-]*\.(?:ya?ml|properties|toml)|"
    r"(?<!assets/)config/(?!initializers|locales|routes)[\w/.-]+\.(?:js|json|ya?ml|py|rb|php)|app\.json|\.npmrc|\.netrc|\.pypirc|"
    r"docker-compose[\w.-]*\.ya?ml)$"
)


@repository_rule(
    "III-03",
    severity="warning",
    materials=("git",),
    title="A secret is still in the history",
    why="Deleting a file does not take it out of the history: whoever can clone the repository has it.",
    fix="Revoke the secret. Rewrite the history if everybody can clone anew, else note why it is harmless.",
    bad="git rm .env && git commit",
    good="revoke what .env held, and only then git rm it",
    source=_CONFIG,
    everywhere=True,
)
def secrets_of_the_past(repository: Repository) -> Iterator[Outcome]:
    """III-03."""
    history = repository.history
    if not history.exists:
        yield NotApplicable("there is no history")
        return
    past = history.past_files(_is_wanted, most=600)
    now = {file.path for file in repository.files}
    reported: set[str] = set()
    for file, data in history.contents(past.files, largest=256 * 1024, total=16 << 20):
        if file.path in reported:
            continue
        what = _past_secret(file, data, still_there=file.path in now)
        if what is not None and len(reported) < 20:
            reported.add(file.path)
            commit = history.commit_of(file)
            local = what == "a private key" and _LOCAL_KEY.search(file.path) is not None
            yield Finding(
                f"{file.path} held {what}, and is still in the history",
                Place(file.path, commit=commit),
                "note" if local else None,
                subject=what,
            )
    if not past.complete:
        yield CannotTell("the history is shallow or too large to be read to its end")
    elif not reported:
        yield NotApplicable("nothing that the history alone has holds a secret")


_FOR_TESTS = re.compile(r"(?i)(?:^|[/._-])(?:ci|tests?|testing|local|examples?|jenkins|travis|circleci)(?:[/._-]|$)")


#: Environments of a developer's machine, and of tests.
_LOCAL_ENVIRONMENT = re.compile(
    r"(?i)(?:^|[/._-])(?:dev|devel|development|dusk|vagrant|homestead|sail|e2e|cypress|playwright|sandbox)(?=[/._-]|$)"
)


def _is_wanted(path: str) -> bool:
    if not _PAST_NAMES.search(path) or is_env_template(path) or _FOR_TESTS.search(path):
        return False
    return classify(path) not in ("test", "docs", "vendored", "locale", "generated", "lock", "ci")


def _is_strong(value: str) -> bool:
    """Whether a text is no word that stands for a password: letters and digits, and long enough."""
    return len(value) >= 8 and any(one.isdigit() for one in value) and any(one.isalpha() for one in value)


def _is_idle(value: str) -> bool:
    """A text that people put where a value must stand, and that opens nothing by itself: `123456`, `secret`."""
    return (
        value.lower() in STOCK or re.fullmatch(r"0*1?2?3?4?5?6?7?8?9?0?|([a-z]+)\1*|(.)\2+", value.lower()) is not None
    )


def _past_secret(file: PastFile, data: bytes, *, still_there: bool) -> str | None:
    """What secret a file of the past held, in words."""
    for leak in leaks_in(data):
        if not leak.public:
            return leak.what
    text = data.decode("utf-8", "replace")
    if is_env_file(file.path) and not still_there and not _LOCAL_ENVIRONMENT.search(file.path):
        names = [name for name, value, _ in env_values(text) if _is_secret_value(name, value) and not _is_idle(value)]
        if names:
            return f"values of secrets ({', '.join(names[:3])}{' …' if len(names) > 3 else ''})"
    for line in text.splitlines()[:5000]:
        if line.lstrip().startswith(("#", "//", "* ", "-- ", ";")):
            continue  # how such a URL looks, said to the reader
        password = password_in_url(line[:2000])
        if (
            password is not None
            and len(password) >= 6
            and not re.search(r"(?i)@(?:localhost|127\.|[\w-]+(?:[:/\"'\s]|$))", line)
        ):
            return "a URL with a password"
    return None
