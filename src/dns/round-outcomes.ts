/** What became of the requests of a round, put together for those who wait for them. */
import { afterSending, CertmanError } from '../failures/failure.ts';
import type { SentChange, TxtRequest } from './change-batch.ts';

/** The change that a request went out with; absent when there was nothing to change. */
export interface BatchOutcome {
  readonly change?: SentChange;
}

interface Waiting {
  readonly resolve: (outcome: BatchOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** A request with the caller behind it; several when it had to be cut into parts. */
export interface Queued extends TxtRequest {
  readonly caller: Waiting;
}

/** Answers of a round: a caller whose request was cut into parts hears once, of the last change or of the first failure. */
export class RoundOutcomes {
  readonly #callers: ReadonlySet<Waiting>;
  readonly #done = new Map<Waiting, BatchOutcome>();
  readonly #failed = new Map<Waiting, unknown>();
  readonly #unanswered = new Set<Waiting>();

  constructor(round: readonly Queued[]) {
    this.#callers = new Set(round.map((request) => request.caller));
  }

  done(group: readonly Queued[], outcome: BatchOutcome): void {
    for (const { caller } of group) this.#done.set(caller, { ...this.#done.get(caller), ...outcome });
  }

  /** A change for it was sent, and no answer came: it may have been carried out. */
  unanswered(group: readonly Queued[]): void {
    for (const { caller } of group) this.#unanswered.add(caller);
  }

  fail(group: readonly Queued[], error: unknown): void {
    for (const { caller } of group) if (!this.#failed.has(caller)) this.#failed.set(caller, error);
  }

  settle(): void {
    for (const caller of this.#callers) {
      const failure = this.#failed.get(caller);
      const sent = this.#done.get(caller)?.change !== undefined || this.#unanswered.has(caller);
      if (this.#failed.has(caller))
        caller.reject(sent && failure instanceof CertmanError ? afterSending(failure) : failure);
      else caller.resolve(this.#done.get(caller) ?? {});
    }
  }
}
