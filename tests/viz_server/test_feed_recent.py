"""The memory of the tail's newest messages."""

from __future__ import annotations

from runreel_server.feed.recent import Recent, Taken


def test_a_topic_made_again_owes_the_archive_nothing_of_its_life_before() -> None:
    recent = Recent(100)

    def add(identity: str, *offsets: int) -> None:
        for offset in offsets:
            recent.add(Taken("t", identity, 0, offset, "r", b"x" * 40, None))

    add("one", 1_000_000, 1_000_001, 1_000_002)
    assert recent.lost() == {("t", "one", 0): 1_000_000}
    add("two", 0)
    assert recent.lost() == {}
    add("two", 1, 2)
    assert recent.lost() == {("t", "two", 0): 0}


def test_what_was_never_brought_is_owed_to_the_archive() -> None:
    recent = Recent(1000)
    recent.add(Taken("t", "one", 0, 3, "r", b"x", None))
    recent.lose("t", "one", 0, 8)
    recent.lose("t", "one", 0, 5)
    recent.lose("t", "before", 0, 90)
    assert recent.lost() == {("t", "one", 0): 8}
    assert [taken.offset for taken in recent.of("r")] == [3]
