"""The live tail of Kafka -> states -> subscribers.

`Tail` reads every partition; `Recent` keeps its newest messages, so that history and tail join without a gap; a
`LiveRun` is one run that somebody looks at, `LiveRuns` the list; `Feed` ties them together.
"""

from runreel_server.feed.feed import Feed
from runreel_server.feed.run import LiveRun
from runreel_server.feed.runs import LiveRuns

__all__ = ["Feed", "LiveRun", "LiveRuns"]
