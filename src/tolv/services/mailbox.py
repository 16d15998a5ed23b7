"""Reading the mail that an app's mail server caught. Whatever a message says, nothing of it raises here.

The parsing is bounded, in bytes, parts and depth: a message is written by whoever wants to, and shown by Tolv.
"""

from __future__ import annotations

import codecs
import email.header
import email.message
import email.parser
import email.policy
import html
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from tolv.errors import PlatformError, UsageError
from tolv.services import private
from tolv.services.mail.spool import LONGEST_HEADER, Envelope, numbers, path_of, split

T = TypeVar("T")

#: Headers are looked for in so many bytes of a message; one value is no longer than this many characters.
_HEADERS = 32 << 10
_VALUE = 2000
#: Of the text of a message, this many characters are shown.
_TEXT = 256 << 10
_PARTS = 200
#: A message with more of these is shown as plain text: parsing takes memory for each part and line, and lines times
#: depth in time.
_BOUNDARIES = 30
_DIVIDERS = 2000
_LINES = 500_000
#: Character sets that take a square of the length to decode.
_SLOW = frozenset({"punycode", "idna"})

#: What would act on a terminal or turn text around, and what cannot be written as UTF-8.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Caught:
    """One message of a mailbox, as a line of its list."""

    id: str
    at: str
    """When it came, ISO-8601 in UTC."""
    sender: str
    """Of the envelope: where a bounce would go."""
    recipients: tuple[str, ...]
    """Of the envelope: all that it was sent to, blind copies too."""
    subject: str
    size: int
    """Bytes, as it was sent."""
    user: str | None
    """Who had logged in to send it, if anyone."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a message that is not its text."""

    name: str
    type: str
    """As the message says: `image/png`."""
    size: int
    """Bytes, decoded."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, read."""

    caught: Caught
    headers: tuple[tuple[str, str], ...]
    """From, To, Cc, Reply-To, Date and Message-ID as the message has them, decoded."""
    text: str
    """Its text part, or its HTML without the marks."""
    html: bool
    """Whether it has an HTML part."""
    attachments: tuple[Attachment, ...]

    def to_dict(self) -> dict[str, Any]:
        data = self.caught.to_dict()
        return data | {
            "headers": dict(self.headers),
            "text": self.text,
            "html": self.html,
            "attachments": [asdict(each) for each in self.attachments],
        }


def messages(directory: Path, most: int | None = None) -> list[Caught]:
    """The messages that the mail server of this directory caught, the newest first, `most` of them.

    Raises `PlatformError` if the directory cannot be read.
    """
    try:
        ids = sorted(numbers(directory), reverse=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(directory, error) from None
    found: list[Caught] = []
    for number in ids:
        if most is not None and len(found) >= most:
            break
        try:
            path = path_of(directory, str(number))
            with private.read(path) as file:
                data = file.readline(LONGEST_HEADER) + file.read(_HEADERS)
                state = os.fstat(file.fileno())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unreadable(directory, error) from None
        found.append(_caught(f"{number:08}", data, state.st_size, state.st_mtime))
    return found


def message(directory: Path, id: str) -> Mail:
    """The message of this id, read. Raises `UsageError` if there is none."""
    data, changed = _read(directory, id)
    caught = _caught(f"{int(id):08}", data, len(data), changed)
    content = split(data)[1]
    headers = tuple((name, _field(content, name)) for name in _SHOWN)
    return Mail(caught, tuple(each for each in headers if each[1]), *_body(content))


def raw(directory: Path, id: str) -> bytes:
    """The message of this id, byte for byte as it was sent. Raises `UsageError` if there is none."""
    return split(_read(directory, id)[0])[1]


def page(mail: Mail) -> str:
    """One message for people: envelope, headers, text, attachments. Safe to print."""
    caught = mail.caught
    head = [("caught", f"{caught.at}, {caught.size} bytes" + (f", by {_line(caught.user)}" if caught.user else ""))]
    head += [("envelope", f"{_line(caught.sender)} -> {_line(', '.join(caught.recipients))}")]
    head += [(name.lower(), _line(value)) for name, value in mail.headers]
    head += [("subject", _line(caught.subject))]
    head += [("attached", f"{_line(each.name)} ({_line(each.type)}, {each.size} bytes)") for each in mail.attachments]
    return "\n".join([*(f"{name + ':':<13}{value}" for name, value in head), "", mail.text])


_SHOWN = ("From", "To", "Cc", "Reply-To", "Date", "Message-ID")


def _read(directory: Path, id: str) -> tuple[bytes, float]:
    if not (id.isascii() and id.isdecimal() and len(id) < 19):
        raise UsageError(f"{_line(id)[:40]} is no message's number", remedy="see `tolv services mail` for those caught")
    path = path_of(directory, id)
    try:
        with private.read(path) as file:
            return file.read(), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        raise UsageError(
            f"there is no message {int(id)}", remedy="see `tolv services mail` for those caught; the oldest go first"
        ) from None
    except OSError as error:
        raise _unreadable(directory, error) from None


def _unreadable(directory: Path, error: OSError) -> PlatformError:
    return PlatformError(f"the caught mail cannot be read: {error.strerror}", where=str(directory))


def _caught(id: str, data: bytes, size: int, changed: float) -> Caught:
    envelope, content = split(data)
    if envelope is None:
        at = datetime.fromtimestamp(changed, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        envelope = Envelope(at, _field(content, "From"), (_field(content, "To"),))
    return Caught(
        id=id,
        at=_safe(envelope.at),
        sender=_safe(envelope.sender),
        recipients=tuple(_safe(each) for each in envelope.recipients),
        subject=_field(content, "Subject"),
        size=size - (len(data) - len(content)),
        user=None if envelope.user is None else _safe(envelope.user),
    )


def _field(content: bytes, name: str) -> str:
    """The first header of this name, decoded, on one line; empty if there is none."""
    head = content[:_HEADERS]
    found = re.search(rb"(?im)^" + re.escape(name.encode()) + rb"[ \t]*:(.*(?:\r?\n[ \t].*)*)", _head(head))
    return _line(_words(found[1]))[:_VALUE].strip() if found else ""


def _head(data: bytes) -> bytes:
    """Up to the empty line that ends the headers."""
    end = re.search(rb"\r?\n\r?\n", data)
    return data[: end.start()] if end else data


def _words(value: bytes) -> str:
    """A header's value with its `=?utf-8?q?…?=` words decoded, whatever character set they are in."""
    text = re.sub(r"\r?\n", "", _decoded(value[: 4 * _VALUE], None)).strip()
    pieces = _or_else(lambda: email.header.decode_header(text), [(text, None)])
    return "".join(each if isinstance(each, str) else _word(each, charset) for each, charset in pieces)


def _word(data: bytes, charset: str | None) -> str:
    """One piece of what `decode_header` found: it escapes those that had no character set."""
    if charset is None:
        return _or_else(lambda: data.decode("raw-unicode-escape"), _decoded(data, None))
    return _decoded(data, charset)


def _decoded(data: bytes, charset: str | None) -> str:
    """Bytes as text: in the named character set, else UTF-8, else one character a byte."""
    data = data[: 4 * _TEXT]
    if charset and _or_else(lambda: codecs.lookup(charset).name, "") not in {"", *_SLOW}:
        text = _or_else(lambda: data.decode(charset, "replace"), None)
        if text is not None:
            return text
    unfinished = codecs.getincrementaldecoder("utf-8")()
    return _or_else(lambda: unfinished.decode(data), data.decode("latin-1"))


def _body(content: bytes) -> tuple[str, bool, tuple[Attachment, ...]]:
    parser = email.parser.BytesParser(policy=email.policy.compat32)
    parsed = _or_else(lambda: parser.parsebytes(content), None) if _is_reasonable(content) else None
    if parsed is None:
        return _safe(_decoded(content, None))[:_TEXT], False, ()
    texts: dict[str, str] = {}
    attachments = []
    for part in _leaves(parsed):
        type = _or_else(part.get_content_type, "application/octet-stream")
        name: object = _or_else(part.get_filename, None)
        data = _payload(part)
        attached = name or _or_else(part.get_content_disposition, None) == "attachment"
        if type in ("text/plain", "text/html") and not attached and type not in texts:
            texts[type] = _decoded(data, _or_else(part.get_content_charset, None))
        else:
            label = _words(str(name).encode("utf-8", "surrogateescape")) if isinstance(name, str) else "unnamed"
            attachments.append(Attachment(_line(label)[:_VALUE], _line(type)[:100], len(data)))
    text = texts.get("text/plain") or _without_marks(texts.get("text/html", "")[:_TEXT])
    return _safe(text[:_TEXT]), "text/html" in texts, tuple(attachments)


def _is_reasonable(content: bytes) -> bool:
    return (
        content.lower().count(b"boundary") <= _BOUNDARIES
        and content.count(b"\n--") <= _DIVIDERS
        and content.count(b"\n") <= _LINES
    )


def _leaves(parsed: email.message.Message) -> Iterator[email.message.Message]:
    """The parts that hold no others, in order, up to a bound; a forwarded message is a part."""
    waiting, count = [parsed], 0
    while waiting and count < _PARTS:
        part = waiting.pop(0)
        inner = part.get_payload()
        if isinstance(inner, list) and _or_else(part.get_content_maintype, "") != "message":
            waiting[:0] = [each for each in inner if isinstance(each, email.message.Message)]
        else:
            count += 1
            yield part


def _payload(part: email.message.Message) -> bytes:
    if part.is_multipart():
        return _or_else(lambda: b"".join(bytes(each) for each in part.walk() if each is not part), b"")
    return _or_else(lambda: bytes(cast(bytes, part.get_payload(decode=True))), b"")


def _without_marks(page: str) -> str:
    """The text of a page of HTML, one line a paragraph; links keep their address, for mails are often opened for it.

    Looks at each character once, which the standard parser does not for marks that are never closed.
    """
    found, position, low = [], 0, page.lower()
    while (start := page.find("<", position)) >= 0:
        found.append(html.unescape(page[position:start]))
        if not low[start + 1 : start + 2].isalpha() and low[start + 1 : start + 2] not in ("/", "!", "?"):
            found.append("<")
            position = start + 1
            continue
        close = "-->" if page.startswith("<!--", start) else ">"
        if (end := page.find(close, start)) < 0:
            break
        name = _NAME.match(low, start + 1)
        found.append(_meaning(name[1] if name else "", page[start:end]))
        position = end + len(close)
        if name and name[1] in _SILENT and (position := low.find(f"</{name[1]}", position)) < 0:
            break
    else:
        found.append(html.unescape(page[position:]))
    lines = (" ".join(line.split()) for line in "".join(found).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _meaning(name: str, mark: str) -> str:
    if name == "a" and (link := _LINK.search(mark)):
        return f"<{html.unescape(link[1].strip(_QUOTES))}> "
    return "\n" if name.removeprefix("/") in _BLOCKS else ""


_NAME = re.compile(r"(/?[a-z][a-z0-9]{0,20})")
_LINK = re.compile(r"""(?i)\shref=("[^"]*"|'[^']*'|[^\s>]+)""")
_QUOTES = "\"'"
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol", "hr"})
_SILENT = frozenset({"script", "style", "title"})


def _line(text: str) -> str:
    return " ".join(_safe(text).split())


def _safe(text: str) -> str:
    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n"))


def _or_else(read: Callable[[], T], instead: T) -> T:
    """What `read` returns, or `instead`: the `email` package raises nearly anything for what it did not expect."""
    try:
        return read()
    except Exception:
        return instead
