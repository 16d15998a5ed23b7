"""The web process: an HTTP API of notes, files, jobs and sessions. All that it keeps is in the database."""

import hashlib
import hmac
import json
import os
import re
import secrets
import signal
import sys
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from threading import Thread
from time import sleep, time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import schema
import telemetry
from config import COMMIT, SECRET_KEY, TITLE, UPSTREAM_URL
from database import transaction
from server import Answer, Question, Refusal, Server, stopping

PORT = int(os.environ.get("PORT", "8000"))
#: Signals that ask it to end.
STOPS = {signal.SIGTERM, signal.SIGINT}
#: Seconds from such a signal until no more connections are taken: who routes to this process sees it in /ready.
LAST_CALL = 0.4
#: Seconds that requests may then take to finish.
GRACE = 8.0
#: Seconds that a session lasts.
SESSION = 86_400
SPEC = Path(__file__).with_name("openapi.json").read_bytes()

Respond = Callable[..., Answer]
ROUTES: list[tuple[str, re.Pattern[str], Respond]] = []
PARTS = {"{id}": r"([1-9][0-9]{0,17})", "{name}": r"([A-Za-z0-9._-]{1,100})"}


def route(method: str, path: str) -> Callable[[Respond], Respond]:
    def add(respond: Respond) -> Respond:
        pattern = "".join(PARTS.get(part, re.escape(part)) for part in re.split(r"(\{\w+\})", path))
        ROUTES.append((method, re.compile(pattern), respond))
        return respond

    return add


def respond(question: Question) -> Answer:
    """The answer of the route that the request is for."""
    there = [(method, found, run) for method, path, run in ROUTES if (found := path.fullmatch(question.path))]
    for method, found, run in there:
        if method == question.method:
            return run(question, *found.groups())
    if there:
        raise Refusal(405, "not with this method", Allow=", ".join(method for method, _, _ in there))
    raise Refusal(404, "there is no such thing")


def texts(question: Question, **longest: int) -> list[str]:
    """The named fields of the body, each a text that is not empty and not too long."""
    try:
        body = json.loads(question.body)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is no JSON") from None
    found = []
    for name, most in longest.items():
        text = body.get(name) if isinstance(body, dict) else None
        if not isinstance(text, str) or not 0 < len(text) <= most or re.search("[\0\ud800-\udfff]", text):
            raise Refusal(400, f"{name}: a text of 1 to {most} characters is needed")
        found.append(text)
    return found


# Notes.


@route("GET", "/")
def newest(question: Question) -> Answer:
    with transaction() as database:
        rows = database.execute("SELECT id, text FROM notes ORDER BY id DESC LIMIT 10").fetchall()
        total = database.execute("SELECT count(*) FROM notes").fetchall()[0][0]
    return Answer(200, {"title": TITLE, "total": total, "notes": [{"id": id, "text": text} for id, text in rows]})


@route("POST", "/notes")
def write_note(question: Question) -> Answer:
    (text,) = texts(question, text=1000)
    with transaction() as database:
        note = database.execute("INSERT INTO notes (text) VALUES (%s) RETURNING id", (text,)).fetchall()[0][0]
    return Answer(201, {"id": note, "text": text}, {"Location": f"/notes/{note}"})


@route("GET", "/notes/{id}")
def read_note(question: Question, note: str) -> Answer:
    with transaction() as database:
        row = database.execute("SELECT id, text FROM notes WHERE id = %s", (int(note),)).fetchone()
    if row is None:
        raise Refusal(404, "there is no such note")
    return Answer(200, {"id": row[0], "text": row[1]})


@route("DELETE", "/notes/{id}")
def remove_note(question: Question, note: str) -> Answer:
    signed_in(question)
    with transaction() as database:
        if not database.execute("DELETE FROM notes WHERE id = %s", (int(note),)).rowcount:
            raise Refusal(404, "there is no such note")
    return Answer(204)


# Sessions: who holds the cookie is who it says, until then. Any process with the same key can tell.


def signature(session: str) -> str:
    return hmac.new(SECRET_KEY.encode(), session.encode(), "sha256").hexdigest()


def signed_in(question: Question) -> str:
    """The user whose session it is. Raises `Refusal` (401) if it is nobody's."""
    try:
        morsel = SimpleCookie(question.headers.get("cookie", "")).get("session")
    except CookieError:
        morsel = None
    session: str = morsel.value if morsel else ""
    user, until, signed = [*session.split("."), "", ""][:3]
    if not hmac.compare_digest(signature(f"{user}.{until}").encode(), signed.encode()) or int(until) < time():
        raise Refusal(401, "sign in first", WWW_Authenticate='Cookie cookie-name="session"')
    return user


@route("POST", "/login")
def sign_in(question: Question) -> Answer:
    """A name that nobody has yet becomes an account with this password."""
    user, password = texts(question, user=40, password=200)
    if not re.fullmatch(r"[\w-]+", user, re.ASCII):
        raise Refusal(400, "user: letters, digits, - and _ only")
    salt = secrets.token_bytes(16)
    account = "INSERT INTO accounts VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
    with transaction() as database:
        database.execute(account, (user, salt, scrambled(password, salt)))
        row = database.execute("SELECT salt, hash FROM accounts WHERE name = %s", (user,)).fetchall()[0]
    if not hmac.compare_digest(scrambled(password, row[0]), row[1]):
        raise Refusal(401, "user and password do not fit", WWW_Authenticate='Cookie cookie-name="session"')
    session = f"{user}.{int(time()) + SESSION}"
    secure = "; Secure" if question.headers.get("x-forwarded-proto") == "https" else ""
    cookie = f"session={session}.{signature(session)}; Path=/; Max-Age={SESSION}; HttpOnly; SameSite=Lax{secure}"
    return Answer(200, {"user": user}, {"Set-Cookie": cookie})


def scrambled(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << 14, r=8, p=1)


@route("GET", "/me")
def who(question: Question) -> Answer:
    return Answer(200, {"user": signed_in(question)})


# Files and jobs.


@route("PUT", "/files/{name}")
def upload(question: Question, name: str) -> Answer:
    put = "INSERT INTO files VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET content = excluded.content"
    with transaction() as database:
        database.execute(put, (name, question.body))
    return Answer(200, {"name": name, "bytes": len(question.body)})


@route("GET", "/files/{name}")
def download(question: Question, name: str) -> Answer:
    with transaction() as database:
        row = database.execute("SELECT content FROM files WHERE name = %s", (name,)).fetchone()
    if row is None:
        raise Refusal(404, "there is no such file")
    return Answer(200, bytes(row[0]), type="application/octet-stream")


@route("POST", "/jobs")
def order(question: Question) -> Answer:
    (n,) = texts(question, n=100)
    with transaction() as database:
        job = database.execute("INSERT INTO jobs (n) VALUES (%s) RETURNING id", (n,)).fetchall()[0][0]
    return Answer(202, {"id": job}, {"Location": f"/jobs/{job}"})


@route("GET", "/jobs/{id}")
def ask_after(question: Question, job: str) -> Answer:
    effects = "SELECT id, done, (SELECT count(*) FROM effects WHERE job = jobs.id) FROM jobs WHERE id = %s"
    with transaction() as database:
        row = database.execute(effects, (int(job),)).fetchone()
    if row is None:
        raise Refusal(404, "there is no such job")
    return Answer(200, {"id": row[0], "done": row[1], "effects": row[2]})


# What it is, and how it is.


@route("GET", "/live")
def live(question: Question) -> Answer:
    return Answer(200, {"status": "alive"})


@route("GET", "/ready")
def ready(question: Question) -> Answer:
    if stopping.is_set():
        raise Refusal(503, "stopping")
    if not schema.current():
        raise Refusal(503, "the schema is not there yet")
    return Answer(200, {"status": "ready"})


@route("GET", "/version")
def version(question: Question) -> Answer:
    return Answer(200, {"commit": COMMIT})


@route("GET", "/openapi.json")
def spec(question: Question) -> Answer:
    return Answer(200, SPEC)


@route("GET", "/metrics")
def figures(question: Question) -> Answer:
    return Answer(200, telemetry.metrics.text().encode(), type="text/plain; version=0.0.4")


@route("GET", "/slow")
def slow(question: Question) -> Answer:
    sleep(1.5)
    return Answer(200, {"seconds": 1.5})


@route("GET", "/outbound")
def outbound(question: Question) -> Answer:
    """Ask the upstream, as part of the trace that the request belongs to."""
    if not UPSTREAM_URL:
        return Answer(200, {"upstream": None})
    try:
        with urlopen(Request(UPSTREAM_URL, headers={"traceparent": question.traceparent}), timeout=3) as found:
            return Answer(200, {"upstream": found.status})
    except HTTPError as error:
        return Answer(200, {"upstream": error.code})
    except OSError:
        raise Refusal(502, "the upstream does not answer") from None


def main() -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # for all threads: they wait for `sigwait` below
    server = Server(("0.0.0.0", PORT), respond)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    telemetry.log("info", "listening", port=PORT, commit=COMMIT)
    signal.sigwait(STOPS)
    stopping.set()
    telemetry.log("info", "stopping")
    sleep(LAST_CALL)
    finished = server.drain(GRACE)
    telemetry.spans.close()
    telemetry.log("info", "stopped", finished=finished)
    return 0 if finished else 1


if __name__ == "__main__":
    sys.exit(main())
