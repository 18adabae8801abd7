"""Measure libraries side by side: the same work, each library in its own process, in turn.

`works` says what is measured (`recipes`: what the speedrun trains) and writes it into a folder
that all sides read. `side` is what every side can do, `in_handgrad`, `in_torch` and `in_sklearn`
are the sides, `worker` is the process that one runs in. `driver` starts the workers, checks that
their losses agree, warms them and lets them take turns; `run` does this for one work. `machine`
and `limits` say where it ran, `report` and `pictures` what came out, `command` reads the options.
"""
