/** What `certman renew --withdraw` asks the workflow of a cluster for. */
import { defineSignal } from '@temporalio/workflow';

/** Argument of `renewalWithdrawn`. */
export interface RenewalWithdrawal {
  readonly bundleNames: readonly string[];
}

const MAX_BUNDLES = 100;
const MAX_TEXT_LENGTH = 600;

/** Whether a signal has the shape of a withdrawal: any client of the namespace can send one. */
export function isRenewalWithdrawal(withdrawal: unknown): withdrawal is RenewalWithdrawal {
  const { bundleNames }: Partial<RenewalWithdrawal> = Object(withdrawal);
  return (
    Array.isArray(bundleNames) &&
    bundleNames.length <= MAX_BUNDLES &&
    bundleNames.every((name) => typeof name === 'string' && name.length <= MAX_TEXT_LENGTH)
  );
}

/** An operator withdraws the requested renewals of these bundles. An order under way goes on. */
export const renewalWithdrawn = defineSignal<[RenewalWithdrawal]>('renewalWithdrawn');
