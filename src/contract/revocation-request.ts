/** What `certman revoke` asks the workflow of a cluster for. */
import { defineSignal } from '@temporalio/workflow';
import { isCrlReason } from '../certificates/crl-reason.ts';
import type { RequestedRevocation } from '../certificates/requested-revocation.ts';

/** Argument of `revocationRequested`. */
export interface RevocationRequest
  extends Pick<RequestedRevocation, 'serialNumber' | 'reason' | 'replaceFirst' | 'delayMs'> {
  readonly bundleName: string;
}

const MAX_TEXT_LENGTH = 600;
const MAX_DELAY_MS = 30 * 24 * 3_600_000;

/** Whether a signal has the shape of a request: any client of the namespace can send one. */
export function isRevocationRequest(request: unknown): request is RevocationRequest {
  const { bundleName, serialNumber, reason, replaceFirst, delayMs }: Partial<RevocationRequest> = Object(request);
  const isDelay = typeof delayMs === 'number' && delayMs >= 0 && delayMs <= MAX_DELAY_MS;
  return (
    [bundleName, serialNumber].every(isText) && isCrlReason(reason) && typeof replaceFirst === 'boolean' && isDelay
  );
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT_LENGTH;
}

/** An operator asks to revoke one certificate. A request for the same certificate replaces one that is not settled. */
export const revocationRequested = defineSignal<[RevocationRequest]>('revocationRequested');
