/**
 * Any client of the namespace, the Web UI and the CLI can send anything to a workflow. What has not the shape of a message neither
 * fails the workflow task, which would repeat for ever, nor is believed.
 */
import { Context } from '@temporalio/activity';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { expect, test } from 'vitest';
import * as budget from '../../src/contract/ca-budget.ts';
import * as campaignRequest from '../../src/contract/campaign-request.ts';
import * as cluster from '../../src/contract/cluster-certificates.ts';
import { isClusterView } from '../../src/contract/cluster-messages.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import * as watch from '../../src/contract/management-cluster-watch.ts';
import * as campaign from '../../src/contract/renewal-campaign.ts';
import * as withdrawal from '../../src/contract/renewal-withdrawal.ts';
import * as revocation from '../../src/contract/revocation-request.ts';
import { accountLimitsOf } from '../../src/rate-limit/account-limits.ts';
import { caBudget } from '../../workflows/ca-budget.ts';
import { campaignWave } from '../../workflows/campaign-wave.ts';
import { managementClusterWatch } from '../../workflows/management-cluster-watch.ts';
import { renewalCampaign } from '../../workflows/renewal-campaign.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

/** `String()` of the last one throws. */
const GARBAGE: readonly unknown[] = [
  undefined,
  null,
  7,
  'garbage',
  [],
  [null],
  {},
  { bundleName: 7, names: [7], ids: 'x', items: [null], number: '0', item: 0, outcome: { kind: 'done' } },
  { bundleName: null, identity: null, bundles: [{}], window: null, progress: { counts: null }, order: null },
  {
    by: { toString: 1, valueOf: 1 },
    worker: { toString: 1 },
    requestName: {},
    issued: {},
    wave: { toString: 1 },
    bundleName: {},
  },
];

/** Signals and updates of the contract, by name. A message of another module would be handled and not be here. */
function contractMessages(): ReadonlyMap<string, 'signal' | 'update'> {
  const modules = [budget, campaignRequest, cluster, watch, withdrawal, campaign, revocation];
  const definitions = modules.flatMap((exported) => Object.values(exported) as readonly unknown[]);
  return new Map(
    definitions.flatMap((definition) => {
      const { type, name } = Object(definition) as Partial<Definition>;
      return type === 'signal' || type === 'update' ? [[name ?? '', type] as const] : [];
    }),
  );
}

interface Definition {
  readonly type: string;
  readonly name: string;
}

/** Whatever is sent with them is not read. */
const WITHOUT_ARGUMENT = new Set([
  'clusterGone',
  'dependencyChanged',
  'beginWave',
  'release',
  'pauseCampaign',
  'resumeCampaign',
]);

interface Subject {
  readonly workflowId: string;
  /** What garbage must not change. */
  state(): Promise<unknown>;
}

/** Workflows of every type that gets messages, at rest. */
async function startSubjects(harness: WorkflowHarness): Promise<readonly Subject[]> {
  const { env, taskQueue, doubles } = harness;
  const { workflow } = env.client;
  const view = clusterView();
  await harness.start(view);
  await untilReady(harness, view);
  const account = { caHost: 'ca.example', accountUrl: taskQueue };
  const limits = { ...accountLimitsOf('ca.example', []), since: 1 };
  const item = { workflowId: 'cluster/hive/ns/gone/uid', cluster: 'ns/gone', bundleName: 'b', serialNumber: '1' };
  const campaignId = campaign.campaignWorkflowId('hive', taskQueue);
  const plan: campaign.CampaignPlan = {
    name: taskQueue,
    canary: true,
    stopAt: { count: 5 },
    deadline: new Date(Date.now() + 86_400_000).toISOString(),
    selection: 'all',
    requestedBy: 'test',
  };
  const wave = { campaign: taskQueue, campaignId, number: 0, items: [item] };
  doubles.override('watchManagementCluster', () => Context.current().cancelled);
  const started = [
    await workflow.start(caBudget, {
      taskQueue,
      workflowId: budget.caBudgetWorkflowId(account),
      args: [{ ...account, limits }],
    }),
    await workflow.start(renewalCampaign, { taskQueue, workflowId: campaignId, args: [plan] }),
    await workflow.start(campaignWave, {
      taskQueue,
      workflowId: campaign.waveWorkflowId(campaignId, 0),
      args: [wave],
    }),
    await workflow.start(managementClusterWatch, {
      taskQueue,
      workflowId: `watch/${taskQueue}`,
      args: [{ managementCluster: 'hive' }],
    }),
  ];
  const queries = ['clusterStatus', 'budgetStatus', 'campaignStatus', 'waveStatus', 'watchStatus'];
  return [clusterWorkflowId(view.identity), ...started.map(({ workflowId }) => workflowId)].map(
    (workflowId, index) => ({
      workflowId,
      state: () => workflow.getHandle(workflowId).query(queries[index] ?? '', { most: 10 }),
    }),
  );
}

/** Handlers that a workflow has registered. */
async function messagesOf({ env }: WorkflowHarness, { workflowId }: Subject): Promise<readonly string[]> {
  const metadata = await env.client.workflow.getHandle(workflowId).query<{
    readonly definition: Record<'signalDefinitions' | 'updateDefinitions', readonly { readonly name: string }[]>;
  }>('__temporal_workflow_metadata');
  const { signalDefinitions, updateDefinitions } = metadata.definition;
  return [...signalDefinitions, ...updateDefinitions].map(({ name }) => name);
}

test('garbage in any message of any workflow changes nothing, and fails no workflow task', () =>
  withHarness(async (harness) => {
    const contract = contractMessages();
    const subjects = await startSubjects(harness);
    const handled = new Set<string>();
    try {
      for (const subject of subjects) {
        const handle = harness.env.client.workflow.getHandle(subject.workflowId);
        const before = await subject.state();
        const messages = await messagesOf(harness, subject);
        for (const name of messages) handled.add(name);
        const checked = messages.filter((name) => !WITHOUT_ARGUMENT.has(name));
        for (const name of checked.filter((one) => contract.get(one) === 'signal'))
          for (const garbage of GARBAGE) await handle.signal(name, garbage);
        const updates = checked.filter((one) => contract.get(one) === 'update');
        // A renewal without a bundle is of all.
        const meant = (name: string) => (name === 'renew' ? [undefined, GARBAGE[6]] : []);
        await Promise.all(
          updates.map(async (name) => {
            for (const garbage of GARBAGE.filter((one) => !meant(name).includes(one)))
              await expect(
                handle.executeUpdate(name, { args: [garbage] }),
                `${name}: ${JSON.stringify(garbage)}`,
              ).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
          }),
        );
        // The query is answered once every message has been handled.
        expect(await subject.state(), subject.workflowId).toEqual(before);
        const { events = [] } = await handle.fetchHistory();
        const failed = (events ?? []).flatMap((event) => event.workflowTaskFailedEventAttributes?.failure ?? []);
        expect(failed, subject.workflowId).toEqual([]);
      }
      expect(handled).toEqual(new Set(contract.keys()));
    } finally {
      for (const { workflowId } of subjects.slice(1))
        await harness.env.client.workflow.getHandle(workflowId).terminate();
    }
  }));

test('a view of another object is not that of the cluster', () =>
  withHarness(async (harness) => {
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
    const other = { ...view, deleting: true, identity: { ...view.identity, uid: 'other' } };
    expect(isClusterView(other)).toBe(true);
    await handle.signal('clusterObserved', other);
    expect((await harness.status(view)).cluster).toEqual(view);
  }));

test('a change of a dependency without an argument is evaluated, as in runs before arguments were checked', () =>
  withHarness(async (harness) => {
    const view = clusterView();
    const handle = await harness.start(view);
    await untilReady(harness, view);
    await harness.untilAsleep(view);
    const evaluations = () => harness.doubles.countOf('applyCertificateRequests');
    const before = evaluations();
    await handle.signal('dependencyChanged');
    await eventually(
      'evaluated again',
      () => Promise.resolve(evaluations()),
      (count) => count > before,
    );
  }));
