"""The loop on a real Kafka: what is committed is stored, and what is stored is everything."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from archiving import Speaker, produce, running, settings
from native import Kafka
from runreel.errors import NotReachable
from runreel.settings import Settings
from runreel_consumers.archive.reader import Reader
from runreel_consumers.archive.sink import ArchiveSink
from runreel_consumers.brokers import TopicIds, admin
from runreel_consumers.loop import Loop
from runreel_consumers.outbox import Outbox
from runreel_consumers.store import DirectoryStore, Store
from support import wait_for


@pytest.fixture
def store(tmp_path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def chosen(kafka: Kafka, make_topic, prefix: str) -> Settings:
    """Settings of one test: its own topics and group."""
    return settings(
        kafka=kafka.address,
        topic_events=make_topic("events", 3),
        topic_dead=make_topic("dead", 1),
        group=prefix,
        heartbeat=1.0,
    )


def archive(chosen: Settings, store: Store) -> Loop:
    sink = ArchiveSink(chosen, store, Outbox(chosen, chosen.kafka))
    return Loop(sink, chosen, chosen.kafka, TopicIds(admin(chosen, chosen.kafka)))


def stored(store: Store, *speakers: Speaker) -> int:
    reader = Reader(store)
    return sum(1 for speaker in speakers for _ in reader.rows(speaker.run))


def committed(chosen: Settings, partitions: int = 3) -> int:
    """The sum of the group's committed offsets."""
    asker = Consumer({"bootstrap.servers": chosen.kafka, "group.id": f"{chosen.group}.archive"})
    try:
        asked = [TopicPartition(chosen.topic_events, number) for number in range(partitions)]
        return sum(max(0, told.offset) for told in asker.committed(asked, timeout=10))
    finally:
        asker.close()


def test_every_event_is_stored_once_and_its_offset_committed(chosen, store):
    speakers = [Speaker() for _ in range(8)]
    said = [event for speaker in speakers for event in speaker.mixture(50)]
    produce(chosen.kafka, chosen.topic_events, said)
    with running(archive(chosen, store)):
        wait_for(lambda: stored(store, *speakers) == 400)
    assert committed(chosen) == 400
    found = [row.event for speaker in speakers for row in Reader(store).rows(speaker.run)]
    assert sorted(found, key=lambda e: e.id) == sorted(said, key=lambda e: e.id)


def test_a_group_goes_on_where_the_last_member_left(chosen, store):
    speaker = Speaker()
    produce(chosen.kafka, chosen.topic_events, speaker.mixture(30))
    with running(archive(chosen, store)):
        wait_for(lambda: stored(store, speaker) == 30)
    produce(chosen.kafka, chosen.topic_events, speaker.mixture(30))
    loop = archive(chosen, store)
    with running(loop):
        wait_for(lambda: stored(store, speaker) == 60)
    assert loop._sink.counts["events"] == 30


def test_two_members_share_the_partitions_and_lose_nothing_when_one_leaves(chosen, store):
    speakers = [Speaker() for _ in range(12)]
    with running(archive(chosen, store)):
        produce(chosen.kafka, chosen.topic_events, [e for s in speakers for e in s.mixture(20)])
        with running(archive(chosen, store)):
            produce(chosen.kafka, chosen.topic_events, [e for s in speakers for e in s.mixture(20)])
            wait_for(lambda: stored(store, *speakers) == 480)
        produce(chosen.kafka, chosen.topic_events, [e for s in speakers for e in s.mixture(20)])
        wait_for(lambda: stored(store, *speakers) == 720)
    assert committed(chosen) >= 720


def test_a_topic_deleted_and_made_again_under_a_running_consumer_loses_nothing(chosen, store):
    first, second = Speaker(), Speaker()
    client = AdminClient({"bootstrap.servers": chosen.kafka})
    with running(archive(chosen, store)):
        produce(chosen.kafka, chosen.topic_events, first.mixture(500))
        wait_for(lambda: stored(store, first) == 500)
        client.delete_topics([chosen.topic_events])[chosen.topic_events].result(30)
        again = NewTopic(chosen.topic_events, num_partitions=3, replication_factor=1)

        def made() -> bool:
            return client.create_topics([again])[chosen.topic_events].exception(30) is None

        wait_for(made)
        produce(chosen.kafka, chosen.topic_events, second.mixture(1500))
        wait_for(lambda: stored(store, second) == 1500, 60)
    assert stored(store, first) == 500
    assert [epoch.topic for epoch in Reader(store)._log.epochs.all()] == [chosen.topic_events] * 2


def test_offsets_that_retention_removed_are_a_recorded_hole(chosen, store):
    speaker = Speaker()
    produce(chosen.kafka, chosen.topic_events, speaker.mixture(40), partition=0)
    client = AdminClient({"bootstrap.servers": chosen.kafka})
    where = TopicPartition(chosen.topic_events, 0, 25)
    client.delete_records([where])[where].result(30)
    loop = archive(chosen, store)
    with running(loop):
        wait_for(lambda: loop._sink.counts["holes"] == 25)
        reader = Reader(store)
        wait_for(
            lambda: reader.end().get((chosen.topic_events, 0)) and reader.end()[chosen.topic_events, 0].offset == 40
        )
    (epoch,) = reader._log.epochs.all()
    holes = [hole for found in reader._log.cover(epoch, 0) for hole in reader._log.index(found).holes]
    assert holes == [(0, 24)]


class Flaky:
    """A store that is away while told so."""

    def __init__(self, store: Store) -> None:
        self._store, self.away = store, False

    def __getattr__(self, name: str):
        if self.away:
            raise NotReachable("the store is away")
        return getattr(self._store, name)


def test_while_the_store_is_away_nothing_is_committed_and_all_is_stored_when_it_is_back(chosen, store):
    flaky, speaker = Flaky(store), Speaker()
    loop = archive(chosen, flaky)
    with running(loop):
        produce(chosen.kafka, chosen.topic_events, speaker.mixture(30))
        wait_for(lambda: stored(store, speaker) == 30)
        wait_for(lambda: committed(chosen) == 30)
        flaky.away = True
        produce(chosen.kafka, chosen.topic_events, speaker.mixture(30))
        wait_for(lambda: loop._paused_until is not None)
        assert committed(chosen) == 30
        flaky.away = False
        wait_for(lambda: stored(store, speaker) == 60)
    assert committed(chosen) == 60


def test_partitions_that_were_added_in_place_lose_nothing(chosen, store):
    speakers = [Speaker() for _ in range(10)]
    client = AdminClient({"bootstrap.servers": chosen.kafka})
    with running(archive(chosen, store)):
        produce(chosen.kafka, chosen.topic_events, [e for s in speakers for e in s.mixture(20)])
        wait_for(lambda: stored(store, *speakers) == 200)
        grown = client.create_partitions([NewPartitions(chosen.topic_events, 7)])[chosen.topic_events]
        assert grown.exception(30) is None
        wait_for(lambda: len(client.list_topics(chosen.topic_events).topics[chosen.topic_events].partitions) == 7)
        produce(chosen.kafka, chosen.topic_events, [e for s in speakers for e in s.mixture(20)])
        wait_for(lambda: stored(store, *speakers) == 400, 60)
    (epoch,) = Reader(store)._log.epochs.all()
    assert (epoch.partitions, epoch.grown) == (3, (7,))


def test_what_cannot_be_taken_arrives_among_the_dead_before_its_offset_is_committed(chosen, store):
    speaker = Speaker()
    producer = Producer({"bootstrap.servers": chosen.kafka})
    producer.produce(chosen.topic_events, b"\x00 no event", key=b"k", headers={"h": b"v"}, partition=0)
    assert producer.flush(30) == 0
    produce(chosen.kafka, chosen.topic_events, speaker.mixture(5))
    with running(archive(chosen, store)):
        wait_for(lambda: committed(chosen) == 6)
    listener = Consumer({"bootstrap.servers": chosen.kafka, "group.id": chosen.group, "auto.offset.reset": "earliest"})
    listener.assign([TopicPartition(chosen.topic_dead, 0, 0)])
    letter = listener.poll(30)
    listener.close()
    assert (letter.value(), letter.key()) == (b"\x00 no event", b"k")
    headers = dict(letter.headers())
    assert headers["h"] == b"v"
    assert headers["runreel-reason"].startswith(b"not an event of the contract")


def test_a_misplaced_run_is_brought_together_in_its_own_partition(chosen, store):
    speaker = Speaker()
    said = speaker.mixture(30)
    for partition in range(3):
        produce(chosen.kafka, chosen.topic_events, said[partition * 10 : partition * 10 + 10], partition)
    with running(archive(chosen, store)):
        wait_for(lambda: stored(store, speaker) == 30)
    assert [row.event for row in Reader(store).rows(speaker.run)] == said
    assert len({row.position.partition for row in Reader(store).rows(speaker.run)}) == 1


class Losing(Loop):
    """A member that loses its partitions as soon as it holds all ten messages."""

    lost = False

    def _turn(self) -> None:
        super()._turn()
        if sum(self._next.values()) == 10:
            self._on_lost(self._consumer, [TopicPartition(place.topic, place.partition) for place in self._next])
            self.lost = True


def test_a_member_that_lost_its_partitions_commits_nothing_of_them(chosen, store):
    """Another one may be ahead already: a late commit would turn it back."""
    speaker, slow = Speaker(), chosen.replace(flush_seconds=3600.0)
    produce(chosen.kafka, chosen.topic_events, speaker.mixture(10))
    sink = ArchiveSink(slow, store, Outbox(slow, slow.kafka))
    loop = Losing(sink, slow, slow.kafka, TopicIds(admin(slow, slow.kafka)))
    with running(loop):
        wait_for(lambda: loop.lost)
    assert committed(chosen) == 0
    assert stored(store, speaker) == 0
    with running(archive(chosen, store)):
        wait_for(lambda: stored(store, speaker) == 10)
