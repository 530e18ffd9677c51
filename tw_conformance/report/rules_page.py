"""The page of all profiles: what each answers, every decision list, what sets them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tw_conformance.report.document import as_markdown
from tw_conformance.report.rule_documents import about, difference_document, profile_document
from tw_conformance.report.stimuli import stimuli_blocks
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile

_HEAD = """\
<!-- Made by ci/rules-page from the profiles themselves; edit those. -->

# What the documented stacks do in TIME-WAIT

A segment arrives for a connection that the stack closed first and that has been in TIME-WAIT for a
second. Numbers are the stack's own variables, as in a case; a `tsval` means that the connection has
timestamps; a listener is on the port. Every answer is the reference's under that profile; which
rule gives it, and why no earlier one does:

```sh
tw-conformance rules --explain 'RST seq=rcv_nxt' --profile linux
tw-conformance rules --diff freebsd linux
```

## What each answers to a segment
"""


def rules_page(profiles: Mapping[str, Profile]) -> str:
    """The whole page in Markdown; the same profiles give the same page."""
    return "\n".join((_HEAD, as_markdown(stimuli_blocks(profiles, level=3)), *_parts(profiles)))


def _parts(profiles: Mapping[str, Profile]) -> Iterator[str]:
    yield "## The profiles\n"
    for profile in profiles.values():
        yield f"* [{profile.name}](#{_anchor(profile.name)}): {about(profile)}"
        if profile.parent in profiles:
            heading = f"{profile.parent} and {profile.name}"
            yield f"  [What is different](#{_anchor(heading)})"
    yield (
        "\nThe first rule of a list that matches decides. A rule that ends in «go on» is a note: "
        "it acts, and\nthe next rule is looked at. Where a profile has no list, nothing is known "
        "of the stack there.\n"
    )
    for profile in profiles.values():
        yield as_markdown(profile_document(profile, level=2))
    yield "## What sets a profile apart from the one that it descends from\n"
    for profile in profiles.values():
        parent = profiles.get(profile.parent or "")
        if parent is not None:
            yield as_markdown(difference_document(parent, profile, level=3, brief=True))


def _anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    kept = (c for c in heading.lower() if c.isalnum() or c in " -_")
    return "".join(kept).replace(" ", "-")


if __name__ == "__main__":
    print(rules_page(PROFILES), end="")
