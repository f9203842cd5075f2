/** Bad input of every kind: reported on the resources, no work while waiting, and issuance without intervention once repaired. */
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { OUTAGE_DELAYS_MS } from '../../../src/certificates/retry-schedule.ts';
import { type BundleRecord, lastAttemptOf, nextAttemptOf } from '../../../src/contract/bundle-record.ts';
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
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { rejectBadKeys } from '../../support/faults/rejected-aws-keys.ts';
import { eventuallyFound } from '../../support/vitest/eventually.ts';

const lab = useE2eHarness({ worker: false });

const GOOD_EMAIL = 'sre@example.com';

/** A cluster in the shared zone or in a zone of its own. */
async function createSubject(name: string, zone?: BadInput['zone']): Promise<ClusterUnderTest> {
  const cluster = sampleCluster(name, zone?.name ?? lab().zone.name);
  const zoneId =
    zone === undefined ? lab().zone.zoneId : zone.made ? (await lab().stack.createZone(zone.name)).zoneId : NO_ZONE;
  return { lab: lab(), cluster, good: validClusterObjects(cluster, zoneId) };
}

describe('an ACME account', () => {
  const subjects: ClusterUnderTest[] = [];
  let account: Account;

  beforeAll(async () => {
    account = await readAccount(lab());
    await lab().kubernetes.delete(SECRETS, ACCOUNT);
    await writeEmail(lab(), 'not an address');
    await lab().startWorker();
    for (const name of ['first-without-account', 'second-without-account', 'deleted-without-account'])
      subjects.push(await createSubject(name));
    await Promise.all(subjects.map((subject) => applyClusterObjects(lab(), subject.good)));
  });

  // Restored even if these tests fail, because the tests below need the account.
  afterAll(async () => {
    await writeEmail(lab(), GOOD_EMAIL);
    await writeAccount(lab(), account);
  });

  const allReport = (reason: string, expectedMessage: string | RegExp) =>
    Promise.all(subjects.map((subject) => waitUntilFailing(subject, reason, expectedMessage)));

  it('with an invalid contact address is reported in an Event on each ClusterDeployment before a CertificateRequest exists', async () => {
    for (const { cluster } of subjects) {
      await eventuallyFound(
        `${cluster.name} reports the contact address`,
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

  it('that is missing is reported on every resource that waits for it', async () => {
    await allReport('AcmeAccountMissing', `Secret ${ACCOUNT.namespace}/${ACCOUNT.name}`);
  });

  it('that is missing causes no work while clusters wait', async () => {
    await expectQuiet(lab(), subjects);
  });

  it('that is missing does not block the deletion of a cluster', async () => {
    await deleteUntilGone(subjects.splice(-1));
  });

  it('whose key is not PEM is reported without revealing the key', async () => {
    const body = account['private-key'].replaceAll(/-----.*-----|\s/g, '');
    await writeAccount(lab(), { ...account, 'private-key': body });
    const reported = await allReport('AcmeAccountInvalid', /key is not PEM/);
    expect(JSON.stringify(reported)).not.toContain(body.slice(0, 16));
  });

  it('whose key is a public key is reported', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeAccount(lab(), {
      ...account,
      'private-key': publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    });
    await allReport('AcmeAccountInvalid', 'PEM of type PUBLIC KEY');
  });

  it('whose entries are swapped is reported without revealing the key', async () => {
    await writeAccount(lab(), { 'private-key': account['account-url'], 'account-url': account['private-key'] });
    const reported = await allReport('AcmeAccountInvalid', /account-url|account URL/);
    const line = account['private-key'].split('\n')[1] ?? '';
    expect(JSON.stringify(reported)).not.toContain(line.slice(0, 16));
  });

  it('that is repaired unblocks all clusters', async ({ annotate }) => {
    await writeAccount(lab(), account);
    const seconds = await Promise.all(subjects.map((subject) => waitUntilIssued(subject)));
    await annotate(`issued after ${seconds.map((one) => one.toFixed(1)).join(' s and ')} s`);
  });
});

describe('a cluster with bad input', () => {
  const subjects = new Map<string, ClusterUnderTest>();
  const subjectOf = ({ name }: Pick<BadInput, 'name'>): ClusterUnderTest => {
    const subject = subjects.get(name);
    if (subject === undefined) throw new Error(`${name} does not exist`);
    return subject;
  };
  const blocking = BAD_INPUTS.filter(({ expected }) => expected.kind !== 'issued');
  const harmless = BAD_INPUTS.filter(({ expected }) => expected.kind === 'issued');

  /** Second cluster of each kind in the same zone, deleted while it waits. */
  const twins = new Map<string, Promise<void>>();
  const deleteWhileWaiting = async (input: BadInput): Promise<void> => {
    const { cluster: first, good } = subjectOf(input);
    const cluster = sampleCluster(`gone-${input.name}`, first.zone);
    const subject: ClusterUnderTest = { lab: lab(), cluster, good: validClusterObjects(cluster, good.zoneId ?? '') };
    await applyClusterObjects(lab(), await input.corrupt(subject));
    if (input.expected.kind === 'failing')
      await waitUntilFailing(subject, input.expected.reason, input.expected.message(subject));
    await deleteUntilGone([subject]);
  };

  beforeAll(async () => {
    rejectBadKeys(lab());
    await Promise.all(
      BAD_INPUTS.map(async (input) => subjects.set(input.name, await createSubject(input.name, input.zone))),
    );
    await Promise.all(
      BAD_INPUTS.map(async (input) => {
        const subject = subjectOf(input);
        await applyClusterObjects(lab(), await input.corrupt(subject));
      }),
    );
    for (const input of blocking) {
      const twin = deleteWhileWaiting(input);
      twin.catch(() => undefined);
      twins.set(input.name, twin);
    }
  });

  it.each(harmless)('gets its certificate if the input does not prevent issuance: $name', async (input) => {
    const subject = subjectOf(input);
    await waitUntilIssued(subject);
    if (input.expected.kind !== 'issued') return;
    const { event } = input.expected;
    if (event === undefined) return;
    await eventuallyFound(
      `an Event ${event} on the ClusterDeployment`,
      async () => {
        const { events } = await readReportedState(lab(), subject.cluster);
        return events.find(({ involvedKind, reason }) => reason === event && involvedKind === 'ClusterDeployment');
      },
      () => readReportedState(lab(), subject.cluster),
    );
  });

  it('gets a certificate without common name when the first name exceeds 64 characters', async () => {
    const subject = subjectOf({ name: 'common-name-over-64-characters' });
    await waitUntilIssued(subject);
    const issued = await readInstalledCertificate(lab(), subject.cluster);
    expect(issued?.certificate.subject ?? '').toBe('');
    expect(issued?.certificate.subjectAltName).toContain('api.a-cluster-whose-name-is-so-long');
  });

  it('gets a new certificate when its Secret is overwritten with garbage', async () => {
    const subject = subjectOf({ name: 'garbage-in-the-tls-secret' });
    const { cluster } = subject;
    await waitUntilIssued(subject);
    const before = await readInstalledCertificate(lab(), cluster);
    const body = { stringData: { 'tls.crt': 'no certificate' } };
    await patchAsHive(lab(), SECRETS, { namespace: cluster.namespace, name: cluster.secretName }, body);
    await waitUntilIssued(subject);
    expect((await readInstalledCertificate(lab(), cluster))?.serialNumber).not.toBe(before?.serialNumber);
  });

  it('stays Ready and becomes Failing when its names become invalid, and orders nothing once they are repaired', async () => {
    const subject = subjectOf({ name: 'malformed-relocate-annotation' });
    const { cluster, good } = subject;
    const key = { namespace: cluster.namespace, name: cluster.name };
    await waitUntilIssued(subject);
    const orders = (await describeClusterWorkflow(lab(), cluster))?.record?.orders;
    const ingress = [{ name: 'default', domain: 'apps.$.example.com', servingCertificate: cluster.bundleName }];
    await patchAsHive(lab(), CLUSTER_DEPLOYMENTS, key, { spec: { ingress } });
    const reported = await eventuallyFound(
      `${cluster.name} reports invalid names`,
      async () => {
        const seen = await readReportedState(lab(), cluster);
        return seen.conditions.some(({ reason }) => reason === 'NamesInvalid') ? seen : undefined;
      },
      () => readReportedState(lab(), cluster),
    );
    const summary = reported.conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
    expect(summary).toContain('Failing True NamesInvalid');
    expect(summary).toContain('Ready True Issued');
    expect(reported.status['serialNumber']).toBe((await readInstalledCertificate(lab(), cluster))?.serialNumber);
    const { spec } = good.clusterDeployment;
    await patchAsHive(lab(), CLUSTER_DEPLOYMENTS, key, { spec: { ingress: spec['ingress'] } });
    await waitUntilIssued(subject);
    expect((await describeClusterWorkflow(lab(), cluster))?.record?.orders).toBe(orders);
  });

  it.each(blocking)('reports the problem in status and Events: $name', async (input) => {
    const subject = subjectOf(input);
    const { expected } = input;
    if (expected.kind === 'issued') return;
    const expectedMessage = expected.message(subject);
    if (expected.kind === 'failing') {
      await waitUntilFailing(subject, expected.reason, expectedMessage);
      return;
    }
    const event = await eventuallyFound(
      `${input.name} has an Event ${expected.reason}`,
      async () =>
        (await readReportedState(lab(), subject.cluster)).events.find(({ reason }) => reason === expected.reason),
      () => readReportedState(lab(), subject.cluster),
    );
    expect(event).toMatchObject({ involvedKind: 'ClusterDeployment', type: 'Warning' });
    expect(mentions(event.message, expectedMessage), event.message).toBe(true);
    expect(await describeClusterWorkflow(lab(), subject.cluster)).toBeUndefined();
    expect((await readReportedState(lab(), subject.cluster)).conditions).toEqual([]);
  });

  it.each(blocking)('can be deleted while it waits: $name', async (input) => {
    await twins.get(input.name);
  });

  it('causes no work while it waits', async () => {
    await expectQuiet(lab(), BAD_INPUTS.map(subjectOf));
  });

  describe('that is repaired', () => {
    const outcomes = new Map<string, Promise<number>>();
    let unreachable: ClusterUnderTest;
    /** The bundle's record during the CA outage. */
    let outage: Promise<BundleRecord>;

    /** A failed attempt that waits for the next one; a record that is read while an attempt runs has no next one. */
    const readWaitingRecord = async (): Promise<BundleRecord> => {
      const lastSeen = () => describeClusterWorkflow(lab(), unreachable.cluster);
      return await eventuallyFound(
        `${unreachable.cluster.name} waits for its next attempt`,
        async () => {
          const record = (await lastSeen())?.record;
          return record === undefined || nextAttemptOf(record) === undefined ? undefined : record;
        },
        lastSeen,
      );
    };

    const runCaOutage = async (): Promise<BundleRecord> => {
      lab().ca.down();
      try {
        await applyClusterObjects(lab(), unreachable.good);
        await waitUntilFailing(unreachable, 'AcmeUnreachable', new URL(lab().ca.url).host);
        await expectQuiet(lab(), [unreachable], [...subjects.values()]);
        return await readWaitingRecord();
      } finally {
        lab().ca.up();
      }
    };

    // The outage comes first, so that the half minute until its first retry overlaps with the other tests.
    beforeAll(async () => {
      unreachable = await createSubject('ca-outage');
      outage = runCaOutage();
      await outage.catch(() => undefined);
      for (const input of blocking) {
        const subject = subjectOf(input);
        const repairAndIssue = async (): Promise<number> => {
          await input.repair?.(subject);
          return await waitUntilIssued(subject);
        };
        const outcome = repairAndIssue();
        outcome.catch(() => undefined);
        outcomes.set(input.name, outcome);
      }
    });

    it.for(blocking)('gets its certificate: $name', async (input, { annotate }) => {
      const seconds = await outcomes.get(input.name);
      await annotate(`issued after ${seconds?.toFixed(1)} s`);
    });

    it('continues the order that it had placed', async () => {
      for (const name of ['credentials-without-permission', 'immutable-garbage-secret']) {
        await outcomes.get(name);
        const orders = await orderUrlsOf(lab(), subjectOf({ name }).cluster);
        expect(orders.length).toBeGreaterThan(1);
        expect(new Set(orders).size, name).toBe(1);
      }
    });

    it('has spent no order on what the preflight finds', async () => {
      for (const name of ['no-credentials', 'no-hosted-zone']) {
        await outcomes.get(name);
        const orders = await orderUrlsOf(lab(), subjectOf({ name }).cluster);
        expect(new Set(orders).size, name).toBe(1);
      }
    });

    it('gets its certificate by a retry, soon after a short CA outage', async ({ annotate }) => {
      const record = await outage;
      const { failedAt = '', attempts = 0 } = lastAttemptOf(record) ?? {};
      const wait = Date.parse(nextAttemptOf(record) ?? '') - Date.parse(failedAt);
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(OUTAGE_DELAYS_MS[Math.min(attempts, OUTAGE_DELAYS_MS.length) - 1] ?? 0);
      // An outage that lasted for several attempts, on a slow machine, has a delay that the wait for a certificate would not outlast.
      await sleep(Math.max(Date.parse(nextAttemptOf(record) ?? '') - Date.now(), 0));
      const seconds = await waitUntilIssued(unreachable);
      await annotate(`issued ${seconds.toFixed(1)} s later`);
    });
  });
});
