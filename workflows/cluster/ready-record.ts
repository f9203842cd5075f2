/** What a record becomes once its certificate is good: nothing failing, nothing open, asleep until the renewal. */
import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import { NO_FAILURE } from './bundle-records.ts';

/** @param renewal its instant (epoch milliseconds), and why then, as a clause. */
export function readyRecord(
  { notAfter }: CertificateFacts,
  renewal: { readonly at: number; readonly message: string },
) {
  const renewalTime = new Date(renewal.at).toISOString();
  return {
    state: 'Ready',
    message: `Valid until ${notAfter}; renews at ${renewalTime}: ${renewal.message}.`,
    renewalTime,
    ...NO_FAILURE,
  } as const;
}
