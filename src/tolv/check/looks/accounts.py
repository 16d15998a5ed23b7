"""Accounts that code makes with a password that stands in the source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source, Value


@dataclass(frozen=True, slots=True)
class Account:
    """A password that is given to an account."""

    how: str
    """`hash`: a literal is hashed; `made`: a user is made with it; `held`: it stands in a record beside a name."""
    admin: bool
    """An administrator's, by what stands around it."""
    line: int
    column: int
    guards: tuple[str, ...]
    function: str
    default_of: str | None = None
    """The variable whose default it is; None: a plain literal."""


accounts: Look[Account] = Look("accounts")

#: By function: the place of the password, and its keywords.
_HASHES: dict[str, tuple[int, tuple[str, ...]]] = {
    "password_hash": (0, ()),
    "generate_password_hash": (0, ("password",)),
    "make_password": (0, ("password",)),
    "hash_password": (0, ("password",)),
    "get_password_hash": (0, ("password",)),
    "bcrypt.hashpw": (0, ("password",)),
    "hashSync": (0, ()),
    "bcrypt.hash": (0, ()),
    "set_password": (0, ("password", "raw_password")),
    "create_superuser": (2, ("password",)),
    "create_user": (2, ("password",)),
    "createUser": (-1, ("password",)),
    "bcrypt.GenerateFromPassword": (0, ()),
}
_ADMIN = re.compile(
    r"(?i)['\"](?:super_?)?(?:admin\w*|administrator|root|superuser)(?:@[\w.-]+)?['\"](?!\]?\s*(?:=>|[:=])\s*(?!true|1))|is_?(?:admin|superuser|staff)['\"]?\s*[:=]\s*(?:true|1)|create_superuser|ROLE_ADMIN|APP_ADMIN"
)
_NAMED = re.compile(
    r"(?i)['\"]?\b(?:user_?name|login|email|role|is_?admin|is_?superuser)\b['\"]?\s*[:=]|INSERT\s+INTO\s+[\w.`\"\[\]]*users?|create_superuser|create_user"
)


@accounts.reads(
    "python",
    "javascript",
    "php",
    words=(*(name.rpartition(".")[2] for name in _HASHES if name != "bcrypt.hash"), "bcrypt"),
    within=("passw",),
)
def _read(source: Source) -> Iterator[Account]:
    seen: set[int] = set()
    for call in source.calls(*_HASHES):
        position, keywords = next(
            (
                _HASHES[name]
                for name in _HASHES
                if call.name == name or call.name.endswith(f".{name}") or call.written.endswith(name)
            ),
            (0, ()),
        )
        password = call.argument(position, *keywords)
        if password is None:
            continue
        default = password.default if password.kind == "env" else None
        text = default or password
        if text.is_text and len(text.text or "") >= 3 and "{}" not in (text.text or ""):
            line = call.line
            how = "made" if "create" in call.last else "hash"
            if (
                account := _account(source, how, line, call.column, call.scope.guards, call.scope.names, password)
            ) is not None:
                seen.add(line)
                yield account
    for bound in source.bindings("password", "passwd"):
        if bound.name.lower() not in ("password", "passwd", "hashed_password", "password_hash", "encrypted_password"):
            continue
        if (
            bound.how not in ("key", "keyword")
            or not bound.value.is_text
            or bound.value.via is not None
            or bound.line in seen
        ):
            continue
        if _is_password(bound.value):
            account = _account(
                source, "held", bound.line, bound.column, bound.scope.guards, bound.scope.names, bound.value
            )
            if account is not None:
                yield account


def _is_password(value: Value) -> bool:
    text = value.text or ""
    if re.match(r"\$2[aby]\$|\$argon2|pbkdf2", text):
        return True
    return (
        4 <= len(text) <= 60
        and " " not in text
        and "|" not in text
        and not re.match(r"(?i)(?:your|my)[-_.]", text)
        and not re.fullmatch(
            r"(?i)string|text|password|required|hidden|true|false|passwd|wrong\w*|invalid\w*|ldap|oidc|oauth2?|saml|sso|cas|external"
            r"|unusable|disabled",
            text,
        )
    )


def _account(
    source: Source, how: str, line: int, column: int, guards: tuple[str, ...], names: tuple[str, ...], password: Value
) -> Account | None:
    """The account, if what stands around it makes a user."""
    around = "\n".join(text[:500] for text in source.lines[max(0, line - 9) : line + 4])
    admin = _ADMIN.search(around) is not None
    if how == "held" and not (_NAMED.search(around) and admin):
        return None
    if how == "hash" and not (
        (admin and _NAMED.search(around)) or (re.search(r"(?i)insert\s+into|\busers?\b", around) and admin)
    ):
        return None
    variable = password.name if password.kind == "env" else None
    return Account(how, admin, line, column, guards, names[-1] if names else "", variable)
