import { hostname, userInfo } from 'node:os';
import {
  Client,
  type Connection,
  isGrpcServiceError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { loadSettings, loadTemporal } from '../configuration/load-configuration.ts';
import { CertmanError } from '../failures/failure.ts';
import { createDataConverter } from '../payloads/data-converter.ts';
import { PayloadKeyStore } from '../payloads/payload-key-store.ts';
import { GRPC_STATUS } from '../temporal/grpc-status.ts';
import { isMissing, missingNamespace, saysNoNamespace } from '../temporal/namespace.ts';
import { isOfClosedConnection } from '../temporal/retry-until-closed.ts';
import { withoutTls } from '../temporal/speaks-tls.ts';
import { commandLine } from './program-name.ts';
import { withSlowNote } from './slow-note.ts';
import { COMMAND_LIMITS, connectToTemporal, NotConnectedError } from './temporal-connection.ts';
import type { TimeBound } from './time-bound.ts';

/** A client, and the connection that it closes. */
export interface OpenTemporal {
  readonly client: Client;
  readonly connection: Connection;
}

/**
 * Runs `work` with a client. @throws ConfigurationError; CertmanError `temporal/unreachable` where it refuses connections for
 * 3 s, gives none within 20 s, or does not answer a request. @param bound of all that it waits for at Temporal.
 */
export async function withTemporal<Result>(
  work: (client: Client) => Promise<Result>,
  bound?: TimeBound,
): Promise<Result> {
  const { client, connection } = await openTemporal(COMMAND_LIMITS.connectMs, bound);
  try {
    return await work(client);
  } catch (error) {
    const { namespace } = client.options;
    if (saysNoNamespace(error) && (await isMissing(connection, namespace))) throw missingNamespace(namespace, error);
    throw isUnavailable(error) ? unreachable(error) : error;
  } finally {
    await connection.close();
  }
}

/** Connects; the caller closes the connection. @param maxConnectMs instead of 20 s. @throws as {@link withTemporal}. */
export async function openTemporal(maxConnectMs = COMMAND_LIMITS.connectMs, bound?: TimeBound): Promise<OpenTemporal> {
  const connectMs = Math.min(maxConnectMs, bound?.leftMs ?? maxConnectMs);
  const { namespace, connectionOptions } = loadTemporal(process.env);
  const settings = loadSettings(process.env, ['payloadKeys', 'requireEncryptedPayloads']);
  const keys = settings.payloadKeys === undefined ? undefined : new PayloadKeyStore(settings.payloadKeys);
  const dataConverter = createDataConverter({ keys, required: settings.requireEncryptedPayloads });
  try {
    const connection = await withSlowNote(
      `Temporal at ${connectionOptions.address} does not respond yet; waiting up to ${Math.ceil(connectMs / 1_000)} seconds.`,
      () => connectToTemporal(connectionOptions, { ...COMMAND_LIMITS, connectMs, bound }),
    );
    const client = new Client({ connection, namespace, dataConverter, identity: callerIdentity() });
    return { client, connection };
  } catch (cause) {
    if (cause instanceof NotConnectedError && cause.withoutTls)
      throw new CertmanError({ code: 'temporal/unreachable', ...withoutTls(connectionOptions.address), cause });
    const why = cause instanceof NotConnectedError ? cause.why : undefined;
    throw new CertmanError({
      code: 'temporal/unreachable',
      message: `Temporal at ${connectionOptions.address} does not respond${why === undefined ? '' : `: ${why}`}.`,
      remedy: why !== undefined && OF_TLS.test(why) ? TLS_REMEDY : REMEDY,
      cause,
    });
  }
}

const REMEDY =
  'Check that it is running and that TEMPORAL_ADDRESS is right. Where it is in a cluster: kubectl port-forward -n <its namespace> service/temporal-frontend 7233.';
/** In the words of OpenSSL and Node.js. */
const OF_TLS = /certificate|altnames|alert|wrong version number|tls|ssl/i;
const TLS_REMEDY =
  'Check TEMPORAL_ADDRESS, TEMPORAL_TLS, TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_SERVER_NAME, and the client certificate (TEMPORAL_TLS_CLIENT_CERT_PATH), as the workers have them.';

/** `<user>@<host>`: `certman history` shows it as who asked for a renewal or a revocation. */
function callerIdentity(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // The user has no name here, as in a container.
    return `${process.getuid?.() ?? 'unknown'}@${hostname()}`;
  }
}

/**
 * FAILED_PRECONDITION: no worker polls, or the tasks of the workflow fail. RESOURCE_EXHAUSTED: a limit of requests. The client has
 * repeated these and UNAVAILABLE before. CANCELLED: the server ends.
 */
const UNAVAILABLE_CODES: ReadonlySet<number> = new Set([
  GRPC_STATUS.CANCELLED,
  GRPC_STATUS.DEADLINE_EXCEEDED,
  GRPC_STATUS.RESOURCE_EXHAUSTED,
  GRPC_STATUS.FAILED_PRECONDITION,
  GRPC_STATUS.UNAVAILABLE,
]);

/** Of matching, in `details`: https://github.com/temporalio/temporal/blob/v1.29.1/service/matching/matcher.go */
const NO_POLLER = /no poller seen/;

/** Of a namespace that exists, as {@link isMissing} says, or as an earlier request of the same command has shown. */
export const NAMESPACE_UNREAD = {
  message:
    'Temporal does not find its namespace, which exists: it cannot read its store, or could not some seconds ago.',
  remedy: 'Run the command again in half a minute; then check the database of Temporal, and the logs of its frontend.',
} as const;

/**
 * @returns nothing of any other error, and of a request on a connection that this process has closed: it fails for good. The SDK
 * has an error of its own for updates that time out.
 */
function grpcStatusOf(error: unknown): { readonly code?: number; readonly details?: string } {
  const isOfSdk = error instanceof ServiceError || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError;
  const cause = isOfSdk ? error.cause : error;
  if (!isGrpcServiceError(cause) || isOfClosedConnection(cause)) return {};
  return { code: Number(cause.code), details: cause.details };
}

/** Why Temporal or the worker did not respond, in a sentence. @param error one that {@link isUnavailable}. */
export function unavailableMessage(error: unknown): string {
  if (error instanceof CertmanError) return error.message;
  if (saysNoNamespace(error)) return NAMESPACE_UNREAD.message;
  const { code, details = '' } = grpcStatusOf(error);
  if (code === GRPC_STATUS.RESOURCE_EXHAUSTED) return `Temporal refuses requests for now: ${details}`;
  if (code !== GRPC_STATUS.FAILED_PRECONDITION) return 'Temporal does not respond.';
  if (NO_POLLER.test(details)) return 'No worker of this management cluster answers.';
  return `The workflow cannot answer: ${details}`;
}

/** The failure of a request that Temporal or a worker did not respond to. @param error one that {@link isUnavailable}. */
export function unreachable(error: unknown, message = unavailableMessage(error)): CertmanError {
  if (error instanceof CertmanError) return error;
  const remedy = saysNoNamespace(error) ? NAMESPACE_UNREAD.remedy : `See what is wrong: ${commandLine('doctor')}`;
  return new CertmanError({ code: 'temporal/unreachable', message, remedy, cause: error });
}

/**
 * Whether the same request may be answered a moment later, by a worker or a server that is slow. FAILED_PRECONDITION but where no
 * worker polls: the workflow has only just started, or its last task timed out or failed.
 */
export function isSlow(error: unknown): boolean {
  const { code, details = '' } = grpcStatusOf(error);
  if (code === GRPC_STATUS.FAILED_PRECONDITION) return !NO_POLLER.test(details);
  return code === GRPC_STATUS.DEADLINE_EXCEEDED || code === GRPC_STATUS.CANCELLED;
}

/** Whether there was no answer in time. */
export function isDeadlineExceeded(error: unknown): boolean {
  return grpcStatusOf(error).code === GRPC_STATUS.DEADLINE_EXCEEDED;
}

/** Whether Temporal refuses the request as such, as a list by a search attribute that is not registered. */
export function isInvalidArgument(error: unknown): boolean {
  return grpcStatusOf(error).code === GRPC_STATUS.INVALID_ARGUMENT;
}

/** Whether the same may succeed later: Temporal, a worker or the API server cannot be reached now. */
export function isPassing(error: unknown): boolean {
  return isUnavailable(error) || (error instanceof CertmanError && error.info.retry === 'transient');
}

/** Whether Temporal or the worker did not respond, rather than refuse. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof CertmanError) return error.code === 'temporal/unreachable';
  if (saysNoNamespace(error)) return true;
  const { code } = grpcStatusOf(error);
  return code !== undefined && UNAVAILABLE_CODES.has(code);
}
