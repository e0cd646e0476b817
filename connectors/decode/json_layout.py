"""Layout: JSON records of one shape, decoded straight into the fields that are read.

A layout is a msgspec type. It rejects every record that `json_shape` may read differently: one with another type in
a field that is read, with a part of a path that is null, or with another field than its envelope may have. So whatever
it accepts has the values that `json_shape` finds, unless the event has none of the inputs.
"""

from __future__ import annotations

from itertools import chain, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import numpy as np

from stream_rnn.connectors.decode.json_shape import Elements, Envelope, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.json_paths import Path

Keys = tuple[str | int, ...]


class Field(NamedTuple):
    """A field that is read."""

    path: Path
    kind: Any
    """its type, which includes None"""
    is_input: bool


class NoLayoutError(Exception):
    """Records of a shape have no single type."""


class Layout:
    """Decodes records of one shape.

    Parameters
    ----------
    fields
        The fields that are read.
    steps
        How the events of a record are found.
    with_rests
        Whether records may have fields whose names are paths.

    Raises
    ------
    NoLayoutError
        If a value would have to have two types, such as that of ``a`` if ``a`` and ``a.b`` are read.

    Examples
    --------
    >>> from stream_rnn.connectors.decode.json_paths import Path
    >>> fields = [Field(Path.of("a.x"), float | None, True), Field(Path.of("t"), float | None, False)]
    >>> layout = Layout(fields, (Elements(),))
    >>> table = layout.table([layout.decode(b'[{"a": {"x": 1}, "t": 5}, {"t": 6}]')])
    >>> table.floats(0), table.column(1), table.records
    (array([ 1., nan]), [5.0, 6.0], array([0, 0]))
    """

    def __init__(self, fields: Sequence[Field], steps: tuple[Step, ...] = (), *, with_rests: bool = False) -> None:
        self._steps = steps
        self._fields = fields
        self._variants = [_variants(field.path) if with_rests else [field.path.steps] for field in fields]
        levels = 1 + sum(not isinstance(step, Elements) for step in steps)
        self._is_single = levels == 1 and all(len(some) == 1 for some in self._variants)
        self._inner: list[Callable[[Any], Any]] = []
        """returns the inner object, for each step to one"""
        self._places: list[list[_Place]] = [[] for _ in fields]
        """where each field may be, from the inside out"""
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(self._build(levels - 1, steps)).decode

    def table(self, decoded: list[Any]) -> Table:
        """Return the events of decoded records."""
        counts: NDArray[np.intp] | None = None
        objects = decoded
        levels: list[list[Any]] = []
        inner = iter(self._inner)
        for step in self._steps:
            if isinstance(step, Elements):
                sizes = np.fromiter(map(len, objects), np.intp, len(objects))
                levels = [list(chain.from_iterable(map(repeat, level, sizes.tolist()))) for level in levels]
                objects = list(chain.from_iterable(objects))
                counts = sizes if counts is None else _sums(sizes, counts)
            else:
                levels.insert(0, objects)
                objects = list(map(next(inner), objects))
        return Table([objects, *levels], self._places, counts, is_single=self._is_single)

    def _build(self, level: int, steps: tuple[Step, ...]) -> Any:
        """Return the type of the rest of a record, after the preceding steps."""
        if not steps:
            root = _Node()
            nodes = self._add_fields(root, None)
            return self._finish(root, level, nodes)
        step, rest = steps[0], steps[1:]
        if isinstance(step, Elements):
            element = self._build(level, rest)
            return Annotated[list[element], msgspec.Meta(min_length=1)]  # type: ignore[valid-type]
        root = _Node()
        known = step.known if isinstance(step, Envelope) else None
        nodes = self._add_fields(root, known)
        position = len(self._inner)
        self._inner.append(_itself)
        inner = root.add(step.keys)
        inner.set_kind(self._build(level - 1, rest), msgspec.NODEFAULT)
        if isinstance(step, Envelope):
            for name, kind in step.required.items():
                root.add((name,)).set_kind(kind, msgspec.NODEFAULT)
            for name in step.optional:
                root.children.setdefault(name, _Node(msgspec.Raw, None))
        finished = self._finish(root, level, nodes, is_closed=known is not None)
        self._inner[position] = attrgetter(inner.attribute)
        return finished

    def _add_fields(self, root: _Node, known: set[str] | None) -> list[tuple[int, _Node]]:
        """Add the fields that an object may have; `known` are those of an envelope."""
        nodes: list[tuple[int, _Node]] = []
        for i, (field, variants) in enumerate(zip(self._fields, self._variants, strict=True)):
            for keys in variants:
                if known is not None and keys[0] not in known:
                    continue  # an object with this field is another one, which is not decoded
                if known is not None and field.is_input:
                    raise NoLayoutError  # an object with an input is no envelope
                node = root.add(keys)
                node.set_kind(field.kind, None if self._is_single else msgspec.UNSET)
                nodes.append((i, node))
        return nodes

    def _finish(self, root: _Node, level: int, nodes: list[tuple[int, _Node]], *, is_closed: bool = False) -> Any:
        """Return the type of an object, and note where its fields are."""
        kind = root.type(is_closed=is_closed)
        for i, node in nodes:
            self._places[i].append(_Place(level, *node.attribute.rpartition(".")[::2]))
        return kind


class Table:
    """N events of decoded records.

    Parameters
    ----------
    levels
        (N,) objects of the events, and those around them.
    places
        Where each field may be.
    counts
        Number of events of each record; None if each has one.
    is_single
        Whether each field is in one place, where it is None if missing, and else `UNSET`.
    """

    def __init__(
        self,
        levels: list[list[Any]],
        places: Sequence[Sequence[_Place]],
        counts: NDArray[np.intp] | None,
        *,
        is_single: bool,
    ) -> None:
        self._objects = {(level, ""): objects for level, objects in enumerate(levels)}
        """(N,) objects with fields, by level and path"""
        self._places = places
        self._is_single = is_single
        self.records: NDArray[np.int64] = np.arange(len(levels[0]), dtype=np.int64)
        self.elements: NDArray[np.int32] | None = None
        if counts is not None:
            starts = np.cumsum(counts) - counts
            self.elements = (self.records - np.repeat(starts, counts)).astype(np.int32)
            self.records = np.repeat(np.arange(len(counts), dtype=np.int64), counts)

    def __len__(self) -> int:
        return len(self.records)

    def column(self, field: int) -> list[Any]:
        """Return the values of a field (N,), None if missing."""
        first, *others = self._places[field]
        found = list(map(attrgetter(first.attribute), self._objects_at(first)))
        if self._is_single:
            return found
        for place in others:
            if not _has_unset(found):
                return found
            get, objects = attrgetter(place.attribute), self._objects_at(place)
            found = [get(objects[i]) if value is msgspec.UNSET else value for i, value in enumerate(found)]
        return [None if value is msgspec.UNSET else value for value in found]

    def floats(self, field: int) -> NDArray[np.float64]:
        """Return the values of a field of numbers (N,), NaN if missing."""
        place = self._places[field][0]
        try:
            return np.fromiter(map(attrgetter(place.attribute), self._objects_at(place)), np.float64, len(self))
        except TypeError:  # some are None, or in another place
            return np.array(self.column(field), dtype=np.float64)

    def _objects_at(self, place: _Place) -> list[Any]:
        """Return the objects that have the values at a place, found once for all fields of an object."""
        key = place.level, place.parent
        if key not in self._objects:
            self._objects[key] = list(map(attrgetter(place.parent), self._objects[place.level, ""]))
        return self._objects[key]


class _Place(NamedTuple):
    """Where the values of a field are."""

    level: int
    parent: str
    """attribute of the object of this level"""
    attribute: str
    """attribute of that object"""


class _Node:
    """A part of a type: a value, an object with some fields, or an array with some elements."""

    def __init__(self, kind: Any = None, default: Any = msgspec.NODEFAULT) -> None:
        self.children: dict[str | int, _Node] = {}
        self.attribute = ""
        self._kind = kind
        self._default = default

    def add(self, keys: Keys) -> _Node:
        """Return the node at the end of a path, which is added if it does not exist."""
        node = self
        for key in keys:
            if node._kind is not None or any(type(other) is not type(key) for other in node.children):
                raise NoLayoutError
            node = node.children.setdefault(key, _Node())
        return node

    def set_kind(self, kind: Any, default: Any) -> None:
        """Make this node a value."""
        if self.children or self._kind is not None:
            raise NoLayoutError
        self._kind, self._default = kind, default

    def type(self, *, is_closed: bool = False, attribute: str = "") -> Any:
        """Return the type of this node, whose values are at an attribute of the root."""
        self.attribute = attribute
        if self._kind is not None:
            return self._kind
        is_array = any(isinstance(key, int) for key in self.children)
        children = {key: self.children.get(key, _Node(msgspec.Raw, None)) for key in self._keys(is_array=is_array)}
        kinds: list[Any] = []
        defaults: list[Any] = []
        for n, child in enumerate(children.values()):
            kinds.append(child.type(attribute=f"{attribute}.f{n}" if attribute else f"f{n}"))
            defaults.append(child.default_of(kinds[-1]))
        if is_array and msgspec.NODEFAULT in defaults:  # an element that must exist needs those before it
            last = max(n for n, default in enumerate(defaults) if default is msgspec.NODEFAULT)
            defaults[: last + 1] = [msgspec.NODEFAULT] * (last + 1)
        fields = [
            (f"f{n}", kind) if default is msgspec.NODEFAULT else (f"f{n}", kind, default)
            for n, (kind, default) in enumerate(zip(kinds, defaults, strict=True))
        ]
        return msgspec.defstruct(
            "Row",
            fields,
            rename=None if is_array else {f"f{n}": str(key) for n, key in enumerate(children)},
            array_like=is_array,
            kw_only=not is_array,
            forbid_unknown_fields=is_closed,
            gc=False,
        )

    def default_of(self, kind: Any) -> Any:
        """Return the default of this node, `NODEFAULT` if it must exist."""
        if self._kind is not None:
            return self._default
        return msgspec.NODEFAULT if self.is_required else msgspec.field(default_factory=kind)

    @property
    def is_required(self) -> bool:
        """Whether this part must exist."""
        if self._kind is not None:
            return self._default is msgspec.NODEFAULT
        return any(child.is_required for child in self.children.values())

    def _keys(self, *, is_array: bool) -> Iterable[str | int]:
        if not is_array:
            return self.children
        return range(1 + max(key for key in self.children if isinstance(key, int)))


def _has_unset(values: list[Any]) -> bool:
    return msgspec.UnsetType in set(map(type, values))


def _sums(sizes: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the sums of the given numbers of consecutive sizes.

    Examples
    --------
    >>> _sums(np.array([1, 2, 3]), np.array([2, 1]))
    array([3, 3])
    """
    sums = np.concatenate([[0], np.cumsum(sizes)])
    ends: NDArray[np.intp] = sums[np.cumsum(counts)]
    return np.diff(ends, prepend=0)


def _itself(value: Any) -> Any:
    return value


def _variants(path: Path) -> list[Keys]:
    """Return where a field may be, in the order in which `Path.find` looks for it.

    Examples
    --------
    >>> from stream_rnn.connectors.decode.json_paths import Path
    >>> _variants(Path.of("a.b.c"))
    [('a.b.c',), ('a', 'b.c'), ('a', 'b', 'c')]
    """
    named = [(*path.steps[:i], rest) for i, rest in enumerate(path.rests) if isinstance(path.steps[i], str)]
    return [*(keys for keys in named if keys != path.steps), path.steps]
