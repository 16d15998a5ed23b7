"""The schema: made by migrations, described by `tables.py`, opened without Alembic when it is there."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from store_fixtures import make_store

from tolv.errors import PlatformError
from tolv.store.migrate import script_config
from tolv.store.store import Store
from tolv.store.tables import HEAD, metadata


def test_the_migrations_make_exactly_the_tables_that_the_code_describes(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    assert ScriptDirectory.from_config(script_config()).get_current_head() == HEAD


def test_a_store_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    make_store(url)
    program = (
        f"import sys; from tolv.store.store import Store; Store({url!r}).migrate(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_migrating_again_changes_nothing(store: Store) -> None:
    with store.write() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('kept', 'yes')"))
    store.migrate()
    with store.read() as connection:
        assert connection.execute(text("SELECT value FROM meta WHERE key = 'kept'")).scalar_one() == "yes"


def test_a_store_of_a_newer_version_is_refused_and_left_alone(store: Store) -> None:
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(PlatformError, match="newer Tolv") as caught:
        store.migrate()
    assert caught.value.remedy
    with store.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    store = Store(empty_url)
    with store.write() as connection:
        connection.execute(text("CREATE TABLE one_offs (surprise INTEGER)"))
    with pytest.raises(Exception, match="one_offs"):
        store.migrate()
    with store.read() as connection:
        assert inspect(connection).get_table_names() == ["one_offs"]
    store.close()


def test_servers_that_start_at_once_migrate_once(empty_url: str) -> None:
    stores = [Store(empty_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Store.migrate, stores))
    with stores[0].read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [HEAD]
    for one in stores:
        one.close()
