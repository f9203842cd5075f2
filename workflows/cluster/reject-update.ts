/** How an update that makes no sense now is refused. */
import { ApplicationFailure } from '@temporalio/workflow';

/** For validators. @throws ApplicationFailure always. */
export function rejectUpdate(type: 'renew/rejected' | 'release/rejected', message: string): never {
  throw ApplicationFailure.create({ type, message, nonRetryable: true });
}
