"""What the path to the DUT does to packets, as seen by probes, and what a verdict is worth on it.

On a path that was never seen to lose, repeat or reorder anything one performance decides.  On any
other the case is performed again, each time on a fresh connection, until the evidence outweighs
what the path may have done: Wald's sequential test between «the DUT conforms» and «it does not».
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil, log

from tw_conformance.model.words import number_of, was

_ERROR = 1e-5
"""The probability of a wrong verdict that is accepted for each case."""
_CLEAR = 1e-3
"""The probability that a segment comes which the DUT did not send now: an old one, delayed for
longer than the tester waits for the path to settle."""
_LONGEST_SETTLING = 0.25
"""Seconds; a DUT that waits for an answer of ours sends again after a second."""
_LEAST_SETTLING = 0.02
_LAGS = 8
"""An answer is waited for this many times as long as the longest lag that was seen."""
_NO_PROBE = "no probe was sent"
_SURVEY = 100
"""Probes after which a path without a fault is taken for a perfect one."""


class Sentinel(StrEnum):
    """What is sent behind segments, and whose answer proves that they have been processed."""

    ECHO = "echo"
    """An echo request (ICMP, ICMPv6)."""
    TCP = "tcp"
    """An ACK of no connection at the listener, which a reset answers (RFC 9293 section 3.10.7.2)
    and which leaves no state behind."""


@dataclass(slots=True)
class Path:
    """Counts of one target's path, over a run.  Its probes are all of one kind, ``sentinel``."""

    sentinel: Sentinel = Sentinel.ECHO
    probes: int = 0
    lost: int = 0
    repeated: int = 0
    reordered: int = 0
    excused: int = 0
    """Probes without an answer for which this machine was late itself."""
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=_SURVEY))
    """The latest round trips."""
    compared: int = 0
    """Segments that the DUT answered with a probe right behind them."""
    overtaken: int = 0
    """Those whose answer came behind that of the probe."""
    lag: float = 0.0
    """Seconds that such an answer came behind at most."""
    in_order: bool = False
    """Whether answers are known to come in order: what comes behind was sent by a timer."""

    def answered(self, round_trip: float) -> None:
        self.probes += 1
        self.recent.append(round_trip)

    def missed(self) -> None:
        self.probes += 1
        self.lost += 1

    def excuse(self) -> None:
        """Note that a probe was not answered while this machine was too busy to tell: it says
        nothing of the path."""
        self.excused += 1

    def answered_late(self, round_trip: float) -> None:
        """Take back a :meth:`missed`: the answer came after all, so nothing was lost."""
        self.lost -= 1
        self.recent.append(round_trip)

    def answered_behind(self, lag: float) -> None:
        """Note that a segment's answer came ``lag`` seconds after the answer to the probe that was
        sent after the segment; zero or less: it came first, as it should."""
        self.compared += 1
        if lag > 0 and not self.in_order:
            self.overtaken += 1
            self.lag = max(self.lag, lag)

    @property
    def surveyed(self) -> bool:
        return self.probes >= _SURVEY

    @property
    def perfect(self) -> bool:
        """Whether nothing was ever lost, repeated or reordered."""
        return self.lost == self.repeated == self.reordered == 0

    @property
    def loss(self) -> float:
        """The share of round trips that are lost.  Where none was, the next one might have been: it
        counts as one."""
        return min(max(self.lost, 1) / max(self.probes, 1), 0.9)

    @property
    def dead(self) -> bool:
        """Whether no probe at all was answered."""
        return self.lost == self.probes > 0

    @property
    def settling(self) -> float:
        """Seconds after an answer in which something sent earlier may still arrive: a path may
        reorder, and a DUT may answer probes ahead of segments."""
        return max(self._path_settles(), self._dut_settles())

    def _dut_settles(self) -> float:
        if not self.overtaken:
            return 0.0
        return min(max(_LAGS * self.lag, _LEAST_SETTLING), _LONGEST_SETTLING)

    def _path_settles(self) -> float:
        if self.perfect or not self.recent:
            return 0.0
        # Now and then this machine is slow, not the path: such a round trip says nothing of it.
        ordered = sorted(self.recent)
        usual = ordered[len(ordered) * 95 // 100]
        return min(1.5 * (usual - ordered[0]), _LONGEST_SETTLING)

    @property
    def quickest(self) -> float:
        """Seconds that a round trip takes at least."""
        return min(self.recent, default=0.0)

    @property
    def patience(self) -> float:
        """Seconds to wait for an answer before it is given up."""
        return max(0.2, 4 * max(self.recent)) if self.recent else 1.0

    @property
    def askings(self) -> int:
        """How often a question is asked before its silence means something."""
        return ceil(log(_ERROR) / log(self.loss))

    def describe(self) -> str:
        """One line for the end of a report."""
        if not self.recent:
            return f"{self.probes} {self._kind}, none answered" if self.probes else _NO_PROBE
        return f"{self._probes_in_words()}{self._excuses_in_words()}{self._order_in_words()}"

    @property
    def _kind(self) -> str:
        return {Sentinel.ECHO: "probes", Sentinel.TCP: "probes by TCP"}[self.sentinel]

    def _excuses_in_words(self) -> str:
        if not self.excused:
            return ""
        return f"; {self.excused} not counted, since this machine was late itself"

    def _order_in_words(self) -> str:
        if not self.overtaken:
            return ""
        compared = number_of(self.compared, "segment")
        return (
            f"; {self.overtaken} of {compared} {was(self.overtaken)} answered behind the probe sent"
            f" after them, by up to {self.lag * 1e3:.1f} ms"
        )

    def _probes_in_words(self) -> str:
        if self.perfect:
            return f"{self.probes} {self._kind}, none lost, repeated or reordered"
        return (
            f"{self.lost} of {self.probes} {self._kind} lost ({self.lost / self.probes:.1%}),"
            f" {self.repeated} repeated, {self.reordered} out of order,"
            f" round trip {min(self.recent) * 1e3:.1f} to {max(self.recent) * 1e3:.1f} ms"
        )


def perfect_path() -> Path:
    """A path that loses nothing."""
    return Path(probes=_SURVEY)


class Evidence:
    """The weight of the performances of one case, in natural logarithms: above zero for «the DUT
    conforms»."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threshold = log(1 / _ERROR)
        self.weight = 0.0

    def passed(self, exchanges: int, doubtful: float = 0.0) -> None:
        """Count a PASS.  A DUT that deviates passes only where the path lost the packet that would
        have shown it.  ``doubtful`` is the share of the performances of one that conforms that end
        in a doubt."""
        disturbed = self._disturbed(exchanges)
        self.weight += log((1 - doubtful) * (1 - disturbed) / self._path.loss)

    def failed_by_absence(self, exchanges: int) -> None:
        """Count a FAIL because an answer was missing, which may have been lost in one of the
        exchanges."""
        disturbed = self._disturbed(exchanges)
        self.weight += log(disturbed / (1 - disturbed))

    def failed_by_packet(self) -> None:
        """Count a FAIL because of a packet that the DUT should not have sent."""
        self.weight += log(self._made_up() / (1 - self._path.loss))

    def doubted(self, doubtful: float) -> None:
        """Count a doubt: a packet that the DUT should not have sent, unless the path repeated it,
        or the DUT sent it again because the path lost its acknowledgement.  A DUT that conforms is
        doubted in that share of its performances; one that deviates may be in all.  It never
        speaks for the DUT."""
        self.weight += log(min(doubtful / (1 - self._path.loss), 1.0))

    def passes_needed(self, exchanges: int) -> int:
        """How many more performances would settle it if they all passed."""
        each = log((1 - self._disturbed(exchanges)) / self._path.loss)
        return max(1, ceil((self._threshold - self.weight) / each))

    @property
    def conforms(self) -> bool:
        return self.weight >= self._threshold

    @property
    def deviates(self) -> bool:
        return self.weight <= -self._threshold

    def _made_up(self) -> float:
        """The chance that the path, and not the DUT, is the cause of a wrong packet."""
        # Where it repeats a segment of ours its second answer may overtake the first.
        return max(_CLEAR, 2 * self._path.repeated / max(self._path.probes, 1))

    def _disturbed(self, exchanges: int) -> float:
        """The chance that a packet of one of these exchanges was lost."""
        return min(1 - (1 - self._path.loss) ** max(exchanges, 1), 0.49)
