#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens a second of 1, 2 and 4 replicas, each with one thread, behind each balancer: see README.md.

Each replica is in a network namespace of its own, so it needs root, Linux's `ip`, and for their rows nginx
and haproxy. Prints a table; no test, since its figures are the machine's.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BRIDGE = "cascade-bench"
NET = "10.77.0"
PORT = 50051
FRONT = f"{NET}.1:50050"  # where a balancer listens


def run(*command: str) -> None:
    subprocess.run(command, check=True)


@contextmanager
def process(*command: str, log: Path):
    with log.open("w") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


@contextmanager
def bridge():
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    try:
        run("ip", "address", "add", f"{NET}.1/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        yield
    finally:
        run("ip", "link", "delete", BRIDGE)


@contextmanager
def namespace(number: int):
    """A network of its own at 10.77.0.(10 + number), which the bridge leads to."""
    name = f"{BRIDGE}-{number}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "link", "add", f"cb{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", f"cb{number}", "master", BRIDGE, "up")
        inside = ("ip", "-n", name)
        run(*inside, "address", "add", f"{NET}.{10 + number}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "link", "set", "lo", "up")
        yield name
        run("ip", "link", "delete", f"cb{number}")  # a deleted namespace takes it along only later
    finally:
        run("ip", "netns", "delete", name)


def wait_until_healthy(binaries: Path, address: str, child: subprocess.Popen, log: Path) -> None:
    health = [binaries / "cascade", "health", f"--server={address}"]
    while subprocess.run(health, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        if child.poll() is not None:
            sys.exit(f"scale_out: {child.args[0]} has ended:\n{log.read_text()}")
        time.sleep(0.1)


def start_replicas(stack: ExitStack, args: argparse.Namespace, count: int, work: Path) -> list[str]:
    addresses = []
    for number in range(count):
        name = stack.enter_context(namespace(number))
        address = f"{NET}.{10 + number}:{PORT}"
        log = work / f"replica-{number}.log"
        child = stack.enter_context(process(
            "ip", "netns", "exec", name, str(args.bin / "cascade-server"), f"--model={args.model}",
            f"--listen={address}", "--max_connections_per_peer=1024", log=log))
        wait_until_healthy(args.bin, address, child, log)
        addresses.append(address)
    return addresses


def nginx(addresses: list[str], work: Path) -> tuple[str, ...]:
    servers = "".join(f"  server {a} max_fails=1 fail_timeout=2s;\n" for a in addresses)
    text = (ROOT / "deploy/balancers/nginx.conf").read_text().replace("listen 50050", f"listen {FRONT}")
    text = re.sub(r"(  server [0-9.:]+ .*;\n)+", servers, text)
    config = work / "nginx.conf"
    config.write_text(f"daemon off; worker_processes auto; pid {work}/nginx.pid; error_log {work}/nginx.error;\n"
                      f"events {{}} http {{ client_body_temp_path {work}/body;\n{text}}}")
    return "nginx", "-p", str(work), "-c", str(config)


def haproxy(addresses: list[str], work: Path) -> tuple[str, ...]:
    servers = "".join(f"  server s{i} {a}\n" for i, a in enumerate(addresses))
    text = (ROOT / "deploy/balancers/haproxy.cfg").read_text().replace("bind :50050", f"bind {FRONT}")
    config = work / "haproxy.cfg"
    config.write_text(re.sub(r"(  server [a-z]+ [0-9.:]+\n?)+", servers, text))
    return "haproxy", "-db", "-f", str(config)


BALANCERS = {"client": None, "nginx": nginx, "haproxy": haproxy}


def load(args: argparse.Namespace, server: str, replicas: int) -> float:
    """Tokens a second that clients got: so many at once, for each replica, whoever chooses it."""
    with tempfile.NamedTemporaryFile() as out:
        command = [args.bin / "cascade", "bench", f"--server={server}", f"--duration={args.seconds}s",
                   f"--concurrency={args.streams * replicas}", "--prompt_tokens=uniform:16-64",
                   "--output_tokens=128", "--ignore_eos", "--speculation=false", f"--json_file={out.name}"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"scale_out: {result.stdout}{result.stderr}")
        return json.loads(Path(out.name).read_text())["per_second"]["generated_tokens"]


def probe(count: int) -> float:
    """The machine's limit: the work of so many threads that share nothing, a second."""
    loop = "import hashlib,time\nn=0\nend=time.monotonic()+2\nb=b'x'*4096\n" \
           "while time.monotonic()<end:\n  hashlib.sha256(b).digest(); n+=1\nprint(n)"
    children = [subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) for _ in range(count)]
    return sum(float(child.communicate()[0]) for child in children)


def measure(args: argparse.Namespace, balancer: str, replicas: int) -> float:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        work = Path(folder)
        work.chmod(0o755)  # nginx' workers are others
        stack.enter_context(bridge())
        addresses = start_replicas(stack, args, replicas, work)
        configure = BALANCERS[balancer]
        if configure is None:
            return load(args, ",".join(addresses), replicas)
        log = work / "balancer.log"
        child = stack.enter_context(process(*configure(addresses, work), log=log))
        wait_until_healthy(args.bin, FRONT, child, log)
        return load(args, FRONT, replicas)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=Path, default=ROOT / "build/bin")
    parser.add_argument("--model", type=Path, default=ROOT / "deploy/models/tales-7m")
    parser.add_argument("--replicas", default="1,2,4")
    parser.add_argument("--streams", type=int, default=8, help="at once, for each replica")
    parser.add_argument("--seconds", type=int, default=10)
    args = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("network namespaces need root")
    counts = [int(count) for count in args.replicas.split(",")]
    os.environ["PATH"] += ":/usr/sbin"
    print(f"{os.cpu_count()} CPUs; tokens a second of {args.streams} streams for each replica")
    print("| balancer | " + " | ".join(f"{count}" for count in counts) + " | of linear |")
    for balancer in BALANCERS:
        if balancer != "client" and shutil.which(balancer) is None:
            print(f"| {balancer} | not installed |")
            continue
        report(balancer, counts, [measure(args, balancer, count) for count in counts])
    report("threads that share nothing", counts, [probe(count) for count in counts])


def report(name: str, counts: list[int], figures: list[float]) -> None:
    shares = [f"{figure / figures[0] / (count / counts[0]):.2f}" for count, figure in zip(counts, figures)]
    print(f"| {name} | " + " | ".join(f"{figure:.0f}" for figure in figures) + " | " + ", ".join(shares) + " |",
          flush=True)


if __name__ == "__main__":
    main()
