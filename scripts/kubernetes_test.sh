#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Applies the manifests to a real API server, admission included: the base, the production overlay, the base with
# the other components, KServe's. There is no node: that the pods are allowed is asked for each Deployment by a
# dry run in a namespace of the restricted standard. Needs openssl and python3.
#
#   kubernetes_test.sh CLIENTS    the folder of install_clients.sh and install_kubernetes.sh
set -eu
PATH="$(cd "$1/bin" && pwd):$PATH"
export PATH
cd "$(dirname "$0")/.."
work=$(mktemp -d)
etcd=
apiserver=
cleanup() {
  for process in $apiserver $etcd; do kill "$process" 2> /dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT

step() { printf '== %s\n' "$*"; }
die() { printf 'kubernetes_test: %s\n' "$*" >&2; exit 1; }

step 'an API server'
port=$((20000 + $$ % 20000))
etcd --data-dir "$work/etcd" --log-level error --listen-client-urls "http://127.0.0.1:$port" \
  --advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$((port + 1))" \
  > "$work/etcd.log" 2>&1 &
etcd=$!
openssl genrsa -out "$work/accounts.key" 2048 2> /dev/null
echo 'secret,admin,admin,system:masters' > "$work/tokens"
kube-apiserver --etcd-servers "http://127.0.0.1:$port" --secure-port "$((port + 2))" --bind-address 127.0.0.1 \
  --cert-dir "$work/certificates" --token-auth-file "$work/tokens" --authorization-mode RBAC \
  --service-account-issuer https://localhost --service-account-key-file "$work/accounts.key" \
  --service-account-signing-key-file "$work/accounts.key" > "$work/apiserver.log" 2>&1 &
apiserver=$!
export KUBECONFIG="$work/kubeconfig"
kubectl config set-cluster test --server "https://127.0.0.1:$((port + 2))" --insecure-skip-tls-verify > /dev/null
kubectl config set-credentials admin --token secret > /dev/null
kubectl config set-context test --cluster test --user admin > /dev/null
kubectl config use-context test > /dev/null
until kubectl get --raw /readyz > /dev/null 2>&1; do
  kill -0 "$apiserver" 2> /dev/null || { tail "$work/apiserver.log"; exit 1; }
  sleep 0.5
done

# A pod as Deployment NAME of NAMESPACE makes them, changed by a statement of Python: would the server take it?
try_pod() {
  kubectl get deployment "$2" --namespace "$1" --output json | python3 -c "
import json, sys
template = json.load(sys.stdin)['spec']['template']
container = template['spec']['containers'][0]
$3
json.dump({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'try', 'labels': template['metadata']['labels']},
           'spec': template['spec']}, sys.stdout)" |
    kubectl create --namespace "$1" --dry-run=server --output name --filename -
}

apply() {
  step "$1"
  namespace=test-$(printf '%s' "$1" | md5sum | cut -c 1-8)
  kubectl kustomize "$1" > "$work/built.yaml"
  python3 tests/interop/kubernetes/foreign_kinds.py < "$work/built.yaml" > "$work/foreign.json"
  if [ -s "$work/foreign.json" ]; then
    kubectl apply --filename "$work/foreign.json" > /dev/null
    kubectl wait --for condition=Established crd --all > /dev/null
  fi
  if grep -q '^kind: Namespace' "$work/built.yaml"; then
    namespace=$(sed -n 's/^  namespace: //p' "$work/built.yaml" | head -n 1)
  else
    kubectl create namespace "$namespace" > /dev/null
    kubectl label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted > /dev/null
  fi
  # Definitions of foreign kinds are found a moment after they are there.
  until kubectl apply --server-side --validate=strict --namespace "$namespace" --filename "$work/built.yaml" \
    2> "$work/error"; do
    grep -q 'no matches for kind\|could not find the requested resource' "$work/error" || { cat "$work/error"; exit 1; }
    sleep 0.5
  done
  if [ -s "$work/error" ]; then cat "$work/error"; die 'a warning'; fi
  for deployment in $(kubectl get deployments --namespace "$namespace" --output jsonpath='{.items[*].metadata.name}'); do
    kubectl create serviceaccount default --namespace "$namespace" > /dev/null 2>&1 || true
    try_pod "$namespace" "$deployment" pass
    if try_pod "$namespace" "$deployment" "container['securityContext']['allowPrivilegeEscalation'] = True" \
      2> "$work/refused"; then
      die 'a pod with more rights is taken: this tests nothing'
    fi
    grep -q 'violates PodSecurity "restricted' "$work/refused"
  done
}

apply deploy/kubernetes/base
apply deploy/kubernetes/overlays/production
apply tests/interop/kubernetes/everything
apply tests/interop/kubernetes/gateway
apply tests/interop/kubernetes/inference-pool
apply deploy/kubernetes/kserve
step 'kubernetes_test: all well'
