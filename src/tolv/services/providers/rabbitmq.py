"""RabbitMQ on this machine, where the host has it: each instance a node of its own that no other can meet.

A node wants three ports: AMQP's, which is the instance's; that of Erlang's distribution, by which `rabbitmqctl` reaches
it; and that of `epmd`, which each instance has for itself, so that every node can be `rabbit@localhost` and none is in
the way of the host's own. All three are on loopback.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tolv.errors import PlatformError, UsageError
from tolv.services import archive, private
from tolv.services.ask import Unreachable, ask
from tolv.services.model import Binaries, Command, Facts, Instance
from tolv.services.programs import Offer
from tolv.services.provider import Tell
from tolv.services.providers.disk import free
from tolv.services.providers.failing import can
from tolv.services.urls import build

_PLACES = "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin"
_NODE = "rabbit@localhost"
#: No tenant has a name with a hyphen.
_ADMINISTRATOR = "tolv-admin"
#: One for all tenants of an instance, and of the same name everywhere: so a backup fits any.
_VIRTUAL_HOST = "app"
#: Seconds that one call of rabbitmqctl may take.
_CONTROL = 120.0
#: RabbitMQ's own bound: below it, nothing can be published.
_LEAST = 50_000_000

_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
default_vhost = {virtual_host}
disk_free_limit.absolute = {least}
log.console = true
log.console.level = warning
log.file = false
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that an instance has beside its own."""

    epmd: int
    distribution: int


class RabbitmqProvider:
    """Runs the host's RabbitMQ."""

    kind = "rabbitmq"

    def find(self, wanted: str | None, cache: Path, tell: Tell) -> Binaries:
        """The host's programs; there is no wheel of them. Raises as `Provider.find` does."""
        found = on_host()
        if not found:
            raise UsageError(
                "RabbitMQ is not installed on this machine",
                remedy="apt install rabbitmq-server; or attach one that runs elsewhere with --url amqp://…",
            )
        return Offer("RabbitMQ", found, (), _how_to_install).take(wanted, cache, tell)

    def prepare(self, instance: Instance) -> None:
        """Configuration, ports, and the secret by which `rabbitmqctl` is let in."""
        with can("RabbitMQ's directory cannot be made", instance):
            for name in ("data", "log"):
                private.make(instance.directory / name, instance.user)
            _ports(instance)
            config = _CONFIG.format(
                port=instance.port,
                user=_ADMINISTRATOR,
                password=instance.password,
                virtual_host=_VIRTUAL_HOST,
                least=_LEAST,
            )
            private.write(instance.directory / "rabbitmq.conf", config, instance.user)
            cookie = instance.directory / ".erlang.cookie"
            if not cookie.exists():
                private.write(cookie, secrets.token_hex(20), instance.user)

    def command(self, instance: Instance) -> Command:
        """`epmd` and the server; on SIGTERM the server ends its connections and writes down what it holds."""
        script = f'epmd -address 127.0.0.1 -port {_ports(instance).epmd} & exec "$0"'
        server = str(instance.binaries.directory / "rabbitmq-server")
        return Command(("/bin/sh", "-c", script, server), _environment(instance), grace=60.0)

    def ask(self, instance: Instance, timeout: float) -> Facts:
        """Version, and bytes of all that is on disk."""
        facts = ask(self.kind, _url(instance, _ADMINISTRATOR, instance.password), timeout)
        left = free(instance)
        if left is not None and left < _LEAST:
            raise Unreachable(
                "full",
                "RabbitMQ takes no messages: its disk has less than 50 MB left",
                where=str(instance.directory),
                remedy="free some space; it goes on by itself then",
            )
        return Facts(facts.version, sum(_sizes(_data(instance))))

    def grant(self, instance: Instance, tenant: str, password: str) -> str:
        """A user of its own, with all rights in the one virtual host and none elsewhere."""
        self._import(instance, [_user(tenant, password)])
        url = _url(instance, tenant, password)
        end = time.monotonic() + _CONTROL
        while True:
            # The import goes on after rabbitmqctl has ended.
            try:
                ask(self.kind, url, 10.0)
                break
            except Unreachable as error:
                if error.reason not in ("password", "missing") or time.monotonic() > end:
                    raise
            time.sleep(0.1)
        return url

    def revoke(self, instance: Instance, tenant: str) -> None:
        """The user's connections end, too."""
        if tenant in _control(instance, "-q", "list_users", "--no-table-headers").split():
            _control(instance, "-q", "delete_user", tenant)

    def backup(self, instance: Instance, target: Path, tell: Tell) -> None:
        """All that is on disk, with the server at rest: clients are away for some seconds, and come back."""
        with _at_rest(instance, tell):
            archive.pack(self.kind, instance.binaries.version, archive.files_below(_data(instance)), target, tell)

    def restore(self, instance: Instance, source: Path, tell: Tell) -> None:
        """Queues, exchanges and messages, into an instance without queues. Its users stay."""
        if _control(instance, "-q", "list_queues", "-p", _VIRTUAL_HOST, "--no-table-headers", "name").strip():
            raise UsageError(
                "there are queues already", where=str(instance.directory), remedy="restore into a new resource"
            )
        users = _users(instance)
        data, aside = _data(instance), instance.directory / "before"
        with _at_rest(instance, tell), can("the data cannot be restored", instance):
            shutil.rmtree(aside, ignore_errors=True)
            data.rename(aside)
            try:
                private.make(data, instance.user)
                archive.unpack(
                    self.kind,
                    source,
                    lambda name: archive.place_below(data, name, instance.user),
                    instance.user,
                    tell,
                )
            except BaseException:
                shutil.rmtree(data, ignore_errors=True)
                aside.rename(data)
                raise
        shutil.rmtree(aside, ignore_errors=True)
        self._import(instance, users)
        for gone in {each["name"] for each in _users(instance)} - {each["name"] for each in users}:
            _control(instance, "-q", "delete_user", gone)

    def _import(self, instance: Instance, users: list[dict[str, Any]]) -> None:
        """Make users, or give them other passwords, with all rights in the virtual host."""
        every = {"vhost": _VIRTUAL_HOST, "configure": ".*", "write": ".*", "read": ".*"}
        definitions = {
            "vhosts": [{"name": _VIRTUAL_HOST}],
            "users": users,
            "permissions": [{"user": each["name"], **every} for each in users],
        }
        _control(instance, "-q", "import_definitions", input=json.dumps(definitions))


def on_host() -> list[Binaries]:
    """The RabbitMQ servers that the host has."""
    places = list(Path("/").glob(_PLACES))
    program = shutil.which("rabbitmq-server")
    if program:
        places.append(Path(program).resolve().parent)
    found = {}
    for place in places:
        version = re.fullmatch(r"rabbitmq_server-(\d+(?:\.\d+)+)", place.parent.name)
        if version and shutil.which("erl") and (place / "rabbitmqctl").exists():
            found[place] = Binaries(version[1], place, f"the host's {place.parent}", (place.parent,))
    return list(found.values())


def _how_to_install(wanted: str) -> str:
    return f"install RabbitMQ {wanted} on this machine".replace("  ", " ")


def _ports(instance: Instance) -> Ports:
    """Chosen once, and written down. Raises `OSError`."""
    path = instance.directory / "ports.json"
    try:
        found = json.loads(path.read_text())
        return Ports(int(found["epmd"]), int(found["distribution"]))
    except (FileNotFoundError, ValueError, KeyError):
        ports = Ports(*_free_ports(2))
        private.write(path, json.dumps({"epmd": ports.epmd, "distribution": ports.distribution}), instance.user)
        return ports


def _free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, below those that the kernel gives to whoever connects."""
    found: list[int] = []
    for _ in range(1000):
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(None, "no port is free on 127.0.0.1")


def _environment(instance: Instance) -> dict[str, str]:
    """For the server: nothing of the host's own configuration is read."""
    directory = instance.directory
    return {
        **_reached_by(instance),
        "HOME": str(directory),
        "RABBITMQ_DIST_PORT": str(_ports(instance).distribution),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
    }


def _reached_by(instance: Instance) -> dict[str, str]:
    """Under which name, and by which `epmd`, server and `rabbitmqctl` find each other."""
    return {
        "LC_ALL": "C.UTF-8",
        "ERL_EPMD_PORT": str(_ports(instance).epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": _NODE,
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
    }


def _data(instance: Instance) -> Path:
    return instance.directory / "data"


def _url(instance: Instance, user: str, password: str) -> str:
    return build("rabbitmq", "127.0.0.1", instance.port, user=user, password=password, database=_VIRTUAL_HOST)


def _user(name: str, password: str) -> dict[str, Any]:
    """A user as `import_definitions` takes it: https://www.rabbitmq.com/docs/passwords#computing-password-hash"""
    salt = secrets.token_bytes(4)
    hashed = base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
    algorithm = "rabbit_password_hashing_sha256"
    return {"name": name, "password_hash": hashed, "hashing_algorithm": algorithm, "tags": []}


def _users(instance: Instance) -> list[dict[str, Any]]:
    """All users, as `import_definitions` takes them."""
    try:
        users: list[dict[str, Any]] = json.loads(_control(instance, "-q", "export_definitions", "-"))["users"]
    except (ValueError, KeyError):
        raise PlatformError("RabbitMQ's users cannot be read", where=str(instance.directory)) from None
    return users


@contextmanager
def _at_rest(instance: Instance, tell: Tell) -> Iterator[None]:
    """RabbitMQ without clients, and all that it holds on disk; Erlang runs on."""
    tell("stopping RabbitMQ for the time that it takes to copy its files")
    _control(instance, "-q", "stop_app")
    try:
        yield
    finally:
        _control(instance, "-q", "start_app")


def _control(instance: Instance, *arguments: str, input: str = "") -> str:
    """What `rabbitmqctl` says. Raises `PlatformError`; secrets go by standard input alone."""
    what = next(each for each in arguments if not each.startswith("-"))
    with can(f"rabbitmqctl {what} failed", instance), _lobby(instance) as home:
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(home),
            **_reached_by(instance),
        }
        try:
            done = subprocess.run(
                [str(instance.binaries.directory / "rabbitmqctl"), *arguments],
                input=input,
                env=environment,
                cwd=home,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_CONTROL,
                user=instance.user,
                group=instance.user,
                extra_groups=None if instance.user is None else [],
            )
        except subprocess.TimeoutExpired:
            problem = f"no answer within {_CONTROL:.0f} s"
        else:
            if done.returncode == 0:
                return done.stdout
            said = " ".join((done.stderr or done.stdout).split())
            problem = said[:500] or f"status {done.returncode}"
    raise PlatformError(
        f"rabbitmqctl {what} failed: {problem}",
        where=str(instance.directory),
        remedy="see whether the service runs: tolv services",
    )


@contextmanager
def _lobby(instance: Instance) -> Iterator[Path]:
    """A home for `rabbitmqctl`, with the server's secret: the instance's own user may not reach it outside its view."""
    with tempfile.TemporaryDirectory(prefix="tolv-rabbitmqctl-") as name:
        home = Path(name)
        cookie = (instance.directory / ".erlang.cookie").read_text(encoding="ascii")
        private.write(home / ".erlang.cookie", cookie, instance.user)
        private.make(home, instance.user)
        yield home


def _sizes(directory: Path) -> Iterator[int]:
    for _, path in archive.files_below(directory):
        try:
            yield path.stat().st_size
        except OSError:
            continue


PROVIDER = RabbitmqProvider()
