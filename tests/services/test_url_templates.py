"""The texts of config variables that are made of a service's URL."""

from __future__ import annotations

import pytest

from tolv.codebase.services import PLACEHOLDERS
from tolv.errors import UsageError
from tolv.services.urls import fill


@pytest.mark.parametrize(
    ("template", "url", "text"),
    [
        ("{url}", "redis://:p@h:1/0", "redis://:p@h:1/0"),
        (
            "{scheme}+psycopg://{user}:{password}@{host}:{port}/{database}",
            "postgresql://u:p@h:5/d",
            "postgresql+psycopg://u:p@h:5/d",
        ),
        ("{port}", "postgresql://h/d", "5432"),
        ("{user} {password}", "postgresql://{host}:%7Bport%7D@h/d", "{host} {port}"),
        ('{"host": "{host}"}', "redis://h", '{"host": "h"}'),
        ("{endpoint}", "s3://key:secret@127.0.0.1:9000/bucket", "http://127.0.0.1:9000"),
        ("{endpoint}", "s3://key:secret@s3.example.org/bucket", "https://s3.example.org"),
        ("{endpoint}", "s3://key:secret@s3.example.org:8443/bucket?tls=true", "https://s3.example.org:8443"),
        ("{endpoint}", "s3://key:secret@[::1]:9000/bucket", "http://[::1]:9000"),
        ("{endpoint}", "https://user:p@search.example.org/index", "https://search.example.org"),
    ],
)
def test_a_template_has_the_parts_of_the_url(template: str, url: str, text: str) -> None:
    assert fill(template, url) == text


def test_another_word_in_braces_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="{hots}") as caught:
        fill("{hots}", "redis://h")
    assert all(f"{{{one}}}" in str(caught.value.remedy) for one in PLACEHOLDERS)
