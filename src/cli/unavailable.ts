/** Whether an error of the Temporal client says that nobody answered, rather than that the answer was no. */
import { isGrpcServiceError, ServiceError } from '@temporalio/client';

/** UNAVAILABLE, DEADLINE_EXCEEDED, and FAILED_PRECONDITION: no worker polls, or the workflow has only just begun. */
const UNAVAILABLE_CODES = new Set([14, 4, 9]);

export function isUnavailable(error: unknown): boolean {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && UNAVAILABLE_CODES.has(cause.code);
}
