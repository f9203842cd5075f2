/** Lives of the whole-life shape: what the CA says in between, pauses that last, limits, adoption, ends that are blocked. */
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import {
  certificateRevoked,
  clusterObserved,
  release,
  renew,
  renewalWindowMoved,
  surroundingsChanged,
} from '../../../workflows/contract.ts';
import type { ActivityDoubles } from '../activity-doubles.ts';
import { bundleView, clusterView } from '../views.ts';
import { asleep, begin, continued, DAY_MS, idOf, inState, type Life, refuse, type Stage, seen } from './life.ts';

type Handle = Awaited<ReturnType<typeof begin>>;

export const WHOLE_LIFE: readonly Life[] = [
  {
    name: 'renewed-in-the-window-of-the-ca',
    live: async (stage) => {
      const view = clusterView();
      const handle = await asleep(stage, view);
      // Later than the policy first, which delays nothing.
      await handle.signal(renewalWindowMoved, { bundleName: 'primary', window: windowAround(stage, 80) });
      await handle.signal(renewalWindowMoved, { bundleName: 'primary', window: windowAround(stage, -1) });
      return await continued(stage, view);
    },
  },
  {
    name: 'revoked-and-replaced',
    live: async (stage) => {
      const view = clusterView();
      const handle = await asleep(stage, view);
      await handle.signal(certificateRevoked, { bundleName: 'primary', serialNumber: newest(stage).serialNumber });
      return await continued(stage, view);
    },
  },
  {
    name: 'environment-changed',
    live: async (stage) => {
      const view = clusterView();
      const handle = await asleep(stage, view);
      stage.doubles.environment = 'other-ca.test';
      await handle.signal(surroundingsChanged, { what: 'The Secret lets-encrypt-account is of another CA.' });
      return await continued(stage, view);
    },
  },
  {
    name: 'held-by-the-ca-and-looked-at-meanwhile',
    live: async (stage) => {
      const view = clusterView();
      const inAnHour = new Date(Date.now() + DAY_MS / 24);
      stage.doubles.when('placeOrder', () => refuse('acme/rateLimited', 'too many new orders recently', inAnHour));
      const handle = await begin(stage, view);
      await inState(stage, view, 'Failing');
      await handle.signal(surroundingsChanged, { what: 'The Secret aws was changed.' });
      await looks(stage, 2);
      await renewalIsDeclined(handle);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await inState(stage, view, 'Paused');
      await handle.signal(clusterObserved, view);
      await inState(stage, view, 'Failing');
      // What it was held from ordering, somebody else put there.
      stage.doubles.secrets.set('primary-cert', { kind: 'valid', certificate: foreignCertificate(60) });
      await handle.signal(surroundingsChanged, { what: 'The Secret primary-cert was made.' });
      await inState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'limit-on-the-exact-set',
    live: async (stage) => {
      const view = clusterView();
      const handle = await asleep(stage, view);
      for (let issued = 1; issued < 5; issued += 1) {
        await loseSecret(stage, handle);
        await seen('issued again', () => stage.doubles.issued.length > issued);
        await inState(stage, view, 'Ready');
      }
      await loseSecret(stage, handle);
      await inState(stage, view, 'Failing');
      return [idOf(view)];
    },
  },
  {
    name: 'paused-until-the-certificate-had-expired',
    live: async (stage) => {
      const view = clusterView();
      stage.doubles.lifetimeDays = 16_000 / DAY_MS;
      const handle = await asleep(stage, view);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await seen('told that it has expired', () => told(stage.doubles, 'ExpiryNear') && told(stage.doubles, 'Expired'));
      stage.doubles.lifetimeDays = 90;
      await handle.signal(clusterObserved, view);
      return await continued(stage, view);
    },
  },
  {
    name: 'adopted-and-renewed',
    live: async (stage) => {
      const view = clusterView();
      stage.doubles.secrets.set('primary-cert', { kind: 'valid', certificate: foreignCertificate(60) });
      const handle = await asleep(stage, view);
      await handle.executeUpdate(renew, { args: [{}] });
      return await continued(stage, view);
    },
  },
  {
    name: 'standalone-request-from-its-beginning-to-its-end',
    live: async (stage) => {
      const { identity } = clusterView();
      const view = clusterView({
        identity: { ...identity, name: 'shop', kind: 'CertificateRequest' },
        bundles: [{ ...bundleView('primary', 'shop.example.com'), requestName: 'shop' }],
      });
      const handle = await asleep(stage, view);
      await handle.executeUpdate(renew, { args: [{}] });
      await continued(stage, view);
      await stage.client.workflow.getHandle(idOf(view)).signal(clusterObserved, { ...view, deleting: true });
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-and-let-go-by-an-operator',
    live: async (stage) => {
      const view = await blocked(stage);
      const handle = stage.client.workflow.getHandle(idOf(view));
      await handle.executeUpdate(release);
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-and-given-up-at-the-limit',
    live: async (stage) => {
      stage.doubles.when('decommissionRules', () => Promise.resolve({ policy: 'release', limitMs: 4_000 }));
      const view = await blocked(stage);
      await stage.client.workflow.getHandle(idOf(view)).result();
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-over-several-runs',
    freshRunAfter: 60,
    live: async (stage) => {
      const view = await blocked(stage);
      const handle = stage.client.workflow.getHandle(idOf(view));
      const first = await handle.describe();
      while ((await handle.describe()).runId === first.runId) {
        const before = stage.doubles.countOf('revokeCertificates');
        await handle.signal(surroundingsChanged, { what: 'The CA answered again.' });
        await seen('tried again', () => stage.doubles.countOf('revokeCertificates') > before);
      }
      stage.doubles.when('revokeCertificates', undefined);
      await handle.signal(surroundingsChanged, { what: 'The CA answers.' });
      await handle.result();
      return [idOf(view)];
    },
  },
];

/** A deletion that goes as far as the CA, which is away. */
async function blocked(stage: Stage): Promise<ClusterView> {
  const view = clusterView();
  const handle = await asleep(stage, view);
  stage.doubles.when('revokeCertificates', () => refuse('acme/unreachable', 'The CA does not answer.'));
  await handle.signal(clusterObserved, { ...view, deleting: true });
  await seen('told that it is blocked', () => told(stage.doubles, 'DecommissionBlocked'));
  return view;
}

function told({ reports }: ActivityDoubles, reason: string): boolean {
  return reports.some(({ event }) => event?.reason === reason);
}

function newest({ doubles }: Stage): CertificateFacts {
  const certificate = doubles.issued.at(-1);
  if (certificate === undefined) throw new Error('nothing has been issued yet');
  return certificate;
}

/** An hour long, for the newest certificate. */
function windowAround(stage: Stage, days: number) {
  const start = Date.now() + days * DAY_MS;
  return {
    certId: newest(stage).certId ?? '',
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

async function looks({ doubles }: Stage, count: number): Promise<void> {
  await seen('looked at', () => doubles.countOf('applyCertificateRequest') >= count);
}

async function loseSecret({ doubles }: Stage, handle: Handle): Promise<void> {
  doubles.secrets.delete('primary-cert');
  await handle.signal(surroundingsChanged, { what: 'The Secret primary-cert was deleted.' });
}
