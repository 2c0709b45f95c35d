# SPDX-License-Identifier: Apache-2.0
"""Streams through a balancer while its replicas are stopped and killed.

  balancers_load.py BALANCER PID ADDRESS SIGNAL    PID and ADDRESS are of one replica

Eight threads ask BALANCER for answers until the replica has got SIGNAL, and each for one more. Every
answer must be the one that the replica gave when nobody disturbed it. A SIGKILL must have broken some.
"""

import concurrent.futures
import logging
import os
import signal
import sys
import threading

import grpc
from cascade.v1 import text_generation_pb2_grpc
from cascade_client import Client, pb

THREADS = 8


def request(number: int) -> pb.GenerateRequest:
    return pb.GenerateRequest(
        text="Once upon a time", sampling=pb.SamplingParams(seed=number % THREADS, temperature=1),
        stopping=pb.StoppingParams(max_new_tokens=100, ignore_eos=True),
        response=pb.ResponseOptions(logprobs=True))


def answer(client: Client, number: int) -> tuple:
    choice = client.generate(request(number)).choices[0]
    return choice.text, [token.logprob for token in choice.logprobs]


def is_busy(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        stub = text_generation_pb2_grpc.TextGenerationStub(channel)
        return stub.GetStatus(pb.GetStatusRequest()).running > 1


class Breaks(logging.Handler):
    """Counts the calls after which the client went on."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        logger = logging.getLogger("cascade_client")
        logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.count += "going on elsewhere" in record.getMessage()


def main() -> None:
    breaks = Breaks()
    balancer, pid, address, signal_name = sys.argv[1:]
    with Client(address) as client:
        expected = [answer(client, number) for number in range(THREADS)]
    has_gone = threading.Event()

    def ask(thread: int) -> int:
        answers = 0
        with Client(balancer, max_failures=100) as client:
            is_last = False
            while not is_last:
                is_last = has_gone.is_set()
                assert answer(client, thread) == expected[thread], f"answer {answers} of thread {thread}"
                answers += 1
        return answers

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        asked = [pool.submit(ask, thread) for thread in range(THREADS)]
        try:
            while not is_busy(address):
                pass
            os.kill(int(pid), getattr(signal, signal_name))
        finally:
            has_gone.set()
        answers = sum(future.result() for future in asked)
    assert breaks.count > 0 or signal_name != "SIGKILL"
    print(f"{signal_name}: {answers} answers, all right; {breaks.count} calls broke")


if __name__ == "__main__":
    main()
