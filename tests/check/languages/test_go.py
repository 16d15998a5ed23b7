"""Go as rules see it."""

from __future__ import annotations

import pytest
from check.languages.reading import bound, call, names, reads, said, source, writes

HEAD = 'package main\nimport (\n "os"\n "net/http"\n pq "github.com/lib/pq"\n "github.com/spf13/viper"\n)\n'


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('os.Getenv("A")', "env A"),
        ("os.Getenv(key)", "env None"),
        ('getEnv("A", "x")', "env A or str x"),
        ('strings.TrimSpace(os.Getenv("A"))', "env A"),
        ('viper.GetString("a")', "env a"),
        ('":" + os.Getenv("A")', "template :{} [env A]"),
        ("`raw\\n`", "str raw\\n"),
        ("-5", "int -5"),
        ("nil", "null nil"),
        ('map[string]int{"a": 1}', "dict [int 1]"),
        ('[]string{"a"}', "list [str a]"),
        ("&http.Server{}", "call net/http.Server()"),
    ],
)
def test_an_expression_is_read_as_what_it_gives(expression: str, value: str) -> None:
    assert bound("go", f"{HEAD}var it = {expression}\n", "it") == value


def test_names_are_resolved_through_imports_types_and_bindings() -> None:
    text = HEAD + (
        "func f(w http.ResponseWriter, r *http.Request) {\n"
        " srv := &http.Server{}\n srv.ListenAndServe()\n r.ParseForm()\n pq.Open()\n var c http.Client\n c.Get()\n}\n"
    )
    assert names("go", text) == [
        "net/http.Server",
        "net/http.Server.ListenAndServe",
        "net/http.Request.ParseForm",
        "github.com/lib/pq.Open",
        "net/http.Client.Get",
    ]
    assert names("go", text, "http.Server.ListenAndServe") == ["net/http.Server.ListenAndServe"]


def test_a_package_is_known_by_the_last_part_of_its_path() -> None:
    text = 'package m\nimport "github.com/go-redis/redis/v8"\nfunc f() { redis.NewClient(nil) }\n'
    assert names("go", text, "redis.NewClient") == ["github.com/go-redis/redis/v8.NewClient"]


def test_fields_of_a_struct_literal_are_keywords() -> None:
    made = call("go", HEAD + 'var s = http.Server{Addr: ":80"}', "http.Server")
    assert said(made.argument(-1, "Addr")) == "str :80"
    [one] = source("go", HEAD + 'var s = http.Server{Addr: ":80"}').bindings("addr")
    assert (one.how, one.callee) == ("keyword", "net/http.Server")


def test_a_default_for_an_empty_variable_is_its_default() -> None:
    text = HEAD + 'func f() {\n p := os.Getenv("P")\n if p == "" {\n  p = "80"\n }\n use(p)\n}\n'
    assert said(call("go", text, "use").arguments[0]) == "env P or str 80"
    text = HEAD + 'func f() {\n p, ok := os.LookupEnv("P")\n if !ok {\n  p = "80"\n }\n use(p)\n}\n'
    assert said(call("go", text, "use").arguments[0]) == "env P or str 80"


def test_tags_and_defaults_of_settings_are_read() -> None:
    text = 'package m\ntype C struct {\n Port string `env:"PORT" envDefault:"80"`\n}\n'
    assert reads("go", text) == ["env PORT or str 80"]
    text = HEAD + 'func f() { viper.SetDefault("secret", "x"); flag.String("token", "y", "usage") }\n'
    assert [(one.name, said(one.value)) for one in source("go", text).bindings("secret", "token")] == [
        ("secret", "str x"),
        ("token", "str y"),
    ]


def test_package_variables_that_functions_change_are_written() -> None:
    text = """package m
var cache = map[string]int{}
var total int
var seen sync.Map
func (s *S) f() {
 cache["a"] = 1; total++; total += 2; total = 3; delete(cache, "a"); seen.Store(1, 2); atomic.AddInt64(&total, 1)
 local := 1; local++; s.n = 1
}
func g() { total := 1; total++ }
"""
    assert writes("go", text) == [
        ("cache", "item", 6),
        ("total", "augment", 6),
        ("total", "augment", 6),
        ("total", "rebind", 6),
        ("cache", "delete", 6),
        ("seen", "method", 6),
        ("total", "method", 6),
    ]


def test_imports_and_functions_are_listed() -> None:
    one = source("go", HEAD + "func (s *S) Run(a, b string) {}\n")
    assert [(i.module, i.line) for i in one.imports()][:2] == [("os", 3), ("net/http", 4)]
    [function] = one.functions()
    assert (function.name, function.parameters) == ("Run", ("a", "b"))


def test_a_method_is_in_the_class_of_its_receiver() -> None:
    scope = call("go", "package m\nfunc (s *S) Run() { if debug { go func() { work() }() } }\n", "work").scope
    assert scope.owner == "S"
    assert scope.names == ("S", "Run", "<anonymous>")
    assert scope.guards == ("debug",)


def test_texts_are_no_imports_nor_tags() -> None:
    text = 'package m\nimport "pg://a"\ntype T struct { A int `x:"pg://b"` }\nvar u = "pg://" + host\n'
    assert [said(one) for one in source("go", text).texts("pg://")] == ["template pg://{} [name host]"]
