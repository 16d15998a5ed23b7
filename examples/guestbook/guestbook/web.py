"""The web process: one page, which shows the entries and takes new ones."""

import os
from datetime import UTC, datetime

from flask import Flask, Response, redirect, render_template, request
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest
from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError

from guestbook.database import connect, entries

RELEASE = os.environ.get("TOLV_RELEASE", "no release")
COMMIT = os.environ.get("TOLV_COMMIT", "")[:7]

app = Flask(__name__)
store = connect()
answered = Counter("guestbook_requests_total", "Requests answered.", ["method", "status"])


@app.get("/")
def show() -> str:
    with store.connect() as connection:
        latest = connection.execute(select(entries).order_by(entries.c.id.desc()).limit(50)).all()
    title = os.environ.get("TITLE", "Guestbook")
    return render_template("page.html", title=title, entries=latest, release=RELEASE, commit=COMMIT)


@app.post("/")
def write() -> Response:
    name, message = (request.form.get(field, "").strip() for field in ("name", "message"))
    if not (0 < len(name) <= 80 and 0 < len(message) <= 500):
        return Response("A name (up to 80 characters) and a message (up to 500), please.\n", 400, mimetype="text/plain")
    with store.begin() as connection:
        connection.execute(insert(entries).values(name=name, message=message, written=datetime.now(UTC)))
    print(f"{name} wrote {len(message)} characters")
    return redirect("/", 303)


@app.get("/health")
def health() -> Response:
    """Can this process answer? The database is no part of it: its loss must not stop every process at once."""
    return Response("ok\n", mimetype="text/plain")


@app.get("/metrics")
def metrics() -> Response:
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


@app.errorhandler(OperationalError)
def database_is_away(error: OperationalError) -> Response:
    print(f"the database is away: {error.orig}")
    return Response("The database is away. Please try again.\n", 503, {"Retry-After": "5"}, mimetype="text/plain")


@app.after_request
def say_who_answered(response: Response) -> Response:
    response.headers["X-Release"] = RELEASE
    response.headers["X-Commit"] = COMMIT
    answered.labels(request.method, response.status_code).inc()
    return response
