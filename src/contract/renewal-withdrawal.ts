/** What `certman renew --withdraw` asks the workflow of a cluster for. */
import { defineSignal } from '@temporalio/workflow';
import { fieldsOf, isListOf, isText } from './shape.ts';

/** Argument of `renewalWithdrawn`. */
export interface RenewalWithdrawal {
  readonly bundleNames: readonly string[];
}

const MAX_BUNDLES = 100;

/** Whether a signal has the shape of a withdrawal. */
export function isRenewalWithdrawal(withdrawal: unknown): withdrawal is RenewalWithdrawal {
  return isListOf(fieldsOf<RenewalWithdrawal>(withdrawal).bundleNames, MAX_BUNDLES, isText);
}

/** An operator withdraws the requested renewals of these bundles. An order under way goes on. */
export const renewalWithdrawn = defineSignal<[RenewalWithdrawal]>('renewalWithdrawn');
