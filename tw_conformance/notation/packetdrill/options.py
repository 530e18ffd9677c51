"""TCP's options in a script: ``<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>``."""

from __future__ import annotations

from tw_conformance.model.words import joined
from tw_conformance.notation.packetdrill.scan import Scanner
from tw_conformance.notation.packetdrill.script import Option

_U32 = (1 << 32) - 1
_FORMS: dict[str, tuple[str, ...]] = {
    "mss": ("mss",),
    "wscale": ("wscale",),
    "sackOK": (),
    "nop": (),
    "eol": (),
}
_MOST = {"mss": 0xFFFF, "wscale": 0xFF}
KINDS = {"eol": "EOL", "nop": "NOP", "mss": "MSS", "wscale": "WS", "sackOK": "SACK-OK",
         "sack": "SACK", "TS": "TS"}  # fmt: skip
"""The word of each option in a script, and in a case."""
_OTHERS = ("md5", "FO", "FOEXP", "EXP-FO", "exp-FO", "ECN", "AccECN0", "AccECN1", "exp-AccECN0",
           "exp-AccECN1", "exp-tarr")  # fmt: skip


def read_options(scanner: Scanner) -> tuple[Option, ...] | None:
    """The options of a segment; none where there is no list, None for ``<...>``.

    :raises CaseError: where that is not what stands there.
    """
    if not scanner.sees(r"<(?!\s*(?:[(\[]|[A-Z.-]+[ \t]|icmp))|<\s*(?:TS|FO|FOEXP|ECN)\b"):
        return ()
    scanner.take("<")
    if scanner.take(r"\.\.\.") is not None:
        scanner.expect(">", "> behind <...")
        return None
    options: list[Option] = []
    while scanner.take(">") is None:
        options.append(_option(scanner))
        if scanner.take(",") is None and not scanner.sees(">"):
            scanner.fail(", or > behind an option")
    return tuple(options)


def _option(scanner: Scanner) -> Option:
    known = (*KINDS, *_OTHERS)
    word = scanner.expect(
        rf"(?:{'|'.join(known)})(?![A-Za-z0-9])", f"an option: {joined(list(KINDS))}", known
    )
    if word in _FORMS:
        numbers = tuple(scanner.number(what, _MOST[what]) for what in _FORMS[word])
        return Option(word, numbers)
    if word == "TS":
        return _timestamps(scanner)
    if word == "sack":
        return _blocks(scanner)
    scanner.take(r"[^,>\n]*")
    return Option(word)


def _timestamps(scanner: Scanner) -> Option:
    form = "timestamps, as in TS val 100 ecr 0"
    scanner.expect(r"val\b", form)
    tsval = scanner.number(form, _U32)
    scanner.expect(r"ecr\b", form)
    tsecr = scanner.number(form, _U32)
    return Option("TS", (tsval, tsecr), scanner.take("!") is not None)


def _blocks(scanner: Scanner) -> Option:
    numbers: list[int] = []
    while scanner.sees(r"[0-9]"):
        numbers.append(scanner.number("the left edge of a block", _U32))
        scanner.expect(":", "an edge of a block, as in sack 1001:2001")
        numbers.append(scanner.number("the right edge of a block", _U32))
    return Option("sack", tuple(numbers))
