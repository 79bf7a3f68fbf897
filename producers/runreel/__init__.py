"""runreel: say what a pipeline step does, while it does it."""
