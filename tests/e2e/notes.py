"""An app that keeps notes in a PostgreSQL, and what its tests ask of it."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from e2e.machine import Machine

APP = textwrap.dedent(
    """
    import json, os, signal, threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    import psycopg

    def ask(*question):
        with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
            return connection.execute(*question).fetchall()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_GET(self):
            try:
                if self.path.startswith("/add/"):
                    ask("insert into notes values (%s) returning text", (self.path[5:],))
                answer = {
                    "notes": [row[0] for row in ask("select text from notes order by text")],
                    "version": ask("show server_version")[0][0],
                    "user": ask("select session_user")[0][0],
                }
                status = 200
            except psycopg.Error as error:
                status, answer = 503, {"error": str(error)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()
    """
)
MIGRATE = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL'], autocommit=True).execute(" + (
    "'create table if not exists notes (text text primary key)')\n"
)
DECLARED = '[services.database]\nkind = "postgres"\nversion = "16"\n'


def notes_app(machine: Machine, name: str, manifest: str = DECLARED) -> Path:
    """Its repository: a web process, and a release phase that makes the table."""
    procfile = f"web: {sys.executable} app.py\nrelease: {sys.executable} migrate.py\n"
    return machine.app(name, {"app.py": APP, "migrate.py": MIGRATE, "Procfile": procfile, "tolv.toml": manifest})
