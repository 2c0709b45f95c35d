#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Has a server answer under the golden constraints, and checks each answer with Python's re and jsonschema.

    pip install grpcio-tools jsonschema==4.26.0
    python -m grpc_tools.protoc -I../../../proto --python_out=. --grpc_python_out=. \
        cascade/v1/text_generation.proto
    python check_answers.py localhost:50051 [SEEDS]

Every regular expression of regexes.json and every schema of schemas.json, each with SEEDS seeds (3), at temperature 1.
Prints how many answers were whole, cut at the limit (of which nothing can be said), refused, and wrong; exits 1 if
one was wrong.
"""

import collections
import concurrent.futures
import json
import re
import sys
from pathlib import Path

import grpc
import jsonschema

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cascade.v1 import text_generation_pb2 as pb  # noqa: E402
from cascade.v1 import text_generation_pb2_grpc  # noqa: E402

WHOLE = (pb.FINISH_REASON_EOS, pb.FINISH_REASON_CONSTRAINT_COMPLETE)


def regexes():
    for case in json.loads((HERE / "regexes.json").read_text())["cases"]:
        pattern = re.compile(case["pattern"], re.ASCII)
        yield "regex", case["pattern"], lambda text, p=pattern: bool(p.fullmatch(text))


def schemas():
    for case in json.loads((HERE / "schemas.json").read_text())["cases"]:
        draft = jsonschema.Draft7Validator if "draft7" in case["name"] else jsonschema.Draft202012Validator
        validator = draft(json.loads(case["schema"]), format_checker=draft.FORMAT_CHECKER)
        yield "json_schema", case["schema"], lambda text, v=validator: v.is_valid(json.loads(text))


def ask(stub, kind, text, check, seed):
    request = pb.GenerateRequest(
        text="Once upon a time",
        sampling=pb.SamplingParams(temperature=1, seed=seed),
        constraint=pb.Constraint(**{kind: text}),
        stopping=pb.StoppingParams(max_new_tokens=400),
    )
    try:
        choice = stub.Generate(request).choices[0]
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.INVALID_ARGUMENT:
            raise
        return "refused", error.details()
    if choice.finish.reason not in WHOLE:
        return "cut", ""
    try:
        return ("whole", "") if check(choice.text) else ("WRONG", f"{text} gave {choice.text!r}")
    except ValueError as error:
        return "WRONG", f"{text} gave {choice.text!r}: {error}"


def main():
    stub = text_generation_pb2_grpc.TextGenerationStub(grpc.insecure_channel(sys.argv[1]))
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    wrong = 0
    for name, cases in (("regular expressions", list(regexes())), ("schemas", list(schemas()))):
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            outcomes = list(pool.map(lambda job: ask(stub, *job), [(*c, s) for c in cases for s in range(seeds)]))
        counts = collections.Counter(outcome for outcome, _ in outcomes)
        print(f"{len(cases)} {name}, {seeds} seeds each: {dict(counts)}")
        for outcome, detail in outcomes:
            if outcome == "WRONG":
                print(detail)
        wrong += counts["WRONG"]
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
