"""Programs that write the rows of the data sets as other tools do; data/check_writers.py runs them.

Each runs in an environment of its own, by the newest Python, and imports nothing but its tool and
recipes.py.
"""
