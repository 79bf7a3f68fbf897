"""The catalog: bounded summaries of all runs, and the decisions that need a clock. A cache of the archive."""
