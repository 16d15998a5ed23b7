"""Modules and the distributions that they come from."""

from __future__ import annotations

import pytest

from tolv.codebase.module_tables import PULLED_IN, PYTHON_DISTRIBUTIONS
from tolv.codebase.modules import candidates, extras_of, is_standard, pulled_in_by
from tolv.codebase.requirements import normalise


@pytest.mark.parametrize(
    ("language", "module", "distribution"),
    [
        ("python", "yaml", "pyyaml"),
        ("python", "jwt", "pyjwt"),
        ("python", "slugify", "python-slugify"),
        ("python", "google.cloud.storage", "google-cloud-storage"),
        ("python", "google.cloud.unheard_of", "google-cloud-unheard-of"),
        ("python", "flask_login.utils", "flask-login"),
        ("python", "corsheaders.middleware", "django-cors-headers"),
        ("javascript", "express", "express"),
        ("javascript", "lodash/fp", "lodash"),
        ("javascript", "@nestjs/core/testing", "@nestjs/core"),
        ("go", "github.com/lib/pq/oid", "github.com/lib/pq"),
        ("java", "org.postgresql.Driver", "org.postgresql"),
        ("ruby", "active_record", "rails"),
        ("ruby", "rspec/rails", "rspec-rails"),
        ("ruby", "net/ssh", "net-ssh"),
        ("php", "Symfony\\Component\\Console\\Application", "symfony/console"),
    ],
)
def test_a_module_leads_to_its_distribution(language: str, module: str, distribution: str) -> None:
    assert distribution in candidates(language, module)


@pytest.mark.parametrize(
    ("language", "module"),
    [
        ("python", "os.path"),
        ("python", "distutils"),
        ("python", "tomllib"),
        ("javascript", "node:test"),
        ("javascript", "fs/promises"),
        ("go", "net/http"),
        ("go", "C"),
        ("java", "java.util.List"),
        ("ruby", "net/http"),
        ("ruby", "json"),
        ("php", "DateTime"),
    ],
)
def test_what_a_language_brings_is_standard(language: str, module: str) -> None:
    assert is_standard(language, module)


@pytest.mark.parametrize(("language", "module"), [("python", "requests"), ("javascript", "express"), ("go", "a.org/b")])
def test_what_it_does_not_is_not(language: str, module: str) -> None:
    assert not is_standard(language, module)


def test_no_module_of_any_shape_makes_a_lookup_fail() -> None:
    for language in ("python", "javascript", "go", "java", "ruby", "php"):
        for module in ("", ".", "/", "@", "a..b", "\\", "é", "a/b/c/d/e/f"):
            candidates(language, module)
            is_standard(language, module)


def test_the_tables_name_distributions_as_the_index_does() -> None:
    assert len(PYTHON_DISTRIBUTIONS) > 500
    names = {name for found in (*PYTHON_DISTRIBUTIONS.values(), *PULLED_IN.values()) for name in found}
    assert {name for name in names if normalise(name) != name} == set()


def test_a_well_known_distribution_says_what_it_brings() -> None:
    assert "starlette" in pulled_in_by("fastapi")
    assert "bcrypt" in extras_of("passlib")
    assert pulled_in_by("unheard-of") == ()
