import { patched } from '@temporalio/workflow';
import { isPending, renewalRequestMessage, withdrawn } from '../../src/certificates/renewal-request.ts';
import { RENEWAL_WITHDRAWN } from '../../src/contract/patches.ts';
import type { Bundle } from './bundle.ts';

/** Withdraws the renewal that an operator requested, if one is pending. An order under way goes on. */
export function withdrawRenewal(bundle: Bundle): void {
  const { renewalRequest } = bundle.record;
  // Only a run that gets the signal has the marker.
  if (!isPending(renewalRequest) || !patched(RENEWAL_WITHDRAWN)) return;
  bundle.learn({ renewalRequest: withdrawn(renewalRequest, Date.now()) });
  bundle.attempts.withdrawRequest();
  bundle.changes.notify();
}

/** Shows a withdrawal, in the loop of the bundle: its status is written by one activity at a time. */
export async function showWithdrawal(bundle: Bundle): Promise<void> {
  const { attempts, record } = bundle;
  attempts.isWithdrawalUnshown = false;
  const { renewalRequest } = record;
  if (renewalRequest?.withdrawnAt === undefined) return;
  const message = renewalRequestMessage(renewalRequest);
  await bundle.show({ type: 'Normal', reason: 'RenewalRequestWithdrawn', message });
}
