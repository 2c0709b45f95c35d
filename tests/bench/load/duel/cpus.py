# SPDX-License-Identifier: Apache-2.0
"""Which CPUs the servers have, and which the clients: never the same."""

from race.process import Failed, available_cpus


def server_cpus() -> set[int]:
    """All but the last one. A server computes with as many threads."""
    cpus = available_cpus()
    if len(cpus) < 2:
        raise Failed("needs two CPUs: one for the client, the others for the server")
    return set(cpus[:-1])


def client_cpus() -> set[int]:
    return {available_cpus()[-1]}
