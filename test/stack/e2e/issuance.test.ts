/** Issuance and renewal for a living ClusterDeployment, and changes of its spec; checked at the CA, in DNS and on the API server. */
import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { clusterWorkflowId, issuanceWorkflowId } from '../../../src/contract/ids.ts';
import {
  CertCluster,
  CertExpiry,
  CertIssuer,
  CertNameSet,
  CertNames,
  CertRenewAt,
  CertState,
  SEARCH_ATTRIBUTES,
} from '../../../src/contract/search-attributes.ts';
import { FINALIZER, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import {
  expectStatusAtCa,
  waitFor,
  waitForCertificate,
  waitForReadyRequest,
  waitForTxtRemoval,
} from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster, patchCluster } from '../../support/e2e/clusters.ts';
import {
  activitiesOf,
  collect,
  getClusterDeployment,
  getRequest,
  getSecret,
  statusOf,
  txtRecords,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { Gate } from '../../support/faults/gate.ts';
import { expectExit, runCertman } from '../../support/process/certman-process.ts';

const DAY_MS = 86_400_000;

const lab = useE2eHarness();
let cluster: E2eCluster;
let firstSerial: string;
/** Numbers of TXT values observed at the record that `apps.X` and `*.apps.X` share, each with its owner tag. */
const txtValueCounts = new Set<number>();
let route53Changes: number;

beforeAll(async () => {
  const made = await createCluster(lab(), 'first', { installed: false });
  const apps = `apps.first.${lab().zone.name}`;
  cluster = { ...made, dnsNames: [...made.dnsNames, apps] };
  lab().route53.clearSeen();
  await patchCluster(lab(), made, {
    spec: {
      installed: true,
      controlPlaneConfig: {
        servingCertificates: { default: 'primary', additional: [{ name: 'primary', domain: apps }] },
      },
    },
  });
  // Holds the challenge responses until the test has observed the records.
  const observed = new Gate();
  lab().ca.inject({ when: ({ path }) => path.startsWith('/chalZ/'), fault: { kind: 'hold', until: observed.opened } });
  const issued = new AbortController();
  const sampling = (async () => {
    while (!issued.signal.aborted) {
      const values = (await txtRecords(lab())).get(`_acme-challenge.${apps}`);
      if (values === undefined) continue;
      txtValueCounts.add(values.length);
      observed.open();
    }
  })();
  firstSerial = (await waitUntilCertified(lab(), cluster)).serialNumber;
  issued.abort();
  await sampling;
  await waitForTxtRemoval(lab().stack, cluster);
  route53Changes = lab().route53.seen.filter(({ method, path }) => method === 'POST' && path.includes('/rrset')).length;
});

describe('an installed cluster', () => {
  test('has chain and key in a TLS Secret owned by the CertificateRequest', async () => {
    const secret = await getSecret(lab(), cluster);
    const request = await getRequest(lab(), cluster);
    expect(secret).toMatchObject({
      type: 'kubernetes.io/tls',
      metadata: {
        labels: { certificate_request: cluster.requestName },
        ownerReferences: [
          { kind: 'CertificateRequest', name: cluster.requestName, uid: request?.metadata.uid, controller: true },
        ],
      },
    });
    const data = secret?.['data'] as Readonly<Record<string, string>>;
    expect(Object.keys(data).sort()).toEqual(['tls.crt', 'tls.key']);
    const chain = Buffer.from(data['tls.crt'] ?? '', 'base64').toString();
    const certificates = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    expect(certificates.length).toBeGreaterThanOrEqual(2);
    const [leaf, issuer] = certificates.map((pem) => new X509Certificate(pem));
    expect(leaf?.checkIssued(issuer as X509Certificate)).toBe(true);
    expect(leaf?.subjectAltName?.split(', ').sort()).toEqual(cluster.dnsNames.map((name) => `DNS:${name}`).sort());
    await expectStatusAtCa(lab().stack, firstSerial, 'Valid');
  });

  test('has a Ready CertificateRequest with the finalizer, owned by the ClusterDeployment', async () => {
    await waitForReadyRequest(lab().kubernetes, cluster, firstSerial);
    const request = await getRequest(lab(), cluster);
    expect(request).toMatchObject({
      metadata: {
        finalizers: [FINALIZER],
        ownerReferences: [
          { kind: 'ClusterDeployment', name: cluster.name, uid: cluster.identity.uid, controller: true },
        ],
      },
      spec: {
        acmeDNSDomain: cluster.zone,
        certificateSecret: { name: cluster.secretName },
        email: 'sre@example.com',
        platform: { aws: { credentials: { name: 'aws' }, region: 'us-east-1' } },
      },
      status: {
        issued: true,
        status: 'Success',
        state: 'Ready',
        serialNumber: firstSerial,
        workflowID: clusterWorkflowId(cluster.identity),
      },
    });
    // And Served, once the cluster was probed.
    for (const condition of [
      { type: 'Ready', status: 'True', reason: 'Issued' },
      { type: 'Issuing', status: 'False', reason: 'Issued', observedGeneration: 1 },
      { type: 'Renewing', status: 'False', reason: 'Scheduled' },
      { type: 'Failing', status: 'False', reason: 'NoFailure' },
      { type: 'Paused', status: 'False', reason: 'NotPaused' },
      { type: 'Revoked', status: 'False', reason: 'NotRevoked' },
      { type: 'ExpiryNear', status: 'False', reason: 'NotExpiring' },
      { type: 'ObjectWriteFailing', status: 'False', reason: 'NoFailure' },
    ]) {
      expect(request).toHaveProperty('status.conditions', expect.arrayContaining([expect.objectContaining(condition)]));
    }
    expect(request).toHaveProperty('spec.dnsNames.length', cluster.dnsNames.length);
    expect(request).toHaveProperty('spec.dnsNames', expect.arrayContaining([...cluster.dnsNames]));
  });

  test('is shown by `kubectl get certificaterequests` with readiness, expiry and renewal', async () => {
    const [header = '', row = ''] = (
      await lab().stack.kubectl(['get', 'certificaterequests', '-n', cluster.namespace])
    ).split('\n');
    expect(header.split(/\s{2,}/)).toEqual(['NAME', 'READY', 'SERVED', 'EXPIRES', 'RENEWS', 'ISSUER', 'SECRET', 'AGE']);
    expect(row).toMatch(
      new RegExp(`^${cluster.requestName} +True +(Unknown +)?20\\S+Z +20\\S+Z +Pebble.+ ${cluster.secretName} +`),
    );
  });

  test('has certificateBundles in its status and the finalizer', async () => {
    await expect
      .poll(() => getClusterDeployment(lab(), cluster))
      .toMatchObject({
        metadata: { finalizers: expect.arrayContaining([FINALIZER]) as unknown },
        status: { certificateBundles: [{ name: 'primary', generated: true }] },
      });
  });

  test('has the TXT values of `x` and `*.x` published in one Route 53 change and withdrawn in another', () => {
    expect([...txtValueCounts]).toEqual([4]);
    expect(route53Changes).toBe(2);
  });

  test('has current details, a static summary and a summary of each activity for the Web UI', async () => {
    const handle = lab().client.workflow.getHandle(clusterWorkflowId(cluster.identity));
    const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(currentDetails).toContain('### first/first');
    expect(currentDetails).toMatch(
      /\| primary \| \*\*Ready\*\* \| api\.first\.e2e\.example\.com, .+ \| 20[-\d]+ \d\d:\d\dZ \| 20[-\d]+ \d\d:\d\dZ \|/,
    );
    expect(await (await handle.describe()).staticSummary()).toBe('Certificates of first/first on hive');

    const issuance = issuanceWorkflowId(cluster.identity, 'primary', 1);
    const activities = await activitiesOf(lab(), issuance);
    // The second one where DNS had the values too late for the first.
    expect([['placeOrder'], ['placeOrder', 'fulfillOrder']]).toContainEqual(activities.map(({ type }) => type));
    expect(activities.filter(({ summary }) => summary === '')).toEqual([]);
    const metadata = await lab()
      .client.workflow.getHandle(issuance)
      .query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(metadata.currentDetails).toMatch(
      /^Issued api\.first\.e2e\.example\.com and 3 more by Pebble.+, serial \d+, valid until/,
    );
  });

  test('is found by the search attributes that the worker registered', async () => {
    const registered = await lab().client.connection.operatorService.listSearchAttributes({ namespace: 'default' });
    for (const { name } of SEARCH_ATTRIBUTES) expect(Object.keys(registered.customAttributes ?? {})).toContain(name);

    const described = await lab().client.workflow.getHandle(clusterWorkflowId(cluster.identity)).describe();
    const attributes = described.typedSearchAttributes;
    expect(attributes.get(CertState)).toBe('Ready');
    expect(attributes.get(CertCluster)).toBe('first/first');
    expect(attributes.get(CertIssuer)).toContain('Pebble');
    expect(attributes.get(CertNames)).toContain(`api.first.${lab().zone.name}`);
    const lifetime = (attributes.get(CertExpiry)?.getTime() ?? 0) - Date.now();
    expect(lifetime / DAY_MS).toBeGreaterThan(89);
    expect(attributes.get(CertRenewAt)?.getTime()).toBeGreaterThan(Date.now() + 43 * DAY_MS);

    const query = `WorkflowType = 'certificateIssuance' AND ${CertCluster.name} = 'first/first'`;
    await waitFor('the issuance is listed with its set of names', async () => {
      const found = await collect(lab().client.workflow.list({ query }));
      const sets = found.map(({ typedSearchAttributes }) => String(typedSearchAttributes.get(CertNameSet)));
      return /^[0-9a-f]+$/.test(sets.join()) ? {} : `there are ${sets.length}: ${sets.join()}`;
    });
  });
});

describe('a renewal', () => {
  test('is rescheduled at once when renewBeforeDays changes', async () => {
    const patch = JSON.stringify({ spec: { renewBeforeDays: 30 } });
    await lab().stack.kubectl([
      'patch',
      'certificaterequest',
      cluster.requestName,
      '-n',
      cluster.namespace,
      '--type=merge',
      '-p',
      patch,
    ]);
    await waitFor('the renewal is 30 days before the expiry', async () => {
      const request = await getRequest(lab(), cluster);
      const status = request?.['status'] as { readonly notAfter: string; readonly renewalTime: string } | undefined;
      if (status === undefined) return 'it has no status';
      const before = (Date.parse(status.notAfter) - Date.parse(status.renewalTime)) / DAY_MS;
      return before >= 30 && before <= 31 ? {} : `it is ${before} days before the expiry`;
    });
  });

  test('by `certman renew` replaces certificate and key, and keeps labels and annotations of other managers', async () => {
    const at = ['secret', cluster.secretName, '-n', cluster.namespace];
    await lab().stack.kubectl(['label', ...at, 'team=sre']);
    await lab().stack.kubectl(['annotate', ...at, 'example.com/note=keep me']);
    const before = await waitForCertificate(lab().kubernetes, cluster, undefined);

    const { stdout } = await expectExit(
      runCertman(['renew', `${cluster.namespace}/${cluster.name}`], lab().commandEnvironment()),
    );

    const after = await waitForCertificate(lab().kubernetes, cluster, before.serialNumber);
    expect(stdout).toContain(after.serialNumber);
    expect(after.keyFingerprint).not.toBe(before.keyFingerprint);
    const secret = await getSecret(lab(), cluster);
    expect(secret?.metadata).toMatchObject({
      labels: { team: 'sre', certificate_request: cluster.requestName },
      annotations: { 'example.com/note': 'keep me' },
    });
    expect(Object.keys(secret?.['data'] as object).sort()).toEqual(['tls.crt', 'tls.key']);
    await waitForReadyRequest(lab().kubernetes, cluster, after.serialNumber);
    expect((await getRequest(lab(), cluster))?.['spec']).toMatchObject({ renewBeforeDays: 30 });
    await waitForTxtRemoval(lab().stack, cluster);
  });

  test('continues the workflow as new with the same details and search attributes', async () => {
    const handle = lab().client.workflow.getHandle(clusterWorkflowId(cluster.identity));
    const second = await waitFor('the workflow continues as new', async () => {
      const now = await handle.describe();
      return now.raw.workflowExecutionInfo?.firstRunId === now.runId ? 'it is still the first run' : now;
    });
    expect(second.typedSearchAttributes.get(CertState)).toBe('Ready');
    const first = await lab()
      .client.workflow.getHandle(handle.workflowId, second.raw.workflowExecutionInfo?.firstRunId ?? '')
      .describe();
    expect(second.historyLength).toBeLessThan(first.historyLength / 2);
    const details = await waitFor('the new run has details', async () => {
      const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
      return currentDetails === '' ? 'there are none' : { currentDetails };
    });
    expect(details.currentDetails).toContain('**Ready**');
  });
});

/** @returns entries of `spec.certificateBundles`. */
function bundles(...names: readonly string[]) {
  return names.map((name) => ({ name, generate: true, certificateSecretRef: { name: `first-${name}-cert` } }));
}

/** @returns entries of `spec.ingress`; the given domains are those of the second bundle. */
function ingress(...domains: readonly string[]) {
  return [
    { name: 'default', domain: `apps.first.${lab().zone.name}`, servingCertificate: 'primary' },
    ...domains.map((domain, index) => ({ name: `more-${index}`, domain, servingCertificate: 'second' })),
  ];
}

/** @returns the second bundle in the shape of a cluster, for the checks. */
function secondBundle(): E2eCluster {
  return {
    ...cluster,
    requestName: 'first-second',
    secretName: 'first-second-cert',
    dnsNames: [`*.more.first.${lab().zone.name}`],
  };
}

describe('a changed ClusterDeployment', () => {
  let untouched: string | undefined;
  const serials: string[] = [];

  test('gets a certificate for an added bundle', async () => {
    untouched = (await getSecret(lab(), cluster))?.metadata.resourceVersion;
    await patchCluster(lab(), cluster, {
      spec: { certificateBundles: bundles('primary', 'second'), ingress: ingress(`more.first.${lab().zone.name}`) },
    });
    serials.push((await waitForCertificate(lab().kubernetes, secondBundle(), undefined)).serialNumber);
    await waitForReadyRequest(lab().kubernetes, secondBundle(), serials[0] ?? '');
  });

  test('gets another certificate for an added name', async () => {
    const another = `another.first.${lab().zone.name}`;
    await patchCluster(lab(), cluster, { spec: { ingress: ingress(`more.first.${lab().zone.name}`, another) } });
    const found = await waitFor('a certificate with the new name', async () => {
      const status = (await statusOf(lab(), cluster)).bundles['second'];
      return status?.certificate?.dnsNames.includes(`*.${another}`) === true
        ? status.certificate
        : JSON.stringify(status);
    });
    serials.push(found.serialNumber);
    await waitForCertificate(lab().kubernetes, secondBundle(), serials[0]);
  });

  test('has the certificates of a removed bundle revoked and its objects deleted, and no others', async () => {
    await patchCluster(lab(), cluster, { spec: { certificateBundles: bundles('primary'), ingress: ingress() } });
    await waitFor('Secret and CertificateRequest are gone', async () => {
      const left = [await getSecret(lab(), secondBundle()), await getRequest(lab(), secondBundle())].filter(Boolean);
      return left.length === 0 ? {} : `${left.map((one) => one?.metadata.name).join(', ')} is there`;
    });
    for (const serial of serials) await expectStatusAtCa(lab().stack, serial, 'Revoked');
    expect((await getSecret(lab(), cluster))?.metadata.resourceVersion).toBe(untouched);
    const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster, undefined);
    await expectStatusAtCa(lab().stack, serialNumber, 'Valid');
    const left = await collect(lab().kubernetes.list(SECRETS, { namespace: cluster.namespace }));
    expect(left.map(({ metadata }) => metadata.name).sort()).toEqual(['aws', cluster.secretName]);
  });
});

// test/stack/acme/issuance.test.ts covers every key type.
test('a worker with CERTMAN_KEY_TYPE=p-384 issues certificates with P-384 keys', async () => {
  await lab().stopWorkers();
  await lab().startWorker({ environment: { CERTMAN_KEY_TYPE: 'p-384' } });
  const other = await createCluster(lab(), 'key-p-384');
  const { certificate } = await waitForCertificate(lab().kubernetes, other);
  expect(certificate.publicKey).toMatchObject({
    asymmetricKeyType: 'ec',
    asymmetricKeyDetails: { namedCurve: 'secp384r1' },
  });
});
