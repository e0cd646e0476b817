"""Names are paths into nested JSON, or names of fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode.json_paths import ABSENT, Blocked, Path, check_path, leaves
from stream_rnn.connectors.errors import UsageError

LEAF = st.one_of(st.integers(), st.text("ab", max_size=2), st.none(), st.just([1, 2]))
TREE = st.recursive(LEAF, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1), max_leaves=6)


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("values[0].v", ("values", 0, "v")),
        ("[1]", (1,)),
        ("a[0][12].b", ("a", 0, 12, "b")),
        ("switch:0.apower", ("switch:0", "apower")),
        ("Temp [C]", ("Temp [C]",)),
        ("a.Temp [C]", ("a", "Temp [C]")),
    ],
)
def test_a_name_is_a_path(name: str, steps: tuple[Any, ...]) -> None:
    assert Path.of(name).steps == steps


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a[", "a]", "a[-1]", "a[b", "a[1000]"])
def test_what_is_no_path_is_the_name_of_a_field(name: str) -> None:
    assert Path.of(name).find({name: 1, "a": [2, 3]}) == 1
    assert Path.of(name).find({"a": {"b": [5, 6]}}) is ABSENT


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("a..b", "has an empty part"),
        ("a[", "has a bracket that is not closed"),
        ("a[0", "has a bracket that is not closed"),
        ("a]", "has a bracket that is not opened"),
        ("a[-1]", "has a negative index"),
        ("a[1000]", "has an index above 999"),
    ],
)
def test_a_path_with_a_mistake_is_refused(name: str, mistake: str) -> None:
    with pytest.raises(UsageError) as error:
        check_path(name)
    assert str(error.value) == f"column {name!r} {mistake}: write a path as a.b or a[0].b"


@pytest.mark.parametrize("name", ["a", "a.b", "a[0].b", "Temp [C]", "°C", "avg.", ""])
def test_other_names_are_not_refused(name: str) -> None:
    check_path(name)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": {"b": {"c": 1}}}, 1),
        ({"a.b.c": 2, "a": {"b": {"c": 1}}}, 2),
        ({"a": {"b.c": 3, "b": {"c": 1}}}, 3),
        ({"a": {"b": {"c": None}}}, None),
        ({"a.b.c": None, "a": {"b": {"c": 1}}}, None),
        ({"a": {"b": {}}}, ABSENT),
        ({"a": {}}, ABSENT),
        ({"a": {"b": None}}, ABSENT),
        ({"a": None}, ABSENT),
        ({"a": 7}, Blocked("<number>")),
        ({"a": "warm"}, Blocked("<text>")),
        ({"a": {"b": [{"c": 1}]}}, Blocked("<array>")),
        ([1], Blocked("<array>")),
    ],
)
def test_a_path_finds_the_value_the_lack_of_one_or_what_is_in_its_way(value: Any, found: object) -> None:
    assert Path.of("a.b.c").find(value) == found


@given(st.dictionaries(st.sampled_from("abc"), TREE))
def test_every_leaf_is_found_by_its_path(tree: dict[str, Any]) -> None:
    def flatten(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            return {path: value}
        return {name: leaf for part, inner in value.items() for name, leaf in flatten(inner, f"{path}.{part}").items()}

    flat = {name.removeprefix("."): leaf for name, leaf in flatten(tree, "").items() if tree}
    assert list(leaves(tree)) == list(flat)
    assert {name: Path.of(name).find(tree) for name in flat} == flat
