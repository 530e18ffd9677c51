"""The shipped schema: valid, explained throughout, and of one mind with the loader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tw_conformance.model.case import STATES, Through
from tw_conformance.model.expressions import (
    SEQUENCE_NAMES,
    ExpressionError,
    SequenceExpression,
    TimeExpression,
)
from tw_conformance.notation.build import ONLY_ARGUMENT
from tw_conformance.notation.globs import is_glob
from tw_conformance.notation.schema import GRAMMARS, TRANSLATIONS, kind_of, schema, value_problem
from tw_conformance.notation.values import value_of

DEFINITIONS: dict[str, Any] = schema()["$defs"]

STRUCTURE = {"type", "properties", "items", "if", "then", "else", "dependentSchemas"}
"""Keywords that lead to others, or (``type``) fail as themselves."""


MAPPINGS = ("send", "answer", "reach", "state_is", "connect", "bind", "set", "open_like")
"""Definitions of mappings whose every key has a definition of its own."""


def subschemas(part: Any) -> Iterator[dict[str, Any]]:
    """Every schema within a schema, conditions left out: they decide, and never fail."""
    yield part
    for key in ("items", "then", "else", "additionalProperties", "propertyNames"):
        if isinstance(part.get(key), dict):
            yield from subschemas(part[key])
    for key in ("properties", "$defs", "dependentSchemas"):
        for child in part.get(key, {}).values():
            yield from subschemas(child)


def properties() -> Iterator[tuple[str, dict[str, Any]]]:
    for part in subschemas(schema()):
        yield from part.get("properties", {}).items()


def test_it_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(schema())


def test_every_key_and_every_definition_is_explained() -> None:
    for name, definition in DEFINITIONS.items():
        assert definition["title"], name
        assert definition["description"].endswith("."), name
    for key, part in properties():
        explained = part if "description" in part else DEFINITIONS[part["$ref"].split("/")[-1]]
        assert explained["description"].endswith("."), key


def test_every_keyword_that_can_fail_has_a_sentence() -> None:
    annotations = {"title", "description", "$schema", "$id", "$defs", "$ref", "propertyNames"}
    used = {keyword for part in subschemas(schema()) for keyword in part}
    assert used - annotations - STRUCTURE <= TRANSLATIONS.keys()


def test_it_says_what_the_model_says() -> None:
    assert tuple(DEFINITIONS["state_name"]["else"]["enum"]) == STATES
    assert set(DEFINITIONS["through"]["else"]["enum"]) == {way.value for way in Through}
    for definition in MAPPINGS:
        for key in DEFINITIONS[definition]["properties"]:
            assert kind_of(definition, key) in DEFINITIONS


def test_it_takes_a_mapping_for_one_by_profile_where_the_loader_does() -> None:
    pattern = DEFINITIONS["expect"]["else"]["if"]["not"]["propertyNames"]["not"]["pattern"]
    keys = ("default", "linux-*", "freebsd", "rfc9293", "*-10", "?", "flags", "seq", "defaults")
    assert [bool(re.search(pattern, key)) for key in keys] == [is_glob(key) for key in keys]
    assert DEFINITIONS["state"]["else"]["if"] == DEFINITIONS["expect"]["else"]["if"]


def test_what_stands_beside_any_and_not_is_all_that_an_answer_has() -> None:
    fields = {
        key: {"$ref": part["$ref"]} for key, part in DEFINITIONS["answer"]["properties"].items()
    }
    several = dict(DEFINITIONS["several"]["properties"])
    del several["any"], several["not"]
    assert several == fields
    no_globs = DEFINITIONS["expect_by_profile"]["propertyNames"]["not"]["enum"]
    assert set(no_globs) == {*fields, "any", "not"}


def test_every_call_with_options_has_its_own_definition() -> None:
    for verb, part in DEFINITIONS["call_with_options"]["properties"].items():
        if verb not in ONLY_ARGUMENT:
            assert part == {"$ref": f"#/$defs/{verb}"}


def accepts(kind: str, text: str) -> bool:
    return re.search(DEFINITIONS[kind]["pattern"], text) is not None


def parses(kind: str, text: str) -> bool:
    try:
        value_of(text, kind, {})
    except ExpressionError:
        return False
    return True


SAMPLES = {
    "flags": ["ACK", "FIN|ACK", "none", "", "FIM", "ACK|", "none|ACK", "ack"],
    "position": ["rcv_nxt", "rcv_nxt+1", "irs-2^31", "1+iss", "0", "5", "+1", "-1", "", "x", "msl"],
    "acknowledgment": ["0", "snd_nxt-1", "rcv_nxt+-1", "1", "+0", "snd_nxt+"],
    "sequence": ["0", "seg_seq+seg_len", "2^31", "2^31-1", "+1", "-1", "1.5", "rcv_nxt rcv_nxt"],
    "time": ["msl", "2msl-1s", "0.5tick", "500ms", "1 s", "5", "1min", "ms", "", "1s+", "rcv_nxt"],
}


def test_every_grammar_has_samples() -> None:
    assert tuple(SAMPLES) == GRAMMARS


@pytest.mark.parametrize(("kind", "text"), [(k, t) for k, texts in SAMPLES.items() for t in texts])
def test_a_pattern_for_editors_agrees_with_the_parser(kind: str, text: str) -> None:
    assert accepts(kind, text) == parses(kind, text)


@given(st.lists(st.tuples(st.sampled_from("+-"), st.sampled_from(SEQUENCE_NAMES)), min_size=1))
def test_the_editor_accepts_every_sum(terms: list[tuple[str, str]]) -> None:
    text = "".join(sign + name for sign, name in terms)
    assert SequenceExpression(text).names
    assert accepts("position", text)
    assert accepts("sequence", text)


@given(st.lists(st.sampled_from(["2msl", "tick", "1.5s", "20ms", "0msl"]), min_size=1))
def test_the_editor_accepts_every_time(terms: list[str]) -> None:
    assert TimeExpression(" + ".join(terms))
    assert accepts("time", " + ".join(terms))


def scalar_kinds() -> set[str]:
    """The definitions of all fields that hold a scalar, those with a parser left out."""
    kinds = {kind_of(name, key) for name in MAPPINGS for key in DEFINITIONS[name]["properties"]}
    others = {"setting", "verb", "result", "word", "octets", "direction"}
    return (kinds | others) - {*GRAMMARS, *MAPPINGS}


@pytest.mark.parametrize("kind", sorted(scalar_kinds()))
def test_a_reference_may_stand_wherever_a_scalar_may(kind: str) -> None:
    assert value_problem(kind, "$some_name") is None
    assert value_problem(kind, "$Some-Name") is not None
