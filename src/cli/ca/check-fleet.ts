import pLimit from 'p-limit';
import type { Preflight } from '../../dns/preflight.ts';
import type { FailureCode } from '../../failures/failure.ts';
import { applicantOf, type CheckedCa } from './check-accounts.ts';
import type { CertifiedNames } from './list-certified.ts';

/** Each asks the resolvers for some ten names. */
const CONCURRENCY = 20;

/** A cluster that a CA must not issue for. */
export interface RefusedCluster {
  readonly cluster: string;
  readonly ca: string;
  readonly code: FailureCode;
  /** What forbids it, with the record. */
  readonly message: string;
  readonly remedy?: string;
}

/** A cluster of which the resolvers did not show whether a CA may issue for it. */
export interface UndecidedCluster {
  readonly cluster: string;
  readonly ca: string;
  readonly why: string;
}

/** What public DNS says about the fleet. */
export interface FleetCheck {
  /** Clusters and standalone requests. */
  readonly checked: number;
  readonly refused: readonly RefusedCluster[];
  readonly undecided: readonly UndecidedCluster[];
}

/**
 * Checks whether each CA that can be used may issue for each cluster: CAA (RFC 8659, RFC 8657) and DNSSEC of each name.
 * @param onProgress is called with the number of clusters that are done.
 */
export async function checkFleet(
  preflight: Pick<Preflight, 'findings'>,
  cas: readonly CheckedCa[],
  clusters: readonly CertifiedNames[],
  onProgress: (done: number) => void = () => undefined,
): Promise<FleetCheck> {
  const applicants = cas.flatMap((one) => {
    const applicant = applicantOf(one);
    return applicant === undefined ? [] : [{ ca: one.ca, applicant }];
  });
  const refused: RefusedCluster[] = [];
  const undecided: UndecidedCluster[] = [];
  const { signal } = new AbortController();
  let done = 0;
  await pLimit(CONCURRENCY).map(clusters, async ({ cluster, dnsNames }) => {
    for (const { ca, applicant } of applicants) {
      const findings = await preflight.findings({ dnsNames, applicant }, signal);
      const refusals = findings.flatMap((finding) => (finding.kind === 'refused' ? [finding.refusal] : []));
      const [first] = refusals;
      if (first !== undefined) {
        const messages = [...new Set(refusals.map(({ message }) => message))];
        refused.push({ cluster, ca, code: first.code, message: messages.join(' '), remedy: first.remedy });
        continue;
      }
      const unknown = findings.find(({ kind }) => kind === 'undecided');
      if (unknown?.kind === 'undecided') undecided.push({ cluster, ca, why: unknown.why });
    }
    onProgress((done += 1));
  });
  const byCluster = (one: { cluster: string }, other: { cluster: string }): number =>
    one.cluster < other.cluster ? -1 : Number(one.cluster > other.cluster);
  return { checked: clusters.length, refused: refused.sort(byCluster), undecided: undecided.sort(byCluster) };
}
