/** Events that the watch itself puts on objects: said if they can be, never in the way of the rest. */
import { CertmanError } from '../../src/failures/failure.ts';
import { Backoff, pause } from '../../src/kubernetes/backoff.ts';
import { type EventSubject, type EventWords, sayEvent } from '../../src/kubernetes/events.ts';
import type { KubernetesApi } from '../../src/kubernetes/kubernetes-api.ts';
import type { WatchLogger } from './dependencies.ts';

const MOST_TRIES = 4;

export class Teller {
  readonly #kubernetes: KubernetesApi;
  readonly #logger: WatchLogger;
  readonly #signal: AbortSignal;

  constructor(kubernetes: KubernetesApi, logger: WatchLogger, signal: AbortSignal) {
    this.#kubernetes = kubernetes;
    this.#logger = logger;
    this.#signal = signal;
  }

  /** An Event that cannot be written after some tries is in the log instead: the state it tells of is in the gauges too. */
  async tell(subject: EventSubject, words: EventWords): Promise<void> {
    const backoff = new Backoff(200, 2_000);
    for (;;) {
      try {
        await sayEvent(this.#kubernetes, subject, words, this.#signal);
        return;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!(error instanceof CertmanError)) throw error;
        const waitMs = backoff.next();
        if (error.info.stance !== 'soon' || backoff.failures >= MOST_TRIES) {
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
