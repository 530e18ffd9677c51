"""packetdrill's scripts, of google's dialect and of nplab's: read, translated to cases, and
written.

``read_script`` makes events of a text, ``translate`` makes a case of events, ``fold`` puts twins
into one, and ``write`` has the text of events again.
"""
