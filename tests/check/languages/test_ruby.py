"""Ruby as rules see it."""

from __future__ import annotations

import pytest
from check.languages.reading import bound, call, names, reads, said, source, writes


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('ENV["A"]', "env A"),
        ('ENV["A"] || "x"', "env A or str x"),
        ('ENV.fetch("A")', "env A"),
        ('ENV.fetch("A", 5)', "env A or int 5"),
        ('ENV.fetch("A") { "x" }', "env A or str x"),
        ('ENV.fetch("A", nil)', "env A"),
        ('ENV.fetch("A", "5").to_i', "env A or str 5"),
        ('Integer(ENV["A"] || 5)', "env A or int 5"),
        ('ENV["A"].presence || "x"', "env A or str x"),
        ('ENV["A"] ? ENV["A"] : "x"', "env A or str x"),
        ('ENV["A"] == "true"', "env A or bool false"),
        ('"a#{ENV["A"]}b"', "template a{}b [env A]"),
        ("'a' + 'b'", "str ab"),
        (":sym", "str sym"),
        ("nil", "null nil"),
        ("[1, 2]", "list [int 1, int 2]"),
        ("{a: 1, 'b' => 2}", "dict [int 1, int 2]"),
        ("Redis.new(url: 1)", "call Redis.new(int 1)"),
    ],
)
def test_an_expression_is_read_as_what_it_gives(expression: str, value: str) -> None:
    assert bound("ruby", f"it = {expression}\n", "it") == value


def test_an_object_is_known_by_its_class() -> None:
    text = "log = ActiveSupport::Logger.new('x')\nlog.info('y')\n"
    assert names("ruby", text) == ["ActiveSupport.Logger.new", "ActiveSupport.Logger.info"]
    assert names("ruby", text, "Logger.new") == ["ActiveSupport.Logger.new"]


def test_pairs_are_keywords() -> None:
    made = call("ruby", "Redis.new(url: ENV['U'], 'password' => 'x')", "Redis.new")
    assert {name: said(value) for name, value in made.keywords.items()} == {"url": "env U", "password": "str x"}


def test_settings_of_rails_and_sinatra_are_bindings() -> None:
    text = "Rails.application.configure do\n config.secret_key_base = 'x'\nend\nset :session_secret, 'y'\n"
    found = list(source("ruby", text).bindings("secret"))
    assert [(one.name, said(one.value)) for one in found] == [("secret_key_base", "str x"), ("session_secret", "str y")]
    assert all(one.scope.at_import for one in found)


def test_state_that_methods_and_routes_change_is_written() -> None:
    text = """$hits = 0
CACHE = {}
class A
  @@count = 0
  def self.f(a)
    @@count += 1; CACHE[a] = 1; $hits = 2; CACHE.store(1, 2); local = 1; local += 1
  end
end
get "/" do
  $hits += 1
end
CACHE[:boot] = 1
"""
    assert writes("ruby", text) == [
        ("@@count", "augment", 6),
        ("CACHE", "item", 6),
        ("$hits", "rebind", 6),
        ("CACHE", "method", 6),
        ("$hits", "augment", 10),
    ]


def test_imports_are_libraries_and_files() -> None:
    text = "require 'a'\nrequire_relative 'b'\nbegin\n require 'c'\nrescue LoadError\nend\nrequire 'd' if x\n"
    found = source("ruby", text).imports()
    assert [one.module for one in found] == ["a", "./b", "c", "d"]
    assert [one.module for one in found if one.optional] == ["c"]
    assert [one.module for one in found if one.guarded] == ["d"]


def test_functions_are_methods() -> None:
    found = source("ruby", "class A\n def self.f(a, b = 1, c: 2)\n end\nend\n").functions()
    assert [(one.name, one.parameters, one.scope.owner) for one in found] == [("f", ("a", "b", "c"), "A")]


def test_guards_are_read_in_all_their_forms() -> None:
    assert call("ruby", "go if a", "go").scope.guards == ("a",)
    assert call("ruby", "go(1) if a", "go").scope.guards == ("a",)
    assert call("ruby", "go(1) unless a", "go").scope.guards == ("not (a)",)
    assert call("ruby", "unless a\n go(1)\nend", "go").scope.guards == ("not (a)",)
    assert call("ruby", "if a\n 1\nelse\n go(1)\nend", "go").scope.guards == ("not (a)",)


def test_reads_are_found_wherever_they_stand() -> None:
    assert reads("ruby", "f(ENV['A'])\nx = { k: ENV.fetch('B') }\n") == ["env A", "env B"]


def test_a_block_that_is_handed_on_without_a_name_is_read() -> None:
    one = source("ruby", 'def view(&)\n  div class: "x", &\n  go(1)\nend\n')
    assert one.broken is None
    assert [call.line for call in one.calls("go")] == [3]
