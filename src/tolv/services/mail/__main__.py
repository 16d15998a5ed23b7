"""`python -m tolv.services.mail`: catch mail on a port of loopback, keep it in a directory."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from tolv.services.mail.spool import Limits


def main() -> int:
    """Run until SIGTERM. Exit status 3 if port or directory cannot be had, with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tolv.services.mail", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--most-messages", type=int, default=Limits().messages)
    parser.add_argument("--most-bytes", type=int, default=Limits().total)
    parser.add_argument("--largest", type=int, default=Limits().each)
    options = parser.parse_args()
    os.umask(0o077)
    from tolv.services.mail.server import serve

    limits = Limits(options.most_messages, options.most_bytes, options.largest)
    try:
        asyncio.run(serve(options.directory, options.port, limits))
    except OSError as error:
        print(f"mail cannot be caught on 127.0.0.1:{options.port}: {error.strerror}", file=sys.stderr)
        return 3
    return 0


sys.exit(main())
