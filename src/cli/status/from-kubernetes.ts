/** From the CertificateRequests: while Temporal or the worker is unavailable, and for clusters without a workflow. */

import { z } from 'zod';
import { conditionReason } from '../../certificates/status-messages.ts';
import { type Also, alsoText, MAX_ALSO, parseAlso, REQUESTED_REASONS } from '../../contract/also.ts';
import { getIfKnown } from '../../kubernetes/api/discovery.ts';
import { type KubernetesApi, type KubernetesObject } from '../../kubernetes/api/kubernetes-api.ts';
import { type ProjectionSettings, projectClusterDeployment } from '../../kubernetes/objects/cluster-deployment.ts';
import { observeRequest } from '../../kubernetes/objects/observed-request.ts';
import { observedPostponement } from '../../kubernetes/objects/postponed-condition.ts';
import { type StandaloneSettings, standaloneView } from '../../kubernetes/objects/request-views.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../kubernetes/objects/resources.ts';
import { toRfc3339 } from '../../kubernetes/objects/timestamp.ts';
import type { ClusterName } from '../arguments.ts';
import { REASONS_AT_REST } from './attention.ts';
import { servedRowOf } from './read-served.ts';
import {
  byUrgency,
  type CertificateRow,
  type ClusterReport,
  describeCluster,
  type FleetReport,
  type FleetRow,
} from './status-view.ts';

const text = z.string().max(8192).optional().catch(undefined);

const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: text,
  message: text,
  lastTransitionTime: text,
});
type Condition = z.infer<typeof conditionSchema>;
/** The fields that observeRequest() does not read. Each is optional: a malformed one must not hide the other. */
const statusSchema = z
  .looseObject({ status: text, conditions: z.array(conditionSchema).max(100).catch([]) })
  .catch({ status: undefined, conditions: [] });

/** Of the condition `Renewing` (contract/conditions.ts). */
const RENEWAL_REQUEST_REASONS: ReadonlySet<string> = new Set(['Requested', 'RequestExpired']);
/** The same, and of the condition `Revoked`. */
const REQUEST_REASONS: ReadonlySet<string> = new Set([
  ...RENEWAL_REQUEST_REASONS,
  'RequestWithdrawn',
  'RevocationRequested',
  'RevokedOnRequest',
]);

/** Those in which something prevents the next step, but for a turn at the CA, which comes by itself. */
const PROBLEM_STATES: ReadonlySet<string> = new Set(['Failing', 'Waiting', 'Decommissioning']);
const TURN_REASON = conditionReason('rateLimit/newOrders');

/** One row for each cluster, of its most urgent certificate. */
export async function fleetFromKubernetes(kubernetes: KubernetesApi, namespace?: string): Promise<FleetReport> {
  const clusters = new Map<string, KubernetesRow>();
  for await (const object of kubernetes.list(CERTIFICATE_REQUESTS, { namespace })) {
    const row = fleetRow(object);
    const before = clusters.get(row.cluster);
    clusters.set(row.cluster, before === undefined ? row : mostUrgentOf(before, row));
  }
  return { source: 'kubernetes', clusters: [...clusters.values()].map(withOtherReasons) };
}

/** Of a cluster's certificates, with what each has beside its state. */
interface KubernetesRow extends FleetRow {
  readonly bundle: string;
  readonly also: readonly Also[];
}

function mostUrgentOf(one: KubernetesRow, other: KubernetesRow): KubernetesRow {
  const [shown, hidden] = byUrgency(other, one) < 0 ? [other, one] : [one, other];
  const { bundle, reason, state } = hidden;
  const isProblem =
    state === 'Ready' ? !REASONS_AT_REST.has(reason) : PROBLEM_STATES.has(state) && reason !== TURN_REASON;
  const also = [...one.also, ...other.also, ...(isProblem && reason !== undefined ? [{ bundle, reason }] : [])];
  return { ...shown, also };
}

/** Each once, at most ten, and not what the row has as its reason. */
function withOtherReasons({ bundle, also, ...row }: KubernetesRow): FleetRow {
  const texts = new Set(also.map(alsoText));
  texts.delete(alsoText({ bundle, reason: row.reason ?? row.state }));
  return texts.size === 0 ? row : { ...row, also: [...texts].sort().slice(0, MAX_ALSO).map(parseAlso) };
}

function fleetRow(object: KubernetesObject): KubernetesRow {
  const request = observeRequest(object);
  const { state, reason } = stateOf(object);
  const name = request.owner?.name ?? request.name;
  const bundle = bundleOf(request.name, name);
  const { conditions } = statusSchema.parse(object['status']);
  const requested = new Set(
    conditions.flatMap((one) => (REQUESTED_REASONS.has(one.reason ?? '') ? [one.reason ?? ''] : [])),
  );
  return {
    bundle,
    also: [...requested].map((one) => ({ bundle, reason: one })),
    cluster: `${request.namespace}/${name}`,
    state,
    reason,
    notAfter: rfc3339(request.notAfter),
    renewalTime: rfc3339(request.renewalAt),
    dnsNames: request.dnsNames,
    issuer: request.issuerName,
  };
}

/** @returns undefined when there is no ClusterDeployment, and no CertificateRequest of that cluster or of that name. */
export async function clusterFromKubernetes(
  kubernetes: KubernetesApi,
  settings: ProjectionSettings & StandaloneSettings,
  name: ClusterName,
): Promise<ClusterReport | undefined> {
  const deployment = await getIfKnown(kubernetes, CLUSTER_DEPLOYMENTS, name);
  const certificates: CertificateRow[] = [];
  let standalone: KubernetesObject | undefined;
  for await (const object of kubernetes.list(CERTIFICATE_REQUESTS, { namespace: name.namespace })) {
    const owner = observeRequest(object).owner?.name;
    if (owner === name.name) certificates.push(certificateRow(object, name));
    else if (owner === undefined && object.metadata.name === name.name) standalone = object;
  }
  const report = { source: 'kubernetes', cluster: `${name.namespace}/${name.name}` } as const;
  if (deployment !== undefined) {
    const projected = projectClusterDeployment(deployment, settings);
    const cluster =
      projected.kind === 'malformed'
        ? ({ kind: 'ClusterDeployment', situation: projected.message } as const)
        : describeCluster(projected.view);
    return { ...report, ...cluster, certificates };
  }
  if (certificates.length > 0) return { ...report, situation: 'Its ClusterDeployment is gone.', certificates };
  if (standalone === undefined) return undefined;
  const view = standaloneView(settings, observeRequest(standalone));
  return { ...report, ...describeCluster(view), certificates: [certificateRow(standalone, name)] };
}

function certificateRow(object: KubernetesObject, cluster: ClusterName): CertificateRow {
  const { name, dnsNames, secretName, issuerName, serialNumber, notAfter, renewalAt, postponed, nextAttempt } =
    observeRequest(object);
  const { state, reason, message, since } = stateOf(object);
  return {
    bundle: bundleOf(name, cluster.name),
    state,
    reason,
    message,
    since,
    requests: requestsIn(object),
    requestName: name,
    dnsNames,
    secretName: secretName === '' ? undefined : secretName,
    issuer: issuerName,
    serialNumber,
    notAfter: rfc3339(notAfter),
    renewalTime: rfc3339(renewalAt),
    postponed,
    nextAttempt,
    served: servedRowOf(object['status']),
  };
}

function bundleOf(requestName: string, clusterName: string): string {
  const prefix = `${clusterName}-`;
  return requestName.startsWith(prefix) ? requestName.slice(prefix.length) : requestName;
}

/** Of operators: what campaigns ask for has no condition. */
function requestsIn(object: KubernetesObject): readonly string[] {
  const { conditions } = statusSchema.parse(object['status']);
  return conditions.flatMap(({ reason, message }) =>
    reason !== undefined && message !== undefined && REQUEST_REASONS.has(reason) ? [message] : [],
  );
}

function stateOf(object: KubernetesObject): Pick<CertificateRow, 'state' | 'reason' | 'message' | 'since'> {
  const { status, conditions } = statusSchema.parse(object['status']);
  const ofType = (wanted: string) => conditions.find(({ type }) => type === wanted);
  const [ready, issuing, renewing, failing, paused] = ['Ready', 'Issuing', 'Renewing', 'Failing', 'Paused'].map(ofType);
  const from = (state: string, { message = '', reason, lastTransitionTime: since }: Condition) => {
    return { state, message, reason, since };
  };
  const { deletionTimestamp } = object.metadata;
  if (deletionTimestamp !== undefined)
    return { state: 'Decommissioning', message: 'It is being deleted.', since: deletionTimestamp };
  if (paused?.status === 'True') return from('Paused', paused);
  if (failing?.status === 'True') return from('Failing', failing);
  if (issuing?.status === 'True') return from('Issuing', issuing);
  if (renewing?.status === 'True' && renewing.reason === conditionReason('certificate/waitsForCanary'))
    return from('Waiting', renewing);
  if (renewing?.status === 'True') return from(ready?.status === 'True' ? 'Renewing' : 'Issuing', renewing);
  if (ready?.status === 'True' && renewing !== undefined) {
    const { reason, message = '' } = renewing;
    if (observedPostponement([renewing]) !== undefined) return { ...from('Ready', ready), reason, message };
    if (reason !== undefined && RENEWAL_REQUEST_REASONS.has(reason)) return { ...from('Ready', ready), reason };
  }
  if (ready !== undefined) return from(ready.status === 'True' ? 'Ready' : 'Pending', ready);
  return status === 'Success'
    ? { state: 'Ready', message: 'Issued by certman-operator.' }
    : { state: 'Pending', message: 'It has no status yet.' };
}

/** @param instant epoch milliseconds. */
function rfc3339(instant: number | undefined): string | undefined {
  return instant === undefined ? undefined : toRfc3339(new Date(instant));
}
