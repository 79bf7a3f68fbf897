"""What follows from the record and is kept at hand, so that neither an event nor a part costs a walk over the run."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from itertools import chain

from runreel.events import Artifact, SessionOpened
from runreel.state.branches import Branching
from runreel.state.records import Output, Record, Step
from runreel.state.registers import Stamp, latest
from runreel.state.touched import RUN, Part

Wish = tuple[str, ...]
"""How an artifact may be named: ("id", id), ("output", step, name), ("name", name), ("uri", uri)."""

Entry = tuple[int, str, int, str]
"""An output where it can be found: (time, session, seq) of its first declaration as said, and its id."""


def wishes(data: Artifact) -> Wish:
    """What an input asks for."""
    if data.id is not None:
        return ("id", data.id)
    if data.step is not None:
        return ("output", data.step, data.name)
    if data.uri is not None:
        return ("uri", data.uri)
    return ("name", data.name)


class Index:
    """Look-ups into a record; made from it, and never kept."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.owners: set[str] = set()
        """The sessions that own the run."""
        self.contested: set[str] = set()
        """The outputs that several sessions declare: whose word counts follows the clock offsets."""
        self.expected: set[str] = set()
        """The steps that an earlier run has."""
        self._continued: dict[str, str] = {}
        self._spoken = Branching[str, set[Part]]({}, set.copy)
        self._open = Branching[str, set[tuple[str, str]]]({}, set.copy)
        self._outputs = Branching[Wish, list[Entry]]({}, list.copy)
        self._placed: dict[str, tuple[Entry, list[Wish]]] = {}
        self._wanted = Branching[Wish, set[Part]]({}, set.copy)

    @classmethod
    def of(cls, record: Record) -> Index:
        """The index that follows from a record."""
        index = cls(record)
        index._read()
        return index

    def branch(self, record: Record) -> Index:
        """The index of a branch of the record."""
        other = Index(record)
        other.owners, other.contested = self.owners.copy(), self.contested.copy()
        other.expected = self.expected.copy()
        other._continued, other._placed = self._continued.copy(), self._placed.copy()
        other._spoken, other._open = self._spoken.branch(), self._open.branch()
        other._outputs, other._wanted = self._outputs.branch(), self._wanted.branch()
        return other

    def _read(self) -> None:
        record = self.record
        for sid, session in record.sessions.items():
            if session.opened is not None:
                self.opened(sid, session.opened[2])
        for path, step in record.steps.items():
            self._read_step(path, step)
        for _, _, data in record.inputs.values():
            self.wants(wishes(data), RUN)
        for key, output in record.outputs.items():
            self.produces(key, output)
            for sid, (_, _, declared) in output.said.items():
                self.speaks(sid, ("artifact", key))
                if declared.step:
                    self.speaks(sid, ("step", declared.step))
        for key, view in record.views.items():
            for sid in (*view.requested, *view.finished):
                self.speaks(sid, ("view", key))

    def _read_step(self, path: str, step: Step) -> None:
        part = ("step", path)
        if step.expected:
            self.expected.add(path)
        speakers = chain(step.declared, step.expected, *step.params.values(), *step.tags.values())
        for key, execution in step.executions.items():
            for sid in execution.starts:
                self.begins(sid, path, key)
            for _, _, data in execution.inputs.values():
                self.wants(wishes(data), part)
            users = (event.rpartition("-")[0] for event in execution.inputs)
            speakers = chain(speakers, execution.starts, execution.ends, users)
        for sid in speakers:
            self.speaks(sid, part)

    # -- who speaks

    def opened(self, sid: str, data: SessionOpened) -> None:
        """Note what a session says of itself."""
        self.owners.discard(sid)
        if data.role == "owner":
            self.owners.add(sid)
        if data.continues is not None:
            self._continued[data.continues] = max(sid, self._continued.get(data.continues, ""))

    def process(self, sid: str) -> Sequence[str]:
        """The sessions of one process, first to last: nearly always one."""
        if not self._continued:
            return (sid,)
        chain = [sid]
        while True:
            session = self.record.sessions.get(chain[0])
            before = session.opened[2].continues if session is not None and session.opened is not None else None
            if before is None or before in chain:
                break
            chain.insert(0, before)
        while (after := self._continued.get(chain[-1])) is not None and after not in chain:
            chain.append(after)
        return chain

    def speaks(self, sid: str, part: Part) -> Part:
        """Note that a session speaks of a part; answers the part."""
        spoken = self._spoken.get(sid)
        if spoken is None:
            spoken = self._spoken.put(sid, set())
        spoken.add(part)
        return part

    def spoken(self, sid: str) -> set[Part]:
        """The parts that a session speaks of."""
        return self._spoken.kept.get(sid, set())

    def spoken_by_process(self, sid: str) -> Iterator[Part]:
        """The parts that the sessions of a process speak of."""
        for one in self.process(sid):
            yield from self._spoken.kept.get(one, ())

    def begins(self, sid: str, path: str, execution: str) -> None:
        """Note that a session has begun an execution; without effect where it has ended it already."""
        if sid not in self.record.steps[path].executions[execution].ends:
            going = self._open.get(sid)
            if going is None:
                going = self._open.put(sid, set())
            going.add((path, execution))

    def ends(self, sid: str, path: str, execution: str) -> None:
        """Note that a session has ended an execution."""
        if (going := self._open.get(sid)) is not None:
            going.discard((path, execution))

    def open_steps(self, sid: str) -> Iterator[Part]:
        """The steps that a process has begun and not ended: those that its signs of life show in."""
        for one in self.process(sid):
            for path, _ in self._open.kept.get(one, ()):
                yield "step", path

    # -- what is made and used

    def produces(self, key: str, output: Output) -> None:
        """Note where an output can be found; without effect while nobody has declared it."""
        if not output.said:
            return
        if len(output.said) > 1:
            self.contested.add(key)
        _, declared = latest(output.said, self.record.offsets)
        assert declared is not None
        entry = (*min((time, session, seq) for session, (time, seq, _) in output.first.items()), key)
        name, uri = declared.data.name, declared.data.uri
        names: list[Wish] = [("id", key), ("name", name), ("output", declared.step, name)]
        if uri is not None:
            names.append(("uri", uri))
        if output.stored:
            kept = {data.uri for _, _, data in output.stored.values() if data.uri is not None}
            names += [("uri", one) for one in sorted(kept) if one != uri]
        old = self._placed.get(key)
        if old is not None:
            if old == (entry, names):
                return
            for wish in old[1]:
                if (found := self._outputs.get(wish)) is not None:
                    found.remove(old[0])
        self._placed[key] = (entry, names)
        for wish in names:
            found = self._outputs.get(wish)
            if not found:
                self._outputs.put(wish, [entry])
            elif entry > found[-1]:  # the newest: nearly always
                found.append(entry)
            else:
                insort(found, entry)

    def found(self, wish: Wish) -> Sequence[Entry]:
        """The outputs that bear a name, in the order of their stamps as said."""
        return self._outputs.kept.get(wish, ())

    def version_group(self, key: str) -> Wish:
        """The name under which an output's versions are counted."""
        return self._placed[key][1][2]

    def entry(self, key: str) -> Entry:
        """An output's own entry."""
        return self._placed[key][0]

    def later_versions(self, key: str) -> Iterator[Part]:
        """An output and those of its step and name that come after it."""
        if key not in self._placed:
            return
        entry, names = self._placed[key]
        group = self._outputs.kept[names[2]]
        if entry == group[-1] and not self.record.offsets:
            yield "artifact", key
            return
        # With clock offsets the order as said is not the order in force: all of them may have moved.
        begin = 0 if self.record.offsets else bisect_left(group, entry)
        for found in group[begin:]:
            yield "artifact", found[3]

    def wants(self, wish: Wish, part: Part) -> None:
        """Note that a part uses what bears a name."""
        wanted = self._wanted.get(wish)
        if wanted is None:
            wanted = self._wanted.put(wish, set())
        wanted.add(part)

    def readers(self, key: str) -> Iterator[Part]:
        """The parts that use an output by any of its names."""
        placed = self._placed.get(key)
        if placed is not None and self._wanted.kept:
            for wish in placed[1]:
                yield from self._wanted.kept.get(wish, ())

    def foreign(self) -> Iterator[tuple[str, Part]]:
        """What is used by id or uri and bears no name of an output of this run: another run's, perhaps."""
        for wish, parts in self._wanted.kept.items():
            if wish[0] in ("id", "uri") and wish not in self._outputs.kept:
                yield from ((wish[1], part) for part in sorted(parts))

    def all_readers(self) -> Iterator[Part]:
        """The parts that use anything."""
        return chain.from_iterable(self._wanted.kept.values())


def stamp_of(entry: Entry) -> Stamp:
    """The stamp in an entry, as said."""
    return entry[:3]
