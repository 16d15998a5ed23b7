"""YAML with places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tolv.codebase.yamlfile import Node, is_templated, parse_yaml


def _read(text: str) -> Node:
    file = parse_yaml(text)
    assert file.problem is None
    assert file.first is not None
    return file.first


def test_every_value_has_its_line_and_column() -> None:
    node = _read("# first\nservices:\n  web:\n    ports:\n      - 80:80\n")
    port = node.at("services", "web", "ports", 0)
    assert port is not None
    assert (port.value, port.line, port.column) == ("80:80", 5, 9)
    assert [(key.value, key.line) for key, _ in node.pairs()] == [("services", 2)]


def test_what_is_not_there_is_none() -> None:
    node = _read("a: [1]\nb: ~\n")
    assert node.at("a", 1) is None
    assert node.at("x", "y") is None
    assert node.at("a", "b") is None
    assert node.text("b") is None
    assert node.text("a", 0) == "1"


def test_plain_values_have_the_types_that_programs_read() -> None:
    node = _read("a: yes\nb: '1'\nc: 1\nd: 1.5\ne:\nf: 22:22\ng: [1.2.3]\nh: 010\n")
    assert node.plain() == {"a": True, "b": "1", "c": 1, "d": 1.5, "e": None, "f": "22:22", "g": ["1.2.3"], "h": "010"}


def test_merged_maps_are_seen_and_never_win() -> None:
    node = _read("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [*x]}\n")
    assert node.plain()["y"] == {"b": 3, "a": 1}
    assert node.text("z", "b") == "2"


def test_an_alias_bomb_costs_what_its_text_costs() -> None:
    text = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 200))
    node = _read(text)
    assert sum(1 for _ in node.walk()) < 1000
    node.plain()


def test_a_map_that_holds_itself_is_read() -> None:
    node = _read("a: &a {b: *a, <<: *a, c: 1}\n")
    assert node.text("a", "b", "b", "c") == "1"
    node.plain()


def test_tags_are_never_constructed() -> None:
    node = _read("a: !Ref Bucket\nb: !!python/object/apply:os.system [ls]\n")
    assert node.text("a") == "Bucket"
    assert node.get("a").tag == "!Ref"  # type: ignore[union-attr]


def test_a_broken_document_takes_no_other_along() -> None:
    file = parse_yaml("a: 1\n---\nb: [\n---\nc: 3\n")
    assert file.problem is not None
    assert "line 4" in file.problem
    last = file.documents[-1].at("c")
    assert last is not None
    assert last.line == 5


def test_deep_nesting_is_a_problem_not_a_wait() -> None:
    for text in ("[" * 100_000, "- " * 100_000, "{a: " * 100_000):
        assert "nested deeper" in (parse_yaml(text).problem or "")


def test_a_template_is_read_as_far_as_it_is_fixed() -> None:
    text = (
        "{{- if .Values.on }}\nkind: Deployment\nspec:\n  replicas: {{ .Values.n }}\n"
        '  image: "{{ .a }}:{{ .b | default "x" }}"\n'
        "  labels:\n    {{- toYaml .Values.labels | nindent 4 }}\n{{- end }}\n"
    )
    assert parse_yaml(text).problem is not None
    file = parse_yaml(text, templates=True)
    assert "template" in (file.problem or "")
    assert file.first is not None
    assert file.first.text("kind") == "Deployment"
    assert file.first.text("spec", "replicas") == "{{ .Values.n }}"
    assert file.first.text("spec", "image") == '{{ .a }}:{{ .b | default "x" }}'
    assert is_templated(file.first.text("spec", "image") or "")


@given(st.one_of(st.text(), st.text(alphabet="{}[]%&*!|>-:? #'\"\n\tab<,")), st.booleans())
def test_any_text_is_read_or_has_a_problem(text: str, templates: bool) -> None:
    file = parse_yaml(text, templates=templates)
    for document in file.documents:
        document.plain()
        for node in document.walk():
            assert node.line >= 1
            node.items()
