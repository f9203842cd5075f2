import { NativeConnection } from '@temporalio/worker';
import type { Configuration } from '../configuration/load-configuration.ts';
import type { TemporalSettings } from '../configuration/temporal-settings.ts';
import { CertmanError } from '../failures/failure.ts';
import { abortable } from '../network/abortable.ts';
import { TimeLimit } from '../network/time-limit.ts';
import { isPlaintext, speaksTls, withoutTls } from '../temporal/speaks-tls.ts';
import { lastingTemporalFailure } from './lasting-failures.ts';
import type { StartDependency, StartWait } from './start-wait.ts';

/** For a frontend whose packets are dropped on the way. */
const ATTEMPT_TIMEOUT_MS = 10_000;

/** A connection, and the settings that it was made with. */
export interface MadeConnection {
  readonly connection: NativeConnection;
  readonly settings: TemporalSettings;
}

/** Each attempt is with the settings and files as they are then. @throws as {@link StartWait.until}. */
export async function connectToTemporal(
  { temporal: { address }, temporalCompression }: Configuration,
  load: () => TemporalSettings,
  start: StartWait,
  signal: AbortSignal,
): Promise<MadeConnection> {
  const dependency: StartDependency = {
    problem: `Temporal at ${address} is not reachable`,
    waiting:
      'waiting for Temporal (settings TEMPORAL_ADDRESS, TEMPORAL_TLS_*, TEMPORAL_API_KEY, CERTMAN_TEMPORAL_API_KEY_FILE)',
    code: 'temporal/unreachable',
    remedy: 'Check that Temporal runs, and that a NetworkPolicy of this pod allows connections to TEMPORAL_ADDRESS.',
    lasting: (error) => lastingTemporalFailure(address, error),
  };
  return await start.until(dependency, async () => {
    const settings = load();
    return { connection: await connectOnce(settings, temporalCompression, signal).catch(ofTls(settings)), settings };
  });
}

/** Says where the settings lack TLS: what the attempt fails with is a broken pipe. */
function ofTls({ connectionOptions }: TemporalSettings): (error: unknown) => Promise<never> {
  return async (error) => {
    const { address } = connectionOptions;
    if (!isPlaintext(connectionOptions) || !(await speaksTls(address))) throw error;
    throw new CertmanError({ code: 'configuration/invalid', ...withoutTls(address), cause: error });
  };
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
  const limit = new TimeLimit(
    ATTEMPT_TIMEOUT_MS,
    signal,
    () => new Error(`no answer within ${ATTEMPT_TIMEOUT_MS / 1000} s`),
  );
  try {
    return await abortable(attempt, limit.signal);
  } catch (error) {
    // The attempt can still succeed; its connection must be closed.
    attempt.then(
      (late) => late.close(),
      () => undefined,
    );
    throw error;
  } finally {
    limit.end();
  }
}

/** `auto`: on one machine, compression costs more than it saves. */
function codecFor({ loopback }: TemporalSettings, compression: Configuration['temporalCompression']): 'gzip' | 'none' {
  if (compression !== 'auto') return compression;
  return loopback ? 'none' : 'gzip';
}
