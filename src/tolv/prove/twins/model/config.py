"""Config: what varies between deploys, read once. A process whose config is wrong says so, and ends."""

import os
import sys

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

LEVELS = ("debug", "info", "warning", "error")

_missing = [name for name in ("DATABASE_URL", "SECRET_KEY") if not os.environ.get(name)]
if _missing:
    sys.exit(f"config is incomplete: set {' and '.join(_missing)}")

DATABASE_URL = os.environ["DATABASE_URL"]
SECRET_KEY = os.environ["SECRET_KEY"]
TITLE = os.environ.get("TITLE", "Notes")
LOG_LEVEL = os.environ.get("LOG_LEVEL", "info")
UPSTREAM_URL = os.environ.get("UPSTREAM_URL", "")
OTLP_ENDPOINT = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
SERVICE_NAME = os.environ.get("OTEL_SERVICE_NAME", "notes")
COMMIT = os.environ.get("TOLV_COMMIT", "")

if LOG_LEVEL not in LEVELS:
    sys.exit(f"LOG_LEVEL is {LOG_LEVEL!r}: set it to one of {', '.join(LEVELS)}")
for _name, _url, _schemes in (
    ("DATABASE_URL", DATABASE_URL, ("postgresql://", "postgres://")),
    ("UPSTREAM_URL", UPSTREAM_URL, ("http://", "https://")),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", OTLP_ENDPOINT, ("http://", "https://")),
):
    if _url and not _url.startswith(_schemes):  # a URL may hold a password: it is not shown
        sys.exit(f"{_name} is no URL that starts with {' or '.join(_schemes)}")
try:
    conninfo_to_dict(DATABASE_URL)
except ProgrammingError:
    sys.exit("DATABASE_URL cannot be read as the URL of a PostgreSQL database")
