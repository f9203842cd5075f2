/** Scenarios in which a person or another workflow intervenes while something is under way. */
import type { ClusterView } from '../../../../src/clusters/cluster-view.ts';
import { campaignRequested } from '../../../../src/contract/campaign-request.ts';
import {
  clusterObserved,
  dependencyChanged,
  release,
  renew,
  requestClaimed,
} from '../../../../src/contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../../../../src/contract/ids.ts';
import { renewalWithdrawn } from '../../../../src/contract/renewal-withdrawal.ts';
import { revocationRequested } from '../../../../src/contract/revocation-request.ts';
import { bundleView, clusterView } from '../../workflows/cluster-views.ts';
import { foreignCertificate } from '../../workflows/foreign-certificate.ts';
import {
  DAY_MS,
  type HistoryScenario,
  holdPropagation,
  idOf,
  rejectNonRetryable,
  type ScenarioContext,
  startAndWaitReady,
  startCluster,
  waitFor,
  waitForContinueAsNew,
  waitForPublishedRecords,
  waitForState,
  waitForStatus,
} from './scenario.ts';

export const INTERVENTIONS: readonly HistoryScenario[] = [
  {
    name: 'standalone-request-claimed-during-order',
    run: async (context) => {
      const { identity } = clusterView();
      const view = clusterView({
        identity: { ...identity, name: 'shop', kind: 'CertificateRequest' },
        bundles: [{ ...bundleView('primary', 'shop.example.com'), requestName: 'shop' }],
      });
      holdPropagation(context, 'shop');
      const handle = await startCluster(context, view);
      await waitForPublishedRecords(context);
      await handle.signal(requestClaimed, { clusterDeployment: 'c1' });
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'claimed-with-pending-requests',
    run: async (context) => {
      const { identity } = clusterView();
      const bundles = [{ ...bundleView('primary', 'shop.example.com'), requestName: 'shop' }];
      const view = clusterView({
        identity: { ...identity, name: 'shop', uid: 'shop', kind: 'CertificateRequest' },
        bundles,
      });
      const cluster = clusterView({ identity: { ...identity, name: 'claims', uid: 'claims' }, bundles });
      const handle = await startAndWaitReady(context, view);
      context.doubles.override('placeOrder', () => rejectNonRetryable('acme/unreachable', 'The CA does not answer.'));
      await handle.executeUpdate(renew, { args: [{}] }).catch(() => undefined);
      await startAndWaitReady(context, cluster);
      context.doubles.override('placeOrder', undefined);
      await handle.signal(requestClaimed, { clusterDeployment: 'claims', uid: 'claims' });
      await handle.result();
      await waitForStatus(
        context,
        cluster,
        'renewed',
        ({ bundles: records }) => records['primary']?.certificate?.serialNumber === '1001',
      );
      return [idOf(view), idOf(cluster)];
    },
  },
  {
    name: 'issuance-cancelled-by-person',
    run: async (context) => {
      const view = clusterView();
      holdPropagation(context, 'api');
      const handle = await startCluster(context, view);
      await waitForPublishedRecords(context);
      await context.client.workflow.getHandle(issuanceWorkflowId(view.identity, 'primary', 1)).cancel();
      await waitForState(context, view, 'Failing');
      context.doubles.override('verifyPropagation', undefined);
      await handle.executeUpdate(renew, { args: [{}] });
      await startAndWaitReady(context, view);
      return [idOf(view)];
    },
  },
  {
    name: 'requested-renewal-fails-and-is-retried',
    run: async (context) => {
      const view = clusterView();
      const handle = await startAndWaitReady(context, view);
      context.doubles.override('placeOrder', () => rejectNonRetryable('acme/unreachable', 'The CA does not answer.'));
      await handle.executeUpdate(renew, { args: [{}] }).catch(() => undefined);
      context.doubles.override('placeOrder', undefined);
      await handle.signal(dependencyChanged, { what: 'The account Secret changed.' });
      return await waitForContinueAsNew(context, view);
    },
  },
  {
    name: 'requested-renewal-withdrawn',
    run: async (context) => {
      const view = clusterView();
      const handle = await startAndWaitReady(context, view);
      context.doubles.override('placeOrder', () => rejectNonRetryable('acme/unreachable', 'The CA does not answer.'));
      await handle.executeUpdate(renew, { args: [{}] }).catch(() => undefined);
      await waitForState(context, view, 'Failing');
      await handle.signal(renewalWithdrawn, { bundleNames: ['primary'] });
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'requested-of-a-second-bundle-beside-a-failing-one',
    run: async (context) => {
      const view = clusterView({ bundles: [bundleView('one'), bundleView('two')] });
      // The first one expires first, and is shown.
      context.doubles.secrets.set('one-cert', { kind: 'valid', certificate: foreignCertificate(60) });
      context.doubles.secrets.set('two-cert', { kind: 'valid', certificate: foreignCertificate(70) });
      const handle = await startCluster(context, view);
      for (const name of ['one', 'two'])
        await waitForStatus(context, view, `${name} adopted`, ({ bundles }) => bundles[name]?.state === 'Ready');
      context.doubles.override('placeOrder', () => rejectNonRetryable('acme/unreachable', 'The CA does not answer.'));
      for (const bundleName of ['one', 'two'])
        await handle.executeUpdate(renew, { args: [{ bundleName }] }).catch(() => undefined);
      await handle.signal(renewalWithdrawn, { bundleNames: ['two'] });
      await waitForStatus(context, view, 'withdrawn', ({ bundles }) => bundles['two']?.state === 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'certificates-revoked-on-request',
    run: async (context) => {
      const view = clusterView();
      const handle = await startAndWaitReady(context, view);
      const request = { bundleName: 'primary', reason: 4, delayMs: 0 } as const;
      context.doubles.override('revokeRequested', () => rejectNonRetryable('acme/unreachable', 'The CA is away.'));
      await handle.signal(revocationRequested, { ...request, serialNumber: '1000', replaceFirst: false });
      await waitForStatus(
        context,
        view,
        'failed',
        ({ bundles }) => bundles['primary']?.revocations?.[0]?.retry !== undefined,
      );
      context.doubles.override('revokeRequested', undefined);
      // In the present run, whichever that is.
      const present = context.client.workflow.getHandle(idOf(view));
      await present.signal(revocationRequested, { ...request, serialNumber: '1000', replaceFirst: false });
      const isRevoked = (serialNumber: string) =>
        waitForStatus(context, view, `${serialNumber} is revoked`, ({ bundles }) =>
          (bundles['primary']?.revocations ?? []).some((one) => one.serialNumber === serialNumber && one.result),
        );
      await isRevoked('1000');
      await startAndWaitReady(context, view);
      await present.signal(revocationRequested, { ...request, serialNumber: '1001', replaceFirst: true });
      await isRevoked('1001');
      await startAndWaitReady(context, view);
      return [idOf(view)];
    },
  },
  {
    name: 'certificate-to-be-revoked-put-back',
    run: async (context) => {
      const view = clusterView();
      const handle = await startAndWaitReady(context, view);
      const secrets = context.doubles.secrets;
      const [entry] = secrets;
      if (entry === undefined) throw new Error('no Secret');
      const request = { bundleName: 'primary', serialNumber: '1000' };
      const revocation = { reason: 4, delayMs: DAY_MS } as const;
      await handle.signal(revocationRequested, { ...request, ...revocation, replaceFirst: true });
      const present = context.client.workflow.getHandle(idOf(view));
      const wave = { campaign: 'c', wave: 'campaign/none/w0', item: 0 };
      await present.signal(campaignRequested, { ...request, ...wave, revocation });
      const isScheduledFor = (serialNumber: string) =>
        waitForStatus(context, view, `replaced by ${serialNumber}`, ({ bundles }) => {
          const { certificate, revocations, campaigns } = bundles['primary'] ?? {};
          const requests = [...(revocations ?? []), ...(campaigns ?? [])];
          return (
            certificate?.serialNumber === serialNumber &&
            requests.length === 2 &&
            requests.every(({ revokeAt }) => revokeAt !== undefined)
          );
        });
      await isScheduledFor('1001');
      secrets.set(...entry);
      await present.signal(dependencyChanged, { what: 'A person has put the old one back.' });
      await isScheduledFor('1002');
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed-and-restored',
    run: async (context) => {
      const view = await removeOneBundle(context);
      await context.client.workflow.getHandle(idOf(view)).signal(clusterObserved, view);
      await waitForStatus(
        context,
        view,
        'issued again',
        ({ bundles }) => bundles['goes']?.certificate?.serialNumber === '1002',
      );
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed-and-released-by-operator',
    run: async (context) => {
      const view = await removeOneBundle(context);
      await context.client.workflow.getHandle(idOf(view)).executeUpdate(release);
      await waitForStatus(context, view, 'one gone', ({ bundles }) => bundles['goes'] === undefined);
      return [idOf(view)];
    },
  },
];

/** Removes one of two bundles while the CA is unavailable. @returns the view with both. */
async function removeOneBundle(context: ScenarioContext): Promise<ClusterView> {
  const stays = bundleView('stays', 'a.example.com');
  const view = clusterView({ bundles: [stays, bundleView('goes', 'b.example.com')] });
  const handle = await startAndWaitReady(context, view);
  context.doubles.override('revokeCertificates', () =>
    rejectNonRetryable('acme/unreachable', 'The CA does not answer.'),
  );
  await handle.signal(clusterObserved, { ...view, bundles: [stays] });
  await waitFor('reported as blocked', () =>
    context.doubles.reports.some(({ event }) => event?.reason === 'DecommissionBlocked'),
  );
  return view;
}
