"""Factor III: what an app needs from its environment, told to those who deploy it; and files that stand in the way."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from tolv.check.facts.browser import in_browser
from tolv.check.facts.given import is_given
from tolv.check.facts.values import words_of_name
from tolv.check.look import Seen
from tolv.check.looks.config_files import ConfigFile, config_files
from tolv.check.looks.env_reads import EnvRead, env_reads
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import rule
from tolv.check.rules.config_leaks import is_env_template
from tolv.check.unit import Unit
from tolv.codebase.settings import parse_json
from tolv.codebase.settings_files import is_spring, read_settings

_CONFIG = "https://12factor.net/config"
_LIVE = ("prod", "admin", "migrations")


@rule(
    "III-09",
    severity="warning",
    materials=("python", "javascript"),
    looks=(env_reads, config_files),
    title="A variable that the app reads is told to nobody",
    why="Who deploys the app learns of the variable when something fails, or never.",
    fix="Name it in .env.example, with a word on what it is for.",
    bad='os.environ["SMTP_PASSWORD"]  (and no file names it)',
    good=".env.example:  SMTP_PASSWORD=",
    source=_CONFIG,
    probe="III-P3",
)
def env_contract(unit: Unit) -> Iterator[Outcome]:
    """III-09."""
    reads = [one for one in unit.seen(env_reads, *_LIVE) if not is_given(one.what.name)]
    reads = [one for one in reads if one.path.endswith((".py", ".js", ".ts", ".mjs", ".cjs", ".tsx", ".jsx"))]
    if not reads:
        yield NotApplicable("the code reads no variable of its own")
        return
    told, template = _told(unit)
    reads = [_with_prefix(unit, one) for one in reads]
    read_names = {one.what.name for one in reads}
    found = 0
    missing: dict[str, list[Seen[EnvRead]]] = {}
    for one in reads:
        if one.what.name not in told:
            missing.setdefault(one.path, []).append(one)
    unread = {_plain(name): name for name in told if name not in read_names}
    if not any(name in told for name in read_names) and len(read_names) >= 3:
        found += 1
        yield _nothing_told(unit, reads)
        missing = {}
    minor: list[Seen[EnvRead]] = []
    for path, group in missing.items():
        finding = _untold(unit, path, group, unread, has_template=template is not None)
        if finding is None:
            minor += group
        else:
            found += 1
            yield finding
    files = sorted({one.path for one in minor})
    for path in files if len(files) <= 5 else files[:1]:
        found += 1
        yield _optional(unit, [one for one in minor if one.path == path or len(files) > 5])
    if not found:
        yield Witness(f"all {len(read_names)} variables that the code reads are told", unit.place(template or ""))


_PREFIX = re.compile(r"\benv_prefix\s*=\s*[\"'](\w+)[\"']")


def _with_prefix(unit: Unit, one: Seen[EnvRead]) -> Seen[EnvRead]:
    """The read with the name that the environment has, where a class of settings puts a prefix before its fields."""
    source = unit.source(one.path)
    if source is None or b"env_prefix" not in source.words or one.what.line > len(source.lines):
        return one
    prefix = _PREFIX.search("\n".join(source.lines))
    if prefix is None or not re.match(rf"\s+{re.escape(one.what.name)}\s*:", source.lines[one.what.line - 1], re.I):
        return one
    return replace(one, what=replace(one.what, name=f"{prefix[1]}{one.what.name}".upper()))


def _nothing_told(unit: Unit, reads: list[Seen[EnvRead]]) -> Finding:
    names = list(dict.fromkeys(one.what.name for one in reads))
    loaded = next((one for one in unit.seen(config_files, *_LIVE) if one.what.kind == "loaded"), None)
    open_env = loaded is not None and not _ignores_env(unit)
    aside = ", and the .env file that is loaded is not ignored by git" if open_env else ""
    first = reads[0]
    return Finding(
        f"{len(names)} variables are read ({_listed(names)}) and no file tells of them{aside}",
        unit.place(first.path, first.what.line, first.what.column),
        "warning",
        f"Write a .env.example with {_listed(names, 12)}" + (", and put .env into .gitignore" if open_env else ""),
        also=tuple(unit.place(one.path, one.what.line) for one in reads[1:20]),
        subject="all",
    )


def _untold(
    unit: Unit, path: str, group: list[Seen[EnvRead]], unread: dict[str, str], *, has_template: bool
) -> Finding | None:
    """What is wrong in one file: a name that is mistaken, or a variable that the start needs; None: neither."""
    mistaken = [(one, unread[_plain(one.what.name)]) for one in group if _plain(one.what.name) in unread]
    needed = [one for one in group if one.what.default is None]
    if mistaken:
        first, other = mistaken[0]
        message = f"{first.what.name} is read, but what is told and set is {other}: setting that has no effect"
        fix = f"Read {other}"
    elif needed and has_template and _is_needed(unit, needed[0]):
        first = needed[0]
        names = list(dict.fromkeys(one.what.name for one in needed))
        message = f"{_listed(names)} {'are' if len(names) > 1 else 'is'} needed, and no template or document says so"
        fix = f"Name {_listed(names, 12)} in .env.example"
    else:
        return None
    others = tuple(unit.place(one.path, one.what.line) for one in group if one is not first)[:20]
    place = unit.place(path, first.what.line, first.what.column)
    return Finding(message, place, "warning", fix, also=others, subject=first.what.name)


def _optional(unit: Unit, reads: list[Seen[EnvRead]]) -> Finding:
    names = list(dict.fromkeys(one.what.name for one in reads))
    first = reads[0]
    return Finding(
        f"{_listed(names)} {'are' if len(names) > 1 else 'is'} read, and no template or document says so",
        unit.place(first.path, first.what.line, first.what.column),
        "note",
        f"Name {_listed(names, 12)} in .env.example",
        also=tuple(unit.place(one.path, one.what.line) for one in reads[1:20]),
        subject="optional",
    )


#: What the add-ons of platforms set.
_ADD_ONS = frozenset("DATABASE_URL REDIS_URL MEMCACHE_SERVERS MONGODB_URI CLOUDAMQP_URL SENTRY_DSN".split())


def _is_needed(unit: Unit, one: Seen[EnvRead]) -> bool:
    """The start fails without it: it is asked for in a way that raises, and not first looked for."""
    source = unit.source(one.path)
    if source is None or one.what.line > len(source.lines) or one.what.name in _ADD_ONS:
        return False
    line = source.lines[one.what.line - 1]
    if not re.search(rf"environ\[|(?<![A-Za-z_])env\(|config\(|\b{re.escape(one.what.name.lower())}\s*:", line):
        return False
    name = re.escape(one.what.name)
    if re.search(rf"""['"]{name}['"]\s*,[^)]*\bdefault\s*=""", line):
        return False
    # A default that stands elsewhere: in the schema of django-environ, in a table that fills in what is not set.
    elsewhere = rf"\b{name}\s*=\s*\(|[\"']{name}[\"']\s*:"
    if re.search(rb"environ\.setdefault\(|\bEnv\(", source.data) and any(
        re.search(elsewhere, text) for text in source.lines
    ):
        return False
    asked = re.compile(rf"""['"]{name}['"]\s+(?:not\s+)?in\s|\bhas\(\s*['"]{name}""")
    return not any(asked.search(text) for text in source.lines)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _listed(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (" …" if len(names) > most else "")


_UPPER = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b")
_TELLING = re.compile(
    r"(?i)(?:\.(?:mdx?|rst|adoc|txt|ya?ml|toml|conf|service|tf|tpl|1|5|8|env|sh|j2|properties)|(?:^|/)(?:readme|install|procfile)[\w.]*|"
    r"(?:^|/)(?:app\.json|[\w.-]*dockerfile[\w.-]*|containerfile|\.envrc|[\w.-]*env[\w.-]*))$"
)


#: Programs that make a deploy's infrastructure: what they name as a variable, its containers are given.
_DEPLOYING = re.compile(r"(?:^|/)(?:cdk|cdktf|pulumi|infra|infrastructure|iac|sst)/|(?:^|/)sst\.config\.\w+$")
_QUOTED = re.compile(r"[\"']([A-Z][A-Z0-9_]{2,})[\"']|(?m:^\s+([A-Z][A-Z0-9_]{2,}):)")


def _told(unit: Unit) -> tuple[set[str], str | None]:
    """The variables that manuals, templates and manifests name, and the template if there is one."""
    told: set[str] = set()
    template: str | None = None
    left = 32 << 20
    for file in unit.repository.files:
        if file.language in ("python", "javascript") and _DEPLOYING.search(file.path) and file.size < 1 << 18:
            told.update(
                one for found in _QUOTED.findall(unit.repository.text(file.path) or "") for one in found
            )  # the deploy gives it
    for file in unit.files:
        if (
            file.language is not None
            or file.size > 1 << 20
            or not _TELLING.search(file.path)
            or file.context in ("lock", "ci")
        ):
            continue
        if file.name.lower().startswith(("changelog", "changes", "history", "licen", "requirements")):
            continue
        left -= file.size
        text = unit.text(file.path) if left > 0 else None
        if text is None:
            continue
        told.update(_UPPER.findall(text))
        if is_env_template(file.path) or (file.name == "app.json" and _lists_variables(text)):
            template = template or file.path
        if is_env_template(file.path):
            told.update(re.findall(r"(?m)^[\s#]*(?:export\s+)?([A-Za-z_]\w*)\s*=", text))
    return told, template


def _lists_variables(text: str) -> bool:
    return any(one.key.startswith("env.") for one in parse_json(text.replace("\t", "  "), "app.json"))


def _ignores_env(unit: Unit) -> bool:
    for file in unit.files:
        if file.name == ".gitignore" and re.search(
            r"(?m)^\s*(?:\*\*/|/)?(?:\.env\*?|\*?\.env|\.env\.\*|\.\*)\s*$", unit.text(file.path) or ""
        ):
            return True
    return False


@rule(
    "III-11",
    severity="error",
    materials=("python", "javascript", "php", "manifests"),
    looks=(config_files, env_reads),
    title="Settings come from a file that the environment cannot beat",
    why="A deploy that needs another value must change the code or write into its own tree.",
    fix="Let a variable set each value, and let it win over the file.",
    bad='config = json.load(open("config.json"))',
    good='database = os.environ.get("DATABASE_URL") or config["database"]',
    source=_CONFIG,
    probe="III-P2",
)
def settings_from_files(unit: Unit) -> Iterator[Outcome]:
    """III-11."""
    found = 0
    for one in unit.seen(config_files, *_LIVE):
        finding = _from_file(unit, one)
        if finding is not None:
            found += 1
            yield finding
    for path, line, name in _written_at_start(unit):
        found += 1
        message = f"Every start writes the environment into {name}, which the app then reads"
        fix = f"Let the app read the variables themselves, and drop {name}"
        yield Finding(message, unit.place(path, line), "warning", fix, subject=name)
    if not found:
        read = next(unit.seen(env_reads, *_LIVE), None)
        spring = next((file.path for file in unit.files if file.context == "prod" and is_spring(file.path)), None)
        if spring is not None:
            yield Witness("a variable can set any key of Spring's settings, and wins", unit.place(spring))
        elif (file := _unfollowed(unit)) is not None:
            yield CannotTell(f"whether a variable can set what {file} holds is not followed in Go")
        elif read is not None:
            yield Witness(f"{read.what.name} comes from the environment", unit.place(read.path, read.what.line))
        else:
            yield NotApplicable("no file of settings is read")


_READERS = (
    *("gopkg.in/ini.v1", "github.com/go-ini/ini", "github.com/BurntSushi/toml", "github.com/pelletier/go-toml"),
    *("github.com/pelletier/go-toml/v2", "gopkg.in/yaml.v2", "gopkg.in/yaml.v3", "sigs.k8s.io/yaml"),
)


def _unfollowed(unit: Unit) -> str | None:
    """The file of settings of a Go app that reads such files."""
    if not unit.languages or unit.languages[0] != "go" or not unit.uses(*_READERS):
        return None
    files = unit.named("conf/*.ini", "config/*.ini", "*app.ini", "*config.toml", "*config.y*ml", "conf/*.toml")
    return next((file.path for file in files if file.context == "prod"), None)


def _from_file(unit: Unit, one: Seen[ConfigFile]) -> Finding | None:
    place = unit.place(one.path, one.what.line, one.what.column)
    if one.what.kind == "override":
        return _beaten(unit, one)
    if one.what.kind != "read" or "*" in one.what.overlaid:
        return None
    if unit.context(one.path) == "admin" or in_browser(unit, one.path):
        return None  # what builds pages, or a person runs
    file = _file_named(unit, one.path, one.what.name)
    held = list(_handles(unit, file)) if file is not None else []
    free = [key for key in held if not _is_overlaid(key, one.what.overlaid)]
    if file is None or not free:
        return None
    message = f"{_listed(free)} come only from {file}: no variable can set them"
    names = ["_".join(words_of_name(key)).upper() for key in free]
    return Finding(message, place, None, f"Let {_listed(names)} win over {file}", subject=file)


def _beaten(unit: Unit, one: Seen[ConfigFile]) -> Finding | None:
    """A local file that wins over the environment, if the environment is read at all."""
    name = one.what.name
    place = unit.place(one.path, one.what.line, one.what.column)
    if "dotenv" in name or "read_env" in name or (name.endswith("config") and "." in name):
        return Finding(
            "A local .env file beats what the environment sets",
            place,
            "warning",
            "Drop override: the environment must win",
        )
    file_name = name if name.endswith(".php") else f"{name.rpartition('.')[2]}.py"
    around = {unit.root, posixpath.dirname(one.path), posixpath.dirname(posixpath.dirname(one.path))}
    if any(file.tracked and file.name == file_name and file.directory in around for file in unit.files):
        return None
    suffix = one.path.rpartition(".")[2]
    if not any(read.path.endswith(suffix) for read in unit.seen(env_reads, *_LIVE)):
        return None
    message = f"{file_name}, a file that is not in the repository, beats what the environment sets"
    return Finding(message, place, "warning", "Read the environment last, or drop the file", subject=name)


def _file_named(unit: Unit, path: str, name: str) -> str | None:
    """The file of the tree that the code names: from its root, or beside the code."""
    for base in (unit.root, posixpath.dirname(path)):
        whole = posixpath.normpath(posixpath.join(base, name.lstrip("/")))
        for file in unit.files:
            if file.path == whole and file.tracked and file.context == "prod" and file.size < 1 << 18:
                return str(file.path)
    return None


_HANDLE = re.compile(
    r"(?i)(?:^|\.)(?:storage|database|db|redis|mongo(?:db)?|mysql|postgres(?:ql)?|smtp|mail|broker|s3|bucket|datasource)(?:\.|$)"
    r"|(?:^|[._])(?:password|secret|secret_key|token|api_?key|database_url|db_url|db_host|redis_url|dsn|smtp_host|connection_?string)$"
)


def _handles(unit: Unit, path: str) -> Iterator[str]:
    """The keys of a file of settings that say where services are and how to log in."""
    text = unit.text(path) or ""
    if path.endswith(".js"):
        if not text.lstrip().startswith("{"):
            return
        settings = parse_json(text.replace("\t", "  "), path)
    else:
        settings = read_settings(text, path)
    known: set[str] = set()
    for one in settings:
        if _HANDLE.search(one.key) and one.value:
            match = re.match(r"(?i)([\w-]+)", one.key)
            key = match[1] if match else one.key
            if key not in known:
                known.add(key)
                yield key


def _is_overlaid(key: str, variables: tuple[str, ...]) -> bool:
    words = words_of_name(key)
    return any(set(words) & set(words_of_name(name)) for name in variables)


_WRITES = re.compile(
    r"(?<![<>&\d])>{1,2}\s*['\"]?((?:\./|/app/|/usr/src/app/|/srv/|\$\{?\w+\}?/|[\w-]+/)*[\w.-]*(?:config|settings|conf|\.env|env)[\w-]*"
    r"(?:\.(?:js|json|php|ya?ml|ini|py|toml|env|rb|properties))?)['\"]?\s*(?:$|[;&|])"
)


def _written_at_start(unit: Unit) -> Iterator[tuple[str, int, str]]:
    """Scripts on the way of a production start that write a file of settings."""
    scripts = {path for start in unit.starts if start.prod for path, _ in start.through}
    for path in sorted(path for path in scripts if path.endswith((".sh", ".bash")) or "entrypoint" in path):
        if path.endswith((".js", ".py", ".json")):
            continue
        for row, line in enumerate((unit.text(path) or "").splitlines(), 1):
            match = _WRITES.search(line[:500])
            if match and not line.lstrip().startswith("#") and not re.search(r"nginx|/etc/|/tmp|log", line):
                yield path, row, match[1]
                break
