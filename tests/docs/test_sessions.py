from __future__ import annotations

import doctest

import pytest
import sessions
from sessions import Claim, check, numbers, words

BEATS = Claim("the model beats persistence", lambda out: numbers(out, "model")[0] < numbers(out, "persistence")[0])
SHOWN = "model 0.50 +75.8 %\npersistence 1.00\n"


def test_other_digits_are_accepted() -> None:
    check(SHOWN, "model 0.4567 +1,080 %\npersistence 12.3\n", [BEATS])


@pytest.mark.parametrize(
    "printed",
    [
        SHOWN.replace("+75.8", "-4e5"),
        SHOWN.replace("+75.8", "75.8"),
        SHOWN.replace("0.50", "-0.50"),
        SHOWN.replace("0.50", "nan"),
        SHOWN.replace("1.00", "inf"),
        SHOWN.replace("persistence", "model"),
        SHOWN + "warning: 3 events skipped\n",
        SHOWN.replace("persistence 1.00\n", ""),
    ],
)
def test_other_signs_words_and_lines_are_rejected(printed: str) -> None:
    with pytest.raises(AssertionError, match="the document shows"):
        check(SHOWN, printed)


def test_a_claim_must_be_true_of_the_program() -> None:
    with pytest.raises(AssertionError, match="not true of the program: the model beats persistence"):
        check(SHOWN, SHOWN.replace("0.50", "1.50"), [BEATS])


def test_a_claim_must_be_true_of_the_document() -> None:
    with pytest.raises(AssertionError, match="not true of the document: the model beats persistence"):
        check(SHOWN.replace("0.50", "1.50"), SHOWN, [BEATS])


def test_a_claim_about_a_missing_line_is_an_error() -> None:
    with pytest.raises(ValueError, match="no line has 'model'"):
        check("persistence 1", "persistence 1", [BEATS])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-1.5 +2 (-3) [-4] x=-5", "-# +# (-#) [-#] x=-#"),
        ("1.13e+36 4e5 1e-05", "# # #"),
        ("one-2-many 10-20 5 - 6", "one-2-many #-# # - #"),
        ("2026-01-01T00:01:00.5Z", "#-#-#T#:#:#Z"),
        ("x0 pump-07 temperature+1.low p50_ms", "x0 pump-07 temperature+1.low p50_ms"),
        ('{"pump-07":-0.5,"y":12}', '{"pump-07":-#,"y":#}'),
        ("49% 5 % 3.2s", "#% # % #s"),
        ("[0.52 1.   0.99]", "[# # #]"),
        ("│ model │ 0.52 │", "model #"),
    ],
)
def test_numbers_are_replaced_and_names_are_not(text: str, expected: str) -> None:
    assert " ".join(words(text)) == expected


def test_only_the_rest_of_a_free_line_may_differ() -> None:
    check("text: abc def\n1 event", "text: ghi\n2 event", free=["text:"])
    with pytest.raises(AssertionError, match="the document shows"):
        check("text: abc def\n1 event", "text: ghi\n2 events", free=["text:"])


def test_the_examples_in_docstrings_run() -> None:
    failed, tried = doctest.testmod(sessions)
    assert tried > 0
    assert failed == 0
