/** Exit codes of a process that a signal ended, as shells have them: 128 and its number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** For what is printed last. Requests that are not answered would hold up the end for a minute. */
const END_WITHIN_MS = 500;

/**
 * Runs work that lasts until ^C or SIGTERM, and sets the exit code to 130 or 143 when one ended it: the process ends then,
 * whatever is under way.
 * @param work returns soon after the signal is aborted.
 */
export async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupted = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (name === 'SIGINT' || name === 'SIGTERM') process.exitCode = EXIT_CODES[name];
    interrupted.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, onSignal);
  try {
    await work(interrupted.signal);
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeListener(name, onSignal);
    if (interrupted.signal.aborted) setTimeout(() => process.exit(), END_WITHIN_MS).unref();
  }
}
