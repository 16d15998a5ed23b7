"""Asking a mail server: greeting, EHLO, TLS and login as the URL says, then NOOP. Nothing is sent to anyone."""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from typing import Literal

from tolv.errors import UsageError
from tolv.services.ask import Reason, Unreachable
from tolv.services.model import Facts
from tolv.services.protocols.deadline import Deadline
from tolv.services.protocols.tcp import hangs, unreachable
from tolv.services.urls import ServiceUrl, masked

Security = Literal["start", "upgrade", "may"]
"""TLS from the first byte; by STARTTLS or not at all; by STARTTLS if no login is offered without."""

_PORTS: dict[Security, int] = {"start": 465, "upgrade": 587, "may": 25}
_FROM_THE_START = {"smtps", "smtp+ssl", "submissions"}
_UPGRADED = {"smtp+tls", "submission"}
#: Options whose `false` trusts any certificate, as Tolv, Symfony and nodemailer write them.
_VERIFY = ("verify", "verify_peer", "tls.rejectunauthorized")
#: A program and its version in a greeting: `ESMTP Exim 4.96`, `ESMTP Sendmail 8.17.1/8.17.1`, `aiosmtpd 1.4.6`.
_VERSION = re.compile(r"\b[A-Za-z][A-Za-z0-9_-]*[ /]v?(\d+(?:\.\d+)+)")


def ask(url: ServiceUrl, timeout: float) -> Facts:
    """Version, if the greeting tells it, and whether mail can be taken. Raises `Unreachable`, `UsageError`.

    TLS: `smtps://` has it from the first byte, as `?ssl=true`; `smtp+tls://` and `?tls=true` by STARTTLS;
    `?verify=false` trusts any certificate, `?cafile=` those of a file.
    """
    if url.kind != "smtp" and not url.scheme.startswith("submission"):
        raise UsageError(f"{url.scheme}:// is no mail server", where=masked(str(url)), remedy="write it as smtp://…")
    deadline = Deadline(timeout)
    try:
        port = url.port or _PORTS[_security(url)]
        connection = socket.create_connection((url.host, port), timeout=deadline.left())
    except OSError as error:
        raise unreachable(error, url) from None
    except UnicodeError:
        raise UsageError("the URL's host can be no name", where=masked(str(url))) from None
    try:
        with connection, deadline.over(lambda: connection):
            return _converse(connection, url)
    except TimeoutError:
        raise hangs(url) from None
    except ssl.SSLError as error:
        problem = f"TLS with the mail server failed: {error.reason or 'it speaks none'}"
        raise Unreachable("tls", problem, where=masked(str(url))) from None
    except smtplib.SMTPException as error:
        raise _unreachable(error, url) from None
    except OSError as error:
        raise unreachable(error, url) from None


def _security(url: ServiceUrl) -> Security:
    options = _options(url)
    if url.scheme in _FROM_THE_START or any(_is_true(options.get(each, "")) for each in ("ssl", "secure")):
        return "start"
    asked = any(_is_true(options.get(each, "")) for each in ("tls", "starttls", "requiretls"))
    return "upgrade" if asked or url.scheme in _UPGRADED else "may"


def _options(url: ServiceUrl) -> dict[str, str]:
    return {name.lower(): value for name, value in url.parameters().items()}


def _is_true(text: str) -> bool:
    return text.lower() in {"1", "true", "yes", "on", "required"}


def _converse(connection: socket.socket, url: ServiceUrl) -> Facts:
    client = smtplib.SMTP(local_hostname="localhost")
    client._host = url.host  # type: ignore[attr-defined]  # the name that STARTTLS checks in the certificate
    client.sock = connection
    try:
        if _security(url) == "start":
            client.sock = _context(url).wrap_socket(connection, server_hostname=url.host)
        code, greeting = client.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, greeting)
        client.ehlo_or_helo_if_needed()
        _secure(client, url)
        _log_in(client, url)
        return _facts(client, greeting.decode("utf-8", "replace"))
    finally:
        client.close()


def _secure(client: smtplib.SMTP, url: ServiceUrl) -> None:
    security = _security(url)
    for_login = security == "may" and url.user is not None and not client.has_extn("auth")
    if security == "upgrade" or (for_login and client.has_extn("starttls")):
        client.starttls(context=_context(url))
        client.ehlo()


def _context(url: ServiceUrl) -> ssl.SSLContext:
    options = _options(url)
    authorities = options.get("cafile") or None
    try:
        context = ssl.create_default_context(cafile=authorities)
    except OSError:
        problem = "the URL's `cafile` holds no certificates that can be read"
        raise UsageError(problem, where=authorities, remedy="name a file of certificates in PEM") from None
    if not all(_is_true(options.get(each, "true")) for each in _VERIFY):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _log_in(client: smtplib.SMTP, url: ServiceUrl) -> None:
    if url.user is None:
        return
    try:
        client.login(url.user, url.password or "")
    except UnicodeError:
        problem = "user or password has letters that no SMTP login carries"
        raise Unreachable("password", problem, where=masked(str(url))) from None


def _facts(client: smtplib.SMTP, greeting: str) -> Facts:
    code, said = client.noop()
    if code == 452:
        raise smtplib.SMTPResponseException(code, said)
    with contextlib.suppress(smtplib.SMTPException):
        client.quit()
    version = _VERSION.search(greeting.partition(" ")[2])
    return Facts(version=version[1] if version else "", read_only=code == 451 and b"read-only" in said)


def _unreachable(error: smtplib.SMTPException, url: ServiceUrl) -> Unreachable:
    """Says the server's number, not its words: they might repeat what it was told."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        problem, remedy = f"the mail server refused the login ({error.smtp_code})", "check user and password in the URL"
        return Unreachable("password", problem, where=masked(str(url)), remedy=remedy)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        problem = "the mail server does not offer the TLS or the login that the URL asks for"
        return Unreachable("protocol", problem, where=masked(str(url)))
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused(error.smtp_code, url)
    return Unreachable("protocol", "what answers there hung up or speaks no SMTP", where=masked(str(url)))


def _refused(code: int, url: ServiceUrl) -> Unreachable:
    if code == 452:
        problem, remedy = "the mail server has no space left", "free some space on its disk"
        return Unreachable("full", problem, where=masked(str(url)), remedy=remedy)
    reason: Reason = "refused" if code in (421, 554) else "protocol"
    return Unreachable(reason, f"the mail server answered {code}", where=masked(str(url)))
