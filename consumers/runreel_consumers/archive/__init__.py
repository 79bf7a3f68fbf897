"""The archive: the log of events as Parquet in the store. The only place that knows how it is stored."""
