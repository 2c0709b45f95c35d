# SPDX-License-Identifier: Apache-2.0
"""A client of Cascade in Python, with asyncio.

    aio.py ADDRESS SMALL CONFIG    SMALL is a server with places for two calls, CONFIG a service config

sync.py beside it does the same without asyncio.
"""

import asyncio
import pathlib
import sys

import grpc.aio
from cascade.v1 import text_generation_pb2 as pb
from cascade.v1.text_generation_pb2_grpc import TextGenerationStub
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

# A short answer, the same every time. Its quotation marks have three bytes each, which tokens split.
SAYING = pb.GenerateRequest(
    text="The old king said:",
    sampling=pb.SamplingParams(seed=7),
    stopping=pb.StoppingParams(max_new_tokens=40),
    constraint=pb.Constraint(regex="“[A-Za-z ,.!?]{5,60}” [A-Za-z ,.]*"))

# Many answers: the server is far from their end when the call is cancelled, or when its deadline passes.
LONG_STORY = pb.GenerateRequest(
    text="Once upon a time",
    sampling=pb.SamplingParams(n=32),
    stopping=pb.StoppingParams(max_new_tokens=500, ignore_eos=True))

BAD = pb.GenerateRequest(text="Once", sampling=pb.SamplingParams(temperature=-1, top_p=2))


async def watch_health(channel: grpc.aio.Channel) -> None:
    request = health_pb2.HealthCheckRequest(service="cascade.v1.TextGeneration")
    updates = HealthStub(channel).Watch(request, wait_for_ready=True)
    async for update in updates:
        if update.status == health_pb2.HealthCheckResponse.SERVING:
            break
    updates.cancel()
    print("health: SERVING")


async def stream(stub: TextGenerationStub) -> None:
    streamed = "".join([event.delta.text async for event in stub.GenerateStream(SAYING)])
    unary = (await stub.Generate(SAYING)).choices[0].text
    assert streamed == unary, (streamed, unary)
    print(f"text: {streamed}")


async def cancel(stub: TextGenerationStub) -> None:
    call = stub.GenerateStream(LONG_STORY)
    deltas = 0
    async for event in call:
        deltas += event.HasField("delta")
        if deltas == 3:
            break
    call.cancel()
    assert await call.code() == grpc.StatusCode.CANCELLED
    while (await stub.GetStatus(pb.GetStatusRequest())).running > 0:
        pass
    print("cancelled: after 3 deltas; the server runs nothing")


async def meet_deadline(stub: TextGenerationStub) -> None:
    try:
        await stub.Generate(LONG_STORY, timeout=0.02)
    except grpc.aio.AioRpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        print("deadline: DEADLINE_EXCEEDED")
    else:
        raise AssertionError("the story was told within 20 ms")


async def be_refused(stub: TextGenerationStub) -> None:
    try:
        await stub.Generate(BAD)
    except grpc.aio.AioRpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        details = error_details_pb2.BadRequest()
        assert any(detail.Unpack(details) for detail in rpc_status.from_call(error).details)
        print("refused: INVALID_ARGUMENT", *(violation.field for violation in details.field_violations))
    else:
        raise AssertionError("a bad request was answered")


async def retry(small: str, config: str) -> None:
    """Four calls at once: two are refused at first, and gRPC asks again as the config says."""
    async with grpc.aio.insecure_channel(small, options=[("grpc.service_config", config)]) as channel:
        stub = TextGenerationStub(channel)
        await asyncio.gather(*(stub.Generate(SAYING, wait_for_ready=True) for _ in range(4)))
    print("retried: a server of 2 places has answered 4 calls")


async def main() -> None:
    address, small, config = sys.argv[1:]
    async with grpc.aio.insecure_channel(address) as channel:
        stub = TextGenerationStub(channel)
        await watch_health(channel)
        await stream(stub)
        await cancel(stub)
        await meet_deadline(stub)
        await be_refused(stub)
    await retry(small, pathlib.Path(config).read_text(encoding="utf-8"))


if __name__ == "__main__":
    asyncio.run(main())
