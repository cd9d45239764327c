"""Where an answer is not as a document prints it, and says that it is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Leaf(Protocol):
    """What is wrong with a value, beside its sample; empty if nothing is.

    Of several things in a list only one has to be what its sample is, and others only of that form.
    """

    def __call__(self, shown: Any, sample: Any, path: str, *, is_one_of_many: bool) -> str: ...


@dataclass(frozen=True, slots=True)
class Likeness:
    """What it means in a dialect that an answer is like its sample.

    `ours` are the fields that objects have besides what their samples have, by the name of the
    field that they, or a list of them, are in. `is_of_kind` says whether a sample may be one of
    what is shown.
    """

    leaf: Leaf
    ours: Mapping[str, Sequence[str]]
    is_of_kind: Callable[[Any, Any], bool] = lambda shown, sample: True

    def unlike(
        self, shown: Any, sample: Any, path: str = "", *, is_one_of_many: bool = False
    ) -> list[str]:
        """Where an answer has other fields than its sample, or something else in them.

        What is in a list is like one of the samples, and there is something like each of them.
        """
        if isinstance(sample, dict):
            return list(self._unlike_object(shown, sample, path, is_one_of_many=is_one_of_many))
        if isinstance(sample, list):
            return list(self._unlike_list(shown, sample, path, is_one_of_many=is_one_of_many))
        wrong = self.leaf(shown, sample, path, is_one_of_many=is_one_of_many)
        return [wrong] if wrong else []

    def _unlike_object(
        self, shown: Any, sample: Mapping[str, Any], path: str, *, is_one_of_many: bool
    ) -> Iterator[str]:
        if not isinstance(shown, dict):
            yield f"{path} is {shown!r}, not an object"
            return
        ours = self.ours.get(path.rpartition(".")[2].removesuffix("[]"), ())
        for name in sorted((shown.keys() - set(ours)) ^ sample.keys()):
            yield f"{path}.{name} is {'missing' if name in sample else 'not documented'}"
        for name in sorted(sample.keys() & shown.keys()):
            inner = f"{path}.{name}"
            yield from self.unlike(shown[name], sample[name], inner, is_one_of_many=is_one_of_many)

    def _unlike_list(
        self, shown: Any, samples: list[Any], path: str, *, is_one_of_many: bool
    ) -> Iterator[str]:
        if not isinstance(shown, list):
            yield f"{path} is {shown!r}, not a list"
            return
        if shown and not samples:
            yield f"{path} is {shown!r}, not empty"
        inner = f"{path}[]"
        for each in shown:
            found = [self.unlike(each, sample, inner, is_one_of_many=True) for sample in samples]
            yield from min(found, key=len, default=[])
        for sample in () if is_one_of_many else samples:
            there = [each for each in shown if self.is_of_kind(each, sample)]
            found = [self.unlike(each, sample, inner) for each in there]
            if [] not in found:
                nearest = min(found, key=len, default=[])
                yield f"{path} has nothing like {sample!r}: {'; '.join(nearest)}"
