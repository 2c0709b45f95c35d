# SPDX-License-Identifier: Apache-2.0
"""Which replica is asked first, and which ones next."""

from __future__ import annotations

import itertools
import random
import struct
from typing import List, Sequence

from google.protobuf.message import Message

# How much of a prompt's beginning decides. About as many tokens either way.
PREFIX_BYTES = 256
PREFIX_TOKENS = 64


class RoundRobin:
    """Each request begins with the next replica; many clients do not all begin with the first."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = list(addresses)
        self._turns = itertools.count(random.randrange(len(self._addresses)))

    def order(self, _request: Message) -> List[str]:
        turn = next(self._turns) % len(self._addresses)
        return self._addresses[turn:] + self._addresses[:turn]


class PrefixAware:
    """Prompts that begin alike go to the same replica, whose prefix cache then has their beginning.

    Rendezvous hashing: every replica gets a weight from its address and the prompt's beginning, and
    the heaviest is asked first. All clients agree without speaking, and a replica that comes or goes
    moves its own prompts alone. Requests without a prompt take turns.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = list(addresses)
        self._others = RoundRobin(addresses)

    def order(self, request: Message) -> List[str]:
        key = prefix_of(request)
        if not key:
            return self._others.order(request)
        return sorted(self._addresses, key=lambda address: (-_weight(address, key), address))


def prefix_of(request: Message) -> bytes:
    """The beginning of the request's prompt, or of its first, behind the salt of its cache: requests of
    different salts share nothing. Empty if it has no prompt."""
    holder = request
    if hasattr(holder, "items") and holder.items:  # ScoreRequest
        holder = holder.items[0].prompt
    elif hasattr(holder, "inputs") and holder.inputs:  # EmbedRequest
        holder = holder.inputs[0]
    ids = getattr(getattr(holder, "token_ids", None), "ids", None)
    if ids:
        beginning = struct.pack(f"<{min(len(ids), PREFIX_TOKENS)}I", *ids[:PREFIX_TOKENS])
    else:
        beginning = getattr(holder, "text", "").encode()[:PREFIX_BYTES]
    if not beginning:
        return b""
    salt = request.cache.salt.encode() if hasattr(request, "cache") else b""
    return struct.pack("<I", len(salt)) + salt + beginning


def _weight(address: str, key: bytes) -> int:
    return _mix(_fnv1a(key) ^ _mix(_fnv1a(address.encode())))


# The hash of the C++ client (client/prefix_order.cc), so that clients of both kinds choose alike.
_MASK = (1 << 64) - 1


def _fnv1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


def _mix(value: int) -> int:
    """The end of MurmurHash3, which spreads what two similar addresses have apart."""
    value = ((value ^ (value >> 33)) * 0xFF51AFD7ED558CCD) & _MASK
    value = ((value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53) & _MASK
    return value ^ (value >> 33)
