import { TimeLimit } from '../../network/time-limit.ts';
import type { OutputOptions } from '../output.ts';
import type { TimeBound } from '../time-bound.ts';
import { untilInterrupted } from './interruption.ts';
import { type EndingView, redrawn } from './views.ts';
import { type WatchSource, watch } from './watch.ts';

/** Whether a result is redrawn in place: a table on a terminal. */
export function isRedrawn({ output, json }: OutputOptions): boolean {
  return process.stdout.isTTY && json !== true && output !== 'json' && output !== 'yaml';
}

/**
 * Watches until ^C or SIGTERM, or until the last report, and sets the exit code.
 * @param format of what is redrawn. @param stream where nothing is redrawn. @param bound it ends then too. @throws as {@link watch}
 */
export async function watchUntilInterrupted<Report>(
  source: WatchSource<Report>,
  options: OutputOptions,
  format: (report: Report) => string,
  stream: () => EndingView<Report>,
  bound?: TimeBound,
): Promise<void> {
  const view = isRedrawn(options) ? redrawn(format) : stream();
  try {
    await untilInterrupted(async (signal) => {
      if (bound === undefined) return await watch(source, view, signal);
      const limit = new TimeLimit(bound.leftMs, signal);
      await watch(source, view, limit.signal).finally(() => limit.end());
    });
  } finally {
    view.end();
  }
}
