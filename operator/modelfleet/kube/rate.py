"""How fast we may ask: a bucket of our own keeps us below the limits by which a server would throttle us."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class TokenBucket:
    """Lets `burst` through at once, and then `rate` a second. For any number of threads."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        assert rate > 0, "nothing would ever get through"
        assert burst >= 1, "nothing would ever get through"
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = self._burst
        self._filled_at = clock()

    def times(self, factor: int) -> "TokenBucket":
        """Another one, of its own and so many times as large: for requests that cost the server so much less."""
        return TokenBucket(self._rate * factor, int(self._burst) * factor, self._clock)

    def try_take(self) -> bool:
        """Takes a token where there is one now."""
        with self._lock:
            self._fill()
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def take(self) -> float:
        """Takes a token, of the future where there is none left, and says how many seconds to wait for it."""
        with self._lock:
            self._fill()
            self._tokens -= 1
            return max(0.0, -self._tokens / self._rate)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self._rate)
        self._filled_at = now


class TokenBuckets:
    """A bucket for each of many. Those that nobody has asked for longest are forgotten. For any number of threads."""

    def __init__(self, rate: float, burst: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`most` are remembered; the others have their whole burst."""
        self._rate = rate
        self._burst = burst
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def try_take(self, who: str) -> bool:
        """Takes a token of this one's where it has one now."""
        return self._bucket(who).try_take()

    def _bucket(self, who: str) -> TokenBucket:
        with self._lock:
            bucket = self._buckets.pop(who, None) or TokenBucket(self._rate, self._burst, self._clock)
            self._buckets[who] = bucket
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            return bucket
