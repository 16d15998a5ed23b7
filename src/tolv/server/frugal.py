"""The server's memory: what it needs once is loaded elsewhere, and what it has freed goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import os

from tolv.errors import TolvError
from tolv.store.store import Store

_ARENA_MAX = -8
_libc = ctypes.CDLL(None)


def begin() -> None:
    """Have all threads share one heap (glibc makes eight a processor, each with holes of its own), and look no more
    for garbage among what was imported: it stays."""
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_ARENA_MAX, 1)
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Return free pages to the system: after a build there are many."""
    gc.collect()
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)


def migrate_aside(url: str) -> None:
    """Bring a store's schema up to date in a process of its own: Alembic takes 10 MB that nobody needs afterwards.

    Call it before there are threads. Whatever fails there fails here again, with its reason, when the store is opened.
    """
    child = os.fork()
    if child == 0:
        try:
            store = Store(url)
            store.migrate()
            store.close()
        except (TolvError, OSError):
            os._exit(1)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
