# SPDX-License-Identifier: Apache-2.0
"""Prints definitions, which accept every field, of the kinds that the manifests have from others (cert-manager,
KEDA, KServe, the Prometheus operator), so that an API server without those takes the manifests. Reads the
manifests as kustomize has built them from standard input."""

import json
import re
import sys

OWN = re.compile(r"^(v1|apps/v1|policy/v1|autoscaling/v2|(networking|rbac\.authorization)\.k8s\.io/v1)$")

seen = set()
for text in sys.stdin.read().split("\n---\n"):
    version = re.search(r"^apiVersion: (.*)$", text, re.M)
    kind = re.search(r"^kind: (.*)$", text, re.M)
    if version and kind and not OWN.match(version[1]):
        seen.add((version[1], kind[1]))
for version, kind in sorted(seen):
    group, version = version.split("/")
    plural = kind.lower() + "s"
    print(json.dumps({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}",
                     "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
                 "versions": [{"name": version, "served": True, "storage": True,
                               "schema": {"openAPIV3Schema": {"type": "object",
                                                              "x-kubernetes-preserve-unknown-fields": True}}}]}}))
    print("---")
