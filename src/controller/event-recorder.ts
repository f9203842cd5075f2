import type { ClusterRef } from '../clusters/cluster-identity.ts';
import { CertmanError } from '../failures/failure.ts';
import { backoffDelay, pause } from '../kubernetes/api/backoff.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { type EventDetails, recordEvent } from '../kubernetes/objects/events.ts';
import { involvedObjectOf } from '../kubernetes/objects/primary-object.ts';
import { keyOf } from './controller-cache.ts';
import type { ControllerLogger } from './outage-log.ts';

const MAX_ATTEMPTS = 4;

/** Records a Warning. One that cannot be written after some attempts is logged: gauges report the same state. */
export async function recordWarning(
  context: { readonly kubernetes: KubernetesApi; readonly logger: ControllerLogger; readonly signal: AbortSignal },
  cluster: ClusterRef,
  reason: string,
  message: string,
): Promise<void> {
  const { kubernetes, logger, signal } = context;
  const object = involvedObjectOf(cluster);
  const event: EventDetails = { type: 'Warning', reason, message };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await recordEvent(kubernetes, object, event);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      if (error.info.retry !== 'transient' || attempt >= MAX_ATTEMPTS) {
        const fields = { object: `${object.resource.kind} ${keyOf(object)}`, event, problem: error.message };
        return logger.warn(fields, 'An Event could not be recorded');
      }
      await pause(backoffDelay(attempt, { first: 200, max: 2_000 }), signal);
    }
  }
}
