"""What is used of pytest and pytest-xdist beyond their documented API: there, and in one place."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tw_conformance import plugin
from tw_conformance.plugin import internals


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner, names in internals.USES.items() for name in names]
)
def test_each_use_is_still_there(owner: str, name: str) -> None:
    """Some are attributes of instances, which a class tells of in its source alone."""
    thing = pkgutil.resolve_name(owner)
    assert hasattr(thing, name) or re.search(rf"\b{name}\b", inspect.getsource(thing)), (
        f"{owner} has no {name} in this release: tw_conformance/plugin/internals.py uses it"
    )


def test_no_other_module_of_the_plugin_uses_what_is_private() -> None:
    uses = {
        f"{file.name}:{line}: {what}"
        for file in Path(plugin.__file__).parent.glob("*.py")
        if file.name != Path(internals.__file__).name
        for line, what in private_uses(ast.parse(file.read_text()))
    }
    assert uses == set()


def private_uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Imports of a private module, and private names of what isn't ``self``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("_pytest"):
            yield node.lineno, f"from {node.module}"
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            own = isinstance(node.value, ast.Name) and node.value.id == "self"
            if not own and not node.attr.startswith("__"):
                yield node.lineno, node.attr
