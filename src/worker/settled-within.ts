import { abortable } from '../network/abortable.ts';
import { TimeLimit } from '../network/time-limit.ts';

/**
 * The result of work that goes on whatever happens here.
 * @throws what the work throws; the reason of `signal`; a `TimeoutError` after `ms`.
 */
export async function settledWithin<Result>(work: Promise<Result>, ms: number, signal?: AbortSignal): Promise<Result> {
  const limit = new TimeLimit(ms, signal);
  try {
    return await abortable(work, limit.signal);
  } finally {
    limit.end();
  }
}
