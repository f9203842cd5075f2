import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KEY_TYPES, type KeyType } from '../../../src/acme/private-key.ts';
import { issue, uniqueDnsNames } from '../../support/acme/harness.ts';
import { runAcmeActivity } from '../../support/acme/run-activity.ts';
import { useIssuance } from '../../support/acme/use-issuance.ts';

const issuance = useIssuance();

/** Pause before the first poll of an order. */
const FIRST_LOOK_MS = 120;

const KEY_DETAILS: Readonly<Record<KeyType, object>> = {
  'rsa-2048': { modulusLength: 2048 },
  'p-256': { namedCurve: 'prime256v1' },
  'p-384': { namedCurve: 'secp384r1' },
};

describe('an issuance', () => {
  it.each(KEY_TYPES)(
    'with keys of type %s ends with certificate and key in the Secret and no staging Secret',
    async (keyType) => {
      const { managementCluster, lab, request, dnsNames } = issuance();
      const { facts } = await issue(lab.activities(managementCluster.certman, { keyType }), request, dnsNames);
      expect(facts.dnsNames.toSorted()).toEqual(dnsNames.toSorted());
      expect(await issuance().stagingSecret()).toBeUndefined();
      const secret = await issuance().tlsSecret();
      expect(secret).toMatchObject({ kind: 'valid', certificate: facts });
      if (secret.kind !== 'valid') return;
      const key = createPrivateKey(secret.keyPem);
      expect(key.asymmetricKeyDetails).toMatchObject(KEY_DETAILS[keyType]);
      expect(new X509Certificate(secret.chainPem).checkPrivateKey(key)).toBe(true);
    },
  );

  it('of three names takes the minimum of requests', async () => {
    const { activities, managementCluster, lab, request, dnsNames } = issuance();
    await issue(activities, request, uniqueDnsNames());
    lab.proxy.clearSeen();
    const another = await managementCluster.request();
    const began = performance.now();
    await issue(activities, another, dnsNames);
    const took = performance.now() - began;
    const asked = issuance().requestCounts();
    expect(asked).toMatchObject({ directory: 0, newNonce: 0, newOrder: 1, authorization: 3, challenge: 3 });
    expect(asked).toMatchObject({ finalize: 1, certificate: 1 });
    // One poll after the answers and one after finalizing; more only for a slow CA, with doubling pauses.
    expect(asked['order']).toBeLessThanOrEqual(2 * Math.max(1, Math.floor(Math.log2(took / FIRST_LOOK_MS + 1))));
  });

  it('returns neither keys nor tokens', async () => {
    const { activities, dnsNames } = issuance();
    const recorded: unknown[] = [];
    const onHeartbeat = (details: unknown): void => void recorded.push(details);
    const order = await runAcmeActivity(activities, 'placeOrder', { dnsNames }, { onHeartbeat });
    await runAcmeActivity(activities, 'answerChallenges', order, { onHeartbeat });
    const input = issuance().finalizeInput(order);
    const { certificateUrl } = await runAcmeActivity(activities, 'finalizeOrder', input, { onHeartbeat });
    const install = issuance().installInput(input, certificateUrl);
    const facts = await runAcmeActivity(activities, 'installCertificate', install, { onHeartbeat });
    expect(recorded.length).toBeGreaterThan(0);
    expect(JSON.stringify([recorded, order, certificateUrl, facts])).not.toMatch(/PRIVATE|BEGIN|token/i);
  });
});
