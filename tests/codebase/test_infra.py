"""Small files around an app: settings, nginx, Terraform, app.json, Cloud Foundry."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.infra import (
    parse_app_json,
    parse_cloud_foundry,
    parse_ini,
    parse_json,
    parse_nginx,
    parse_properties,
    parse_spring_yaml,
    parse_terraform,
    parse_toml,
    programs,
    systemd_environment,
)


def test_ini_has_sections_and_lines() -> None:
    unit = parse_ini('[Service]\n# why\nExecStart=/bin/a \\\n  --b\nEnvironment=A=1 "B=x y"\nEnvironment=C=2\n')
    start = unit.get("Service.ExecStart")
    assert start is not None
    assert (start.value, start.line) == ("/bin/a --b", 3)
    assert [(one.key, one.value, one.line) for one in systemd_environment(unit)] == [
        ("A", "1", 5),
        ("B", "x y", 5),
        ("C", "2", 6),
    ]


def test_programs_of_supervisord_start_by_themselves() -> None:
    text = "[program:a]\ncommand=x -y ; why\n[program:b]\ncommand=z\nautostart=false\n"
    assert [(one.name, one.command, one.line) for one in programs(text, "")] == [("a", "x -y", 2)]


def test_properties_have_their_profiles() -> None:
    text = "a.b = 1\n! no\nc:x\\\n  y\n#---\nspring.config.activate.on-profile=prod\na.b=2\n"
    found = parse_properties(text, "src/main/resources/application.properties")
    assert [(one.key, one.value, one.line, one.profile) for one in found] == [
        ("a.b", "1", 1, None),
        ("c", "xy", 3, None),
        ("spring.config.activate.on-profile", "prod", 6, "prod"),
        ("a.b", "2", 7, "prod"),
    ]
    assert [one.profile for one in parse_properties("a=1", "application-test.properties")] == ["test"]


def test_spring_yaml_is_flat_with_profiles() -> None:
    found = parse_spring_yaml(
        "spring:\n  datasource: {url: x}\n---\nspring: {profiles: mysql}\na: [1]\n", "application.yml"
    )
    assert [(one.key, one.value, one.line, one.profile) for one in found] == [
        ("spring.datasource.url", "x", 2, None),
        ("spring.profiles", "mysql", 4, "mysql"),
        ("a.0", "1", 5, "mysql"),
    ]


def test_toml_and_json_have_lines() -> None:
    found = parse_toml('a = 1\n[b.c]\n"d e" = true\n[[f]]\ng = "x"\n[[f]]\ng = "y"\n')
    assert [(one.key, one.value, one.line) for one in found] == [
        ("a", "1", 1),
        ("b.c.d e", "true", 3),
        ("f.0.g", "x", 5),
        ("f.1.g", "y", 7),
    ]
    assert [(one.key, one.line) for one in parse_json('{\n\t"a": {\n\t\t"b": 1\n\t}\n}')] == [("a.b", 3)]


def test_nginx_directives_know_their_blocks() -> None:
    file = parse_nginx('http {\n  # no\n  server {\n    listen 443 ssl;\n    access_log "/var/log/a b.log";\n  }\n}\n')
    assert file.problem is None
    assert [(one.name, one.args, one.line, one.inside) for one in file.named("listen", "access_log")] == [
        ("listen", ("443", "ssl"), 4, ("http", "server")),
        ("access_log", ("/var/log/a b.log",), 5, ("http", "server")),
    ]


def test_terraform_tells_literals_from_references() -> None:
    file = parse_terraform(
        'resource "aws_db_instance" "main" {\n  password = "hunter22"\n  user = var.user\n  url = "a${var.b}"\n'
        "  lifecycle { count = 1 }\n}\n"
    )
    (block,) = file.named("resource", "aws_db_instance")
    assert block.attributes["password"].value == "hunter22"
    assert (block.literals, block.labels, block.line) == ({"password"}, ("aws_db_instance", "main"), 1)
    assert [one.type for one in block.walk()] == ["resource", "lifecycle"]
    assert parse_terraform('a = "b"\n', "x.tfvars").attributes["a"].line == 1


def test_app_json_says_what_it_asks_for() -> None:
    file = parse_app_json(
        '{"env": {"A": {"generator": "secret"}, "B": "x", "C": {"required": false}},\n'
        ' "addons": ["heroku-redis:mini"],\n'
        ' "scripts": {"postdeploy": "migrate"}, "formation": {"web": {"quantity": 2}}}'
    )
    assert file.env["A"].generated
    assert (file.env["B"].value, file.env["C"].required) == ("x", False)
    assert (file.addons[0].line, file.scripts["postdeploy"].value, file.formation["web"].value) == (2, "migrate", "2")


def test_cloud_foundry_apps() -> None:
    (app,) = parse_cloud_foundry(
        "applications:\n- name: a\n  command: b\n  instances: 2\n  services: [db]\n  env: {X: 1}\n"
    )
    assert app.command is not None
    assert (app.name, app.command.line, app.services, app.env["X"].value) == ("a", 3, ("db",), "1")


def test_hostile_texts_take_no_time() -> None:
    for text in ('"\\' * 50_000, "'" * 50_001, "{" * 50_000, "a=[" * 10_000, "\\" * 50_001, "[a\n" * 20_000):
        parse_nginx(text)
        parse_terraform(text)
        parse_properties(text)
        parse_ini(text)
        parse_toml(text)


@given(st.one_of(st.text(), st.text(alphabet="ab=[]{}\"'\\\n;:#${}.- ")))
def test_any_text_is_read_or_has_a_problem(text: str) -> None:
    parse_nginx(text)
    parse_terraform(text)
    parse_app_json(text)
    parse_cloud_foundry(text)
    for settings in (
        parse_ini(text),
        parse_properties(text),
        parse_spring_yaml(text),
        parse_json(text),
        parse_toml(text),
    ):
        assert all(one.line >= 1 for one in settings)
    programs(text, "")
