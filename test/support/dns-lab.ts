/** Route 53 (moto) and CoreDNS of a test file's own, on free ports, ended with the file. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { coreDnsExecutable, motoExecutable } from './executables.ts';

const STARTS_WITHIN_MS = 20_000;
const CREDENTIALS = { accessKeyId: 'AKIALAB', secretAccessKey: 'lab' };

export interface Moto {
  /** Value for `AWS_ENDPOINT_URL`. */
  readonly url: string;
  /** A zone with a proper SOA, so that CoreDNS serves it. @returns its id. */
  createZone(name: string, options?: { readonly private?: boolean }): Promise<string>;
  /** Puts a record set there as somebody else would. */
  putTxt(zoneId: string, name: string, values: readonly string[], ttl?: number): Promise<void>;
  putRecord(zoneId: string, name: string, type: 'CNAME' | 'A', value: string): Promise<void>;
  /** All TXT sets of a zone, by name without trailing dot, values as quoted. */
  txtSets(zoneId: string): Promise<Readonly<Record<string, readonly string[]>>>;
  stop(): Promise<void>;
}

export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(await motoExecutable(), ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
  });
  await started(child, 'moto_server', async () => (await fetch(`${url}/moto-api/`)).ok);
  const admin = new Route53Client({ region: 'us-east-1', endpoint: url, credentials: CREDENTIALS });
  const upsert = async (zoneId: string, name: string, type: string, values: readonly string[], ttl: number) => {
    const set = {
      Name: `${name}.`,
      Type: type as 'TXT',
      TTL: ttl,
      ResourceRecords: values.map((Value) => ({ Value })),
    };
    const batch = { Changes: [{ Action: 'UPSERT' as const, ResourceRecordSet: set }] };
    await admin.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch: batch }));
  };
  let zones = 0;
  return {
    url,
    createZone: async (name, options = {}) => {
      const isPrivate = options.private === true;
      const made = await admin.send(
        new CreateHostedZoneCommand({
          Name: name,
          CallerReference: `lab-${++zones}`,
          HostedZoneConfig: { PrivateZone: isPrivate, Comment: '' },
          ...(isPrivate ? { VPC: { VPCId: 'vpc-1', VPCRegion: 'us-east-1' } } : {}),
        }),
      );
      const id = (made.HostedZone?.Id ?? '').replace('/hostedzone/', '');
      await upsert(id, name, 'SOA', [`ns-1.${name}. hostmaster.${name}. 1 7200 900 1209600 5`], 900);
      return id;
    },
    putTxt: (zoneId, name, values, ttl = 60) => upsert(zoneId, name, 'TXT', values, ttl),
    putRecord: (zoneId, name, type, value) => upsert(zoneId, name, type, [value], 60),
    txtSets: async (zoneId) => {
      const sets: Record<string, readonly string[]> = {};
      let start: string | undefined;
      do {
        const page = await admin.send(
          new ListResourceRecordSetsCommand({
            HostedZoneId: zoneId,
            ...(start === undefined ? {} : { StartRecordName: start }),
          }),
        );
        for (const set of page.ResourceRecordSets ?? []) {
          if (set.Type !== 'TXT') continue;
          sets[(set.Name ?? '').replace(/\.$/, '')] = (set.ResourceRecords ?? []).map((record) => record.Value ?? '');
        }
        start = page.IsTruncated === true ? page.NextRecordName : undefined;
      } while (start !== undefined);
      return sets;
    },
    stop: () => stopped(child),
  };
}

export interface CoreDns {
  readonly dns: { readonly host: string; readonly port: number };
  readonly dohUrl: string;
  /** Certificate, trusted by itself, and its key. */
  readonly caPem: string;
  readonly keyPem: string;
  stop(): Promise<void>;
}

/** Serves zones of moto by DNS, a second old at most, and by DoH just what DNS answers. */
export async function startCoreDns(motoUrl: string, zones: readonly { name: string; id: string }[]): Promise<CoreDns> {
  const folder = await mkdtemp(join(tmpdir(), 'certman-coredns-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', '-x509', ...key, '-out', certFile, '-days', '2', ...names]);
  const [dnsPort, dohPort] = [await freePort(), await freePort()];
  const served = zones.map(({ name, id }) => `    ${name}.:${id}`).join('\n');
  const corefile = join(folder, 'Corefile');
  await writeFile(
    corefile,
    `.:${dnsPort} {
  bind 127.0.0.1
  route53${served.replaceAll('\n', ' ').replace(/^ +/, ' ')} {
    refresh 1s
  }
}
https://.:${dohPort} {
  bind 127.0.0.1
  tls ${certFile} ${keyFile}
  forward . 127.0.0.1:${dnsPort}
}
`,
  );
  const child = spawn(await coreDnsExecutable(), ['-conf', corefile], {
    stdio: 'ignore',
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: motoUrl,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_REGION: 'us-east-1',
    },
  });
  await started(child, 'coredns', () => accepts(dohPort));
  return {
    dns: { host: '127.0.0.1', port: dnsPort },
    dohUrl: `https://127.0.0.1:${dohPort}/dns-query`,
    caPem: await readFile(certFile, 'utf8'),
    keyPem: await readFile(keyFile, 'utf8'),
    stop: async () => {
      await stopped(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function started(child: ChildProcess, name: string, ready: () => Promise<boolean>): Promise<void> {
  const ended = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`${name} could not be started: ${error.message}`)));
    child.once('exit', (code) => reject(new Error(`${name} ended with code ${String(code)}`)));
  });
  const isReady = async (): Promise<void> => {
    const giveUp = performance.now() + STARTS_WITHIN_MS;
    while (!(await ready().catch(() => false))) {
      if (performance.now() > giveUp) {
        child.kill();
        throw new Error(`${name} was not ready in time`);
      }
      await sleep(50);
    }
  };
  ended.catch(() => undefined);
  await Promise.race([isReady(), ended]);
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill();
  await exit;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
