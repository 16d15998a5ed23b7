"""Secrets do not enter a report."""

from __future__ import annotations

from tolv.check.reports.hide import hide


def test_a_default_that_reads_like_a_name_is_hidden_where_the_finding_is_the_default_itself() -> None:
    line = "SECRET_KEY = os.environ.get('SECRET_KEY') or 'you-will-never-guess'"

    assert hide(line, "III-05", "config.py") == "SECRET_KEY = os.environ.get('SECRET_KEY') or '…'"
    assert hide("secret: process.env['jwt_secret'] || 'supersecret'", "III-05", "a.js").endswith(
        "['jwt_secret'] || '…'"
    )
