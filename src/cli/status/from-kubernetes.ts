/** Status as the CertificateRequests tell it: for when Temporal or the worker is away, and for clusters without a workflow. */
import { z } from 'zod';
import { gateOf } from '../../clusters/gate.ts';
import { type KubernetesApi, type KubernetesObject } from '../../kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../../kubernetes/objects/cluster-deployment.ts';
import { clusterOwnersOf } from '../../kubernetes/objects/cluster-owners.ts';
import { observeRequest } from '../../kubernetes/objects/observed-request.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../kubernetes/objects/resources.ts';
import { standaloneView } from '../../kubernetes/objects/standalone-view.ts';
import type { ClusterName } from '../cluster-argument.ts';
import type { CertificateRow, ClusterReport, FleetReport, FleetRow } from './status-view.ts';
import { byUrgency } from './status-view.ts';

const text = z.string().max(8192).optional().catch(undefined);

/** Every field on its own: a status that is odd in one place still says the rest. */
const requestSchema = z.looseObject({
  spec: z
    .looseObject({
      dnsNames: z.array(z.string()).max(1000).catch([]),
      certificateSecret: z.looseObject({ name: text }).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
  status: z
    .looseObject({
      status: text,
      notAfter: text,
      issuerName: text,
      serialNumber: text,
      renewalTime: text,
      nextAttempt: text,
      conditions: z
        .array(z.looseObject({ type: z.string(), status: z.string(), reason: text, message: text }))
        .max(100)
        .catch([]),
    })
    .optional()
    .catch(undefined),
});

type RequestStatus = z.infer<typeof requestSchema>;

/** The most urgent certificate of each cluster. */
export async function fleetFromKubernetes(kubernetes: KubernetesApi, signal?: AbortSignal): Promise<FleetReport> {
  const clusters = new Map<string, FleetRow>();
  for await (const object of kubernetes.list(CERTIFICATE_REQUESTS, signal === undefined ? {} : { signal })) {
    const line = fleetLine(object);
    const before = clusters.get(line.cluster);
    if (before === undefined || byUrgency(line, before) < 0) clusters.set(line.cluster, line);
  }
  return { source: 'kubernetes', clusters: [...clusters.values()] };
}

function fleetLine(object: KubernetesObject): FleetRow {
  const request = requestSchema.parse(object);
  const { notAfter, renewalTime, issuerName } = request.status ?? {};
  const { state, reason } = stateOf(request, object.metadata.deletionTimestamp !== undefined);
  return {
    cluster: `${object.metadata.namespace ?? ''}/${ownerOf(object) ?? object.metadata.name}`,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(notAfter === undefined ? {} : { notAfter: isoInstant(notAfter) }),
    ...(renewalTime === undefined ? {} : { renewalTime }),
    ...(issuerName === undefined ? {} : { issuer: issuerName }),
  };
}

/** @returns undefined when the hub has neither the ClusterDeployment, nor a CertificateRequest of that cluster or of that name. */
export async function clusterFromKubernetes(
  kubernetes: KubernetesApi,
  settings: { readonly managementCluster: string; readonly extraRecord?: string },
  name: ClusterName,
  signal?: AbortSignal,
): Promise<ClusterReport | undefined> {
  const options = { namespace: name.namespace, ...(signal === undefined ? {} : { signal }) };
  const deployment = await kubernetes.get(CLUSTER_DEPLOYMENTS, name, signal);
  const certificates: CertificateRow[] = [];
  let alone: KubernetesObject | undefined;
  for await (const object of kubernetes.list(CERTIFICATE_REQUESTS, options)) {
    const owner = ownerOf(object);
    if (owner === name.name) certificates.push(certificateLine(object, name));
    else if (owner === undefined && object.metadata.name === name.name) alone = object;
  }
  if (deployment === undefined && certificates.length === 0) {
    return alone === undefined ? undefined : standaloneReport(alone, settings.managementCluster, name);
  }
  const situation = deployment === undefined ? 'Its ClusterDeployment is gone.' : situationOf(deployment, settings);
  return {
    source: 'kubernetes',
    cluster: `${name.namespace}/${name.name}`,
    ...(situation === undefined ? {} : { situation }),
    certificates,
  };
}

function standaloneReport(object: KubernetesObject, managementCluster: string, name: ClusterName): ClusterReport {
  const gate = gateOf(standaloneView(managementCluster, observeRequest(object)));
  return {
    source: 'kubernetes',
    cluster: `${name.namespace}/${name.name}`,
    ...(gate.kind === 'serve' ? {} : { situation: gate.message }),
    certificates: [certificateLine(object, name)],
  };
}

function situationOf(
  deployment: KubernetesObject,
  settings: { readonly managementCluster: string; readonly extraRecord?: string },
): string | undefined {
  const projected = projectClusterDeployment(deployment, settings);
  if (projected.kind === 'malformed') return projected.message;
  const gate = gateOf(projected.view);
  return gate.kind === 'serve' ? gate.note : gate.message;
}

function certificateLine(object: KubernetesObject, { name }: ClusterName): CertificateRow {
  const request = requestSchema.parse(object);
  const { notAfter, renewalTime, nextAttempt, issuerName, serialNumber } = request.status ?? {};
  const { state, message } = stateOf(request, object.metadata.deletionTimestamp !== undefined);
  const secretName = request.spec?.certificateSecret?.name;
  const prefix = `${name}-`;
  return {
    bundle: object.metadata.name.startsWith(prefix) ? object.metadata.name.slice(prefix.length) : object.metadata.name,
    state,
    message,
    dnsNames: request.spec?.dnsNames ?? [],
    ...(secretName === undefined ? {} : { secretName }),
    ...(issuerName === undefined ? {} : { issuer: issuerName }),
    ...(serialNumber === undefined ? {} : { serialNumber }),
    ...(notAfter === undefined ? {} : { notAfter: isoInstant(notAfter) }),
    ...(renewalTime === undefined ? {} : { renewalTime }),
    ...(nextAttempt === undefined ? {} : { nextAttempt }),
  };
}

/** The state that its conditions amount to, with the condition that says so. */
function stateOf(
  request: RequestStatus,
  deleting: boolean,
): { readonly state: string; readonly reason?: string; readonly message: string } {
  const condition = (type: string) => request.status?.conditions.find((one) => one.type === type);
  const say = (state: string, from: ReturnType<typeof condition>) => ({
    state,
    message: from?.message ?? '',
    ...(from?.reason === undefined ? {} : { reason: from.reason }),
  });
  const [ready, renewing, failing] = [condition('Ready'), condition('Renewing'), condition('Failing')];
  if (deleting) return { state: 'Decommissioning', message: 'It is being deleted.' };
  if (failing?.status === 'True') return say('Failing', failing);
  if (renewing?.status === 'True') return say(ready?.status === 'True' ? 'Renewing' : 'Issuing', renewing);
  if (ready?.status === 'True') return say('Ready', ready);
  if (ready !== undefined) return say('Pending', ready);
  return request.status?.status === 'Success'
    ? { state: 'Ready', message: 'Issued by certman-operator.' }
    : { state: 'Pending', message: 'Nothing has been said about it yet.' };
}

function ownerOf({ metadata }: KubernetesObject): string | undefined {
  return clusterOwnersOf(metadata)[0]?.name;
}

/** certman-operator wrote `2026-01-01 00:00:00 +0000 UTC`. */
function isoInstant(found: string): string {
  const old = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d\d)(\d\d)/.exec(found);
  return old === null ? found : `${old[1]}T${old[2]}${old[3]}:${old[4]}`;
}
