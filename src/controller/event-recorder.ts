import { CertmanError } from '../failures/failure.ts';
import { Backoff, pause } from '../kubernetes/api/backoff.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { withSignal } from '../kubernetes/api/with-signal.ts';
import { type EventDetails, type InvolvedObject, recordEvent } from '../kubernetes/objects/events.ts';
import { keyOf } from './controller-cache.ts';
import type { ControllerLogger } from './outage-log.ts';

const MAX_ATTEMPTS = 4;

/** Records the controller's Events, with retries. */
export class EventRecorder {
  readonly #kubernetes: KubernetesApi;
  readonly #logger: ControllerLogger;
  readonly #signal: AbortSignal;

  constructor(kubernetes: KubernetesApi, logger: ControllerLogger, signal: AbortSignal) {
    this.#kubernetes = withSignal(kubernetes, signal);
    this.#logger = logger;
    this.#signal = signal;
  }

  /** An Event that cannot be written after some attempts is logged: gauges report the same state. */
  async warn(object: InvolvedObject, reason: string, message: string): Promise<void> {
    const event: EventDetails = { type: 'Warning', reason, message };
    const backoff = new Backoff(200, 2_000);
    for (;;) {
      try {
        await recordEvent(this.#kubernetes, object, event);
        return;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!(error instanceof CertmanError)) throw error;
        const waitMs = backoff.next();
        if (error.info.retry !== 'transient' || backoff.failures >= MAX_ATTEMPTS) {
          const fields = { object: `${object.resource.kind} ${keyOf(object)}`, event, problem: error.message };
          this.#logger.warn(fields, 'An Event could not be recorded');
          return;
        }
        await pause(waitMs, this.#signal);
      }
    }
  }
}
