"""The backing store, attached by the URL in `DATABASE_URL`, and its one table."""

import os

from sqlalchemy import Column, DateTime, Engine, Integer, MetaData, String, Table, create_engine, make_url

metadata = MetaData()

entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("message", String(500), nullable=False),
    Column("written", DateTime(timezone=True), nullable=False),
    Column("answer", String(200)),  # NULL until the worker got to it
)


def connect() -> Engine:
    """The store that `DATABASE_URL` names.

    Platforms write `postgres://` or `postgresql://` and know nothing of drivers; SQLAlchemy wants to be told of ours.
    """
    url = make_url(os.environ["DATABASE_URL"])
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    return create_engine(url, pool_pre_ping=True)
