"""What was said and is not delivered, on disk: records, sealed events, acknowledgement.

A session's folder in the spool::

    lock       held by whoever has it: the living session, or the one that recovers it
    meta.json  whose words it holds
    state      how far it has come
    names      what the handles in slots stand for
    *.slots    records
    *.big      records above 64 KiB
    *.sealed   events with their seq and exact bytes
    files/     copies of artifacts; uploads/: their jobs
"""

from runreel.spool.recovery import Recovered, Waiting, elsewhere, recover, waiting

__all__ = ["Recovered", "Waiting", "elsewhere", "recover", "waiting"]
