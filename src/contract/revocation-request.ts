/** What `certman revoke` asks the workflow of a cluster for. */
import { defineSignal } from '@temporalio/workflow';
import { isCrlReason } from '../certificates/crl-reason.ts';
import type { RequestedRevocation } from '../certificates/requested-revocation.ts';
import { fieldsOf, isText } from './shape.ts';

/** Argument of `revocationRequested`. */
export interface RevocationRequest
  extends Pick<RequestedRevocation, 'serialNumber' | 'reason' | 'replaceFirst' | 'delayMs'> {
  readonly bundleName: string;
}

const MAX_DELAY_MS = 30 * 24 * 3_600_000;

/** Whether a signal has the shape of a request. */
export function isRevocationRequest(request: unknown): request is RevocationRequest {
  const { bundleName, serialNumber, reason, replaceFirst, delayMs } = fieldsOf<RevocationRequest>(request);
  const isDelay = typeof delayMs === 'number' && delayMs >= 0 && delayMs <= MAX_DELAY_MS;
  return (
    [bundleName, serialNumber].every((text) => isText(text, 600)) &&
    isCrlReason(reason) &&
    typeof replaceFirst === 'boolean' &&
    isDelay
  );
}

/** An operator asks to revoke one certificate. A request for the same certificate replaces one that is not settled. */
export const revocationRequested = defineSignal<[RevocationRequest]>('revocationRequested');
