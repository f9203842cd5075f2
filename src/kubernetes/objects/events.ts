/**
 * Events (core/v1) beside the objects they are about. The name follows from what is said about what, so that saying it again
 * counts up instead of adding another; the API server forgets Events after an hour.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import { type KubernetesApi, type KubernetesObject, type ResourceType } from '../api/kubernetes-api.ts';
import { truncateName } from '../api/object-name.ts';
import { EVENTS } from './resources.ts';

/** Limit of the API server: k8s.io/kubernetes pkg/apis/core/validation (NoteLengthLimit). */
const MAX_MESSAGE_BYTES = 1024;
const MAX_ATTEMPTS = 4;
const COMPONENT = 'certman';

/** What an Event is about. */
export interface InvolvedObject {
  readonly resource: ResourceType;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface EventDetails {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

const countSchema = z.looseObject({ count: z.number().int().optional().catch(undefined) });

/** One request when it is new, three when it is said again. In a namespace that is being deleted there is nobody to tell. */
export async function recordEvent(
  kubernetes: KubernetesApi,
  subject: InvolvedObject,
  words: EventDetails,
  signal?: AbortSignal,
): Promise<void> {
  const event = buildEvent(subject, words, new Date());
  const key = { namespace: subject.namespace, name: event.metadata.name };
  try {
    for (let attempt = 1; ; attempt += 1) {
      if ((await kubernetes.create(EVENTS, event, signal)) !== undefined) return;
      const found = await kubernetes.get(EVENTS, key, signal);
      if (found === undefined) continue;
      if (await incrementCount(kubernetes, found, String(event['lastTimestamp']), attempt < MAX_ATTEMPTS, signal))
        return;
    }
  } catch (error) {
    if (error instanceof CertmanError && error.code === 'kubernetes/notFound') return;
    throw error;
  }
}

async function incrementCount(
  kubernetes: KubernetesApi,
  found: KubernetesObject,
  lastTimestamp: string,
  mayRetry: boolean,
  signal?: AbortSignal,
): Promise<boolean> {
  const { namespace, name, resourceVersion } = found.metadata;
  const count = countSchema.parse(found).count ?? 1;
  try {
    const patched = await kubernetes.patch(
      EVENTS,
      { name, ...(namespace === undefined ? {} : { namespace }) },
      [
        { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
        { op: 'add', path: '/count', value: count + 1 },
        { op: 'add', path: '/lastTimestamp', value: lastTimestamp },
      ],
      signal === undefined ? {} : { signal },
    );
    return patched !== undefined;
  } catch (error) {
    if (mayRetry && error instanceof CertmanError && error.code === 'kubernetes/conflict') return false;
    throw error;
  }
}

/** The object to create; the same subject and words give the same name. */
export function buildEvent(subject: InvolvedObject, words: EventDetails, now: Date): KubernetesObject {
  const { resource, namespace, name, uid } = subject;
  const message = truncateMessage(words.message);
  const digest = createHash('sha256')
    .update(JSON.stringify([uid, words.type, words.reason, message]))
    .digest('hex')
    .slice(0, 16);
  const instant = now.toISOString().replace(/\.\d{3}Z$/, 'Z');
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name: `${truncateName(name, 230)}.${digest}` },
    involvedObject: {
      apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
      kind: resource.kind,
      namespace,
      name,
      uid,
    },
    type: words.type,
    reason: words.reason.slice(0, 128),
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
  // A character cut in two becomes U+FFFD (3 bytes): leave room for it and the ellipsis.
  return `${bytes.subarray(0, MAX_MESSAGE_BYTES - 6).toString('utf8')}…`;
}
