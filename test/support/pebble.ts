/** A Pebble of its own for a test file: the real CA with the settings that a test needs, on free ports, ended with the file. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Agent, request } from 'undici';

export interface PebbleSettings {
  /** Every challenge is held to be met. Default true; false needs `dnsServer`. */
  readonly alwaysValid?: boolean;
  /** `host:port` that is asked, over TCP. */
  readonly dnsServer?: string;
  /** Percent of nonces that are refused on purpose. Default 5, Pebble's own. */
  readonly nonceReject?: number;
  /** Percent of valid authorizations that are used again. Default 0, so that tests know what comes. */
  readonly authzReuse?: number;
  readonly blockedDomains?: readonly string[];
  /** Seconds, of certificates by profile. Default: one profile of 90 days. */
  readonly profiles?: Readonly<Record<string, number>>;
  /** Seconds in Retry-After. Default 1. */
  readonly retryAfter?: number;
}

export interface Pebble {
  readonly directoryUrl: string;
  /** Base URL of the server itself, for a proxy in front of it. */
  readonly url: string;
  /** PEM that its TLS certificate is trusted by. */
  readonly caPem: string;
  readonly tls: { readonly certPem: string; readonly keyPem: string };
  /** What Pebble says of a certificate: `Valid` or `Revoked`, by its serial in decimal. */
  statusOf(serialNumber: string): Promise<{ readonly Status: string; readonly Reason?: number }>;
  stop(): Promise<void>;
}

const STARTS_WITHIN_MS = 8_000;
/** Pebble answers nobody without one (RFC 8555 §6.1). */
const USER_AGENT = { 'user-agent': 'certman/test' };

export async function startPebble(settings: PebbleSettings = {}): Promise<Pebble> {
  const folder = await mkdtemp(join(tmpdir(), 'certman-pebble-'));
  const tls = await selfSigned(folder);
  const [port, managementPort] = await Promise.all([freePort(), freePort()]);
  const configFile = join(folder, 'pebble.json');
  await writeFile(configFile, JSON.stringify(configuration(folder, port, managementPort, settings)));
  const child = spawn(
    process.env['PEBBLE_EXE'] ?? 'pebble',
    ['-config', configFile, ...(settings.dnsServer === undefined ? [] : ['-dnsserver', settings.dnsServer])],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        PEBBLE_VA_NOSLEEP: '1',
        PEBBLE_WFE_NONCEREJECT: String(settings.nonceReject ?? 5),
        PEBBLE_AUTHZREUSE: String(settings.authzReuse ?? 0),
        ...(settings.alwaysValid === false ? {} : { PEBBLE_VA_ALWAYS_VALID: '1' }),
      },
    },
  );
  const ended = once(child, 'exit');
  const agent = new Agent({ connect: { ca: tls.certPem } });
  const url = `https://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill();
    await ended;
    await agent.destroy();
    await rm(folder, { recursive: true, force: true });
  };
  const failed = ended.then(([code]) => {
    throw new Error(`pebble ended with code ${String(code)} while it was to start`);
  });
  failed.catch(() => undefined);
  try {
    await Promise.race([answers(`${url}/dir`, agent), failed]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    directoryUrl: `${url}/dir`,
    caPem: tls.certPem,
    tls,
    stop,
    statusOf: async (serialNumber) => {
      const hex = BigInt(serialNumber).toString(16);
      const path = `/cert-status-by-serial/${hex.length % 2 === 0 ? hex : `0${hex}`}`;
      const answer = await request(`https://127.0.0.1:${managementPort}${path}`, {
        dispatcher: agent,
        headers: USER_AGENT,
      });
      return (await answer.body.json()) as { Status: string; Reason?: number };
    },
  };
}

function configuration(folder: string, port: number, managementPort: number, settings: PebbleSettings): object {
  const seconds = settings.retryAfter ?? 1;
  const profiles = Object.entries(settings.profiles ?? { default: 90 * 86_400 });
  return {
    pebble: {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${managementPort}`,
      certificate: join(folder, 'cert.pem'),
      privateKey: join(folder, 'key.pem'),
      httpPort: 5002,
      tlsPort: 5001,
      ocspResponderURL: '',
      externalAccountBindingRequired: false,
      domainBlocklist: settings.blockedDomains ?? [],
      retryAfter: { authz: seconds, order: seconds },
      keyAlgorithm: 'ecdsa',
      profiles: Object.fromEntries(
        profiles.map(([name, validityPeriod]) => [name, { description: name, validityPeriod }]),
      ),
    },
  };
}

async function selfSigned(folder: string): Promise<{ certPem: string; keyPem: string }> {
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', '-x509', ...key, '-out', certFile, '-days', '2', ...names]);
  return { certPem: await readFile(certFile, 'utf8'), keyPem: await readFile(keyFile, 'utf8') };
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

async function answers(url: string, agent: Agent): Promise<void> {
  const giveUp = performance.now() + STARTS_WITHIN_MS;
  let seen = 'nothing';
  while (performance.now() < giveUp) {
    try {
      const answer = await request(url, { dispatcher: agent, headers: USER_AGENT });
      await answer.body.dump();
      if (answer.statusCode === 200) return;
      seen = `HTTP ${answer.statusCode}`;
    } catch (error) {
      seen = String(error);
    }
    await sleep(50);
  }
  throw new Error(`pebble does not answer at ${url}: ${seen}`);
}
