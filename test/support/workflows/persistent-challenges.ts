import { identifierOf, persistentRecordName } from '../../../src/certificates/dns-name.ts';
import type { SealedTxtRecord } from '../../../src/contract/activities/txt-records.ts';
import type { ActivityDoubles } from './activity-doubles.ts';

/** The persistent record of a name at the CA of the doubles. */
export function persistentRecord(dnsName: string): SealedTxtRecord {
  const name = persistentRecordName(identifierOf(dnsName));
  return { name, value: 'ca.test; accounturi=https://ca.test/account', seal: 'sealed', persistent: true };
}

/** The CA asks for persistent records (`dns-persist-01`). */
export function offerPersistence(doubles: ActivityDoubles): void {
  doubles.override('placeOrder', async ({ dnsNames }) => ({
    orderUrl: `https://ca.test/order/${doubles.countOf('placeOrder')}`,
    expires: '2999-01-01T00:00:00.000Z',
    caHost: doubles.caHost,
    challenges: dnsNames.map((name) => ({
      identifier: identifierOf(name),
      wildcard: name.startsWith('*.'),
      authorizationUrl: `https://ca.test/authz/${name}`,
      challengeUrl: `https://ca.test/challenge/${name}`,
      record: persistentRecord(name),
    })),
  }));
}
