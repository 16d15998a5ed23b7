"""`[services.<name>]` of `tolv.toml`: what each key means, and each way to get one wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tolv.codebase.manifest import read_manifest
from tolv.codebase.model import ServiceNeed
from tolv.codebase.reader import read_app
from tolv.codebase.services import KINDS, kind_named, need
from tolv.errors import UsageError


def services(directory: Path, text: str) -> tuple[ServiceNeed, ...]:
    (directory / "tolv.toml").write_text(text, encoding="utf-8")
    return read_manifest(directory / "tolv.toml").services


@pytest.mark.parametrize(
    ("kind", "name", "variable"),
    [
        ("postgres", "postgres", "DATABASE_URL"),
        ("postgresql", "postgres", "DATABASE_URL"),
        ("redis", "redis", "REDIS_URL"),
        ("valkey", "valkey", "REDIS_URL"),
        ("s3", "s3", "S3_URL"),
        ("smtp", "smtp", "SMTP_URL"),
        ("amqp", "rabbitmq", "AMQP_URL"),
        ("mysql", "mysql", "DATABASE_URL"),
        ("mongo", "mongodb", "MONGODB_URL"),
        ("elasticsearch", "elasticsearch", "ELASTICSEARCH_URL"),
        ("ledger-of-ours", "ledger-of-ours", "LEDGER_OF_OURS_URL"),
    ],
)
def test_a_kind_alone_says_which_variable_it_sets(tmp_path: Path, kind: str, name: str, variable: str) -> None:
    assert services(tmp_path, f"[services.it]\nkind = '{kind}'\n") == (
        ServiceNeed("it", name, None, ((variable, "{url}"),)),
    )


@pytest.mark.parametrize(
    ("written", "version"), [("16", "16"), ("'16'", "16"), ("'16.4'", "16.4"), ("'7.2-rc1'", "7.2-rc1")]
)
def test_a_version_is_kept_as_text(tmp_path: Path, written: str, version: str) -> None:
    assert services(tmp_path, f"[services.db]\nkind = 'postgres'\nversion = {written}\n")[0].version == version


def test_an_app_that_reads_parts_of_the_url_gets_them_by_template(tmp_path: Path) -> None:
    text = """
    [services.database]
    kind = "postgres"
    [services.database.env]
    PGHOST = "{host}"
    PGPORT = "{port}"
    DB_ENGINE = "django.db.backends.postgresql"
    DSN = "{scheme}+psycopg://{user}:{password}@{host}:{port}/{database}"
    """
    (one,) = services(tmp_path, text)
    assert one.env == (
        ("PGHOST", "{host}"),
        ("PGPORT", "{port}"),
        ("DB_ENGINE", "django.db.backends.postgresql"),
        ("DSN", "{scheme}+psycopg://{user}:{password}@{host}:{port}/{database}"),
    )


def test_braces_that_are_no_placeholder_are_text(tmp_path: Path) -> None:
    (one,) = services(tmp_path, """services.a = {kind = "redis", env = {JSON = '{"host": "{host}"}'}}""")
    assert one.env == (("JSON", '{"host": "{host}"}'),)


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("services.db = {}", r"\[services.db\] has no kind", "add kind"),
        ("services.db.kind = 'Postgres'", 'must be a kind of service, such as "postgres"', "change services.db.kind"),
        ("services.db.kind = ''", "must be a kind", "change"),
        ("services.db.kind = 5", "must be a kind", "change"),
        ("services.DB.kind = 'postgres'", "services has a name that is not allowed: 'DB'", "small letters"),
        ("services.db = {kind = 'postgres', version = 16.4}", "a version in quotes.* not 16.4", "change"),
        ("services.db = {kind = 'postgres', version = 'latest'}", "a version in quotes", "change"),
        ("services.db = {kind = 'postgres', version = true}", "a version in quotes", "change"),
        ("services.db = {kind = 'postgres', version = -1}", "a version in quotes", "change"),
        ("services.db = {kind = 'postgres', required = 1}", "must be true or false", "change"),
        ("services.db = {kind = 'postgres', versoin = '16'}", "unknown key 'versoin'", "did you mean version?"),
        ("services.db = {kind = 'postgres', env = {}}", "must be the name of a variable, or a table", "change"),
        ("services.db = {kind = 'postgres', env = ['A']}", "must be the name of a variable, or a table", "change"),
        ("services.db = {kind = 'postgres', env = ''}", "'' cannot be the name of a variable", "letters"),
        ("services.db = {kind = 'postgres', env = '1A'}", "'1A' cannot be the name of a variable", "letters"),
        ("services.db = {kind = 'postgres', env = 'PORT'}", "PORT is set by Tolv itself", "read PORT"),
        ("services.db = {kind = 'postgres', env = {A = 1}}", "services.db.env.A must be a text", "change"),
        ("services.db = {kind = 'postgres', env = {A = ''}}", "services.db.env.A must be a text", "change"),
        (
            "services.db = {kind = 'postgres', env = {A = '{hots}'}}",
            "unknown placeholder: {hots}",
            "{url}, {scheme}, {user}",
        ),
        (
            "services.db = {kind = 'postgres', env = {A = '{}'}}",
            "unknown placeholder: {}",
            "{host}, {port}, {database}",
        ),
        (
            "services.db = {kind = 'postgres'}\nservices.old-db = {kind = 'mysql'}",
            "services.db and services.old-db both set DATABASE_URL",
            "OLD_DB_URL",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(tmp_path: Path, text: str, problem: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        services(tmp_path, text)
    assert caught.value.where == "tolv.toml"
    assert remedy in str(caught.value.remedy)


def test_an_app_carries_what_it_needs_and_which_environment_is_production(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: serve\n")
    assert read_app(tmp_path, name="shop", fallback_name="").production == "prod"
    (tmp_path / "tolv.toml").write_text("services.db.kind = 'postgres'\nparity.production = 'live'\n")
    app = read_app(tmp_path, name="shop", fallback_name="")
    assert (app.services, app.production) == ((need("db", "postgres"),), "live")


def test_the_services_of_an_app_of_a_monorepo_stand_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "tolv.toml").write_text("apps.api.root = 'api'\nservices.db.kind = 'postgres'\n")
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "Procfile").write_text("web: serve\n")
    with pytest.raises(UsageError, match=r"\[services\] have no app to apply to"):
        read_app(tmp_path, name=None, fallback_name="shop")


def test_every_spelling_of_a_kind_means_one_kind_that_has_a_variable() -> None:
    spellings = [spelling for kind in KINDS for spelling in (kind.name, *kind.aliases)]
    assert len(spellings) == len(set(spellings))
    for kind in KINDS:
        assert kind_named(kind.family).name == kind.family
        assert kind.variable.endswith("_URL")


_KEYS = st.sampled_from(["kind", "version", "env", "required", "knid", "a.b", "env.A", "env.PORT"])
_VALUES = st.one_of(
    st.integers().map(str),
    st.booleans().map(lambda one: str(one).lower()),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.text(max_size=12).map(lambda one: repr(one) if "'" not in one else '""'),
    st.sampled_from(["'postgres'", "'{url}'", "'{x}'", "[]", "{}", "{A = '{url}'}", "{A = '{{host}}'}", "1979-05-27"]),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["db", "cache", "1", "X"]), _KEYS, _VALUES), max_size=6))
def test_any_table_is_a_need_that_survives_json_or_refused_in_tolvs_own_words(
    tmp_path: Path, lines: list[tuple[str, str, str]]
) -> None:
    text = "".join(f"services.{name}.{key} = {value}\n" for name, key, value in lines)
    found: tuple[ServiceNeed, ...] = ()
    remedy: str | None = "there is nothing to mend"
    try:
        found = services(tmp_path, text)
    except UsageError as error:
        remedy = error.remedy
    assert remedy
    assert tuple(ServiceNeed.from_dict(one.to_dict()) for one in found) == found
    assert all(one.env for one in found)
