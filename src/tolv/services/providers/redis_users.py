"""Who may do what in a Redis instance. The first deploy's user is there by two names: its own, and `default`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tolv.services.model import Instance
from tolv.services.protocols.resp import ReplyError, Resp
from tolv.services.providers.redis_data import ADMINISTRATOR, hashed
from tolv.services.urls import ServiceUrl, build

#: Seconds that a change of users may take.
_DEADLINE = 30.0

#: All that data needs, and nothing that runs the server.
_RULES = ("on", "allkeys", "allchannels", "+@all", "-@admin", "-@dangerous")

#: Of what is called dangerous, what clients need and what touches no more than their own data. `CONFIG` is not among
#: it, as hosted servers forbid it, too. Not every version knows all of it.
_ALSO = (
    *("+info", "+keys", "+sort", "+sort_ro", "+flushdb", "+flushall", "+role", "+acl|whoami"),
    *("+client|id", "+client|info", "+client|getname", "+client|setname", "+client|setinfo", "+client|list"),
    *("+client|reply", "+client|caching", "+client|tracking", "+client|trackinginfo", "+client|getredir"),
    *("+client|no-evict", "+client|no-touch", "+client|unblock", "+client|help"),
)


def administrator(instance: Instance) -> ServiceUrl:
    """The URL of Tolv's own user."""
    return ServiceUrl("redis", ADMINISTRATOR, instance.password, "127.0.0.1", instance.port, "0")


@contextmanager
def administer(instance: Instance, timeout: float = _DEADLINE) -> Iterator[Resp]:
    """A connection as the administrator. What is refused is raised as `Unreachable`."""
    with Resp(administrator(instance), timeout) as connection:
        try:
            yield connection
        except ReplyError as error:
            raise connection.explain(error) from None


def grant(instance: Instance, tenant: str, password: str) -> str:
    """Let a deploy in; its URL."""
    user = user_of(tenant)
    with administer(instance) as connection:
        first = _first(connection)
        names = (user, "default") if first in (None, user) else (user,)
        _let_in(connection, names, hashed(password))
        connection.call("ACL", "SAVE")
    shown = None if "default" in names else user
    return build("redis", "127.0.0.1", instance.port, user=shown, password=password, database="0")


def revoke(instance: Instance, tenant: str) -> None:
    """Take a deploy's user away, and close its connections."""
    user = user_of(tenant)
    with administer(instance) as connection:
        if _first(connection) == user:
            connection.call("ACL", "SETUSER", "default", "reset")
            with suppress(ReplyError):  # none of its connections is open
                connection.call("CLIENT", "KILL", "USER", "default")
        connection.call("ACL", "DELUSER", user)
        connection.call("ACL", "SAVE")


def user_of(tenant: str) -> str:
    """The name of a deploy's user: the tenant's, unless it is taken."""
    if tenant not in ("default", ADMINISTRATOR):
        return tenant
    return f"t_{tenant}_{hashlib.sha256(tenant.encode()).hexdigest()[:12]}"


def _let_in(connection: Resp, names: tuple[str, ...], password: str) -> None:
    """All at once: a crash must not leave a user who may nothing, or who is let in by an old password."""
    known = [rule for rule in _ALSO if _is_known(connection, rule)]
    connection.all(*(("ACL", "SETUSER", name, "reset", *_RULES, *known, f"#{password}") for name in names))


def _is_known(connection: Resp, rule: str) -> bool:
    """Tried on a user whom nobody can be."""
    try:
        connection.call("ACL", "SETUSER", "tolv-trial", "reset", rule)
        return True
    except ReplyError:
        return False
    finally:
        connection.call("ACL", "DELUSER", "tolv-trial")


def _first(connection: Resp) -> str | None:
    """The deploy that is `default`: the one with the same password."""
    users = [line.decode().split() for line in connection.call("ACL", "LIST")]
    passwords = {words[1]: {word for word in words if word.startswith("#")} for words in users}
    mine = passwords.pop("default", set())
    return next((name for name, theirs in passwords.items() if mine & theirs), None)
