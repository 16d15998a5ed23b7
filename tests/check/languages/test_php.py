"""PHP as rules see it."""

from __future__ import annotations

import pytest
from check.languages.reading import bound, call, names, reads, said, source, writes


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("getenv('A')", "env A"),
        ("getenv('A') ?: 'x'", "env A or str x"),
        ("$_ENV['A'] ?? 'x'", "env A or str x"),
        ("$_SERVER['APP_ENV']", "env APP_ENV"),
        ("$_SERVER['REQUEST_URI']", "name _SERVER.REQUEST_URI"),
        ("env('A', 'x')", "env A or str x"),
        ("env('A')", "env A"),
        ("env('A', null)", "env A"),
        ("(int) env('A', 5)", "env A or int 5"),
        ("getenv('A') ? getenv('A') : 'x'", "env A or str x"),
        ("'a' . $b", "template a{} [name b]"),
        ('"a{$b}c"', "template a{}c [name b]"),
        ("'it\\'s'", "str it's"),
        ("['a' => 1, 2]", "dict [int 1, int 2]"),
        ("[1, 2]", "list [int 1, int 2]"),
        ("null", "null null"),
        ("TRUE", "bool true"),
        ("new Redis()", "call Redis()"),
        ("Foo::BAR", "name Foo.BAR"),
    ],
)
def test_an_expression_is_read_as_what_it_gives(expression: str, value: str) -> None:
    assert bound("php", f"<?php $it = {expression};", "it") == value


def test_names_are_resolved_through_use_and_types() -> None:
    text = """<?php use Monolog\\Logger as Log; use Illuminate\\Support\\Facades\\{DB, Cache};
$l = new Log('x'); $l->info('y'); DB::table('t'); \\Foo\\bar();
class A { public function __construct(private Log $log) {} function f() { $this->log->error('z'); } }
"""
    assert names("php", text) == [
        "Monolog.Logger",
        "Monolog.Logger.info",
        "Illuminate.Support.Facades.DB.table",
        "Foo.bar",
        "Monolog.Logger.error",
    ]


def test_constants_arrays_and_properties_are_bindings() -> None:
    text = """<?php define('DB_PASSWORD', 'a'); const PASSWORD_TWO = 'b'; $c['password'] = 'c';
return ['password' => 'd'];
class A { const PASSWORD = 'e'; private $password = 'f'; function g($password = 'g') { $this->password = 'h'; } }
connect(password: 'i'); $x = new Pdo(['password' => 'j']);
"""
    found = [(one.how, said(one.value), one.callee) for one in source("php", text).bindings("password")]
    assert found == [
        ("assign", "str a", None),
        ("assign", "str b", None),
        ("assign", "str c", None),
        ("key", "str d", None),
        ("attribute", "str e", None),
        ("attribute", "str f", None),
        ("parameter", "str g", None),
        ("assign", "str h", None),
        ("keyword", "str i", "connect"),
        ("keyword", "str j", "Pdo"),
    ]


def test_arrays_and_named_arguments_are_keywords() -> None:
    assert said(call("php", "<?php f(['a' => 1], b: 2);", "f").argument(-1, "a")) == "int 1"
    assert said(call("php", "<?php f(['a' => 1], b: 2);", "f").argument(-1, "b")) == "int 2"


def test_static_state_is_written() -> None:
    text = """<?php class A { static $n = []; public $m = 0;
function f() { self::$n[] = 1; $this->m++; static $k = 0; $k++; } }"""
    assert writes("php", text) == [("n", "item", 2), ("k", "augment", 2)]


def test_imports_are_classes_and_files() -> None:
    text = "<?php\nuse A\\B;\nuse C\\{D, E as F};\nrequire __DIR__ . '/x.php';\ninclude 'y.php';\n"
    assert [one.module for one in source("php", text).imports()] == ["A\\B", "C\\D", "C\\E", "./x.php", "y.php"]


def test_functions_have_attributes() -> None:
    [one] = source("php", "<?php class A { #[Route('/x')] public function f(int $a) {} }").functions()
    assert (one.name, one.parameters) == ("f", ("a",))
    assert [(d.name, said(d.arguments[0])) for d in one.decorators] == [("Route", "str /x")]


def test_conditions_guard() -> None:
    text = "<?php if ($a) { f(); } elseif ($b) { g(); } else { h(); }"
    assert call("php", text, "f").scope.guards == ("$a",)
    assert call("php", text, "h").scope.guards == ("not ($a)",)


def test_reads_stand_in_arrays_of_settings() -> None:
    assert reads("php", "<?php return ['key' => env('APP_KEY'), 'd' => env('D', 'x')];") == [
        "env APP_KEY",
        "env D or str x",
    ]
