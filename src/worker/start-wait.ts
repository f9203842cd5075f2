/** The waits of a start: for what comes back by itself, up to a limit. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SETTINGS } from '../configuration/settings.ts';
import { counted } from '../failures/counted.ts';
import { CertmanError, type FailureCode } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import { backoffDelay } from '../kubernetes/api/backoff.ts';
import { abortable } from '../network/abortable.ts';
import { TimeLimit } from '../network/time-limit.ts';
import type { Logger } from '../observability/logging.ts';
import { settledWithin } from './settled-within.ts';

const BACKOFF_MS = { first: 250, max: 5_000 };
const MAX_REASON_LENGTH = 500;
/** Of an attempt that is not given up, once the worker is stopped. */
const FINISH_WITHIN_MS = 10_000;

/** What a start waits for. */
export interface StartDependency {
  /** A sentence without its end: `Temporal at localhost:7233 is not reachable`. */
  readonly problem: string;
  /** Of each failed attempt, in the log. */
  readonly waiting: string;
  /** Of the failure after the limit. */
  readonly code: FailureCode;
  /** What a person checks. */
  readonly remedy: string;
  /** The failure that ends the start at once, where no further attempt can succeed; undefined: it waits. */
  readonly lasting: (error: unknown) => unknown;
  /** An attempt under way is not given up when the worker is stopped: what it makes has to be ended properly. */
  readonly finishes?: true;
}

/** Options of {@link StartWait}. */
export interface StartWaitOptions {
  /** For each dependency. */
  readonly limitMs: number;
  /** Aborted when the worker is stopped. */
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'warn'>;
  /** Gets each failure's reason, as a sentence. */
  readonly onWaiting: (reason: string) => void;
}

/** Repeats what a start needs until it succeeds. */
export class StartWait {
  readonly #options: StartWaitOptions;

  constructor(options: StartWaitOptions) {
    this.#options = options;
  }

  /**
   * @param attempt may go on after the limit, and after the worker was stopped.
   * @throws what {@link StartDependency.lasting} returns; CertmanError after the limit; the reason of the signal.
   */
  async until<Result>(dependency: StartDependency, attempt: () => Promise<Result>): Promise<Result> {
    const { limitMs, signal, logger, onWaiting } = this.#options;
    const { problem, waiting } = dependency;
    const limit = new TimeLimit(limitMs, signal);
    let reason = 'it has not answered';
    try {
      signal.throwIfAborted();
      for (let failures = 1; ; failures += 1) {
        const made = attempt();
        try {
          return await abortable(made, limit.signal);
        } catch (error) {
          if (signal.aborted && dependency.finishes === true) return await finished(made, signal.reason);
          if (limit.signal.aborted) throw error;
          const lasting = dependency.lasting(error);
          if (lasting !== undefined) throw lasting;
          reason = reasonOf(error);
          const backoff = Math.round(backoffDelay(failures, BACKOFF_MS));
          onWaiting(`${problem} yet: ${reason}`);
          logger.warn({ attempt: failures, reason, retry: `in ${backoff} ms` }, waiting);
          await sleep(backoff, undefined, { signal: limit.signal });
        }
      }
    } catch (error) {
      if (!limit.signal.aborted || signal.aborted) throw error;
      throw overdue(dependency, limitMs, reason);
    } finally {
      limit.end();
    }
  }
}

/** @throws `stopped`, where the attempt fails or takes longer. */
async function finished<Result>(made: Promise<Result>, stopped: unknown): Promise<Result> {
  try {
    return await settledWithin(made, FINISH_WITHIN_MS);
  } catch {
    throw stopped;
  }
}

function overdue({ problem, code, remedy }: StartDependency, limitMs: number, reason: string): CertmanError {
  return new CertmanError({
    code,
    message: `The worker ends: ${problem}, ${counted(Math.round(limitMs / 1_000), 'second')} after it began to wait (${SETTINGS.startTimeoutMs.name}): ${reason}`,
    remedy: `${remedy} In a pod, the worker starts again by itself.`,
  });
}

/** The innermost message of nested native errors (`… Os { code: 111, message: "…" }`), else the error's own. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error), MAX_REASON_LENGTH);
  const innermost = [...error.message.matchAll(/message: "([^"]+)"/g)].at(-1)?.[1];
  return oneLine(innermost ?? error.message, MAX_REASON_LENGTH);
}
