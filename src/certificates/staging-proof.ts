/** Which failures a staging CA can show before the production CA is asked again. Pure. docs/decisions/staging-proof.md */
import type { FailureCode } from '../failures/failure.ts';

/** Of an order at the CA, whose cause is neither its limits nor an outage nor the account. */
const PROVABLE = new Set<FailureCode>([
  'acme/challengeFailed',
  'acme/orderInvalid',
  'acme/rejectedIdentifier',
  'acme/badCsr',
]);

/** Whether the order after such a failure is proved at the staging CA first. */
export function isProvable(code: FailureCode): boolean {
  return PROVABLE.has(code);
}

/**
 * Whether a failure of the proof is one that the production CA would have, too: then it is not asked. All else concerns the
 * staging CA alone; CAA records may name the production account (RFC 8657).
 */
export function isRefusedProof(code: FailureCode): boolean {
  return PROVABLE.has(code) || (code.startsWith('dns/') && code !== 'dns/caaForbids');
}
