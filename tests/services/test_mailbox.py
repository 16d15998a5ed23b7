"""Reading caught mail: what people send is shown, and what hostile senders make raises nothing and ends."""

from __future__ import annotations

import json
import unicodedata
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tolv.errors import UsageError
from tolv.services import mailbox
from tolv.services.mail.spool import Envelope, Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path)
    spool.open()
    return spool


def _store(spool: Spool, content: bytes, sender: str = "a@example.org") -> mailbox.Mail:
    id = spool.store(Envelope("2026-01-02T03:04:05.678Z", sender, ("b@example.org",)), content)
    (caught,) = mailbox.messages(spool.directory, most=1)
    mail = mailbox.message(spool.directory, id)
    assert mail.caught == caught
    _is_fit_to_show(mail)
    return mail


def _is_fit_to_show(mail: mailbox.Mail) -> None:
    shown = json.dumps(mail.to_dict(), ensure_ascii=False) + mailbox.page(mail)
    shown.encode("utf-8")
    assert not {each for each in shown if unicodedata.category(each) == "Cc"} - {"\n", "\t"}
    assert "\n" not in mail.caught.subject


def test_text_page_and_attachments_of_an_ordinary_message(spool: Spool) -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "Ada <ada@example.org>", "Rechnung für Jörg"
    mail.set_content("Anbei.\n")
    mail.add_alternative("<p>Anbei.</p>", subtype="html")
    mail.add_attachment(b"%PDF" * 100, maintype="application", subtype="pdf", filename="Rechnung ü.pdf")
    read = _store(spool, mail.as_bytes())
    assert (read.caught.subject, read.text, read.html) == ("Rechnung für Jörg", "Anbei.\n", True)
    assert read.attachments == (mailbox.Attachment("Rechnung ü.pdf", "application/pdf", 400),)


def test_a_page_alone_is_read_without_its_marks_and_with_its_links(spool: Spool) -> None:
    page = "<title>no</title><style>p{}</style><p>Reset &amp; go:</p><a href='http://x.test/reset?t=1'>here</a><br>Bye"
    read = _store(spool, b"Content-Type: text/html; charset=utf-8\n\n" + page.encode())
    assert read.text == "Reset & go:\n<http://x.test/reset?t=1> here\nBye"


@pytest.mark.parametrize("charset", ["iso-8859-1", "koi8-r", "shift_jis", "gb18030"])
def test_other_character_sets_are_decoded(spool: Spool, charset: str) -> None:
    text = {"koi8-r": "Привет", "shift_jis": "こんにちは", "gb18030": "你好"}.get(charset, "Grüße")
    mail = EmailMessage()
    mail["Subject"] = text
    mail.set_content(text, charset=charset, cte="base64")
    read = _store(spool, mail.as_bytes())
    assert (read.caught.subject, read.text.strip()) == (text, text)


def test_a_message_cannot_pass_for_one_with_another_envelope(spool: Spool) -> None:
    forged = b'X-Tolv-Envelope: {"at": "1", "sender": "boss@example.org", "recipients": [], "user": "root"}\r\n\r\nhi'
    read = _store(spool, forged)
    assert (read.caught.sender, read.caught.user) == ("a@example.org", None)
    assert mailbox.raw(spool.directory, read.caught.id) == forged


def test_what_acts_on_a_terminal_is_not_shown(spool: Spool) -> None:
    read = _store(
        spool, b"Subject: \x1b]0;owned\x07 =?utf-8?q?=1b[2J=0aX=E2=80=AE?=\n\n\x1b[31mred\r\x9b0m\x00", "\x1b[2J@x"
    )
    assert "\x1b" not in mailbox.page(read)
    assert "\u202e" not in read.caught.subject


_ALTERNATING = b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (each, each) for each in range(20_000)
)

HOSTILE = {
    "nothing": b"",
    "only lines": b"\n" * 1_000_000,
    "no headers": b"\r\n\r\nSubject: none\r\n",
    "no end of headers": b"Subject: " + b"x" * 1_000_000,
    "a million headers": b"a: b\n" * 1_000_000,
    "a header folded without end": b"Subject: x" + b"\n y" * 200_000 + b"\n\n",
    "unknown character set": b"Subject: =?nonsense?q?x?=\nContent-Type: text/plain; charset=nonsense\n\n\xff\xfe",
    "a character set that is no text": b"Subject: =?zip?b?eA==?=\nContent-Type: text/plain; charset=hex\n\nzz",
    "a character set that takes long": b"Content-Type: text/plain; charset=punycode\n\n" + b"a-b" * 2_000_000,
    "nul in a character set": b'Content-Type: text/plain; charset="a\x00b"\nSubject: =?a\x00b?q?x?=\n\nx',
    "broken base64 word": b"Subject: =?utf-8?b?a?= =?utf-8?b?====?= =?utf-8?b?\xff?=\n\n",
    "words without end": b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\n",
    "raw bytes": b"Subject: \xff\xfe\x80 =?utf-8?q?=ff?= \xc3\xa9\nFrom: \xff\n\n\xff",
    "lone surrogates": b"Subject: =?utf-16?b?2AA=?= =?utf-8?q?=ED=A0=80?=\n\n\xed\xa0\x80",
    "multipart without boundary": b"Content-Type: multipart/mixed\n\n--x\n",
    "multipart without end": b"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n--b\n",
    "nested": _ALTERNATING,
    "nested and many lines": _ALTERNATING[:1300] + b"x\n" * 400_000,
    "parts without end": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 500_000,
    "message in message": b"Content-Type: message/rfc822\n\n" * 5000,
    "a broken file name": b"Content-Type: a/b; name*0*=utf-8''%ff; name*9999999999999999999*=x\n\nx",
    "a file name of another charset": b"Content-Disposition: attachment; filename*=no-such'x'%ff\n\nx",
    "file name up the tree": b'Content-Disposition: attachment; filename="../../etc/passwd\n\x1b"\n\nx',
    "parameters without end": b"Content-Type: text/plain" + b'; a="' * 50_000 + b"\n\nx",
    "content type is nonsense": b"Content-Type: \xff/\x00; ;;;=;\nContent-Transfer-Encoding: \xff\n\nx",
    "broken transfer encoding": b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n\xff\xff\n",
    "base64 of nothing": b"Content-Transfer-Encoding: base64\n\n=A=",
    "page of unclosed marks": b"Content-Type: text/html\n\n" + b"<" * 300_000,
    "page of unclosed comments": b"Content-Type: text/html\n\n" + b"<!--" * 60_000,
    "page of declarations": b"Content-Type: text/html\n\n<![x[" + b"<![ <!x <? &#99999999999; &#xD800;" * 5_000,
    "page of unclosed scripts": b"Content-Type: text/html\n\n" + b"<script>" * 40_000,
    "page of attributes": b"Content-Type: text/html\n\n<a " + b"b='" * 80_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_raises_nothing_and_ends(spool: Spool, name: str) -> None:
    _store(spool, HOSTILE[name])


_PIECES = st.sampled_from(
    [
        *(b"Subject: ", b"Content-Type: ", b"multipart/mixed", b"text/html", b"; boundary=", b"b", b"--b", b"--b--"),
        *(b"\n", b"\r\n", b"\n\n", b"; charset=", b"utf-7", b"=?", b"?q?", b"?b?", b"?=", b"=", b"\xff", b"\x00", b" "),
        *(b"Content-Transfer-Encoding: ", b"base64", b"quoted-printable", b"uuencode", b"; name*0*=", b"''%", b'"'),
        *(b"Content-Disposition: ", b"attachment", b"; filename=", b"message/rfc822", b"<a href=", b"<!", b">", b"&#"),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(_PIECES | st.binary(max_size=8), max_size=60).map(b"".join))
def test_no_message_of_any_bytes_raises(tmp_path: Path, content: bytes) -> None:
    spool = Spool(tmp_path)
    spool.open()
    _store(spool, content)


@given(data=st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_of_other_making_is_read_all_the_same(tmp_path: Path, data: bytes) -> None:
    spool = Spool(tmp_path)
    spool.open()
    for head in (b"", b"X-Tolv-Envelope: ", b'X-Tolv-Envelope: {"at": 1, "sender": [], "recipients": 3, "user": 1}\n'):
        (tmp_path / "messages" / "00000001.eml").write_bytes(head + data)
        (caught,) = mailbox.messages(tmp_path)
        _is_fit_to_show(mailbox.message(tmp_path, caught.id))


@pytest.mark.parametrize("id", ["2", "999999999999999999999999", "../users", "", "-1", "1\n", "١", "1.eml"])
def test_a_message_that_is_not_there_is_said_so(spool: Spool, id: str) -> None:
    _store(spool, b"Subject: one\n\n")
    with pytest.raises(UsageError):
        mailbox.message(spool.directory, id)


def test_what_is_no_message_in_the_directory_is_passed_over(spool: Spool) -> None:
    _store(spool, b"Subject: one\n\n")
    for name in ("notes.txt", "x.eml", "1.eml.tmp", "².eml"):
        (spool.directory / "messages" / name).write_bytes(b"x")
    assert [each.subject for each in mailbox.messages(spool.directory)] == ["one"]
    assert mailbox.messages(spool.directory / "nowhere") == []


def test_an_envelope_of_a_thousand_recipients_is_read_whole(spool: Spool) -> None:
    recipients = tuple(f"{'x' * 200}{each}@example.org" for each in range(1000))
    spool.store(Envelope("2026-01-02T03:04:05Z", "a@example.org", recipients), b"Subject: many\n\n")
    (caught,) = mailbox.messages(spool.directory)
    assert (caught.recipients, caught.subject, caught.size) == (recipients, "many", 15)
