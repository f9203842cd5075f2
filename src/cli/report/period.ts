import { UsageError } from '../arguments.ts';
import type { Period } from './fleet-report.ts';

const DAY_MS = 86_400_000;
/** As Temporal keeps, at least. */
const DEFAULT_DAYS = 30;
const MAX_DAYS = 3_700;

/** Parses `--from` and `--to`: a day, or an instant with its offset. @throws UsageError */
export function parsePeriod(from: string | undefined, to: string | undefined, now = Date.now()): Period {
  const end = to === undefined ? now : parseInstant('--to', to);
  const start = from === undefined ? end - DEFAULT_DAYS * DAY_MS : parseInstant('--from', from);
  if (start >= end) throw new UsageError('the period is empty: expected --from before --to');
  if (end - start > MAX_DAYS * DAY_MS) throw new UsageError('the period is longer than ten years');
  return { from: start, to: end };
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

function parseInstant(flag: string, text: string): number {
  // A day begins at midnight UTC.
  const at = DAY.test(text) || INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  const isDay = DAY.test(text) && !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
  if (isDay || (INSTANT.test(text) && !Number.isNaN(at))) return at;
  throw new UsageError(
    `${flag} is "${text.slice(0, 60)}"; expected a day such as 2026-11-29 (from midnight UTC), or an instant such as 2026-11-29T14:00:00Z`,
  );
}
