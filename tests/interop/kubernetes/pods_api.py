#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""As much of Kubernetes' API as a watcher of pods needs: lists and watches one ready pod.

  pods_api.py KUBECONFIG NAMESPACE LABEL=VALUE IP    writes KUBECONFIG for itself, and serves until it is killed
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


def pod(namespace: str, label: str, address: str) -> dict:
    name, value = label.split("=")
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "cascade-0", "namespace": namespace, "uid": "1", "resourceVersion": "1",
                     "labels": {name: value}},
        "spec": {"containers": [{"name": "cascade", "image": "cascade"}]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                   "conditions": [{"type": "Ready", "status": "True"}]},
    }


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    namespace, label, address = sys.argv[2:5]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        selects = self.label in query.get("labelSelector", [self.label])[0]
        if url.path != f"/api/v1/namespaces/{self.namespace}/pods" or not selects:
            self.send_error(404, f"pods_api has the pods of {self.namespace} with {self.label} alone")
            return
        if query.get("watch", ["false"])[0] == "true":
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.rfile.read()  # nothing happens to the pod until the watcher leaves
            return
        body = json.dumps({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "1"},
                           "items": [pod(self.namespace, self.label, self.address)]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        print(self.path, file=sys.stderr, flush=True)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Path(sys.argv[1]).write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}))
    server.serve_forever()


if __name__ == "__main__":
    main()
