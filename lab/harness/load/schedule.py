"""When an open loop's requests are to be sent: the intended send times, fixed before the window begins.

Rule: exactly ``rate x seconds`` requests, at moments that are uniformly random and independent: a Poisson
process of which the number of arrivals is known. The seed decides, so all subjects of a round face the same.

Why not constant gaps, as in wrk2: requests of many independent users come in bunches, and bunches are what
makes a queue below the capacity. Evenly spaced arrivals meet none until the server is overloaded, and can
fall into step with whatever in it is periodic. What a Poisson arrival meets is what there is on average over
time (R. W. Wolff, "Poisson Arrivals See Time Averages", Operations Research 30, 1982). Why the number is
fixed: in short windows it would vary, by 1 % at 10,000 requests, and with it the load called the same.
"""

from __future__ import annotations

import random
from array import array


def arrivals_ns(rate_per_s: int, seconds: float, chance: random.Random) -> array[int]:
    """Intended send times in nanoseconds from the beginning of the window, ascending; at least one."""
    count = max(1, round(rate_per_s * seconds))
    window_ns = seconds * 1e9
    return array("q", [int(share * window_ns) for share in sorted(chance.random() for _ in range(count))])
