"""The stores that these tests run on."""

from __future__ import annotations

import sys
from pathlib import Path

# Tests are no package: what two folders of them share is found by its path.
sys.path.insert(0, str(Path(__file__).parents[1] / "store"))

from store_fixtures import empty_url, store, store_url

__all__ = ["empty_url", "store", "store_url"]
