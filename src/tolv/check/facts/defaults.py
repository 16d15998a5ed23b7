"""How bad it is that a secret has a default in the source: by what it opens, and whether anything reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from tolv.check.facts.values import is_placeholder, is_signing_name, password_in_url, words_of_name
from tolv.check.look import Seen
from tolv.check.looks.credentials import Credential
from tolv.check.model import Severity
from tolv.check.unit import Unit

#: Passwords that every installation of a service comes with: in production they fail, or the service is open anyway.
STOCK = frozenset(
    "postgres root mysql mariadb guest admin password passwd secret test redis rabbitmq minioadmin minio mongo sa "
    "example postgresql db user app".split()
)


def severity_of_default(variable: str, name: str, text: str) -> Severity | None:
    """How bad a default is that anyone can read, by what the secret opens; None: it says itself that it is none.

    Certain is the harm of a key that signs or encrypts, and of a password that the app asks for: whoever has the source
    gets in, and nothing fails. What opens another service is refused there where it is wrong, so that a deploy without
    the variable is noticed: it is an error only where the text is somebody's real secret.
    """
    password = password_in_url(text)
    secret = password or text
    if is_random(secret) or (password is not None and secret.lower() not in STOCK and not _nearby(text)):
        return "error"
    others = opens_another(variable) or opens_another(name) or password is not None
    if not others and (is_signing_name(variable) or is_signing_name(name)):
        return "error"
    if is_placeholder(secret):
        return None
    doors = opens_the_app(variable) or opens_the_app(name)
    return "error" if doors and not others and secret.lower() not in STOCK - _TRIED else "warning"


def is_certain(name: str, text: str) -> bool:
    """Whether a text that nothing can set from outside is surely a secret that is in use: somebody's real one, or what
    signs, encrypts or lets people into the app itself, whatever it is.

    Other names and words may be examples, markers, or what a service for trials opens with: a reader is to judge them.
    """
    return is_made(text) or (not opens_another(name) and (is_signing_name(name) or opens_the_app(name)))


def is_made(text: str) -> bool:
    """Whether a text, or the password of a URL, is as only a generator makes them: somebody's real secret."""
    secret = password_in_url(text) or text
    return is_random(secret) or _is_jumbled(secret)


def _is_jumbled(text: str) -> bool:
    """Whether a text is short, and yet as only a generator makes them: letters of both cases and digits, and no words,
    also none in disguise."""
    if not 8 <= len(text) <= 64 or re.search(r"[A-Za-z]{5}|\s", text) or _SAID.search(text.translate(_DISGUISES)):
        return False
    return all(any(check(one) for one in text) for check in (str.islower, str.isupper, str.isdigit))


_DISGUISES = str.maketrans("0@1!3$5", "oaiiess")


#: What people try first.
_TRIED = frozenset("root guest admin password passwd secret test user".split())


def _nearby(url: str) -> bool:
    """Whether a URL names this machine, or a service beside the app: no host of a network."""
    host = re.search(r"@\[?([^/:?#\]]+)", url)
    return host is None or "." not in host[1] or host[1].startswith("127.")


#: Whose accounts an app has: what opens them is refused by the other side where it is wrong.
_OTHERS = frozenset(
    "google twitter facebook github gitlab gitea bitbucket slack discord telegram stripe paypal braintree aws s3 "
    "minio gcs azure twilio nexmo vonage sendgrid mailgun mailchimp mailjet mandrill postmark sparkpost smtp mail "
    "mailer email imap pop ldap db database pg postgres postgresql mysql mariadb mongo mongodb redis valkey "
    "memcached rabbit rabbitmq amqp broker kafka elastic elasticsearch opensearch clickhouse influx influxdb "
    "neo4j sql sqlalchemy datasource jdbc sentry datadog newrelic rollbar bugsnag openai anthropic cloudinary "
    "algolia mapbox recaptcha hcaptcha turnstile client consumer zoom linkedin spotify dropbox shopify microsoft "
    "apple firebase pusher patreon reddit twitch steam upstream remote proxy flickr unsplash weather alchemy "
    "infura plaid hubspot salesforce zendesk intercom segment mixpanel posthog".split()
)
#: Words of what the app itself asks of those who come in.
_DOORS = frozenset("admin superuser basic web ui dashboard panel console authentication login master owner".split())


@lru_cache(maxsize=1 << 14)
def opens_another(name: str) -> bool:
    """Whether a secret is what the app shows to somebody else: with a wrong one it gets no answer, and says so.

    `DB_PASSWORD`, `GOOGLE_SECRET`; not `JWT_SECRET`, with which it trusts what it gets back, nor `ADMIN_PASSWORD`.
    """
    words = frozenset(words_of_name(name))
    return not _OTHERS.isdisjoint(words) and _DOORS.isdisjoint(words)


@lru_cache(maxsize=1 << 14)
def opens_the_app(name: str) -> bool:
    """Whether a secret lets people into the app itself: `ADMIN_PASSWORD`, `SIDEKIQ_WEB_PASSWORD`."""
    return not _DOORS.isdisjoint(words_of_name(name))


_SAID = re.compile(
    r"(?i)super|secret|passw(?:or)?d|pass|token|change|replace|default|your|this|that|must|should|please|long|random|strong"
    r"|string|local|develop(?:ment)?|prod(?:uction)?|test|demo|dummy|fake|example|jwt|auth|session|cookie|admin|user|key"
)


def is_random(text: str) -> bool:
    """Whether a text was made by a generator: long, of many letters, and without words that people write."""
    left = _SAID.sub("", text.strip())
    if len(left) < 16 or not re.fullmatch(r"[\w+/=.:~!@#$%^&*()-]+", text.strip()):
        return False
    if not any(one.isdigit() for one in left) or not any(one.isalpha() for one in left):
        return False
    return len(set(left)) >= 10 and not re.search(r"(?i)abcdef|123456|(.)\1{4}", left)


def is_never_read(unit: Unit, one: Seen[Credential]) -> bool:
    """Whether a field of a settings class (pydantic) is one that no code asks for, nor what the class makes of it."""
    credential, source = one.what, unit.source(one.path)
    owner = credential.scope.owner
    if source is None or not owner or b"BaseSettings" not in source.data or not credential.name.isidentifier():
        return False
    first, last = _span(source.lines, owner)
    if not first < credential.line <= last:
        return False
    own = "\n".join(source.lines[first - 1 : last])
    made = re.findall(rf"(?m)^\s+(?:def\s+)?(\w+)\b[^\n]*\b{re.escape(credential.name)}\b", own)
    made += [
        name
        for name, body in re.findall(r"(?s)\bdef (\w+)\((.*?)(?=\n    @|\n    def |\Z)", own)
        if credential.name in body
    ]
    names = {credential.name, *made}
    outside = "\n".join([*source.lines[: first - 1], *source.lines[last:]])
    word = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")
    if word.search(outside):
        return False
    wanted = {name.encode() for name in names}
    others = [file for file in unit.files if file.language == "python" and file.context not in ("test", "docs")]
    for file in others:
        other = unit.source(file.path) if file.path != one.path else None
        if other is not None and not wanted.isdisjoint(other.words):
            return False
    return len(others) > 1


def _span(lines: Sequence[str], owner: str) -> tuple[int, int]:
    """The first and last line of a class."""
    first = next((row for row, line in enumerate(lines, 1) if re.match(rf"class {re.escape(owner)}\b", line)), 0)
    if not first:
        return 0, 0
    for row, line in enumerate(lines[first:], first + 1):
        if line.strip() and not line[0].isspace() and not line.startswith((")", "#")):
            return first, row - 1
    return first, len(lines)
