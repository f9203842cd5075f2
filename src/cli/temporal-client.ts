/** Connections of the commands, short-lived and quick to give up. */
import { Client, Connection } from '@temporalio/client';
import type { TemporalSettings } from '../configuration/temporal-settings.ts';
import { CertmanError } from '../failures/failure.ts';

const CONNECT_TIMEOUT = '3 seconds';

/** @throws CertmanError when Temporal does not answer within 3 s. */
export async function withTemporal<Result>(
  temporal: TemporalSettings,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const { address, tls, apiKey, metadata } = temporal.connectionOptions;
  let connection: Connection;
  try {
    connection = await Connection.connect({
      address,
      connectTimeout: CONNECT_TIMEOUT,
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(metadata === undefined ? {} : { metadata }),
    });
  } catch (cause) {
    throw new TemporalUnavailableError(address, cause);
  }
  try {
    return await work(new Client({ connection, namespace: temporal.namespace }));
  } finally {
    await connection.close();
  }
}

/** Temporal cannot be reached. */
export class TemporalUnavailableError extends CertmanError {
  constructor(address: string, cause: unknown) {
    super({
      code: 'internal/unexpected',
      message: `Temporal at ${address} does not answer.`,
      remedy:
        'Is it running, and is TEMPORAL_ADDRESS right? In a cluster: kubectl port-forward service/temporal-frontend 7233.',
      cause,
    });
    this.name = 'TemporalAway';
  }
}
