/** What became of the requests of a round, put together for those who wait for them. */
import { CertmanError, withOutcomeUnknown } from '../../failures/failure.ts';
import type { SubmittedChange, TxtRequest } from './change-batch.ts';

/** The change that a request went out with; absent when there was nothing to change. */
export interface BatchOutcome {
  readonly change?: SubmittedChange;
}

interface PendingCaller {
  readonly resolve: (outcome: BatchOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** A request with the caller behind it; several when it had to be cut into parts. */
export interface QueuedRequest extends TxtRequest {
  readonly caller: PendingCaller;
}

/** Answers of a round: a caller whose request was cut into parts hears once, of the last change or of the first failure. */
export class BatchOutcomes {
  readonly #callers: ReadonlySet<PendingCaller>;
  readonly #done = new Map<PendingCaller, BatchOutcome>();
  readonly #failed = new Map<PendingCaller, unknown>();
  readonly #unanswered = new Set<PendingCaller>();

  constructor(round: readonly QueuedRequest[]) {
    this.#callers = new Set(round.map((request) => request.caller));
  }

  succeed(group: readonly QueuedRequest[], outcome: BatchOutcome): void {
    for (const { caller } of group) this.#done.set(caller, { ...this.#done.get(caller), ...outcome });
  }

  /** A change for it was sent, and no answer came: it may have been carried out. */
  markOutcomeUnknown(group: readonly QueuedRequest[]): void {
    for (const { caller } of group) this.#unanswered.add(caller);
  }

  fail(group: readonly QueuedRequest[], error: unknown): void {
    for (const { caller } of group) if (!this.#failed.has(caller)) this.#failed.set(caller, error);
  }

  settle(): void {
    for (const caller of this.#callers) {
      const failure = this.#failed.get(caller);
      const sent = this.#done.get(caller)?.change !== undefined || this.#unanswered.has(caller);
      if (this.#failed.has(caller))
        caller.reject(sent && failure instanceof CertmanError ? withOutcomeUnknown(failure) : failure);
      else caller.resolve(this.#done.get(caller) ?? {});
    }
  }
}
