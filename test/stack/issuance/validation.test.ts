import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlacedOrder } from '../../../src/contract/activities/acme.ts';
import { type AcmeHarness, issue, startAcmeHarness } from '../../support/acme/harness.ts';
import { runAcmeActivity } from '../../support/acme/run-activity.ts';
import { type ServedZone, serveZone } from '../../support/dns/dns-servers.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';

const managementCluster = useManagementCluster();
const ZONE = 'v1.example.com';
const DNS_NAMES = [`api.${ZONE}`, `apps.${ZONE}`, `*.apps.${ZONE}`];
let zone: ServedZone | undefined;
let lab: AcmeHarness;

beforeAll(async () => {
  zone = await serveZone(ZONE);
  lab = await startAcmeHarness({ alwaysValid: false, dnsServer: `${zone.dns.host}:${zone.dns.port}` });
});
afterAll(async () => {
  await lab?.stop();
  await zone?.stop();
});

/** Publishes the values, those of one name together, and waits until DNS returns them. */
async function publish(order: PlacedOrder): Promise<void> {
  for (const name of new Set(order.challenges.map((challenge) => challenge.record.name))) {
    const values = order.challenges.flatMap(({ record }) => (record.name === name ? [record.value] : []));
    await zone?.moto.putTxt(
      zone.zoneId,
      name,
      values.map((value) => `"${value}"`),
    );
    await zone?.untilAnswered(name, values);
  }
}

describe('a CA that validates over DNS', () => {
  it('issues for x and *.x, whose values have one name', async () => {
    const { facts } = await issue(
      lab.activities(managementCluster().certman),
      await managementCluster().request(),
      DNS_NAMES,
      publish,
    );
    expect(facts.dnsNames.toSorted()).toEqual(DNS_NAMES.toSorted());
  });

  it('names the identifier that it could not validate, and why', async () => {
    const worker = lab.activities(managementCluster().certman);
    const order = await runAcmeActivity(worker, 'placeOrder', { dnsNames: [`api.${ZONE}`, `nothing-there.${ZONE}`] });
    const failure = await failureOf(runAcmeActivity(worker, 'answerChallenges', order));
    expect(failure).toMatchObject({ code: 'acme/challengeFailed', retry: 'backoff' });
    expect(failure.message).toContain(`nothing-there.${ZONE}: `);
    expect(failure.message).toMatch(/\[(unauthorized|dns|malformed|connection)\]/);

    const again = await runAcmeActivity(worker, 'placeOrder', {
      dnsNames: [`api.${ZONE}`, `nothing-there.${ZONE}`],
      resume: order.orderUrl,
    });
    expect(again.orderUrl).not.toBe(order.orderUrl);
  });
});
