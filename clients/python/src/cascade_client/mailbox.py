# SPDX-License-Identifier: Apache-2.0
"""What threads that read calls hand to the thread that merges them."""

from __future__ import annotations

import collections
import threading
from typing import Any, Deque, Optional

_CAPACITY = 16


class Mailbox:
    """A queue whose writers wait while it is full, so that a slow consumer slows the server, and who are
    sent away once it is closed."""

    def __init__(self) -> None:
        self._items: Deque[Any] = collections.deque()
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, item: Any) -> bool:
        """False: it is closed, and nobody will read."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._items) < _CAPACITY)
            if not self._is_closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._is_closed

    def get(self, timeout: Optional[float]) -> Any:
        """None: `timeout` seconds passed."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items, timeout):
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
