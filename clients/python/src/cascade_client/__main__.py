# SPDX-License-Identifier: Apache-2.0
"""Generates text with several servers: `python -m cascade_client generate --server=a:50051 "Once"`."""

import argparse
import logging
import sys

from . import CascadeError, Client, pb


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m cascade_client", description=__doc__)
    parser.add_argument("command", choices=["generate"])
    parser.add_argument("prompt")
    parser.add_argument("--server", action="append", metavar="HOST:PORT",
                        help="a replica; once for each. Default: localhost:50051")
    parser.add_argument("--ca", help="PEM file of the authority to trust; turns TLS on")
    parser.add_argument("--token_file", help="file of the bearer token")
    parser.add_argument("--max_new_tokens", type=int)
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--timeout", type=float, help="seconds")
    parser.add_argument("--verbose", action="store_true", help="say where calls end, and go on")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING, format="%(message)s")

    request = pb.GenerateRequest(
        text=arguments.prompt,
        sampling=pb.SamplingParams(temperature=arguments.temperature, seed=arguments.seed),
        stopping=pb.StoppingParams(max_new_tokens=arguments.max_new_tokens))
    token = None
    if arguments.token_file:
        with open(arguments.token_file, encoding="utf-8") as file:
            token = file.read().strip()
    try:
        with Client(arguments.server or ["localhost:50051"], ca=arguments.ca, token=token) as client:
            for event in client.generate_stream(request, timeout=arguments.timeout):
                print(event.delta.text, end="", flush=True)
                if event.HasField("finish"):
                    reason = pb.FinishReason.Name(event.finish.reason)
                    print(f"\n[{reason}, seed {event.finish.seed}]", file=sys.stderr)
    except CascadeError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
