"""The reference as a host on a real link, in real time.

:mod:`~reference.serve.links` moves frames, :mod:`~reference.serve.station` is the host behind a
link-layer address, :mod:`~reference.serve.services` are its processes,
:mod:`~reference.serve.loop` is the one thread that it all runs in.
"""
