"""Java as rules see it."""

from __future__ import annotations

import pytest
from check.languages.reading import bound, call, names, reads, said, source, writes


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('System.getenv("A")', "env A"),
        ('System.getenv().getOrDefault("A", "x")', "env A or str x"),
        ('Optional.ofNullable(System.getenv("A")).orElse("x")', "env A or str x"),
        ('System.getenv("A") != null ? System.getenv("A") : "x"', "env A or str x"),
        ('Integer.parseInt(System.getenv("A"))', "env A"),
        ('System.getProperty("a", "x")', "env a or str x"),
        ('"a" + b', "template a{} [name b]"),
        ("(String) null", "null null"),
        ("10L", "int 10"),
        ("new HashMap<>()", "call HashMap()"),
        ('{"a", "b"}', "list [str a, str b]"),
        ('"""\n hi"""', "str \n hi"),
    ],
)
def test_an_expression_is_read_as_what_it_gives(expression: str, value: str) -> None:
    assert bound("java", f"class A {{ String it = {expression}; }}", "it") == value


def test_names_are_resolved_through_imports_and_types() -> None:
    text = """import org.x.Rest; import static java.lang.System.getenv;
class A { private final Rest rest; A(Rest rest) { this.rest = rest; }
 void f(Rest r) { rest.get(); this.rest.put(); r.post(); Rest q = new Rest(); q.head(); getenv("X"); } }
"""
    assert names("java", text) == [
        "org.x.Rest.get",
        "org.x.Rest.put",
        "org.x.Rest.post",
        "org.x.Rest",
        "org.x.Rest.head",
        "java.lang.System.getenv",
    ]


def test_injected_settings_are_reads() -> None:
    text = """class A { @Value("${a.b:c}") private String s; A(@Value("${p}") String p) {}
 @ConfigProperty(name = "q", defaultValue = "r") String t; }"""
    assert reads("java", text) == ["env a.b or str c", "env p", "env q or str r"]
    assert bound("java", text, "s") == "env a.b or str c"


def test_annotations_are_decorators_and_calls() -> None:
    text = 'class A { @GetMapping(value = "/x") @Async public void f(@RequestBody B b) {} }'
    [one] = source("java", text).functions()
    assert (one.name, one.parameters, [d.name for d in one.decorators]) == ("f", ("b",), ["GetMapping", "Async"])
    assert said(call("java", text, "GetMapping").argument(0, "value")) == "str /x"


def test_static_fields_and_those_of_singletons_are_state() -> None:
    text = """class A { static Map<String, String> cache = new HashMap<>(); int n = 0;
 void f() { cache.put("a", "b"); n++; A.cache = null; int local = 1; local++; } }
@Service class B { private int n = 0; B() { n = 1; } void f() { n++; this.n = 2; } }
"""
    assert writes("java", text) == [
        ("cache", "method", 2),
        ("cache", "rebind", 2),
        ("n", "augment", 3),
        ("n", "rebind", 3),
    ]


def test_imports_keep_their_wildcard() -> None:
    found = source("java", "import a.b.C;\nimport d.*;\nimport static e.F.g;\n").imports()
    assert [(one.module, one.line) for one in found] == [("a.b.C", 1), ("d.*", 2), ("e.F.g", 3)]


def test_conditions_guard() -> None:
    text = "class A { void f() { if (a) { g(); } else { h(); } try { i(); } catch (E e) { j(); } } }"
    assert call("java", text, "g").scope.guards == ("a",)
    assert call("java", text, "h").scope.guards == ("not (a)",)
    assert call("java", text, "j").scope.guards == ("catch",)
    assert call("java", text, "i").scope.names == ("A", "f")


def test_an_annotated_array_of_arguments_is_read() -> None:
    one = source("java", "class A {\n  void f(String @Nullable ... items) {\n    go(1);\n  }\n}\n")
    assert one.broken is None
    assert [call.line for call in one.calls("go")] == [3]
