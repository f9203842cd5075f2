import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { downloadChain } from '../../../src/acme/certificate.ts';
import { type KubernetesApi, SECRETS } from '../../../src/kubernetes/kubernetes-api.ts';
import { runAcmeActivity } from '../../support/acme-activity-run.ts';
import { failureOf } from '../../support/activity-run.ts';
import { createRequest } from '../../support/hub.ts';
import { useIssuance } from '../../support/use-issuance.ts';

const issuance = useIssuance();

/** A worker that is killed just before it would let go of the staged key. */
function dyingBeforeDeletion(kubernetes: KubernetesApi): KubernetesApi {
  return {
    get: (...args) => kubernetes.get(...args),
    list: (...args) => kubernetes.list(...args),
    apply: (...args) => kubernetes.apply(...args),
    create: (...args) => kubernetes.create(...args),
    patch: (...args) => kubernetes.patch(...args),
    delete: () => Promise.reject(new Error('killed here')),
  };
}

describe('installing', () => {
  it('writes the chain byte for byte as the CA sends it', async () => {
    const { activities, lab } = issuance();
    const input = await issuance().finalized();
    const facts = await runAcmeActivity(activities, 'installCertificate', input);
    const secret = await issuance().tlsSecret();
    if (secret.kind !== 'valid') throw new Error('not installed');
    expect(secret.chainPem).toBe(await lab.source.use((ca) => downloadChain(ca, input.certificateUrl)));
    expect(secret.chainPem.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(1);
    expect(createHash('sha256').update(new X509Certificate(secret.chainPem).raw).digest('hex')).toBe(facts.fingerprint);
  });

  it('changes nothing when it is repeated', async () => {
    const { activities } = issuance();
    const input = await issuance().finalized();
    const facts = await runAcmeActivity(activities, 'installCertificate', input);
    const before = await issuance().tlsSecret();
    expect(await runAcmeActivity(activities, 'installCertificate', input, { attempt: 2 })).toEqual(facts);
    expect(await issuance().tlsSecret()).toEqual(before);
  });

  it('is finished by the next attempt when it was killed before the staged key was let go', async () => {
    const { activities, hub, lab } = issuance();
    const input = await issuance().finalized();
    const dying = lab.activities(dyingBeforeDeletion(hub.certman));
    await failureOf(runAcmeActivity(dying, 'installCertificate', input));
    expect(await issuance().stagingSecret()).toBeDefined();
    const before = await issuance().tlsSecret();
    await runAcmeActivity(activities, 'installCertificate', input, { attempt: 2 });
    expect(await issuance().stagingSecret()).toBeUndefined();
    expect(await issuance().tlsSecret()).toEqual(before);
  });

  it('is given up for a new order when the staged key is gone', async () => {
    const { activities, hub, request } = issuance();
    const input = await issuance().finalized();
    await hub.admin.delete(SECRETS, { namespace: request.namespace, name: 'c1-primary-staging' });
    const failure = await failureOf(runAcmeActivity(activities, 'installCertificate', input));
    expect(failure).toMatchObject({ code: 'acme/orderInvalid', stance: 'schedule' });
    expect(failure.message).toContain('staging Secret');
    expect(await issuance().tlsSecret()).toEqual({ kind: 'missing' });
  });

  it('refuses a certificate for another key than the staged one, and leaves the Secret alone', async () => {
    const { activities, hub, request } = issuance();
    const input = await issuance().finalized();
    const otherRequest = await createRequest(hub.admin, request.namespace, 'c1-other');
    const other = { ...issuance().finalizeInput(await issuance().ready()), request: otherRequest };
    await runAcmeActivity(activities, 'finalizeOrder', other);
    const mixed = { ...input, orderUrl: other.orderUrl, request: other.request };
    const failure = await failureOf(runAcmeActivity(activities, 'installCertificate', mixed));
    expect(failure.code).toBe('acme/orderInvalid');
    expect(failure.message).toContain('another key');
    expect(await issuance().tlsSecret()).toEqual({ kind: 'missing' });
  });

  it('refuses a certificate that lacks a name', async () => {
    const input = await issuance().finalized();
    const wanting = { ...input, dnsNames: [...input.dnsNames, 'more.example.com'] };
    const failure = await failureOf(runAcmeActivity(issuance().activities, 'installCertificate', wanting));
    expect(failure.code).toBe('acme/orderInvalid');
    expect(failure.message).toContain('more.example.com');
  });
});
