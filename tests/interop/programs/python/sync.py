# SPDX-License-Identifier: Apache-2.0
"""A client of Cascade in Python.

    sync.py ADDRESS SMALL CONFIG    SMALL is a server with places for two calls, CONFIG a service config

aio.py beside it does the same with asyncio.
"""

import concurrent.futures
import pathlib
import sys

import grpc
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


def watch_health(channel: grpc.Channel) -> None:
    request = health_pb2.HealthCheckRequest(service="cascade.v1.TextGeneration")
    updates = HealthStub(channel).Watch(request, wait_for_ready=True)
    for update in updates:
        if update.status == health_pb2.HealthCheckResponse.SERVING:
            break
    updates.cancel()
    print("health: SERVING")


def stream(stub: TextGenerationStub) -> None:
    streamed = "".join(event.delta.text for event in stub.GenerateStream(SAYING))
    unary = stub.Generate(SAYING).choices[0].text
    assert streamed == unary, (streamed, unary)
    print(f"text: {streamed}")


def cancel(stub: TextGenerationStub) -> None:
    call = stub.GenerateStream(LONG_STORY)
    deltas = 0
    for event in call:
        deltas += event.HasField("delta")
        if deltas == 3:
            break
    call.cancel()
    assert call.code() == grpc.StatusCode.CANCELLED, call.code()
    while stub.GetStatus(pb.GetStatusRequest()).running > 0:
        pass
    print("cancelled: after 3 deltas; the server runs nothing")


def meet_deadline(stub: TextGenerationStub) -> None:
    try:
        stub.Generate(LONG_STORY, timeout=0.02)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        print("deadline: DEADLINE_EXCEEDED")
    else:
        raise AssertionError("the story was told within 20 ms")


def be_refused(stub: TextGenerationStub) -> None:
    try:
        stub.Generate(BAD)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        details = error_details_pb2.BadRequest()
        assert any(detail.Unpack(details) for detail in rpc_status.from_call(error).details)
        print("refused: INVALID_ARGUMENT", *(violation.field for violation in details.field_violations))
    else:
        raise AssertionError("a bad request was answered")


def retry(small: str, config: str) -> None:
    """Four calls at once: two are refused at first, and gRPC asks again as the config says."""
    with grpc.insecure_channel(small, options=[("grpc.service_config", config)]) as channel, \
            concurrent.futures.ThreadPoolExecutor() as pool:
        stub = TextGenerationStub(channel)
        for call in [pool.submit(stub.Generate, SAYING, wait_for_ready=True) for _ in range(4)]:
            call.result()
    print("retried: a server of 2 places has answered 4 calls")


def main() -> None:
    address, small, config = sys.argv[1:]
    with grpc.insecure_channel(address) as channel:
        stub = TextGenerationStub(channel)
        watch_health(channel)
        stream(stub)
        cancel(stub)
        meet_deadline(stub)
        be_refused(stub)
    retry(small, pathlib.Path(config).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
