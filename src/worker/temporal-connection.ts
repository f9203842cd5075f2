import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { SettingValues } from '../configuration/settings.ts';
import type { TemporalSettings } from '../configuration/temporal-settings.ts';
import type { Logger } from '../observability/logging.ts';

const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 5_000;
/** For a frontend whose packets are dropped on the way. */
const ATTEMPT_TIMEOUT_MS = 10_000;

/** Retries until it succeeds. @param options.onWaiting gets each failure's reason. @throws the reason of `signal`. */
export async function connectToTemporal(
  temporal: TemporalSettings,
  compression: SettingValues['temporalCompression'],
  options: { readonly logger: Logger; readonly signal: AbortSignal; readonly onWaiting?: (reason: string) => void },
): Promise<NativeConnection> {
  const { logger, signal } = options;
  for (let attempt = 1, pause = MIN_BACKOFF_MS; ; attempt += 1, pause = Math.min(pause * 2, MAX_BACKOFF_MS)) {
    signal.throwIfAborted();
    try {
      return await connectOnce(temporal, compression, signal);
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? reasonOf(error.message) : String(error);
      options.onWaiting?.(`Temporal at ${temporal.address} is not reachable yet: ${reason}`);
      logger.warn(
        { attempt, address: temporal.address, reason, retry: `in ${pause} ms` },
        'waiting for Temporal (settings TEMPORAL_ADDRESS, TEMPORAL_TLS_*, TEMPORAL_API_KEY)',
      );
      await sleep(pause, undefined, { signal });
    }
  }
}

async function connectOnce(
  temporal: TemporalSettings,
  compression: SettingValues['temporalCompression'],
  signal: AbortSignal,
): Promise<NativeConnection> {
  const attempt = NativeConnection.connect({
    ...temporal.connectionOptions,
    grpcCompression: { codec: codecFor(compression, temporal.loopback) },
  });
  const limit = new AbortController();
  try {
    return await Promise.race([
      attempt,
      sleep(ATTEMPT_TIMEOUT_MS, undefined, { signal: AbortSignal.any([signal, limit.signal]) }).then(() => {
        throw new Error(`no answer within ${ATTEMPT_TIMEOUT_MS / 1000} s`);
      }),
    ]);
  } catch (error) {
    // The losing attempt can still succeed; its connection must be closed.
    attempt.then(
      (late) => late.close(),
      () => undefined,
    );
    throw error;
  } finally {
    limit.abort();
  }
}

/** `auto`: on one machine, compression costs more than it saves. */
export function codecFor(compression: SettingValues['temporalCompression'], loopback: boolean): 'gzip' | 'none' {
  if (compression !== 'auto') return compression;
  return loopback ? 'none' : 'gzip';
}

/** The innermost message of nested native errors (`… Os { code: 111, message: "…" }`), else the first line. */
function reasonOf(text: string): string {
  const innermost = [...text.matchAll(/message: "([^"]+)"/g)].at(-1)?.[1];
  return (innermost ?? text.split('\n')[0] ?? '').slice(0, 300);
}
