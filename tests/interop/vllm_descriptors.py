#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our vllm.grpc.engine and smg.grpc.common with the published ones, field by field.

  pip install smg-grpc-proto==0.4.28
  vllm_descriptors.py [--protoc protoc] PROTO_FOLDER

Names, numbers, types, labels, oneofs, enums' values and methods must be the same. Fails, naming each
difference. What we leave out is in LEFT_OUT, and must be nowhere else.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2
from smg_grpc_proto.generated import common_pb2, vllm_engine_pb2

# Field: why.
LEFT_OUT = {
    "smg.grpc.common.RemoteTensorHandle.descriptor": "protoc 3.21 makes C++ of it that does not compile",
}

FILES = ("smg/grpc/common/common.proto", "vllm/grpc/engine/vllm_engine.proto")


def ours(protoc, folder):
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary) / "set"
        subprocess.run([protoc, "-I", folder, f"--descriptor_set_out={out}", *FILES], check=True)
        files = descriptor_pb2.FileDescriptorSet()
        files.ParseFromString(out.read_bytes())
        return files.file


def theirs():
    files = []
    for module in (common_pb2, vllm_engine_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        files.append(file)
    return files


def facts_of_message(name, message, facts):
    facts[name] = "message"
    for field in message.field:
        oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
        facts[f"{name}.{field.name}"] = (
            f"number {field.number}, type {field.type}, label {field.label}, of '{field.type_name}', "
            f"oneof '{oneof}', optional {field.proto3_optional}")
    for enum in message.enum_type:
        facts_of_enum(f"{name}.{enum.name}", enum, facts)
    for nested in message.nested_type:
        facts_of_message(f"{name}.{nested.name}", nested, facts)


def facts_of_enum(name, enum, facts):
    facts[name] = "enum"
    for value in enum.value:
        facts[f"{name}.{value.name}"] = f"number {value.number}"


def facts_of(files):
    facts = {}
    for file in files:
        for message in file.message_type:
            facts_of_message(f"{file.package}.{message.name}", message, facts)
        for enum in file.enum_type:
            facts_of_enum(f"{file.package}.{enum.name}", enum, facts)
        for service in file.service:
            for method in service.method:
                facts[f"{file.package}.{service.name}/{method.name}"] = (
                    f"from {method.input_type} to {method.output_type}, streams "
                    f"{method.client_streaming} {method.server_streaming}")
    return facts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protoc", default="protoc")
    parser.add_argument("folder")
    arguments = parser.parse_args()
    published, here = facts_of(theirs()), facts_of(ours(arguments.protoc, arguments.folder))
    differences = []
    for name in sorted(published.keys() | here.keys()):
        if name in LEFT_OUT:
            if name in here or name not in published:
                differences.append(f"{name}: LEFT_OUT says that it is missing here alone")
        elif published.get(name) != here.get(name):
            differences.append(f"{name}: published {published.get(name)}; here {here.get(name)}")
    for difference in differences:
        print(difference)
    print(f"{len(published)} names published, {len(here)} here, {len(LEFT_OUT)} left out, "
          f"{len(differences)} differ")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
