/** Rare scenarios: renewal windows, revocation, long pauses, rate limits, adoption, blocked decommissions. */
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { CertificateFacts } from '../../../../src/certificates/certificate-facts.ts';
import type { ClusterView } from '../../../../src/clusters/cluster-view.ts';
import {
  certificateRevoked,
  clusterObserved,
  dependencyChanged,
  release,
  renew,
  renewalWindowChanged,
} from '../../../../src/contract/cluster-certificates.ts';
import { Gate } from '../../faults/gate.ts';
import type { ActivityDoubles } from '../../workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../../workflows/cluster-views.ts';
import { foreignCertificate } from '../../workflows/foreign-certificate.ts';
import { dieAfter, LOST_ORDER } from '../../workflows/lost-placement.ts';
import {
  DAY_MS,
  type HistoryScenario,
  idOf,
  rejectNonRetryable,
  type ScenarioContext,
  startAndWaitReady,
  startCluster,
  waitFor,
  waitForContinueAsNew,
  waitForState,
  waitForStatus,
} from './scenario.ts';

type Handle = Awaited<ReturnType<typeof startCluster>>;

export const EXCEPTIONAL: readonly HistoryScenario[] = [
  {
    name: 'renewed-in-ari-window',
    run: async (context) => {
      const view = clusterView();
      const handle = await startAndWaitReady(context, view);
      // A window after the planned renewal delays nothing.
      await handle.signal(renewalWindowChanged, { bundleName: 'primary', window: windowAround(context, 80) });
      await handle.signal(renewalWindowChanged, { bundleName: 'primary', window: windowAround(context, -1) });
      return await waitForContinueAsNew(context, view);
    },
  },
  {
    name: 'revoked-and-replaced',
    run: async (context) => {
      const view = clusterView();
      const handle = await startAndWaitReady(context, view);
      await handle.signal(certificateRevoked, {
        bundleName: 'primary',
        serialNumber: latestCertificate(context).serialNumber,
      });
      return await waitForContinueAsNew(context, view);
    },
  },
  {
    name: 'ca-changed',
    run: async (context) => {
      const view = clusterView();
      const handle = await startAndWaitReady(context, view);
      context.doubles.caHost = 'other-ca.test';
      await handle.signal(dependencyChanged, { what: 'The Secret lets-encrypt-account is of another CA.' });
      await waitForState(context, view, 'Waiting');
      context.doubles.caChangeAllowed = true;
      await handle.signal(dependencyChanged, { what: 'The change is allowed.' });
      return await waitForContinueAsNew(context, view);
    },
  },
  {
    name: 'not-before-and-evaluated-meanwhile',
    run: async (context) => {
      const view = clusterView();
      const inAnHour = new Date(Date.now() + DAY_MS / 24);
      context.doubles.override('placeOrder', () =>
        rejectNonRetryable('acme/rateLimited', 'too many new orders recently', inAnHour),
      );
      const handle = await startCluster(context, view);
      await waitForState(context, view, 'Failing');
      await handle.signal(dependencyChanged, { what: 'The Secret aws was changed.' });
      await waitForEvaluations(context, 2);
      await expectRenewalRejected(handle);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await waitForState(context, view, 'Paused');
      await handle.signal(clusterObserved, view);
      await waitForState(context, view, 'Failing');
      // Another writer installs a certificate before notBefore has passed.
      context.doubles.secrets.set('primary-cert', { kind: 'valid', certificate: foreignCertificate(60) });
      await handle.signal(dependencyChanged, { what: 'The Secret primary-cert was made.' });
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'exact-set-limit',
    run: async (context) => {
      const view = clusterView();
      const handle = await startAndWaitReady(context, view);
      for (let issued = 1; issued < 5; issued += 1) {
        await deleteSecret(context, handle);
        await waitFor('issued again', () => context.doubles.issued.length > issued);
        await waitForState(context, view, 'Ready');
      }
      await deleteSecret(context, handle);
      await waitForState(context, view, 'Failing');
      return [idOf(view)];
    },
  },
  {
    name: 'paused-until-expired',
    run: async (context) => {
      const view = clusterView();
      context.doubles.lifetimeDays = 16_000 / DAY_MS;
      const handle = await startAndWaitReady(context, view);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await waitFor(
        'reported that it has expired',
        () => hasReported(context.doubles, 'ExpiryNear') && hasReported(context.doubles, 'Expired'),
      );
      context.doubles.lifetimeDays = 90;
      await handle.signal(clusterObserved, view);
      return await waitForContinueAsNew(context, view);
    },
  },
  {
    name: 'adopted-and-renewed',
    run: async (context) => {
      const view = clusterView();
      context.doubles.secrets.set('primary-cert', { kind: 'valid', certificate: foreignCertificate(60) });
      const handle = await startAndWaitReady(context, view);
      await handle.executeUpdate(renew, { args: [{}] });
      return await waitForContinueAsNew(context, view);
    },
  },
  {
    name: 'adopted-with-two-bundles',
    run: async (context) => {
      const view = clusterView({ bundles: [bundleView('one'), bundleView('two')] });
      for (const name of ['one-cert', 'two-cert'])
        context.doubles.secrets.set(name, { kind: 'valid', certificate: foreignCertificate(60) });
      context.doubles.reportsSettled = true;
      const handle = await startCluster(context, view);
      for (const name of ['one', 'two'])
        await waitForStatus(context, view, `${name} adopted`, ({ bundles }) => bundles[name]?.state === 'Ready');
      await handle.signal(dependencyChanged, { what: 'The account was changed.' });
      await waitForEvaluations(context, 4);
      return [idOf(view)];
    },
  },
  {
    name: 'first-task-without-time',
    run: async (context) => {
      context.doubles.evaluatesInFirstTask = false;
      const view = clusterView();
      await startAndWaitReady(context, view);
      return [idOf(view)];
    },
  },
  {
    name: 'first-task-fails',
    run: async (context) => {
      const view = clusterView();
      let isFirst = true;
      context.doubles.before = async (activity) => {
        if (activity !== 'applyCertificateRequests' || !isFirst) return;
        isFirst = false;
        await rejectNonRetryable('kubernetes/unreachable', 'The API server does not answer.');
      };
      await startAndWaitReady(context, view);
      return [idOf(view)];
    },
  },
  {
    name: 'signalled-in-first-task',
    run: async (context) => {
      const view = clusterView();
      const signalled = new Gate();
      context.doubles.before = async (activity) => {
        if (activity === 'applyCertificateRequests') await signalled.opened;
      };
      const handle = await startCluster(context, view);
      await waitFor('evaluated', () => context.doubles.countOf('applyCertificateRequests') > 0);
      await handle.signal(dependencyChanged, { what: 'The account was changed.' });
      signalled.open();
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'worker-lost-while-fulfilling',
    run: async (context) => {
      const view = clusterView();
      const fulfilling = { step: 'verifyPropagation' };
      context.doubles.override('placeOrder', () => dieAfter({ ...LOST_ORDER, ...fulfilling, fulfilling }));
      await startAndWaitReady(context, view);
      return [idOf(view)];
    },
  },
  {
    name: 'worker-lost-while-placing',
    run: async (context) => {
      const view = clusterView();
      context.doubles.override('placeOrder', async ({ resume }) =>
        resume === undefined ? await dieAfter({ orderUrl: LOST_ORDER.orderUrl, step: 'placeOrder' }) : LOST_ORDER,
      );
      await startAndWaitReady(context, view);
      return [idOf(view)];
    },
  },
  {
    name: 'standalone-request',
    run: async (context) => {
      const { identity } = clusterView();
      const view = clusterView({
        identity: { ...identity, name: 'shop', kind: 'CertificateRequest' },
        bundles: [{ ...bundleView('primary', 'shop.example.com'), requestName: 'shop' }],
      });
      const handle = await startAndWaitReady(context, view);
      await handle.executeUpdate(renew, { args: [{}] });
      await waitForContinueAsNew(context, view);
      await context.client.workflow.getHandle(idOf(view)).signal(clusterObserved, { ...view, deleting: true });
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-and-released-by-operator',
    run: async (context) => {
      const view = await blockDecommission(context);
      const handle = context.client.workflow.getHandle(idOf(view));
      await handle.executeUpdate(release);
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-and-given-up-at-limit',
    run: async (context) => {
      context.doubles.override('decommissionRules', () => Promise.resolve({ policy: 'release', limitMs: 4_000 }));
      const view = await blockDecommission(context);
      await context.client.workflow.getHandle(idOf(view)).result();
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-over-several-runs',
    continueAsNewAfter: 60,
    run: async (context) => {
      const view = await blockDecommission(context);
      const handle = context.client.workflow.getHandle(idOf(view));
      const first = await handle.describe();
      while ((await handle.describe()).runId === first.runId) {
        const before = context.doubles.countOf('revokeCertificates');
        await handle.signal(dependencyChanged, { what: 'The CA answered again.' });
        await waitFor('retried', () => context.doubles.countOf('revokeCertificates') > before);
      }
      context.doubles.override('revokeCertificates', undefined);
      await handle.signal(dependencyChanged, { what: 'The CA answers.' });
      await handle.result();
      return [idOf(view)];
    },
  },
];

/** Deletes a cluster while the CA is unavailable. */
async function blockDecommission(context: ScenarioContext): Promise<ClusterView> {
  const view = clusterView();
  const handle = await startAndWaitReady(context, view);
  context.doubles.override('revokeCertificates', () =>
    rejectNonRetryable('acme/unreachable', 'The CA does not answer.'),
  );
  await handle.signal(clusterObserved, { ...view, deleting: true });
  await waitFor('reported as blocked', () => hasReported(context.doubles, 'DecommissionBlocked'));
  return view;
}

function hasReported({ reports }: ActivityDoubles, reason: string): boolean {
  return reports.some(({ event }) => event?.reason === reason);
}

function latestCertificate({ doubles }: ScenarioContext): CertificateFacts {
  const certificate = doubles.issued.at(-1);
  if (certificate === undefined) throw new Error('nothing has been issued yet');
  return certificate;
}

/** An hour long, for the newest certificate. */
function windowAround(context: ScenarioContext, days: number) {
  const start = Date.now() + days * DAY_MS;
  return {
    certId: latestCertificate(context).certId ?? '',
    start: new Date(start).toISOString(),
    end: new Date(start + DAY_MS / 24).toISOString(),
  };
}

async function expectRenewalRejected(handle: Handle): Promise<void> {
  const answer = handle.executeUpdate(renew, { args: [{}] });
  const declined = await answer.then(() => false).catch((error: unknown) => error instanceof WorkflowUpdateFailedError);
  if (!declined) throw new Error('a renewal before notBefore was not rejected');
}

async function waitForEvaluations({ doubles }: ScenarioContext, count: number): Promise<void> {
  await waitFor('evaluated', () => doubles.countOf('applyCertificateRequest') >= count);
}

async function deleteSecret({ doubles }: ScenarioContext, handle: Handle): Promise<void> {
  doubles.secrets.delete('primary-cert');
  await handle.signal(dependencyChanged, { what: 'The Secret primary-cert was deleted.' });
}
