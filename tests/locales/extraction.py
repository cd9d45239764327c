"""Every message of the system, read off its source: nothing has to be marked or listed by hand.

What is a message is a convention (CONTRIBUTING.md, "Messages"): the docstring of a domain error;
what is given to a function or an error that takes a `message`; whatever a `Message` is made of;
the texts of the message gateways; and the names of the fields of request bodies, with which a
sentence begins. Commands speak English.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from inspect import cleandoc, isclass, isfunction, ismethod, signature
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import NamedTuple

from pydantic import BaseModel

import whipround
from whipround.errors import DomainError, Message
from whipround.gateways.messages.texts.source import Source

PARAMETERS = {"message", "predicate"}
"""What a parameter of ours is called that takes a message, as `Invalid.field` does."""

ENGLISH_ONLY = ("whipround.cli", "whipround.__main__")


class MessageId(NamedTuple):
    """What a catalog knows a message by."""

    text: str
    plural: str = ""
    context: str = ""


@dataclass
class Found:
    """The messages of the source, with the files that have them, and what cannot be a message.

    `templates` are those that Jinja2 fills in.
    """

    messages: dict[MessageId, set[str]] = field(default_factory=lambda: defaultdict(set))
    templates: set[MessageId] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def extract() -> Found:
    """All messages of the system."""
    found = Found()
    for module in _modules():
        _Reader(module, found).read()
    return found


def _modules() -> Iterator[ModuleType]:
    for each in walk_packages(whipround.__path__, f"{whipround.__name__}."):
        if not each.name.startswith(ENGLISH_ONLY):
            yield import_module(each.name)


class _Reader:
    """Reads one module: what it says is looked up in what it is."""

    def __init__(self, module: ModuleType, found: Found) -> None:
        path = Path(module.__file__ or "")
        self._module = module
        self._file = path.relative_to(Path(whipround.__file__).parents[1]).as_posix()
        self._found = found
        self._tree = ast.parse(path.read_text("utf-8"))
        self._assigned = _assignments(self._tree)

    def read(self) -> None:
        """Add what the module has."""
        for value in vars(self._module).values():
            if isclass(value) and value.__module__ == self._module.__name__:
                self._class(value)
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                self._call(node)

    def _add(self, text: str, plural: str = "", context: str = "") -> MessageId:
        message = MessageId(text, plural, context)
        if text:
            self._found.messages[message].add(self._file)
        return message

    def _class(self, class_: type) -> None:
        if issubclass(class_, DomainError):
            self._add(cleandoc(class_.__doc__ or ""))
        elif issubclass(class_, BaseModel) and "/api/" in self._file:
            for name in class_.model_fields:
                self._add(name.replace("_", " ").capitalize(), context="field")

    def _call(self, node: ast.Call) -> None:
        called = self._resolve(node.func)
        if called is Message:
            self._add(self._literal(node, 0))
        elif called == Message.counted:
            self._add(self._literal(node, 0), self._literal(node, 1))
        elif called is Source:
            self._text(node)
        elif (position := _position(called)) is not None and len(node.args) > position:
            self._message(node.args[position])

    def _resolve(self, node: ast.expr) -> object:
        """What a name stands for in the module; None for what only a function knows."""
        if isinstance(node, ast.Name):
            return vars(self._module).get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self._resolve(node.value), node.attr, None)
        return None

    def _text(self, node: ast.Call) -> None:
        for argument in (*node.args, *(each.value for each in node.keywords)):
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                self._found.templates.add(self._add(argument.value))
            else:
                self._problem(argument)

    def _literal(self, node: ast.Call, position: int) -> str:
        """An argument that must be written out, since it is what the catalogs have.

        Unless it only passes on what the function itself was called with.
        """
        value = node.args[position] if len(node.args) > position else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
        if not (isinstance(value, ast.Name) and value.id in PARAMETERS):
            self._problem(node)
        return ""

    def _message(self, node: ast.expr) -> None:
        """What stands where a message belongs: a literal, a name of one, a `Message`."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self._add(node.value)
        elif isinstance(node, ast.IfExp):
            self._message(node.body)
            self._message(node.orelse)
        elif isinstance(node, ast.Name):
            for value in self._assigned.get(node.id, ()):
                self._message(value)
        elif isinstance(node, ast.JoinedStr | ast.BinOp):
            self._problem(node)

    def _problem(self, node: ast.expr) -> None:
        self._found.problems.append(f"{self._file}:{node.lineno}: {ast.unparse(node)}")


def _position(called: object) -> int | None:
    """Which argument is the message, where that is a function or a class of ours that takes one."""
    if not str(getattr(called, "__module__", "")).startswith(whipround.__name__):
        return None
    function = getattr(called, "__init__", None) if isclass(called) else called
    if not isfunction(function) and not ismethod(function):
        return None
    taken = [each for each in signature(function).parameters.values() if each.name != "self"]
    is_text = [each.name in PARAMETERS and each.annotation in _TEXT for each in taken]
    return is_text.index(True) if any(is_text) else None


_TEXT = (str, str | None, Message)


def _assignments(tree: ast.Module) -> Mapping[str, Sequence[ast.expr]]:
    """What is assigned to each name of a module, wherever in it."""
    values: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    values[target.id].append(node.value)
    return values
