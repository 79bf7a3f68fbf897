"""The live stream: frames encoded once, shared by all who watch the same thing.

`frames` spells them, a `Channel` keeps the newest of one thing (a run, the list of runs), a `Watcher` is one client.
Nothing here knows Kafka or HTTP.
"""

from runreel_server.stream.channel import Channel
from runreel_server.stream.frames import Frame, bye, read_token, token
from runreel_server.stream.watcher import Watcher

__all__ = ["Channel", "Frame", "Watcher", "bye", "read_token", "token"]
