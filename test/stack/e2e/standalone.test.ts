/** Standalone CertificateRequests from issuance to deletion; checked at the CA, in DNS and on the API server. */
import { describe, expect, test } from 'vitest';
import { AWS } from '../../../local/stack/versions.ts';
import { certClusterOf, clusterWorkflowId } from '../../../src/contract/ids.ts';
import { CertCluster } from '../../../src/contract/search-attributes.ts';
import {
  CERTIFICATE_REQUESTS,
  EVENTS,
  FINALIZER,
  NAMESPACES,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { issueWithAcmeClient } from '../../support/e2e/certman-operator-objects.ts';
import { expectStatusAtCa, waitFor, waitForCertificate, waitForReadyRequest } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  collect,
  decommissionResultOf,
  expectDecommissioned,
  getRequest,
  getSecret,
  statusOf,
  waitForEvents,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { conditionOf, createRequest, deleteRequest, patchRequest } from '../../support/e2e/standalone-requests.ts';
import { expectExit, runCertman } from '../../support/process/certman-process.ts';

const DAY_MS = 86_400_000;

/** The worker has AWS credentials for the zone, so the tests show that it does not use them for standalone requests. */
const lab = useE2eHarness({
  worker: {
    CERTMAN_RESYNC_INTERVAL: '10s',
    AWS_ACCESS_KEY_ID: AWS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: AWS.secretAccessKey,
  },
});

/** Waits for the condition Failing with a reason. @returns its message. */
async function waitUntilFailing(request: E2eCluster, reason: string): Promise<string> {
  const { message } = await waitFor(`${request.name} fails with ${reason}`, async () => {
    const condition = conditionOf(await getRequest(lab(), request), 'Failing');
    return condition?.status === 'True' && condition.reason === reason
      ? condition
      : `its condition is ${JSON.stringify(condition)}`;
  });
  return message;
}

async function certman(...args: readonly string[]): Promise<string> {
  return (await expectExit(runCertman(args, lab().commandEnvironment()))).stdout;
}

/** Waits until `certman status` lists it as Ready: Temporal's visibility follows a little later than the resource. */
async function waitUntilListed(name: string): Promise<void> {
  await waitFor(`${name} is listed as Ready`, async () => {
    const listed = await certman('status');
    return new RegExp(`^${name} +Ready `, 'm').test(listed) ? {} : listed;
  });
}

describe('a standalone CertificateRequest', () => {
  let request: E2eCluster;
  let serial: string;

  test('gets its certificate, and certman writes only its finalizer and status', async () => {
    request = await createRequest(lab(), 'web');
    ({ serialNumber: serial } = await waitUntilCertified(lab(), request));
    const found = await getRequest(lab(), request);
    expect(found?.metadata.finalizers).toEqual([FINALIZER]);
    expect(found?.metadata.ownerReferences).toBeUndefined();
    expect(found?.['spec']).toMatchObject({ email: 'owner@example.com', dnsNames: request.dnsNames });
    const applied = found?.metadata.managedFields?.filter(
      ({ manager, subresource }) => manager === 'certman' && subresource === undefined,
    );
    expect(applied?.map(({ fieldsV1 }) => Object.keys(fieldsV1 as object)) ?? []).not.toContainEqual(
      expect.arrayContaining(['f:spec']),
    );
    expect(found?.['status']).toMatchObject({ workflowID: clusterWorkflowId(request.identity), state: 'Ready' });
    expect(await getSecret(lab(), request)).toMatchObject({
      type: 'kubernetes.io/tls',
      metadata: {
        labels: { certificate_request: 'web' },
        ownerReferences: [{ kind: 'CertificateRequest', name: 'web', uid: request.identity.uid, controller: true }],
      },
    });
    await waitForEvents(lab(), request, 'Issued: ');
    const events = await collect(lab().kubernetes.list(EVENTS, { namespace: 'web' }));
    const kinds = events.map((event) => (event['involvedObject'] as { readonly kind: string }).kind);
    expect(new Set(kinds)).toEqual(new Set(['CertificateRequest']));
  });

  test('is shown by `certman status` and renewed by `certman renew`', async () => {
    await waitUntilListed('web/web');
    expect(await certman('status', 'web/web')).toMatch(/workflow +request\/hive\/web\/web\/.+\n\n +web: Ready\n/);
    expect(await certman('status', 'web/web', '--kubernetes')).toMatch(/ +web: Ready\n/);
    expect(await certman('renew', 'web/web')).toMatch(/^web: renewed by Pebble/m);
    ({ serialNumber: serial } = await waitForCertificate(lab().kubernetes, request, serial));
    await waitForReadyRequest(lab().kubernetes, request, serial);
  });

  test('reschedules its renewal without another order when renewBeforeDays changes', async () => {
    await patchRequest(lab(), request, { spec: { renewBeforeDays: 20 } });
    await waitFor('the renewal is 20 days before the expiry', async () => {
      const status = (await getRequest(lab(), request))?.['status'] as Readonly<Record<string, string>>;
      const days = (Date.parse(status['notAfter'] ?? '') - Date.parse(status['renewalTime'] ?? '')) / DAY_MS;
      return days >= 20 && days <= 21 ? {} : `it is ${days} days before the expiry`;
    });
    expect((await waitForCertificate(lab().kubernetes, request, undefined)).serialNumber).toBe(serial);
  });

  test('gets a new certificate when a name is added', async () => {
    const more = `MORE.web.${lab().zone.name}`;
    await patchRequest(lab(), request, { spec: { dnsNames: [...request.dnsNames, more] } });
    request = { ...request, dnsNames: [...request.dnsNames, more.toLowerCase()] };
    const found = await waitFor('a certificate with the new name', async () => {
      const bundle = (await statusOf(lab(), request)).bundles['web'];
      return bundle?.certificate?.dnsNames.includes(more.toLowerCase()) === true
        ? bundle.certificate
        : (bundle?.message ?? '');
    });
    serial = found.serialNumber;
    await waitForCertificate(lab().kubernetes, request, undefined);
  });

  test('gets a new certificate when its Secret is deleted', async () => {
    await lab().kubernetes.delete(SECRETS, { namespace: 'web', name: request.secretName });
    ({ serialNumber: serial } = await waitForCertificate(lab().kubernetes, request, serial));
    await waitForReadyRequest(lab().kubernetes, request, serial);
  });

  test('keeps its certificate during and after a pause', async () => {
    const pause = (value: string | null) =>
      patchRequest(lab(), request, { metadata: { annotations: { 'hive.openshift.io/reconcile-pause': value } } });
    const inState = (state: string) =>
      waitFor(`it is ${state}`, async () => {
        const now = (await statusOf(lab(), request)).bundles['web']?.state;
        return now === state ? {} : `it is ${now}`;
      });
    await pause('true');
    await inState('Paused');
    await pause(null);
    await inState('Ready');
    expect((await waitForCertificate(lab().kubernetes, request, undefined)).serialNumber).toBe(serial);
  });

  test('has its certificates revoked before its Secret is deleted and its finalizer removed', async () => {
    const rejection = lab().ca.inject({
      when: ({ method, path }) => method === 'POST' && path.includes('revoke'),
      fault: { kind: 'answer', status: 503, headers: { 'retry-after': '1' }, body: {} },
    });
    await deleteRequest(lab(), request);
    await waitFor('a revocation was attempted', async () => (rejection.hits() > 0 ? {} : 'not yet'));
    expect(await getSecret(lab(), request)).toBeDefined();
    expect((await getRequest(lab(), request))?.metadata.finalizers).toEqual([FINALIZER]);
    rejection.remove();
    const result = await expectDecommissioned(lab(), request, { revoked: [serial] });
    expect(result.bundles.map(({ removed }) => removed)).toEqual([[`Secret web/${request.secretName}`]]);
    const revocations = result.bundles.flatMap((bundle) => bundle.revocations);
    // The first certificate, the renewed one, the one with another name, and the one for the deleted Secret.
    expect(new Set(revocations.map(({ serialNumber }) => serialNumber)).size).toBe(4);
    for (const { serialNumber, outcome } of revocations) {
      // The attempt before the fault may have revoked some of them.
      expect(['revoked', 'alreadyRevoked']).toContain(outcome);
      await expectStatusAtCa(lab().stack, serialNumber, 'Revoked');
    }
  });
});

describe('a standalone CertificateRequest is Failing while it has', () => {
  test('names outside its zone', async () => {
    const request = await createRequest(lab(), 'stray', { dnsNames: ['www.example.org'] });
    expect(await waitUntilFailing(request, 'DnsNameOutsideZone')).toContain('spec.dnsNames asks for "www.example.org"');
    const dnsNames = [`www.stray.${lab().zone.name}`];
    await patchRequest(lab(), request, { spec: { dnsNames } });
    await waitUntilCertified(lab(), { ...request, dnsNames });
  });

  test('an IP address instead of a name', async () => {
    const request = await createRequest(lab(), 'address', { dnsNames: ['10.0.0.1'] });
    expect(await waitUntilFailing(request, 'NamesInvalid')).toContain('Correct the names in the CertificateRequest');
  });

  test('an invalid Secret name', async () => {
    const request = await createRequest(lab(), 'unnamed', { secretName: 'a..b' });
    expect(await waitUntilFailing(request, 'ConfigurationInvalid')).toContain('spec.certificateSecret.name');
    await patchRequest(lab(), request, { spec: { certificateSecret: { name: 'unnamed-cert' } } });
    await waitUntilCertified(lab(), { ...request, secretName: 'unnamed-cert' });
  });

  test('no platform', async () => {
    const request = await createRequest(lab(), 'nowhere', { spec: { platform: {} } });
    await waitUntilFailing(request, 'DnsPlatformUnsupported');
    await deleteRequest(lab(), request);
    await expectDecommissioned(lab(), request);
  });

  test('a reference to a missing credentials Secret', async () => {
    const request = await createRequest(lab(), 'unkeyed', {
      spec: { platform: { aws: { credentials: { name: 'none' }, region: 'us-east-1' } } },
    });
    expect(await waitUntilFailing(request, 'DnsCredentialsMissing')).toContain('Secret unkeyed/none');
    const aws = await lab().kubernetes.get(SECRETS, { namespace: 'unkeyed', name: 'aws' });
    await lab().kubernetes.create(SECRETS, { metadata: { namespace: 'unkeyed', name: 'none' }, data: aws?.['data'] });
    await waitUntilCertified(lab(), request);
  });
});

describe('a standalone CertificateRequest that names no credentials', () => {
  const platform = { aws: { credentials: {}, region: AWS.region } };

  test('does not use the worker’s credentials, and gets its certificate once it names a Secret', async () => {
    const request = await createRequest(lab(), 'lent', { spec: { platform } });
    expect(await waitUntilFailing(request, 'DnsCredentialsMissing')).toMatch(
      /names no Secret.*Name a Secret of namespace lent/,
    );
    await patchRequest(lab(), request, { spec: { platform: { aws: { credentials: { name: 'aws' } } } } });
    await waitUntilCertified(lab(), request);
  });

  test('is deleted at once, because no TXT record was published', async () => {
    const request = await createRequest(lab(), 'begged', { spec: { platform } });
    await waitUntilFailing(request, 'DnsCredentialsMissing');
    expect((await statusOf(lab(), request)).bundles['begged']?.leftoverRecords).toBeUndefined();
    await deleteRequest(lab(), request);
    const result = await expectDecommissioned(lab(), request, {});
    expect(result.bundles).toEqual([
      {
        bundleName: 'begged',
        revocations: [expect.objectContaining({ outcome: 'missing' })],
        removed: [],
        certificates: [],
        failures: [],
      },
    ]);
  });
});

test('a CertificateRequest whose name exceeds a label value is matched to its Secret by owner reference', async () => {
  const name = `long-${'n'.repeat(70)}`;
  const names = { secretName: 'long-cert', dnsNames: [`www.long.${lab().zone.name}`] };
  const request = await createRequest(lab(), name, { namespace: 'long', ...names });
  const { serialNumber } = await waitUntilCertified(lab(), request);
  expect((await getSecret(lab(), request))?.metadata.labels).toBeUndefined();
  await deleteRequest(lab(), request);
  await expectDecommissioned(lab(), request, { revoked: [serialNumber] });
});

test('a CertificateRequest with names of the maximum length is issued, shown, renewed and decommissioned', async () => {
  const [namespace, name, secretName] = ['s'.repeat(63), 'n'.repeat(253), 'c'.repeat(253)];
  const dnsNames = [`www.longest.${lab().zone.name}`];
  const request = await createRequest(lab(), name, { namespace, secretName, dnsNames });
  const { serialNumber: first } = await waitUntilCertified(lab(), request);
  expect(await certman('renew', `${namespace}/${name}`)).toMatch(new RegExp(`^${name}: renewed by Pebble`, 'm'));
  const { serialNumber } = await waitForCertificate(lab().kubernetes, request, first);
  await waitForReadyRequest(lab().kubernetes, request, serialNumber);

  await waitUntilListed(`${namespace}/${name}`);
  const workflowId = clusterWorkflowId(request.identity);
  const shown = await certman('status', `${namespace}/${name}`);
  expect(shown).toMatch(new RegExp(`workflow +${workflowId}\n\n +${name}: Ready\n`));
  const query = `${CertCluster.name} = '${certClusterOf(request.identity)}'`;
  const executions = await waitFor('Temporal lists its workflows', async () => {
    const listed = await collect(lab().client.workflow.list({ query }));
    return new Set(listed.map((one) => one.workflowId)).size === 3 ? listed : `${listed.length} runs`;
  });
  for (const { workflowId: id, typedSearchAttributes } of executions) {
    expect(id.length).toBeLessThanOrEqual(255);
    expect(typedSearchAttributes.get(CertCluster)).toHaveLength(255);
  }

  await deleteRequest(lab(), request);
  await expectDecommissioned(lab(), request, { revoked: [first, serialNumber] });
});

describe('two standalone CertificateRequests in a namespace', () => {
  test('have separate certificates: deleting one does not affect the other', async () => {
    const one = await createRequest(lab(), 'one', { namespace: 'shop' });
    const two = await createRequest(lab(), 'two', { namespace: 'shop' });
    const { serialNumber: first } = await waitUntilCertified(lab(), one);
    const { serialNumber: second } = await waitUntilCertified(lab(), two);
    await deleteRequest(lab(), one);
    await expectDecommissioned(lab(), one, { revoked: [first] });
    await expectStatusAtCa(lab().stack, second, 'Valid');
    expect((await waitForCertificate(lab().kubernetes, two, undefined)).serialNumber).toBe(second);
  });

  test('with the same Secret name: the older owns the Secret, the younger fails without an order until the older is deleted', async () => {
    const older = await createRequest(lab(), 'older', { namespace: 'twins', secretName: 'shared' });
    const younger = await createRequest(lab(), 'younger', { namespace: 'twins', secretName: 'shared' });
    expect(await waitUntilFailing(younger, 'KubernetesOwnedByOther')).toMatch(
      /Secret twins\/shared.*CertificateRequest older/,
    );
    const { serialNumber } = await waitUntilCertified(lab(), older);
    expect((await statusOf(lab(), younger)).bundles['younger']?.orders).toBe(0);

    const third = await createRequest(lab(), 'third', { namespace: 'twins', secretName: 'shared' });
    expect(await waitUntilFailing(third, 'KubernetesOwnedByOther')).toContain('belongs to CertificateRequest older');
    await deleteRequest(lab(), third);
    const result = await decommissionResultOf(lab(), third);
    expect(result.bundles.flatMap(({ removed }) => removed)).toEqual([]);
    await expectStatusAtCa(lab().stack, serialNumber, 'Valid');

    await deleteRequest(lab(), older);
    await waitFor('the older one is gone', async () =>
      (await getRequest(lab(), older)) === undefined ? {} : 'it is there',
    );
    await expectStatusAtCa(lab().stack, serialNumber, 'Revoked');
    await waitUntilCertified(lab(), younger);
  });
});

describe('a standalone CertificateRequest that names a Secret of another application', () => {
  /** Of the same account, so that certman could revoke its certificate. */
  const createApplicationSecret = async (name: string, dnsNames: readonly string[]) => {
    const certificate = await issueWithAcmeClient(lab(), dnsNames);
    const key = { namespace: name, name: 'app-tls' };
    await lab().kubernetes.create(NAMESPACES, { metadata: { name } });
    await lab().kubernetes.create(SECRETS, {
      metadata: { ...key, labels: { app: name } },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': btoa(certificate.chainPem), 'tls.key': btoa(certificate.keyPem) },
    });
    return { ...certificate, secret: await lab().kubernetes.get(SECRETS, key), key };
  };

  test('leaves it and its certificate untouched, also when it is deleted', async () => {
    const dnsNames = [`www.robbed.${lab().zone.name}`];
    const { serialNumber, secret, key } = await createApplicationSecret('robbed', dnsNames);
    const request = await createRequest(lab(), 'robbed', { secretName: key.name, dnsNames });
    const message = await waitUntilFailing(request, 'KubernetesOwnedByOther');
    expect(message).toContain('Secret robbed/app-tls, which CertificateRequest robbed names, existed before');
    expect(message).toContain('certman.managed.openshift.io/adopt-by=robbed');
    expect((await statusOf(lab(), request)).bundles['robbed']?.orders).toBe(0);
    await deleteRequest(lab(), request);
    await waitFor('the request is gone', async () =>
      (await getRequest(lab(), request)) === undefined ? {} : 'not yet',
    );
    const result = await decommissionResultOf(lab(), request);
    expect(result.bundles).toMatchObject([{ revocations: [{ serialNumber, outcome: 'notOwned' }], removed: [] }]);
    expect(await lab().kubernetes.get(SECRETS, key)).toEqual(secret);
    await expectStatusAtCa(lab().stack, serialNumber, 'Valid');
  });

  test('takes it over as it is once it is given to it, and revokes and deletes it at the end', async () => {
    const dnsNames = [`www.given.${lab().zone.name}`];
    const { serialNumber, secret, key } = await createApplicationSecret('given', dnsNames);
    const request = await createRequest(lab(), 'given', { secretName: key.name, dnsNames });
    await waitUntilFailing(request, 'KubernetesOwnedByOther');
    const { orders } = await caLog(lab());
    const annotation = 'certman.managed.openshift.io/adopt-by=given';
    await lab().stack.kubectl(['annotate', 'secret', key.name, '-n', key.namespace, annotation]);
    await waitForReadyRequest(lab().kubernetes, request, serialNumber);
    const adopted = await lab().kubernetes.get(SECRETS, key);
    expect(adopted?.['data']).toEqual(secret?.['data']);
    expect(adopted?.metadata.labels).toEqual({ app: 'given', certificate_request: 'given' });
    expect((await caLog(lab())).orders).toBe(orders);
    await deleteRequest(lab(), request);
    await expectDecommissioned(lab(), request, { revoked: [serialNumber] });
  });
});

test('a CertificateRequest that a ClusterDeployment claims is handed over without a revocation or an order', async () => {
  const zone = lab().zone.name;
  const dnsNames = [`api.late.${zone}`, `rh-api.late.${zone}`, `*.apps.late.${zone}`];
  const request = await createRequest(lab(), 'late-primary', {
    namespace: 'late',
    secretName: 'late-primary-cert',
    dnsNames,
  });
  const { serialNumber } = await waitUntilCertified(lab(), request);
  const { orders } = await caLog(lab());

  const cluster = await createCluster(lab(), 'late');
  const result = await decommissionResultOf(lab(), request);
  expect(result).toMatchObject({ claimedBy: 'late', finalizerRemoved: false });
  expect(result.bundles).toEqual([{ bundleName: 'late-primary', revocations: [], removed: [], failures: [] }]);

  await waitFor('the cluster’s workflow serves the request', async () => {
    const found = await lab().kubernetes.get(CERTIFICATE_REQUESTS, { namespace: 'late', name: 'late-primary' });
    const { workflowID } = (found?.['status'] ?? {}) as { readonly workflowID?: string };
    return workflowID === clusterWorkflowId(cluster.identity) ? {} : `its workflow is ${workflowID}`;
  });
  expect((await getRequest(lab(), cluster))?.metadata).toMatchObject({
    uid: request.identity.uid,
    finalizers: [FINALIZER],
    ownerReferences: [{ kind: 'ClusterDeployment', uid: cluster.identity.uid }],
  });
  await expectStatusAtCa(lab().stack, serialNumber, 'Valid');
  expect((await waitForCertificate(lab().kubernetes, cluster, undefined)).serialNumber).toBe(serialNumber);
  expect((await caLog(lab())).orders).toBe(orders);
});
