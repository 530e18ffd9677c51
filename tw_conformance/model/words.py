"""Small phrases that every message to a person needs: the word quoted, the nearest known one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

_LONGEST_WORD = 40


def quoted(text: str) -> str:
    """The text in quotes, on one line, cut where it is too long for a sentence."""
    if len(text) > _LONGEST_WORD:
        text = text[: _LONGEST_WORD - 3] + "..."
    return repr(text)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like ``word``, capitals aside; None where nothing comes close.

    The same letters in another order are the most usual slip: ``mls`` is msl sooner than ms.
    """
    if len(word) > _LONGEST_WORD:
        return None
    by_folded = {candidate.casefold(): candidate for candidate in known}
    folded = word.casefold()
    swapped = [each for each in by_folded if sorted(each) == sorted(folded)]
    close = swapped or get_close_matches(folded, by_folded, n=1)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or nothing where no known word comes close."""
    near = nearest(word, known)
    return "" if near is None else f"; did you mean {near!r}?"


def no_such(what: str, word: str, known: Collection[str]) -> str:
    """``no profile 'linus'; did you mean 'linux'? (known: ...)``: the word, and what there is."""
    return f"{what} {quoted(word)}{did_you_mean(word, known)} {listed(known)}"


def name_and_number(text: str) -> tuple[str, int] | None:
    """What ``NAME=NUMBER`` says, of at most 32 bits; None where it is not of that form."""
    name, _, number = text.partition("=")
    if not re.fullmatch("[0-9]{1,10}", number) or int(number) >= 1 << 32:
        return None
    return name, int(number)


def joined(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; of at least one."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def listed(words: Iterable[str]) -> str:
    """``(known: a, b, c)``."""
    return f"(known: {', '.join(words)})"


def number_of(number: int, what: str, plural: str = "") -> str:
    """``1 case``, ``3,786 cases``; ``plural`` where an s is not enough."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def was(number: int) -> str:
    """The verb after so many: ``1 case was``, ``2 cases were``."""
    return "was" if number == 1 else "were"
