"""JavaScript and TypeScript as rules see them."""

from __future__ import annotations

import pytest
from check.languages.reading import bound, call, names, reads, said, source, writes


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("process.env.A", "env A"),
        ("process.env['A']", "env A"),
        ("process?.env?.A", "env A"),
        ("import.meta.env.A", "env A"),
        ("process.env[key]", "env None"),
        ("process.env.A || 'x'", "env A or str x"),
        ("process.env.A ?? 'x'", "env A or str x"),
        ("process.env.A || process.env.B || 'x'", "env A or env B or str x"),
        ("process.env.A ? process.env.A : 'x'", "env A or str x"),
        ("!process.env.A ? 'x' : process.env.A", "env A or str x"),
        ("prod ? 'x' : 'y'", "choice [str x, str y]"),
        ("options.a || process.env.A || 1", "choice [name options.a, env A or int 1]"),
        ("parseInt(process.env.A || '80', 10)", "env A or str 80"),
        ("Number(process.env.A) || 80", "env A or int 80"),
        ("process.env.A.trim().split(',')", "env A"),
        ("(process.env.A as string)!", "env A"),
        ("process.env.A || null", "env A"),
        ("process.env.A === 'true'", "env A or bool false"),
        ("process.env.A !== 'false'", "env A or bool true"),
        ("Deno.env.get('A')", "env A"),
        ("getEnv('A', 'x')", "env A or str x"),
        ("envOrDefault('A', 'x')", "env A or str x"),
        ("environment('a')", "call environment(str a)"),
        ("`http://${process.env.A}:80`", "template http://{}:80 [env A]"),
        ("'http://' + host + ':80'", "template http://{}:80 [name host]"),
        ("'a' + 'b'", "str ab"),
        ("`plain`", "str plain"),
        ("'it\\'s \\u0041'", "str it's A"),
        ("-1.5e3", "float -1.5e3"),
        ("0x1f", "int 0x1f"),
        ("undefined", "null undefined"),
        ("[1, 'a']", "list [int 1, str a]"),
        ("{a: 1, 'b': true}", "dict [int 1, bool true]"),
        ("await connect(1)", "call connect(int 1)"),
        ("() => 1", "unknown"),
    ],
)
def test_an_expression_is_read_as_what_it_gives(expression: str, value: str) -> None:
    assert bound("javascript", f"const it = {expression};", "it", "ts") == value


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import express from 'express'; express()", "express"),
        ("import * as h from 'node:http'; h.createServer()", "http.createServer"),
        ("import {createServer as make} from 'http'; make()", "http.createServer"),
        ("const {createServer} = require('http'); createServer()", "http.createServer"),
        ("const {createServer: make} = require('http'); make()", "http.createServer"),
        ("const make = require('http').createServer; make()", "http.createServer"),
        ("require('http').createServer()", "http.createServer"),
        ("import fs = require('fs'); fs.writeFile()", "fs.writeFile"),
        ("const app = express(); app.listen()", "express.listen"),
        ("const app = require('express')(); app.listen()", "express.listen"),
        ("const db = new pg.Pool(); db.query()", "pg.Pool.query"),
        ("let db; db = new Pool(); db.query()", "db.query"),
        ("class A { constructor(private http: HttpService) {} f() { this.http.get() } }", "HttpService.get"),
        ("class A { constructor() { this.db = make() } f() { this.db.save() } }", "make.save"),
        ("const db = require('./lib/db.js'); db.save()", "./lib/db.save"),
        ("function f(app) { app.listen() }", "app.listen"),
        ("const app = express(); function f(app) { app.listen() }", "app.listen"),
        ("a[0].save()", "a.[].save"),
    ],
)
def test_a_call_is_known_by_what_its_names_stand_for(text: str, name: str) -> None:
    assert name in names("javascript", text, suffix="ts")


def test_calls_are_found_by_resolved_written_and_last_names() -> None:
    text = "import {listen as l} from 'net'; l(1); server.listen(2); other.close()"
    assert names("javascript", text, "net.listen") == ["net.listen"]
    assert names("javascript", text, ".listen") == ["net.listen", "server.listen"]
    assert names("javascript", text, "server.listen") == ["server.listen"]
    assert names("javascript", text, "isten") == []


def test_properties_of_an_argument_are_keywords() -> None:
    made = call("javascript", "new Pool({password: 'x', max: 5}, 1)", "Pool")
    assert {name: said(value) for name, value in made.keywords.items()} == {"password": "str x", "max": "int 5"}
    assert said(made.argument(0, "password")) == "str x"
    assert said(made.arguments[1]) == "int 1"


def test_a_name_that_is_bound_once_reads_as_its_value() -> None:
    text = "const port = process.env.PORT || 80; app.listen(port)"
    [argument] = call("javascript", text, ".listen").arguments
    assert (said(argument), argument.via) == ("env PORT or int 80", "port")


def test_a_name_that_is_bound_twice_stays_a_name() -> None:
    assert said(call("javascript", "let p = 1; p = 2; f(p)", "f").arguments[0]) == "name p"


def test_a_default_that_is_set_where_the_variable_is_absent_is_its_default() -> None:
    text = "let p = process.env.P; if (!p) { p = '80' } f(p)"
    assert said(call("javascript", text, "f").arguments[0]) == "env P or str 80"


def test_a_property_of_an_object_of_the_file_reads_as_its_value() -> None:
    text = "const config = {port: process.env.PORT}; f(config.port)"
    assert said(call("javascript", text, "f").arguments[0]) == "env PORT"


def test_a_destructured_environment_is_read() -> None:
    assert reads("javascript", "const {A = 'x', B: b} = process.env") == ["env A or str x", "env B"]
    assert reads("javascript", "const env = process.env; f(env.A)") == ["env A"]


def test_schemas_of_settings_are_read() -> None:
    envalid = "const env = cleanEnv(process.env, {KEY: str({default: 'x'}), B: port()})"
    assert reads("javascript", envalid) == ["env KEY or str x", "env B"]
    convict = "convict({key: {env: 'KEY', default: 'x', format: String}})"
    assert reads("javascript", convict) == ["env KEY or str x"]
    nest = "class A { constructor(private c: ConfigService) {} f() { return this.c.get('KEY', 'x') } }"
    assert reads("javascript", nest, "ts") == ["env KEY or str x"]


def test_bindings_say_how_they_bind() -> None:
    text = """
    password = 'a'; o.password = 'b'; o['password'] = 'c'; f({password: 'd'}); x = {password: 'e'};
    class A { static password = 'f' } function g(password = 'g') {} s.password += 'h'
    """
    found = [(one.how, said(one.value), one.callee) for one in source("javascript", text).bindings("PASSWORD")]
    assert found == [
        ("assign", "str a", None),
        ("assign", "str b", None),
        ("assign", "str c", None),
        ("keyword", "str d", "f"),
        ("key", "str e", None),
        ("attribute", "str f", None),
        ("parameter", "str g", None),
        ("augment", "str h", None),
    ]


def test_imports_are_all_that_is_asked_for() -> None:
    text = """import a, {b} from 'x';
import type {T} from 'y';
export * from './z';
const {c} = require('w');
try { require('v') } catch (e) {}
async function f() { await import('u') }
if (DEBUG) require('t');
"""
    found = source("javascript", text, "ts").imports()
    assert [(one.module, one.names) for one in found] == [
        ("x", ("b",)),
        ("y", ("T",)),
        ("./z", ()),
        ("w", ("c",)),
        ("v", ()),
        ("u", ()),
        ("t", ()),
    ]
    assert [one.module for one in found if one.typing] == ["y"]
    assert [one.module for one in found if one.optional] == ["v"]
    assert [one.module for one in found if one.in_function] == ["u"]
    assert [one.module for one in found if one.guarded] == ["t"]


def test_functions_have_names_parameters_and_decorators() -> None:
    text = """function a(x, {y}, ...z) {}
const b = async (x = 1) => {};
class C { @Get('/p') @Auth async d(@Body() e: E) {} f() {} }
list.map((q) => q);
"""
    found = source("javascript", text, "ts").functions()
    assert [(one.name, one.parameters, one.is_async, one.line) for one in found] == [
        ("a", ("x", "{y}", "...z"), False, 1),
        ("b", ("x",), True, 2),
        ("d", ("e",), True, 3),
        ("f", (), False, 3),
    ]
    assert [(one.name, [said(a) for a in one.arguments]) for one in found[2].decorators] == [
        ("Get", ["str /p"]),
        ("Auth", []),
    ]
    assert found[2].scope.owner == "C"
    assert found[3].decorators == ()


def test_state_of_the_module_that_functions_change_is_written() -> None:
    text = """let count = 0; const cache = {}, list = []; const limit = 1;
count = 1;
function f(list2) { count++; count = 2; cache.a = 1; cache['b'] += 1; delete cache.a; list.push(1); list2.push(2) }
function g() { let count = 5; count++; const cache = {}; cache.a = 1; process.env.X = limit }
(function () { count = 7 })();
"""
    assert writes("javascript", text) == [
        ("count", "augment", 3),
        ("count", "rebind", 3),
        ("cache", "item", 3),
        ("cache", "augment", 3),
        ("cache", "delete", 3),
        ("list", "method", 3),
    ]


def test_fields_are_state_where_they_are_static_or_of_a_singleton() -> None:
    assert writes("javascript", "class A { static n = 0; m = 0; f() { A.n++; this.m++ } }") == [("n", "augment", 1)]
    singleton = "@Injectable()\nexport class A { private m = 0; f() { this.m++ } }"
    assert writes("javascript", singleton, "ts") == [("m", "augment", 2)]


def test_a_write_knows_what_the_state_was_declared_as() -> None:
    [write] = source("javascript", "const seen =\n new Map();\nfunction f() { seen.set(1, 2) }").writes()
    assert (said(write.initial), write.declared, write.scope.function) == ("call Map()", 1, "f")


def test_a_scope_has_names_and_guards() -> None:
    text = "class A { f() { if (process.env.NODE_ENV !== 'production') { go() } else { stop() } } }"
    scope = call("javascript", text, "go").scope
    assert (scope.names, scope.kinds) == (("A", "f"), ("class", "function"))
    assert scope.guards == ("process.env.NODE_ENV !== 'production'",)
    assert call("javascript", text, "stop").scope.guards == ("not (process.env.NODE_ENV !== 'production')",)
    assert call("javascript", "(() => { go() })()", "go").scope.at_import


def test_texts_are_literals_and_templates_but_no_keys_nor_modules() -> None:
    text = "import 'pg://a'; x = {'pg://b': 'pg://c'}; y = 'pg://' + u + '@h'; z = `pg://${v}`; // pg://d"
    found = [said(one) for one in source("javascript", text).texts("pg://")]
    assert found == ["str pg://c", "template pg://{}@h [name u]", "template pg://{} [name v]"]


def test_places_count_characters_from_one() -> None:
    one = call("javascript", "\n  'é😀'; f(1)", "f")
    assert (one.line, one.column) == (2, 9)


def test_jsx_is_read() -> None:
    text = "const A = () => <Form password='x' onSubmit={() => send(process.env.URL)} />"
    assert names("javascript", text, "send", suffix="tsx") == ["send"]
    assert reads("javascript", text, "tsx") == ["env URL"]


def test_what_is_not_understood_is_said_and_the_rest_is_read() -> None:
    one = source("javascript", "f(1);\nconst = = ;\ng(2);\n")
    assert one.broken == "line 2 is not understood"
    assert [call.name for call in one.calls("f")] == ["f"]


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("export type * from './client';\ngo(1);\n", "ts"),
        ("const A = () => <a href='/x?a=1&utm_medium=b' onClick={() => go(1)} />;\n", "tsx"),
        ("const A = styled.div<{ wide?: boolean }>`a`;\ngo(1);\n", "tsx"),
        ("const A = () => <h2 onClick={() => go(1)}>FIND & REPLACE IN TEXTS</h2>;\n", "tsx"),
    ],
)
def test_newer_forms_are_read_and_nothing_moves(text: str, suffix: str) -> None:
    one = source("javascript", text, suffix)
    assert (
        next(iter(one.calls("go"))).column == text.split("\n")[text[: text.index("go(1)")].count("\n")].index("go") + 1
    )
    assert one.broken is None
