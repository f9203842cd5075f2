import { CustomObjectsApi } from '@kubernetes/client-node';
import { describe, expect, test, vi } from 'vitest';
import type { StatusReport } from '../../../src/certificates/status-report.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { CERTIFICATE_REQUESTS, EVENTS, NAMESPACES } from '../../../src/kubernetes/objects/resources.ts';
import {
  bundle,
  clusterKey,
  requestKey,
  useKubernetesActivities,
} from '../../support/kubernetes/kubernetes-activities.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { runActivity } from '../../support/temporal/run-activity.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const managementCluster = useManagementCluster();
const { activities, apply, getCluster, getRequest } = useKubernetesActivities(managementCluster);

const report = (change: Partial<StatusReport> = {}): StatusReport => ({
  bundleName: 'primary',
  requestName: 'c1-primary',
  secretName: bundle.secretName,
  workflowId: 'cluster/hive/ns/c1/uid',
  state: 'Issuing',
  failedAttempts: 0,
  conditions: [{ type: 'Ready', status: 'False', reason: 'Issuing', message: 'ordering' }],
  ...change,
});
const certificate = {
  serialNumber: '12',
  issuerName: 'R11',
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2026-04-01T00:00:00Z',
  dnsNames: ['api.c1.example.com'],
  fingerprint: 'ab',
};
const ready = report({
  state: 'Ready',
  certificate,
  conditions: [{ type: 'Ready', status: 'True', reason: 'Issued', message: 'valid' }],
});

const say = (view: ClusterView, what: StatusReport, acts = activities()) =>
  runActivity((input) => acts.reportStatus(input), { cluster: view.identity, report: what });
const eventsOf = async (view: ClusterView) => {
  const found = [];
  for await (const event of managementCluster().admin.list(EVENTS, { namespace: view.identity.namespace }))
    found.push(event);
  return found;
};

describe('reportStatus', () => {
  test('writes conditions, status and the bundle’s status', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    await say(view, ready);
    expect((await getRequest(view))?.['status']).toMatchObject({
      issued: true,
      status: 'Success',
      state: 'Ready',
      serialNumber: '12',
      conditions: [{ type: 'Ready', status: 'True' }],
    });
    expect((await getCluster(view))?.['status']).toEqual({
      certificateBundles: [{ name: 'primary', generated: true }],
    });
  });

  test('keeps what Hive and other bundles have in the ClusterDeployment’s status', async () => {
    const { view } = await managementCluster().cluster();
    const status = { apiURL: 'https://api', certificateBundles: [{ name: 'other', generated: true }] };
    const path = { group: 'hive.openshift.io', version: 'v1', plural: 'clusterdeployments', ...clusterKey(view) };
    const body = [{ op: 'add', path: '/status', value: status }];
    const hive = managementCluster().adminConfig.makeApiClient(CustomObjectsApi);
    await hive.patchNamespacedCustomObjectStatus({ ...path, body, fieldManager: 'hive' });
    await apply(view);
    await say(view, ready);
    expect((await getCluster(view))?.['status']).toEqual({
      apiURL: 'https://api',
      certificateBundles: [
        { name: 'other', generated: true },
        { name: 'primary', generated: true },
      ],
    });
  });

  test('keeps lastTransitionTime while nothing changes, whichever worker writes', async () => {
    const { view } = await managementCluster().cluster();
    const [one, two] = [activities(), activities()];
    await apply(view, one);
    await say(view, report(), one);
    const first = (await getRequest(view))?.['status'] as { conditions: { lastTransitionTime: string }[] };
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const message = { type: 'Ready', status: 'False', reason: 'Issuing', message: 'still' } as const;
    await say(view, report({ conditions: [message] }), two);
    // The first worker remembers what was before the second wrote.
    await say(view, report({ conditions: [{ ...message, message: 'and still' }] }), one);
    const last = (await getRequest(view))?.['status'] as typeof first;
    expect(last.conditions[0]).toMatchObject({
      message: 'and still',
      lastTransitionTime: first.conditions[0]?.lastTransitionTime,
    });
  });

  test('removes certman-operator’s conditions', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    const old = { status: 'Error', conditions: [{ type: 'acme error', status: 'Error', reason: 'x', message: 'y' }] };
    await managementCluster().admin.apply(
      CERTIFICATE_REQUESTS,
      { metadata: requestKey(view), status: old },
      { subresource: 'status' },
    );
    await say(view, ready);
    const status = (await getRequest(view))?.['status'] as { conditions: { type: string }[] };
    expect(status.conditions.map((condition) => condition.type)).toEqual(['Ready']);
  });

  describe('repairs the status', () => {
    const edit = (view: ClusterView, change: unknown) =>
      useStack().kubectl([
        'patch',
        'certificaterequest',
        requestKey(view).name,
        '-n',
        view.identity.namespace,
        '--subresource=status',
        `--type=${Array.isArray(change) ? 'json' : 'merge'}`,
        '-p',
        JSON.stringify(change),
      ]);

    test.each([
      ['wiped it', [{ op: 'remove', path: '/status' }]],
      ['changed a field', { status: { notAfter: '2099-01-01T00:00:00Z' } }],
      ['put a field in', { status: { nextAttempt: '2099-01-01T00:00:00Z', renewalTime: '2099-01-01T00:00:00Z' } }],
      ['took a field away', { status: { serialNumber: null } }],
    ])('after another manager %s', async (_what, change) => {
      const { view } = await managementCluster().cluster();
      const worker = activities();
      await apply(view, worker);
      await say(view, ready, worker);
      const before = (await getRequest(view))?.['status'];
      await edit(view, change);
      await apply(view, worker);
      await say(view, ready, worker);
      expect((await getRequest(view))?.['status']).toEqual({
        ...(before as object),
        conditions: [expect.objectContaining(ready.conditions[0]) as unknown],
      });
    });

    test('by a worker that has not read it since', async () => {
      const { view } = await managementCluster().cluster();
      const worker = activities();
      await apply(view, worker);
      await say(view, ready, worker);
      await edit(view, [{ op: 'remove', path: '/status' }]);
      vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 11_000);
      await say(view, ready, worker);
      vi.restoreAllMocks();
      expect((await getRequest(view))?.['status']).toMatchObject({ state: 'Ready', serialNumber: '12' });
    });
  });

  test('records an Event on both objects, and counts repetitions', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    const failing = report({ event: { type: 'Warning', reason: 'Failing', message: 'no hosted zone' } });
    for (let times = 0; times < 3; times += 1) await say(view, failing);
    const events = await eventsOf(view);
    expect(events).toHaveLength(2);
    expect(events.map((event) => [(event['involvedObject'] as { kind: string }).kind, event['count']])).toEqual(
      expect.arrayContaining([
        ['CertificateRequest', 3],
        ['ClusterDeployment', 3],
      ]),
    );
  });

  test('records the Event on the ClusterDeployment when there is no request', async () => {
    const { view } = await managementCluster().cluster();
    await say(view, report({ event: { type: 'Warning', reason: 'Failing', message: 'no address' } }));
    expect((await eventsOf(view)).map((event) => (event['involvedObject'] as { kind: string }).kind)).toEqual([
      'ClusterDeployment',
    ]);
  });

  test('does nothing for a cluster that is gone, with its namespace', async () => {
    const { view } = await managementCluster().cluster();
    await apply(view);
    await managementCluster().admin.delete(NAMESPACES, { name: view.identity.namespace });
    await say(view, report({ event: { type: 'Normal', reason: 'X', message: 'y' } }));
    expect(await eventsOf(view)).toEqual([]);
  });
});
