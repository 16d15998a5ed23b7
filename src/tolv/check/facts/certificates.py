"""Whether a certificate is self-signed: enough of DER to compare its issuer with its subject."""

from __future__ import annotations

import base64
import binascii
import re

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,20000})-----END CERTIFICATE-----")


def is_self_signed(text: str) -> bool:
    """Whether the first certificate of a PEM text was issued by itself. False where there is none. Never raises."""
    match = _PEM.search(text)
    if match is None:
        return False
    try:
        data = base64.b64decode("".join(match[1].split()), validate=True)
        certificate, _ = _inside(data, 0)
        signed, _ = _inside(data, certificate)
    except (binascii.Error, ValueError, IndexError):
        return False
    try:
        at = signed
        if data[at] == 0xA0:  # the version, where it is not the first
            at = _inside(data, at)[1]
        for _ in range(2):  # serial number, algorithm of the signature
            at = _inside(data, at)[1]
        issuer_end = _inside(data, at)[1]
        subject = _inside(data, issuer_end)[1]
        subject_end = _inside(data, subject)[1]
        return data[at:issuer_end] == data[subject:subject_end] != b""
    except (ValueError, IndexError):
        return False


def _inside(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the value at a place begins, and where it ends."""
    length, start = data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        if not 0 < size <= 4:
            raise ValueError("no definite length")
        length, start = int.from_bytes(data[start : start + size], "big"), start + size
    if start + length > len(data):
        raise ValueError("it ends too early")
    return start, start + length
