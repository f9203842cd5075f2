import type { FailureCode, FailureParts } from '../failures/failure.ts';
import type { PublicView } from './public-dns.ts';
import type { Lookup } from './record-lookup.ts';

/** What is definitely wrong, so that the CA would refuse. */
export interface Refusal extends Pick<FailureParts, 'message' | 'remedy'> {
  readonly code: FailureCode;
}

/** What one resolver shows. Only `refused` is definite; a CA that sees more than certman decides the rest. */
export type Finding =
  | { readonly kind: 'passed' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'undecided'; readonly why: string };

export const PASSED: Finding = Object.freeze({ kind: 'passed' });

/** A finding that decides nothing. */
export function undecided(by: string, why: string): Finding {
  return { kind: 'undecided', why: `${by}: ${why}` };
}

/** What a lookup without an answer amounts to. */
export function withoutAnswer(by: string, name: string, lookup: Extract<Lookup, { readonly why: string }>): Finding {
  if (lookup.kind === 'inconclusive') return undecided(by, lookup.why);
  return {
    kind: 'refused',
    refusal: {
      code: 'dns/dnssecBroken',
      message: `DNSSEC of ${name} does not validate, and CAs validate it: ${by} has an answer only without validation: ${lookup.why}.`,
      remedy: `Correct the DS records in the parent zone, or remove them where the zone is not signed; https://dnsviz.net/d/${name}/ shows where the chain breaks.`,
    },
  };
}

/** The finding of all resolvers: what one of them contradicts is not definite. Those after one that passes are not asked. */
export async function agreedFinding(
  views: readonly PublicView[],
  find: (view: PublicView) => Promise<Finding>,
): Promise<Finding> {
  const findings: Finding[] = [];
  for (const view of views) {
    const finding = await find(view);
    if (finding.kind === 'passed') return finding;
    findings.push(finding);
  }
  const refused = findings.find(({ kind }) => kind === 'refused');
  const reasons = findings.flatMap((finding) => (finding.kind === 'undecided' ? [finding.why] : []));
  return refused ?? { kind: 'undecided', why: reasons.join('; ') };
}
