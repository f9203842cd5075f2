import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { Configuration } from '../configuration/load-configuration.ts';
import { abortable } from '../dns/abortable.ts';
import type { Logger } from '../observability/logging.ts';

const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 5_000;
/** For a frontend whose packets are dropped on the way. */
const ATTEMPT_TIMEOUT_MS = 10_000;

/** Retries until it succeeds. @param onWaiting gets each failure's reason. @throws the reason of `signal`. */
export async function connectToTemporal(
  configuration: Configuration,
  logger: Logger,
  signal: AbortSignal,
  onWaiting: (reason: string) => void,
): Promise<NativeConnection> {
  const { address } = configuration.temporal;
  for (let attempt = 1, pause = MIN_BACKOFF_MS; ; attempt += 1, pause = Math.min(pause * 2, MAX_BACKOFF_MS)) {
    signal.throwIfAborted();
    try {
      return await connectOnce(configuration, signal);
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? reasonOf(error.message) : String(error);
      onWaiting(`Temporal at ${address} is not reachable yet: ${reason}`);
      logger.warn(
        { attempt, address, reason, retry: `in ${pause} ms` },
        'waiting for Temporal (settings TEMPORAL_ADDRESS, TEMPORAL_TLS_*, TEMPORAL_API_KEY)',
      );
      await sleep(pause, undefined, { signal });
    }
  }
}

async function connectOnce(configuration: Configuration, signal: AbortSignal): Promise<NativeConnection> {
  const attempt = NativeConnection.connect({
    ...configuration.temporal.connectionOptions,
    grpcCompression: { codec: codecFor(configuration) },
  });
  const timeout = AbortSignal.timeout(ATTEMPT_TIMEOUT_MS);
  try {
    return await abortable(attempt, AbortSignal.any([signal, timeout]));
  } catch (error) {
    // The attempt can still succeed; its connection must be closed.
    attempt.then(
      (late) => late.close(),
      () => undefined,
    );
    throw timeout.aborted ? new Error(`no answer within ${ATTEMPT_TIMEOUT_MS / 1000} s`) : error;
  }
}

/** `auto`: on one machine, compression costs more than it saves. */
function codecFor({ temporal, temporalCompression }: Configuration): 'gzip' | 'none' {
  if (temporalCompression !== 'auto') return temporalCompression;
  return temporal.loopback ? 'none' : 'gzip';
}

/** The innermost message of nested native errors (`… Os { code: 111, message: "…" }`), else the first line. */
function reasonOf(text: string): string {
  const innermost = [...text.matchAll(/message: "([^"]+)"/g)].at(-1)?.[1];
  return (innermost ?? text.split('\n')[0] ?? '').slice(0, 300);
}
