import { CertmanError, withOutcomeUnknown } from '../../failures/failure.ts';
import type { SubmittedChange, TxtRequest } from './change-batch.ts';

/** The change that a request was sent with; absent when nothing had to change. */
export interface BatchOutcome {
  readonly change?: SubmittedChange;
}

/** One request, or several when it had to be split; answered once, with the last change or the first failure. */
export class Caller {
  readonly #answer = Promise.withResolvers<BatchOutcome>();
  #change: SubmittedChange | undefined;
  #failure: { readonly error: unknown } | undefined;
  #outcomeUnknown = false;

  get answer(): Promise<BatchOutcome> {
    return this.#answer.promise;
  }

  succeed(change: SubmittedChange | undefined): void {
    this.#change = change ?? this.#change;
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** A change was sent and not answered: Route 53 may have made it. */
  markOutcomeUnknown(): void {
    this.#outcomeUnknown = true;
  }

  settle(): void {
    if (this.#failure === undefined) return this.#answer.resolve({ change: this.#change });
    const { error } = this.#failure;
    const mayBeDone = this.#change !== undefined || this.#outcomeUnknown;
    this.#answer.reject(mayBeDone && error instanceof CertmanError ? withOutcomeUnknown(error) : error);
  }
}

/** A request, or a part of one, with its caller. */
export interface QueuedRequest extends TxtRequest {
  readonly caller: Caller;
}
