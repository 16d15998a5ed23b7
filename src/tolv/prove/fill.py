"""A request as it is sent: a step of a recipe with values for its placeholders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tolv.prove.answer import Answer
from tolv.prove.steps import Step
from tolv.prove.template import fill_form, fill_header, fill_json, fill_path, fill_text, form_pairs

_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded", "text": "text/plain; charset=utf-8"}
#: Characters of a body that are shown.
_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Filled:
    """What is sent, and what the answer is to be."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    content: bytes
    """Of an upload: what the app is to keep."""
    shown: str
    """For people: `POST /notes {"text": "k17"}`."""
    status: int | None = None
    contains: str | None = None

    def refusal(self, answer: Answer) -> str | None:
        """Why an answer is not what the recipe says; None: it is."""
        if self.status is not None and answer.status != self.status:
            return f"-> {answer.status} {answer.reason}, not {self.status}"
        if self.status is None and answer.status >= 400:
            return f"-> {answer.status} {answer.reason}".rstrip()
        if self.contains is not None and self.contains not in answer.text():
            return f"-> {answer.status} without {self.contains!r}"
        return None


def fill_step(step: Step, values: Mapping[str, str], content: bytes | None = None) -> Filled:
    """The request of a step; `content`: what it uploads, in a form field, or as its body if it has no other.

    Raises `KeyError` for a placeholder without a value.
    """
    path = fill_path(step.path, values)
    body, type_, shown = _body(step, values, content)
    headers = [(name, fill_header(value, values)) for name, value in step.headers]
    if type_ is not None and "content-type" not in {name.lower() for name, _ in headers}:
        headers.append(("Content-Type", type_))
    contains = None if step.contains is None else fill_text(step.contains, values)
    kept = b"" if content is None else content if step.file or step.body is None else body or b""
    line = f"{step.method} {path} {shown}".rstrip()
    return Filled(step.method, path, tuple(headers), body, kept, line, step.status, contains)


def _body(step: Step, values: Mapping[str, str], content: bytes | None) -> tuple[bytes | None, str | None, str]:
    """The body, its content type, and how it is shown."""
    if step.file is not None and content is not None:
        pairs = form_pairs(step.body, values) if step.body is not None else []
        body, type_ = _multipart(pairs, step.file, values["name"], content)
        return body, type_, f"({step.file}: {values['name']}, {len(content)} bytes)"
    if step.body is None:
        return content, None if content is None else _TYPES["text"], f"({len(content)} bytes)" if content else ""
    form = step.form or "text"
    text = {"json": fill_json, "form": fill_form, "text": fill_text}[form](step.body, values)
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return text.encode(), _TYPES[form], shown


def _multipart(pairs: list[tuple[str, str]], field: str, name: str, content: bytes) -> tuple[bytes, str]:
    boundary = "tolv-" + name.encode().hex()
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(key)}"\r\n\r\n{value}\r\n'
        for key, value in pairs
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(field)}"; filename="{_quoted(name)}"\r\n'
        "Content-Type: text/plain\r\n\r\n"
    )
    body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def _quoted(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
