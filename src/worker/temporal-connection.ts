import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection } from '@temporalio/worker';
import type { Configuration } from '../configuration/load-configuration.ts';
import type { TemporalSettings } from '../configuration/temporal-settings.ts';
import { abortable } from '../dns/abortable.ts';
import { backoffDelay } from '../kubernetes/api/backoff.ts';
import type { Logger } from '../observability/logging.ts';

const BACKOFF_MS = { first: 250, max: 5_000 };
/** For a frontend whose packets are dropped on the way. */
const ATTEMPT_TIMEOUT_MS = 10_000;

/** A connection, and the settings that it was made with. */
export interface MadeConnection {
  readonly connection: NativeConnection;
  readonly settings: TemporalSettings;
}

/**
 * Retries until it succeeds, each time with the settings and files as they are then.
 * @param onWaiting gets each failure's reason. @throws the reason of `signal`.
 */
export async function connectToTemporal(
  { temporal: { address }, temporalCompression }: Configuration,
  load: () => TemporalSettings,
  logger: Logger,
  signal: AbortSignal,
  onWaiting: (reason: string) => void,
): Promise<MadeConnection> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      const settings = load();
      return { connection: await connectOnce(settings, temporalCompression, signal), settings };
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? reasonOf(error.message) : String(error);
      const pause = Math.round(backoffDelay(attempt, BACKOFF_MS));
      onWaiting(`Temporal at ${address} is not reachable yet: ${reason}`);
      logger.warn(
        { attempt, address, reason, retry: `in ${pause} ms` },
        'waiting for Temporal (settings TEMPORAL_ADDRESS, TEMPORAL_TLS_*, TEMPORAL_API_KEY, CERTMAN_TEMPORAL_API_KEY_FILE)',
      );
      await sleep(pause, undefined, { signal });
    }
  }
}

/** @throws TransportError; Error after 10 s; the reason of `signal`. */
export async function connectOnce(
  settings: TemporalSettings,
  compression: Configuration['temporalCompression'],
  signal: AbortSignal,
): Promise<NativeConnection> {
  const attempt = NativeConnection.connect({
    ...settings.connectionOptions,
    grpcCompression: { codec: codecFor(settings, compression) },
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
function codecFor({ loopback }: TemporalSettings, compression: Configuration['temporalCompression']): 'gzip' | 'none' {
  if (compression !== 'auto') return compression;
  return loopback ? 'none' : 'gzip';
}

/** The innermost message of nested native errors (`… Os { code: 111, message: "…" }`), else the first line. */
function reasonOf(text: string): string {
  const innermost = [...text.matchAll(/message: "([^"]+)"/g)].at(-1)?.[1];
  return (innermost ?? text.split('\n')[0] ?? '').slice(0, 300);
}
