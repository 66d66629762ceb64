"""Every message of an error that the source raises, as a template: `python -m tests.messages` lists what has no entry.

What differs from case to case stands as "…" in a template, as in docs/troubleshooting.md.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
_OTHERS = ("BadParameter", "UsageError", "refused", "_fail")  # click's, and what stands for a class of errors
_LEAST = 8  # letters of its own that a message has; what has fewer hands on another one


def classes_of_errors() -> set[str]:
    tree = ast.parse((ROOT / "geounet" / "errors.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def raised() -> dict[str, str]:
    """Each template, and the place in the source where it is (one of them)."""
    names = classes_of_errors() | set(_OTHERS)
    found: dict[str, str] = {}
    for path in sorted([*(ROOT / "geounet").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and _name(node.func) in names:
                for template in _templates(node.args[0], functions):
                    if sum(letter.isalpha() for letter in template) >= _LEAST:
                        found.setdefault(template, f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _templates(node: ast.expr, functions: dict[str, ast.FunctionDef]) -> Iterator[str]:
    """What a message can be; where another function of the module makes it, what that returns."""
    if isinstance(node, ast.Call) and _name(node.func) in functions:
        for inner in ast.walk(functions[_name(node.func)]):
            if isinstance(inner, ast.Return) and inner.value is not None:
                yield from _templates(inner.value, functions)
    else:
        yield re.sub(r"\s+", " ", re.sub(r"…(\s*…)+", "…", _text(node))).strip()


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(value) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "…"


def entries() -> list[str]:
    """The messages that the page has an entry for: the first cells of its tables."""
    cells = re.findall(r"^\| (`+)(.+?)\1 \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [cell.strip().replace("\\|", "|") for _, cell in cells]


if __name__ == "__main__":
    known = set(entries()) if PAGE.exists() else set()
    for message, place in raised().items():
        if message not in known:
            print(f"{place}\t{message}")  # noqa: T201
