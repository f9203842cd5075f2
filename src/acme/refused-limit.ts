import type { Counted } from '../rate-limit/ca-limits.ts';
import { AcmeProblemError } from './problems.ts';

/** Details of Boulder's refusals (ratelimits/transaction.go, 2026), by the limit that they state. */
const DETAILS: readonly (readonly [RegExp, Counted])[] = [
  [/too many new orders|from this account/i, 'account'],
  [/already issued for this exact set/i, 'exactSet'],
  [/too many certificates .{0,40}already issued for/i, 'domain'],
];

/** The limit by which a CA refused an order, and until when. */
export interface RefusedLimit {
  readonly counted: Counted;
  readonly until: Date;
  readonly error: AcmeProblemError;
}

/** @param error of newOrder or finalize, or one that it caused. @returns undefined where it says neither. */
export function refusedLimit(error: unknown): RefusedLimit | undefined {
  const problem = error instanceof Error && !(error instanceof AcmeProblemError) ? error.cause : error;
  if (!(problem instanceof AcmeProblemError) || problem.code !== 'acme/rateLimited') return undefined;
  const { notBefore } = problem.info;
  const counted = DETAILS.find(([detail]) => detail.test(problem.message))?.[1];
  if (notBefore === undefined || counted === undefined) return undefined;
  return { counted, until: new Date(notBefore), error: problem };
}
