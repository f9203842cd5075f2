/** Route 53 (moto) and CoreDNS of a test file's own, ended with the process of the tests however that ends. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
  type RRType,
} from '@aws-sdk/client-route-53';
import { type DnsServer, queryDns } from '../../../local/stack/dns-query.ts';
import { createZone } from '../../../local/stack/hosted-zones.ts';
import { startCoreDns } from '../../../local/stack/parts/coredns.ts';
import { startMoto as startMotoPart } from '../../../local/stack/parts/moto.ts';
import { tlsFiles } from '../../../local/stack/tls.ts';
import { AWS } from '../../../local/stack/versions.ts';
import { eventually } from '../vitest/eventually.ts';
import { readTxtSets } from './txt-record-sets.ts';

export interface Moto {
  /** Value for `AWS_ENDPOINT_URL`. */
  readonly url: string;
  /** @returns the id of a zone that no DNS server serves. */
  createZone(name: string, options?: { readonly private?: boolean }): Promise<string>;
  /** Creates a record set as another program would. */
  putTxt(zoneId: string, name: string, values: readonly string[], ttl?: number): Promise<void>;
  putRecord(zoneId: string, name: string, type: RRType, ...values: readonly string[]): Promise<void>;
  /** All TXT sets of a zone, by name without trailing dot, values as quoted. */
  txtSets(zoneId: string): Promise<Readonly<Record<string, readonly string[]>>>;
  stop(): Promise<void>;
}

export async function startMoto(): Promise<Moto> {
  const stateDir = await mkdtemp(join(tmpdir(), 'certman-moto-'));
  const part = await startMotoPart({ stateDir });
  const { region, accessKeyId, secretAccessKey } = AWS;
  const admin = new Route53Client({ region, endpoint: part.endpoint, credentials: { accessKeyId, secretAccessKey } });
  const upsert = async (zoneId: string, name: string, type: RRType, values: readonly string[], ttl: number) => {
    const set = { Name: `${name}.`, Type: type, TTL: ttl, ResourceRecords: values.map((Value) => ({ Value })) };
    const batch = { Changes: [{ Action: 'UPSERT' as const, ResourceRecordSet: set }] };
    await admin.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch: batch }));
  };
  return {
    url: part.endpoint,
    createZone: async (name, options = {}) => {
      const isPrivate = options.private === true;
      const made = await admin.send(
        new CreateHostedZoneCommand({
          Name: name,
          CallerReference: crypto.randomUUID(),
          HostedZoneConfig: { PrivateZone: isPrivate, Comment: '' },
          ...(isPrivate ? { VPC: { VPCId: 'vpc-1', VPCRegion: 'us-east-1' } } : {}),
        }),
      );
      return (made.HostedZone?.Id ?? '').replace('/hostedzone/', '');
    },
    putTxt: (zoneId, name, values, ttl = 60) => upsert(zoneId, name, 'TXT', values, ttl),
    putRecord: (zoneId, name, type, ...values) => upsert(zoneId, name, type, values, 60),
    txtSets: async (zoneId) => Object.fromEntries(await readTxtSets(admin, zoneId)),
    stop: async () => {
      admin.destroy();
      await part.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** One zone in Route 53, a second later by DNS, and by DoH just what DNS answers. */
export interface ServedZone {
  readonly moto: Moto;
  readonly zoneId: string;
  readonly dns: DnsServer;
  readonly dohUrl: string;
  /** What DoH is trusted by. */
  readonly caPem: string;
  /** A certificate and its key, good for any server on this machine. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Waits until DNS answers for a name with all of its values, which are not quoted. */
  untilAnswered(name: string, values: readonly string[]): Promise<void>;
  /** Waits until DNS answers that a name is an alias of another. */
  untilAlias(name: string, target: string): Promise<void>;
  /** Serves another zone. @returns its id. */
  addZone(name: string): Promise<string>;
  stop(): Promise<void>;
}

export async function serveZone(name: string): Promise<ServedZone> {
  const stateDir = await mkdtemp(join(tmpdir(), 'certman-dns-'));
  const files = await tlsFiles(stateDir);
  const moto = await startMoto();
  try {
    const part = await startCoreDns({ stateDir, route53Endpoint: moto.url, tls: files });
    const { region, accessKeyId, secretAccessKey } = AWS;
    const route53 = { endpoint: moto.url, region, credentials: { accessKeyId, secretAccessKey } };
    const { zoneId } = await createZone({ route53, dns: part }, name);
    const [caPem, cert, key] = await Promise.all([
      readFile(files.caFile, 'utf8'),
      readFile(files.certFile, 'utf8'),
      readFile(files.keyFile, 'utf8'),
    ]);
    return {
      moto,
      zoneId,
      dns: { host: part.host, port: part.port },
      dohUrl: part.dohUrl,
      caPem,
      tls: { cert, key },
      untilAnswered: async (of, values) => {
        await eventually(
          `${of} by DNS`,
          async () => await txtValues(part, of),
          (seen) => values.every((value) => seen.includes(value)),
        );
      },
      untilAlias: async (of, target) => {
        await eventually(
          `${of} by DNS`,
          async () => (await queryDns(part, of, 'CNAME')).answers ?? [],
          (answers) => answers.some((answer) => answer.type === 'CNAME' && answer.data === target),
        );
      },
      addZone: async (more) => (await createZone({ route53, dns: part }, more)).zoneId,
      stop: async () => {
        await part.stop();
        await moto.stop();
        await rm(stateDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await moto.stop();
    throw error;
  }
}

async function txtValues(server: DnsServer, name: string): Promise<readonly string[]> {
  const { answers = [] } = await queryDns(server, name, 'TXT');
  return answers.flatMap((answer) => (answer.type === 'TXT' ? [[answer.data].flat().join('')] : []));
}
