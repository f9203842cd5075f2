import { expect, test } from 'vitest';
import { ChallengeDelegation } from '../../../src/dns/challenge-delegation.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';

const CHALLENGES = 'acme.example.net';
const NAME = '_acme-challenge.api.example.com';
const PLACE = { name: `api.${CHALLENGES}`, zoneName: CHALLENGES, challengeZone: true };

test('the challenge zone serves the ClusterDeployments of allowed namespaces only', async () => {
  const aliasOf = (_zone: unknown, name: string) => Promise.resolve(name === NAME ? PLACE.name : undefined);
  const isAllowed = (namespace: string) => Promise.resolve(namespace === 'allowed');
  const delegation = new ChallengeDelegation({ aliasOf }, CHALLENGES, isAllowed);
  const placesIn = (namespace: string) =>
    delegation.placesOf(zoneTarget({ namespace, zoneName: 'example.com' }), [NAME], new AbortController().signal);
  expect(await placesIn('allowed')).toEqual([PLACE]);
  const refused = await placesIn('other').catch((error: unknown) => error);
  if (!(refused instanceof CertmanError)) throw new Error('it is not refused');
  expect(refused.code).toBe('dns/credentialsMissing');
  expect(refused.info.remedy).toContain(
    'kubectl label namespace other certman.managed.openshift.io/challenge-zone=true',
  );
  // Without a CNAME, the record is for the zone of the cluster.
  const own = new ChallengeDelegation({ aliasOf: () => Promise.resolve(undefined) }, CHALLENGES, isAllowed);
  const zone = zoneTarget({ namespace: 'other', zoneName: 'example.com' });
  expect(await own.placesOf(zone, [NAME], new AbortController().signal)).toEqual([undefined]);
});
