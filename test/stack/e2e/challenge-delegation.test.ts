/** Clusters whose credentials cannot change their zone: challenges are delegated by CNAME to one challenge zone. */
import { beforeAll, expect, test } from 'vitest';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { putCname } from '../../support/dns/hosted-zones.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, type E2eCluster, patchCluster } from '../../support/e2e/clusters.ts';
import {
  activitiesOf,
  expectDecommissioned,
  getRequest,
  statusOf,
  txtRecords,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { conditionOf } from '../../support/e2e/standalone-requests.ts';
import { Gate } from '../../support/faults/gate.ts';
import { expectExit, runCertman } from '../../support/process/certman-process.ts';

const CHALLENGES = 'acme.example.net';
const OTHERS = 'example.org';
const SECRET = 'certman-challenge-zone-credentials';
const CHALLENGE_KEY = 'AKIACHALLENGES0001';

const DENIED =
  '<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type>' +
  '<Code>AccessDenied</Code><Message>not authorized to perform route53:ChangeResourceRecordSets</Message></Error>' +
  '<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>';
const REFUSAL = { kind: 'answer', status: 403, headers: { 'content-type': 'text/xml' }, body: DENIED } as const;

const lab = useE2eHarness({ worker: false });
let challengeZoneId: string;
let othersId: string;

const isSignedBy = (keyId: string, headers: Readonly<Record<string, unknown>>): boolean =>
  String(headers['authorization']).includes(`Credential=${keyId}/`);
const recordNames = ({ dnsNames }: E2eCluster): readonly string[] => [
  ...new Set(dnsNames.map((name) => `_acme-challenge.${name.replace(/^\*\./, '')}`)),
];
const targetOf = (recordName: string): string => `${recordName.replace('_acme-challenge.', '')}.${CHALLENGES}`;
const inChallengeZone = async (): Promise<readonly string[]> => [...(await txtRecords(lab(), challengeZoneId)).keys()];

/** A cluster that is installed once `prepare` is done. */
async function createDelegated(name: string, prepare: (cluster: E2eCluster) => Promise<void>): Promise<E2eCluster> {
  const cluster = await createCluster(lab(), name, { installed: false });
  await prepare(cluster);
  await patchCluster(lab(), cluster, { spec: { installed: true } });
  return cluster;
}

async function delegateAll(cluster: E2eCluster): Promise<void> {
  for (const name of recordNames(cluster)) await putCname(lab(), lab().zone.zoneId, name, targetOf(name));
}

async function waitUntilFailing(cluster: E2eCluster, reason: string): Promise<string> {
  const { message } = await waitFor(`${cluster.name} fails with ${reason}`, async () => {
    const condition = conditionOf(await getRequest(lab(), cluster), 'Failing');
    return condition?.status === 'True' && condition.reason === reason
      ? condition
      : `its condition is ${JSON.stringify(condition)}`;
  });
  return message;
}

beforeAll(async () => {
  ({ zoneId: challengeZoneId } = await lab().stack.createZone(CHALLENGES));
  ({ zoneId: othersId } = await lab().stack.createZone(OTHERS));
  // IAM: the credentials of the clusters change nothing, those of the challenge zone change that zone only.
  lab().route53.inject({
    when: ({ method, path, headers }) =>
      method === 'POST' && !(isSignedBy(CHALLENGE_KEY, headers) && path.includes(challengeZoneId)),
    fault: REFUSAL,
  });
  await lab().kubernetes.create(SECRETS, {
    metadata: { namespace: 'certman-operator', name: SECRET },
    data: {
      aws_access_key_id: Buffer.from(CHALLENGE_KEY).toString('base64'),
      aws_secret_access_key: Buffer.from('secret').toString('base64'),
    },
  });
  await lab().startWorker({
    environment: {
      CERTMAN_CHALLENGE_ZONE: CHALLENGES,
      CERTMAN_CHALLENGE_ZONE_ID: challengeZoneId,
      CERTMAN_CHALLENGE_ZONE_SECRET: SECRET,
      CERTMAN_CHALLENGE_ZONE_NAMESPACES: 'all',
    },
  });
});

test('a cluster whose names are delegated gets its certificate with the credentials of the challenge zone', async () => {
  lab().route53.clearSeen();
  const cluster = await createDelegated('delegated', async (made) => {
    const [api = '', ...others] = recordNames(made);
    // Through another zone and through the challenge zone itself.
    await putCname(lab(), challengeZoneId, `two.${CHALLENGES}`, targetOf(api));
    await putCname(lab(), othersId, `one.${OTHERS}`, `two.${CHALLENGES}`);
    await putCname(lab(), lab().zone.zoneId, api, `one.${OTHERS}`);
    for (const name of others) await putCname(lab(), lab().zone.zoneId, name, targetOf(name));
  });
  await waitUntilCertified(lab(), cluster);
  expect(await inChallengeZone()).toEqual([]);
  const writes = lab().route53.seen.filter(({ method, path }) => method === 'POST' && path.includes('/rrset'));
  expect(writes.every(({ headers }) => isSignedBy(CHALLENGE_KEY, headers))).toBe(true);
  expect(writes).toHaveLength(2);
  const order = issuanceWorkflowId(cluster.identity, 'primary', 1);
  const { currentDetails } = await lab()
    .client.workflow.getHandle(order)
    .query<{ currentDetails: string }>('__temporal_workflow_metadata');
  const summaries = (await activitiesOf(lab(), order)).map(({ summary }) => summary);
  // By the activity that fulfills it, where DNS had the values too late for the one that has placed it.
  expect([currentDetails, ...summaries].join('\n')).toMatch(
    new RegExp(`Its TXT records were in ${CHALLENGES}\\.|publish 3 TXT records in ${CHALLENGES}, verify propagation`),
  );
});

test('a CNAME that leads in a circle, or to a zone of others, costs no order and is named', async () => {
  lab().ca.clearSeen();
  const circle = await createDelegated('circle', async (made) => {
    await putCname(lab(), lab().zone.zoneId, recordNames(made)[0] ?? '', `a.${OTHERS}`);
    await putCname(lab(), othersId, `a.${OTHERS}`, `b.${OTHERS}`);
    await putCname(lab(), othersId, `b.${OTHERS}`, `a.${OTHERS}`);
  });
  expect(await waitUntilFailing(circle, 'DnsDelegationBroken')).toContain('leads in a circle');
  const elsewhere = await createDelegated('elsewhere', async (made) => {
    await putCname(lab(), lab().zone.zoneId, recordNames(made)[0] ?? '', `c.${OTHERS}`);
  });
  const [name = ''] = recordNames(elsewhere);
  const message = await waitUntilFailing(elsewhere, 'DnsDelegationElsewhere');
  expect(message).toContain(`to "c.${OTHERS}"`);
  expect(message).toContain(`${name}. CNAME ${targetOf(name)}.`);
  expect(lab().ca.seen.filter(({ path }) => path.includes('order-plz'))).toEqual([]);
});

test('without a CNAME the failure has the record to create; with it the certificate is issued', async () => {
  const cluster = await createDelegated('missing', () => Promise.resolve());
  const message = await waitUntilFailing(cluster, 'DnsAccessDenied');
  for (const name of recordNames(cluster)) expect(message).toContain(`\`${name}. CNAME ${targetOf(name)}.\``);
  await delegateAll(cluster);
  await expectExit(runCertman(['renew', `${cluster.namespace}/${cluster.name}`], lab().commandEnvironment()));
  await waitUntilCertified(lab(), cluster);
});

test('what could not be withdrawn from the challenge zone is withdrawn by the decommission', async () => {
  const published = new Gate();
  const validation = lab().ca.inject({
    when: ({ path }) => path.startsWith('/chalZ/'),
    fault: { kind: 'hold', until: published.opened },
  });
  const cluster = await createDelegated('leftover', delegateAll);
  await waitFor('its records are published', async () =>
    (await inChallengeZone()).length === 3 && validation.hits() > 0 ? {} : 'they are not',
  );
  const denied = lab().route53.inject({ when: ({ method }) => method === 'POST', fault: REFUSAL });
  published.open();
  await waitFor('the records are left over', async () => {
    const { leftoverRecords = [] } = (await statusOf(lab(), cluster)).bundles['primary'] ?? {};
    return leftoverRecords.length === 3 ? {} : `there are ${leftoverRecords.length}`;
  });
  expect(await inChallengeZone()).toHaveLength(3);
  denied.remove();
  validation.remove();
  await deleteCluster(lab(), cluster);
  await expectDecommissioned(lab(), cluster);
  expect(await inChallengeZone()).toEqual([]);
});
