"""The live stream: frames encoded once, shared by all who watch the same thing.

`frames` spells them, a `Channel` keeps the newest of one thing (a run, the list of runs), a `Watcher` is one client, a
`Player` one that a stored run is played to. Nothing here knows Kafka or HTTP.
"""

from runreel_server.stream.channel import Channel
from runreel_server.stream.frames import Frame, bye, read_token, token
from runreel_server.stream.player import Head, Player, Turn
from runreel_server.stream.watcher import Watcher

__all__ = ["Channel", "Frame", "Head", "Player", "Turn", "Watcher", "bye", "read_token", "token"]
