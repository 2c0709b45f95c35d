# SPDX-License-Identifier: Apache-2.0
"""deploy/service_config.json with plain grpcio.

  service_config_check.py CONFIG PID ADDRESS ADDRESS SMALL    PID is that of the first replica

Calls must go to both replicas in turn; none may fail while the first one is told to end; and a server
SMALL with places for two calls must get all of four done that come at once.
"""

import concurrent.futures
import os
import pathlib
import signal
import sys

import grpc
from cascade.v1 import text_generation_pb2 as pb
from cascade.v1 import text_generation_pb2_grpc

CALLS = 16


def channel_to(addresses: list, config: str) -> grpc.Channel:
    return grpc.insecure_channel(f"ipv4:{','.join(addresses)}", options=[("grpc.service_config", config)])


def request(tokens: int) -> pb.GenerateRequest:
    return pb.GenerateRequest(text="Once", sampling=pb.SamplingParams(seed=1), stopping=pb.StoppingParams(
        max_new_tokens=tokens, ignore_eos=True))


def finished(address: str) -> int:
    with grpc.insecure_channel(address) as channel:
        stub = text_generation_pb2_grpc.TextGenerationStub(channel)
        return stub.GetStatus(pb.GetStatusRequest()).totals.finished_requests


def check_turns(config: str, addresses: list) -> None:
    with channel_to(addresses, config) as channel:
        stub = text_generation_pb2_grpc.TextGenerationStub(channel)
        while min(map(finished, addresses)) == 0:  # until the channel is connected to both
            stub.Generate(request(20), wait_for_ready=True)
        before = [finished(address) for address in addresses]
        for _ in range(CALLS):
            stub.Generate(request(20))
        shares = [finished(address) - count for address, count in zip(addresses, before)]
    assert shares == [CALLS // 2, CALLS // 2], shares


def check_end(config: str, addresses: list, pid: int) -> None:
    with channel_to(addresses, config) as channel, concurrent.futures.ThreadPoolExecutor(CALLS) as pool:
        stub = text_generation_pb2_grpc.TextGenerationStub(channel)
        calls = [pool.submit(stub.Generate, request(100)) for _ in range(CALLS)]
        os.kill(pid, signal.SIGTERM)
        calls += [pool.submit(stub.Generate, request(100)) for _ in range(CALLS)]
        texts = {call.result().choices[0].text for call in calls}
    assert len(texts) == 1, texts


def check_full(config: str, address: str) -> None:
    with channel_to([address], config) as channel, concurrent.futures.ThreadPoolExecutor(4) as pool:
        stub = text_generation_pb2_grpc.TextGenerationStub(channel)
        for call in [pool.submit(stub.Generate, request(100)) for _ in range(4)]:
            call.result()


def main() -> None:
    config = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    pid, addresses, small = int(sys.argv[2]), sys.argv[3:5], sys.argv[5]
    check_turns(config, addresses)
    check_end(config, addresses, pid)
    check_full(config, small)
    print("service_config.json: calls take turns, none is lost to a SIGTERM, and full servers are asked again")


if __name__ == "__main__":
    main()
