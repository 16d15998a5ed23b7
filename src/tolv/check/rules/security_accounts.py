"""Security: accounts whose password everybody knows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.looks.accounts import Account, accounts
from tolv.check.model import Finding, NotApplicable, Outcome, Severity
from tolv.check.rule import rule
from tolv.check.unit import Unit
from tolv.codebase.context import stands_for
from tolv.codebase.settings import Setting, parse_json
from tolv.codebase.survey import File


@rule(
    "SEC-02",
    severity="error",
    materials=("python", "javascript", "php", "manifests"),
    looks=(accounts,),
    title="An administrator with a known password is created",
    why="The name and the password are in the source: whoever comes first after the installation is administrator.",
    fix="Let the first administrator come from the environment, or from a command that asks for a password.",
    bad='User(username="admin", password=generate_password_hash("admin"), is_admin=True)',
    good='User(username=os.environ["ADMIN_NAME"], password=generate_password_hash(os.environ["ADMIN_PASSWORD"]))',
    source="https://owasp.org/Top10/A07_2021-Identification_and_Authentication_Failures/",
    everywhere=True,
)
def known_administrators(unit: Unit) -> Iterator[Outcome]:
    """SEC-02."""
    found = 0
    for one in unit.seen(accounts, "prod", "migrations", "admin"):
        severity = _severity(unit, one.path, one.what)
        if severity is not None:
            found += 1
            message = "An administrator is created with a password that stands in the source"
            if one.what.default_of is not None:
                message = f"Without {one.what.default_of} an administrator gets a password that stands in the source"
            yield Finding(message, unit.place(one.path, one.what.line, one.what.column), severity)
    for path, line in _in_files(unit):
        found += 1
        message = "An administrator with a known password is in the data that set the app up"
        yield Finding(message, unit.place(path, line))
    if not found:
        yield NotApplicable("no account is created with a password of the source")


_DEV = re.compile(
    r"(?i)(?:^|[/_.-])(?:dev|development|demo|dummy|test|tests|fake|sample|example|local|mock)(?:[/_.-]|$)"
)


def _severity(unit: Unit, path: str, account: Account) -> Severity | None:
    if not account.admin or _DEV.search(path) or re.search(r"(?i)test|demo|fake|example", account.function):
        return None
    guards = " ".join(account.guards)
    if "__main__" in guards or re.search(r"(?i)debug|dev|test|demo|local", guards):
        return None
    source = unit.source(path)
    text = "\n".join(source.lines) if source is not None else ""
    forced = re.search(
        r"(?i)must_?change_?password|force_?password_?change|password_?change_?required|reset_password_on_login", text
    )
    return "note" if forced else "error"


_INSERT = re.compile(r"(?i)insert\s+into\s+[\w.`\"\[\]]*\b(?:users?|accounts?|admins?|auth_user|members?)\b")
_HASH = re.compile(
    r"'(?:\$2[aby]\$[^']{50,}|\$argon2[^']{20,}|pbkdf2[^']{20,}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})'"
)
_ADMIN = re.compile(r"(?i)'(?:admin\w*|administrator|root|superuser)(?:@[\w.-]+)?'")
_PLAIN = re.compile(r"(?i)\bpassw\w*\b[^;]*values[^;]*'(?:admin\w*|password\w*|secret|changeme|123456\w*|root)'")


def _in_files(unit: Unit) -> Iterator[tuple[str, int]]:
    for file in unit.files:
        if file.size > 4 << 20 or _DEV.search(file.path.rpartition("/")[2]) or not _is_shipped(unit, file):
            continue
        if file.name.endswith(".sql"):
            yield from _in_sql(file.path, unit.text(file.path) or "")
        elif file.name.endswith(".json") and re.search(
            r"(?i)setup|seed|fixture|initial|bootstrap|install|users|admin|default", file.path
        ):
            yield from _in_json(file.path, unit.text(file.path) or "")


def _is_shipped(unit: Unit, file: File) -> bool:
    """It is production's, or a sample that production code copies."""
    if file.context in ("prod", "migrations", "admin"):
        return True
    top = file.path.split("/")[0]
    if file.context != "docs" or stands_for(file.path) is None or "/" not in file.path:
        return False
    sources = (one for one in unit.files if one.language is not None and one.context in ("prod", "admin"))
    return any(top.encode() in source.words for one in sources if (source := unit.source(one.path)) is not None)


def _in_sql(path: str, text: str) -> Iterator[tuple[str, int]]:
    if "nsert" not in text and "INSERT" not in text:
        return
    statement = ""
    for row, line in enumerate(text.splitlines(), 1):
        line = line[:20_000]
        statement = (
            line if re.match(r"(?i)\s*insert\b", line) else (statement + " " + line)[-4000:] if statement else ""
        )
        if not statement or not _ADMIN.search(line):
            continue
        if _INSERT.search(statement) and (_HASH.search(line) or _PLAIN.search(statement[:2000])):
            yield path, row


def _in_json(path: str, text: str) -> Iterator[tuple[str, int]]:
    """Records with a name and a password side by side."""
    if not re.search(r'(?i)"password"', text) or not re.search(
        r'(?i)"(?:admin\w*|administrator|root)"|is_superuser', text
    ):
        return
    records: dict[str, list[Setting]] = {}
    for one in parse_json(text.replace("\t", "  "), path):
        records.setdefault(one.key.rpartition(".")[0], []).append(one)
    for fields in records.values():
        by_name = {one.name.lower(): one for one in fields}
        password = by_name.get("password")
        names = [
            by_name[key].value.lower()
            for key in ("username", "user", "login", "name", "email", "role")
            if key in by_name
        ]
        admin = any(re.match(r"admin|root|administrator", name) for name in names)
        admin = admin or ("is_superuser" in by_name and by_name["is_superuser"].value.lower() == "true")
        if password is not None and admin and len(password.value) >= 4:
            yield path, password.line
