import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { StatusReport } from '../../certificates/status-report.ts';
import type { ObjectRef } from '../../clusters/cluster-identity.ts';
import { isFailure } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject, ResourceType } from '../api/kubernetes-api.ts';
import { patchIfUnchanged } from '../api/patch-if-unchanged.ts';
import { apiVersionOf, truncateName } from '../api/resource-path.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';
import { EVENTS } from './resources.ts';
import { toRfc3339 } from './timestamp.ts';

/** Limit of the API server: k8s.io/kubernetes pkg/apis/core/validation (NoteLengthLimit). */
const MAX_MESSAGE_BYTES = 1024;
const MAX_REASON_LENGTH = 128;
/** Leaves room for `.` and the digest. */
const MAX_SUBJECT_LENGTH = 230;
const MAX_ATTEMPTS = 4;
const COMPONENT = 'certman';

/** The object that an Event concerns. */
export interface InvolvedObject extends ObjectRef {
  readonly resource: ResourceType;
}

/** Content of an Event. The API server deletes Events after an hour. */
export type EventDetails = NonNullable<StatusReport['event']>;

const countSchema = z.looseObject({ count: z.number().int().catch(1) });

/** Records an Event. Never throws: it is the least of what is reported, and holds up nothing. */
export type RecordEvent = (involvedObject: InvolvedObject, details: EventDetails) => Promise<void>;

/**
 * One request for a new Event, three for a repeated one. Does nothing in a namespace that is gone or being deleted.
 * @param isRetry of the same occurrence: an Event that is there is not counted up.
 */
export async function recordEvent(
  kubernetes: KubernetesApi,
  involvedObject: InvolvedObject,
  details: EventDetails,
  isRetry = false,
): Promise<void> {
  const event = buildEvent(involvedObject, details, new Date());
  try {
    await retryOnConflict(MAX_ATTEMPTS, async () => {
      // Gone between two requests, it is created after all.
      while ((await kubernetes.create(EVENTS, event)) === undefined) {
        if (isRetry) return;
        const found = await kubernetes.get(EVENTS, event.metadata);
        if (found === undefined) continue;
        const fields = { '/count': countSchema.parse(found).count + 1, '/lastTimestamp': event['lastTimestamp'] };
        if ((await patchIfUnchanged(kubernetes, EVENTS, found.metadata, fields)) !== undefined) return;
      }
    });
  } catch (error) {
    if (!isFailure(error, 'kubernetes/notFound')) throw error;
  }
}

/** The object to create. Its name follows from the content, so that a repeated Event counts up. */
export function buildEvent(involvedObject: InvolvedObject, details: EventDetails, now: Date): KubernetesObject {
  const { resource, ...reference } = involvedObject;
  const { type, reason } = details;
  const message = truncateMessage(details.message);
  const content = JSON.stringify([reference.uid, type, reason, message]);
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 16);
  const instant = toRfc3339(now);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      namespace: reference.namespace,
      name: `${truncateName(reference.name, MAX_SUBJECT_LENGTH)}.${digest}`,
    },
    involvedObject: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...reference },
    type,
    reason: reason.slice(0, MAX_REASON_LENGTH),
    message,
    firstTimestamp: instant,
    lastTimestamp: instant,
    count: 1,
    source: { component: COMPONENT },
    reportingComponent: COMPONENT,
    reportingInstance: '',
  };
}

function truncateMessage(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= MAX_MESSAGE_BYTES) return text;
  // A character cut in two becomes U+FFFD (3 bytes): room for it and the ellipsis.
  return `${bytes.subarray(0, MAX_MESSAGE_BYTES - 6).toString('utf8')}…`;
}
