/** Events that the watch itself puts on objects: said if they can be, never in the way of the rest. */
import { CertmanError } from '../failures/failure.ts';
import { Backoff, pause } from '../kubernetes/api/backoff.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { type EventDetails, type InvolvedObject, recordEvent } from '../kubernetes/objects/events.ts';
import type { ControllerLogger } from './controller-dependencies.ts';

const MAX_ATTEMPTS = 4;

export class EventRecorder {
  readonly #kubernetes: KubernetesApi;
  readonly #logger: ControllerLogger;
  readonly #signal: AbortSignal;

  constructor(kubernetes: KubernetesApi, logger: ControllerLogger, signal: AbortSignal) {
    this.#kubernetes = kubernetes;
    this.#logger = logger;
    this.#signal = signal;
  }

  /** An Event that cannot be written after some tries is in the log instead: the state it tells of is in the gauges too. */
  async record(subject: InvolvedObject, words: EventDetails): Promise<void> {
    const backoff = new Backoff(200, 2_000);
    for (;;) {
      try {
        await recordEvent(this.#kubernetes, subject, words, this.#signal);
        return;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!(error instanceof CertmanError)) throw error;
        const waitMs = backoff.next();
        if (error.info.retry !== 'transient' || backoff.failures >= MAX_ATTEMPTS) {
          this.#logger.warn(
            {
              object: `${subject.resource.kind} ${subject.namespace}/${subject.name}`,
              event: words,
              problem: error.message,
            },
            'An Event could not be written',
          );
          return;
        }
        await pause(waitMs, this.#signal);
      }
    }
  }
}
