/** Reads a report again and again, and has it shown, until it is interrupted. What is lost meanwhile ends nothing. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Shortest pause between two reads. */
const INTERVAL_MS = 2_000;

/** A read may use a fifth of the time: one of a large fleet is repeated less often. */
const PAUSE_PER_READ = 4;
const MAX_INTERVAL_MS = 60_000;

/** What is watched. */
export interface WatchSource<Report> {
  read(): Promise<Report>;
  /** Whether a failed read is repeated. The first one has to succeed. */
  isPassing(error: unknown): boolean;
  /** Whether nothing more is to come; absent: never. */
  isLast?(report: Report): boolean;
}

/** Where it is shown. */
export interface WatchView<Report> {
  /** @param problem why the last read failed, in a sentence; the report is older then. */
  show(report: Report, problem: string | undefined): void | Promise<void>;
}

/** Returns once `signal` is aborted, or after the last report. @throws what the first read throws, and later what does not pass. */
export async function watch<Report>(
  source: WatchSource<Report>,
  view: WatchView<Report>,
  signal: AbortSignal,
  intervalMs = INTERVAL_MS,
): Promise<void> {
  let last: { readonly report: Report } | undefined;
  while (!signal.aborted) {
    const began = performance.now();
    let problem: string | undefined;
    try {
      last = { report: await unlessAborted(source.read(), signal) };
    } catch (error) {
      if (signal.aborted) return;
      if (last === undefined || !source.isPassing(error)) throw error;
      problem = error instanceof Error ? error.message : String(error);
    }
    await view.show(last.report, problem);
    if (source.isLast?.(last.report) === true) return;
    const pause = Math.min(MAX_INTERVAL_MS, Math.max(intervalMs, PAUSE_PER_READ * (performance.now() - began)));
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

/** A read of a server that does not answer must not hold up the end. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    work.catch(() => undefined);
  }
}
