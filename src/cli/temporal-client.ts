import { hostname, userInfo } from 'node:os';
import { Client, Connection, isGrpcServiceError, ServiceError } from '@temporalio/client';
import { loadSettings, loadTemporal } from '../configuration/load-configuration.ts';
import { CertmanError } from '../failures/failure.ts';
import { createDataConverter } from '../payloads/data-converter.ts';
import { PayloadKeyStore } from '../payloads/payload-key-store.ts';

const CONNECT_TIMEOUT = '3 seconds';

/**
 * A page of a history can have more than gRPC's limit of 4 MiB. The SDK sets the same limit as here, but by a name without
 * `grpc.`, which has no effect.
 */
const CHANNEL_ARGS = { 'grpc.max_receive_message_length': 128 * 1024 * 1024 } as const;

/** A client, and the connection that it closes. */
export interface OpenTemporal {
  readonly client: Client;
  readonly connection: Connection;
}

/** Runs `work` with a client. @throws ConfigurationError; CertmanError `temporal/unreachable` after 3 s. */
export async function withTemporal<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
  const { client, connection } = await openTemporal();
  try {
    return await work(client);
  } finally {
    await connection.close();
  }
}

/** Connects; the caller closes the connection. @throws as {@link withTemporal}. */
export async function openTemporal(): Promise<OpenTemporal> {
  const { namespace, connectionOptions } = loadTemporal(process.env);
  const settings = loadSettings(process.env, ['payloadKeys', 'requireEncryptedPayloads']);
  const keys = settings.payloadKeys === undefined ? undefined : new PayloadKeyStore(settings.payloadKeys);
  const dataConverter = createDataConverter({ keys, required: settings.requireEncryptedPayloads });
  try {
    const connection = await Connection.connect({
      ...connectionOptions,
      channelArgs: CHANNEL_ARGS,
      connectTimeout: CONNECT_TIMEOUT,
    });
    const client = new Client({ connection, namespace, dataConverter, identity: callerIdentity() });
    return { client, connection };
  } catch (cause) {
    throw new CertmanError({
      code: 'temporal/unreachable',
      message: `Temporal at ${connectionOptions.address} does not respond.`,
      remedy:
        'Check that it is running and that TEMPORAL_ADDRESS is right. In a cluster: kubectl port-forward service/temporal-frontend 7233.',
      cause,
    });
  }
}

/** `<user>@<host>`: `certman history` shows it as who asked for a renewal or a revocation. */
function callerIdentity(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // The user has no name here, as in a container.
    return `${process.getuid?.() ?? 'unknown'}@${hostname()}`;
  }
}

/** INVALID_ARGUMENT. */
const INVALID_ARGUMENT = 3;

/** DEADLINE_EXCEEDED. */
const TIMED_OUT = 4;

/** UNAVAILABLE, DEADLINE_EXCEEDED, and FAILED_PRECONDITION: no worker polls, or the workflow has only just started. */
const UNAVAILABLE_CODES = new Set([14, 4, 9]);

/** FAILED_PRECONDITION. */
const NO_WORKER = 9;

/** Why Temporal or the worker did not respond, in a sentence. @param error one that {@link isUnavailable}. */
export function unavailableMessage(error: unknown): string {
  if (error instanceof CertmanError) return error.message;
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && Number(cause.code) === NO_WORKER
    ? 'No worker of this management cluster answers.'
    : 'Temporal does not respond.';
}

/** Whether there was no answer in time. */
export function isDeadlineExceeded(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && Number(cause.code) === TIMED_OUT;
}

/** Whether Temporal refuses the request as such, as a list by a search attribute that is not registered. */
export function isInvalidArgument(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && Number(cause.code) === INVALID_ARGUMENT;
}

/** Whether the same may succeed later: Temporal, a worker or the API server cannot be reached now. */
export function isPassing(error: unknown): boolean {
  return isUnavailable(error) || (error instanceof CertmanError && error.info.retry === 'transient');
}

/** Whether Temporal or the worker did not respond, rather than refuse. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof CertmanError) return error.code === 'temporal/unreachable';
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && UNAVAILABLE_CODES.has(cause.code);
}
