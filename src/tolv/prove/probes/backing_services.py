"""Probes of IV: backing services are attached resources."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from tolv.prove.client import NoAnswer
from tolv.prove.harness.backing import Service
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.network import Outbound
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome, Verdict
from tolv.prove.probe import CannotProve, Mutation, advisory, cannot_prove, probe, proved, refuted
from tolv.prove.probes._roaming import roam, show_end
from tolv.prove.probes._sessions import shares_a_service
from tolv.prove.recipes import EXAMPLES
from tolv.prove.traffic import Reading, Unexpected, Written
from tolv.prove.watch.sockets import listening

#: Kinds of service that keep what an app writes, or that it cannot answer without.
_KEEPING = ("postgres", "redis", "valkey", "s3", "rabbitmq")
#: Requests while a service is away, and seconds for an answer to each.
_REQUESTS, _ANSWER = 4, 35.0
#: How often the services are taken away, and seconds after which that is enough, or enough of one time.
_LOSSES, _LONG = 3, 15.0
#: Seconds between two looks at one that recovers.
_LOOK = 1.0
#: Ports of loopback at which a service is expected that no config names.
_SERVICE_PORTS = {
    25: "mail", 1025: "mail", 3306: "MySQL", 5432: "PostgreSQL", 5672: "RabbitMQ", 6379: "Redis", 9000: "S3",
    9092: "Kafka", 9200: "Elasticsearch", 11211: "memcached", 27017: "MongoDB",
}  # fmt: skip
#: Where a platform tells about itself: drivers ask on their own.
_OF_PLATFORM = frozenset({"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "metadata.google.internal", "metadata"})


@probe(
    "IV-P1",
    title="moves to another service by its URL alone",
    tier=1,
    needs=("web", "services", "write", "read_back"),
    does="Writes an item, starts the same release with the URLs of other services (another port, user and database), "
    "writes there, and goes back to the first.",
    proved="Each item is found where it was written and nowhere else, with no change but of the environment.",
    refuted="What was written does not follow the URL: it went elsewhere, or the app cannot work with another service.",
    fix="Take the whole of a service's address from one variable, and keep the data there.",
    rules=("IV-01", "IV-02", "IV-03", "IV-04"),
    mutation=Mutation(
        "keeps notes in a file of its own",
        {
            "app.py": (
                (
                    "    with transaction() as database:\n        note = database.execute("
                    '"INSERT INTO notes (text) VALUES (%s) RETURNING id", (text,)).fetchall()[0][0]\n',
                    '    note = 1\n    Path("note.txt").write_text(text)\n',
                ),
                (
                    "    with transaction() as database:\n        row = database.execute("
                    '"SELECT id, text FROM notes WHERE id = %s", (int(note),)).fetchone()\n',
                    '    kept = Path("note.txt")\n    row = (1, kept.read_text()) if kept.exists() else None\n',
                ),
            )
        },
    ),
)
async def moves_by_url(trial: Trial) -> Outcome:
    traffic = trial.traffic
    first = await trial.start()
    here = await traffic.write_and_read(first)
    await first.stop()
    if not trial.backing.services:
        return cannot_prove("[prove.env] names its services itself: there is no other to move to")
    if not trial.subject.build.services and not any(one.cable.connections for one in trial.backing.services):
        return cannot_prove("it declares no service, and has connected to none that it seemed to need; see VI-P2")
    others = await trial.backing.another_deploy()
    env = {name: value for one in others for name, value in one.env.items()}
    for before, after in zip(trial.backing.services, others, strict=True):
        trial.saw("service", f"another {after.name}: port {before.port} → {after.port}, with nothing of the first")
    try:
        second = await trial.start(env=env)
    except NotReady as error:
        show_end(trial, error.instance)
        return refuted(f"with the URLs of other services it does not start: {error.reason}")
    if (await traffic.read_back(second, here)).found and not shares_a_service(trial):
        return refuted(f"an item of the first service is there with another attached: {here.shown}")
    there, reading = await _write(trial, second)
    if reading is None or not reading.found:
        return refuted("with other services attached it does not read back what it writes")
    await second.stop()
    third = await trial.start()
    found = await traffic.read_back(third, here)
    if not found.found:
        return refuted(f"what was written is gone with the same service attached: {found.shown}. It was kept elsewhere")
    if there is not None and not shares_a_service(trial) and (await traffic.read_back(third, there)).found:
        return refuted(f"what was written with another service attached is in the first: {there.shown}")
    if shares_a_service(trial):
        return cannot_prove("it moves, but [prove.env] names a service that is the same in both")
    names = ", ".join(f"{one.kind} at port {one.port}" for one in others)
    return proved(f"moved to {names} and back by {', '.join(env)} alone, build {trial.subject.build.digest[7:19]}")


@probe(
    "IV-P2",
    title="asks nobody that no config names",
    tier=1,
    needs=("web", "namespaces"),
    does="Runs all process types in a network of their own, where every connection and every question to a name "
    "server is seen, and sends traffic.",
    proved="Each goes to a service or host that the environment, or a request of [prove], names.",
    refuted="It asks for a host, or a service, that stands in no variable: its address is in the code.",
    fix="Take every address from the environment.",
    rules=("IV-01", "IV-02", "IV-06", "TEL-02", "XI-08"),
    mutation=Mutation(
        "tells a host of its own of every note",
        {
            "app.py": (
                (
                    "    (text,) = texts(question, text=1000)\n",
                    "    (text,) = texts(question, text=1000)\n"
                    "    try:\n"
                    '        urlopen("http://hooks.notes.example/new", timeout=1).close()\n'
                    "    except OSError:\n"
                    "        pass\n",
                ),
            )
        },
    ),
)
async def asks_who_is_named(trial: Trial) -> Outcome:
    recipes = trial.subject.recipes
    if not recipes.read and not recipes.write:
        return cannot_prove("without traffic little of it can be seen", EXAMPLES["read"], EXAMPLES["write"])
    web = await trial.start()
    instances = [web]
    for type_ in trial.subject.others:
        with contextlib.suppress(NotReady):
            instances.append(await trial.start(type_.name))
    await roam(trial, web)
    if recipes.upload:
        with contextlib.suppress(CannotProve, NoAnswer):
            await trial.traffic.upload(web)
    inside = {one.port for instance in instances for one in listening(instance.pids())}
    for instance in instances:
        await instance.stop()
    wanted = await trial.network.seen()
    if wanted is None:
        return cannot_prove("what it connects to cannot be seen here")
    sent = (text for step in recipes.all_steps for text in (step.path, step.body or ""))
    named = _named((*(value for instance in instances for value in instance.made.config.values()), *sent))
    foreign: list[str] = []
    doubtful: list[str] = []
    for one in dict.fromkeys(_target(one) for one in wanted):
        judged = _judged(one, named, inside)
        if judged == "named":
            continue
        trial.saw("socket", f"{one[0]} to {one[1]}" + (f":{one[2]}" if one[2] else ""))
        (foreign if judged == "foreign" else doubtful).append(_shown(one))
    if foreign:
        return refuted(f"it asks for {', '.join(foreign[:4])}, which no variable names")
    if doubtful:
        return advisory(f"it asks for {', '.join(doubtful[:4])} on its own, as drivers do")
    connected = sum(len(one.cable.connections) for one in trial.backing.services)
    types = ", ".join(dict.fromkeys(one.made.type.name for one in instances))
    return proved(f"{types}: {connected} connections to its services, {len(wanted)} to others that config names")


@probe(
    "IV-P3",
    title="outlives the loss of a service",
    tier=1,
    needs=("web", "services", "read"),
    does="Cuts all connections to its services under traffic and refuses new ones, restores them, three times over.",
    proved="Every request is answered meanwhile, if with an error; the process lives, and soon serves again by itself.",
    refuted="Requests hang, the process ends, or it does not serve again without a restart.",
    fix="Give every call of a service a timeout, answer with 503 where it fails, and connect anew for the next.",
    rules=("IX-06",),
    mutation=Mutation(
        "keeps one connection for ever",
        {
            "database.py": (
                (
                    "        connection = connect()\n"
                    "        with deadline(connection, max(0.3, until - monotonic())), connection:\n",
                    "        connection = kept()\n        with connection.transaction():\n",
                ),
                ("@contextmanager\ndef transaction", "kept = cache(connect)\n\n\n@contextmanager\ndef transaction"),
                (
                    "from contextlib import contextmanager, suppress\n",
                    "from contextlib import contextmanager, suppress\nfrom functools import cache\n",
                ),
            )
        },
    ),
)
async def outlives_a_loss(trial: Trial) -> Outcome:
    instance = await trial.start()
    services = [one for one in trial.backing.services if one.kind in _KEEPING]
    if not services:
        return cannot_prove("[prove.env] names its services itself: they cannot be taken away")
    await _serves(trial, instance)
    services = [one for one in services if one.cable.connections]
    if not services:
        return cannot_prove("it has connected to none of its services", EXAMPLES["read"], EXAMPLES["write"])
    began = time.monotonic()
    outcomes: list[Outcome] = []
    while len(outcomes) < _LOSSES:
        outcomes.append(await _lose(trial, instance, services))
        if outcomes[-1].verdict is not Verdict.PROVED or time.monotonic() - began > _LONG:
            break
    return outcomes[-1]


@probe(
    "IV-P4",
    title="takes a new password",
    tier=1,
    needs=("web", "database"),
    does="Writes with one password, gives the app's database user another, and starts it again with the new URL, on "
    "the disk that it left.",
    proved="It works with the new password, and nothing but the environment has changed.",
    refuted="It does not: it has kept the old one.",
    fix="Read credentials from the environment at each start, and keep no copy of them.",
    rules=("IV-02", "III-11"),
    mutation=Mutation(
        "keeps the first URL in a file",
        {
            "config.py": (
                (
                    'DATABASE_URL = os.environ["DATABASE_URL"]\n',
                    "try:\n"
                    '    DATABASE_URL = open("database.url").read()\n'
                    "except OSError:\n"
                    '    DATABASE_URL = os.environ["DATABASE_URL"]\n'
                    '    open("database.url", "w").write(DATABASE_URL)\n',
                ),
            )
        },
    ),
)
async def takes_a_new_password(trial: Trial) -> Outcome:
    first = await trial.start()
    service = trial.backing.of_kind("postgres")
    if service is None:
        return cannot_prove("[prove.env] names its database itself: its password cannot be changed")
    written = await _traffic(trial, first)
    await first.stop()
    await trial.backing.rotate(service)
    trial.saw("service", f"the password of its user in {service.name} is another, the old one is void")
    count = len(service.cable.connections)
    try:
        second = await trial.again(first, fresh=False, env=service.env)
    except NotReady as error:
        show_end(trial, error.instance)
        return refuted(f"with the new password it does not start: {error.reason}")
    try:
        if written is not None:
            reading = await trial.traffic.read_back(second, written)
            if not reading.found:
                return refuted(f"with the new password it does not find what it wrote: {reading.shown}")
        await _traffic(trial, second)
    except Unexpected as error:
        show_end(trial, second)
        return refuted(f"with the new password: {error.shown}")
    except NoAnswer as error:
        return refuted(f"with the new password a request is not answered: {error}")
    if len(service.cable.connections) == count:
        return cannot_prove("it does not connect to the database at all", EXAMPLES["read"], EXAMPLES["write"])
    return proved(f"started again with another password in {', '.join(service.env)}, on the same disk")


async def _write(trial: Trial, instance: Instance) -> tuple[Written | None, Reading | None]:
    try:
        written = await trial.traffic.write(instance)
        return written, await trial.traffic.read_back(instance, written)
    except (Unexpected, NoAnswer):
        return None, None


async def _traffic(trial: Trial, instance: Instance) -> Written | None:
    """A read, and an item if there is a recipe for one. Raises `Unexpected` and `NoAnswer`."""
    recipes = trial.subject.recipes
    if recipes.read:
        await trial.traffic.read(instance)
    if recipes.write and recipes.read_back:
        return await trial.traffic.write_and_read(instance)
    if recipes.write:
        return await trial.traffic.write(instance)
    return None


async def _serves(trial: Trial, instance: Instance) -> None:
    """One round of what needs its services. Raises `Unexpected` and `NoAnswer`."""
    await trial.traffic.read(instance, timeout=_ANSWER)
    if trial.subject.recipes.write:
        await trial.traffic.write(instance, timeout=_ANSWER)


async def _lose(trial: Trial, instance: Instance, services: list[Service]) -> Outcome:
    names = ", ".join(one.name for one in services)
    for one in services:
        await trial.backing.cut(one)
    trial.saw("service", f"{names}: connections reset, new ones refused")
    cut, slowest, failed, count = time.monotonic(), 0.0, 0, 0
    try:
        for number in range(_REQUESTS):
            began = time.monotonic()
            if began - cut > _LONG:
                break
            count += 1
            work = trial.traffic.write if number % 2 and trial.subject.recipes.write else trial.traffic.read
            try:
                await work(instance, timeout=_ANSWER)
            except Unexpected:
                failed += 1
            except NoAnswer as error:
                if error.why == "timeout":
                    return refuted(f"without {names} a request hangs for more than {_ANSWER:g} s")
                if not instance.alive:
                    break
                failed += 1
            slowest = max(slowest, time.monotonic() - began)
        if not instance.alive:
            show_end(trial, instance)
            return refuted(f"without {names} the process ends")
    finally:
        for one in services:
            await trial.backing.restore(one)
        trial.saw("service", f"{names}: can be reached again")
    took = await _recovers(trial, instance, trial.patience.recovery)
    if took is None:
        show_end(trial, instance)
        if not instance.alive:
            return refuted(f"after the loss of {names} the process ends")
        return await _compared(trial, instance, names)
    return proved(
        f"{failed} of {count} requests failed, the slowest answer took {slowest:.1f} s; well {took:.1f} s after"
    )


async def _compared(trial: Trial, instance: Instance, names: str) -> Outcome:
    """That an instance does not serve, beside one that is started now. Raises what that one raises."""
    other = await trial.start()
    await _serves(trial, other)
    trial.saw("saw", "one that is started now serves at once: the services are there", other.name)
    patience = trial.patience.recovery
    if await _recovers(trial, instance, 0.0) is not None:
        return Outcome(Verdict.UNSTABLE, f"it serves again, but later than {patience:g} s after {names} was back")
    return refuted(f"{patience:g} s after {names} is back it still does not serve: only a restart would help")


async def _recovers(trial: Trial, instance: Instance, within: float) -> float | None:
    """Seconds until it serves again, twice in a row; None: it does not."""
    began, well = time.monotonic(), 0
    while instance.alive:
        try:
            await _serves(trial, instance)
        except (Unexpected, NoAnswer):
            well = 0
            if time.monotonic() - began >= within:
                break
            await asyncio.sleep(_LOOK)
            continue
        well += 1
        if well == 2:
            return time.monotonic() - began
    return None


def _named(values: Iterable[str]) -> set[str]:
    """Hosts that values of the environment, or requests, name, with their ports or without."""
    found: set[str] = set()
    for value in values:
        found |= {
            one.lower()
            for one in re.findall(r"[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]|[0-9A-Fa-f:]*::[0-9A-Fa-f:]*", value)
        }
        with contextlib.suppress(ValueError):
            host, port = urlsplit(value).hostname, urlsplit(value).port
            if host and port:
                found.add(f"{host}:{port}")
    return found


def _target(one: Outbound) -> tuple[str, str, int]:
    """What is asked for: of a question the name."""
    if one.protocol == "dns":
        return "dns", (one.name or "").rstrip(".").lower(), 0
    return one.protocol, one.host, one.port


def _judged(target: tuple[str, str, int], named: set[str], inside: set[int]) -> str:
    """Whether somebody is `named` by config, `foreign`, or `doubtful`: one that drivers ask for by themselves."""
    protocol, host, port = target
    own = {"", "localhost", socket.gethostname().lower(), socket.getfqdn().lower()}
    if host in named or f"{host}:{port}" in named or any(host.startswith(f"{one}.") for one in named if "." in one):
        loopback = protocol != "dns" and ipaddress.ip_address(host).is_loopback
        if not loopback or f"{host}:{port}" in named:
            return "named"
    if host in _OF_PLATFORM:
        return "doubtful"
    if protocol == "dns":
        quiet = host in own or host.endswith((".arpa", ".local", ".localdomain", ".localhost")) or "." not in host
        return "named" if quiet or any(host.startswith(f"{one}.") for one in own if one) else "foreign"
    if ipaddress.ip_address(host).is_loopback:
        if port in inside:
            return "named"
        return "foreign" if port in _SERVICE_PORTS else "doubtful"
    address = ipaddress.ip_address(host)
    return "doubtful" if address.is_multicast or address.is_unspecified else "foreign"


def _shown(target: tuple[str, str, int]) -> str:
    protocol, host, port = target
    if protocol == "dns":
        return host
    what = _SERVICE_PORTS.get(port)
    return f"{host}:{port}" + (f" ({what})" if what else "")
