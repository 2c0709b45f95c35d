// SPDX-License-Identifier: Apache-2.0
// Checks Kubernetes manifests against the API's types, its schemas, and what this service needs.
//
//   node check.mjs FILE FLAGS    FILE is what kustomize has built, FLAGS is server/flags.h; exits with 1 and says
//                                why if something is wrong
//
// Types come from kubernetes-models: each manifest is compiled as a literal of its type, which refuses
// unknown fields; its JSON schema then refuses values that the types let pass.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

const loadManifests = (file) => yaml.loadAll(readFileSync(file, "utf8"));

// The server's own Deployment, or another object of the name.
const find = (manifests, kind, name = "cascade") =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);

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

// Who may ask Kubernetes for what: nobody.
function accountErrors(manifests) {
  const pod = find(manifests, "Deployment").spec.template.spec;
  const account = find(manifests, "ServiceAccount", pod.serviceAccountName);
  return pod.serviceAccountName && account?.automountServiceAccountToken === false &&
    pod.automountServiceAccountToken === false ? [] : ["the pod has no account of its own without a token"];
}

// Kubernetes' recommended labels.
function labelErrors(manifests) {
  const errors = [];
  const label = ({ metadata }, name) => metadata.labels?.[`app.kubernetes.io/${name}`];
  for (const manifest of manifests.filter(({ kind }) => kind !== "Namespace")) {
    if (!label(manifest, "name")?.startsWith("cascade") || label(manifest, "part-of") !== "cascade" ||
        !label(manifest, "component")) {
      errors.push(`${manifest.kind} ${manifest.metadata.name} has not the labels name, component and part-of`);
    }
  }
  const deployment = find(manifests, "Deployment");
  const { template } = deployment.spec;
  const tag = template.spec.containers[0].image.split(":").pop();
  if (label(deployment, "version") !== tag || label(template, "version") !== tag) {
    errors.push(`the label version is not the image's tag, ${tag}`);
  }
  if (Object.keys(deployment.spec.selector.matchLabels).join() !== "app.kubernetes.io/name") {
    errors.push("the Deployment selects by more than the name, which no upgrade could change");
  }
  return errors;
}

// The flags of the server's container, wherever they come from.
function flagsOf(manifests) {
  const [container] = find(manifests, "Deployment").spec.template.spec.containers;
  const given = container.args.map((arg) => arg.match(/^--([a-z_0-9]+)(?:=(.*))?$/).slice(1));
  for (const { configMapRef } of container.envFrom ?? []) {
    for (const [key, value] of Object.entries(find(manifests, "ConfigMap", configMapRef?.name)?.data ?? {})) {
      given.push([key.replace(/^CASCADE_/, "").toLowerCase(), value]);
    }
  }
  return given;
}

// The server takes no notice of a variable that is no flag's, nor of one whose flag args has too.
function flagErrors(manifests) {
  const errors = [];
  const given = flagsOf(manifests).map(([name]) => name);
  const known = readFileSync(process.argv[3], "utf8").match(/(?<=^ABSL_DECLARE_FLAG\(.*, )\w+/gm);
  for (const name of given) {
    if (!known.includes(name)) errors.push(`the server has no flag --${name}`);
  }
  if (new Set(given).size < given.length) errors.push("a flag is given twice, by args and by the ConfigMap");
  const [container] = find(manifests, "Deployment").spec.template.spec.containers;
  if (!container.envFrom?.length || container.env) errors.push("flags come from elsewhere than the ConfigMap");
  return errors;
}

// Where the server writes, and where it reads: never the root file system.
function volumeErrors(manifests) {
  const errors = [];
  const pod = find(manifests, "Deployment").spec.template.spec;
  const [container] = pod.containers;
  const flags = Object.fromEntries(flagsOf(manifests));
  const mountOf = (path) =>
    container.volumeMounts?.find(({ mountPath }) => `${path}/`.startsWith(`${mountPath}/`));
  const volumeOf = (path) => pod.volumes?.find(({ name }) => name === mountOf(path)?.name);
  for (const path of ["tls_cert", "tls_key", "callers_file", "model"].map((name) => flags[name]).filter(Boolean)) {
    if (!volumeOf(path) || !mountOf(path).readOnly) errors.push(`${path} is in no volume that is only read`);
  }
  const cache = flags.packed_weights_cache;
  if (!volumeOf(cache)?.emptyDir?.sizeLimit || mountOf(cache).readOnly) {
    errors.push("packed weights have no place that the server may write to");
  }
  if (!container.securityContext.readOnlyRootFilesystem) errors.push("the root file system may be written to");
  return errors;
}

// What no schema knows.
function serviceErrors(manifests) {
  const errors = [];
  const expect = (holds, what) => { if (!holds) errors.push(what); };
  const of = (kind) => find(manifests, kind);
  const { spec } = of("Deployment");
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const selectsOf = ({ spec }, selector) =>
    Object.entries(selector).every(([key, value]) => spec.template.metadata.labels[key] === value);
  const selects = (selector) => selectsOf(of("Deployment"), selector);
  const flags = Object.fromEntries(flagsOf(manifests));
  const flag = (name) => flags[name];
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
  expect(pod.securityContext.runAsNonRoot &&
    container.securityContext.allowPrivilegeEscalation === false &&
    container.securityContext.capabilities.drop.includes("ALL") &&
    pod.securityContext.seccompProfile.type === "RuntimeDefault",
    "the pod may do more than the restricted pod security standard allows");
  return errors;
}

const knownErrors = (manifests) =>
  [serviceErrors, accountErrors, labelErrors, flagErrors, volumeErrors].flatMap((check) => check(manifests));
const formErrors = async (manifests) => [...typeErrors(manifests), ...await schemaErrors(manifests)];

// Each must be found: a check that accepts everything would be worth nothing.
const podOf = (manifests) => find(manifests, "Deployment").spec.template.spec;
const misspelt = {
  "a misspelt field": (all) => { find(all, "Deployment").spec.replica = 2; },
  "a misspelt nested field": (all) => { podOf(all).containers[0].readinessProbe.periodSecond = 1; },
  "a wrong type": (all) => { find(all, "Deployment").spec.minReadySeconds = "two"; },
  "a missing field": (all) => { delete find(all, "Deployment").spec.selector; },
};
const configOf = (all) => find(all, "ConfigMap", podOf(all).containers[0].envFrom[0].configMapRef.name).data;
const cacheOf = (named) => named.find(({ name }) => name === "cache");
const wrong = {
  "a selector that selects nothing": (all) => { find(all, "Service").spec.selector = { app: "other" }; },
  "connections that never end": (all) => { delete configOf(all).CASCADE_CONNECTION_AGE_SECONDS; },
  "a grace period below the drain": (all) => { podOf(all).terminationGracePeriodSeconds = 1; },
  "a misspelt flag": (all) => { configOf(all).CASCADE_MAX_QUEUE = "7"; },
  "a flag that args hides": (all) => { configOf(all).CASCADE_LISTEN = "0.0.0.0:1"; },
  "a ConfigMap that is not there": (all) => { podOf(all).containers[0].envFrom[0].configMapRef.name = "other"; },
  "a ConfigMap that nobody reads": (all) => { delete podOf(all).containers[0].envFrom; },
  "the namespace's default account": (all) => { delete podOf(all).serviceAccountName; },
  "an account's token": (all) => { delete find(all, "ServiceAccount").automountServiceAccountToken; },
  "a missing label": (all) => { delete find(all, "Service").metadata.labels["app.kubernetes.io/part-of"]; },
  "another version's label": (all) => { podOf(all).containers[0].image = "cascade:9.9.9"; },
  "no place for packed weights": (all) => { delete cacheOf(podOf(all).volumes).emptyDir; },
  "a place that is only read": (all) => { cacheOf(podOf(all).containers[0].volumeMounts).readOnly = true; },
  "a root that is written to": (all) => {
    podOf(all).containers[0].securityContext.readOnlyRootFilesystem = false;
  },
};

const file = process.argv[2];
const intact = loadManifests(file);
const errors = [...await formErrors(intact), ...knownErrors(intact)];
for (const [sabotage, check] of [[misspelt, formErrors], [wrong, knownErrors]]) {
  for (const [what, spoil] of Object.entries(sabotage)) {
    const manifests = loadManifests(file);
    spoil(manifests);
    if ((await check(manifests)).length === 0) errors.push(`the check does not find ${what}`);
  }
}
errors.forEach((error) => console.error(error));
console.log(errors.length === 0 ? "manifests: all well" : `manifests: ${errors.length} errors`);
process.exitCode = errors.length === 0 ? 0 : 1;
