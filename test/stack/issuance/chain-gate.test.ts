/** Chains of a real CA that clients would refuse: nothing is installed, and no order is spent. */

import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { downloadChain } from '../../../src/acme/certificate.ts';
import { trustingGate } from '../../support/acme/harness.ts';
import { runAcmeActivity } from '../../support/acme/run-activity.ts';
import { useIssuance } from '../../support/acme/use-issuance.ts';
import { withoutIntermediate } from '../../support/acme/without-intermediate.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';

// Pebble names a root for each chain; the intermediates of all have one key.
const issuance = useIssuance({
  chainLength: 2,
  alternateRoots: 1,
  profiles: { default: 90 * 86_400, 'twenty-seconds': 20 },
});

const BEGIN = '-----BEGIN CERTIFICATE-----';

/** A worker that trusts one root of the CA, by the order of its chains; 2: another root. */
async function workerTrusting(position: number) {
  const { lab, managementCluster } = issuance();
  const roots = (await readFile(lab.pebble.rootsFile, 'utf8')).split(BEGIN).slice(1);
  const file = join(lab.pebble.rootsFile, '..', `root-${position}.pem`);
  const { chainPem: other } = selfSigned();
  await writeFile(file, position in roots ? `${BEGIN}${roots[position]}` : other);
  const refused: string[] = [];
  const chainGate = trustingGate(file, { onRefused: (reason) => refused.push(reason) });
  return { refused, activities: lab.activities(managementCluster.certman, { chainGate }) };
}

describe('a chain whose root is not trusted', () => {
  it('is replaced by an alternate one that leads to a trusted root', async () => {
    const input = await issuance().finalizeOrder('default');
    const { activities, refused } = await workerTrusting(1);
    await runAcmeActivity(activities, 'installCertificate', input);
    expect(refused).toEqual(['noTrustedRoot']);
    const secret = await issuance().tlsSecret();
    if (secret.kind !== 'valid') throw new Error('not installed');
    const { lab } = issuance();
    const offered = await lab.source.withClient((ca) => downloadChain(ca, input.certificateUrl));
    const [alternate = ''] = offered.alternates;
    const { chainPem } = await lab.source.withClient((ca) => downloadChain(ca, alternate));
    expect(secret.chainPem).toBe(chainPem);
    expect(secret.chainPem).not.toBe(offered.chainPem);
    expect(new X509Certificate(secret.chainPem).raw).toEqual(new X509Certificate(offered.chainPem).raw);
  });

  it('is given up with its certificate once it was refused for a tenth of the lifetime', async () => {
    const input = await issuance().finalizeOrder('twenty-seconds');
    const { chainPem } = await issuance().lab.source.withClient((ca) => downloadChain(ca, input.certificateUrl));
    const { activities } = await workerTrusting(2);
    await sleep(Math.max(0, new X509Certificate(chainPem).validFromDate.getTime() + 2_500 - Date.now()));
    const failure = await failureOf(runAcmeActivity(activities, 'installCertificate', input));
    // The workflow orders anew after this code.
    expect(failure.code).toBe('acme/orderInvalid');
    expect(failure.message).toContain('would be refused by clients');
  });
});

describe('a chain without an intermediate', () => {
  it('leaves the Secret as it is, and is installed once the CA serves it whole, by the same order', async () => {
    const { activities, lab } = issuance();
    const first = await runAcmeActivity(activities, 'installCertificate', await issuance().finalizeOrder('default'));
    const before = await issuance().tlsSecret();
    const input = await issuance().finalizeOrder('default');
    const { orderUrl } = input;
    const fault = withoutIntermediate(lab.proxy);
    const failure = await failureOf(runAcmeActivity(activities, 'installCertificate', input));
    expect(fault.hits()).toBe(2);
    fault.remove();
    expect(failure).toMatchObject({ code: 'certificate/chainNotTrusted', retry: 'backoff' });
    expect(failure.message).toMatch(/certificate 2 of 2 \(CN=.+\) was signed by ".+", which is neither/);
    expect(failure.message).toContain('alternate');
    expect(failure.remedy).toContain('CERTMAN_TRUST_BUNDLE');
    expect(await issuance().tlsSecret()).toEqual(before);
    expect(await issuance().stagingSecret()).toBeDefined();

    const { newOrder: orders } = issuance().requestCounts();
    const resumed = await issuance().placeOrder(orderUrl);
    expect(resumed).toMatchObject({ orderUrl, challenges: [] });
    const again = await runAcmeActivity(activities, 'finalizeOrder', issuance().finalizeInput(resumed));
    const installed = await runAcmeActivity(activities, 'installCertificate', { ...input, ...again });
    expect(installed.serialNumber).not.toBe(first.serialNumber);
    expect(issuance().requestCounts()['newOrder']).toBe(orders);
    expect(await issuance().stagingSecret()).toBeUndefined();
  });
});
