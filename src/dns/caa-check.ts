import type packet from 'dns-packet';
import { type CaaApplicant, type CaaRecord, caaNamesOf, caaProblem } from './caa.ts';
import { type Finding, PASSED, withoutAnswer } from './finding.ts';
import type { PublicView } from './public-dns.ts';

/** Whether CAA records allow a name: the first set found from the name up to its top-level domain decides (RFC 8659 §3). */
export async function checkCaa(view: PublicView, dnsName: string, applicant: CaaApplicant): Promise<Finding> {
  const isWildcard = dnsName.startsWith('*.');
  for (const name of caaNamesOf(dnsName)) {
    const lookup = await view.lookUp(name, 'CAA');
    if (lookup.kind === 'absent') continue;
    if (lookup.kind !== 'records') return withoutAnswer(view.name, name, lookup);
    const problem = caaProblem(caaRecordsOf(lookup.records), isWildcard, applicant);
    if (problem === undefined) return PASSED;
    const [identity = ''] = applicant.identities;
    return {
      kind: 'refused',
      refusal: {
        code: 'dns/caaForbids',
        message: `CAA records of ${name} forbid the CA to issue for ${dnsName}: ${problem}.`,
        remedy: `Add the CAA record 0 ${isWildcard ? 'issuewild' : 'issue'} "${identity}" at ${name}, or correct the one that is there.`,
      },
    };
  }
  return PASSED;
}

function caaRecordsOf(records: readonly packet.Answer[]): readonly CaaRecord[] {
  return records.flatMap((record) => {
    if (record.type !== 'CAA') return [];
    const { tag, value, issuerCritical } = record.data;
    return [{ tag, value, critical: issuerCritical === true }];
  });
}
