/** Hosted zones in Route 53 that DNS answers for. Several processes may make zones at once: each zone is a file of its own. */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ChangeBatch,
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  paginateListHostedZones,
  type ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { servesZone } from './dns-query.ts';
import type { StackEndpoints } from './endpoints.ts';
import { LocalStackError, messageOf } from './local-stack-error.ts';
import { coreDnsZone, soaRecordValue } from './parts/flags.ts';

export interface ZoneOptions {
  /** A private zone: in Route 53 only, DNS does not answer for it. */
  readonly private?: boolean;
}

export interface Zone {
  /** Without `/hostedzone/`. */
  readonly zoneId: string;
}

export type ZoneEndpoints = Pick<StackEndpoints, 'route53' | 'dns'>;

const SERVED_TIMEOUT_MS = 120_000;
const SIGNAL_INTERVAL_MS = 2_000;
const POLL_INTERVAL_MS = 50;

/** Makes a hosted zone. @returns once DNS answers for it. */
export async function createZone(endpoints: ZoneEndpoints, name: string, options: ZoneOptions = {}): Promise<Zone> {
  const { endpoint, region, credentials } = endpoints.route53;
  const route53 = new Route53Client({ endpoint, region, credentials });
  try {
    const zoneId = await createHostedZone(route53, name, options);
    if (options.private === true) return { zoneId };
    await putSoa(route53, name, zoneId);
    await removeDeletedZoneFiles(route53, endpoints.dns.zonesDir);
    const file = join(endpoints.dns.zonesDir, `${zoneId}.conf`);
    await writeFile(`${file}.new`, coreDnsZone(name, zoneId));
    await rename(`${file}.new`, file);
    await waitUntilServed(endpoints, name);
    return { zoneId };
  } finally {
    route53.destroy();
  }
}

async function createHostedZone(route53: Route53Client, name: string, options: ZoneOptions): Promise<string> {
  const isPrivate = options.private === true;
  const { HostedZone } = await route53.send(
    new CreateHostedZoneCommand({
      Name: name,
      CallerReference: crypto.randomUUID(),
      HostedZoneConfig: { PrivateZone: isPrivate },
      ...(isPrivate ? { VPC: { VPCId: 'vpc-local', VPCRegion: 'us-east-1' } } : {}),
    }),
  );
  const id = HostedZone?.Id?.replace('/hostedzone/', '');
  if (id === undefined) throw new LocalStackError({ message: `moto made no zone ${name}` });
  return id;
}

async function putSoa(route53: Route53Client, name: string, zoneId: string): Promise<void> {
  const ResourceRecordSet: ResourceRecordSet = {
    Name: name,
    Type: 'SOA',
    TTL: 60,
    ResourceRecords: [{ Value: soaRecordValue(name) }],
  };
  const ChangeBatch: ChangeBatch = { Changes: [{ Action: 'UPSERT', ResourceRecordSet }] };
  await route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch }));
}

/** One zone that is no longer in Route 53 would keep CoreDNS from loading any. */
export async function removeDeletedZoneFiles(route53: Route53Client, zonesDir: string): Promise<void> {
  const files = (await readdir(zonesDir)).filter((file) => file.endsWith('.conf'));
  const present = new Set<string>();
  for await (const page of paginateListHostedZones({ client: route53 }, {})) {
    for (const { Id } of page.HostedZones ?? []) present.add(`${(Id ?? '').replace('/hostedzone/', '')}.conf`);
  }
  await Promise.all(
    files.filter((file) => !present.has(file)).map((file) => rm(join(zonesDir, file), { force: true })),
  );
}

async function waitUntilServed(endpoints: ZoneEndpoints, name: string): Promise<void> {
  const [host = '', port] = endpoints.dns.address.split(':');
  const deadline = performance.now() + SERVED_TIMEOUT_MS;
  let signalAt = 0;
  let last: unknown = 'it answered without an SOA';
  while (performance.now() < deadline) {
    if (performance.now() >= signalAt) {
      await reloadCoreDns(endpoints);
      signalAt = performance.now() + SIGNAL_INTERVAL_MS;
    }
    try {
      if (await servesZone({ host, port: Number(port) }, name)) return;
    } catch (error) {
      last = error;
    }
    await sleep(POLL_INTERVAL_MS);
  }
  throw new LocalStackError({
    message: `CoreDNS does not answer for ${name} after ${SERVED_TIMEOUT_MS / 1000} s (${messageOf(last)}).`,
    remedy: 'See logs/coredns.log in the state folder.',
  });
}

async function reloadCoreDns({ dns }: ZoneEndpoints): Promise<void> {
  try {
    process.kill(Number(await readFile(dns.pidFile, 'utf8')), 'SIGUSR1');
  } catch (cause) {
    throw new LocalStackError({ message: `CoreDNS does not run: there is no process of ${dns.pidFile}.`, cause });
  }
}
