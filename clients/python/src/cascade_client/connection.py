# SPDX-License-Identifier: Apache-2.0
"""How servers are reached: addresses, TLS, tokens, and the settings of channels."""

from __future__ import annotations

import pathlib
from typing import Any, Callable, List, Optional, Sequence, Tuple, Union

import grpc

Token = Union[None, str, Callable[[], str]]

# Replicas decides when a server is tried again; gRPC's own back-off must not be in its way. An answer
# of Embed may be longer than gRPC's default of 4 MiB.
_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5000),
    ("grpc.max_receive_message_length", -1),
)

UNARY_METHODS = ("Embed", "Tokenize", "Detokenize", "GetModel")


class Connection:
    """What it takes to reach the servers. Paths are read at once; PEM files all."""

    def __init__(self, servers: Union[str, Sequence[str]], *, tls: bool, ca: Optional[str],
                 client_cert: Optional[str], client_key: Optional[str], token: Token,
                 channel_options: Sequence[Tuple[str, Any]]) -> None:
        self.addresses = [servers] if isinstance(servers, str) else list(dict.fromkeys(servers))
        if not self.addresses:
            raise ValueError("no server is named")
        if bool(client_cert) != bool(client_key):
            raise ValueError("client_cert and client_key go together")
        self.credentials: Optional[grpc.ChannelCredentials] = None
        if tls or ca or client_cert:
            self.credentials = grpc.ssl_channel_credentials(
                _read(ca), private_key=_read(client_key), certificate_chain=_read(client_cert))
        self.options = [*_CHANNEL_OPTIONS, *channel_options]
        self._token = token

    def metadata(self) -> List[Tuple[str, str]]:
        """Of each call. A token that is a function is asked each time, so that it may change."""
        token = self._token() if callable(self._token) else self._token
        return [("authorization", f"Bearer {token}")] if token else []

    def channel(self, address: str, library: Any) -> Any:
        """A channel of `library`: grpc, or grpc.aio."""
        if self.credentials is None:
            return library.insecure_channel(address, options=self.options)
        return library.secure_channel(address, self.credentials, options=self.options)


def _read(path: Optional[str]) -> Optional[bytes]:
    return pathlib.Path(path).read_bytes() if path else None
