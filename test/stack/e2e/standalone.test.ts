/** The life of CertificateRequests that stand alone: asked of the CA, the DNS and the API server. */
import { describe, expect, test } from 'vitest';
import { AWS } from '../../../local/stack/versions.ts';
import { certClusterOf, clusterWorkflowId } from '../../../src/contract/ids.ts';
import { CertCluster } from '../../../src/contract/search-attributes.ts';
import { CERTIFICATE_REQUESTS, EVENTS, FINALIZER, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
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
  untilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { conditionOf, createRequest, deleteRequest, patchRequest } from '../../support/e2e/standalone-requests.ts';
import { startCertman } from '../../support/process/certman-process.ts';

const DAY_MS = 86_400_000;

/** The worker has credentials of its own for the zone: what is not lent must be refused, not merely absent. */
const lab = useE2eHarness({
  worker: {
    CERTMAN_RESYNC_INTERVAL: '10s',
    AWS_ACCESS_KEY_ID: AWS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: AWS.secretAccessKey,
  },
});

/** Until it says that it fails, for this reason. @returns what it says. */
async function failing(request: E2eCluster, reason: string): Promise<string> {
  const { message } = await waitFor(`${request.name} fails with ${reason}`, async () => {
    const condition = conditionOf(await getRequest(lab(), request), 'Failing');
    return condition?.status === 'True' && condition.reason === reason
      ? condition
      : `it says ${JSON.stringify(condition)}`;
  });
  return message;
}

async function certman(...args: readonly string[]): Promise<string> {
  const command = await startCertman(args, lab().commandEnvironment());
  expect(`${await command.waitForExit()} ${command.output()}`).toMatch(/^code 0/);
  return command.output();
}

describe('a CertificateRequest that its user made', () => {
  let request: E2eCluster;
  let serial: string;

  test('gets its certificate, and nothing is written to it but our finalizer and its status', async () => {
    request = await createRequest(lab(), 'web');
    ({ serialNumber: serial } = await untilCertified(lab(), request));
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
    const events = await collect(lab().kubernetes.list(EVENTS, { namespace: 'web' }));
    expect(events.map((event) => (event['involvedObject'] as { readonly kind: string }).kind)).toEqual([
      'CertificateRequest',
    ]);
  });

  test('is shown and renewed at the command line by its name', async () => {
    expect(await certman('status')).toMatch(/^web\/web +Ready /m);
    expect(await certman('status', 'web/web')).toMatch(/workflow +request\/hive\/web\/web\/.+\n\n +web: Ready\n/);
    expect(await certman('status', 'web/web', '--kubernetes')).toMatch(/ +web: Ready\n/);
    expect(await certman('renew', 'web/web')).toMatch(/^web: renewed by Pebble/m);
    ({ serialNumber: serial } = await waitForCertificate(lab().kubernetes, request, serial));
    await waitForReadyRequest(lab().kubernetes, request, serial);
  });

  test('obeys renewBeforeDays without another order', async () => {
    await patchRequest(lab(), request, { spec: { renewBeforeDays: 20 } });
    await waitFor('it renews 20 days before its end', async () => {
      const status = (await getRequest(lab(), request))?.['status'] as Readonly<Record<string, string>>;
      const days = (Date.parse(status['notAfter'] ?? '') - Date.parse(status['renewalTime'] ?? '')) / DAY_MS;
      return days >= 20 && days <= 21 ? {} : `it renews ${days} days before its end`;
    });
    expect((await waitForCertificate(lab().kubernetes, request, undefined)).serialNumber).toBe(serial);
  });

  test('with other names gets a certificate for those', async () => {
    const more = `MORE.web.${lab().zone.name}`;
    await patchRequest(lab(), request, { spec: { dnsNames: [...request.dnsNames, more] } });
    request = { ...request, dnsNames: [...request.dnsNames, more.toLowerCase()] };
    const found = await waitFor('a certificate with the new name', async () => {
      const known = (await statusOf(lab(), request)).bundles['web'];
      return known?.certificate?.dnsNames.includes(more.toLowerCase()) === true
        ? known.certificate
        : (known?.message ?? '');
    });
    serial = found.serialNumber;
    await waitForCertificate(lab().kubernetes, request, undefined);
  });

  test('whose Secret is deleted gets another', async () => {
    await lab().kubernetes.delete(SECRETS, { namespace: 'web', name: request.secretName });
    ({ serialNumber: serial } = await waitForCertificate(lab().kubernetes, request, serial));
    await waitForReadyRequest(lab().kubernetes, request, serial);
  });

  test('is left alone while it is paused, and goes on where it was', async () => {
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

  test('that is deleted is revoked first, then its Secret goes, then its finalizer', async () => {
    const refusal = lab().ca.inject({
      when: ({ method, path }) => method === 'POST' && path.includes('revoke'),
      fault: { kind: 'answer', status: 503, headers: { 'retry-after': '1' }, body: {} },
    });
    await deleteRequest(lab(), request);
    await waitFor('a revocation was tried', async () => (refusal.hits() > 0 ? {} : 'not yet'));
    expect(await getSecret(lab(), request)).toBeDefined();
    expect((await getRequest(lab(), request))?.metadata.finalizers).toEqual([FINALIZER]);
    refusal.remove();
    const ledger = await expectDecommissioned(lab(), request, { revoked: [serial] });
    expect(ledger.bundles.map(({ removed }) => removed)).toEqual([[`Secret web/${request.secretName}`]]);
    const revocations = ledger.bundles.flatMap((bundle) => bundle.revocations);
    // Each certificate it ever had: the first, the renewed one, that with another name, and that of the lost Secret.
    expect(new Set(revocations.map(({ serialNumber }) => serialNumber)).size).toBe(4);
    for (const { serialNumber, outcome } of revocations) {
      // An attempt that the refusal cut in the middle has revoked some of them already.
      expect(['revoked', 'alreadyRevoked']).toContain(outcome);
      await expectStatusAtCa(lab().stack, serialNumber, 'Revoked');
    }
  });
});

describe('what is wrong with a request is said on its status, and mended by correcting it:', () => {
  test('names outside of its zone', async () => {
    const request = await createRequest(lab(), 'stray', { dnsNames: ['www.example.org'] });
    expect(await failing(request, 'DnsNameOutsideZone')).toContain('spec.dnsNames asks for "www.example.org"');
    const dnsNames = [`www.stray.${lab().zone.name}`];
    await patchRequest(lab(), request, { spec: { dnsNames } });
    await untilCertified(lab(), { ...request, dnsNames });
  });

  test('an address in the place of a name', async () => {
    const request = await createRequest(lab(), 'address', { dnsNames: ['10.0.0.1'] });
    expect(await failing(request, 'NamesInvalid')).toContain('Correct the names in the CertificateRequest');
  });

  test('a Secret of a name that there cannot be', async () => {
    const request = await createRequest(lab(), 'unnamed', { secretName: 'a..b' });
    expect(await failing(request, 'ConfigurationInvalid')).toContain('spec.certificateSecret.name');
    await patchRequest(lab(), request, { spec: { certificateSecret: { name: 'unnamed-cert' } } });
    await untilCertified(lab(), { ...request, secretName: 'unnamed-cert' });
  });

  test('no platform', async () => {
    const request = await createRequest(lab(), 'nowhere', { spec: { platform: {} } });
    await failing(request, 'DnsPlatformUnsupported');
    await deleteRequest(lab(), request);
    await expectDecommissioned(lab(), request);
  });

  test('no credentials', async () => {
    const request = await createRequest(lab(), 'unkeyed', {
      spec: { platform: { aws: { credentials: { name: 'none' }, region: 'us-east-1' } } },
    });
    expect(await failing(request, 'DnsCredentialsMissing')).toContain('Secret unkeyed/none');
    const aws = await lab().kubernetes.get(SECRETS, { namespace: 'unkeyed', name: 'aws' });
    await lab().kubernetes.create(SECRETS, { metadata: { namespace: 'unkeyed', name: 'none' }, data: aws?.['data'] });
    await untilCertified(lab(), request);
  });
});

describe('one that names no credentials is not lent the worker’s own', () => {
  const platform = { aws: { credentials: {}, region: AWS.region } };

  test('and is served once it names some', async () => {
    const request = await createRequest(lab(), 'lent', { spec: { platform } });
    expect(await failing(request, 'DnsCredentialsMissing')).toMatch(/names no Secret.*Name a Secret of namespace lent/);
    await patchRequest(lab(), request, { spec: { platform: { aws: { credentials: { name: 'aws' } } } } });
    await untilCertified(lab(), request);
  });

  test('and goes at once when it is deleted: nothing was published, so nothing is withdrawn', async () => {
    const request = await createRequest(lab(), 'begged', { spec: { platform } });
    await failing(request, 'DnsCredentialsMissing');
    expect((await statusOf(lab(), request)).bundles['begged']?.leftoverRecords).toBeUndefined();
    await deleteRequest(lab(), request);
    const ledger = await expectDecommissioned(lab(), request, {});
    expect(ledger.bundles).toEqual([
      { bundleName: 'begged', revocations: [expect.objectContaining({ outcome: 'missing' })], removed: [] },
    ]);
  });
});

test('one whose name is longer than a label may be is served, and cleared away, by its owner reference', async () => {
  const name = `long-${'n'.repeat(70)}`;
  const names = { secretName: 'long-cert', dnsNames: [`www.long.${lab().zone.name}`] };
  const request = await createRequest(lab(), name, { namespace: 'long', ...names });
  const { serialNumber } = await untilCertified(lab(), request);
  expect((await getSecret(lab(), request))?.metadata.labels).toBeUndefined();
  await deleteRequest(lab(), request);
  await expectDecommissioned(lab(), request, { revoked: [serialNumber] });
});

test('one of the longest names that there can be is issued, shown, renewed and cleared away like any other', async () => {
  const [namespace, name, secretName] = ['s'.repeat(63), 'n'.repeat(253), 'c'.repeat(253)];
  const dnsNames = [`www.longest.${lab().zone.name}`];
  const request = await createRequest(lab(), name, { namespace, secretName, dnsNames });
  const { serialNumber: first } = await untilCertified(lab(), request);
  expect(await certman('renew', `${namespace}/${name}`)).toMatch(new RegExp(`^${name}: renewed by Pebble`, 'm'));
  const { serialNumber } = await waitForCertificate(lab().kubernetes, request, first);
  await waitForReadyRequest(lab().kubernetes, request, serialNumber);

  expect(await certman('status')).toMatch(new RegExp(`^${namespace}/${name} +Ready `, 'm'));
  const workflowId = clusterWorkflowId(request.identity);
  const shown = await certman('status', `${namespace}/${name}`);
  expect(shown).toMatch(new RegExp(`workflow +${workflowId}\n\n +${name}: Ready\n`));
  const ofIt = `${CertCluster.name} = '${certClusterOf(request.identity)}'`;
  const executions = await waitFor('Temporal lists its workflows', async () => {
    const listed = await collect(lab().client.workflow.list({ query: ofIt }));
    return new Set(listed.map((one) => one.workflowId)).size === 3 ? listed : `${listed.length} runs`;
  });
  for (const { workflowId: id, typedSearchAttributes } of executions) {
    expect(id.length).toBeLessThanOrEqual(255);
    expect(typedSearchAttributes.get(CertCluster)).toHaveLength(255);
  }

  await deleteRequest(lab(), request);
  await expectDecommissioned(lab(), request, { revoked: [first, serialNumber] });
});

describe('several in a namespace', () => {
  test('each have their own, and the end of one is not that of the other', async () => {
    const one = await createRequest(lab(), 'one', { namespace: 'shop' });
    const two = await createRequest(lab(), 'two', { namespace: 'shop' });
    const { serialNumber: first } = await untilCertified(lab(), one);
    const { serialNumber: second } = await untilCertified(lab(), two);
    await deleteRequest(lab(), one);
    await expectDecommissioned(lab(), one, { revoked: [first] });
    await expectStatusAtCa(lab().stack, second, 'Valid');
    expect((await waitForCertificate(lab().kubernetes, two, undefined)).serialNumber).toBe(second);
  });

  test('that name one Secret: the older has it, the other is told so before it orders, and has it in its turn', async () => {
    const older = await createRequest(lab(), 'older', { namespace: 'twins', secretName: 'shared' });
    const younger = await createRequest(lab(), 'younger', { namespace: 'twins', secretName: 'shared' });
    expect(await failing(younger, 'KubernetesOwnedByOther')).toMatch(/Secret twins\/shared.*CertificateRequest older/);
    const { serialNumber } = await untilCertified(lab(), older);
    expect((await statusOf(lab(), younger)).bundles['younger']?.orders).toBe(0);

    const third = await createRequest(lab(), 'third', { namespace: 'twins', secretName: 'shared' });
    expect(await failing(third, 'KubernetesOwnedByOther')).toContain('belongs to CertificateRequest older');
    await deleteRequest(lab(), third);
    const ledger = await decommissionResultOf(lab(), third);
    expect(ledger.bundles.flatMap(({ removed }) => removed)).toEqual([]);
    await expectStatusAtCa(lab().stack, serialNumber, 'Valid');

    await deleteRequest(lab(), older);
    await waitFor('the older one is gone', async () =>
      (await getRequest(lab(), older)) === undefined ? {} : 'it is there',
    );
    await expectStatusAtCa(lab().stack, serialNumber, 'Revoked');
    await untilCertified(lab(), younger);
  });
});

test('one that a ClusterDeployment turns out to ask for is handed over: nothing revoked, nothing ordered anew', async () => {
  const zone = lab().zone.name;
  const dnsNames = [`api.late.${zone}`, `rh-api.late.${zone}`, `*.apps.late.${zone}`];
  const request = await createRequest(lab(), 'late-primary', {
    namespace: 'late',
    secretName: 'late-primary-cert',
    dnsNames,
  });
  const { serialNumber } = await untilCertified(lab(), request);
  const { orders } = await caLog(lab());

  const cluster = await createCluster(lab(), 'late');
  const ledger = await decommissionResultOf(lab(), request);
  expect(ledger).toMatchObject({ claimedBy: 'late', finalizerRemoved: false });
  expect(ledger.bundles).toEqual([{ bundleName: 'late-primary', revocations: [], removed: [] }]);

  await waitFor('the cluster has it', async () => {
    const found = await lab().kubernetes.get(CERTIFICATE_REQUESTS, { namespace: 'late', name: 'late-primary' });
    const { workflowID } = (found?.['status'] ?? {}) as { readonly workflowID?: string };
    return workflowID === clusterWorkflowId(cluster.identity) ? {} : `it says ${workflowID}`;
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
