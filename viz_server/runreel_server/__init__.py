"""The web server of runreel: pages, live stream, plots and API."""
