/** Lives of the whole-life shape: what the CA says in between, pauses that last, limits, adoption, ends that are blocked. */
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
import type { ActivityDoubles } from '../../workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../../workflows/cluster-views.ts';
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
} from './scenario.ts';

type Handle = Awaited<ReturnType<typeof startCluster>>;

export const WHOLE_LIFE: readonly HistoryScenario[] = [
  {
    name: 'renewed-in-the-window-of-the-ca',
    run: async (stage) => {
      const view = clusterView();
      const handle = await startAndWaitReady(stage, view);
      // Later than the policy first, which delays nothing.
      await handle.signal(renewalWindowChanged, { bundleName: 'primary', window: windowAround(stage, 80) });
      await handle.signal(renewalWindowChanged, { bundleName: 'primary', window: windowAround(stage, -1) });
      return await waitForContinueAsNew(stage, view);
    },
  },
  {
    name: 'revoked-and-replaced',
    run: async (stage) => {
      const view = clusterView();
      const handle = await startAndWaitReady(stage, view);
      await handle.signal(certificateRevoked, {
        bundleName: 'primary',
        serialNumber: latestCertificate(stage).serialNumber,
      });
      return await waitForContinueAsNew(stage, view);
    },
  },
  {
    name: 'environment-changed',
    run: async (stage) => {
      const view = clusterView();
      const handle = await startAndWaitReady(stage, view);
      stage.doubles.caHost = 'other-ca.test';
      await handle.signal(dependencyChanged, { what: 'The Secret lets-encrypt-account is of another CA.' });
      return await waitForContinueAsNew(stage, view);
    },
  },
  {
    name: 'held-by-the-ca-and-looked-at-meanwhile',
    run: async (stage) => {
      const view = clusterView();
      const inAnHour = new Date(Date.now() + DAY_MS / 24);
      stage.doubles.override('placeOrder', () =>
        rejectNonRetryable('acme/rateLimited', 'too many new orders recently', inAnHour),
      );
      const handle = await startCluster(stage, view);
      await waitForState(stage, view, 'Failing');
      await handle.signal(dependencyChanged, { what: 'The Secret aws was changed.' });
      await waitForEvaluations(stage, 2);
      await renewalIsDeclined(handle);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await waitForState(stage, view, 'Paused');
      await handle.signal(clusterObserved, view);
      await waitForState(stage, view, 'Failing');
      // What it was held from ordering, somebody else put there.
      stage.doubles.secrets.set('primary-cert', { kind: 'valid', certificate: foreignCertificate(60) });
      await handle.signal(dependencyChanged, { what: 'The Secret primary-cert was made.' });
      await waitForState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'limit-on-the-exact-set',
    run: async (stage) => {
      const view = clusterView();
      const handle = await startAndWaitReady(stage, view);
      for (let issued = 1; issued < 5; issued += 1) {
        await deleteSecret(stage, handle);
        await waitFor('issued again', () => stage.doubles.issued.length > issued);
        await waitForState(stage, view, 'Ready');
      }
      await deleteSecret(stage, handle);
      await waitForState(stage, view, 'Failing');
      return [idOf(view)];
    },
  },
  {
    name: 'paused-until-the-certificate-had-expired',
    run: async (stage) => {
      const view = clusterView();
      stage.doubles.lifetimeDays = 16_000 / DAY_MS;
      const handle = await startAndWaitReady(stage, view);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await waitFor(
        'told that it has expired',
        () => hasReported(stage.doubles, 'ExpiryNear') && hasReported(stage.doubles, 'Expired'),
      );
      stage.doubles.lifetimeDays = 90;
      await handle.signal(clusterObserved, view);
      return await waitForContinueAsNew(stage, view);
    },
  },
  {
    name: 'adopted-and-renewed',
    run: async (stage) => {
      const view = clusterView();
      stage.doubles.secrets.set('primary-cert', { kind: 'valid', certificate: foreignCertificate(60) });
      const handle = await startAndWaitReady(stage, view);
      await handle.executeUpdate(renew, { args: [{}] });
      return await waitForContinueAsNew(stage, view);
    },
  },
  {
    name: 'standalone-request-from-its-beginning-to-its-end',
    run: async (stage) => {
      const { identity } = clusterView();
      const view = clusterView({
        identity: { ...identity, name: 'shop', kind: 'CertificateRequest' },
        bundles: [{ ...bundleView('primary', 'shop.example.com'), requestName: 'shop' }],
      });
      const handle = await startAndWaitReady(stage, view);
      await handle.executeUpdate(renew, { args: [{}] });
      await waitForContinueAsNew(stage, view);
      await stage.client.workflow.getHandle(idOf(view)).signal(clusterObserved, { ...view, deleting: true });
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-and-let-go-by-an-operator',
    run: async (stage) => {
      const view = await blockDecommission(stage);
      const handle = stage.client.workflow.getHandle(idOf(view));
      await handle.executeUpdate(release);
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-and-given-up-at-the-limit',
    run: async (stage) => {
      stage.doubles.override('decommissionRules', () => Promise.resolve({ policy: 'release', limitMs: 4_000 }));
      const view = await blockDecommission(stage);
      await stage.client.workflow.getHandle(idOf(view)).result();
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-over-several-runs',
    continueAsNewAfter: 60,
    run: async (stage) => {
      const view = await blockDecommission(stage);
      const handle = stage.client.workflow.getHandle(idOf(view));
      const first = await handle.describe();
      while ((await handle.describe()).runId === first.runId) {
        const before = stage.doubles.countOf('revokeCertificates');
        await handle.signal(dependencyChanged, { what: 'The CA answered again.' });
        await waitFor('tried again', () => stage.doubles.countOf('revokeCertificates') > before);
      }
      stage.doubles.override('revokeCertificates', undefined);
      await handle.signal(dependencyChanged, { what: 'The CA answers.' });
      await handle.result();
      return [idOf(view)];
    },
  },
];

/** A deletion that goes as far as the CA, which is away. */
async function blockDecommission(stage: ScenarioContext): Promise<ClusterView> {
  const view = clusterView();
  const handle = await startAndWaitReady(stage, view);
  stage.doubles.override('revokeCertificates', () => rejectNonRetryable('acme/unreachable', 'The CA does not answer.'));
  await handle.signal(clusterObserved, { ...view, deleting: true });
  await waitFor('told that it is blocked', () => hasReported(stage.doubles, 'DecommissionBlocked'));
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
function windowAround(stage: ScenarioContext, days: number) {
  const start = Date.now() + days * DAY_MS;
  return {
    certId: latestCertificate(stage).certId ?? '',
    start: new Date(start).toISOString(),
    end: new Date(start + DAY_MS / 24).toISOString(),
  };
}

function foreignCertificate(daysLeft: number): CertificateFacts {
  const now = Date.now();
  return {
    serialNumber: '77',
    issuerName: 'Test CA',
    notBefore: new Date(now - (90 - daysLeft) * DAY_MS).toISOString(),
    notAfter: new Date(now + daysLeft * DAY_MS).toISOString(),
    dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'],
    fingerprint: 'fingerprint-of-77',
    certId: 'id.77',
  };
}

async function renewalIsDeclined(handle: Handle): Promise<void> {
  const answer = handle.executeUpdate(renew, { args: [{}] });
  const declined = await answer.then(() => false).catch((error: unknown) => error instanceof WorkflowUpdateFailedError);
  if (!declined) throw new Error('a renewal that is held was not declined');
}

async function waitForEvaluations({ doubles }: ScenarioContext, count: number): Promise<void> {
  await waitFor('looked at', () => doubles.countOf('applyCertificateRequest') >= count);
}

async function deleteSecret({ doubles }: ScenarioContext, handle: Handle): Promise<void> {
  doubles.secrets.delete('primary-cert');
  await handle.signal(dependencyChanged, { what: 'The Secret primary-cert was deleted.' });
}
