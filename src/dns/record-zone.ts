import { CertmanError } from '../failures/failure.ts';
import type { DnsTarget } from './provider.ts';

/** A zone that records of an order are put into. */
export interface RecordZone {
  readonly target: DnsTarget;
  /** What to do where the zone cannot be written, in sentences; absent: nothing beside what the failure says. */
  readonly hint?: string;
  /** Why nothing can be done in the zone any more. */
  readonly problem?: CertmanError;
}

const UNWRITABLE_CODES: ReadonlySet<string> = new Set([
  'dns/accessDenied',
  'dns/credentialsMissing',
  'dns/credentialsMalformed',
  'dns/zoneNotFound',
  'dns/platformUnsupported',
]);

/** Runs `work` in a zone. A failure that says that the zone cannot be written names the challenge zone, and what helps. */
export async function inZone<T>({ target, hint, problem }: RecordZone, work: () => Promise<T>): Promise<T> {
  if (problem !== undefined) throw problem;
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CertmanError) || !UNWRITABLE_CODES.has(error.code)) throw error;
    const { code, message, remedy, notBefore, outcomeUnknown, neverSent } = error.info;
    const rest = { code, notBefore, outcomeUnknown, neverSent, cause: error };
    if (target.isChallengeZone === true) {
      throw new CertmanError({
        ...rest,
        message: `In the challenge zone ${target.zoneName}: ${message}`,
        remedy:
          'Correct CERTMAN_CHALLENGE_ZONE, CERTMAN_CHALLENGE_ZONE_ID, or the credentials that CERTMAN_CHALLENGE_ZONE_SECRET names; issuance then continues.',
      });
    }
    if (hint === undefined) throw error;
    throw new CertmanError({ ...rest, message, remedy: `${remedy ?? ''} Or: ${hint}`.trim() });
  }
}
