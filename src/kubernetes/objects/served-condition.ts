import { z } from 'zod';
import { sharedText } from '../../cache/shared-values.ts';
import { changeDigestOf } from '../../certificates/digest.ts';
import type { ServedCondition } from '../../certificates/served.ts';
import { isFailure } from '../../failures/failure.ts';
import type { KubernetesApi } from '../api/kubernetes-api.ts';
import { patchIfUnchanged } from '../api/patch-if-unchanged.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';
import { toRfc3339 } from './timestamp.ts';

/** Type of the condition. The controller writes it; the workflow writes all others. */
export const SERVED = 'Served';

const MAX_ATTEMPTS = 4;
const OF_STATUS = { subresource: 'status' } as const;

const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  lastTransitionTime: z.string().nullish(),
});
const statusSchema = z.looseObject({
  serialNumber: z.string().optional().catch(undefined),
  conditions: z.array(conditionSchema).catch([]),
});

/** What is cached of the condition. */
export interface ObservedServed {
  readonly status: string;
  readonly reason: string;
  /** Of the message. */
  readonly digest: number;
}

const servedSchema = z.object({
  type: z.literal(SERVED),
  status: z.string().max(64),
  reason: z.string().max(1_024).catch(''),
  message: z.string().max(32_768).catch(''),
});

/** The condition among those of a status; undefined: it is not there. */
export function observedServed(conditions: readonly unknown[]): ObservedServed | undefined {
  for (const condition of conditions) {
    const { data } = servedSchema.safeParse(condition);
    if (data === undefined) continue;
    const { status, reason } = data;
    return { status: sharedText(status), reason: sharedText(reason), digest: changeDigestOf(data.message) };
  }
  return undefined;
}

/** The certificate whose condition is written. */
export interface ServedTarget {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serialNumber: string;
}

/** A request that is known to have the certificate, and no condition `Served`. */
export interface UnprobedRequest {
  readonly resourceVersion: string;
  readonly generation?: number | undefined;
}

/** Whether the observed condition says the same already. */
export function isSameServed(
  observed: ObservedServed | undefined,
  { status, reason, message }: ServedCondition,
): boolean {
  return observed?.status === status && observed.reason === reason && observed.digest === changeDigestOf(message);
}

/**
 * Writes the condition `Served` of a CertificateRequest, or removes it, and leaves all other fields as they are.
 * @param unprobed where the request is known to be that: it is read only when it has changed since.
 * @returns false, with nothing written, when the request is gone or has another certificate.
 * @throws CertmanError `kubernetes/…`
 */
export async function writeServedCondition(
  kubernetes: KubernetesApi,
  target: ServedTarget,
  condition: ServedCondition | undefined,
  unprobed?: UnprobedRequest,
): Promise<boolean> {
  if (unprobed !== undefined && condition !== undefined && (await append(kubernetes, target, condition, unprobed)))
    return true;
  const { namespace, name, uid, serialNumber } = target;
  return await retryOnConflict(MAX_ATTEMPTS, async () => {
    const found = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name });
    const status = statusSchema.safeParse(found?.['status']).data;
    // Another certificate: its own probe follows.
    if (found?.metadata.uid !== uid || status?.serialNumber !== serialNumber) return false;
    const conditions = withServed(status.conditions, condition, new Date(), found.metadata.generation);
    const fields = { '/status/conditions': conditions };
    return (await patchIfUnchanged(kubernetes, CERTIFICATE_REQUESTS, found.metadata, fields, OF_STATUS)) !== undefined;
  });
}

/** @returns false where the request is not as it is known, so that it has to be read. */
async function append(
  kubernetes: KubernetesApi,
  { namespace, name, uid }: ServedTarget,
  condition: ServedCondition,
  { resourceVersion, generation }: UnprobedRequest,
): Promise<boolean> {
  const [served] = withServed([], condition, new Date(), generation);
  const operations = [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
    { op: 'add', path: '/status/conditions/-', value: served },
  ] as const;
  try {
    return (await kubernetes.patch(CERTIFICATE_REQUESTS, { namespace, name }, operations, OF_STATUS)) !== undefined;
  } catch (error) {
    // Invalid: a status without a list of conditions.
    if (isFailure(error, 'kubernetes/conflict') || isFailure(error, 'kubernetes/invalid')) return false;
    throw error;
  }
}

type Condition = z.infer<typeof conditionSchema>;

/** The conditions with this one, behind the others. It keeps its transition time while its status does. */
export function withServed(
  conditions: readonly Condition[],
  served: ServedCondition | undefined,
  now: Date,
  observedGeneration?: number,
): readonly object[] {
  const others = conditions.filter(({ type }) => type !== SERVED);
  if (served === undefined) return others;
  const old = conditions.find(({ type, status }) => type === SERVED && status === served.status);
  const instant = toRfc3339(now);
  const { status, reason, message } = served;
  return [
    ...others,
    {
      type: SERVED,
      status,
      reason,
      message,
      ...(observedGeneration !== undefined && { observedGeneration }),
      lastProbeTime: instant,
      lastTransitionTime: old?.lastTransitionTime ?? instant,
    },
  ];
}
