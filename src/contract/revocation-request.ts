/** What `certman revoke` asks the workflow of a cluster for. */
import { defineSignal } from '@temporalio/workflow';
import type { RequestedRevocation } from '../certificates/requested-revocation.ts';

/** Argument of `revocationRequested`. */
export interface RevocationRequest
  extends Pick<RequestedRevocation, 'serialNumber' | 'reason' | 'replaceFirst' | 'delayMs'> {
  readonly bundleName: string;
}

/** An operator asks to revoke one certificate. A request for the same certificate replaces one that is not settled. */
export const revocationRequested = defineSignal<[RevocationRequest]>('revocationRequested');
