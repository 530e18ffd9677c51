"""YAML as it is written by people: what is read, what is refused, and where it goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.model.errors import CaseError
from tw_conformance.notation.faults import Faults
from tw_conformance.notation.nodes import Document, read


def read_all(text: str) -> tuple[list[Document], list[str]]:
    """The documents of a text, and its faults as ``line:column: sentence``."""
    faults = Faults()
    documents = read(text, Path("x"), faults)
    ordered = CaseError(faults.as_list()).faults
    return documents, [str(fault).removeprefix("x:") for fault in ordered]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-5", -5),
        ("0", 0),
        ("true", True),
        ("false", False),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("True", "True"),
        ("1:30", "1:30"),
        ("1e3", "1e3"),
        ("1.5", "1.5"),
        (".inf", ".inf"),
        ("2026-01-01", "2026-01-01"),
        ("rcv_nxt+1", "rcv_nxt+1"),
        ("RST|ACK", "RST|ACK"),
        ("'010'", "010"),
        ('"+1"', "+1"),
        ("''", ""),
        ("'null'", "null"),
        ("|\n  a\n  b\n", "a\nb"),
    ],
)
def test_a_scalar_means_what_it_says(text: str, value: object) -> None:
    (document,), faults = read_all(f"key: {text}")
    assert document.data == {"key": value}
    assert type(document.data["key"]) is type(value)
    assert faults == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "1:5: a value is missing here: write one, or remove the key"),
        ("~", "1:6: ~ is no value: write one, or remove the key"),
        ("null", "1:6: null is no value: write one, or remove the key"),
        ("+1", "1:6: +1 is relative to what? YAML drops the sign: write rcv_nxt+1, or 1"),
        ("010", "1:6: 010 is octal to some YAML readers and decimal to others: write it without"),
        ("-010", "1:6: -010 is octal to some"),
        ("0x10", "1:6: 0x10 is a number to some YAML readers and text to others: write it in dec"),
        ("0o17", "1:6: 0o17 is a number to some"),
        ("1_000", "1:6: 1_000 is a number to some YAML readers and text to others: write it with"),
        ("9" * 5000, "is larger than any number that a case can use"),
        ("*name", "1:6: '*name' is a YAML alias: write the value out, or quote it if it is text"),
        ("&name 1", "1:6: YAML anchors (&name) are not read: remove it"),
        ("!!str 1", "1:6: YAML tags (tag:yaml.org,2002:str) are not read: remove it"),
        ("!mine [1]", "1:6: YAML tags (!mine) are not read: remove it"),
    ],
)
def test_a_scalar_that_readers_disagree_about_is_a_fault(text: str, sentence: str) -> None:
    _, (fault,) = read_all(f"key: {text}")
    assert sentence in fault


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", "3:1: key 'a' stands twice; first on line 1"),
        ("<<: {a: 1}", "1:1: merge keys (<<) are not read: write the keys out"),
        ("1: a", "1:1: a key has to be a word, and 1 is none; quote it"),
        ("true: a", "1:1: a key has to be a word, and true is none; quote it"),
        ("~: a", "1:1: a key has to be a word, and ~ is none; quote it"),
        ("? [a, {b: c}]\n: d", "1:3: a key has to be a word, and this is a list or a mapping"),
        ("*a : 1", "1:1: '*a' is a YAML alias"),
    ],
)
def test_a_key_is_a_word_and_stands_once(text: str, sentence: str) -> None:
    _, (fault,) = read_all(text)
    assert fault.startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1, 2\nb: 3", "2:2: not YAML: the list that opens with [ on line 1 is not closed"),
        ("a: {b: 1\nc: 2", "the mapping that opens with { on line 1 is not closed"),
        ("a: 'b", "the text that opens with a quote on line 1 is not closed"),
        ("a:\n\tb: 1", "2:1: not YAML: a tab can't indent; use spaces"),
        ("a: b: c", "1:5: not YAML: a second ': ' on this line, or a wrong indentation"),
        ("a: @b", "1:4: not YAML: '@' can't begin a value: quote the text"),
        ("*: ack", "1:2: not YAML: * begins a YAML alias here: quote text that begins with *"),
        ("- a\nb: 1", "2:1: not YAML: this is indented differently from what began on line 1"),
        ("{a: 1}}", "1:7: not YAML: nothing more was expected here"),
        ("a: \0", "1:4: the character U+0000 may not stand in YAML; remove it"),
        ("a: b\n\ud800", "2:1: the character U+D800 may not stand in YAML; remove it"),
        ("[" * 100_000, "1:20: 20 brackets in a row: a case needs six levels"),
        (("[" * 19 + " ") * 200, "1:23: nested deeper than 20 levels; a case needs six"),
        ("- " * 100_000, "nested deeper than 20 levels"),
    ],
)
def test_what_is_no_yaml_is_one_fault_in_plain_words(text: str, sentence: str) -> None:
    documents, (fault,) = read_all(text)
    assert sentence in fault
    assert documents == []


def test_a_key_may_be_as_deep_as_a_value_and_no_deeper() -> None:
    assert len(read_all("? " + "[ " * 20 + "] " * 20 + "\n: 1")[1]) == 1
    _, faults = read_all("? " + "[ " * 2_000)
    assert faults[-1] == "1:43: nested deeper than 20 levels; a case needs six"


def test_documents_before_a_syntax_error_are_read() -> None:
    documents, faults = read_all("a: 1\n---\nb: 2\n---\nc: [")
    assert [document.data for document in documents] == [{"a": 1}, {"b": 2}]
    assert len(faults) == 1


def test_every_value_and_key_has_its_place() -> None:
    (document,), _ = read_all("steps:\n  - send: {flags: 'RST|ACK', seq: rcv_nxt+1}\n")
    send = ("steps", 0, "send")
    assert str(document.key_place(send)) == "x:2:5"
    assert str(document.value_place(send)) == "x:2:11"
    assert str(document.value_place((*send, "flags"))) == "x:2:19"
    assert str(document.value_place((*send, "flags"), 4)) == "x:2:24"  # within the quotes
    assert str(document.value_place((*send, "seq"), 8)) == "x:2:43"
    assert str(document.key_place(("steps", 0))) == "x:2:5"  # an item has no key


def test_an_escaped_text_is_pointed_at_as_a_whole() -> None:
    (document,), _ = read_all('key: "RST\\x7cACK"')
    assert document.data == {"key": "RST|ACK"}
    assert str(document.value_place(("key",), 4)) == "x:1:6"
