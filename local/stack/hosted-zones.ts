/** Hosted zones of the local Route 53 that CoreDNS serves. Each zone is a file of its own, so several processes may create zones at once. */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
import { poll } from './poll.ts';

/** Options of {@link createZone}. */
export interface ZoneOptions {
  /** A private zone exists in Route 53 only: CoreDNS does not serve it. */
  readonly private?: boolean;
}

/** A hosted zone. */
export interface Zone {
  /** Without `/hostedzone/`. */
  readonly zoneId: string;
}

/** The endpoints that {@link createZone} needs. */
export type ZoneEndpoints = Pick<StackEndpoints, 'route53' | 'dns'>;

const SERVED_TIMEOUT_MS = 120_000;
const SIGNAL_INTERVAL_MS = 2_000;
const POLL_INTERVAL_MS = 50;

/** Creates a hosted zone. @returns once CoreDNS serves it. @throws LocalStackError */
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
  if (id === undefined) throw new LocalStackError({ message: `moto did not create the zone ${name}.` });
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

/** Removes the files of zones that are not in Route 53: CoreDNS loads no zone while one of them is missing there. */
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
  let signalAt = 0;
  let reason: unknown = 'its response has no SOA';
  const isServed = async (): Promise<true | undefined> => {
    if (performance.now() >= signalAt) {
      await reloadCoreDns(endpoints);
      signalAt = performance.now() + SIGNAL_INTERVAL_MS;
    }
    try {
      return (await servesZone({ host, port: Number(port) }, name)) ? true : undefined;
    } catch (error) {
      reason = error;
      return undefined;
    }
  };
  if (await poll(isServed, { timeoutMs: SERVED_TIMEOUT_MS, intervalMs: POLL_INTERVAL_MS })) return;
  throw new LocalStackError({
    message: `CoreDNS does not serve ${name} after ${SERVED_TIMEOUT_MS / 1000} s (${messageOf(reason)}).`,
    remedy: 'See logs/coredns.log in the state folder.',
  });
}

async function reloadCoreDns({ dns }: ZoneEndpoints): Promise<void> {
  try {
    process.kill(Number(await readFile(dns.pidFile, 'utf8')), 'SIGUSR1');
  } catch (cause) {
    throw new LocalStackError({ message: `CoreDNS does not run: ${dns.pidFile} names no process.`, cause });
  }
}
