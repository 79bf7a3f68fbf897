"""Sealed events: whatever is sent, acknowledged, refused or killed in between, each goes out as it was sealed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runreel.spool.ledger import Ledger
from runreel.spool.page import Mark, Page, State
from runreel.spool.sealed import EVENT, Frame, SealedFile

SESSION = "a" * 32
ROOM = 1 << 20


def open_ledger(folder: Path, first: int = 4096) -> Ledger:
    return Ledger(folder, "run", Page(folder / "state"), lambda: ROOM, first=first)


class Sealing(RuleBasedStateMachine):
    """A ledger against a list of what it was told. A crash is a copy of its folder, opened anew."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.ledger = open_ledger(self.folder)
        self.truth: list[bytes] = []
        self.acked = -1
        self.sent = -1
        self.read = 0

    @rule(sizes=st.lists(st.integers(0, 1500), min_size=1, max_size=5))
    def seal(self, sizes: list[int]) -> None:
        first = len(self.truth)
        events = [(SESSION, first + i, f"{first + i}:".encode() + b"x" * size) for i, size in enumerate(sizes)]
        self.read += len(sizes)
        mark = Mark(self.ledger.mark.ordinal, self.read, [], SESSION, first + len(sizes))
        assert self.ledger.seal(events, mark)
        self.truth += [raw for _, _, raw in events]

    @rule(most=st.integers(1, 5))
    def send(self, most: int) -> None:
        waiting = self.ledger.unsent(3000)[:most]
        for event in waiting:
            assert event.message == self.truth[event.seq]
            assert event.seq > self.acked
        self.sent = max([self.sent, *(event.seq for event in waiting)])
        self.ledger.sent(len(waiting))

    @precondition(lambda self: self.sent > self.acked)
    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        self.acked += max(1, round((self.sent - self.acked) * share))
        self.ledger.acknowledged(SESSION, self.acked)

    @rule()
    def resend(self) -> None:
        self.ledger.resend()

    @precondition(lambda self: self.sent > self.acked)
    @rule()
    def refuse(self) -> None:
        seq = self.acked + 1
        if self.ledger.message(SESSION, seq) is not None:
            self.truth[seq] = b"instead of %d" % seq
            assert self.ledger.replace(SESSION, seq, self.truth[seq])

    @rule(torn=st.integers(1, 400))
    def crash(self, torn: int) -> None:
        """Killed in the middle of the next append: a prefix of it is in the file."""
        seq = len(self.truth)
        part = Frame(EVENT, self.ledger.mark.ordinal + 1, SESSION, seq, b"torn" * 100).encode()[:torn]
        self.ledger.save()
        file = self.ledger._files[-1]
        if file.end + len(part) <= file.size:
            file.append(part)
        copy = Path(tempfile.mkdtemp())
        shutil.copytree(self.folder, copy, dirs_exist_ok=True)
        self.ledger.close()
        shutil.rmtree(self.folder)
        self.folder, self.ledger = copy, open_ledger(copy)

    @invariant()
    def it_knows_where_it_is(self) -> None:
        assert self.ledger.mark.next == len(self.truth)
        assert self.ledger.mark.read == self.read
        assert self.ledger.acked.get(SESSION, -1) == self.acked
        assert self.ledger.empty == (self.acked == len(self.truth) - 1)

    def teardown(self) -> None:
        """All that is not acknowledged goes out at last, each under its seq."""
        self.ledger.resend()
        found: dict[int, bytes] = {}
        while events := self.ledger.unsent(3000):
            found.update((event.seq, event.message) for event in events)
            self.ledger.sent(len(events))
        assert found == {seq: self.truth[seq] for seq in range(self.acked + 1, len(self.truth))}
        if self.truth:
            self.ledger.acknowledged(SESSION, len(self.truth) - 1)
        assert self.ledger.empty
        assert len(list(self.folder.glob("*.sealed"))) == 1
        self.ledger.close()
        shutil.rmtree(self.folder)


Sealing.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_a_ledger = Sealing.TestCase


def test_a_file_whose_events_are_all_acknowledged_is_written_again_from_its_start(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for seq in range(50):
        assert ledger.seal([(SESSION, seq, b"x" * 1000)], Mark(ledger.mark.ordinal, seq + 1, [], SESSION, seq + 1))
        ledger.sent(len(ledger.unsent()))
        ledger.acknowledged(SESSION, seq)
    assert [path.stat().st_size for path in tmp_path.glob("*.sealed")] == [4096]
    ledger.close()
    again = open_ledger(tmp_path)
    assert (again.mark.next, again.empty) == (50, True)


def test_without_space_nothing_is_sealed_and_nothing_is_lost(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "run", Page(tmp_path / "state"), lambda: 0, first=4096)
    mark = Mark(-1, 1, [], SESSION, 1)
    assert not ledger.seal([(SESSION, 0, b"x" * 5000)], mark)
    assert ledger.mark.ordinal == -1
    assert ledger.seal([(SESSION, 0, b"x" * 3000)], mark)
    assert not ledger.seal([(SESSION, 1, b"x" * 3000)], mark)
    ledger.sent(len(ledger.unsent()))
    ledger.acknowledged(SESSION, 0)
    assert ledger.seal([(SESSION, 1, b"x" * 3000)], mark)


@pytest.mark.parametrize("damage", [0, 4, 30, 60])
def test_a_damaged_frame_ends_what_is_read(tmp_path: Path, damage: int) -> None:
    file = SealedFile(tmp_path / "f.sealed", 4096)
    frames = [Frame(EVENT, i, SESSION, i, b"payload %d" % i) for i in range(3)]
    for frame in frames:
        file.append(frame.encode())
    raw = bytearray((tmp_path / "f.sealed").read_bytes())
    raw[len(frames[0].encode()) + damage] ^= 1
    (tmp_path / "f.sealed").write_bytes(raw)
    assert [frame.seq for frame in SealedFile(tmp_path / "f.sealed").recover()] == [0]


def test_a_page_keeps_the_last_whole_state(tmp_path: Path) -> None:
    page = Page(tmp_path / "state")
    assert page.state is None
    for i in range(5):
        assert page.save(State(Mark(i, i, [], SESSION, i)))
    page.close()
    raw = bytearray((tmp_path / "state").read_bytes())
    newest = Page(tmp_path / "state")
    assert newest.state is not None
    assert newest.state.mark.ordinal == 4
    half = 32 << 10  # the fifth state went into the second half
    raw[half + 20] ^= 1
    (tmp_path / "state").write_bytes(raw)
    before = Page(tmp_path / "state").state
    assert before is not None
    assert before.mark.ordinal == 3


def test_a_state_that_does_not_fit_is_told(tmp_path: Path) -> None:
    page = Page(tmp_path / "state")
    assert page.save(State(Mark(0, 0, [], SESSION, 0)))
    assert not page.save(State(Mark(1, 0, list(range(1 << 40, (1 << 40) + 5000)), SESSION, 0)))
    assert page.state is not None
    assert msgspec.structs.asdict(page.state.mark)["ordinal"] == 0
