# SPDX-License-Identifier: Apache-2.0
"""A client of Cascade servers that makes one unbroken answer of what several replicas tell.

    from cascade_client import Client, pb

    with Client(["a:50051", "b:50051"]) as client:
        request = pb.GenerateRequest(text="Once upon a time")
        for event in client.generate_stream(request):
            print(event.delta.text, end="")

`pb` are the messages of the contract, cascade/v1/text_generation.proto.
"""

from cascade.v1 import text_generation_pb2 as pb

from .aio import AsyncClient
from .errors import CascadeError, FingerprintMismatch
from .sync import Client

__all__ = ["AsyncClient", "CascadeError", "Client", "FingerprintMismatch", "pb"]
