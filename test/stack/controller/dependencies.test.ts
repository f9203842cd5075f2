import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import type * as backoff from '../../../src/kubernetes/api/backoff.ts';
import {
  CERTIFICATE_REQUESTS,
  CONFIG_MAPS,
  DNS_ZONES,
  EVENTS,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import {
  createCluster,
  identityOf,
  keyOf,
  patchCluster,
  patchSecretAsUser,
  writeIssuedObjects,
} from '../../support/controller/clusters.ts';
import { QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { setState } from '../../support/controller/recording-workflows.ts';
import { collect } from '../../support/e2e/evidence.ts';
import { Gate } from '../../support/faults/gate.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { eventually } from '../../support/vitest/eventually.ts';

/** What the watch waits for, beside its own five seconds, before it looks for latecomers. */
const secondLook = vi.hoisted(() => ({ pauseMs: 5_000, afterThis: Promise.resolve() }));
vi.mock('../../../src/kubernetes/api/backoff.ts', async (importOriginal) => {
  const { pause, ...others } = await importOriginal<typeof backoff>();
  return {
    ...others,
    pause: async (ms: number, signal: AbortSignal) => {
      await pause(ms, signal);
      if (ms === secondLook.pauseMs) await secondLook.afterThis;
    },
  };
});

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);

describe('what a certificate depends on', () => {
  test('is signalled to the clusters of its namespace: credentials, zone, Secret, request', async () => {
    const run = await harness().startController();
    const cluster = await createCluster(managementCluster());
    const { namespace } = cluster;
    await run.untilReceived(cluster, ['observed']);
    const request = await writeIssuedObjects(managementCluster(), cluster);
    await run.untilHandled(request);
    const expected = ['observed'];
    const expectNext = async (what: string): Promise<void> => {
      expected.push(what);
      await run.untilReceived(cluster, expected);
    };

    await managementCluster().admin.create(SECRETS, {
      metadata: { namespace, name: 'aws' },
      stringData: { aws_access_key_id: 'a' },
    });
    await expectNext('The credentials Secret aws changed.');
    await managementCluster().admin.patch(SECRETS, { namespace, name: 'aws' }, [
      { op: 'add', path: '/data/more', value: 'YQ==' },
    ]);
    await expectNext('The credentials Secret aws changed.');
    await managementCluster().admin.create(DNS_ZONES, {
      metadata: { namespace, name: 'zone' },
      spec: { zone: 'example.com' },
    });
    await expectNext('The DNSZone zone changed.');
    await managementCluster().admin.delete(SECRETS, { namespace, name: 'primary-cert' });
    await expectNext('The Secret primary-cert was deleted.');
    await run.untilHandled(await writeIssuedObjects(managementCluster(), cluster, 'two'));
    // Times in managedFields are whole seconds.
    await sleep(1_100);
    const other = { config: undefined, secret: [{ op: 'replace' as const, path: '/data/tls.crt', value: 'YWJj' }] };
    await patchSecretAsUser(managementCluster(), namespace, 'primary-cert', other.secret);
    await expectNext('The certificate Secret primary-cert was changed by another field manager.');
    await sleep(1_100);
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, keyOf(identityOf(request)), [
      { op: 'add', path: '/spec/renewBeforeDays', value: 30 },
    ]);
    await sleep(QUIET_MS);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, keyOf(identityOf(request)));
    await expectNext('The CertificateRequest c1-primary is being deleted.');
  });

  test('that keeps changing causes signals at a limited rate', async () => {
    const run = await harness().startController();
    const cluster = await createCluster(managementCluster());
    const { namespace } = cluster;
    await run.untilReceived(cluster, ['observed']);
    const key = { namespace, name: 'aws' };
    await managementCluster().admin.create(SECRETS, { metadata: key, stringData: { aws_access_key_id: 'a' } });
    const start = performance.now();
    for (let count = 1; count < 20; count += 1) {
      const changed = await managementCluster().admin.patch(SECRETS, key, [
        { op: 'add', path: '/data/count', value: btoa(String(count)) },
      ]);
      if (changed !== undefined) await run.untilHandled(changed);
    }
    await run.untilReceived(cluster, ['observed', ...Array<string>(5).fill('The credentials Secret aws changed.')]);
    expect(run.logs.some((line) => line.startsWith('What a cluster depends on keeps changing'))).toBe(true);
    // Five at once, and then one every two minutes.
    const allowed = 5 + Math.floor((performance.now() - start) / 120_000);
    expect((await run.receivedSignals(cluster))?.length).toBeLessThanOrEqual(1 + allowed);
  });

  test('is signalled to the clusters whose renewal is postponed when it is a renewal window that selects them', async () => {
    const operatorNamespace = await managementCluster().namespace();
    const { admin } = managementCluster();
    const put = (renewalWindows: string) =>
      admin.apply(CONFIG_MAPS, {
        metadata: { namespace: operatorNamespace, name: 'certman-operator' },
        data: { renewal_windows: renewalWindows },
      });
    const freeze = 'name: launch, from: "2026-01-01T00:00:00Z", to: "2046-01-01T00:00:00Z"';
    await put('windows: []');
    const run = await harness().startController({ kubernetes: admin, operatorNamespace });
    const clusters = [await createCluster(managementCluster()), await createCluster(managementCluster())] as const;
    const [selected, other] = clusters;
    await patchCluster(managementCluster(), selected, '/metadata/labels/tier', 'gold');
    const waits = { type: 'Renewing', status: 'False', reason: 'Frozen', message: 'm' };
    for (const cluster of clusters) {
      await run.untilReceived(cluster, ['observed']);
      const conditions = [{ ...waits, lastTransitionTime: '2026-01-01T00:00:00Z' }];
      await run.untilHandled(
        await writeIssuedObjects(managementCluster(), cluster, 'one', { conditions, notAfter: '2046-01-01T00:00:00Z' }),
      );
    }
    const change = 'The renewal windows changed.';
    await put(`freezes: [{${freeze}, selector: {matchLabels: {tier: gold}}}]`);
    await run.untilReceived(selected, ['observed', change]);
    await put('freezes: []');
    await run.untilReceived(selected, ['observed', change, change]);
    // What selects all concerns all.
    await put(`freezes: [{${freeze}}]`);
    await run.untilReceived(other, ['observed', change]);
    expect(await run.receivedSignals(other)).toEqual(['observed', change]);
    // Rules that are not valid concern none, and valid ones all: other workers may have read none that are.
    await put('freezes: true');
    await eventually(
      'the author sees that they are not valid',
      () => collect(admin.list(EVENTS, { namespace: operatorNamespace })),
      (events) => events.some((event) => event['reason'] === 'RenewalWindowsInvalid'),
    );
    await put(`freezes: [{${freeze}}]`);
    await run.untilReceived(other, ['observed', change, change]);
  });

  test('is signalled once to each cluster that waits or fails when it is the account, in two passes', async () => {
    const operatorNamespace = await managementCluster().namespace();
    const key = { namespace: operatorNamespace, name: 'lets-encrypt-account' };
    await managementCluster().admin.create(SECRETS, {
      metadata: key,
      stringData: { 'account-url': 'a', 'private-key': 'b' },
    });
    const latecomerShows = new Gate();
    secondLook.afterThis = latecomerShows.opened;
    // A failure before that must not hold up the end of the watch.
    onTestFinished(() => latecomerShows.open());
    const run = await harness().startController({ kubernetes: managementCluster().admin, operatorNamespace });
    const { workflow } = harness().env.client;
    const [waiting, late, fine] = [
      await createCluster(managementCluster()),
      await createCluster(managementCluster()),
      await createCluster(managementCluster()),
    ];
    for (const cluster of [waiting, late, fine]) await run.untilReceived(cluster, ['observed']);
    const wait = async (cluster: typeof waiting): Promise<void> => {
      const workflowId = clusterWorkflowId({ managementCluster: run.managementCluster, ...cluster });
      await workflow.getHandle(workflowId).signal(setState, 'Waiting');
      await eventually(
        'it can be found by its state',
        () => workflow.count(`WorkflowId = "${workflowId}" AND CertState = "Waiting"`),
        ({ count }) => count === 1,
      );
    };
    await wait(waiting);
    await managementCluster().admin.delete(SECRETS, key);
    const once = ['observed', `The Secret lets-encrypt-account in ${operatorNamespace} was deleted.`];
    await run.untilReceived(waiting, once);
    await wait(late);
    latecomerShows.open();
    await run.untilReceived(late, once);
    expect(await run.receivedSignals(waiting)).toEqual(once);
    expect(await run.receivedSignals(fine)).toEqual(['observed']);

    await managementCluster().admin.create(SECRETS, {
      metadata: key,
      stringData: { 'account-url': 'x', 'private-key': 'y' },
    });
    await run.untilReceived(waiting, [...once, `The Secret lets-encrypt-account in ${operatorNamespace} changed.`]);
  });
});
