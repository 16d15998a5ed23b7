"""Asking an object store: one signed listing of the bucket, and the size of what is in it."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from tolv.errors import UsageError
from tolv.services.ask import Reason, Unreachable
from tolv.services.model import Facts
from tolv.services.protocols.deadline import Deadline
from tolv.services.protocols.tcp import hangs, unreachable
from tolv.services.urls import ServiceUrl, masked

#: Pages of a thousand objects that are added up; of a larger bucket no size is told.
_PAGES = 20
#: Bytes of one answer.
_ANSWER = 16 << 20
_AWS = re.compile(r"s3[.-]([a-z0-9-]+)\.amazonaws\.com(\.cn)?")
_NOTHING = hashlib.sha256(b"").hexdigest()

_PASSWORD = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "Forbidden"}
_BUSY = {"SlowDown", "ServiceUnavailable", "503"}


@dataclass(frozen=True, slots=True)
class Store:
    """What an object store's URL says."""

    host: str
    port: int
    tls: bool
    verified: bool
    bucket: str
    """Empty: the URL names none."""
    key: str
    secret: str
    region: str


def ask(url: ServiceUrl, timeout: float) -> Facts:
    """Size of the bucket, if the URL names one; the protocol tells no version. Raises `Unreachable`, `UsageError`.

    `s3://key:secret@host:port/bucket`: without a port it is TLS at 443; with one it is not, unless `s3+https://` or
    `?tls=true` says so. `?region=` is `us-east-1` where neither it nor the host names one; `?verify=false` trusts any
    certificate.
    """
    store = store_of(url)
    deadline = Deadline(timeout)
    connection = _connection(store, deadline)
    try:
        connection.connect()
    except ssl.SSLError as error:
        raise _tls(error, url) from None
    except OSError as error:
        raise unreachable(error, url) from None
    except UnicodeError:
        raise UsageError("the URL's host can be no name", where=masked(str(url))) from None
    try:
        with deadline.over(lambda: connection.sock):
            return Facts(version="", size=_size(connection, store, url))
    except TimeoutError:
        raise hangs(url) from None
    except ssl.SSLError as error:
        raise _tls(error, url) from None
    except OSError as error:
        raise unreachable(error, url) from None
    except (http.client.HTTPException, ElementTree.ParseError, ValueError):
        raise Unreachable("protocol", "what answers there does not speak S3", where=masked(str(url))) from None
    finally:
        connection.close()


def store_of(url: ServiceUrl) -> Store:
    """The URL taken apart. Raises `UsageError` if it lacks what a request needs."""
    where, remedy = masked(str(url)), "write it as s3://key:secret@host:port/bucket"
    if url.kind != "s3":
        raise UsageError(f"{url.scheme}:// is no object store", where=where, remedy=remedy)
    if not (url.user and url.password):
        raise UsageError("the URL lacks a key or a secret", where=where, remedy=remedy)
    options = {name.lower(): value.lower() for name, value in url.parameters().items()}
    usual = _SCHEMES.get(url.scheme, "true" if url.port in (None, 443) else "false")
    tls = options.get("tls", options.get("secure", usual))
    named = _AWS.fullmatch(url.host)
    return Store(
        host=url.host,
        port=url.port or (443 if tls in _TRUE else 80),
        tls=tls in _TRUE,
        verified=options.get("verify", "true") in _TRUE,
        bucket=url.database.strip("/").partition("/")[0],
        key=url.user,
        secret=url.password,
        region=options.get("region") or (named[1] if named else "us-east-1"),
    )


_SCHEMES = {"s3+https": "true", "s3+http": "false"}
_TRUE = {"1", "true", "yes", "on"}


def _connection(store: Store, deadline: Deadline) -> http.client.HTTPConnection:
    if not store.tls:
        return http.client.HTTPConnection(store.host, store.port, timeout=deadline.left())
    context = ssl.create_default_context()
    if not store.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(store.host, store.port, timeout=deadline.left(), context=context)


def _tls(error: ssl.SSLError, url: ServiceUrl) -> Unreachable:
    problem = f"TLS with the object store failed: {error.reason or 'it speaks none'}"
    return Unreachable("tls", problem, where=masked(str(url)))


def _size(connection: http.client.HTTPConnection, store: Store, url: ServiceUrl) -> int | None:
    """Bytes of all objects; None if there are more than are counted, or the URL names no bucket."""
    total = 0
    for size in _sizes(connection, store, url):
        if size is None:
            return None
        total += size
    return total if store.bucket else None


def _sizes(connection: http.client.HTTPConnection, store: Store, url: ServiceUrl) -> Iterator[int | None]:
    """The size of each object; None at last if there are more."""
    query = {"list-type": "2", "max-keys": "1000"} if store.bucket else {}
    for _ in range(_PAGES):
        answer = _listing(connection, store, query, url)
        namespace = answer.tag.partition("}")[0] + "}" if answer.tag.startswith("{") else ""
        for found in answer.iter(f"{namespace}Size"):
            yield int(found.text or 0)
        following = answer.findtext(f"{namespace}NextContinuationToken")
        if not (following and store.bucket):
            return
        query["continuation-token"] = following
    yield None


def _listing(
    connection: http.client.HTTPConnection, store: Store, query: dict[str, str], url: ServiceUrl
) -> ElementTree.Element:
    path = f"/{quote(store.bucket, safe='')}"
    ordered = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
    connection.request("GET", f"{path}?{ordered}" if ordered else path, headers=_signed(store, path, ordered))
    response = connection.getresponse()
    body = response.read(_ANSWER)
    if response.status != 200:
        raise _refused(response.status, body, store, url)
    return ElementTree.fromstring(body)


def _signed(store: Store, path: str, query: str) -> dict[str, str]:
    """The headers of a GET, signed by version 4 of AWS's way.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    usual = store.port == (443 if store.tls else 80)
    name = f"[{store.host}]" if ":" in store.host else store.host
    headers = {
        "host": name if usual else f"{name}:{store.port}",
        "x-amz-content-sha256": _NOTHING,
        "x-amz-date": now,
    }
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join(["GET", path, query, *lines, "", names, _NOTHING])
    scope = f"{now[:8]}/{store.region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{store.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"AWS4-HMAC-SHA256 Credential={store.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": credential}


def _refused(status: int, body: bytes, store: Store, url: ServiceUrl) -> Unreachable:
    """What another status than 200 means, by the code that the store gives with it; nothing else of it is repeated."""
    found = re.search(rb"<Code>([A-Za-z0-9]{1,64})</Code>", body)
    code = found[1].decode() if found else str(status)
    where = masked(str(url))
    if code in _PASSWORD or status in (401, 403):
        remedy = "check key and secret in the URL, and that they may list the bucket"
        return Unreachable("password", f"the object store refused the key ({code})", where=where, remedy=remedy)
    if code == "NoSuchBucket" or status == 404:
        remedy = "make it, or correct its name in the URL"
        return Unreachable("missing", f"there is no bucket {store.bucket}", where=where, remedy=remedy)
    if status == 301 or code in {"PermanentRedirect", "IllegalLocationConstraintException"}:
        remedy = "name its region in the URL: ?region=eu-north-1"
        return Unreachable("protocol", f"the bucket is not in {store.region}", where=where, remedy=remedy)
    reason: Reason = "full" if status == 507 else "refused" if code in _BUSY or status == 503 else "protocol"
    return Unreachable(reason, f"the object store answered {status} ({code})", where=where)
