#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to watch and to protect a server: metrics and who reads them, traces, TLS, tokens.

  observation_cost.py BIN [--rounds=N] [--seconds=S] [--collector=HOST:PORT]

Starts one server of each kind with the bundled model, and asks them by turns, in a new random order each round:
for tokens a second of 32 streams, and for the time to the first token of short requests, one at a time. Prints
each kind's median over the plain server's of the same round. BIN holds cascade-server and cascade. Without a
collector, the spans go to nobody and are dropped.
"""

import argparse
import hashlib
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
METRICS = "--metrics_address=127.0.0.1:0"


class Server:
    def __init__(self, binaries, flags, client_flags, scrape):
        self.binaries, self.client_flags, self.scrape = binaries, client_flags, scrape
        self.process = subprocess.Popen(
            [binaries / "cascade-server", f"--model={ROOT}/deploy/models/tales-7m", "--listen=localhost:0",
             "--max_running=32", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().strip()
        self.metrics = self.process.stdout.readline().strip() if METRICS in flags else None
        while self.ask("health").returncode != 0:
            time.sleep(0.1)

    def ask(self, *command):
        return subprocess.run([self.binaries / "cascade", *command, f"--server={self.address}", *self.client_flags],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def bench(self, *flags):
        with tempfile.NamedTemporaryFile() as report, Scraper(self.metrics if self.scrape else None):
            if self.ask("bench", f"--json_file={report.name}", *flags).returncode != 0:
                sys.exit(f"cascade bench failed with {self.client_flags}")
            return json.load(open(report.name))

    def tokens_per_second(self, seconds):
        run = self.bench("--concurrency=32", f"--duration={seconds}s", "--prompt_tokens=16", "--output_tokens=128",
                         "--ignore_eos", "--speculation=false")
        return run["per_second"]["generated_tokens"]

    def first_token_us(self):
        run = self.bench("--concurrency=1", "--requests=1500", "--prompt_tokens=4", "--output_tokens=1", "--connections=1")
        return run["latency"]["first_token"]["p50"] * 1e6


class Scraper:
    """Reads the metrics every second, fifteen times as often as Prometheus does."""

    def __init__(self, address):
        self.address, self.stop = address, threading.Event()

    def run(self):
        while not self.stop.wait(1):
            urllib.request.urlopen(f"http://{self.address}/metrics").read()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run) if self.address else None
        if self.thread:
            self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        if self.thread:
            self.thread.join()


def make_secrets(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "1", "-subj", "/CN=bench", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                    folder / "key", "-out", folder / "cert"], check=True, capture_output=True)
    token = "a token for the benchmark"
    (folder / "token").write_text(token)
    (folder / "callers").write_text(f"bench {hashlib.sha256(token.encode()).hexdigest()}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--collector", default="127.0.0.1:1")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_secrets(folder)
        tls, tls_client = [f"--tls_cert={folder}/cert", f"--tls_key={folder}/key"], [f"--ca={folder}/cert"]
        tokens, tokens_client = [f"--callers_file={folder}/callers"], [f"--token_file={folder}/token"]
        traces = [f"--otlp_endpoint={arguments.collector}"]
        kinds = {
            "plain": ([], [], False),
            "plain again": ([], [], False),
            "metrics": ([METRICS], [], False),
            "metrics, read each second": ([METRICS], [], True),
            "traces of all calls": (traces, [], False),
            "tokens": (tokens, tokens_client, False),
            "TLS": (tls, tls_client, False),
            "all of it": ([METRICS, *traces, *tls, *tokens], [*tls_client, *tokens_client], True),
        }
        servers = {kind: Server(arguments.bin, *rest) for kind, rest in kinds.items()}
        speed = {kind: [] for kind in kinds}
        first = {kind: [] for kind in kinds}
        try:
            for _ in range(arguments.rounds):
                for kind in random.sample(list(kinds), len(kinds)):
                    speed[kind].append(servers[kind].tokens_per_second(arguments.seconds))
                    first[kind].append(servers[kind].first_token_us())
        finally:
            for server in servers.values():
                server.process.terminate()
        print("| server | tokens/s of 32 streams | over plain | spread | first token, us | more than plain |")
        print("|---|---:|---:|---:|---:|---:|")
        for kind in kinds:
            ratios = [a / b for a, b in zip(speed[kind], speed["plain"])]
            more = statistics.median(a - b for a, b in zip(first[kind], first["plain"]))
            spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
            print(f"| {kind} | {statistics.median(speed[kind]):.0f} | {statistics.median(ratios):.3f} | {spread} | "
                  f"{statistics.median(first[kind]):.0f} | {more:+.0f} |")


if __name__ == "__main__":
    main()
