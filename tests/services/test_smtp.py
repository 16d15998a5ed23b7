"""The mail catcher, over real connections: what it takes, keeps, refuses, and what is left when it is killed."""

from __future__ import annotations

import os
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from services.running import Running, make
from services.servers import eventually

from tolv.errors import PlatformError, UsageError
from tolv.services import mailbox
from tolv.services.ask import Unreachable
from tolv.services.protocols import smtp
from tolv.services.providers.smtp import SmtpProvider
from tolv.services.urls import parse


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[Running]:
    running = make(SmtpProvider(), tmp_path / "mail", tmp_path, None)
    try:
        running.begin()
        yield running
    finally:
        running.kill()


def _client(running: Running) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", running.instance.port, local_hostname="localhost", timeout=30)


def _mail(subject: str, text: str = "hello") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada <ada@example.org>", "Bob <bob@example.org>", subject
    mail.set_content(text)
    return mail


def _limited(running: Running, *limits: str) -> Running:
    """The server started again with other limits."""
    running.kill()
    command = running.provider.command(running.instance)
    running.provider.command = lambda _: replace(command, argv=(*command.argv, *limits))  # type: ignore[method-assign]
    running.begin()
    return running


def _subjects(running: Running) -> list[str]:
    return [each.subject for each in mailbox.messages(running.instance.directory)]


def test_mail_without_a_login_is_caught(catcher: Running) -> None:
    with _client(catcher) as client:
        client.send_message(_mail("Welcome"), to_addrs=["bob@example.org", "blind@example.org"])
    (caught,) = mailbox.messages(catcher.instance.directory)
    assert (caught.subject, caught.sender, caught.user) == ("Welcome", "ada@example.org", None)
    assert caught.recipients == ("bob@example.org", "blind@example.org")
    mail = mailbox.message(catcher.instance.directory, caught.id)
    assert mail.text.strip() == "hello"
    assert ("From", "Ada <ada@example.org>") in mail.headers
    assert "ada@example.org -> bob@example.org, blind@example.org" in mailbox.page(mail)
    assert mailbox.raw(catcher.instance.directory, caught.id).endswith(b"\r\n\r\nhello\r\n")


@pytest.mark.parametrize("method", ["auth_plain", "auth_login"])
def test_a_tenant_logs_in_with_its_own_password(catcher: Running, method: str) -> None:
    url = parse(catcher.provider.grant(catcher.instance, "shop_prod", "tenantsecret"))
    assert (url.scheme, url.user, url.password, url.host) == ("smtp", "shop_prod", "tenantsecret", "127.0.0.1")
    with _client(catcher) as client:
        client.user, client.password = url.user or "", url.password or ""
        client.ehlo()
        assert client.auth(method.removeprefix("auth_").upper(), getattr(client, method))[0] == 235
        client.send_message(_mail("Paid"))
    assert [each.user for each in mailbox.messages(catcher.instance.directory)] == ["shop_prod"]


def test_a_wrong_password_is_refused_and_so_is_one_that_was_revoked(catcher: Running) -> None:
    catcher.provider.grant(catcher.instance, "shop", "tenantsecret")
    with _client(catcher) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("shop", "guess")
    with _client(catcher) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("nobody", "tenantsecret")
    catcher.provider.revoke(catcher.instance, "shop")
    catcher.provider.revoke(catcher.instance, "shop")
    with _client(catcher) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("shop", "tenantsecret")


def test_a_grant_made_twice_is_the_same_and_a_second_tenant_does_not_disturb_the_first(catcher: Running) -> None:
    first = catcher.provider.grant(catcher.instance, "shop", "one1")
    catcher.provider.grant(catcher.instance, "billing", "two2")
    assert catcher.provider.grant(catcher.instance, "shop", "one1") == first
    for user, password in (("shop", "one1"), ("billing", "two2")):
        with _client(catcher) as client:
            client.login(user, password)


def test_no_password_is_in_the_command_line_or_in_clear_on_disk(catcher: Running) -> None:
    catcher.provider.grant(catcher.instance, "shop", "tenantsecret")
    assert catcher.process is not None
    seen = Path(f"/proc/{catcher.process.pid}/cmdline").read_bytes()
    seen += Path(f"/proc/{catcher.process.pid}/environ").read_bytes()
    for path in catcher.instance.directory.rglob("*"):
        seen += path.read_bytes() if path.is_file() else b""
    assert b"ownersecret42" not in seen
    assert b"tenantsecret" not in seen


def test_letters_beyond_ascii_arrive_in_addresses_subject_and_text(catcher: Running) -> None:
    mail = _mail("Grüße aus Malmö ✓", "Hej då")
    mail.replace_header("To", "jörg@exämple.org")
    with _client(catcher) as client:
        client.send_message(mail, to_addrs=["jörg@exämple.org"], mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    (caught,) = mailbox.messages(catcher.instance.directory)
    assert (caught.subject, caught.recipients) == ("Grüße aus Malmö ✓", ("jörg@exämple.org",))
    assert mailbox.message(catcher.instance.directory, caught.id).text.strip() == "Hej då"


def test_bytes_of_no_encoding_and_lines_without_end_are_kept_as_they_came(catcher: Running) -> None:
    content = b"Subject: \xff\xfe raw\r\n\r\n" + b"\x80\x81" * 200_000 + b"\r\n.leading dot\r\n"
    with _client(catcher) as client:
        client.sendmail("a@example.org", ["b@example.org"], content)
    (caught,) = mailbox.messages(catcher.instance.directory)
    assert mailbox.raw(catcher.instance.directory, caught.id) == content
    assert mailbox.message(catcher.instance.directory, caught.id).text


def test_a_message_too_large_is_refused_whether_its_size_was_announced_or_not(catcher: Running) -> None:
    catcher = _limited(catcher, "--largest", "100000")
    large = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" + b"0123456789\r\n" * 20_000
    with _client(catcher) as client, pytest.raises(smtplib.SMTPSenderRefused) as refused:
        client.sendmail("a@example.org", ["b@example.org"], large)
    assert refused.value.smtp_code == 552
    with _client(catcher) as client:
        client.helo()
        client.mail("a@example.org")
        client.rcpt("b@example.org")
        assert client.data(large)[0] == 552
        client.sendmail("a@example.org", ["b@example.org"], b"Subject: small\r\n\r\n")
    assert _subjects(catcher) == ["small"]


def test_what_is_no_smtp_is_answered_and_does_not_end_the_server(catcher: Running) -> None:
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\0\xff\r\n", b"MAIL FROM:<" + b"(" * 3000 + b">\r\n", b"x" * 3_000_000):
        with socket.create_connection(("127.0.0.1", catcher.instance.port), timeout=30) as connection:
            connection.recv(1000)
            connection.sendall(b"EHLO here\r\n" + noise)
    with _client(catcher) as client:
        client.send_message(_mail("still there"))
    assert _subjects(catcher) == ["still there"]


def test_the_oldest_go_when_there_are_more_than_a_thousand(catcher: Running) -> None:
    for number in range(995):
        path = catcher.instance.directory / "messages" / f"{number + 1:08}.eml"
        path.write_text(f"Subject: {number}\r\n\r\n")
    with _client(catcher) as client:
        for number in range(995, 1003):
            client.sendmail("a@example.org", ["b@example.org"], f"Subject: {number}\r\n\r\n".encode())
    subjects = _subjects(catcher)
    assert subjects == [str(number) for number in range(1002, 2, -1)]
    assert [each.subject for each in mailbox.messages(catcher.instance.directory, most=2)] == ["1002", "1001"]


def test_the_oldest_go_when_they_are_more_than_their_bytes(catcher: Running) -> None:
    catcher = _limited(catcher, "--most-bytes", "50000")
    with _client(catcher) as client:
        for number in range(9):
            client.sendmail("a@example.org", ["b@example.org"], b"Subject: %d\r\n\r\n" % number + b"x\r\n" * 5000)
    assert _subjects(catcher) == ["8", "7", "6"]


def test_a_message_that_was_answered_250_survives_kill_9(catcher: Running) -> None:
    for round in range(3):
        client = _client(catcher)
        client.send_message(_mail(f"before the kill {round}"))
        catcher.kill()
        client.close()
        catcher.begin()
    assert _subjects(catcher) == ["before the kill 2", "before the kill 1", "before the kill 0"]


def test_a_server_killed_amid_a_message_leaves_no_half_of_it(catcher: Running) -> None:
    client = _client(catcher)
    client.ehlo()
    client.mail("a@example.org")
    client.rcpt("b@example.org")
    client.docmd("DATA")
    client.send(b"Subject: half\r\n\r\n" + b"x\r\n" * 10_000)
    catcher.kill()
    client.close()
    (catcher.instance.directory / "incoming" / "123").write_bytes(b"what a killed server was writing")
    catcher.begin()
    assert _subjects(catcher) == []
    assert list((catcher.instance.directory / "incoming").iterdir()) == []


def test_it_stops_when_told_with_a_client_connected(catcher: Running) -> None:
    client = _client(catcher)
    client.ehlo()
    assert catcher.stop() == 0
    client.close()


def test_a_port_that_is_taken_is_said_in_its_log(catcher: Running, tmp_path: Path) -> None:
    second = catcher.beside(tmp_path / "second", catcher.instance.port)
    second.begin(ready=False)
    assert second.process is not None
    assert second.process.wait(30) == 3
    assert f"mail cannot be caught on 127.0.0.1:{catcher.instance.port}" in second.said()
    assert "Traceback" not in second.said()


def test_the_facts_are_version_and_size(catcher: Running) -> None:
    empty = catcher.ask()
    assert empty.version == catcher.instance.binaries.version
    assert (empty.size, empty.read_only) == (0, False)
    with _client(catcher) as client:
        client.send_message(_mail("sized", "x" * 5000))
    assert (catcher.ask().size or 0) > 5000


def test_asking_says_what_is_wrong(catcher: Running) -> None:
    port = catcher.instance.port
    for url, reason in (
        (f"smtp://tolv-admin:wrongsecret@127.0.0.1:{port}", "password"),
        (f"smtp://tolv-admin:wr%C3%B6ng@127.0.0.1:{port}", "password"),
        (f"smtps://127.0.0.1:{port}", "tls"),
        (f"smtp+tls://127.0.0.1:{port}", "protocol"),
    ):
        with pytest.raises(Unreachable) as raised:
            smtp.ask(parse(url), 10)
        assert raised.value.reason == reason
        assert "wrongsecret" not in str(raised.value)
    assert smtp.ask(parse(f"smtp://127.0.0.1:{port}"), 10).version
    with pytest.raises(UsageError):
        smtp.ask(parse(f"https://127.0.0.1:{port}"), 10)
    catcher.kill()
    with pytest.raises(Unreachable) as raised:
        catcher.provider.ask(catcher.instance, 10)
    assert raised.value.reason == "refused"


def test_a_server_that_accepts_and_says_nothing_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for scheme in ("smtp", "smtps"):
            with pytest.raises(Unreachable) as raised:
                smtp.ask(parse(f"{scheme}://127.0.0.1:{port}"), 0.3)
            assert raised.value.reason == "hangs"


def test_a_stopped_server_hangs_and_is_well_again_when_it_goes_on(catcher: Running) -> None:
    assert catcher.process is not None
    os.kill(catcher.process.pid, 19)
    with pytest.raises(Unreachable) as raised:
        catcher.provider.ask(catcher.instance, 0.3)
    assert raised.value.reason == "hangs"
    os.kill(catcher.process.pid, 18)
    assert eventually(catcher.ask).version


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_refuses_mail_for_now_and_loses_none(tmp_path: Path) -> None:
    running = make(SmtpProvider(), tmp_path / "mail", tmp_path, None)
    small = running.instance.directory
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", small], check=False).returncode:
        pytest.skip("mount is not allowed here")
    try:
        running.begin()
        with _client(running) as client:
            client.send_message(_mail("before"))
            (small / "filler").write_bytes(b"")
            with pytest.raises(OSError), (small / "filler").open("wb") as filler:
                while True:
                    filler.write(b"x" * 65536)
            with pytest.raises(smtplib.SMTPDataError) as refused:
                client.send_message(_mail("amid", "x\n" * 50_000))
            assert refused.value.smtp_code == 452
            with pytest.raises(Unreachable) as raised:
                running.ask()
            assert raised.value.reason == "full"
            (small / "filler").unlink()
            client.send_message(_mail("after"))
        assert _subjects(running) == ["after", "before"]
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        assert running.ask().read_only
        with _client(running) as client, pytest.raises(smtplib.SMTPDataError) as refused:
            client.send_message(_mail("read-only"))
        assert refused.value.smtp_code == 451
    finally:
        running.kill()
        subprocess.run(["umount", "-l", small], check=True)


def test_a_backup_is_restored_into_a_new_mailbox(catcher: Running, tmp_path: Path) -> None:
    with _client(catcher) as client:
        for number in range(5):
            client.send_message(_mail(f"number {number}", "text " * number))
    before = mailbox.messages(catcher.instance.directory)
    lines: list[str] = []
    backup = tmp_path / "mail.backup"
    catcher.provider.backup(catcher.instance, backup, lines.append)
    assert backup.stat().st_mode & 0o777 == 0o600
    second = catcher.beside(tmp_path / "second")
    try:
        second.begin()
        second.provider.restore(second.instance, backup, lines.append)
        assert mailbox.messages(second.instance.directory) == before
        assert "5 restored and compared" in lines
        with _client(second) as client:
            client.send_message(_mail("the next"))
        assert _subjects(second)[0] == "the next"
        with pytest.raises(UsageError, match="there is mail already"):
            second.provider.restore(second.instance, backup, lines.append)
    finally:
        second.kill()


def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(catcher: Running, tmp_path: Path) -> None:
    with _client(catcher) as client:
        client.send_message(_mail("kept", "x\n" * 20_000))
    backup = tmp_path / "mail.backup"
    catcher.provider.backup(catcher.instance, backup, lambda _: None)
    whole = backup.read_bytes()
    second = catcher.beside(tmp_path / "second")
    second.provider.prepare(second.instance)
    damaged = whole.replace(b"x\r\nx\r\n", b"x\r\ny\r\n", 1)
    for content in (b"", b"no tar at all", whole[: len(whole) // 2], whole[:1024], damaged):
        backup.write_bytes(content)
        with pytest.raises(UsageError):
            second.provider.restore(second.instance, backup, lambda _: None)
        assert mailbox.messages(second.instance.directory) == []
    with pytest.raises(UsageError):
        second.provider.restore(second.instance, tmp_path / "missing", lambda _: None)


def test_a_backup_that_cannot_be_written_leaves_nothing(catcher: Running, tmp_path: Path) -> None:
    with pytest.raises(PlatformError):
        catcher.provider.backup(catcher.instance, tmp_path / "nowhere" / "mail.backup", lambda _: None)
    assert not (tmp_path / "nowhere").exists()


def test_a_version_that_cannot_be_had_is_refused() -> None:
    provider = SmtpProvider()
    have = provider.find(None, Path("/nowhere"), lambda _: None)
    assert provider.find(have.version.partition(".")[0], Path("/nowhere"), lambda _: None) == have
    with pytest.raises(UsageError, match=r"version 9"):
        provider.find("9", Path("/nowhere"), lambda _: None)
