"""The object store, by the client that apps use: what it keeps, whom it lets in, and what is left when it is killed."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import pytest
from services.running import Running, make
from services.servers import USER, eventually

from tolv.errors import PlatformError, UsageError
from tolv.services.ask import Unreachable, ask
from tolv.services.providers.s3 import CLIENT_SETTINGS, S3Provider, bucket_name
from tolv.services.urls import parse

SECRET = "tenantsecret7"


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CLIENT_SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_store(reachable: Path, shared: Path, tmp_path: Path) -> Iterator[Callable[[], Running]]:
    made: list[Running] = []

    def store() -> Running:
        # A space, as people's homes may have one.
        directory = reachable / f"{tmp_path.name} s3 {len(made)}"
        try:
            made.append(make(S3Provider(), directory, shared, USER))
        except PlatformError as error:
            pytest.skip(f"rclone cannot be fetched here: {error.problem}")
        return made[-1]

    yield store
    for running in made:
        running.kill()


@pytest.fixture
def store(make_store: Callable[[], Running]) -> Running:
    running = make_store()
    running.begin()
    return running


def _client(url: str, secret: str | None = None) -> Any:
    parsed = parse(url)
    return boto3.client(
        "s3",
        endpoint_url=f"http://{parsed.host}:{parsed.port}",
        aws_access_key_id=parsed.user,
        aws_secret_access_key=secret or parsed.password,
        region_name="eu-north-1",
        config=botocore.config.Config(signature_version="s3v4", retries={"total_max_attempts": 1}, read_timeout=30),
    )


def _granted(store: Running, tenant: str = "shop_prod") -> tuple[Any, str, str]:
    """A client for the tenant, its bucket, its URL."""
    url = store.provider.grant(store.instance, tenant, SECRET)
    return _client(url), parse(url).database, url


def _keys(client: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def _body(client: Any, bucket: str, key: str) -> bytes:
    body: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def _error(call: Callable[[], object]) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


def test_objects_are_put_listed_read_in_part_copied_and_deleted(store: Running) -> None:
    client, bucket, _ = _granted(store)
    assert bucket == "shop-prod"
    put = client.put_object(
        Bucket=bucket, Key="a/ü +%&.txt", Body=b"hello", ContentType="text/odd", Metadata={"k": "v"}
    )
    assert put["ETag"].strip('"') == hashlib.md5(b"hello").hexdigest()
    head = client.head_object(Bucket=bucket, Key="a/ü +%&.txt")
    assert (head["ContentLength"], head["ContentType"], len(head["Metadata"])) == (5, "text/odd", 1)
    client.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a/ü +%&.txt"})
    assert _keys(client, bucket) == ["a/ü +%&.txt", "b"]
    assert client.list_objects_v2(Bucket=bucket, Delimiter="/")["CommonPrefixes"] == [{"Prefix": "a/"}]
    assert client.get_object(Bucket=bucket, Key="b", Range="bytes=1-3")["Body"].read() == b"ell"
    client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}, {"Key": "a/ü +%&.txt"}]})
    assert _keys(client, bucket) == []
    client.head_bucket(Bucket=bucket)
    assert _error(lambda: client.get_object(Bucket=bucket, Key="b")) == "NoSuchKey"


def test_an_upload_in_parts_arrives_whole(store: Running) -> None:
    client, bucket, _ = _granted(store)
    content = os.urandom(20 << 20)
    client.upload_fileobj(io.BytesIO(content), bucket, "large")
    assert _body(client, bucket, "large") == content
    client.put_object(Bucket=bucket, Key="large", Body=content)
    received = io.BytesIO()
    client.download_fileobj(bucket, "large", received)
    assert received.getvalue() == content
    upload = client.create_multipart_upload(Bucket=bucket, Key="given up")["UploadId"]
    client.upload_part(Bucket=bucket, Key="given up", UploadId=upload, PartNumber=1, Body=content[: 6 << 20])
    client.abort_multipart_upload(Bucket=bucket, Key="given up", UploadId=upload)
    assert _keys(client, bucket) == ["large"]


def test_addresses_that_are_signed_beforehand_work_without_a_key(store: Running) -> None:
    client, bucket, _ = _granted(store)
    where = {"Bucket": bucket, "Key": "signed"}
    put = urllib.request.Request(client.generate_presigned_url("put_object", where), data=b"by hand", method="PUT")
    with urllib.request.urlopen(put, timeout=30) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(client.generate_presigned_url("get_object", where), timeout=30) as answer:
        assert answer.read() == b"by hand"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(client.generate_presigned_url("get_object", where).partition("?")[0], timeout=30)
    assert refused.value.code == 403


def test_objects_survive_kill_9_whole_or_not_at_all(store: Running) -> None:
    client, bucket, _ = _granted(store)
    content = os.urandom(6 << 20)
    for number in range(5):
        client.put_object(Bucket=bucket, Key=f"n/{number}", Body=content)
    client.upload_fileobj(io.BytesIO(content * 3), bucket, "large")
    client.put_object(Bucket=bucket, Key="old", Body=b"old")
    # A put that is never finished: the server is killed with half of the new content.
    signed = client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "old"})
    connection = http.client.HTTPConnection("127.0.0.1", store.instance.port, timeout=30)
    connection.putrequest("PUT", signed.partition(str(store.instance.port))[2])
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders()
    connection.send(content[: 3 << 20])
    files = store.instance.directory / "buckets" / bucket
    eventually(lambda: any(path.stat().st_size > 1 << 20 for path in files.glob(".rclone_temp_*")))
    store.kill()
    connection.close()
    store.begin()
    assert _keys(client, bucket) == ["large", *(f"n/{number}" for number in range(5)), "old"]
    assert _body(client, bucket, "old") == b"old"
    assert _body(client, bucket, "large") == content * 3
    assert all(_body(client, bucket, f"n/{number}") == content for number in range(5))


def test_what_a_killed_server_left_unfinished_long_ago_is_removed(store: Running) -> None:
    client, bucket, _ = _granted(store)
    client.put_object(Bucket=bucket, Key="kept", Body=b"x")
    files = store.instance.directory / "buckets" / bucket
    for name, age in ((".rclone_temp_put_old", 0), (".rclone_temp_put_new", None)):
        (files / name).write_bytes(b"half")
        if age is not None:
            os.utime(files / name, (age, age))
    store.kill()
    store.begin()
    assert sorted(each.name for each in files.iterdir()) == [".rclone_temp_put_new", "kept"]
    assert _keys(client, bucket) == ["kept"]


def test_a_second_tenant_shares_the_bucket_and_sees_at_once_what_the_first_puts(store: Running) -> None:
    first, bucket, _ = _granted(store)
    second, shared, url = _granted(store, "billing")
    assert (shared, parse(url).user) == (bucket, "billing")
    assert _keys(second, bucket) == []
    first.put_object(Bucket=bucket, Key="one", Body=b"1")
    assert _body(second, bucket, "one") == b"1"
    second.put_object(Bucket=bucket, Key="two", Body=b"2")
    assert _keys(first, bucket) == ["one", "two"]
    store.provider.revoke(store.instance, "billing")
    store.provider.revoke(store.instance, "billing")
    store.kill()
    store.begin()
    assert _error(lambda: second.list_objects_v2(Bucket=bucket)) == "AccessDenied"
    assert _keys(first, bucket) == ["one", "two"]


def test_a_tenant_can_reach_its_bucket_only(store: Running) -> None:
    client, bucket, url = _granted(store)
    assert [each["Name"] for each in client.list_buckets()["Buckets"]] == [bucket]
    with pytest.raises(botocore.exceptions.ClientError):
        client.create_bucket(Bucket="another", CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})
    # Beside the bucket lie the keys: no name leads there.
    for name in ("../../keys/tolv-admin.json", "a/../../../keys/tolv-admin.json"):
        connection = http.client.HTTPConnection("127.0.0.1", store.instance.port, timeout=30)
        signed = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": name})
        connection.request("GET", signed.partition(str(store.instance.port))[2])
        answer = connection.getresponse()
        assert answer.status >= 400
        assert b"secret" not in answer.read()
        connection.close()
    assert _error(lambda: _client(url, "guess").list_buckets()) == "AccessDenied"
    assert _error(lambda: _client(url.replace("shop_prod", "nobody")).list_buckets()) == "AccessDenied"
    for strange in ("..", "..%2Fkeys%2Fshop_prod", "a%22b", "%24%28id%29"):
        with pytest.raises(botocore.exceptions.ClientError):
            _client(url.replace("shop_prod", strange)).list_buckets()


def test_a_grant_made_twice_is_the_same(store: Running) -> None:
    client, bucket, url = _granted(store)
    client.put_object(Bucket=bucket, Key="kept", Body=b"x")
    assert store.provider.grant(store.instance, "shop_prod", SECRET) == url
    assert _keys(client, bucket) == ["kept"]


def test_no_secret_is_in_the_command_line_the_environment_or_the_log(store: Running) -> None:
    client, bucket, _ = _granted(store)
    client.put_object(Bucket=bucket, Key="x", Body=b"x")
    assert store.process is not None
    seen = Path(f"/proc/{store.process.pid}/cmdline").read_bytes() + store.log.read_bytes()
    seen += Path(f"/proc/{store.process.pid}/environ").read_bytes()
    assert b"ownersecret42" not in seen
    assert SECRET.encode() not in seen
    for path in store.instance.directory.iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_the_facts_are_version_and_size_before_there_is_a_bucket_and_after(store: Running) -> None:
    assert (store.ask().version, store.ask().size) == (store.instance.binaries.version, None)
    client, bucket, url = _granted(store)
    assert store.ask().size == 0
    for number in range(3):
        client.put_object(Bucket=bucket, Key=f"{number}", Body=b"x" * 1000)
    assert (store.ask().size, store.ask().read_only) == (3000, False)
    assert ask("s3", url, 10).size == 3000


def test_a_large_listing_is_added_up_page_by_page(store: Running) -> None:
    _, bucket, url = _granted(store)
    files = store.instance.directory / "buckets" / bucket
    for number in range(2500):
        (files / f"{number:05}").write_bytes(b"12")
    assert ask("s3", url, 30).size == 5000


def test_asking_says_what_is_wrong(store: Running) -> None:
    _, _, url = _granted(store)
    for wrong, reason in (
        (url.replace(SECRET, "wrongsecret"), "password"),
        (url.replace("shop_prod", "nobody"), "password"),
        (url.replace("/shop-prod", "/another"), "missing"),
        (f"{url}?tls=true", "tls"),
        (url.replace("s3:", "s3+https:"), "tls"),
    ):
        with pytest.raises(Unreachable) as raised:
            ask("s3", wrong, 10)
        assert raised.value.reason == reason
        assert "wrongsecret" not in str(raised.value)
        assert SECRET not in str(raised.value)
    for senseless in (url.replace("s3:", "redis:"), "s3://host/bucket", "s3://key@host/bucket"):
        with pytest.raises(UsageError):
            ask("s3", senseless, 10)
    store.kill()
    with pytest.raises(Unreachable) as raised:
        ask("s3", url, 10)
    assert raised.value.reason == "refused"


def test_a_stopped_server_hangs_and_is_well_again_when_it_goes_on(store: Running) -> None:
    store.signal(signal.SIGSTOP)
    with pytest.raises(Unreachable) as raised:
        store.provider.ask(store.instance, 0.3)
    assert raised.value.reason == "hangs"
    store.signal(signal.SIGCONT)
    eventually(store.ask)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<a><Size/>", "protocol"),
        (b"220 mail ready\r\n", "protocol"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 26\r\n\r\n<E><Code>SlowDown</Code></E>", "refused"),
        (b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"<a>" * 100, "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<a>", "hangs"),
    ],
)
def test_what_answers_but_is_no_object_store_is_said_so(answer: bytes, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                if reason == "hangs":
                    connection.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Unreachable) as raised:
            ask("s3", f"s3://k:wrongsecret@127.0.0.1:{server.getsockname()[1]}/b", 0.5)
        thread.join(30)
    assert raised.value.reason == reason
    assert "wrongsecret" not in str(raised.value)


def test_a_backup_is_restored_into_a_new_store(make_store: Callable[[], Running], tmp_path: Path) -> None:
    first, second = make_store(), make_store()
    first.begin()
    client, bucket, _ = _granted(first)
    large = os.urandom(9 << 20)
    contents = {"a": b"", "b/c/d": b"deep", "ü ü": "ü".encode(), "large": large, "x" * 200: b"long"}
    for key, content in contents.items():
        client.put_object(Bucket=bucket, Key=key, Body=content)
    lines: list[str] = []
    backup = tmp_path / "s3.backup"
    first.provider.backup(first.instance, backup, lines.append)
    with pytest.raises(UsageError, match="there are objects already"):
        first.provider.restore(first.instance, backup, lines.append)
    second.begin()
    with pytest.raises(UsageError, match="no bucket yet"):
        second.provider.restore(second.instance, backup, lines.append)
    client, bucket, url = _granted(second, "other")
    second.provider.restore(second.instance, backup, lines.append)
    assert {key: _body(client, bucket, key) for key in _keys(client, bucket)} == contents
    assert "5 restored and compared" in lines
    client.put_object(Bucket=bucket, Key="b/c/new", Body=b"goes on")
    assert ask("s3", url, 10).size == sum(map(len, contents.values())) + len(b"goes on")


def test_a_backup_that_is_not_whole_restores_nothing(make_store: Callable[[], Running], tmp_path: Path) -> None:
    store = make_store()
    store.begin()
    client, bucket, _ = _granted(store)
    client.put_object(Bucket=bucket, Key="a/b", Body=b"x" * 100_000)
    backup = tmp_path / "s3.backup"
    store.provider.backup(store.instance, backup, print)
    client.delete_object(Bucket=bucket, Key="a/b")
    whole = backup.read_bytes()
    for content in (b"", whole[:50_000], whole.replace(b"xxxx", b"xxyx", 1), whole.replace(b'"s3"', b'"pg"', 1)):
        backup.write_bytes(content)
        with pytest.raises(UsageError):
            store.provider.restore(store.instance, backup, print)
        assert _keys(client, bucket) == []
    assert list((store.instance.directory / "buckets" / bucket).iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_refuses_objects_and_keeps_those_that_are_there(make_store: Callable[[], Running]) -> None:
    store = make_store()
    small = store.instance.directory
    options = f"size=8m,mode=700,uid={USER},gid={USER}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", small], check=False).returncode:
        pytest.skip("mount is not allowed here")
    try:
        store.begin()
        client, bucket, _ = _granted(store)
        client.put_object(Bucket=bucket, Key="before", Body=b"x")
        with pytest.raises(OSError), (small / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        with pytest.raises(botocore.exceptions.ClientError):
            client.put_object(Bucket=bucket, Key="before", Body=b"y" * 100_000)
        with pytest.raises(Unreachable) as raised:
            store.ask()
        assert raised.value.reason == "full"
        assert _body(client, bucket, "before") == b"x"
        (small / "filler").unlink()
        client.put_object(Bucket=bucket, Key="after", Body=b"x")
        assert _keys(client, bucket) == ["after", "before"]
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        assert store.ask().read_only
    finally:
        store.kill()
        subprocess.run(["umount", "-l", small], check=True)


def test_a_port_that_is_taken_ends_the_server_with_its_reason(make_store: Callable[[], Running]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        store = make_store()
        store.instance = replace(store.instance, port=taken.getsockname()[1])
        store.begin(ready=False)
        assert store.process is not None
        assert store.process.wait(30) != 0
        assert "address already in use" in store.said()


def test_a_version_that_cannot_be_had_is_refused_with_those_that_can(shared: Path) -> None:
    with pytest.raises(UsageError) as raised:
        S3Provider().find("9", shared, print)
    assert "1.75.2" in str(raised.value)
    assert "install rclone" in str(raised.value)


@pytest.mark.parametrize(
    ("tenant", "name"),
    [("shop_prod", "shop-prod"), ("a", "a-data"), ("a_", "a-data"), ("a" * 80, "a" * 63), ("a" * 62 + "_b", "a" * 62)],
)
def test_a_bucket_has_a_name_that_s3_allows(tenant: str, name: str) -> None:
    assert bucket_name(tenant) == name
