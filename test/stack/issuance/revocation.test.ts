/** What the activities that revoke do at a real CA, and say of each certificate: when one was replaced, on request, and at decommission. */
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CaList } from '../../../src/acme/ca-list.ts';
import { AcmeClientSource } from '../../../src/acme/client-source.ts';
import type { IssuedCertificate } from '../../../src/certificates/certificate-facts.ts';
import type { ObjectRef } from '../../../src/clusters/cluster-identity.ts';
import type { RevocationEntry } from '../../../src/contract/activities/acme.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { StandaloneOrders } from '../../../src/issuance/standalone-orders.ts';
import { annotate } from '../../../src/kubernetes/objects/annotate.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  FINALIZER,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { REVOKE_ANNOTATION } from '../../../src/kubernetes/objects/revoke-annotation.ts';
import { controllerReferenceTo } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { readTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import { newAccount } from '../../support/acme/account.ts';
import {
  type AcmeHarness,
  ASKED_FOR,
  issue,
  standaloneClusterOf,
  startAcmeHarness,
  trustingGate,
  uniqueDnsNames,
} from '../../support/acme/harness.ts';
import { type AcmeSteps, createAcmeSteps, runAcmeActivity } from '../../support/acme/run-activity.ts';
import { forgedKeyOf } from '../../support/certificates/forged-key.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { createRequest, requestSpec, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { putTlsSecret } from '../../support/kubernetes/put-tls-secret.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';

const managementCluster = useManagementCluster();
let lab: AcmeHarness;
let activities: AcmeSteps;
let request: ObjectRef;

beforeAll(async () => {
  lab = await startAcmeHarness({ nonceReject: 0, profiles: { default: 90 * 86_400, blink: 3 } });
});
afterAll(() => lab.stop());
beforeEach(async () => {
  // Pebble picks any profile by default.
  activities = lab.activities(managementCluster().certman, { profile: 'default' });
  request = await managementCluster().request();
});

const bundle = () => ({
  cluster: standaloneClusterOf(request),
  bundleName: request.name,
  secretName: 'primary-cert',
});
const issueOne = async (worker = activities): Promise<IssuedCertificate> => {
  const { certificateUrl, facts, seal } = await issueHere(worker);
  return { certificateUrl, serialNumber: facts.serialNumber, notAfter: facts.notAfter, seal };
};
const issueHere = (worker = activities) => {
  const { cluster, bundleName } = bundle();
  const ref = { cluster: { ...cluster, kind: undefined }, bundleName };
  return issue(worker, request, uniqueDnsNames(), undefined, ref);
};
/** Of what the bundle's workflow has listed. */
const sealOf = async (serialNumber: string, source: string): Promise<string | undefined> => {
  const { cluster, bundleName } = bundle();
  return (await lab.source.seals())?.seal(cluster, { of: 'certificate', bundleName, serialNumber, source });
};
/** The user deletes the request; the finalizer holds it. */
const beginDeletion = async (): Promise<void> => {
  const { admin } = managementCluster();
  const found = await admin.get(CERTIFICATE_REQUESTS, request);
  if (found?.metadata.uid !== request.uid || found.metadata.deletionTimestamp !== undefined) return;
  const finalizers = { op: 'add', path: '/metadata/finalizers', value: [FINALIZER] } as const;
  await admin.patch(CERTIFICATE_REQUESTS, request, [finalizers]);
  await admin.delete(CERTIFICATE_REQUESTS, request);
};
const revoke = async (
  issued: readonly IssuedCertificate[] = [],
  worker = activities,
  { secretName }: { readonly secretName: string } = bundle(),
): Promise<readonly RevocationEntry[]> => {
  await beginDeletion();
  return await runAcmeActivity(worker, 'revokeCertificates', { ...bundle(), secretName, issued, reason: 5 });
};
const outcomes = (entries: readonly RevocationEntry[]): string[] => entries.map((entry) => entry.outcome);
const put = (chainPem: string, keyPem: string): Promise<void> =>
  putTlsSecret(managementCluster().certman, {
    request,
    secretName: 'primary-cert',
    chainPem,
    keyPem,
  });

describe('revoking what was replaced', () => {
  const revokeReplaced = (certificate: IssuedCertificate, unlessStillServed?: true) =>
    runAcmeActivity(activities, 'revokeReplaced', {
      ...bundle(),
      dnsNames: [],
      certificate,
      reason: 1,
      unlessStillServed,
    });
  /** As the workflow and the controller write it. */
  const putServed = async ({ serialNumber }: IssuedCertificate, status: string, reason: string): Promise<void> => {
    const conditions = [{ type: 'Served', status, reason, message: reason }];
    const value = { serialNumber, conditions };
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, request, [{ op: 'add', path: '/status', value }], {
      subresource: 'status',
    });
  };

  it('waits for a cluster that is seen to serve another certificate, where that is asked for', async () => {
    const earlier = await issueOne();
    const current = await issueOne();
    await putServed(current, 'False', 'NotServedYet');
    expect(await revokeReplaced(earlier, true)).toEqual({
      outcome: 'stillServed',
      message: `The cluster serves another certificate than ${current.serialNumber}, which is in its Secret (condition Served: NotServedYet).`,
    });
    expect(await lab.pebble.statusOf(earlier.serialNumber)).toMatchObject({ Status: 'Valid' });
    await putServed(current, 'False', 'ChainNotTrusted');
    expect(await revokeReplaced(earlier, true)).toMatchObject({ outcome: 'revoked' });
    const last = await issueOne();
    // About another certificate than that of the Secret: it says nothing.
    await putServed(earlier, 'False', 'NotServed');
    expect(await revokeReplaced(current, true)).toMatchObject({ outcome: 'revoked' });
    await putServed(last, 'False', 'NotServed');
    expect(await revokeReplaced(current)).toMatchObject({ outcome: 'alreadyRevoked' });
  });

  it('revokes a certificate that another one has replaced, once, and none that is in use', async () => {
    const earlier = await issueOne();
    const current = await issueOne();
    expect(await failureOf(revokeReplaced(current))).toMatchObject({ code: 'kubernetes/notAskedFor' });
    expect(await revokeReplaced(earlier)).toMatchObject({ outcome: 'revoked' });
    expect(await revokeReplaced(earlier)).toMatchObject({ outcome: 'alreadyRevoked' });
    expect(await lab.pebble.statusOf(earlier.serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 1 });
    expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Valid' });
  });

  it('revokes none that was not issued for the bundle, and none while the Secret has no valid one', async () => {
    const earlier = await issueOne();
    await issueOne();
    const ofOther = { ...earlier, seal: await sealOf('7', earlier.certificateUrl ?? '') };
    expect(await revokeReplaced(ofOther)).toMatchObject({ outcome: 'unknownToAccount' });
    const { namespace } = request;
    await managementCluster().admin.delete(SECRETS, { namespace, name: 'primary-cert' });
    expect(await failureOf(revokeReplaced(earlier))).toMatchObject({ code: 'kubernetes/notAskedFor' });
    expect(await lab.pebble.statusOf(earlier.serialNumber)).toMatchObject({ Status: 'Valid' });
  });
});

describe('revoking on request', () => {
  const annotationOf = (serialNumber: string) =>
    annotate(managementCluster().admin, CERTIFICATE_REQUESTS, request, REVOKE_ANNOTATION, serialNumber);
  const revokeRequested = (serialNumber: string, certificate?: IssuedCertificate) =>
    runAcmeActivity(activities, 'revokeRequested', {
      ...bundle(),
      dnsNames: [],
      requestName: request.name,
      serialNumber,
      certificate,
      reason: 4,
    });

  it('revokes the certificate in use, where its CertificateRequest names it', async () => {
    const earlier = await issueOne();
    const current = await issueOne();
    expect(await failureOf(revokeRequested(current.serialNumber, current))).toMatchObject({
      code: 'kubernetes/notAskedFor',
    });
    await annotationOf(earlier.serialNumber);
    // Of another certificate than the one in use.
    for (const one of [earlier, current])
      expect(await failureOf(revokeRequested(one.serialNumber, one))).toMatchObject({ code: 'kubernetes/notAskedFor' });
    await annotationOf(current.serialNumber);
    expect(await revokeRequested(current.serialNumber, current)).toMatchObject({ outcome: 'revoked' });
    expect(await revokeRequested(current.serialNumber, current)).toMatchObject({ outcome: 'alreadyRevoked' });
    expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 4 });
    expect(await lab.pebble.statusOf(earlier.serialNumber)).toMatchObject({ Status: 'Valid' });
  });

  it('revokes an adopted one, which the record does not list, by its key', async () => {
    const { serialNumber } = await issueOne();
    await annotationOf(serialNumber);
    expect(await revokeRequested(serialNumber)).toMatchObject({ outcome: 'revoked' });
  });
});

describe('revoking at decommission', () => {
  it('revokes the certificate in the Secret and earlier ones, each once, as cessationOfOperation', async () => {
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

  it('revokes a replaced certificate without its URL, unless it has expired', async () => {
    const { facts } = await issueHere();
    const secret = await readTlsSecret(managementCluster().admin, {
      namespace: request.namespace,
      name: 'primary-cert',
    });
    if (secret.kind !== 'valid') throw new Error('not issued');
    // Replaced by an issued one.
    const current = await issueOne();
    const leafOf = (chainPem: string) => new X509Certificate(chainPem).raw.toString('base64');
    const leaf = leafOf(secret.chainPem);
    const seal = await sealOf(facts.serialNumber, leaf);
    const notAfter = new Date(Date.now() - 1_000).toISOString();
    const entries = await revoke([
      { serialNumber: facts.serialNumber, notAfter: facts.notAfter, leaf, seal },
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

  it('revokes for a cluster what the standalone request had that it has claimed, and what no other had', async () => {
    const claimed = await issueOne();
    const { cluster } = bundle();
    const { view } = await managementCluster().cluster();
    const { namespace } = view.identity;
    const controller = { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1' };
    const made = await managementCluster().admin.create(CERTIFICATE_REQUESTS, {
      metadata: { namespace, name: 'c1-primary', ownerReferences: [{ ...controller, uid: view.identity.uid }] },
      spec: requestSpec('c1'),
    });
    const { serialNumber, certificateUrl = '' } = claimed;
    const certificate = { of: 'certificate', bundleName: 'c1-primary', serialNumber, source: certificateUrl } as const;
    const sealedFor = async (uid = '') => {
      const owner = { ...view.identity, name: 'c1-primary', uid };
      return { ...claimed, seal: (await lab.source.seals())?.seal(owner, certificate) };
    };
    await managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, view.identity, [
      { op: 'add', path: '/metadata/finalizers', value: [FINALIZER] },
    ]);
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, view.identity);
    const input = { cluster: view.identity, bundleName: 'primary', secretName: '', reason: 5 } as const;
    const ofOther = { ...input, issued: [await sealedFor(cluster.uid)] };
    expect(outcomes(await runAcmeActivity(activities, 'revokeCertificates', ofOther))).toContain('unknownToAccount');
    expect(await lab.pebble.statusOf(serialNumber)).toMatchObject({ Status: 'Valid' });
    const ofClaimed = { ...input, issued: [await sealedFor(made?.metadata.uid)] };
    expect(outcomes(await runAcmeActivity(activities, 'revokeCertificates', ofClaimed))).toContain('revoked');
  });

  it('succeeds when all are revoked already', async () => {
    const current = await issueOne();
    await revoke([current]);
    expect(outcomes(await revoke([current]))).toEqual(['alreadyRevoked']);
  });

  it('does not revoke the certificate in a Secret of another request, but those listed', async () => {
    const earlier = await issueOne();
    const current = await issueOne();
    const other = await createRequest(managementCluster().admin, request.namespace, 'other');
    await managementCluster().admin.patch(SECRETS, { namespace: request.namespace, name: 'primary-cert' }, [
      { op: 'replace', path: '/metadata/labels', value: { certificate_request: other.name } },
      { op: 'replace', path: '/metadata/ownerReferences', value: [controllerReferenceTo(other)] },
    ]);
    const entries = await revoke([earlier]);
    expect(outcomes(entries)).toEqual(['notOwned', 'revoked']);
    expect(entries[0]?.message).toContain('belongs to CertificateRequest other');
    expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Valid' });
  });

  it('leaves the certificate valid that a successor of the same name has adopted, though it is listed', async () => {
    const earlier = await issueOne();
    const adopted = await issueOne();
    const { namespace, name } = request;
    const setOwners = (value: readonly object[]) =>
      managementCluster().admin.patch(SECRETS, { namespace, name: 'primary-cert' }, [
        { op: 'add', path: '/metadata/ownerReferences', value },
      ]);
    // Or the garbage collector deletes it.
    await setOwners([]);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, { namespace, name });
    await setOwners([controllerReferenceTo(await createRequest(managementCluster().admin, namespace, name))]);
    const entries = await revoke([earlier, adopted]);
    expect(entries.map(({ serialNumber, outcome }) => [serialNumber, outcome])).toEqual([
      [adopted.serialNumber, 'notOwned'],
      [earlier.serialNumber, 'revoked'],
    ]);
    expect(await lab.pebble.statusOf(adopted.serialNumber)).toMatchObject({ Status: 'Valid' });
  });

  it('leaves the certificate in a Secret without an owner valid', async () => {
    const current = await issueOne();
    await managementCluster().admin.patch(SECRETS, { namespace: request.namespace, name: 'primary-cert' }, [
      { op: 'remove', path: '/metadata/ownerReferences' },
    ]);
    const [entry] = await revoke();
    expect(entry).toMatchObject({ serialNumber: current.serialNumber, outcome: 'notOwned' });
    expect(entry?.message).toContain('does not belong to this CertificateRequest');
    expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Valid' });
  });

  it('of a request without a Secret name revokes only those listed', async () => {
    const listed = await issueOne();
    const entries = await revoke([listed], activities, { secretName: '' });
    expect(outcomes(entries)).toEqual(['missing', 'revoked']);
  });

  it('sends no request for expired certificates', async () => {
    // On a slow machine they have expired before they are installed.
    const chainGate = { verify: () => Promise.resolve(undefined) };
    const worker = lab.activities(managementCluster().certman, { profile: 'blink', chainGate });
    const earlier = await issueOne(worker);
    const current = await issueOne(worker);
    await sleep(Date.parse(current.notAfter) - Date.now() + 1_100);
    lab.proxy.down();
    const entries = await revoke([earlier, current]);
    lab.proxy.up();
    expect(outcomes(entries)).toEqual(['expired', 'expired']);
  });

  it('needs no account without a valid certificate', async () => {
    const missing = new CertmanError({ code: 'acme/accountMissing', message: 'no account' });
    const source = new AcmeClientSource({
      accounts: { account: () => Promise.reject(missing), invalidate: () => undefined },
      userAgent: 'certman/test',
    });
    const without = createAcmeSteps({
      ca: new CaList(source),
      kubernetes: managementCluster().certman,
      settings: { keyType: 'p-256' },
      standaloneOrders: new StandaloneOrders(1),
      chainGate: trustingGate(lab.pebble.rootsFile),
      ...ASKED_FOR,
    });
    expect(outcomes(await revoke([], without))).toEqual(['missing']);
    await source.close();
  });

  it.each<[string, (leaf: X509Certificate) => string]>([
    ['lost', () => ''],
    ['another', () => selfSigned().keyPem],
    ['forged', ({ publicKey }) => forgedKeyOf(publicKey)],
  ])(
    'of a Secret whose key is %s, revokes the certificate where it was issued here, else not',
    async (_what, keyFor) => {
      const current = await issueOne();
      const secret = await readTlsSecret(managementCluster().admin, {
        namespace: request.namespace,
        name: 'primary-cert',
      });
      if (secret.kind !== 'valid') throw new Error('not issued');
      const key = keyFor(new X509Certificate(secret.chainPem));
      await managementCluster().admin.patch(SECRETS, { namespace: request.namespace, name: 'primary-cert' }, [
        { op: 'replace', path: '/data/tls.key', value: Buffer.from(key).toString('base64') },
      ]);
      const [left] = await revoke();
      expect(left).toMatchObject({ serialNumber: current.serialNumber, outcome: 'notIssuedHere' });
      expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Valid' });
      expect(outcomes(await revoke([current]))).toEqual(['revoked']);
      expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Revoked' });
    },
  );

  it("succeeds for another CA's certificate", async () => {
    const own = selfSigned({ dnsNames: ['api.c1.example.com'], notAfter: new Date(Date.now() + 86_400_000) });
    await put(own.chainPem, own.keyPem);
    const [entry] = await revoke();
    expect(entry).toMatchObject({ outcome: 'unknownToAccount' });
    expect(entry?.message).toContain('Unable to find');
  });

  it('succeeds for a certificate of another account', async () => {
    const otherAccount = { stored: await newAccount(lab.server) };
    const current = await issueOne(
      lab.activities(managementCluster().certman, { account: otherAccount, profile: 'default' }),
    );
    expect(outcomes(await revoke())).toEqual(['unknownToAccount']);
    expect(await lab.pebble.statusOf(current.serialNumber)).toMatchObject({ Status: 'Valid' });
  });

  it('succeeds for certificates that the CA does not have', async () => {
    const notAfter = new Date(Date.now() + 86_400_000).toISOString();
    const listed = async (serialNumber: string, certificateUrl: string) => {
      return { certificateUrl, serialNumber, notAfter, seal: await sealOf(serialNumber, certificateUrl) };
    };
    const gone = await listed('1', `${lab.proxy.url}/certZ/abcdef`);
    const elsewhere = await listed('2', 'https://ca.example/cert/2');
    const [, ...entries] = await revoke([gone, elsewhere]);
    expect(outcomes(entries)).toEqual(['missing', 'unknownToAccount']);
  });

  it('fails while the CA is unreachable, and succeeds when retried', async () => {
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

  it.each([
    [200, '/revoke-cert'],
    [403, '/revoke-cert'],
    [404, '/revoke-cert'],
    [404, '/certZ/'],
  ])('is not settled by the page of a proxy with status %i for %s', async (status, path) => {
    const [earlier, current] = [await issueOne(), await issueOne()];
    const page = lab.proxy.inject({
      when: (seen) => seen.path.startsWith(path),
      fault: { kind: 'answer', status, headers: { 'content-type': 'text/html' }, body: '<html>No</html>' },
    });
    expect(await failureOf(revoke([earlier, current]))).toMatchObject({ code: 'acme/unreachable', retry: 'transient' });
    page.remove();
    await revoke([earlier, current]);
    for (const { serialNumber } of [earlier, current])
      expect(await lab.pebble.statusOf(serialNumber)).toMatchObject({ Status: 'Revoked' });
  });

  it('fails for a deactivated account', async () => {
    const current = await issueOne();
    // Boulder's detail; Pebble lets a deactivated account revoke.
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
