import type { ClusterRef } from '../clusters/cluster-identity.ts';
import { CertmanError } from '../failures/failure.ts';
import { backoffDelay, pause } from '../kubernetes/api/backoff.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { type EventDetails, type InvolvedObject, recordEvent } from '../kubernetes/objects/events.ts';
import { involvedObjectOf } from '../kubernetes/objects/primary-object.ts';
import { TimeLimit } from '../network/time-limit.ts';
import { keyOf } from './namespaced-name.ts';
import type { ControllerLogger } from './outage-log.ts';

const MAX_ATTEMPTS = 4;
/** For all attempts: what waits for an Event holds a place in the work queue, which signals of other clusters need. */
const TIMEOUT_MS = 5_000;

/** What records an Event. */
interface RecorderContext {
  readonly kubernetes: KubernetesApi;
  readonly logger: ControllerLogger;
  readonly signal: AbortSignal;
}

/** Records a Warning on a cluster. */
export async function recordWarning(
  context: RecorderContext,
  cluster: ClusterRef,
  reason: string,
  message: string,
): Promise<void> {
  await recordOn(context, involvedObjectOf(cluster), { type: 'Warning', reason, message });
}

/** Records an Event. One that cannot be written in a few seconds is logged: gauges report the same state. */
export async function recordOn(context: RecorderContext, object: InvolvedObject, event: EventDetails): Promise<void> {
  const { logger, signal } = context;
  const limit = new TimeLimit(TIMEOUT_MS, signal);
  const kubernetes = context.kubernetes.withSignal(limit.signal);
  try {
    await retryTransient(() => recordEvent(kubernetes, object, event), limit.signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CertmanError) && !limit.signal.aborted) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    const fields = { object: `${object.resource.kind} ${keyOf(object)}`, event, problem };
    logger.warn(fields, 'An Event could not be recorded');
  } finally {
    limit.end();
  }
}

async function retryTransient(write: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      const isTransient = error instanceof CertmanError && error.info.retry === 'transient';
      if (!isTransient || attempt >= MAX_ATTEMPTS) throw error;
      await pause(backoffDelay(attempt, { first: 200, max: 2_000 }), signal);
    }
  }
}
