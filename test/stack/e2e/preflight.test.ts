/** What is wrong in public DNS costs no order, and is said; and an order that waits for propagation keeps its records. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exchangeDns, queryDns } from '../../../local/stack/dns-query.ts';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { type DohServer, startDohServer } from '../../support/dns/doh-server.ts';
import { createDouble, putForeignRecord, putForeignTxt } from '../../support/dns/hosted-zones.ts';
import { encodeAnswer, readQuestion } from '../../support/dns/resolver-answers.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { readReportedState } from '../../support/e2e/cluster-objects.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { caLog, expectIdle, txtRecords, waitForNextAttempt, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

/** By its directory. */
const CA = 'pebble.letsencrypt.org';

const lab = useE2eHarness({ worker: false });
let resolver: DohServer | undefined;
/** Whether the resolver shows no TXT records. */
let isBlind = false;

function dnsServer(): { readonly host: string; readonly port: number } {
  const [host = '', port] = lab().stack.dns.address.split(':');
  return { host, port: Number(port) };
}

beforeAll(async () => {
  const folder = join(lab().stack.stateDir, 'tls');
  const [cert, key] = await Promise.all(['tls.crt', 'tls.key'].map((file) => readFile(join(folder, file), 'utf8')));
  resolver = await startDohServer({ cert: cert ?? '', key: key ?? '' }, async (query) =>
    isBlind && readQuestion(query).type === 'TXT' ? encodeAnswer(query, {}) : await exchangeDns(dnsServer(), query),
  );
  await lab().startWorker({ environment: { CERTMAN_DOH_RESOLVERS: resolver.url } });
});
afterAll(() => resolver?.close());

async function failingWith(cluster: E2eCluster, reason: string): Promise<string> {
  return await waitFor(`${cluster.name} reports ${reason}`, async () => {
    const { conditions } = await readReportedState(lab(), cluster);
    const failing = conditions.find(({ type }) => type === 'Failing');
    return failing?.reason === reason ? { message: failing.message } : `its reason is ${failing?.reason}`;
  }).then(({ message }) => message);
}

async function putCaa(name: string, value: string): Promise<void> {
  await putForeignRecord(lab(), name, 'CAA', `0 issue "${value}"`);
  await waitFor(`CAA of ${name}`, async () => {
    const seen = JSON.stringify((await queryDns(dnsServer(), name, 'CAA')).answers);
    return seen.includes(value) ? {} : seen;
  });
}

test('an order that CAA forbids is placed once the record is corrected', async () => {
  const cluster = `caa.${lab().zone.name}`;
  await putCaa(cluster, 'other.example');
  const { orders } = await caLog(lab());
  const forbidden = await createCluster(lab(), 'caa');
  const message = await failingWith(forbidden, 'DnsCaaForbids');
  expect(message).toContain(`CAA records of ${cluster} forbid the CA to issue`);
  expect(message).toContain(`0 issue "other.example"`);
  expect((await caLog(lab())).orders).toBe(orders);
  await putCaa(cluster, CA);
  await waitForNextAttempt(lab(), forbidden);
  await waitUntilCertified(lab(), forbidden);
});

test('no order is placed in a zone that public DNS does not lead to', async () => {
  const name = `lost.${lab().zone.name}`;
  const zoneId = await createDouble(lab(), name);
  const { orders } = await caLog(lab());
  const lost = await createCluster(lab(), 'lost', { zone: { name, zoneId } });
  const message = await failingWith(lost, 'DnsNotDelegated');
  expect(message).toContain(`Public DNS does not delegate ${name}`);
  expect((await caLog(lab())).orders).toBe(orders);
});

test('values that another writer removes while an order waits are published again', async () => {
  isBlind = true;
  const waiting = await createCluster(lab(), 'wiped');
  const names = () => [`_acme-challenge.api.wiped.${lab().zone.name}`, `_acme-challenge.apps.wiped.${lab().zone.name}`];
  const order = lab().client.workflow.getHandle(issuanceWorkflowId(waiting.identity, 'primary', 1));
  const lastFailure = async (): Promise<string> => {
    const description = await order.describe().catch(() => undefined);
    const pending = description?.raw.pendingActivities?.find(
      ({ activityType }) => activityType?.name === 'fulfillOrder',
    );
    return String(pending?.lastFailure?.message);
  };
  await waitFor('the zone’s servers have the values, and the resolver has not', async () => {
    const seen = await lastFailure();
    return /no TXT at .*sees all/.test(seen) ? {} : seen;
  });
  const before = await txtRecords(lab());
  for (const name of names()) await putForeignTxt(lab(), name, 'wiped');
  await waitFor('the values are there again', async () => {
    const now = await txtRecords(lab());
    const lost = names().filter((name) => before.get(name)?.some((value) => now.get(name)?.includes(value) !== true));
    return lost.length === 0 ? {} : `${lost.join(', ')} ${await lastFailure()}`;
  });
  isBlind = false;
  await waitUntilCertified(lab(), waiting);
});

test('nothing else is running', () => expectIdle(lab()));
