"""The reference as a host on a real link, in real time.

:mod:`~tw_reference.serve.links` moves frames, :mod:`~tw_reference.serve.station` is the host
behind a link-layer address, :mod:`~tw_reference.serve.services` are its processes,
:mod:`~tw_reference.serve.loop` is the one thread that it all runs in.
"""
