/** Whether a Temporal namespace exists: what a server says of it in most of its answers is no proof. */
import { type ConnectionLike, isGrpcServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { CertmanError } from '../failures/failure.ts';
import { GRPC_STATUS, grpcCodeOf } from './grpc-status.ts';

/** People look back a month; the counts of issued certificates look back a week. */
export const MIN_RETENTION_DAYS = 30;

/** Of a request, with the repetitions of the native connection, which take 10 s. */
const REQUEST_TIMEOUT_MS = 20_000;

/** Of serviceerror.NamespaceNotFound, in `details`. Source: temporal api serviceerror/namespace_not_found.go */
const NOT_FOUND_TEXT = /^Namespace .* is not found/s;

/** Whether an error, or what caused it, says that there is no such namespace. {@link isMissing} knows whether that is so. */
export function saysNoNamespace(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof NamespaceNotFoundError) return true;
  if (isGrpcServiceError(error) && Number(error.code) === GRPC_STATUS.NOT_FOUND)
    return NOT_FOUND_TEXT.test(error.details);
  return saysNoNamespace(error.cause);
}

/**
 * Whether there is no such namespace. A server also says so where it could not read its store within three seconds: but of this
 * request, which it answers from the store. Source: temporal service/frontend namespace_handler.go, common/namespace/nsregistry.
 */
export async function isMissing(connection: ConnectionLike, namespace: string): Promise<boolean> {
  try {
    await withinTime(connection, () => connection.workflowService.describeNamespace({ namespace }));
    return false;
  } catch (error) {
    const code = grpcCodeOf(error);
    return code === GRPC_STATUS.NOT_FOUND || code === GRPC_STATUS.PERMISSION_DENIED;
  }
}

/** The failure where {@link isMissing}. */
export function missingNamespace(namespace: string, cause: unknown): CertmanError {
  return new CertmanError({
    code: 'configuration/invalid',
    message: `There is no Temporal namespace ${namespace} (setting TEMPORAL_NAMESPACE).`,
    remedy: `Create it: temporal operator namespace create --namespace ${namespace} --retention ${MIN_RETENTION_DAYS}d`,
    cause,
  });
}

/** Without a deadline, the native connection waits for ever for a server that accepts a request and does not answer. */
export async function withinTime<Answer>(connection: ConnectionLike, ask: () => Promise<Answer>): Promise<Answer> {
  return await connection.withDeadline(Date.now() + REQUEST_TIMEOUT_MS, ask);
}
