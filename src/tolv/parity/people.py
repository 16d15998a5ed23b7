"""Whether who deployed also wrote: a login at a host beside the authors that git knows. Pure.

A login counts as an author when it is what stands before the `@` of an author's address, or is made of an author's name
as logins are: `ada`, `lovelace`, `adalovelace`, `alovelace` or `adal` of Ada Lovelace, with or without dots.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: Logins that several people or programs use: nobody can say who it was.
_SHARED = frozenset(
    "root tolv admin administrator ubuntu debian fedora ec2user centos deploy deployer deployment ci build builder "
    "runner jenkins gitlabrunner githubactions actions git github gitlab vagrant user nobody wwwdata app operator "
    "service".split()
)


def is_shared(by: str) -> bool:
    """Whether nobody can say which person is behind a login at a host."""
    login = _plain(by.partition("@")[0])
    return not login or login.isdigit() or login in _SHARED


def wrote(by: str, authors: Iterable[tuple[str, str]]) -> bool:
    """Whether a login at a host is one of the authors, each a name and an address."""
    login = _plain(by.partition("@")[0])
    return bool(login) and any(login in _logins(name, email) for name, email in authors)


def _logins(name: str, email: str) -> set[str]:
    local = email.partition("@")[0]
    found = {_plain(local), _plain(local.rpartition("+")[2])}  # 4711+ada@users.noreply.example
    words = [word for word in map(_plain, re.split(r"[\s.,_-]+", name)) if word]
    if words:
        first, last = words[0], words[-1]
        found |= {first, last, "".join(words), first + last, first[0] + last, first + last[0]}
    return found - {""}


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", ascii_only.casefold())
