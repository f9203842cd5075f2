/** Wrong input of every kind, on the whole program: said where people look, quiet while it waits, and overcome by itself. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { OUTAGE_DELAYS_MS } from '../../../src/certificates/retry-schedule.ts';
import type { BundleRecord } from '../../../src/contract/bundle-record.ts';
import { CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { ACCOUNT, type Account, readAccount, writeAccount, writeEmail } from '../../support/e2e/account-secret.ts';
import {
  deleteUntilGone,
  expectQuiet,
  mentions,
  NO_ZONE,
  waitUntilFailing,
  waitUntilIssued,
} from '../../support/e2e/bad-input-outcome.ts';
import { BAD_INPUTS, type BadInput, type ClusterUnderTest } from '../../support/e2e/bad-inputs.ts';
import {
  applyClusterObjects,
  describeClusterWorkflow,
  orderUrlsOf,
  patchAsHive,
  readInstalledCertificate,
  readReportedState,
  validClusterObjects,
} from '../../support/e2e/cluster-objects.ts';
import { type E2eHarness, useE2eHarness } from '../../support/e2e/harness.ts';
import { rejectBadKeys } from '../../support/faults/rejected-aws-keys.ts';
import { eventuallyFound } from '../../support/vitest/eventually.ts';

const lab = useE2eHarness({ worker: false });

const GOOD_EMAIL = 'sre@example.com';

/** A cluster of the zone that all share, unless it is in one of its own. */
async function placeOf(at: E2eHarness, name: string, zone?: BadInput['zone']): Promise<ClusterUnderTest> {
  const cluster = sampleCluster(name, zone?.name ?? at.zone.name);
  const zoneId =
    zone === undefined ? at.zone.zoneId : zone.made ? (await at.stack.createZone(zone.name)).zoneId : NO_ZONE;
  return { lab: at, cluster, good: validClusterObjects(cluster, zoneId) };
}

describe('an ACME account', () => {
  const places: ClusterUnderTest[] = [];
  let account: Account;

  beforeAll(async () => {
    account = await readAccount(lab());
    await lab().kubernetes.delete(SECRETS, ACCOUNT);
    await writeEmail(lab(), 'not an address');
    await lab().startWorker();
    for (const name of ['first-without-account', 'second-without-account', 'deleted-without-account'])
      places.push(await placeOf(lab(), name));
    await Promise.all(places.map((place) => applyClusterObjects(lab(), place.good)));
  });

  // Whatever became of these tests, the clusters of the others find everything right.
  afterAll(async () => {
    await writeEmail(lab(), GOOD_EMAIL);
    await writeAccount(lab(), account);
  });

  const allSay = (reason: string, culprit: string | RegExp) =>
    Promise.all(places.map((place) => waitUntilFailing(place, reason, culprit)));

  it('without a contact is told where there is no CertificateRequest yet, and is looked for once there is one', async () => {
    for (const { cluster } of places) {
      await eventuallyFound(
        `${cluster.name} says that there is no contact`,
        async () =>
          (await readReportedState(lab(), cluster)).events.find(
            ({ involvedKind, message }) =>
              involvedKind === 'ClusterDeployment' &&
              mentions(message, /default_notification_email_address.*not an e-mail/),
          ),
        () => readReportedState(lab(), cluster),
      );
    }
    await writeEmail(lab(), GOOD_EMAIL);
  });

  it('that is missing is said on every resource that waits for it', async () => {
    await allSay('AcmeAccountMissing', `Secret ${ACCOUNT.namespace}/${ACCOUNT.name}`);
  });

  it('that is missing costs nothing while it is', async () => {
    await expectQuiet(lab(), places);
  });

  it('that is missing holds up no cluster that is deleted', async () => {
    await deleteUntilGone(places.splice(-1));
  });

  it('whose key is not PEM is told at once, without a word of the key', async () => {
    const body = account['private-key'].replaceAll(/-----.*-----|\s/g, '');
    await writeAccount(lab(), { ...account, 'private-key': body });
    const said = await allSay('AcmeAccountInvalid', /key is not PEM/);
    expect(JSON.stringify(said)).not.toContain(body.slice(0, 16));
  });

  it('whose key is of the wrong kind is told', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeAccount(lab(), {
      ...account,
      'private-key': publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    });
    await allSay('AcmeAccountInvalid', 'PEM of type PUBLIC KEY');
  });

  it('whose entries were mixed up is told without a word of the key', async () => {
    await writeAccount(lab(), { 'private-key': account['account-url'], 'account-url': account['private-key'] });
    const said = await allSay('AcmeAccountInvalid', /account-url|account URL/);
    const line = account['private-key'].split('\n')[1] ?? '';
    expect(JSON.stringify(said)).not.toContain(line.slice(0, 16));
  });

  it('that is put right lets all go on by themselves', async ({ annotate }) => {
    await writeAccount(lab(), account);
    const seconds = await Promise.all(places.map((place) => waitUntilIssued(place)));
    await annotate(`issued after ${seconds.map((one) => one.toFixed(1)).join(' s and ')} s`);
  });
});

describe('one cluster', () => {
  const places = new Map<string, ClusterUnderTest>();
  const placeFor = ({ name }: Pick<BadInput, 'name'>): ClusterUnderTest => {
    const place = places.get(name);
    if (place === undefined) throw new Error(`${name} was not put there`);
    return place;
  };
  const obstacles = BAD_INPUTS.filter(({ expected }) => expected.kind !== 'issued');
  const harmless = BAD_INPUTS.filter(({ expected }) => expected.kind === 'issued');

  /** One more of each, in the same zone, which is deleted while it waits. */
  const twins = new Map<string, Promise<void>>();
  const deletedWhileWaiting = async (input: BadInput): Promise<void> => {
    const { cluster: one, good } = placeFor(input);
    const cluster = sampleCluster(`gone-${input.name}`, one.zone);
    const place: ClusterUnderTest = { lab: lab(), cluster, good: validClusterObjects(cluster, good.zoneId ?? '') };
    await applyClusterObjects(lab(), await input.corrupt(place));
    if (input.expected.kind === 'failing')
      await waitUntilFailing(place, input.expected.reason, input.expected.culprit(place));
    await deleteUntilGone([place]);
  };

  beforeAll(async () => {
    rejectBadKeys(lab());
    await Promise.all(
      BAD_INPUTS.map(async (input) => places.set(input.name, await placeOf(lab(), input.name, input.zone))),
    );
    await Promise.all(
      BAD_INPUTS.map(async (input) => {
        const place = placeFor(input);
        await applyClusterObjects(lab(), await input.corrupt(place));
      }),
    );
    for (const input of obstacles) {
      const twin = deletedWhileWaiting(input);
      twin.catch(() => undefined);
      twins.set(input.name, twin);
    }
  });

  it.each(harmless)('is served in spite of it: $name', async (input) => {
    const place = placeFor(input);
    await waitUntilIssued(place);
    if (input.expected.kind !== 'issued') return;
    const { event } = input.expected;
    if (event === undefined) return;
    const { events } = await readReportedState(lab(), place.cluster);
    expect(events.map(({ involvedKind, reason }) => `${reason} on ${involvedKind}`)).toContain(
      `${event} on ClusterDeployment`,
    );
  });

  it('has no common name in its certificate when the first name has more than 64 characters', async () => {
    const place = placeFor({ name: 'common-name-over-64-characters' });
    await waitUntilIssued(place);
    const issued = await readInstalledCertificate(lab(), place.cluster);
    expect(issued?.certificate.subject ?? '').toBe('');
    expect(issued?.certificate.subjectAltName).toContain('api.a-cluster-whose-name-is-so-long');
  });

  it('has a new certificate when somebody spoils the Secret of the old one', async () => {
    const place = placeFor({ name: 'garbage-in-the-tls-secret' });
    const { cluster } = place;
    await waitUntilIssued(place);
    const before = await readInstalledCertificate(lab(), cluster);
    const body = { stringData: { 'tls.crt': 'no certificate' } };
    await patchAsHive(lab(), SECRETS, { namespace: cluster.namespace, name: cluster.secretName }, body);
    await waitUntilIssued(place);
    expect((await readInstalledCertificate(lab(), cluster))?.serialNumber).not.toBe(before?.serialNumber);
  });

  it('keeps its certificate and says both when its names become invalid, and orders nothing once they are right', async () => {
    const place = placeFor({ name: 'malformed-relocate-annotation' });
    const { cluster, good } = place;
    const key = { namespace: cluster.namespace, name: cluster.name };
    await waitUntilIssued(place);
    const orders = (await describeClusterWorkflow(lab(), cluster))?.record?.orders;
    const ingress = [{ name: 'default', domain: 'apps.$.example.com', servingCertificate: cluster.bundleName }];
    await patchAsHive(lab(), CLUSTER_DEPLOYMENTS, key, { spec: { ingress } });
    const said = await eventuallyFound(
      `${cluster.name} says that its names are invalid`,
      async () => {
        const seen = await readReportedState(lab(), cluster);
        return seen.conditions.some(({ reason }) => reason === 'NamesInvalid') ? seen : undefined;
      },
      () => readReportedState(lab(), cluster),
    );
    const summary = said.conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
    expect(summary).toContain('Failing True NamesInvalid');
    expect(summary).toContain('Ready True Issued');
    expect(said.status['serialNumber']).toBe((await readInstalledCertificate(lab(), cluster))?.serialNumber);
    const { spec } = good.clusterDeployment;
    await patchAsHive(lab(), CLUSTER_DEPLOYMENTS, key, { spec: { ingress: spec['ingress'] } });
    await waitUntilIssued(place);
    expect((await describeClusterWorkflow(lab(), cluster))?.record?.orders).toBe(orders);
  });

  it.each(obstacles)('says what is wrong where people look: $name', async (input) => {
    const place = placeFor(input);
    const { expected } = input;
    if (expected.kind === 'issued') return;
    const culprit = expected.culprit(place);
    if (expected.kind === 'failing') {
      await waitUntilFailing(place, expected.reason, culprit);
      return;
    }
    const event = await eventuallyFound(
      `${input.name} is explained`,
      async () =>
        (await readReportedState(lab(), place.cluster)).events.find(({ reason }) => reason === expected.reason),
      () => readReportedState(lab(), place.cluster),
    );
    expect(event).toMatchObject({ about: 'ClusterDeployment', type: 'Warning' });
    expect(mentions(event.message, culprit), event.message).toBe(true);
    expect(await describeClusterWorkflow(lab(), place.cluster)).toBeUndefined();
    expect((await readReportedState(lab(), place.cluster)).conditions).toEqual([]);
  });

  it.each(obstacles)('can be deleted while it waits: $name', async (input) => {
    await twins.get(input.name);
  });

  it('is left in peace while it waits, whatever it waits for', async () => {
    await expectQuiet(lab(), BAD_INPUTS.map(placeFor));
  });

  describe('once it is put right', () => {
    const outcomes = new Map<string, Promise<number>>();
    let unreachable: ClusterUnderTest;
    /** What the cluster waits for as the CA comes back. */
    let outage: Promise<BundleRecord | undefined>;

    const caIsAway = async (): Promise<BundleRecord | undefined> => {
      lab().ca.down();
      try {
        await applyClusterObjects(lab(), unreachable.good);
        await waitUntilFailing(unreachable, 'AcmeUnreachable', new URL(lab().ca.url).host);
        await expectQuiet(lab(), [unreachable], [...places.values()]);
        return (await describeClusterWorkflow(lab(), unreachable.cluster))?.record;
      } finally {
        lab().ca.up();
      }
    };

    // The CA is away for a while before: its first retry is half a minute later, which is time that the others use.
    beforeAll(async () => {
      unreachable = await placeOf(lab(), 'ca-that-is-away');
      outage = caIsAway();
      await outage.catch(() => undefined);
      for (const input of obstacles) {
        const place = placeFor(input);
        const mended = async (): Promise<number> => {
          await input.repair?.(place);
          return await waitUntilIssued(place);
        };
        const outcome = mended();
        outcome.catch(() => undefined);
        outcomes.set(input.name, outcome);
      }
    });

    it.for(obstacles)('it is served by itself: $name', async (input, { annotate }) => {
      const seconds = await outcomes.get(input.name);
      await annotate(`issued after ${seconds?.toFixed(1)} s`);
    });

    it('takes up the order that it had placed', async () => {
      for (const name of [
        'no-credentials',
        'credentials-that-may-not',
        'no-hosted-zone',
        'garbage-that-is-immutable',
      ]) {
        await outcomes.get(name);
        const orders = await orderUrlsOf(lab(), placeFor({ name }).cluster);
        expect(orders.length).toBeGreaterThan(1);
        expect(new Set(orders).size, name).toBe(1);
      }
    });

    it('it is served by a retry half a minute later when it was the CA that was away', async ({ annotate }) => {
      const { failedAt = '', nextAttempt = '', failedAttempts = 0 } = (await outage) ?? {};
      const wait = Date.parse(nextAttempt) - Date.parse(failedAt);
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(OUTAGE_DELAYS_MS[failedAttempts - 1] ?? 0);
      const seconds = await waitUntilIssued(unreachable);
      await annotate(`issued ${seconds.toFixed(1)} s later`);
    });
  });
});
