"""What a file is for, by its path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.context import CONTEXTS, classify, classify_content, copied_in, language_of, stands_for

_PATHS = {
    "prod": (
        "app.py",
        "src/main/java/org/springframework/samples/petclinic/owner/Owner.java",
        "src/main/java/com/example/demo/Application.java",
        "app/views/tutorials/index.html.erb",
        "src/app/docs/page.tsx",
        "app/services/security.py",
        "bin/changelog.js",
        "app/controllers/vendor/orders_controller.rb",
        "docker/etc/php84/conf.d/local.ini",
        "docker/nginx/default.conf.template",
        "dev/kubernetes/deployment.yml",
        "extra/k8s/app.yml",
        "build/Dockerfile",
        "src/i18n/translate.py",
        "config.default.php",
        "docker-compose.yml",
        ".env",
        "requirements.txt",
        "deploy/app-v1/run.py",
        "migrations-2024.01/a.py",
        "latest/handler.go",
        "assets/js/core/bootstrap.js",
        "libs/orders/src/index.ts",
        "spec/openapi.yaml",
        "src/mock.ts",
        "resources/stubs/controller.php",
    ),
    "test": (
        "tests/test_app.py",
        "src/test/java/a/OwnerTests.java",
        "pkg/a_test.go",
        "src/a.spec.ts",
        "spec/models/user_spec.rb",
        "tests.py",
        "conftest.py",
        "caddytest/caddytest.go",
        "cypress/e2e/login.js",
        ".env.test",
        "config/environments/test.rb",
        "internal/reader/testdata/a.xml",
        "docker-compose.test.yml",
        "frontend/app/__stubs__/jwt.ts",
        "src/contractTest/resources/application.properties",
        "src/aat/java/a/Steps.java",
        "features/support/env.rb",
        "src/cache/cache.service.mock.ts",
        "store/orders_fake.go",
        "docker/regtest/docker-compose.yml",
        "docker/docker-compose.cypress.yml",
        "cmd/mock-pay/main.go",
        "docker/pay-stub/Dockerfile",
    ),
    "dev": (
        "docker-compose.override.yml",
        "docker-compose.dev.yml",
        "compose/local/Dockerfile",
        "services/local/docker.env",
        ".devcontainer/Dockerfile",
        "Vagrantfile",
        "config/environments/development.rb",
        "app/core/settings/development.py",
        "settings/local_dev.py",
        "infra/preview/web.service",
        "project/settings/local.py",
        "config/env/development.js",
        "Procfile.dev",
        "Procfile.windows",
        ".env.development",
        "Dockerfile.dev",
        "src/main/resources/application-dev.yml",
        "terraform/environments/dev/main.tf",
    ),
    "docs": (
        "README.md",
        "LICENSE",
        "docs/conf.py",
        "settings/example-local.py",
        "examples/app/main.go",
        ".env.example",
        "config.sample.php",
        "docker-compose.example.yml",
        "packages/a/examples/b.js",
        "sample_conf/config.json",
    ),
    "ci": (".github/workflows/tests.yml", ".gitlab-ci.yml", "Jenkinsfile", ".circleci/config.yml", ".travis.yml"),
    "migrations": (
        "db/migrate/1_a.rb",
        "app/migrations/0001_initial.py",
        "alembic/versions/a.py",
        "src/main/resources/db/migration/V1__a.sql",
    ),
    "admin": ("manage.py", "shop/management/commands/reset.py", "lib/tasks/a.rake", "scripts/reset.sh"),
    "vendored": (
        "public/plugins/codemirror-5.17.0/mode/a.js",
        "vendor/autoload.php",
        "web/node_modules/a/index.js",
        "static/js/jquery-3.2.1.js",
        "app/assets/vendor/theme/a.js",
    ),
    "generated": ("static/app.min.js", "a/b_pb2.py", "api/a.pb.go", "web/dist/app.js", "db/schema.rb", "gradlew"),
    "locale": (
        "internal/locale/translations/pl_PL.json",
        "app/Locale/pl_PL/translations.php",
        "config/locales/de.yml",
        "app/translations/es/messages.po",
        "src/locales/en.ts",
        "src/main/resources/messages/messages_ru.properties",
    ),
    "lock": ("package-lock.json", "go.sum", "poetry.lock", "docs/yarn.lock"),
    "binary": ("a/logo.png", "target/app.jar", "public/icon.svg"),
}


@pytest.mark.parametrize(("context", "path"), [(context, path) for context, paths in _PATHS.items() for path in paths])
def test_the_path_tells_what_a_file_is_for(context: str, path: str) -> None:
    assert classify(path) == context


@given(st.text())
def test_any_path_has_a_context(path: str) -> None:
    assert classify(path) in CONTEXTS
    language_of(path)
    stands_for(path)


@given(st.binary(max_size=4096), st.sampled_from(["a.js", "a.py", "b.css"]))
def test_any_bytes_are_looked_at(head: bytes, path: str) -> None:
    assert classify_content(path, head) in (None, *CONTEXTS)


def test_a_very_deep_path_costs_no_recursion() -> None:
    assert classify("a/" * 20_000 + "b.py") == "prod"


@pytest.mark.parametrize(
    ("path", "head", "context"),
    [
        ("a.js", b"!function(){" + b"a=1;" * 900, "generated"),
        ("a.go", b"// Code generated by sqlc. DO NOT EDIT.\npackage a\n", "generated"),
        ("a.js", b"/*!\n * jQuery JavaScript Library v3.2.1\n */", "vendored"),
        ("a.py", b"\0\1", "binary"),
        ("a.py", b'"""Tells people: do not edit this by hand."""\n', None),
        ("a.js", b"/* Sends version 2 of the form. */\nsend();\n", None),
    ],
)
def test_the_first_bytes_tell_what_the_path_does_not(path: str, head: bytes, context: str | None) -> None:
    assert classify_content(path, head) == context


def test_a_library_that_was_copied_in_with_its_licence_is_found() -> None:
    copied = copied_in(
        ["libs/picodb/LICENSE", "libs/picodb/lib/a.php", "packages/mine/LICENSE", "LICENSE", "src/a.php"]
    )
    assert copied == {"libs/picodb"}


def test_where_most_libraries_are_copied_in_all_of_them_are() -> None:
    assert "libs" in copied_in([f"libs/{name}/LICENSE" for name in "abc"] + ["libs/d/a.php"])


@pytest.mark.parametrize(
    ("sample", "real"),
    [
        (".env.example", ".env"),
        ("config.sample.php", "config.php"),
        ("sample_conf/config.json", "conf/config.json"),
        ("env.example", "env"),
        ("app/example.py", None),
        ("app.py", None),
    ],
)
def test_a_sample_stands_for_the_file_that_it_is_copied_to(sample: str, real: str | None) -> None:
    assert stands_for(sample) == real
