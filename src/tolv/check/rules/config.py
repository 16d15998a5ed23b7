"""Factor III: values that differ from deploy to deploy, groups of settings by environment, and debugging."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tolv.check.facts.overlays import only_defaults
from tolv.check.facts.stages import stage_of
from tolv.check.facts.values import is_placeholder, words_of_name
from tolv.check.look import Seen
from tolv.check.looks.credentials import credentials
from tolv.check.looks.env_reads import env_reads
from tolv.check.looks.settings import Fixed, debugs, groups, places
from tolv.check.model import Finding, NotApplicable, Outcome, Witness
from tolv.check.rule import rule
from tolv.check.source import Value
from tolv.check.unit import Unit

_CONFIG = "https://12factor.net/config"
_LIVE = ("prod", "migrations", "admin")


@rule(
    "III-06",
    severity="warning",
    materials=("python", "javascript"),
    looks=(places, env_reads),
    title="A value that differs from deploy to deploy is fixed in the code",
    why="A staging deploy, or somebody else's, would use the production address, sender or bucket.",
    fix="Read it from the environment.",
    bad='MAIL_SENDER = "shop@example.com"',
    good='MAIL_SENDER = os.environ["MAIL_SENDER"]',
    source=_CONFIG,
    probe="III-P2",
)
def fixed_places(unit: Unit) -> Iterator[Outcome]:
    """III-06."""
    seen = list(unit.seen(places, *_LIVE))
    from_env = {(one.path, one.what.name) for one in seen if any(one.what.value.envs())}
    found = 0
    for one in seen:
        kind = _kind(one) if _is_judged(one.path) else None
        if kind is None or (one.path, one.what.name) in from_env or _names_environment(one):
            continue
        found += 1
        variable = "_".join(words_of_name(one.what.name)).upper()
        yield Finding(
            f"{one.what.name}, {kind}, is fixed in the code for all deploys",
            unit.place(one.path, one.what.line, one.what.column),
            severity="note" if one.path in only_defaults(unit) or _is_aside(unit, one.path) else None,
            fix=f"Read it from the variable {variable}",
            subject=one.what.name,
        )
    if not found:
        yield _read_from_env(unit, re.compile(r"(?i)url|host|bucket|region|domain|sender|email|port"))


def _is_aside(unit: Unit, path: str) -> bool:
    """What ran once, to bring data into a new form, or a script that a pipeline runs: nothing that is deployed."""
    if unit.context(path) == "migrations":
        return True
    if unit.context(path) not in ("admin", "ci") or any(one.entry == path for one in unit.starts):
        return False
    pipelines = (file.path for file in unit.files if file.context == "ci" and file.name.endswith((".yml", ".yaml")))
    return any(path in (unit.text(one) or "") for one in pipelines)


def _is_judged(path: str) -> bool:
    """A language that these rules are tried in, and no sample that is made to be copied."""
    return path.endswith(_SUFFIXES) and not re.search(r"(?i)[._-](?:default|example|sample|dist)\.\w+$", path)


_SUFFIXES = (".py", ".js", ".ts", ".mjs", ".cjs", ".jsx", ".tsx")


def _read_from_env(unit: Unit, names: re.Pattern[str]) -> Outcome:
    for read in unit.seen(env_reads, *_LIVE):
        if names.search(read.what.name):
            return Witness(f"{read.what.name} comes from the environment", unit.place(read.path, read.what.line))
    return NotApplicable("the code has no address, bucket or sender of its own")


_SENDERS = re.compile(
    r"(?i)^(?:\w+_)?(?:admins|mail_default_sender|default_from_email|server_email|from_email|email_from|admin_email|mail_from|"
    r"mail_sender|sender_email|email_sender|mail_from_address|support_email|error_email|notification_email)$"
)
_OWN_URLS = re.compile(
    r"(?i)^(?:site|base|app|public|frontend|backend|front_end|server|client|web|external|callback|redirect|webhook|host|root|"
    r"my|self|service|canonical|production|prod|staging)_?(?:url|uri|domain|origin|base_url)$|^(?:server_name|session_cookie_domain|"
    r"cookie_domain|csrf_cookie_domain|site_domain|domain_name|allowed_origin|cors_origin)$"
)
_BUCKETS = re.compile(r"(?i)^(?:\w+_)?bucket(?:_?name)?$")
_REGIONS = re.compile(r"(?i)(?:^|[_\W]|[a-z](?=R))region(?:_?name)?$")
_REGION = re.compile(
    r"^(?:(?:us|eu|ap|sa|ca|me|af|il|cn)-(?:gov-)?(?:north|south|east|west|central|northeast|southeast|northwest|southwest)-\d"
    r"|(?:europe|us|asia|australia|southamerica|northamerica)-[a-z]+\d|(?:east|west|north|south|central|northcentral|southcentral|"
    r"westcentral|uk|japan|canada|korea|brazil|australia|germany|france)(?:us|europe|asia|south|east|west|central|india)?\d?)$"
)
_PRIVATE = re.compile(
    r"(?i)^(?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+$"
    r"|^(?:\d+\.){3}\d+$|\.(?:internal|corp|lan|intra|local)$|\.rds\.amazonaws\.com$|\.cache\.amazonaws\.com$|\.mongodb\.net$"
)
_SETTINGS_PATH = re.compile(
    r"(?i)(?:^|/)[\w.-]*(?:settings?|config|configuration|constants?|conf|defaults?|environment)s?[\w.-]*(?:/|\.\w+$)"
)


def _kind(one: Seen[Fixed]) -> str | None:
    """What of a deploy the literal is; None: it is none."""
    fixed = one.what
    if stage_of(fixed.scope) != "prod" or fixed.how in ("parameter", "augment"):
        return None
    texts = [text for text in _texts(fixed.value) if text]
    if not texts or any("{}" in text for text in texts):
        return None
    name, text = "_".join(words_of_name(fixed.name)), texts[0]
    in_settings = _SETTINGS_PATH.search(one.path) is not None or (fixed.scope.owner or "").endswith(
        ("Config", "Settings")
    )
    in_settings = in_settings or "config[" in fixed.target
    if _SENDERS.match(name) and in_settings and any("@" in each for each in texts):
        return "the address that mail is sent from or to"
    if _REGIONS.search(fixed.name) and _REGION.match(text):
        return "the region of a service"
    if _BUCKETS.match(name) and re.fullmatch(r"[a-z0-9][a-z0-9.-]{2,62}", text) and not is_placeholder(text):
        return "the bucket of an object store" if in_settings or fixed.how in ("keyword", "key") else None
    if not in_settings:
        return None
    if _OWN_URLS.match(name) and _is_foreign(text):
        return "an address of its own"
    host = urlsplit(text).hostname if "://" in text[:20] else text
    if re.search(r"(?:url|uri|host|endpoint)$", name) and host and _PRIVATE.search(host) and not _is_local(host):
        return "the address of a service"
    return None


def _texts(value: Value) -> Iterator[str]:
    if value.is_text:
        yield value.text or ""
    elif value.kind == "container":
        for part in value.parts:
            yield from _texts(part)


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1", "0.0.0.0", "255.255.255.255", "broadcasthost") or host.startswith(
        ("127.", "0.", "169.254")
    )


def _is_foreign(text: str) -> bool:
    """A real address: no loopback, placeholder or path."""
    try:
        host = urlsplit(text).hostname if "://" in text[:20] else text.lstrip(".").partition("/")[0].partition(":")[0]
    except ValueError:
        return False
    return bool(host) and "." in (host or "") and not _is_local(host or "") and not is_placeholder(text)


_ENVIRONMENT_FILE = re.compile(r"(?i)(?:^|/|[-_.])(?:prod|production|staging|stage|live)\.(?!js$.{99})\w+$")


def _names_environment(one: Seen[Fixed]) -> bool:
    """It stands in what is for one named environment: III-07 has it."""
    if _ENVIRONMENT_FILE.search(one.path) or re.match(r"(?i)prod|staging|live", one.what.scope.owner or ""):
        return True
    return any(
        re.search(r"(?i)['\"](?:prod|production|staging)['\"]|is_?prod", guard) for guard in one.what.scope.guards
    )


@rule(
    "III-07",
    severity="warning",
    materials=("python", "javascript"),
    looks=(places, groups, credentials),
    title="Settings are grouped by the name of the environment",
    why="Each new deploy needs a new group in the code, and each group drifts on its own.",
    fix="Give each value a variable of its own, which every deploy sets as it needs.",
    bad='if ENV == "production": API_URL = "https://api.shop.example"',
    good='API_URL = os.environ["API_URL"]',
    source=_CONFIG,
)
def grouped_settings(unit: Unit) -> Iterator[Outcome]:
    """III-07."""
    found = 0
    for one in unit.seen(places, *_LIVE):
        if (
            _is_judged(one.path)
            and _names_environment(one)
            and stage_of(one.what.scope) != "test"
            and _is_handle(one.what)
        ):
            found += 1
            yield Finding(
                f"{one.what.name} has a value for one named environment in the code",
                unit.place(one.path, one.what.line, one.what.column),
                fix=f"Read it from the variable {'_'.join(words_of_name(one.what.name)).upper()}",
                subject=one.what.name,
            )
    for group in unit.seen(groups, *_LIVE):
        if _is_framework(group.path) or not _is_judged(group.path):
            continue
        found += 1
        by = "a map from its name" if group.what.how == "map" else "a file of its name"
        message = f"Which settings count is decided by the name of the environment: {by}"
        yield Finding(message, unit.place(group.path, group.what.line), "note")
    if not found:
        yield _read_from_env(unit, re.compile(""))


def _is_handle(fixed: Fixed) -> bool:
    texts = list(_texts(fixed.value))
    name = "_".join(words_of_name(fixed.name))
    if not texts or not re.search(r"(?:url|uri|host|domain|bucket|endpoint|server_name|origin)s?(?:_name)?$", name):
        return False
    if _BUCKETS.match(name):
        return not is_placeholder(texts[0])
    return _is_foreign(texts[0]) and not re.search(
        r"(?i)smtp\.(?:gmail|googlemail|sendgrid|mailgun|office365)|cdn|fonts|schema", texts[0]
    )


def _is_framework(path: str) -> bool:
    """The framework's own idiom for switches of code, or a tool's: Rails environments, Sequelize, Knex, webpack."""
    return (
        re.search(
            r"config/environments/|knexfile|webpack|sequelize|ormconfig|babel|jest|vite|gulp|Gruntfile|/migrations/",
            path,
        )
        is not None
    )


@rule(
    "III-08",
    severity="warning",
    materials=("python", "javascript", "manifests"),
    looks=(debugs, groups, env_reads),
    title="Debugging is on in production",
    why="Error pages show code, settings and data, and some debuggers run what a visitor types.",
    fix="Read it from the environment, off where the variable is not set.",
    bad="DEBUG = True",
    good='DEBUG = os.environ.get("DEBUG") == "1"',
    source=_CONFIG,
)
def debugging(unit: Unit) -> Iterator[Outcome]:
    """III-08."""
    found = 0
    witness: Outcome | None = None
    seen = list(unit.seen(debugs, *_LIVE))
    for one in seen:
        message = _debug(unit, one, seen)
        if message is not None:
            found += 1
            place = unit.place(one.path, one.what.line, one.what.column)
            yield Finding(message, place, subject=one.what.name)
        elif any(one.what.value.envs()):
            witness = witness or Witness(
                f"{one.what.name} comes from the environment, off by default", unit.place(one.path, one.what.line)
            )
    for group in unit.seen(groups, *_LIVE):
        line = group.what.default_line
        variable = group.what.variable
        if variable == "default":
            variable = next(
                (read.what.name for read in unit.seen(env_reads) if _falls_to_default(read.what.default)), None
            )
        if variable is not None and line is not None and not _sets(unit, variable):
            found += 1
            message = f"Without {variable} the app runs with the settings for development"
            yield Finding(message, unit.place(group.path, line), fix="Fall back to production, or fail without it")
    for path, line, name in _debug_in_images(unit):
        found += 1
        yield Finding(f"{name} switches debugging on in the image", unit.place(path, line), fix=f"Remove {name}")
    if not found:
        yield witness or NotApplicable("nothing switches debugging")


def _falls_to_default(default: Value | None) -> bool:
    return default is not None and default.is_text and default.text == "default"


_APPS = ("run", "Flask", "FastAPI", "Starlette", "Sanic", "Application", "Litestar", "Quart", "Bottle", "run_simple")


def _debug(unit: Unit, one: Seen[Fixed], seen: list[Seen[Fixed]]) -> str | None:
    fixed = one.what
    if not one.path.endswith(".py") and not (any(fixed.value.envs()) and _is_judged(one.path)):
        return None
    if stage_of(fixed.scope) in ("dev", "test") or any(
        re.search(r"(?i)debug|dev|local", g) for g in fixed.scope.guards
    ):
        return None
    if fixed.value.kind == "env":
        default = fixed.value.default
        on = (
            default is not None
            and default.kind == "literal"
            and (default.text or "").lower() in ("true", "1", "on", "yes")
        )
        asks = re.search(r"(?i)[!=]=\s*['\"]?(?:false|0|no)", _line(unit, one)) is not None
        return f"Without {fixed.value.name} debugging is on" if on and not asks and fixed.how != "parameter" else None
    if fixed.value.kind != "literal" or fixed.value.text != "true" or fixed.value.via is not None:
        return None
    if fixed.how == "keyword":
        last = (fixed.callee or "").rpartition(".")[2]
        by_hand = stage_of(fixed.scope) == "main" or last in ("run", "run_simple")
        if last not in _APPS or (by_hand and not _is_started(unit, one.path)):
            return None
        return f"{last}(debug=True) switches debugging on"
    if fixed.name != "DEBUG" and not fixed.target.endswith(("app.debug", "application.debug")):
        return None
    owner = fixed.scope.owner or ""
    settings = _SETTINGS_PATH.search(one.path) or owner.endswith(("Config", "Settings")) or "config[" in fixed.target
    if not (settings or fixed.target.endswith(".debug")) or fixed.how in ("parameter", "key"):
        return None
    directory = one.path.rpartition("/")[0]
    for other in seen:
        same = other.path == one.path or other.path.rpartition("/")[0] == directory
        if other is not one and same and other.what.name == fixed.name and not _is_on(other.what.value):
            return None
    return "Debugging is on in the settings, and no variable switches it off"


def _is_on(value: Value) -> bool:
    return value.kind == "literal" and value.text == "true"


def _line(unit: Unit, one: Seen[Fixed]) -> str:
    source = unit.source(one.path)
    return source.lines[one.what.line - 1] if source is not None and one.what.line <= len(source.lines) else ""


def _is_started(unit: Unit, path: str) -> bool:
    """Production starts the file itself, or nothing says how it starts."""
    starts = [start for start in unit.starts if start.prod and not start.release]
    if any(start.entry == path and start.server in ("python", "python3", None) for start in starts):
        return True
    return not [one for one in starts if one.origin != "convention"] and not unit.uses(
        "gunicorn", "uwsgi", "waitress", "uvicorn", "hypercorn"
    )


def _sets(unit: Unit, variable: str) -> bool:
    """A production start, or the image, sets the variable."""
    if any(variable in dockerfile.env for dockerfile in unit.dockerfiles):
        return True
    return any(variable == name for start in unit.starts if start.prod for name, _ in start.env)


def _debug_in_images(unit: Unit) -> Iterator[tuple[str, int, str]]:
    for dockerfile in unit.dockerfiles:
        if dockerfile.context not in _LIVE or re.search(r"(?i)dev|test|local|debug", dockerfile.path):
            continue
        for name, entry in dockerfile.env.items():
            on = entry.value.strip("\"'").lower() in ("1", "true", "on", "yes")
            if on and re.fullmatch(r"(?:FLASK_|DJANGO_|APP_)?DEBUG", name):
                yield dockerfile.path, entry.line, name
            elif name in ("FLASK_ENV", "NODE_ENV", "RAILS_ENV", "APP_ENV", "RACK_ENV") and re.match(
                r"(?i)dev", entry.value
            ):
                yield dockerfile.path, entry.line, f"{name}={entry.value}"
