"""Who may log in to the mail server, while several apps are attached to it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tolv.services.mail import users


def test_of_users_that_are_admitted_at_once_each_may_enter(tmp_path: Path) -> None:
    names = [f"app-{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: users.admit(tmp_path, name, f"of {name}"), names))
    assert all(users.may_enter(tmp_path, name, f"of {name}") for name in names)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: users.dismiss(tmp_path, name), names[::2]))
    assert [name for name in names if users.may_enter(tmp_path, name, f"of {name}")] == names[1::2]
