"""The API's document, without a server: `python -m tolv.server.openapi > docs/openapi.json`."""

from __future__ import annotations

import json
import sys

from tolv.server.api import describe_api

if __name__ == "__main__":
    json.dump(describe_api(), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
