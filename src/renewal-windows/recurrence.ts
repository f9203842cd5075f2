import { Cron } from 'croner';

/** A period that recurs: its starts by the local time of a zone, its length in elapsed time. */
export interface Recurrence {
  /** Five fields, as of crontab(5). */
  readonly schedule: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly durationMs: number;
}

/** From `start`, without `end`. Epoch milliseconds. */
export interface Period {
  readonly start: number;
  readonly end: number;
}

/** What a schedule is compiled to, once for each. */
const compiled = new WeakMap<Recurrence, Cron>();

/** @throws Error that says what is wrong with the schedule or the zone. */
export function compileSchedule({ schedule, timeZone }: Pick<Recurrence, 'schedule' | 'timeZone'>): Cron {
  return new Cron(schedule, { paused: true, mode: '5-part', timezone: timeZone });
}

/**
 * The first period that ends after `at` (epoch milliseconds); undefined: there is none any more. On the night that the clocks
 * go forward, a start that the night lacks is an hour later; on the night that they go back, the first of two counts.
 */
export function periodEndingAfter(recurrence: Recurrence, at: number): Period | undefined {
  return periodStartingAfter(recurrence, at - recurrence.durationMs);
}

/** The first period that starts after `at` (epoch milliseconds). */
export function periodStartingAfter(recurrence: Recurrence, at: number): Period | undefined {
  let cron = compiled.get(recurrence);
  if (cron === undefined) {
    cron = compileSchedule(recurrence);
    compiled.set(recurrence, cron);
  }
  // Whole seconds: croner drops the milliseconds, and would return a start that has passed within the second again.
  const start = cron.nextRun(new Date(Math.floor(at / 1000) * 1000))?.getTime();
  return start === undefined ? undefined : { start, end: start + recurrence.durationMs };
}

/** The first period of a rule that ends after `at` (epoch milliseconds). */
export function rulePeriodEndingAfter(period: Recurrence | Period, at: number): Period | undefined {
  if ('schedule' in period) return periodEndingAfter(period, at);
  return period.end > at ? period : undefined;
}
