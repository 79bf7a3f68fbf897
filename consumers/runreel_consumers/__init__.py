"""The consumers of runreel: from Kafka to objects, and the archive's reader."""
