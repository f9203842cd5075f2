import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
  type RRType,
} from '@aws-sdk/client-route-53';
import { queryDns } from '../../../local/stack/dns-query.ts';
import type { E2eHarness } from '../e2e/harness.ts';
import { eventually } from '../vitest/eventually.ts';

/** A public zone, perhaps the second of its name, of which DNS knows nothing. @returns its id. */
export async function createDouble(lab: E2eHarness, name: string): Promise<string> {
  return await withRoute53(lab, async (route53) => {
    const { HostedZone } = await route53.send(
      new CreateHostedZoneCommand({ Name: name, CallerReference: crypto.randomUUID() }),
    );
    return HostedZone?.Id?.replace('/hostedzone/', '') ?? '';
  });
}

/** Puts a TXT record of another into the zone of the clusters. */
export async function putForeignTxt(lab: E2eHarness, name: string, value: string): Promise<void> {
  await putForeignRecord(lab, name, 'TXT', `"${value}"`, 300);
}

/** Puts a record set into the zone of the clusters, in the place of the one that is there. */
export async function putForeignRecord(
  lab: E2eHarness,
  name: string,
  type: RRType,
  value: string,
  ttl = 1,
): Promise<void> {
  const ResourceRecordSet = { Name: name, Type: type, TTL: ttl, ResourceRecords: [{ Value: value }] };
  const ChangeBatch = { Changes: [{ Action: 'UPSERT' as const, ResourceRecordSet }] };
  await withRoute53(lab, (route53) =>
    route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: lab.zone.zoneId, ChangeBatch })),
  );
}

/** Puts a CNAME into a zone. @returns once DNS answers with it. */
export async function putCname(lab: E2eHarness, zoneId: string, name: string, target: string): Promise<void> {
  const ResourceRecordSet = { Name: name, Type: 'CNAME' as const, TTL: 1, ResourceRecords: [{ Value: `${target}.` }] };
  const ChangeBatch = { Changes: [{ Action: 'UPSERT' as const, ResourceRecordSet }] };
  await withRoute53(lab, (route53) =>
    route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch })),
  );
  const [host = '', port] = lab.stack.dns.address.split(':');
  await eventually(
    `the CNAME of ${name}`,
    async () => (await queryDns({ host, port: Number(port) }, name, 'CNAME')).answers ?? [],
    (answers) => answers.some((answer) => answer.type === 'CNAME' && answer.data === target),
  );
}

async function withRoute53<T>(lab: E2eHarness, work: (route53: Route53Client) => Promise<T>): Promise<T> {
  const { endpoint, region, credentials: keys } = lab.stack.route53;
  const route53 = new Route53Client({ endpoint, region, credentials: keys });
  try {
    return await work(route53);
  } finally {
    route53.destroy();
  }
}
