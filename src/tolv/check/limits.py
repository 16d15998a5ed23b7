"""How much of a codebase a check reads, so that no repository can hold it up."""

from __future__ import annotations

#: Bytes of a source file; what is larger was written by a machine.
LARGEST_SOURCE = 2 << 20
#: Bytes of a manifest (a lockfile of a large monorepo is one).
LARGEST_TEXT = 32 << 20
#: Files of one codebase.
MOST_FILES = 2_000_000
#: Findings of one rule in one unit; what is beyond is counted in the last one's message.
MOST_FINDINGS = 200
