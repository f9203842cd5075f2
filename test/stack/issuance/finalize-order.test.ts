import { describe, expect, it } from 'vitest';
import { splitSeal } from '../../../src/contract/sealed-url.ts';
import { standaloneClusterOf } from '../../support/acme/harness.ts';
import { runAcmeActivity } from '../../support/acme/run-activity.ts';
import { isRequestFor, useIssuance } from '../../support/acme/use-issuance.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';

const issuance = useIssuance();

describe('finalizing', () => {
  it('stages the key before the request to the CA, and reuses it', async () => {
    const { activities, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().placeReadyOrder());
    const busy = lab.proxy.inject({ when: isRequestFor('finalize'), fault: { kind: 'answer', status: 503 }, times: 1 });
    expect((await failureOf(runAcmeActivity(activities, 'finalizeOrder', input))).code).toBe('acme/serverError');
    busy.remove();
    const staged = await issuance().stagingSecret();
    expect(staged?.metadata.annotations).toMatchObject({
      'certman.managed.openshift.io/order-url': splitSeal(input.orderUrl).url,
    });
    await runAcmeActivity(activities, 'finalizeOrder', input, { attempt: 2 });
    expect((await issuance().stagingSecret())?.['data']).toEqual(staged?.['data']);
  });

  it('is not repeated when its answer was lost', async () => {
    const { activities, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().placeReadyOrder());
    const cut = lab.proxy.inject({ when: isRequestFor('finalize'), fault: { kind: 'cutAfter' }, times: 1 });
    expect((await failureOf(runAcmeActivity(activities, 'finalizeOrder', input))).code).toBe('acme/unreachable');
    cut.remove();
    const { certificateUrl } = await runAcmeActivity(activities, 'finalizeOrder', input, { attempt: 2 });
    expect(issuance().requestCounts()['finalize']).toBe(1);
    const install = issuance().installInput(input, certificateUrl);
    const { seal: _, ...facts } = await runAcmeActivity(activities, 'installCertificate', install);
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid', certificate: facts });
  });

  it('continues in another worker', async () => {
    const { managementCluster, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().placeReadyOrder());
    const { certificateUrl } = await runAcmeActivity(lab.activities(managementCluster.certman), 'finalizeOrder', input);
    expect(certificateUrl).toContain('/certZ/');
  });

  it('continues with an order that is no longer ready', async () => {
    const { activities, managementCluster, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().placeReadyOrder());
    const elsewhere = await runAcmeActivity(lab.activities(managementCluster.certman), 'finalizeOrder', input);
    expect(await runAcmeActivity(activities, 'finalizeOrder', input)).toEqual(elsewhere);
  });

  it('a pending order is a transient failure', async () => {
    const input = issuance().finalizeInput(await issuance().placeOrder());
    const failure = await failureOf(runAcmeActivity(issuance().activities, 'finalizeOrder', input, { once: true }));
    expect(failure).toMatchObject({ code: 'acme/pending', retry: 'transient' });
  });

  it('needs of a standalone request the proof of its names, before the CA is asked', async () => {
    const { activities, dnsNames, request } = issuance();
    const cluster = standaloneClusterOf(request);
    const ownershipProof = await issuance().ownershipProof(cluster, dnsNames);
    const { orderUrl } = await runAcmeActivity(activities, 'placeOrder', { dnsNames, cluster, ownershipProof });
    const input = { cluster, orderUrl, dnsNames, request };
    const others = await issuance().ownershipProof({ ...cluster, uid: 'another' }, dnsNames);
    for (const proof of [undefined, others]) {
      const refused = runAcmeActivity(activities, 'finalizeOrder', { ...input, ownershipProof: proof });
      expect((await failureOf(refused)).code).toBe('kubernetes/notAskedFor');
    }
    expect(issuance().requestCounts()['finalize']).toBe(0);
    const pending = runAcmeActivity(activities, 'finalizeOrder', { ...input, ownershipProof }, { once: true });
    expect((await failureOf(pending)).code).toBe('acme/pending');
  });

  it('an order that the CA no longer has fails', async () => {
    const { activities, lab } = issuance();
    const input = {
      ...issuance().finalizeInput(await issuance().placeOrder()),
      orderUrl: await issuance().sealed(`${lab.proxy.url}/my-order/gone`),
    };
    expect((await failureOf(runAcmeActivity(activities, 'finalizeOrder', input))).code).toBe('acme/orderGone');
  });
});
