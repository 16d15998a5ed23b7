"""Factor IV: where the addresses of backing services come from, and who starts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tolv.check.facts.connection import Connection, connection_of, is_local, is_open
from tolv.check.facts.overlays import only_defaults
from tolv.check.facts.prisma import Datasource, datasources
from tolv.check.facts.settings_files import Setting, settings
from tolv.check.facts.spring_profiles import is_aside, is_given
from tolv.check.facts.stores import for_development as is_for_development
from tolv.check.looks.clients import Client, Given, Part, clients
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Place, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Value
from tolv.check.unit import Unit

_SOURCE = "https://12factor.net/backing-services"
_PROD = ("prod", "admin", "migrations", "dev")
_NAMES = {
    "postgres": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "mongodb": "MongoDB", "redis": "Redis",
    "rabbitmq": "RabbitMQ", "smtp": "mail", "s3": "storage", "elasticsearch": "Elasticsearch", "mssql": "SQL Server",
}  # fmt: skip
_VARIABLES = {
    "redis": "REDIS_URL", "mongodb": "MONGODB_URI", "rabbitmq": "AMQP_URL", "smtp": "SMTP_URL", "s3": "S3_ENDPOINT",
    "elasticsearch": "ELASTICSEARCH_URL", "memcached": "MEMCACHED_SERVERS", "kafka": "KAFKA_BROKERS",
}  # fmt: skip


def shown(engine: str) -> str:
    """An engine as people write it."""
    return _NAMES.get(engine, engine or "the service")


def read_in(language: str, variable: str) -> str:
    """How a language reads a variable without a default."""
    return {
        "python": f'os.environ["{variable}"]',
        "javascript": f"process.env.{variable}",
        "go": f'os.Getenv("{variable}")',
        "java": f'System.getenv("{variable}")',
        "ruby": f'ENV.fetch("{variable}")',
        "php": f"getenv('{variable}')",
    }.get(language, variable)


def _variable(engine: str) -> str:
    return _VARIABLES.get(engine, "DATABASE_URL")


def origin(unit: Unit, path: str, given: Given) -> tuple[str, int]:
    """The place of the literal itself, where a name of the same file leads to it."""
    via = given.value.via
    source = unit.source(path) if via else None
    if source is not None and via:
        name = via.rpartition(".")[2]
        found = [one for one in source.bindings(name) if one.name == name and one.how in ("assign", "attribute", "key")]
        if len(found) == 1:
            return path, found[0].line
    return path, given.line


def _for_tests(client: Client) -> bool:
    around = " ".join((*client.scope.names, *client.scope.guards)).lower()
    return re.search(r"\btest|test(ing|s|case|config|settings)?\b|'test'|\"test\"", around) is not None


def for_development(client: Client, path: str) -> bool:
    """It stands in a file, a class or under a condition that is only for development."""
    if is_for_development(path):
        return True
    owner = " ".join((*client.scope.names,)).lower()
    if re.search(r"dev|local", owner):
        return True
    return any(
        re.search(r"\bdebug\b|['\"](?:dev\w*|local)['\"]|is_?dev|__main__", one.lower()) and not one.startswith("not ")
        for one in client.scope.guards
    )


def _language(path: str) -> str:
    suffix = path.rpartition(".")[2]
    return {"py": "python", "go": "go", "java": "java", "rb": "ruby", "php": "php"}.get(suffix, "javascript")


def _lowered(severity: Severity) -> Severity:
    return "warning" if severity == "error" else "note"


@rule(
    "IV-01",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby", "php", "manifests"),
    looks=(clients,),
    title="A service's address is written in the code",
    why="Another database, after a failure or for another deploy, needs a change of code and a new release.",
    fix="Take the whole URL from one variable, without a default that names a host.",
    bad='engine = create_engine("postgresql://app@db1.internal/shop")',
    good='engine = create_engine(os.environ["DATABASE_URL"])',
    source=_SOURCE,
    probe="IV-P1",
)
def literal_address(unit: Unit) -> Iterator[Outcome]:
    """A connection text with a literal host, where a client takes it."""
    said: set[tuple[str, int]] = set()
    overridden = _read_names(unit)
    any_client = False
    unresolved: tuple[str, str] | None = None
    for seen in unit.seen(clients, *_PROD):
        client = seen.what
        any_client = True
        given = client.part("url")
        if given is None or _for_tests(client):
            continue
        value = unit.resolve(given.value, seen.path)
        connection = connection_of(value)
        if connection is None or not connection.fixed:
            witness = _witness(client, value, unit, seen.path)
            if witness is not None:
                yield witness
            elif value.kind in ("name", "call") and client.how == "call":
                unresolved = unresolved or (client.name, value.name or "")
            continue
        if client.how == "setting" and client.name.lower() in overridden:
            continue  # a later setting of that name, or one for production, comes from the environment
        path, line = origin(unit, seen.path, given)
        if (path, line) in said or connection.embedded:
            continue
        said.add((path, line))
        finding = _literal(client, connection, path, line, for_development(client, seen.path))
        yield replace(finding, severity="note") if seen.path in only_defaults(unit) else finding
    for source in datasources(unit):
        any_client = True
        address = connection_of(Value("literal", source.url or "", "str"))
        if source.variable is not None:
            yield Witness(f"Prisma takes its address from {source.variable}", Place(source.path, source.line))
        elif address is not None and address.fixed and not address.embedded:
            yield _in_schema(address, source)
    for setting in settings(unit):
        found = _in_settings(setting)
        if found is not None and not _is_replaced(unit, setting):
            any_client = True
            yield replace(found, severity="note") if is_aside(unit, setting.path) else found
    if not any_client:
        yield NotApplicable("it connects to no backing service")
    elif unresolved is not None:
        yield CannotTell(f"{unresolved[0]} takes its address from {unresolved[1]}, which reading cannot follow")


def _read_names(unit: Unit) -> set[str]:
    """Names of settings that are somewhere taken from the environment."""
    return {
        seen.what.name.lower()
        for seen in unit.seen(clients, "prod")
        if seen.what.how == "setting" and any(one.value.kind == "env" for one in seen.what.given)
    }


def _witness(client: Client, value: Value, unit: Unit, path: str) -> Witness | None:
    """That the address comes from the environment."""
    reads = list(value.envs())
    if reads:
        name = reads[0].name or "a variable"
        if client.how == "setting":
            return Witness(f"{client.shown} is read from the environment", Place(path, client.line))
        return Witness(f"{client.name} takes its address from {name}", Place(path, client.line))
    if value.kind == "name" and value.name and value.name.rpartition(".")[2].lower() in _read_names(unit):
        return Witness(f"{client.name} takes its address from a setting that is read from the environment",
                       Place(path, client.line))  # fmt: skip
    for part in value.parts:
        inner = _witness(client, part, unit, path) if part.kind == "name" else None
        if inner is not None:
            return inner
    return None


def _literal(client: Client, connection: Connection, path: str, line: int, dev: bool) -> Finding:
    severity: Severity = "warning" if connection.local else "error"
    engine = connection.engine or client.engine
    where = "this machine" if connection.local else f"the host {connection.host}"
    code = read_in(_language(path), _variable(engine))
    return Finding(
        f"{client.shown} connects to {shown(engine)} on {where}, whatever the deploy",
        Place(path, line),
        _lowered(severity) if dev else severity,
        f"{client.shown} takes {code}; name {_variable(engine)} in .env.example",
        subject=client.name,
    )


def _in_schema(connection: Connection, source: Datasource) -> Finding:
    where = "this machine" if connection.local else f"the host {connection.host}"
    return Finding(
        f"Prisma connects to {shown(connection.engine)} on {where}, whatever the deploy",
        Place(source.path, source.line),
        "warning" if connection.local else "error",
        'url = env("DATABASE_URL"), and name DATABASE_URL in .env.example',
        subject="datasource",
    )


_URL_KEYS = re.compile(
    r"(?:url|uri|dsn|jdbc-?url|connection(?:_?string)?|host|hosts|broker|address|db|database)$", re.I
)


def _in_settings(setting: Setting) -> Finding | None:
    """A literal address in a configuration file that ships with the app."""
    if (
        setting.for_tests
        or not _URL_KEYS.search(setting.last)
        or any(m in setting.text for m in ("${", "<%", "%(", "{{"))
    ):
        return None
    connection = connection_of(Value("literal", setting.text, "str"))
    if connection is None or not connection.fixed or connection.embedded:
        return None
    severity: Severity = "warning" if connection.local or _is_spring(setting) else "error"
    if setting.for_development:
        severity = "note"
    where = "this machine" if connection.local else f"the host {connection.host}"
    text = "${DATABASE_URL}" if connection.engine not in _VARIABLES else f"${{{_variable(connection.engine)}}}"
    return Finding(
        f"{setting.key} connects to {shown(connection.engine)} on {where}, whatever the deploy",
        Place(setting.path, setting.line),
        severity,
        f"{setting.last}: {text}, and set the variable in each deploy",
        subject=setting.key,
    )


def _is_replaced(unit: Unit, setting: Setting) -> bool:
    """The environment replaces it: node-config's map of variables, the `env.py` of Alembic, the variable of Spring's
    that a manifest gives."""
    directory = setting.path.rpartition("/")[0]
    variables = f"{directory}/custom-environment-variables".lstrip("/")
    if any(one.key == setting.key and one.path.startswith(variables) for one in settings(unit)):
        return True
    if _is_spring(setting) and is_given(unit, setting.key):
        return True
    if not setting.path.endswith("alembic.ini"):
        return False
    texts = (unit.text(file.path) or "" for file in unit.named("env.py"))
    return any(re.search(r"set_main_option|environ|getenv|settings|config\[|create_engine\(", text) for text in texts)


def _is_spring(setting: Setting) -> bool:
    return setting.key.startswith("spring.")


@rule(
    "IV-02",
    severity="error",
    materials=("python", "javascript", "go", "java", "ruby", "php"),
    looks=(clients,),
    title="A service's host or credentials are literal arguments",
    why="The service cannot be swapped, nor its password changed, without a change of code.",
    fix="Take host, port and credentials from variables, best as one URL.",
    bad='cache = redis.Redis(host="10.0.3.7", port=6379)',
    good='cache = redis.Redis.from_url(os.environ["REDIS_URL"])',
    source=_SOURCE,
    probe="IV-P1",
)
def literal_host(unit: Unit) -> Iterator[Outcome]:
    """A literal host or password at a client."""
    overridden = _read_names(unit)
    said: set[tuple[str, int]] = set()
    any_client = False
    for seen in unit.seen(clients, *_PROD):
        client = seen.what
        if client.kind == "file" or _for_tests(client):
            continue
        any_client = True
        host = _literal_part(unit, seen.path, client, "host") or _bare_host(unit, seen.path, client)
        password = _literal_part(unit, seen.path, client, "password")
        if client.how == "setting" and client.name in ("ENGINE", "BACKEND") and host is None and password is None:
            continue
        if host is None and password is None:
            yield from _defaults(client, seen.path)
            for part in ("host", "url"):
                given = client.part("host" if part == "host" else "url")
                if given is not None:
                    witness = _witness(client, unit.resolve(given.value, seen.path), unit, seen.path)
                    if witness is not None:
                        yield witness
            continue
        told = host or password
        assert told is not None
        path, line = origin(unit, seen.path, told[0])
        if client.how == "setting" and client.name.lower() in overridden:
            continue
        if (path, line) in said:
            continue
        said.add((path, line))
        finding = _host_finding(client, host, password, path, line)
        public = (
            client.how == "call" and host is not None and password is None and _PROVIDERS.search(host[1]) is not None
        )
        yield replace(finding, severity="note") if public or seen.path in only_defaults(unit) else finding
    if not any_client:
        yield NotApplicable("it connects to no backing service")


#: The one address of a provider: whose account it is, the credentials say.
_PROVIDERS = re.compile(
    r"(?i)(?:^|\.)(?:sendgrid\.net|mailgun\.org|gmail\.com|googleapis\.com|google\.com|office365\.com|outlook\.com"
    r"|sparkpostmail\.com|postmarkapp\.com|mandrillapp\.com|mailjet\.com|sendinblue\.com|brevo\.com|zoho\.com|mailtrap\.io"
    r"|yandex\.(?:ru|com)|qq\.com|163\.com)$"
)

Told = tuple[Given, str]


def _literal_part(unit: Unit, path: str, client: Client, part: Part) -> Told | None:
    given = client.part(part)
    if given is None:
        return None
    value = unit.resolve(given.value, path)
    text = (value.text or "").strip()
    if not value.is_text or not text or connection_of(value) is not None:
        return None
    if part == "host":
        host = _host_of(text)
        return (given, host) if host and not is_open(host) and not host.startswith("/") else None
    return None if is_open(text) or re.fullmatch(r"x+|\*+|\.+|<.*>", text) else (given, text)


def _bare_host(unit: Unit, path: str, client: Client) -> Told | None:
    """A client whose first argument is a host where others have a URL: `MongoClient("10.0.0.5")`."""
    given = client.part("url")
    if given is None or client.engine not in ("mongodb", "redis", "mysql", "kafka", "nats"):
        return None
    value = unit.resolve(given.value, path)
    text = value.text or ""
    if not value.is_text or connection_of(value) is not None or not re.fullmatch(r"[\w-]+(?:\.[\w-]+)*(?::\d+)?", text):
        return None
    return (given, _host_of(text)) if not is_open(_host_of(text)) and not text.isdigit() else None


def _host_of(text: str) -> str:
    text = re.sub(r"^\w+://", "", text)
    match = re.match(r"(?:[^@/]*@)?(\[[^\]]*\]|[^:/,]+)", text)
    return match[1] if match else ""


def _defaults(client: Client, path: str) -> Iterator[Finding]:
    """A client that is given nothing, of a library that then takes this machine."""
    if client.bare and client.defaults_local and client.how == "call":
        dev = for_development(client, path)
        yield Finding(
            f"{client.name}() is given no address, so that it connects to this machine in every deploy",
            Place(path, client.line),
            "note" if dev else "warning",
            f"give it {read_in(_language(path), _variable(client.engine))}",
            subject=client.name,
        )


def _host_finding(client: Client, host: Told | None, password: Told | None, path: str, line: int) -> Finding:
    local = host is not None and is_local(host[1])
    severity: Severity = "warning" if local and password is None else "error"
    if for_development(client, path):
        severity = _lowered(severity)
    engine = shown(client.engine)
    if host is not None:
        where = "this machine" if local else f"the host {host[1]}"
        message = f"{client.shown} connects to {engine} on {where}, whatever the deploy"
        message += ", with a password that stands in the code" if password is not None else ""
    else:
        message = f"{client.shown} has the password of {engine} in the code"
    code = read_in(_language(path), _variable(client.engine))
    return Finding(message, Place(path, line), severity, f"take the address and credentials from {code}",
                   subject=client.name)  # fmt: skip
