import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { NativeConnection } from '@temporalio/worker';
import type { TemporalSettings } from '../configuration/temporal-settings.ts';
import type { Logger } from '../observability/logging.ts';
import type { RenewableConnection } from './renewable-connection.ts';

/** Mounted Secrets follow their objects within a minute or two. */
const CHECK_INTERVAL_MS = 10_000;

/** What the connection is made of. */
type Credentials = Pick<TemporalSettings['connectionOptions'], 'tls' | 'apiKey' | 'metadata'>;

/** How credentials are read and used. */
export interface CredentialsSource {
  /** Reads the settings and their files. @throws ConfigurationError */
  readonly load: () => TemporalSettings;
  readonly connect: (settings: TemporalSettings) => Promise<NativeConnection>;
}

/**
 * Uses what has changed in the files of the settings: a new API key on the same connection, other certificates on a new
 * one. What cannot be read or used is logged, and tried again. Ends when `signal` is aborted.
 */
export async function followCredentials(
  connection: RenewableConnection,
  used: Credentials,
  source: CredentialsSource,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let credentials = used;
  let reported: string | undefined;
  while (await pauseUnlessAborted(signal)) {
    try {
      const settings = source.load();
      const found = settings.connectionOptions;
      if (!isSame(credentials, found)) {
        await useCredentials(connection, credentials, settings, source);
        credentials = found;
        logger.info('the credentials of the connection to Temporal have changed');
      }
      reported = undefined;
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message.slice(0, 1_000) : String(error);
      if (reason !== reported)
        logger.error({ reason }, 'the new credentials of Temporal cannot be used; those before stay in use');
      reported = reason;
    }
  }
}

async function useCredentials(
  connection: RenewableConnection,
  before: Credentials,
  settings: TemporalSettings,
  source: CredentialsSource,
): Promise<void> {
  const { apiKey, ...rest } = settings.connectionOptions;
  if (apiKey !== undefined && before.apiKey !== undefined && isSame({ ...rest, apiKey: before.apiKey }, before))
    await connection.current.setApiKey(apiKey);
  else await connection.replace(await source.connect(settings));
}

function isSame(one: Credentials, other: Credentials): boolean {
  const relevant = ({ tls, apiKey, metadata }: Credentials): unknown => ({ tls, apiKey, metadata });
  return isDeepStrictEqual(relevant(one), relevant(other));
}

/** @returns false when it was aborted. */
async function pauseUnlessAborted(signal: AbortSignal): Promise<boolean> {
  await sleep(CHECK_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined);
  return !signal.aborted;
}
