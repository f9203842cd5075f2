import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAcmeActivities } from '../../../activities/acme.ts';
import { AcmeClientSource } from '../../../src/acme/client-source.ts';
import type { IssuedCertificate } from '../../../src/certificates/certificate-facts.ts';
import type { ObjectRef } from '../../../src/clusters/cluster-view.ts';
import type { AcmeActivities, RevocationEntry } from '../../../src/contract/activities.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { controllerReferenceTo } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { applyTlsSecret, readTlsSecret } from '../../../src/kubernetes/objects/secrets.ts';
import { newAccount } from '../../support/acme/account.ts';
import { type AcmeHarness, issue, startAcmeHarness, uniqueDnsNames } from '../../support/acme/harness.ts';
import { runAcmeActivity } from '../../support/acme/run-activity.ts';
import { forgedKeyOf } from '../../support/certificates/forged-key.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { createRequest, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';

const hub = useManagementCluster();
let lab: AcmeHarness;
let activities: AcmeActivities;
let request: ObjectRef;

beforeAll(async () => {
  lab = await startAcmeHarness({ nonceReject: 0, profiles: { default: 90 * 86_400, blink: 3 } });
});
afterAll(() => lab.stop());
beforeEach(async () => {
  // Pebble takes any of its profiles when none is named.
  activities = lab.activities(hub().certman, { profile: 'default' });
  request = await hub().request();
});

const issueOne = async (worker = activities): Promise<IssuedCertificate> => {
  const { certificateUrl, facts } = await issue(worker, request, uniqueDnsNames());
  return { certificateUrl, serialNumber: facts.serialNumber, notAfter: facts.notAfter };
};
const revoke = (issued: readonly IssuedCertificate[] = [], worker = activities): Promise<readonly RevocationEntry[]> =>
  runAcmeActivity(worker, 'revokeCertificates', {
    namespace: request.namespace,
    secretName: 'primary-cert',
    issued,
    reason: 5,
  });
const outcomes = (entries: readonly RevocationEntry[]): string[] => entries.map((entry) => entry.outcome);
const put = (chainPem: string, keyPem: string): Promise<void> =>
  applyTlsSecret(hub().certman, {
    namespace: request.namespace,
    name: 'primary-cert',
    requestName: request.name,
    requestUid: request.uid,
    chainPem,
    keyPem,
  });

describe('revoking at the end of a cluster', () => {
  it('revokes the certificate in the Secret and those before it, each once, as cessationOfOperation', async () => {
    const earlier = await issueOne();
    const current = await issueOne();
    const entries = await revoke([earlier, current]);
    expect(entries.map(({ serialNumber, outcome }) => ({ serialNumber, outcome }))).toEqual([
      { serialNumber: current.serialNumber, outcome: 'revoked' },
      { serialNumber: earlier.serialNumber, outcome: 'revoked' },
    ]);
    for (const { serialNumber } of [earlier, current]) {
      expect(await lab.pebble.statusOf(serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 5 });
    }
  });

  it('revokes what was not issued here by the certificate itself, and needs nothing when that has expired', async () => {
    const { facts } = await issue(activities, request, uniqueDnsNames());
    const secret = await readTlsSecret(hub().admin, { namespace: request.namespace, name: 'primary-cert' });
    if (secret.kind !== 'valid') throw new Error('not issued');
    // Since then replaced by one that was issued here.
    const current = await issueOne();
    const leafOf = (chainPem: string) => new X509Certificate(chainPem).raw.toString('base64');
    const notAfter = new Date(Date.now() - 1_000).toISOString();
    const entries = await revoke([
      { serialNumber: facts.serialNumber, notAfter: facts.notAfter, leaf: leafOf(secret.chainPem) },
      { serialNumber: '9', notAfter, leaf: leafOf(selfSigned().chainPem) },
      { serialNumber: '10', notAfter: facts.notAfter },
    ]);
    expect(entries.map(({ serialNumber, outcome }) => [serialNumber, outcome])).toEqual([
      [current.serialNumber, 'revoked'],
      [facts.serialNumber, 'revoked'],
      ['9', 'expired'],
      ['10', 'missing'],
    ]);
    expect(await lab.pebble.statusOf(facts.serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 5 });
  });

  it('is done when all is revoked already', async () => {
    const current = await issueOne();
    await revoke([current]);
    expect(outcomes(await revoke([current]))).toEqual(['alreadyRevoked']);
  });

  it('leaves the certificate in a Secret alone that belongs to another request, and revokes those listed', async () => {
    const earlier = await issueOne();
    const current = await issueOne();
    const other = await createRequest(hub().admin, request.namespace, 'other');
    await hub().admin.patch(SECRETS, { namespace: request.namespace, name: 'primary-cert' }, [
      { op: 'replace', path: '/metadata/labels', value: { certificate_request: other.name } },
      { op: 'replace', path: '/metadata/ownerReferences', value: [controllerReferenceTo(other)] },
    ]);
    const entries = await runAcmeActivity(activities, 'revokeCertificates', {
      namespace: request.namespace,
      secretName: 'primary-cert',
      requestName: request.name,
      issued: [earlier],
      reason: 5,
    });
    expect(outcomes(entries)).toEqual(['missing', 'revoked']);
    expect(entries[0]?.message).toContain('belongs to CertificateRequest other');
    expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Valid' });
  });

  it('of a request that names no Secret has only those listed to revoke', async () => {
    const listed = await issueOne();
    const entries = await runAcmeActivity(activities, 'revokeCertificates', {
      namespace: request.namespace,
      secretName: '',
      issued: [listed],
      reason: 5,
    });
    expect(outcomes(entries)).toEqual(['missing', 'revoked']);
  });

  it('asks the CA nothing about certificates that have expired', async () => {
    const worker = lab.activities(hub().certman, { profile: 'blink' });
    const earlier = await issueOne(worker);
    const current = await issueOne(worker);
    await sleep(Date.parse(current.notAfter) - Date.now() + 1_100);
    lab.proxy.down();
    const entries = await revoke([earlier, current]);
    lab.proxy.up();
    expect(outcomes(entries)).toEqual(['expired', 'expired']);
  });

  it('needs no account when there is nothing to revoke', async () => {
    const missing = new CertmanError({ code: 'acme/accountMissing', message: 'no account' });
    const ca = new AcmeClientSource({
      accounts: { account: () => Promise.reject(missing), invalidate: () => undefined },
      version: 'test',
    });
    const without = createAcmeActivities({ ca, kubernetes: hub().certman, settings: { keyType: 'p-256' } });
    expect(outcomes(await revoke([], without))).toEqual(['missing']);
    await ca.close();
  });

  it.each<[string, (leaf: X509Certificate) => string]>([
    ['lost', () => ''],
    ['another', () => selfSigned().keyPem],
    ['forged', ({ publicKey }) => forgedKeyOf(publicKey)],
  ])(
    'of a Secret whose key is %s, revokes the certificate where it was issued here, else not',
    async (_what, keyFor) => {
      const current = await issueOne();
      const secret = await readTlsSecret(hub().admin, { namespace: request.namespace, name: 'primary-cert' });
      if (secret.kind !== 'valid') throw new Error('not issued');
      const key = keyFor(new X509Certificate(secret.chainPem));
      await hub().admin.patch(SECRETS, { namespace: request.namespace, name: 'primary-cert' }, [
        { op: 'replace', path: '/data/tls.key', value: Buffer.from(key).toString('base64') },
      ]);
      const [left] = await revoke();
      expect(left).toMatchObject({ serialNumber: current.serialNumber, outcome: 'notIssuedHere' });
      expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Valid' });
      expect(outcomes(await revoke([current]))).toEqual(['revoked']);
      expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Revoked' });
    },
  );

  it("counts a certificate of somebody else's as done", async () => {
    const own = selfSigned({ dnsNames: ['api.c1.example.com'], notAfter: new Date(Date.now() + 86_400_000) });
    await put(own.chainPem, own.keyPem);
    const [entry] = await revoke();
    expect(entry).toMatchObject({ outcome: 'unknownToAccount' });
    expect(entry?.message).toContain('Unable to find');
  });

  it('counts a certificate of another account as done', async () => {
    const stranger = { stored: await newAccount(lab.server) };
    const current = await issueOne(lab.activities(hub().certman, { account: stranger, profile: 'default' }));
    expect(outcomes(await revoke())).toEqual(['unknownToAccount']);
    expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Valid' });
  });

  it('counts what the CA no longer has, or another CA has, as done', async () => {
    const notAfter = new Date(Date.now() + 86_400_000).toISOString();
    const gone = { certificateUrl: `${lab.proxy.url}/certZ/abcdef`, serialNumber: '1', notAfter };
    const elsewhere = { certificateUrl: 'https://ca.example/cert/2', serialNumber: '2', notAfter };
    const [, ...entries] = await revoke([gone, elsewhere]);
    expect(outcomes(entries)).toEqual(['missing', 'unknownToAccount']);
  });

  it('is tried again when the CA cannot be reached, and then finishes', async () => {
    const earlier = await issueOne();
    const current = await issueOne();
    const cut = lab.proxy.inject({
      when: (seen) => seen.path === '/revoke-cert',
      fault: { kind: 'cutAfter' },
      times: 1,
    });
    expect(await failureOf(revoke([earlier, current]))).toMatchObject({ code: 'acme/unreachable', retry: 'transient' });
    cut.remove();
    expect(outcomes(await revoke([earlier, current]))).toEqual(['alreadyRevoked', 'alreadyRevoked']);
  });

  it('does not take the refusal of a deactivated account for a certificate that needs no revocation', async () => {
    const current = await issueOne();
    // Boulder's words; Pebble lets a deactivated account revoke.
    const body = {
      type: 'urn:ietf:params:acme:error:unauthorized',
      detail: 'Account is not valid, has status "deactivated"',
    };
    const refusal = lab.proxy.inject({
      when: (seen) => seen.path === '/revoke-cert',
      fault: { kind: 'answer', status: 403, body },
    });
    expect(await failureOf(revoke())).toMatchObject({ code: 'acme/accountInvalid', retry: 'onChange' });
    refusal.remove();
    expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Valid' });
  });
});
