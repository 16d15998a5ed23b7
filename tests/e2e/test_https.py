"""Own domains: HTTPS through the edge, with real clients, and nothing that a deploy or a death could do to it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import ssl
import stat
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from e2e.load import Load
from e2e.machine import Machine, alive, eventually, kill
from e2e.secure import add, authority, connect, edge_pid, get, https_port, on_free_ports, trust
from ports import free_port
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_websocket

PYTHON = sys.executable
Fresh = Callable[..., Machine]

#: Says back what it hears over a WebSocket.
ECHO = textwrap.dedent(
    """
    import os
    from websockets.sync.server import serve

    def echo(socket):
        for message in socket:
            socket.send(message)

    with serve(echo, "127.0.0.1", int(os.environ["PORT"])) as server:
        server.serve_forever()
    """
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose app `shop` has the domain `shop.localhost`. Tests leave it as they found it."""
    base = tmp_path_factory.mktemp("https")
    (base / "projects").mkdir()
    machine = Machine(base / "home", base / "projects", **on_free_ports())
    machine.deploy(machine.app("shop"))
    add(machine, "shop.localhost", "shop")
    yield machine
    machine.close()
    assert machine.survivors() == []


@pytest.fixture
def machine(fresh: Fresh) -> Machine:
    return fresh(**on_free_ports())


def test_a_domain_is_served_by_https_and_http_leads_there(shared: Machine) -> None:
    added = add(shared, "Shop.Localhost.", "shop")
    assert (added["domain"], added["app"], added["environment"]) == ("shop.localhost", "shop", "prod")
    assert added["url"] == f"https://shop.localhost:{https_port(shared)}"
    assert added["certificate"]["state"] == "issued"
    assert get(shared, "shop.localhost").json["greeting"] == "hello"
    assert added in shared.tolv("domains", "--json").json
    plain = http.client.HTTPConnection("127.0.0.1", int(shared.environment["TOLV_HTTP_PORT"]))
    plain.request("GET", "/a?b=c", headers={"Host": "shop.localhost"})
    answer = plain.getresponse()
    assert (answer.status, answer.getheader("Location")) == (308, f"{added['url']}/a?b=c")
    plain.close()


def test_the_edge_serves_many_requests_side_by_side_on_one_connection_of_http2(shared: Machine) -> None:
    async def ask() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(http2=True, verify=trust(shared), limits=limits, timeout=60) as client:
            url = f"https://127.0.0.1:{https_port(shared)}/slow?s=0.5"
            named = {"headers": {"Host": "shop.localhost"}, "extensions": {"sni_hostname": "shop.localhost"}}
            return await asyncio.gather(*(client.get(url, **named) for _ in range(50)))

    answers = asyncio.run(ask())
    assert {(one.http_version, one.status_code) for one in answers} == {("HTTP/2", 200)}
    assert {one.json()["greeting"] for one in answers} == {"hello"}


def test_the_app_learns_who_asked_and_nobody_else_can_say_so(shared: Machine) -> None:
    spoofed = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "1",
        "Forwarded": "for=6.6.6.6",
        "X-Request-ID": "asked-for",
    }
    seen = get(shared, "shop.localhost", headers=spoofed).json["headers"]
    assert seen["X-Forwarded-For"] == "127.0.0.1"
    assert seen["X-Forwarded-Proto"] == "https"
    assert seen["X-Forwarded-Host"] == seen["Host"] == "shop.localhost"
    assert seen["X-Forwarded-Port"] == str(https_port(shared))
    assert seen["X-Request-ID"] == "asked-for"
    assert "Forwarded" not in seen
    direct = http.client.HTTPConnection("127.0.0.1", shared.port)
    direct.request("GET", "/", headers={"Host": "shop.localhost", **spoofed})
    seen = json.loads(direct.getresponse().read())["headers"]
    direct.close()
    assert (seen["X-Forwarded-For"], seen["X-Forwarded-Proto"]) == ("127.0.0.1", "http")


def test_what_is_no_domain_cannot_be_reached_through_the_edge(shared: Machine) -> None:
    context = trust(shared)
    for host in ("shop-prod.localhost", "localhost", "127.0.0.1"):
        assert get(shared, "shop.localhost", host=host, context=context).status == 404
    with pytest.raises(ssl.SSLError):
        connect(shared, "shop-prod.localhost", context)


def test_a_websocket_outlives_changes_of_domains_and_ends_politely_when_its_app_is_deployed(shared: Machine) -> None:
    echo = shared.app("echo", {"app.py": ECHO})
    shared.deploy(echo)
    add(shared, "echo.localhost", "echo")
    secure = connect(shared, "echo.localhost", trust(shared))
    with open_websocket("ws://echo.localhost/", sock=secure) as websocket:
        for change in (
            lambda: add(shared, "another.localhost", "shop"),
            lambda: add(shared, "intranet.example.com", "shop", "--internal"),  # the one kind that reloads Caddy
            lambda: shared.tolv("domains", "remove", "intranet.example.com"),
            lambda: shared.deploy(shared.projects / "shop"),
        ):
            change()
            websocket.send("still there?")
            assert websocket.recv(timeout=60) == "still there?"
        shared.deploy(echo)
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


@pytest.mark.timeout(180)
def test_deploys_and_new_domains_touch_no_connection_of_the_edge(machine: Machine) -> None:
    path = machine.app("shop")
    machine.deploy(path)
    add(machine, "shop.localhost", "shop")
    pid, config = edge_pid(machine), machine.home / "edge" / "caddy.json"
    before = config.stat()
    with Load(https_port(machine), "shop.localhost", paths=("/", "/slow?s=0.2"), tls=trust(machine)) as load:
        for turn in range(3):
            machine.greet(path, f"turn {turn}")
            machine.deploy(path)
            machine.tolv("rollback", "-a", "shop", "-e", "prod")
            machine.tolv("config", "set", f"TURN={turn}", "-a", "shop", "-e", "prod")
            add(machine, f"shop{turn}.localhost", "shop")
        machine.tolv("scale", "web=2", "-a", "shop", "-e", "prod")
        machine.tolv("domains", "remove", "shop1.localhost")
    assert load.failures == []
    assert load.answered > 100
    assert load.connections == 4
    assert edge_pid(machine) == pid
    assert (config.stat().st_ino, config.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert get(machine, "shop2.localhost").status == 200


def test_the_edge_outlives_the_server_which_finds_it_again(shared: Machine) -> None:
    pid, context = edge_pid(shared), trust(shared)
    shared.kill_server()
    assert get(shared, "shop.localhost", context=context).status == 200
    shared.tolv("server", "start")
    assert eventually(lambda: edge_pid(shared)) == pid
    add(shared, "second.localhost", "shop")
    assert edge_pid(shared) == pid
    assert get(shared, "second.localhost", context=context).status == 200


def test_a_killed_edge_is_back_and_no_connection_was_refused_meanwhile(shared: Machine) -> None:
    shared.tolv("server", "stop")
    shared.tolv("server", "start")
    context = trust(shared)
    for _ in range(3):
        pid = eventually(lambda: edge_pid(shared))
        kill(pid)
        assert get(shared, "shop.localhost", context=context).status == 200
        eventually(lambda pid=pid: edge_pid(shared) not in (None, pid))


def test_when_a_router_is_killed_only_what_is_half_answered_is_lost_through_the_edge(shared: Machine) -> None:
    with Load(https_port(shared), "shop.localhost", paths=("/", "/slow?s=0.2"), tls=trust(shared)) as load:
        for _ in range(3):
            (pid,) = shared.api("/server")["router_pids"]
            kill(pid)
            eventually(lambda pid=pid: shared.api("/server")["router_pids"] not in ([], [pid]))
    assert [one for one in load.failures if "IncompleteRead" not in one] == []
    assert load.answered


def test_after_a_power_cut_the_same_domains_come_back_with_the_same_certificates(machine: Machine) -> None:
    machine.deploy(machine.app("shop"))
    add(machine, "shop.localhost", "shop")
    context = trust(machine)
    before = connect(machine, "shop.localhost", context).getpeercert(binary_form=True)
    for pid in machine.survivors():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: machine.survivors() == [])
    machine.tolv("server", "start")
    eventually(lambda: edge_pid(machine))
    assert connect(machine, "shop.localhost", context).getpeercert(binary_form=True) == before
    assert get(machine, "shop.localhost", context=context).status == 200
    assert machine.tolv("server", "stop").code == 0
    assert machine.survivors() == []


def test_the_edge_runs_while_there_is_a_domain_and_keeps_its_certificates(machine: Machine) -> None:
    machine.deploy(machine.app("shop"))
    assert edge_pid(machine) is None
    add(machine, "shop.localhost", "shop")
    pid, root = edge_pid(machine), machine.tolv("domains", "ca").out
    assert pid is not None
    machine.tolv("domains", "remove", "shop.localhost")
    assert not alive(pid)
    assert edge_pid(machine) is None
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", https_port(machine)))
    add(machine, "shop.localhost", "shop")
    assert machine.tolv("domains", "ca").out == root
    removed = machine.tolv("destroy", "shop", "--yes", "--json").json
    assert removed["domains"] == ["shop.localhost"]
    assert edge_pid(machine) is None
    assert machine.tolv("domains", "--json").json == []


def test_caddys_own_things_are_the_owners_alone(shared: Machine) -> None:
    sockets = [shared.home / "edge" / "admin.sock", shared.home / "router" / "edge-0.sock"]
    keys = list((shared.home / "edge").rglob("*.key"))
    assert keys
    assert {stat.S_IMODE(one.stat().st_mode) for one in (*sockets, *keys)} == {0o600}
    ports = listening_ports(edge_pid(shared))
    assert {https_port(shared), int(shared.environment["TOLV_HTTP_PORT"])} < ports
    assert len(ports) == 3, "HTTPS, HTTP, and the one where it asks itself for permission: no admin port"


def listening_ports(pid: int | None) -> set[int]:
    """The TCP ports that a process listens on."""
    mine = {os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir() if one.exists() or one.is_symlink()}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(line[1].split(":")[1], 16) for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in mine}


def test_a_domain_leads_to_one_deploy_and_moves_when_told(shared: Machine) -> None:
    blog = shared.app("blog")
    shared.greet(blog, "blog")
    shared.deploy(blog)
    add(shared, "www.localhost", "shop")
    error = add(shared, "www.localhost", "blog", ok=False)
    assert (error["exit_code"], error["problem"]) == (2, "www.localhost leads to shop in prod")
    assert "--move" in error["remedy"]
    assert get(shared, "www.localhost").json["greeting"] == "hello"
    with Load(https_port(shared), "www.localhost", tls=trust(shared)) as load:
        add(shared, "www.localhost", "blog", "--move")
        assert get(shared, "www.localhost").json["greeting"] == "blog"
    assert load.failures == []
    assert add(shared, "blog-prod.localhost", "shop", ok=False)["problem"] == (
        "the host blog-prod.localhost is that of blog in prod"
    )
    add(shared, "news-prod.localhost", "shop")
    refused = shared.tolv("deploy", str(shared.app("news")), "-e", "prod", ok=False)
    assert refused.code == 2
    assert "news-prod.localhost is a domain of shop in prod" in refused.err


def test_a_taken_port_is_one_clear_error_and_nothing_has_changed(machine: Machine) -> None:
    machine.deploy(machine.app("shop"))
    for variable in ("TOLV_HTTPS_PORT", "TOLV_HTTP_PORT"):
        with socket.create_server(("127.0.0.1", int(machine.environment[variable]))):
            error = add(machine, "shop.localhost", "shop", ok=False)
        assert error["exit_code"] == 3
        assert machine.environment[variable] in error["problem"]
        assert variable in error["remedy"]
        assert machine.tolv("domains", "--json").json == []
        assert machine.get("shop-prod").status == 200
    assert add(machine, "shop.localhost", "shop")["certificate"]["state"] == "issued"


@pytest.mark.parametrize("name", ["https://shop.example.com", "*.example.com", "10.0.0.1"])
def test_what_cannot_be_a_domain_is_refused_and_nothing_has_changed(shared: Machine, name: str) -> None:
    before = shared.api("/domains")
    for words in (["add", name, "-a", "shop", "-e", "prod"], ["remove", name]):
        refused = shared.tolv("domains", *words, "--json", ok=False)
        error = json.loads(refused.err)["error"]
        assert (refused.code, error["exit_code"]) == (2, 2)
        assert error["remedy"]
    assert shared.api("/domains") == before


def test_a_public_name_gets_its_certificate_from_an_authority_by_acme(fresh: Fresh, tmp_path: Path) -> None:
    ports = on_free_ports()
    with authority(tmp_path / "authority", ports) as ca:
        given = {"TOLV_ACME_CA": ca.directory, "TOLV_ACME_CA_ROOT": str(ca.root), "TOLV_ACME_EMAIL": "ada@example.com"}
        machine = fresh(**ports, **given)
        machine.deploy(machine.app("shop"))
        added = add(machine, "shop.example.com", "shop")
        assert not added["internal"]
        assert added["certificate"]["state"] == "issued"
        assert added["certificate"]["issuer"].startswith("Elsewhere")
        root = ssl.create_default_context(cafile=ca.root)
        assert get(machine, "shop.example.com", context=root).json["greeting"] == "hello"
        with pytest.raises(ssl.SSLError):
            connect(machine, "shop.example.com", trust(machine))
        assert add(machine, "intranet.example.com", "shop", "--internal")["internal"]
        assert get(machine, "intranet.example.com").json["greeting"] == "hello"


def test_a_certificate_that_cannot_be_had_is_told_with_the_reason(fresh: Fresh) -> None:
    machine = fresh(**on_free_ports(), TOLV_ACME_CA=f"https://localhost:{free_port()}/directory")
    machine.deploy(machine.app("shop"))
    added = add(machine, "shop.example.com", "shop")
    assert added["certificate"]["state"] == "failed"
    assert "connection refused" in added["certificate"]["error"]
    assert machine.tolv("domains", "--json").json[0]["certificate"]["state"] == "failed"
    assert "connection refused" in machine.tolv("domains").out
    assert add(machine, "shop.localhost", "shop")["certificate"]["state"] == "issued"
