"""Which step lies above which: a number for each, that what comes later never changes."""

from __future__ import annotations

from collections.abc import Sequence


def places(anchors: Sequence[Sequence[int]]) -> list[float]:
    """A number for each step that orders it among those of its rank, first on top.

    `anchors[n]` are the steps before step n that were there when it came, all below n. Its number is the mean of
    theirs, and a share of their room: none for the first step that has these anchors, half for the next, two thirds for
    the one after, and so on; what is left until the next share is its own room.
    """
    keys: list[float] = []
    rooms: list[float] = []
    taken: dict[tuple[int, ...], int] = {}
    for before in anchors:
        group = tuple(sorted(set(before)))
        place = taken[group] = taken.get(group, -1) + 1
        if not group:
            keys.append(float(place))
            rooms.append(1.0)
            continue
        room = min(rooms[n] for n in group)
        keys.append(sum(keys[n] for n in group) / len(group) + room * place / (place + 1))
        rooms.append(room / ((place + 1) * (place + 2)))
    return keys
