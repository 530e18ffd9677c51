"""A host across a network, with a service that closes first and nothing of ours."""

from __future__ import annotations

from tw_conformance.link.access import Access
from tw_conformance.targets.locator import Locator
from tw_conformance.targets.network.attachment import Attachment, attach, find_way

DAYTIME = 13
"""The port of a host that says none: RFC 867's server closes first, and inetd has it."""


async def attach_host(locator: Locator, access: Access) -> Attachment:
    """Reach the host that ``locator`` names.

    :raises TargetError: where it can't be reached; says what to do.
    """
    port = locator.port or access.dut_port or DAYTIME
    return await attach(find_way(locator.host, access), port, access)
