"""Journal: what was appended can be read again, whatever was cut off at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.mqtt.journal import Journal, Mark, Message

if TYPE_CHECKING:
    from pathlib import Path


def messages(start: int, stop: int) -> list[Message]:
    return [Message(f"plant/{n}", str(n).encode(), 1000 * n) for n in range(start, stop)]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def test_messages_are_numbered_and_read_from_any_number_on_across_segments(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=100) as journal:
        assert [journal.append(messages(n, n + 5)) for n in (0, 5, 10)] == [0, 5, 10]
    assert len(segments(tmp_path)) > 1
    with Journal(tmp_path) as journal:
        assert (journal.first, journal.end) == (0, 15)
        for start in range(16):
            assert list(journal.read(start)) == messages(start, 15)


@pytest.mark.parametrize("removed", range(1, 40, 3))
def test_an_entry_that_a_crash_has_cut_off_is_removed_and_the_journal_goes_on(tmp_path: Path, removed: int) -> None:
    with Journal(tmp_path) as journal:
        journal.append(messages(0, 3))
        journal.commit(Mark(2, 70, "flushes=1:2:2"))
        journal.append(messages(3, 6))
    (path,) = segments(tmp_path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - removed)
    with Journal(tmp_path) as journal:
        left = journal.end
        assert 3 <= left < 6
        assert journal.mark == Mark(2, 70, "flushes=1:2:2")
        journal.append(messages(left, 8))
    with Journal(tmp_path) as journal:
        assert list(journal.read(0)) == messages(0, 8)


def test_the_mark_and_the_identity_survive_the_removal_of_their_segment(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=50) as journal:
        journal.append(messages(0, 5))
        journal.commit(Mark(5, None, ""))
        journal.append(messages(5, 10))
        journal.prune(before=4)
        assert journal.first == 0
        journal.prune(before=7)
        assert journal.first == 5
        identity = journal.id
    with Journal(tmp_path) as journal:
        assert (journal.first, journal.end, journal.mark, journal.id) == (5, 10, Mark(5, None, ""), identity)


def test_an_empty_segment_after_a_crash_is_begun_again(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(messages(0, 3))
        journal.commit(Mark(3))
        identity = journal.id
    (tmp_path / f"{3:020d}.journal").touch()
    for stop in (4, 5):
        with Journal(tmp_path) as journal:
            assert (journal.end, journal.mark, journal.id) == (stop - 1, Mark(3), identity)
            journal.append(messages(stop - 1, stop))
    with Journal(tmp_path) as journal:
        assert list(journal.read(0)) == messages(0, 5)


def test_damage_before_the_end_is_an_error(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_bytes=50) as journal:
        journal.append(messages(0, 5))
        journal.append(messages(5, 10))
    path = segments(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(ConnectorError, match=r"is damaged at byte [\d,]+: restore it"), Journal(tmp_path) as journal:
        list(journal.read(0))


def test_journals_in_two_folders_have_different_identities(tmp_path: Path) -> None:
    with Journal(tmp_path / "a") as one, Journal(tmp_path / "b") as other:
        assert one.id != other.id
