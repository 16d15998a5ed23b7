"""Ruby: the constants of well-known gems that code uses; with Bundler, few are asked for by a `require`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tolv.check.look import Look
from tolv.check.source import Source

#: The gem by its constant; frameworks and what they are made of are left out, as they are declared as a whole.
GEM_OF_CONSTANT = {
    "Addressable": "addressable",
    "BCrypt": "bcrypt",
    "Dalli": "dalli",
    "Elasticsearch": "elasticsearch",
    "Faraday": "faraday",
    "HTTParty": "httparty",
    "JWT": "jwt",
    "Kramdown": "kramdown",
    "Loofah": "loofah",
    "Mechanize": "mechanize",
    "MiniMagick": "mini_magick",
    "Mongo": "mongo",
    "Nokogiri": "nokogiri",
    "Oj": "oj",
    "Prawn": "prawn",
    "Redcarpet": "redcarpet",
    "Redis": "redis",
    "RestClient": "rest-client",
    "Roo": "roo",
    "SAXMachine": "sax-machine",
    "Sanitize": "sanitize",
    "Sequel": "sequel",
    "Typhoeus": "typhoeus",
    "Vips": "ruby-vips",
}


@dataclass(frozen=True, slots=True)
class UsedConstant:
    """A constant, once a file."""

    gem: str
    line: int


constants: Look[UsedConstant] = Look("constants")


@constants.reads("ruby", words=tuple(GEM_OF_CONSTANT))
def _constants(source: Source) -> Iterator[UsedConstant]:
    wanted = {name for name in GEM_OF_CONSTANT if name.encode() in source.words}
    first: dict[str, int] = {}
    for call in source.calls():
        name = call.name.partition(".")[0].partition("::")[0]
        if name in wanted:
            first[name] = min(call.line, first.get(name, call.line))
    for name, line in sorted(first.items(), key=lambda one: one[1]):
        yield UsedConstant(GEM_OF_CONSTANT[name], line)
