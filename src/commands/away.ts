/** Whether an error of the Temporal client says that nobody answered, rather than that the answer was no. */
import { isGrpcServiceError, ServiceError } from '@temporalio/client';

/** UNAVAILABLE, DEADLINE_EXCEEDED, and FAILED_PRECONDITION: no worker polls, or the workflow has only just begun. */
const AWAY = new Set([14, 4, 9]);

export function isAway(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && AWAY.has(cause.code);
}
