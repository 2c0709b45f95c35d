// SPDX-License-Identifier: Apache-2.0
// Checks Kubernetes manifests against the API's types, its schemas, and what this service needs.
//
//   node check.mjs FOLDER     a kustomize base, or
//   node check.mjs FILE       what kustomize has built; exits with 1 and says why if something is wrong
//
// Types come from kubernetes-models: each manifest is compiled as a literal of its type, which refuses
// unknown fields; its JSON schema then refuses values that the types let pass.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import yaml from "js-yaml";

const here = dirname(fileURLToPath(import.meta.url));

// Those that are not Kubernetes' own.
const packages = {
  "cert-manager.io": "@kubernetes-models/cert-manager",
  "keda.sh": "@kubernetes-models/keda",
  "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
};

// "apps/v1" + "Deployment" -> "kubernetes-models/apps/v1/Deployment"
const moduleOf = ({ apiVersion, kind }) =>
  `${packages[apiVersion.split("/")[0]] ?? "kubernetes-models"}/${apiVersion}/${kind}`;

// The Deployment and the Service first.
function loadManifests(path) {
  if (statSync(path).isFile()) {
    const rank = ({ kind }) => ["Deployment", "Service"].indexOf(kind) >>> 0;
    return yaml.loadAll(readFileSync(path, "utf8")).sort((a, b) => rank(a) - rank(b));
  }
  return loadBase(path);
}

function loadBase(folder) {
  const read = (file) => yaml.load(readFileSync(join(folder, file), "utf8"));
  return read("kustomization.yaml").resources.map(read);
}

// One line for each thing that the compiler does not accept.
function typeErrors(manifests) {
  const work = mkdtempSync(join(here, "typed-"));
  try {
    const source = manifests.map((manifest, i) =>
      `import type { I${manifest.kind} as Type${i} } from "${moduleOf(manifest)}";\n` +
      `export const manifest${i}: Type${i} = ${JSON.stringify(manifest, null, 2)};\n`);
    writeFileSync(join(work, "manifests.ts"), source.join("\n"));
    execFileSync(process.execPath, [
      join(here, "node_modules/typescript/bin/tsc"), "--noEmit", "--strict", "--skipLibCheck",
      "--module", "nodenext", "--moduleResolution", "nodenext", join(work, "manifests.ts")]);
    return [];
  } catch (error) {
    return [String(error.stdout ?? error)];
  } finally {
    rmSync(work, { recursive: true });
  }
}

async function schemaErrors(manifests) {
  const errors = [];
  for (const manifest of manifests) {
    try {
      const { [manifest.kind]: Model } = await import(moduleOf(manifest));
      new Model(manifest).validate();
    } catch (error) {
      errors.push(`${manifest.kind}: ${error.message}`);
    }
  }
  return errors;
}

// What no schema knows.
function serviceErrors(manifests) {
  const errors = [];
  const expect = (holds, what) => { if (!holds) errors.push(what); };
  const of = (kind) => manifests.find((manifest) => manifest.kind === kind);
  const { spec } = of("Deployment");
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const selectsOf = ({ spec }, selector) =>
    Object.entries(selector).every(([key, value]) => spec.template.metadata.labels[key] === value);
  const selects = (selector) => selectsOf(of("Deployment"), selector);
  const flag = (name) =>
    container.args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const portOf = (name) => container.ports.find((port) => port.name === name)?.containerPort;
  const port = portOf("grpc");
  const services = manifests.filter(({ kind }) => kind === "Service");

  expect(selects(spec.selector.matchLabels), "the Deployment does not select its own pods");
  const deployments = manifests.filter(({ kind }) => kind === "Deployment");
  expect(services.every((service) =>
    deployments.some((deployment) => selectsOf(deployment, service.spec.selector))),
    "a Service does not select the pods");
  expect(selects(of("PodDisruptionBudget").spec.selector.matchLabels),
    "the PodDisruptionBudget does not select the pods");
  expect(services.every((service) =>
    service.spec.clusterIP === "None" || !selects(service.spec.selector)),
    "a Service is not headless");
  expect(flag("listen")?.endsWith(`:${port}`), "--listen is not the container's port");
  expect(pod.terminationGracePeriodSeconds >
      (container.lifecycle?.preStop?.sleep?.seconds ?? 0) + Number(flag("drain_seconds")),
    "the grace period is not longer than preStop and the drain");
  expect(Number(flag("connection_age_seconds")) > 0,
    "connections never end: with a headless Service, clients never meet a new pod");
  // Kubernetes' gRPC probes speak no TLS.
  const tls = flag("tls_cert") !== undefined;
  for (const [name, path] of [["readinessProbe", "/readyz"], ["livenessProbe", "/healthz"]]) {
    const probe = container[name];
    expect(tls ? probe?.httpGet?.port === "metrics" && probe.httpGet.path === path && !probe.grpc
               : probe?.grpc?.port === port, `${name} does not ask what answers it`);
  }
  if (flag("metrics_address")) {
    expect(flag("metrics_address").endsWith(`:${portOf("metrics")}`),
      "--metrics_address is not the port of that name");
  }
  for (const file of ["tls_cert", "tls_key", "callers_file", "model"].map(flag).filter(Boolean)) {
    const mount = container.volumeMounts?.find(({ mountPath }) => `${file}/`.startsWith(`${mountPath}/`));
    expect(pod.volumes?.some(({ name }) => name === mount?.name), `${file} is in no volume`);
  }
  const policy = of("NetworkPolicy");
  if (policy) expect(selects(policy.spec.podSelector.matchLabels), "the NetworkPolicy selects no pod");
  const scaler = of("HorizontalPodAutoscaler");
  if (scaler) {
    expect(scaler.spec.scaleTargetRef.name === of("Deployment").metadata.name && !spec.replicas,
      "the HorizontalPodAutoscaler does not decide the Deployment's replicas");
  }
  const scaled = of("ScaledObject");
  if (scaled) {
    expect(scaled.spec.scaleTargetRef.name === of("Deployment").metadata.name && !spec.replicas,
      "the ScaledObject does not decide the Deployment's replicas");
  }
  const monitor = of("ServiceMonitor");
  if (monitor) {
    const wanted = Object.entries(monitor.spec.selector.matchLabels);
    const found = services.filter(({ metadata }) =>
      wanted.every(([key, value]) => metadata.labels?.[key] === value));
    expect(found.length === 1 && monitor.spec.endpoints.every((endpoint) =>
      found[0].spec.ports.some(({ name }) => name === endpoint.port)),
      "the ServiceMonitor does not find one Service with its ports");
  }
  const certificate = of("Certificate");
  if (certificate) {
    expect(pod.volumes.some(({ secret }) => secret?.secretName === certificate.spec.secretName),
      "the Certificate's Secret is in no volume");
  }
  expect(pod.securityContext.runAsNonRoot && container.securityContext.readOnlyRootFilesystem &&
    container.securityContext.allowPrivilegeEscalation === false &&
    container.securityContext.capabilities.drop.includes("ALL") &&
    pod.securityContext.seccompProfile.type === "RuntimeDefault",
    "the pod may do more than the restricted pod security standard allows");
  return errors;
}

const check = async (manifests) => [
  ...typeErrors(manifests), ...await schemaErrors(manifests), ...serviceErrors(manifests)];

// Each must be found: a check that accepts everything would be worth nothing.
const sabotage = {
  "a misspelt field": ([deployment]) => { deployment.spec.replica = 2; },
  "a misspelt nested field": ([deployment]) => {
    deployment.spec.template.spec.containers[0].readinessProbe.periodSecond = 1;
  },
  "a wrong type": ([deployment]) => { deployment.spec.replicas = "two"; },
  "a missing field": ([deployment]) => { delete deployment.spec.selector; },
  "a selector that selects nothing": ([, service]) => { service.spec.selector = { app: "other" }; },
  "connections that never end": ([deployment]) => {
    const [container] = deployment.spec.template.spec.containers;
    container.args = container.args.filter((arg) => !arg.startsWith("--connection_age_seconds"));
  },
  "a grace period below the drain": ([deployment]) => {
    deployment.spec.template.spec.terminationGracePeriodSeconds = 1;
  },
};

const folder = process.argv[2];
const errors = await check(loadManifests(folder));
for (const [what, spoil] of Object.entries(sabotage)) {
  const manifests = loadManifests(folder);
  spoil(manifests);
  const found = await check(manifests).catch((error) => [error.message]);
  if (found.length === 0) errors.push(`the check does not find ${what}`);
}
errors.forEach((error) => console.error(error));
console.log(errors.length === 0 ? "manifests: all well" : `manifests: ${errors.length} errors`);
process.exitCode = errors.length === 0 ? 0 : 1;
