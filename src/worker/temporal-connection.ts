/** Connecting to Temporal, however long it is not there yet. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { SettingValues } from '../configuration/settings.ts';
import type { TemporalSettings } from '../configuration/temporal-settings.ts';
import type { Logger } from '../observability/logging.ts';

const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 5_000;
/** A frontend behind a black hole must not hold an attempt for ever. */
const ATTEMPT_TIMEOUT_MS = 10_000;

/**
 * Tries until it succeeds or `signal` is aborted (then it throws the signal's reason). Each failed attempt is told to the
 * log, with what to look at; `waiting` is told why, for the readiness check.
 */
export async function connectToTemporal(
  temporal: TemporalSettings,
  compression: SettingValues['temporalCompression'],
  options: { readonly logger: Logger; readonly signal: AbortSignal; readonly waiting?: (reason: string) => void },
): Promise<NativeConnection> {
  const { logger, signal } = options;
  for (let attempt = 1, pause = MIN_BACKOFF_MS; ; attempt += 1, pause = Math.min(pause * 2, MAX_BACKOFF_MS)) {
    signal.throwIfAborted();
    try {
      return await connectOnce(temporal, compression, signal);
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? reasonOf(error.message) : String(error);
      options.waiting?.(`Temporal at ${temporal.address} is not reachable yet: ${reason}`);
      logger.warn(
        { attempt, address: temporal.address, reason, again: `in ${pause} ms` },
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
    // The attempt that lost the race may still come to a connection that nobody would close.
    attempt.then(
      (late) => late.close(),
      () => undefined,
    );
    throw error;
  } finally {
    limit.abort();
  }
}

/** On one machine, compressing costs more than it saves. */
export function codecFor(compression: SettingValues['temporalCompression'], loopback: boolean): 'gzip' | 'none' {
  if (compression !== 'auto') return compression;
  return loopback ? 'none' : 'gzip';
}

/** The innermost message of the native core's nested errors (`… Os { code: 111, message: "Connection refused" }`), else the first line. */
function reasonOf(text: string): string {
  const innermost = [...text.matchAll(/message: "([^"]+)"/g)].at(-1)?.[1];
  return (innermost ?? text.split('\n')[0] ?? '').slice(0, 300);
}
