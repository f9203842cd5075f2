import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { downloadChain } from '../../../src/acme/certificate.ts';
import { fetchRenewalInfo } from '../../../src/acme/renewal-info.ts';
import type { KubernetesApi, ObjectKey } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { runAcmeActivity } from '../../support/acme/run-activity.ts';
import { useIssuance } from '../../support/acme/use-issuance.ts';
import { forgedKeyOf } from '../../support/certificates/forged-key.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { Gate } from '../../support/faults/gate.ts';
import { createRequest } from '../../support/kubernetes/management-cluster.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';

const issuance = useIssuance();

/** A worker that is killed just before it deletes the staging Secret. */
function dyingBeforeDeletion(kubernetes: KubernetesApi): KubernetesApi {
  return {
    get: (...args) => kubernetes.get(...args),
    list: (...args) => kubernetes.list(...args),
    apply: (...args) => kubernetes.apply(...args),
    create: (...args) => kubernetes.create(...args),
    patch: (...args) => kubernetes.patch(...args),
    delete: () => Promise.reject(new Error('killed here')),
    withSignal: (signal) => dyingBeforeDeletion(kubernetes.withSignal(signal)),
  };
}

/** Something happens right after a read. */
function racingReads(kubernetes: KubernetesApi, afterRead: (key: ObjectKey) => Promise<void>): KubernetesApi {
  return {
    get: async (resource, at) => {
      const found = await kubernetes.get(resource, at);
      await afterRead(at);
      return found;
    },
    list: (...args) => kubernetes.list(...args),
    apply: (...args) => kubernetes.apply(...args),
    create: (...args) => kubernetes.create(...args),
    patch: (...args) => kubernetes.patch(...args),
    delete: (...args) => kubernetes.delete(...args),
    withSignal: (signal) => racingReads(kubernetes.withSignal(signal), afterRead),
  };
}

describe('installing', () => {
  it('writes the chain exactly as the CA sends it', async () => {
    const { activities, lab } = issuance();
    const input = await issuance().finalizeOrder();
    const facts = await runAcmeActivity(activities, 'installCertificate', input);
    const secret = await issuance().tlsSecret();
    if (secret.kind !== 'valid') throw new Error('not installed');
    const { chainPem } = await lab.source.withClient((ca) => downloadChain(ca, input.certificateUrl));
    expect(secret.chainPem).toBe(chainPem);
    expect(secret.chainPem.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(1);
    expect(createHash('sha256').update(new X509Certificate(secret.chainPem).raw).digest('hex')).toBe(facts.fingerprint);
  });

  it('returns the window that the CA suggests for the new certificate, where that is wanted', async () => {
    const { activities, lab } = issuance();
    const input = await issuance().finalizeOrder();
    const { certId, suggestedWindow } = await runAcmeActivity(activities, 'installCertificate', {
      ...input,
      returnWindow: true,
    });
    const info = await lab.source.withClient((ca) => fetchRenewalInfo(ca, certId ?? ''));
    expect(info).toMatchObject({ kind: 'window', window: suggestedWindow });
    expect(suggestedWindow?.certId).toBe(certId);
    lab.proxy.clearSeen();
    const again = await runAcmeActivity(activities, 'installCertificate', input, { attempt: 2 });
    expect(again).not.toHaveProperty('suggestedWindow');
    expect(lab.proxy.seen.filter(({ path }) => path.includes('/renewalInfo/'))).toEqual([]);
  });

  it('has the certificate also where the CA does not say when to renew it', async () => {
    const { activities, lab } = issuance();
    const input = await issuance().finalizeOrder();
    const endless = new Gate();
    lab.proxy.inject({
      when: ({ path }) => path.includes('/renewalInfo/'),
      fault: { kind: 'hold', until: endless.opened },
    });
    const wanted = { ...input, returnWindow: true } as const;
    expect(await runAcmeActivity(activities, 'installCertificate', wanted)).not.toHaveProperty('suggestedWindow');
    expect((await issuance().tlsSecret()).kind).toBe('valid');
    endless.open();
  });

  it('changes nothing when it is repeated', async () => {
    const { activities } = issuance();
    const input = await issuance().finalizeOrder();
    const facts = await runAcmeActivity(activities, 'installCertificate', input);
    const before = await issuance().tlsSecret();
    expect(await runAcmeActivity(activities, 'installCertificate', input, { attempt: 2 })).toEqual(facts);
    expect(await issuance().tlsSecret()).toEqual(before);
  });

  it('is completed by the next attempt when it was killed before the staging Secret was deleted', async () => {
    const { activities, managementCluster, lab } = issuance();
    const input = await issuance().finalizeOrder();
    const dying = lab.activities(dyingBeforeDeletion(managementCluster.certman));
    await failureOf(runAcmeActivity(dying, 'installCertificate', input));
    expect(await issuance().stagingSecret()).toBeDefined();
    const before = await issuance().tlsSecret();
    await runAcmeActivity(activities, 'installCertificate', input, { attempt: 2 });
    expect(await issuance().stagingSecret()).toBeUndefined();
    expect(await issuance().tlsSecret()).toEqual(before);
  });

  it('fails for a new order when the staged key is gone', async () => {
    const { activities, managementCluster, request } = issuance();
    const input = await issuance().finalizeOrder();
    await managementCluster.admin.delete(SECRETS, { namespace: request.namespace, name: 'c1-primary-staging' });
    const failure = await failureOf(runAcmeActivity(activities, 'installCertificate', input));
    expect(failure).toMatchObject({ code: 'acme/orderInvalid', retry: 'backoff' });
    expect(failure.message).toContain('staging Secret');
    expect(await issuance().tlsSecret()).toEqual({ kind: 'missing' });
  });

  it('rejects a certificate for another key than the staged one, and does not write the Secret', async () => {
    const { activities, managementCluster, request } = issuance();
    const input = await issuance().finalizeOrder();
    const otherRequest = await createRequest(managementCluster.admin, request.namespace, 'c1-other');
    const other = { ...issuance().finalizeInput(await issuance().placeReadyOrder()), request: otherRequest };
    await runAcmeActivity(activities, 'finalizeOrder', other);
    const mixed = { ...input, orderUrl: other.orderUrl, request: other.request };
    const failure = await failureOf(runAcmeActivity(activities, 'installCertificate', mixed));
    expect(failure.code).toBe('acme/orderInvalid');
    expect(failure.message).toContain('another key');
    expect(await issuance().tlsSecret()).toEqual({ kind: 'missing' });
  });

  it('rejects a certificate that lacks a name', async () => {
    const input = await issuance().finalizeOrder();
    const wanting = { ...input, dnsNames: [...input.dnsNames, 'more.example.com'] };
    const failure = await failureOf(runAcmeActivity(issuance().activities, 'installCertificate', wanting));
    expect(failure.code).toBe('acme/orderInvalid');
    expect(failure.message).toContain('more.example.com');
  });
});

describe('a Secret of others', () => {
  const key = () => ({ namespace: issuance().request.namespace, name: 'primary-cert' });
  const foreign = () => {
    const { chainPem, keyPem } = selfSigned();
    const data = { 'tls.crt': btoa(chainPem), 'tls.key': btoa(keyPem) };
    return { metadata: key(), type: 'kubernetes.io/tls', data };
  };
  const getSecret = () => issuance().managementCluster.admin.get(SECRETS, key());

  it('that was created during the order of a standalone request is left unchanged', async () => {
    const input = { ...(await issuance().finalizeOrder()), returnReplaced: true as const };
    await issuance().managementCluster.admin.create(SECRETS, foreign());
    const before = await getSecret();
    const recorded: unknown[] = [];
    const failure = await failureOf(
      runAcmeActivity(issuance().activities, 'installCertificate', input, {
        onHeartbeat: (details) => void recorded.push(details),
      }),
    );
    expect(failure).toMatchObject({ code: 'kubernetes/ownedByOther', retry: 'onChange' });
    expect(await getSecret()).toEqual(before);
    // Recorded, it would be revoked with the request.
    expect(recorded.filter(Boolean)).toEqual([]);
    expect(await issuance().stagingSecret()).toBeDefined();
  });

  it.each([
    ['there was none', 0],
    ['it is replaced by another', 1],
  ])('that is created between the read and the write, where %s, is left unchanged', async (_what, installed) => {
    const { activities, managementCluster, lab } = issuance();
    for (let count = 0; count < installed; count += 1) {
      await runAcmeActivity(activities, 'installCertificate', await issuance().finalizeOrder());
    }
    const input = await issuance().finalizeOrder();
    let before: unknown;
    const racing = racingReads(managementCluster.certman, async ({ name }) => {
      if (name !== 'primary-cert' || before !== undefined) return;
      await managementCluster.admin.delete(SECRETS, key());
      await managementCluster.admin.create(SECRETS, foreign());
      before = await getSecret();
    });
    const failure = await failureOf(runAcmeActivity(lab.activities(racing), 'installCertificate', input));
    expect(failure.code).toBe('kubernetes/ownedByOther');
    expect(before).toBeDefined();
    expect(await getSecret()).toEqual(before);
  });
});

describe('a replaced certificate', () => {
  /** A Secret with a foreign certificate, and a new certificate to replace it. */
  const replacing = async () => {
    const { activities } = issuance();
    const first = await runAcmeActivity(activities, 'installCertificate', await issuance().finalizeOrder());
    const input = { ...(await issuance().finalizeOrder()), returnReplaced: true as const };
    return { activities, first, input };
  };

  it('is returned, so that it can be revoked at decommission', async () => {
    const { activities, first, input } = await replacing();
    const { replaced } = await runAcmeActivity(activities, 'installCertificate', input);
    expect(replaced).toEqual({
      serialNumber: first.serialNumber,
      notAfter: first.notAfter,
      leaf: expect.any(String) as string,
      seal: expect.any(String) as string,
    });
    const leaf = new X509Certificate(Buffer.from(replaced?.leaf ?? '', 'base64'));
    expect(createHash('sha256').update(leaf.raw).digest('hex')).toBe(first.fingerprint);
    expect(JSON.stringify(replaced)).not.toContain('PRIVATE');
    const ended = await runAcmeActivity(activities, 'revokeCertificates', {
      cluster: input.cluster,
      bundleName: input.bundleName,
      secretName: '',
      issued: replaced === undefined ? [] : [replaced],
      reason: 5,
    });
    expect(ended.map(({ serialNumber, outcome }) => [serialNumber, outcome])).toEqual([
      ['', 'missing'],
      [first.serialNumber, 'revoked'],
    ]);
    expect(await issuance().lab.pebble.statusOf(first.serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 5 });
  });

  it('is not lost by an attempt that is killed after the Secret is written', async () => {
    const { activities, first, input } = await replacing();
    const dying = issuance().lab.activities(dyingBeforeDeletion(issuance().managementCluster.certman));
    let heartbeatDetails: unknown;
    const onHeartbeat = (details: unknown): void => {
      heartbeatDetails = details;
    };
    await failureOf(runAcmeActivity(dying, 'installCertificate', input, { onHeartbeat }));
    const again = await runAcmeActivity(activities, 'installCertificate', input, { attempt: 2, heartbeatDetails });
    expect(again.replaced?.serialNumber).toBe(first.serialNumber);
  });

  it('is not returned when not requested, absent or malformed', async () => {
    const { activities } = issuance();
    const ask = async () => ({ ...(await issuance().finalizeOrder()), returnReplaced: true as const });
    const first = await runAcmeActivity(activities, 'installCertificate', await ask());
    expect(first).not.toHaveProperty('replaced');
    expect(
      await runAcmeActivity(activities, 'installCertificate', await issuance().finalizeOrder()),
    ).not.toHaveProperty('replaced');
    const key = { namespace: issuance().request.namespace, name: 'primary-cert' };
    await issuance().managementCluster.admin.patch(SECRETS, key, [
      { op: 'replace', path: '/data/tls.crt', value: 'YWJj' },
    ]);
    expect(await runAcmeActivity(activities, 'installCertificate', await ask())).not.toHaveProperty('replaced');
  });

  it.each<[string, (leaf: X509Certificate) => string]>([
    ['another', () => selfSigned().keyPem],
    ['a forged', ({ publicKey }) => forgedKeyOf(publicKey)],
  ])(
    'is not returned with %s key beside it: any client can copy it, and it would be revoked on deletion',
    async (_what, keyFor) => {
      const { activities, input } = await replacing();
      const secret = await issuance().tlsSecret();
      if (secret.kind !== 'valid') throw new Error('not installed');
      const value = Buffer.from(keyFor(new X509Certificate(secret.chainPem))).toString('base64');
      const key = { namespace: input.request.namespace, name: input.secretName };
      await issuance().managementCluster.admin.patch(SECRETS, key, [{ op: 'replace', path: '/data/tls.key', value }]);
      expect(await runAcmeActivity(activities, 'installCertificate', input)).not.toHaveProperty('replaced');
    },
  );

  it('is not returned when it has expired', async () => {
    const { activities, managementCluster, request } = issuance();
    const expired = selfSigned({ notAfter: new Date(Date.now() - 1_000) });
    await putTlsSecret(managementCluster.certman, {
      request,
      secretName: 'primary-cert',
      ...expired,
    });
    const input = { ...(await issuance().finalizeOrder()), returnReplaced: true as const };
    expect(await runAcmeActivity(activities, 'installCertificate', input)).not.toHaveProperty('replaced');
  });
});
