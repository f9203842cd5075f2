import { describe, expect, it } from 'vitest';
import { runAcmeActivity } from '../../support/acme-activity-run.ts';
import { failureOf } from '../../support/activity-run.ts';
import { asksFor, useIssuance } from '../../support/use-issuance.ts';

const issuance = useIssuance();

describe('finalizing', () => {
  it('has the key in the staging Secret before the CA is asked, and keeps to it', async () => {
    const { activities, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().ready());
    const busy = lab.proxy.inject({ when: asksFor('finalize'), fault: { kind: 'answer', status: 503 }, times: 1 });
    expect((await failureOf(runAcmeActivity(activities, 'finalizeOrder', input))).code).toBe('acme/serverError');
    busy.remove();
    const staged = await issuance().stagingSecret();
    expect(staged?.metadata.annotations).toMatchObject({ 'certman.managed.openshift.io/order-url': input.orderUrl });
    await runAcmeActivity(activities, 'finalizeOrder', input, { attempt: 2 });
    expect((await issuance().stagingSecret())?.['data']).toEqual(staged?.['data']);
  });

  it('is not done twice when the answer to it was lost', async () => {
    const { activities, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().ready());
    const cut = lab.proxy.inject({ when: asksFor('finalize'), fault: { kind: 'cutAfter' }, times: 1 });
    expect((await failureOf(runAcmeActivity(activities, 'finalizeOrder', input))).code).toBe('acme/unreachable');
    cut.remove();
    const { certificateUrl } = await runAcmeActivity(activities, 'finalizeOrder', input, { attempt: 2 });
    expect(issuance().asked()['finalize']).toBe(1);
    const install = { ...input, certificateUrl, secretName: 'primary-cert' };
    const facts = await runAcmeActivity(activities, 'installCertificate', install);
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid', certificate: facts });
  });

  it('goes on in another worker', async () => {
    const { hub, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().ready());
    const { certificateUrl } = await runAcmeActivity(lab.activities(hub.certman), 'finalizeOrder', input);
    expect(certificateUrl).toContain('/certZ/');
  });

  it('finds out by itself that the order has moved on since it was ready', async () => {
    const { activities, hub, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().ready());
    const elsewhere = await runAcmeActivity(lab.activities(hub.certman), 'finalizeOrder', input);
    expect(await runAcmeActivity(activities, 'finalizeOrder', input)).toEqual(elsewhere);
  });

  it('an order whose names are not proved yet is a passing failure', async () => {
    const input = issuance().finalizeInput(await issuance().place());
    const failure = await failureOf(runAcmeActivity(issuance().activities, 'finalizeOrder', input, { once: true }));
    expect(failure).toMatchObject({ code: 'acme/pending', stance: 'soon' });
  });

  it('an order that the CA forgot says so', async () => {
    const { activities, lab } = issuance();
    const input = { ...issuance().finalizeInput(await issuance().place()), orderUrl: `${lab.proxy.url}/my-order/gone` };
    expect((await failureOf(runAcmeActivity(activities, 'finalizeOrder', input))).code).toBe('acme/orderGone');
  });
});
