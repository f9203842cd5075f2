/** The clusters of a canary as they are now: which are still there, and what they serve. */

import { z } from 'zod';
import { counted } from '../failures/counted.ts';
import { oneLine } from '../failures/printable.ts';
import type { KubernetesApi, KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import type { CanaryPlace, IssuerRecord, IssuerRecordStore } from '../kubernetes/objects/issuer-records.ts';
import { CERTIFICATE_REQUESTS } from '../kubernetes/objects/resources.ts';
import { SERVED } from '../kubernetes/objects/served-condition.ts';
import type { CanaryEvidence } from './canary-verdict.ts';

/** A record without the places of what is gone, and what the others show. */
export interface ObservedCanary {
  readonly record: IssuerRecord;
  readonly evidence: CanaryEvidence;
}

interface ObservedPlace {
  readonly place: CanaryPlace;
  readonly request: KubernetesObject;
}

const MAX_WHY_LENGTH = 400;

const statusSchema = z.object({
  serialNumber: z.string().max(64).optional().catch(undefined),
  conditions: z.array(z.unknown()).catch([]),
});
const servedSchema = z.object({
  type: z.literal(SERVED),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
  lastProbeTime: z.string(),
});

/** Reads the CertificateRequest of each place. @throws CertmanError `kubernetes/…`. */
export async function observeCanary(kubernetes: KubernetesApi, record: IssuerRecord): Promise<ObservedCanary> {
  if (record.state !== 'canary') return { record, evidence: {} };
  const found = await Promise.all(
    record.places.map(async (place): Promise<readonly ObservedPlace[]> => {
      const { namespace, name, uid } = place.request;
      const request = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name });
      if (request?.metadata.uid !== uid || request.metadata.deletionTimestamp !== undefined) return [];
      return [{ place, request }];
    }),
  );
  const there = found.flat();
  return { record: { ...record, places: there.map(({ place }) => place) }, evidence: evidenceOf(there) };
}

/** What the condition `Served` of each says of the certificate that the canary installed there. */
function evidenceOf(there: readonly ObservedPlace[]): CanaryEvidence {
  const found = there.map(({ place, request }) => ({ place, served: servedIn(place, request) }));
  const refused = found.find(({ served }) => served?.status === 'False' && served.reason === 'ChainNotTrusted');
  if (refused !== undefined)
    return {
      rejected: oneLine(`Clients of ${refused.place.cluster} refuse it: ${refused.served?.message}`, MAX_WHY_LENGTH),
    };
  return { served: found.length > 0 && found.every(({ served }) => served?.status === 'True') };
}

/** Undefined: it was not probed since, or is about another certificate. */
function servedIn({ installedAt, serialNumber }: CanaryPlace, { status }: KubernetesObject) {
  const { data } = statusSchema.safeParse(status);
  if (installedAt === undefined || data === undefined || data.serialNumber !== serialNumber) return undefined;
  const [served] = data.conditions.flatMap((condition) => servedSchema.safeParse(condition).data ?? []);
  return served !== undefined && Date.parse(served.lastProbeTime) >= Date.parse(installedAt) ? served : undefined;
}

/**
 * Ends the canaries that what clusters serve has decided, before their time.
 * @param clusters how many each has. @param now epoch milliseconds.
 */
export async function reviewCanaries(
  kubernetes: KubernetesApi,
  store: Pick<IssuerRecordStore, 'read' | 'update'>,
  clusters: number,
  now: number,
): Promise<void> {
  for (const [id, { state }] of await store.read()) {
    if (state !== 'canary') continue;
    await store.update(id, async (found) => {
      if (found?.state !== 'canary') return {};
      const { record, evidence } = await observeCanary(kubernetes, found);
      const decidedAt = new Date(now).toISOString();
      if (evidence.rejected !== undefined)
        return { record: { ...record, state: 'refused', decidedAt, why: evidence.rejected } };
      if (evidence.served !== true || record.places.length < clusters) return {};
      const why = `Clients accept it on ${counted(record.places.length, 'cluster')}.`;
      return { record: { ...record, state: 'accepted', decidedAt, why } };
    });
  }
}
