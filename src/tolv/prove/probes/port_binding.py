"""Probes of VII: the app exports its service by binding a port."""

from __future__ import annotations

import asyncio
import contextlib
import functools

from tolv.prove.client import Client, NoAnswer
from tolv.prove.harness.instance import Instance, NotReady
from tolv.prove.harness.trial import Trial
from tolv.prove.model import Outcome
from tolv.prove.probe import Mutation, probe, proved, refuted
from tolv.prove.watch.sockets import Listener, listening

#: Seconds in which an instance must be ready; and after which one that listens elsewhere will not come back, or, if it
#: serves there, never meant to.
_READY_WITHIN, _LOOKS, _SERVES = 60.0, 10, 3
_PORT = 'PORT = int(os.environ.get("PORT", "8000"))'
_DUMB = """\
import os, socketserver


class Dumb(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(4096)
        self.request.sendall(b"no idea\\r\\n\\r\\n")


socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("0.0.0.0", int(os.environ["PORT"])), Dumb).serve_forever()
"""


@probe(
    "VII-P1",
    title="listens where PORT says",
    tier=0,
    needs=("web",),
    does="Starts the web process twice, with two values of PORT that nobody could guess, and looks at its sockets.",
    proved="It answers HTTP on exactly that port, both times.",
    refuted="It listens elsewhere, or nowhere: a platform could not reach it.",
    fix="Bind the port that the environment's PORT names.",
    rules=("VII-01",),
    bare=True,
    mutation=Mutation("has a port of its own", {"app.py": ((_PORT, "PORT = 8321"),)}),
)
async def listens_on_port(trial: Trial) -> Outcome:
    ports = []
    for _ in range(2):
        instance = await trial.start(ready=False)
        others = await _ready_or_elsewhere(trial, instance)
        for one in others:
            trial.saw("socket", f"listens on {one}", instance.name)
        if others:
            return refuted(f"given PORT={instance.port} it listens on {', '.join(map(str, others))}")
        trial.saw("socket", f"answers on port {instance.port}", instance.name)
        ports.append(str(instance.port))
        await instance.stop()
    return proved(", then ".join(ports))


@probe(
    "VII-P2",
    title="can be reached from outside",
    tier=0,
    needs=("web",),
    does="Connects to the web process by an address of the machine that is not 127.0.0.1.",
    proved="The connection is accepted.",
    refuted="It is refused: the process listens on loopback alone, where no router of another host or container gets.",
    fix='Bind 0.0.0.0 (or "::") instead of 127.0.0.1 or localhost.',
    rules=("VII-02",),
    mutation=Mutation(
        "listens on loopback alone", {"app.py": (('Server(("0.0.0.0", PORT)', 'Server(("127.0.0.1", PORT)'),)}
    ),
)
async def reached_from_outside(trial: Trial) -> Outcome:
    instance = await trial.start()
    for one in _listeners(instance):
        trial.saw("socket", f"listens on {one}", instance.name)
    try:
        _, writer = await trial.network.connect(instance.port, host="127.0.0.2")
    except OSError as error:
        trial.saw("socket", f"connect to 127.0.0.2:{instance.port}: {error.strerror}", instance.name)
        return refuted("it listens on loopback alone")
    writer.close()
    trial.saw("socket", f"connect to 127.0.0.2:{instance.port}: accepted", instance.name)
    return proved("another address than 127.0.0.1 is accepted")


@probe(
    "VII-P3",
    title="speaks HTTP itself",
    tier=0,
    needs=("web",),
    does="Talks HTTP straight to the process, with nothing in between.",
    proved="It answers with a valid HTTP response.",
    refuted="It does not speak HTTP: it needs a web server in front to be reached at all.",
    fix="Have the app carry its own HTTP server (gunicorn, uvicorn, the runtime's own) and start that in the Procfile.",
    rules=("VII-03",),
    bare=True,
    mutation=Mutation(
        "speaks a protocol of its own",
        {"Procfile": (("web: python -B app.py", "web: python -B dumb.py"),)},
        add={"dumb.py": _DUMB},
    ),
)
async def speaks_http(trial: Trial) -> Outcome:
    try:
        instance = await trial.start(deadline=30.0)
    except NotReady as error:
        if error.no_http:
            return refuted(f"what it says on its port is no HTTP: {error.reason}")
        raise
    try:
        answer = await instance.client.request("GET", instance.made.health)
    except NoAnswer as error:
        return refuted(str(error))
    server = answer.header("server")
    shown = f"HTTP/{answer.http_version} {answer.status}" + (f" from {server}" if server else "")
    trial.saw("answer", f"GET {instance.made.health} -> {shown}", instance.name)
    return proved(shown)


@probe(
    "VII-P4",
    title="two on one host",
    tier=0,
    needs=("web",),
    does="Starts two web processes of one release on one host, at the same time.",
    proved="Both become ready, each on its own port, and neither listens on a second one that both want.",
    refuted="The second does not start, or both want one more port, socket or lock file.",
    fix="Take every port from the environment, and keep no lock, pid file or socket at a fixed place.",
    rules=("VII-01", "VIII-02"),
    mutation=Mutation(
        "has a second port that is fixed",
        {"app.py": ((_PORT, f"{_PORT}\nADMIN = __import__('socket').create_server(('0.0.0.0', 8322))"),)},
    ),
)
async def two_on_one_host(trial: Trial) -> Outcome:
    first = await trial.start()
    try:
        second = await trial.start()
    except NotReady as error:
        for line in error.lines:
            trial.saw("log", line, error.instance.name)
        return refuted(f"beside web.1 a second one does not start: {error.reason}")
    fixed = {one.port for one in _listeners(first)} & {one.port for one in _listeners(second)}
    if fixed:
        return refuted(f"both listen on port {', '.join(map(str, sorted(fixed)))}")
    for instance in (first, second):
        await instance.client.request("GET", instance.made.health)
    return proved("both ready, no second port in common")


def _listeners(instance: Instance) -> list[Listener]:
    return [one for one in listening(instance.pids()) if one.protocol.startswith("tcp")]


async def _ready_or_elsewhere(trial: Trial, instance: Instance) -> list[Listener]:
    """Wait until it is ready; where it listens instead, if it does so for a while. Raises `NotReady`."""
    ready, served = asyncio.ensure_future(instance.ready(_READY_WITHIN)), 0
    try:
        for _ in range(_LOOKS):
            await asyncio.wait({ready}, timeout=1.0)
            if ready.done() or served == _SERVES:
                break
            served = served + 1 if await _serves_elsewhere(trial, instance) else 0
        found = _listeners(instance)
        if not ready.done() and found and all(one.port != instance.port for one in found):
            return found
        await ready
    except NotReady:
        if instance.alive and (found := _listeners(instance)):
            return found
        raise
    finally:
        ready.cancel()
    return []


async def _serves_elsewhere(trial: Trial, instance: Instance) -> bool:
    """Whether it says on another port that it is well: then that is where it serves, and no second server of it."""
    found = _listeners(instance)
    if any(one.port == instance.port for one in found):
        return False
    for port in {one.port for one in found}:
        client = Client(functools.partial(trial.network.connect, port))
        with contextlib.suppress(NoAnswer):
            if (await client.request("GET", instance.made.health, timeout=1.0)).status < 400:
                return True
    return False
